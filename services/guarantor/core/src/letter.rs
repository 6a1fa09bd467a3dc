//! S1 step 7: the letter of guarantee, by two persons; and its revocation, only with the bank's word that nothing was
//! paid out under it.

use crate::{
    Duty, Fact, Step,
    case::{Draft, Drafting, IncidentKind, LetterInput, LetterRecord, LetterState, Revocation, Said},
    requests::World,
};
use contracts::{About, AskNotDisbursed, AskRefusal, IssueLetter, Letter, Message, NotDisbursedStated, PresentLetter};
use domain::Moment;
use organisation::{
    Person, Stop,
    participant::{self, Taken, Undo, refused},
};
use saga::participant::Input;
use std::collections::BTreeSet;

const PAID_OUT: &str = "已放款，保函不能撤回";

/// The union asks for the letter.
pub(crate) fn asked(w: &mut World<'_>, ask: &IssueLetter) -> Result<(), Stop> {
    participant::ask(w, &ask.about, Step::Issue, |w| begin(w, ask))
}

fn begin(w: &mut World<'_>, ask: &IssueLetter) -> Result<Taken, Stop> {
    let follows = w.case()?.is_some_and(|case| {
        case.contracts.as_ref().is_some_and(|contracts| contracts.amount_fen == ask.amount_fen)
            && case.file.as_ref().is_some_and(|file| file.wish.term_months == ask.term_months)
    });
    if !follows {
        return Ok(Err(AskRefusal::OutOfOrder));
    }
    let due_at = w.due(w.charter()?.letter_deadline)?;
    let drafting = Drafting { key: ask.about.key.clone(), amount_fen: ask.amount_fen, due_at, draft: None };
    w.record(Fact::DraftingBegun { id: w.id.clone(), drafting })?;
    w.open_task(Duty::PrepareLetter, due_at, BTreeSet::new())?;
    Ok(Ok(()))
}

fn drafting(w: &World<'_>) -> Result<Drafting, Stop> {
    let drafting = w.case()?.and_then(|case| case.drafting.clone());
    drafting.ok_or_else(|| Stop::Illegal(format!("{} has no letter in the making", w.id)))
}

/// The maker prepares the letter. Its number counts the letters issued for the application.
pub(crate) fn prepare(w: &mut World<'_>, by: &Person) -> Result<(), Stop> {
    let due_at = drafting(w)?.due_at;
    let attempt = w.case()?.map_or(0, |case| case.letters_issued).saturating_add(1);
    let draft = Draft {
        letter_no: format!("BH-{}-{attempt}", w.id),
        period_months: w.charter()?.guarantee_period_months,
        maker: by.clone(),
    };
    w.task_done(Duty::PrepareLetter, by)?;
    w.record(Fact::LetterPrepared { id: w.id.clone(), draft })?;
    w.open_task(Duty::CheckLetter, due_at, BTreeSet::from([by.clone()]))
}

/// The checker sends the draft back. Whoever prepares it anew, the checker of that draft is another one.
pub(crate) fn send_back(w: &mut World<'_>, by: &Person, because: &str) -> Result<(), Stop> {
    let due_at = drafting(w)?.due_at;
    w.task_done(Duty::CheckLetter, by)?;
    w.record(Fact::LetterReturned { id: w.id.clone(), by: by.clone(), because: because.to_owned() })?;
    w.open_task(Duty::PrepareLetter, due_at, BTreeSet::new())
}

/// The checker releases the letter: it is presented to the bank, and the union learns of it.
pub(crate) fn release(w: &mut World<'_>, by: &Person) -> Result<(), Stop> {
    let Drafting { key, amount_fen, draft, .. } = drafting(w)?;
    let Some(Draft { letter_no, period_months, maker }) = draft else {
        return Err(Stop::Illegal(format!("{} has no draft to release", w.id)));
    };
    let about = w.about(&key)?;
    let issued_on = w.desk.at().date();
    let valid_until = w.due(w.charter()?.letter_expiry)?.date();
    let hash = Letter::digest(&letter_no, amount_fen, issued_on, valid_until, period_months);
    let letter = Letter { letter_no, amount_fen, issued_on, valid_until, period_months, hash };
    w.task_done(Duty::CheckLetter, by)?;
    let record = LetterRecord {
        key,
        letter: letter.clone(),
        state: LetterState::Issued,
        maker,
        checker: by.clone(),
        version: 1,
        guaranteed_until: None,
        changed_by: None,
        revocation: None,
    };
    w.record(Fact::LetterIssued { id: w.id.clone(), letter: Box::new(record) })?;
    w.desk.say(Message::PresentLetter(PresentLetter { about: about.clone(), letter: letter.clone() }));
    w.settle(&about, Step::Issue, &Input::Finished(Said::Issued(letter)))
}

/// The union takes the ask back. What was issued is in the bank's hands, so the bank is asked first.
pub(crate) fn revoked(w: &mut World<'_>, about: &About) -> Result<(), Stop> {
    // Asked again while the bank still owes its word: ask the bank again too.
    if w.case()?.is_some_and(|case| {
        case.letter.as_ref().is_some_and(|letter| {
            letter.key == about.key
                && letter.state == LetterState::Issued
                && letter.revocation == Some(Revocation::Asked)
        })
    }) {
        return ask_bank(w);
    }
    participant::undo(w, about, Step::Issue, cancel, revoke)
}

fn cancel(w: &mut World<'_>) -> Result<(), Stop> {
    w.cancel_tasks(Step::Issue)?;
    w.record(Fact::DraftingCancelled { id: w.id.clone() })
}

fn revoke(w: &mut World<'_>) -> Result<Undo, Stop> {
    let Some(case) = w.case()? else { return Ok(Undo::Finished) };
    if case.loan.is_some() {
        return Ok(Undo::Declined(PAID_OUT));
    }
    if case.activation.is_some() {
        return Ok(Undo::Declined("工会已要求保函生效，等待银行放款通知，不能撤回"));
    }
    w.record(Fact::RevocationMoved { id: w.id.clone(), revocation: Revocation::Asked })?;
    ask_bank(w)?;
    Ok(Undo::Later)
}

fn ask_bank(w: &mut World<'_>) -> Result<(), Stop> {
    let letter = w
        .case()?
        .and_then(|case| case.letter.as_ref())
        .map(|letter| (letter.key.clone(), letter.letter.letter_no.clone()));
    let Some((key, letter_no)) = letter else {
        return Err(Stop::Illegal(format!("{} has no letter to revoke", w.id)));
    };
    let about = w.about(&key)?;
    w.desk.say(Message::AskNotDisbursed(AskNotDisbursed { about, letter_no }));
    Ok(())
}

/// The bank states whether anything was paid out under the letter.
///
/// | revocation \ stated | nothing paid out | paid out |
/// |---|---|---|
/// | asked | letter taken back | letter stays, the union is told |
/// | stated alike before | nothing | nothing |
/// | stated otherwise before | incident | incident |
/// | overtaken by the notice of the pay-out | incident | nothing |
/// | never asked, other letter or key | refused | refused |
pub(crate) fn stated(w: &mut World<'_>, statement: &NotDisbursedStated) -> Result<(), Stop> {
    let record = w.case()?.and_then(|case| case.letter.as_ref());
    let asked =
        record.filter(|record| record.letter.letter_no == statement.letter_no && record.key == statement.about.key);
    let Some((revocation, valid_until, state)) =
        asked.and_then(|record| Some((record.revocation?, record.letter.valid_until, record.state)))
    else {
        let detail = format!("{}: the bank was not asked about `{}` under this key", w.id, statement.letter_no);
        return Err(refused("NOT_ASKED", "未曾询问银行", detail));
    };
    match (revocation, statement.not_disbursed) {
        (Revocation::Asked, not_disbursed) => {
            let about = w.about(&statement.about.key)?;
            w.record(Fact::RevocationMoved { id: w.id.clone(), revocation: Revocation::Stated { not_disbursed } })?;
            if not_disbursed {
                // S10: a letter that its last day ended has expired, whoever asked for it back.
                let is_over = w.desk.at() >= Moment::end_of(valid_until);
                let input = if is_over { LetterInput::Expire } else { LetterInput::Revoke };
                let state = state.on(input).map_err(|error| Stop::Illegal(format!("{}: {error}", w.id)))?;
                w.record(Fact::LetterTakenBack { id: w.id.clone(), state })?;
                w.settle(&about, Step::Issue, &Input::UndoFinished)
            } else {
                w.settle(&about, Step::Issue, &Input::UndoDeclined(Said::CannotUndo(PAID_OUT.to_owned())))
            }
        }
        (Revocation::Stated { not_disbursed }, again) if not_disbursed == again => Ok(()),
        (Revocation::Overtaken, false) => Ok(()),
        (Revocation::Stated { .. } | Revocation::Overtaken, again) => {
            let detail = format!(
                "保函 {}：此前说法与本次“{}”不一致",
                statement.letter_no,
                if again { "未放款" } else { "已放款" }
            );
            w.raise(IncidentKind::BankContradicts, detail)
        }
    }
}

/// The bank has paid out while it was asked: that answers the question.
pub(crate) fn overtaken(w: &mut World<'_>) -> Result<(), Stop> {
    let key = w
        .case()?
        .and_then(|case| case.letter.as_ref())
        .filter(|l| l.revocation == Some(Revocation::Asked))
        .map(|l| l.key.clone());
    let Some(key) = key else { return Ok(()) };
    let about = w.about(&key)?;
    w.record(Fact::RevocationMoved { id: w.id.clone(), revocation: Revocation::Overtaken })?;
    w.settle(&about, Step::Issue, &Input::UndoDeclined(Said::CannotUndo(PAID_OUT.to_owned())))
}
