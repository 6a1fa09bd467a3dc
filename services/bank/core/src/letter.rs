//! The letter of guarantee as its holder keeps it (S1 step 7): taken from the guarantor alone, and closed for ever once the
//! bank has stated that nothing was paid out under it.

use crate::{Fact, case::StatementAsked, contract, payment, requests::World};
use contracts::{AskNotDisbursed, Message, NotDisbursedStated, NotPosted, PresentLetter};
use organisation::{Stop, participant::refused};

/// The guarantor presents a letter.
///
/// Refused, in order: its hash is not the hash of its fields; it is closed; it differs from the one of the same number;
/// another one is still open (I7: one loan, one letter).
pub(crate) fn presented(w: &mut World<'_>, present: &PresentLetter) -> Result<(), Stop> {
    let letter = &present.letter;
    let no = &letter.letter_no;
    if !letter.is_intact() {
        let why = format!("{}: letter {no} does not carry the hash of its fields", w.id);
        return Err(refused("LETTER_HASH", "保函哈希不符", why));
    }
    if let Some(case) = w.case()? {
        if case.closed_letters.contains(no) {
            return Err(refused("LETTER_CLOSED", "保函已关闭", format!("{}: letter {no} is closed", w.id)));
        }
        match &case.letter {
            Some(known) if known == letter => return Ok(()),
            Some(known) if known.letter_no == *no => {
                let why = format!("{}: letter {no} was presented with another content", w.id);
                return Err(refused("LETTER_DIFFERS", "保函内容前后不符", why));
            }
            Some(known) => {
                let why = format!("{}: letter {} is open, {no} cannot be taken", w.id, known.letter_no);
                return Err(refused("LETTER_OPEN", "已有未关闭的保函", why));
            }
            None => {}
        }
    }
    w.record(Fact::LetterPresented { id: w.id.clone(), letter: letter.clone() })?;
    contract::letter_came(w)
}

/// The guarantor wants to revoke a letter and asks for the bank's word first.
///
/// Nothing paid out and nothing on its way: the letter is closed for ever, and the bank says so. Otherwise it says that the
/// loan is paid out, or answers once the core-banking system has.
pub(crate) fn asked_not_disbursed(w: &mut World<'_>, ask: &AskNotDisbursed) -> Result<(), Stop> {
    let statement = StatementAsked { about: ask.about.clone(), letter_no: ask.letter_no.clone() };
    let waits = w.case()?.is_some_and(|case| {
        case.payment.as_ref().is_some_and(|payment| payment.core.is_some() && payment.letter_no == ask.letter_no)
    });
    if !waits {
        return state(w, statement);
    }
    if !w.open_case()?.statements.contains_key(&ask.about.key) {
        w.record(Fact::StatementDeferred { id: w.id.clone(), statement })?;
    }
    Ok(())
}

/// The core-banking system has answered: what was deferred is stated.
pub(crate) fn state_deferred(w: &mut World<'_>) -> Result<(), Stop> {
    let deferred: Vec<StatementAsked> = w.open_case()?.statements.values().cloned().collect();
    for statement in deferred {
        w.record(Fact::StatementMade { id: w.id.clone(), key: statement.about.key.clone() })?;
        state(w, statement)?;
    }
    Ok(())
}

fn state(w: &mut World<'_>, StatementAsked { about, letter_no }: StatementAsked) -> Result<(), Stop> {
    let paid_out =
        w.case()?.and_then(|case| case.paid_out.as_ref()).is_some_and(|paid_out| paid_out.letter_no == letter_no);
    if !paid_out {
        close(w, &letter_no)?;
    }
    w.desk.say(Message::NotDisbursedStated(NotDisbursedStated { about, letter_no, not_disbursed: !paid_out }));
    Ok(())
}

fn close(w: &mut World<'_>, letter_no: &str) -> Result<(), Stop> {
    if w.case()?.is_some_and(|case| case.closed_letters.contains(letter_no)) {
        return Ok(());
    }
    w.record(Fact::LetterClosed { id: w.id.clone(), letter_no: letter_no.to_owned() })?;
    contract::letter_closed(w, letter_no)?;
    // A payment that was not released yet cannot be any more.
    let doomed = w.open_case()?.payment.as_ref().is_some_and(|payment| payment.letter_no == letter_no);
    if doomed { payment::fail(w, NotPosted::LetterNotIssued) } else { Ok(()) }
}
