//! S1 step 8: the loan contract. It rests on the approval and on a letter that the guarantor presented; whichever of the
//! letter (from the guarantor) and the ask (from the union) comes first waits for the other.

use crate::{
    Bank, Duty, Fact, Row, Step,
    case::{Contract, Said, Signing, Terms},
    requests::World,
    rows::{self, LoanInput},
};
use contracts::{About, AskRefusal, SignLoanContract};
use organisation::{
    Person, Stop,
    participant::{self, Taken, Undo, refused},
};
use saga::participant::{Input, Request};
use std::collections::BTreeSet;

/// The union asks for the contract.
pub(crate) fn asked(w: &mut World<'_>, ask: &SignLoanContract) -> Result<(), Stop> {
    participant::ask(w, &ask.about, Step::Contract, |w| begin(w, ask))
}

fn begin(w: &mut World<'_>, ask: &SignLoanContract) -> Result<Taken, Stop> {
    let Some(case) = w.case()? else { return Ok(Err(AskRefusal::OutOfOrder)) };
    // Less than was approved: the guarantor, asked at the same time, agreed to less.
    let as_approved = case.approval().is_some_and(|terms| ask.amount_fen <= terms.amount_fen)
        && case.file.as_ref().is_some_and(|file| file.wish.term_months == ask.term_months);
    if !as_approved {
        return Ok(Err(AskRefusal::OutOfOrder));
    }
    let signing = Signing {
        key: ask.about.key.clone(),
        letter_no: ask.letter_no.clone(),
        amount_fen: ask.amount_fen,
        conditions: ask.conditions.clone(),
    };
    if let Rests::No = rests_on(w, &signing)? {
        return Ok(Err(AskRefusal::OutOfOrder));
    }
    w.record(Fact::SigningBegun { id: w.id.clone(), signing: signing.clone() })?;
    open_if_letter_is_there(w, &signing)?;
    Ok(Ok(()))
}

/// Whether a contract can rest on the letter that it names.
enum Rests {
    /// It can.
    Yes,
    /// It never can.
    No,
    /// The letter may still be under way from the guarantor.
    NotYet,
}

fn rests_on(w: &World<'_>, signing: &Signing) -> Result<Rests, Stop> {
    let case = w.open_case()?;
    if case.closed_letters.contains(&signing.letter_no) {
        return Ok(Rests::No);
    }
    Ok(match &case.letter {
        Some(letter) if letter.letter_no == signing.letter_no => {
            if signing.amount_fen <= letter.amount_fen {
                Rests::Yes
            } else {
                Rests::No
            }
        }
        _ => Rests::NotYet,
    })
}

fn open_if_letter_is_there(w: &mut World<'_>, signing: &Signing) -> Result<(), Stop> {
    if let Rests::Yes = rests_on(w, signing)? {
        let due_at = w.due(w.charter()?.loan_contract_deadline)?;
        w.open_task(Duty::SignLoanContract, due_at, BTreeSet::new())?;
    }
    Ok(())
}

/// The guarantor presented a letter: a contract that waited for it can be signed, or never will.
pub(crate) fn letter_came(w: &mut World<'_>) -> Result<(), Stop> {
    let Some(signing) = w.open_case()?.signing.clone() else { return Ok(()) };
    match rests_on(w, &signing)? {
        Rests::Yes => open_if_letter_is_there(w, &signing),
        Rests::No => drop_signing(w, &signing),
        Rests::NotYet => Ok(()),
    }
}

/// A letter was closed: a contract that was to rest on it will never be signed.
pub(crate) fn letter_closed(w: &mut World<'_>, letter_no: &str) -> Result<(), Stop> {
    match w.open_case()?.signing.clone() {
        Some(signing) if signing.letter_no == letter_no => drop_signing(w, &signing),
        _ => Ok(()),
    }
}

fn drop_signing(w: &mut World<'_>, signing: &Signing) -> Result<(), Stop> {
    give_up(w)?;
    let about = w.about(&signing.key)?;
    w.settle(&about, Step::Contract, &Input::Declined(Said::NotTakenUp(AskRefusal::OutOfOrder)))
}

fn give_up(w: &mut World<'_>) -> Result<(), Stop> {
    w.cancel_tasks(Step::Contract)?;
    w.record(Fact::SigningDropped { id: w.id.clone() })
}

/// Borrower and bank have signed.
pub(crate) fn signed(w: &mut World<'_>, by: &Person) -> Result<(), Stop> {
    let case = w.open_case()?;
    let (Some(signing), Some(terms), Some(file)) = (&case.signing, case.approval(), &case.file) else {
        return Err(Stop::Illegal(format!("{} has no contract to sign", w.id)));
    };
    if !matches!(rests_on(w, signing)?, Rests::Yes) {
        return Err(refused("LETTER_NOT_ISSUED", "保函已失效", format!("{}: 保函 {}", w.id, signing.letter_no)));
    }
    let contract_no = format!("JK-{}-{}", w.id, case.contracts_signed.saturating_add(1));
    let contract = Contract {
        contract_no: contract_no.clone(),
        letter_no: signing.letter_no.clone(),
        terms: Terms { amount_fen: signing.amount_fen, ..terms.clone() },
        term_months: file.wish.term_months,
        conditions: signing.conditions.clone(),
        by: by.clone(),
        on: w.desk.at().date(),
    };
    let about = w.about(&signing.key.clone())?;
    w.task_done(Duty::SignLoanContract, by)?;
    w.record(Fact::ContractSigned { id: w.id.clone(), contract })?;
    w.settle(&about, Step::Contract, &Input::Finished(Said::Signed { contract_no }))
}

/// The union takes the ask back.
pub(crate) fn terminated(w: &mut World<'_>, about: &About) -> Result<(), Stop> {
    participant::undo(w, about, Step::Contract, give_up, terminate)
}

/// A contract is terminated only unused; while the core-banking system has not said, nobody knows whether it is.
fn terminate(w: &mut World<'_>) -> Result<Undo, Stop> {
    let case = w.open_case()?;
    if case.paid_out.is_some() {
        return Ok(Undo::Declined("已放款，借款合同不能终止"));
    }
    if case.in_flight().is_some() {
        return Ok(Undo::Later);
    }
    loan_may(w, LoanInput::Terminated)?;
    w.record(Fact::ContractTerminated { id: w.id.clone() })?;
    Ok(Undo::Finished)
}

/// The core-banking system has answered: a termination that waited for it is decided.
pub(crate) fn terminate_deferred(w: &mut World<'_>) -> Result<(), Stop> {
    let undoing = w
        .open_case()?
        .requests
        .iter()
        .find(|(_, asked)| asked.step == Step::Contract && matches!(asked.request, Request::Undoing(_)));
    let Some(key) = undoing.map(|(key, _)| key.clone()) else { return Ok(()) };
    let about = w.about(&key)?;
    match terminate(w)?.report::<Bank>() {
        Some(input) => w.settle(&about, Step::Contract, &input),
        None => Ok(()),
    }
}

/// Stops what does not fit the loan's state: a defect, never a refusal of business.
pub(crate) fn loan_may(w: &World<'_>, input: LoanInput) -> Result<(), Stop> {
    let Some(Row::Loan(loan)) = w.desk.own(&rows::loan(&w.id))? else {
        return Err(Stop::Illegal(format!("{} has no loan", w.id)));
    };
    loan.state.on(input).map(drop).map_err(|error| Stop::Illegal(format!("{}: {error}", w.id)))
}
