//! S1 step 10: the letter becomes effective and the liability is on. The union asks for it, the bank says that the loan is
//! paid out; either may come first, both must. What the bank says and the letter does not bear out is a person's business:
//! an incident, recorded, nothing booked.

use crate::{
    Fact, Step, books,
    case::{Activation, IncidentKind, LetterState, Revocation, Said},
    letter, living, opinion,
    requests::World,
};
use contracts::{ActivateLetter, AskRefusal, DisbursementReceipt, LoanDisbursed, PayoutReversed};
use domain::Fen;
use organisation::{
    Person, Stop,
    participant::{self, Taken},
};
use saga::participant::Input;

/// The union asks to make the letter effective.
pub(crate) fn asked(w: &mut World<'_>, ask: &ActivateLetter) -> Result<(), Stop> {
    participant::ask(w, &ask.about, Step::Activate, |w| begin(w, ask))?;
    complete(w)
}

fn begin(w: &mut World<'_>, ask: &ActivateLetter) -> Result<Taken, Stop> {
    let follows = w.case()?.is_some_and(|case| {
        case.letter.as_ref().is_some_and(|letter| {
            letter.letter.letter_no == ask.letter_no
                && letter.state == LetterState::Issued
                && letter.revocation != Some(Revocation::Asked)
        })
    });
    if !follows {
        return Ok(Err(AskRefusal::OutOfOrder));
    }
    let due_at = w.due(w.charter()?.activation_deadline)?;
    let activation = Activation { key: ask.about.key.clone(), due_at, alarmed: false };
    w.record(Fact::ActivationAwaited { id: w.id.clone(), activation })?;
    Ok(Ok(()))
}

/// The bank says that it has paid out. It has sent the money whatever is found here, so nothing is answered.
pub(crate) fn disbursed(w: &mut World<'_>, notice: &LoanDisbursed) -> Result<(), Stop> {
    match check(w, notice)? {
        Notice::Fits => {
            w.record(Fact::LoanNoted { id: w.id.clone(), receipt: notice.receipt.clone() })?;
            letter::overtaken(w)?;
            complete(w)
        }
        Notice::Known => Ok(()),
        Notice::Wrong(kind) => {
            let DisbursementReceipt { posting_no, amount_fen, value_date, .. } = &notice.receipt;
            let detail =
                format!("保函 {}，凭证 {posting_no}，金额 {amount_fen} 元，起息日 {value_date}", notice.letter_no);
            w.raise(kind, detail)
        }
    }
}

enum Notice {
    /// It is the loan that the letter was issued for.
    Fits,
    /// It was said before.
    Known,
    /// It cannot be booked.
    Wrong(IncidentKind),
}

/// In the order of [`IncidentKind`].
fn check(w: &World<'_>, notice: &LoanDisbursed) -> Result<Notice, Stop> {
    let receipt = &notice.receipt;
    let Some(case) = w.case()? else { return Ok(Notice::Wrong(IncidentKind::UnknownLetter)) };
    let Some(record) = case.letter.as_ref().filter(|record| record.letter.letter_no == notice.letter_no) else {
        return Ok(Notice::Wrong(IncidentKind::UnknownLetter));
    };
    let letter = &record.letter;
    Ok(match &case.loan {
        Some(known) if known == receipt => Notice::Known,
        Some(_) => Notice::Wrong(IncidentKind::SecondLoan),
        None if record.state != LetterState::Issued => Notice::Wrong(IncidentKind::LetterNotIssued),
        None if receipt.amount_fen != letter.amount_fen => Notice::Wrong(IncidentKind::AmountDiffers),
        None if receipt.value_date < letter.issued_on || receipt.value_date > letter.valid_until => {
            Notice::Wrong(IncidentKind::OutsideValidity)
        }
        None => Notice::Fits,
    })
}

/// Both have spoken: the letter is effective.
fn complete(w: &mut World<'_>) -> Result<(), Stop> {
    let Some((key, letter_no, amount_fen)) = w.case()?.and_then(|case| {
        let (activation, loan, letter) = (case.activation.as_ref()?, case.loan.as_ref()?, case.letter.as_ref()?);
        (letter.state == LetterState::Issued)
            .then(|| (activation.key.clone(), letter.letter.letter_no.clone(), loan.amount_fen))
    }) else {
        return Ok(());
    };
    let (about, at) = (w.about(&key)?, w.desk.at());
    w.record(Fact::LetterEffective { id: w.id.clone() })?;
    books::liability_on(w, &letter_no, amount_fen)?;
    opinion::expose(w, amount_fen.fen())?;
    // The word that was missing has come: nobody has to look for it any more.
    w.resolve_all(IncidentKind::PayOutNotHeard, &Person::new("service:guarantor"), "银行放款通知已到")?;
    w.settle(&about, Step::Activate, &Input::Finished(Said::Activated { at }))?;
    release(w)?;
    living::advance(w)
}

/// The bank has reversed the pay-out on its own day: there is no loan, and the letter is let go. Should the union still ask for it to be
/// made effective, it is, and let go at once: what it asks after a pay-out has to be done.
pub(crate) fn reversed(w: &mut World<'_>, said: &PayoutReversed) -> Result<(), Stop> {
    let known = w.case()?.map(|case| (case.loan.clone(), case.reversed_on));
    match known {
        // Its word of the pay-out itself may come later: a parked message is decided when people have seen to it.
        Some((loan, None)) if loan.as_ref().is_none_or(|loan| *loan == said.receipt) => {
            w.record(Fact::LoanReversed { id: w.id.clone(), on: said.on })?;
            release(w)
        }
        Some((loan, Some(_))) if loan.as_ref().is_none_or(|loan| *loan == said.receipt) => Ok(()),
        _ => {
            let DisbursementReceipt { posting_no, amount_fen, value_date, .. } = &said.receipt;
            let detail = format!("冲正凭证 {posting_no}，金额 {amount_fen} 元，起息日 {value_date}");
            w.raise(IncidentKind::BankContradicts, detail)
        }
    }
}

/// Lets go of a letter that is effective, once its loan was reversed.
fn release(w: &mut World<'_>) -> Result<(), Stop> {
    let effective = w.case()?.and_then(|case| {
        let (letter, loan) = (case.letter.as_ref()?, case.loan.as_ref()?);
        (case.reversed_on.is_some() && letter.state == LetterState::Effective)
            .then(|| (letter.letter.letter_no.clone(), loan.amount_fen))
    });
    let Some((letter_no, amount_fen)) = effective else { return Ok(()) };
    w.record(Fact::LetterReleased { id: w.id.clone() })?;
    books::liability_off(w, &letter_no, amount_fen)?;
    opinion::expose(w, Fen::ZERO)
}

/// The time for the bank's word has passed: a person is told, and the wait goes on.
pub(crate) fn tick(w: &mut World<'_>) -> Result<(), Stop> {
    let now = w.desk.at();
    let overdue = w
        .case()?
        .and_then(|case| Some((case.activation.as_ref()?, case.letter.as_ref()?)))
        .filter(|(activation, _)| !activation.alarmed && activation.due_at <= now)
        .map(|(activation, letter)| format!("保函 {}，应于 {} 前收到", letter.letter.letter_no, activation.due_at));
    let Some(detail) = overdue else { return Ok(()) };
    w.record(Fact::ActivationOverdue { id: w.id.clone() })?;
    w.raise(IncidentKind::PayOutNotHeard, detail)
}
