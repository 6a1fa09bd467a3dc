//! S1 step 9 (S4): the pay-out. Maker prepares, checker releases; every precondition is looked at in the decision that
//! releases the money, and none of them later.
//!
//! What is released is posted in the bank's own books in the same decision, or ordered from the core-banking system
//! ([`core_banking`]). Under one key there is at most one posting, and at most one final answer.

use crate::{
    CoreBanking, Duty, Fact, IncidentKind, Step, books,
    case::{InSuspense, PaidOut, Payment, Said},
    contract, core_banking, letter, repayment,
    requests::World,
    roll,
    rows::LoanInput,
    suspense,
};
use contracts::{
    About, AskRefusal, CloseDisbursement, Disburse, DisbursementReceipt, DisbursementReport, LoanDisbursed, Message,
    NotPosted, QueryDisbursement,
};
use domain::{Moment, schedule};
use organisation::{
    Person, Refusal, RefusalKind, Stop,
    participant::{self, Taken},
};
use saga::participant::{Input, Reply, Response, Work};
use std::collections::BTreeSet;

/// The union orders the pay-out.
pub(crate) fn asked(w: &mut World<'_>, ask: &Disburse) -> Result<(), Stop> {
    participant::ask(w, &ask.about, Step::Disburse, |w| begin(w, ask))
}

fn begin(w: &mut World<'_>, ask: &Disburse) -> Result<Taken, Stop> {
    let taken_up = w.case()?.is_some_and(|case| case.file.is_some() && case.paid_out.is_none());
    if !taken_up {
        return Ok(Err(AskRefusal::OutOfOrder));
    }
    let payment = Payment {
        key: ask.about.key.clone(),
        amount_fen: ask.amount_fen,
        letter_no: ask.letter_no.clone(),
        reservation_id: ask.reservation_id.clone(),
        membership_verified_on: ask.membership_verified_on,
        rolls: ask.rolls.clone(),
        prepared_by: None,
        released: None,
        core: None,
    };
    w.record(Fact::PaymentOrdered { id: w.id.clone(), payment })?;
    // Nobody prepares what could not be released: contract and letter only ever get worse while a payment waits.
    match precondition(w)? {
        Ok(()) => open(w, Duty::PreparePayment, BTreeSet::new())?,
        Err(why) => fail(w, why)?,
    }
    Ok(Ok(()))
}

/// Payments are due by the letter's last day (S1-9).
fn open(w: &mut World<'_>, duty: Duty, excluded: BTreeSet<Person>) -> Result<(), Stop> {
    let valid_until = w.open_case()?.letter.as_ref().map(|letter| letter.valid_until);
    let due_at = valid_until.map_or(w.desk.at(), Moment::end_of);
    w.open_task(duty, due_at, excluded)
}

/// Every precondition of a pay-out, in the order of [`NotPosted`]. The outer error is a defect, the inner one a no.
pub(crate) fn precondition(w: &World<'_>) -> Result<Result<(), NotPosted>, Stop> {
    let case = w.open_case()?;
    let payment = ordered(w)?;
    let charter = w.charter()?;
    let today = w.desk.at().date();
    let Some(contract) = &case.contract else { return Ok(Err(NotPosted::NoContract)) };
    let named = [&payment.letter_no, &contract.letter_no];
    let Some(letter) = case.letter.as_ref().filter(|letter| named.iter().all(|no| **no == letter.letter_no)) else {
        return Ok(Err(NotPosted::LetterNotIssued));
    };
    if today > letter.valid_until {
        return Ok(Err(NotPosted::LetterExpired));
    }
    // Whether it is HELD the union alone knows; that it is the one the credit was approved under is the bank's to check.
    let reserved = case.file.as_ref().and_then(|file| file.reservation_id.as_ref());
    if reserved.is_some_and(|reserved| *reserved != payment.reservation_id) {
        return Ok(Err(NotPosted::ReservationDiffers));
    }
    if payment.amount_fen != contract.terms.amount_fen || payment.amount_fen > letter.amount_fen {
        return Ok(Err(NotPosted::AmountDiffers));
    }
    let verified_on = payment.membership_verified_on;
    let good_until = charter
        .calendar
        .due(charter.membership_valid_for, Moment::start_of(verified_on))
        .map_err(|error| Stop::Illegal(error.to_string()))?;
    if verified_on > today || w.desk.at() > good_until {
        return Ok(Err(NotPosted::MembershipStale));
    }
    if contract.terms.rate_ppm > charter.rate_cap(today, contract.term_months) {
        return Ok(Err(NotPosted::RateAboveCap));
    }
    Ok(Ok(()))
}

pub(crate) fn ordered<'w>(w: &'w World<'_>) -> Result<&'w Payment, Stop> {
    let payment = w.open_case()?.payment.as_ref();
    payment.ok_or_else(|| Stop::Illegal(format!("{} has no payment under way", w.id)))
}

/// The maker prepares.
pub(crate) fn prepare(w: &mut World<'_>, by: &Person) -> Result<(), Stop> {
    w.task_done(Duty::PreparePayment, by)?;
    w.record(Fact::PaymentPrepared { id: w.id.clone(), by: by.clone() })?;
    open(w, Duty::CheckPayment, BTreeSet::from([by.clone()]))
}

/// The checker sends it back.
pub(crate) fn send_back(w: &mut World<'_>, by: &Person, because: &str) -> Result<(), Stop> {
    w.task_done(Duty::CheckPayment, by)?;
    w.record(Fact::PaymentReturned { id: w.id.clone(), by: by.clone(), because: because.to_owned() })?;
    open(w, Duty::PreparePayment, BTreeSet::new())
}

/// Where released money goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// The borrower's account.
    Borrower,
    /// Suspense: that account is closed (S4).
    Suspense,
}

/// The checker releases: the preconditions, then the posting, in one decision.
pub(crate) fn release(w: &mut World<'_>, by: &Person, to: To) -> Result<(), Stop> {
    if let Some(old) = roll::old(w)? {
        return roll::release(w, by, &old, to);
    }
    if to == To::Suspense && w.organisation.core_banking == CoreBanking::Port {
        let detail = "账户是否已销户由核心系统告知；请照常放款，或退回经办。";
        return Err(Refusal::new(RefusalKind::Conflict, "CORE_SAYS", "不能挂账", detail).into());
    }
    check_done(w, by)?;
    if let Err(why) = precondition(w)? {
        return fail(w, why);
    }
    let on = w.desk.at().date();
    w.record(Fact::PaymentReleased { id: w.id.clone(), by: by.clone(), on })?;
    hand_over(w, to)
}

/// The checker has decided.
pub(crate) fn check_done(w: &mut World<'_>, by: &Person) -> Result<(), Stop> {
    w.task_done(Duty::CheckPayment, by)
}

/// What is released and may be posted is posted, here or by the core-banking system.
pub(crate) fn hand_over(w: &mut World<'_>, to: To) -> Result<(), Stop> {
    match w.organisation.core_banking {
        CoreBanking::OwnLedger => {
            let posting_no = format!("FK-{}-{}", w.id, w.open_case()?.payments_ordered);
            posted(w, posting_no, to)
        }
        CoreBanking::Port => core_banking::post(w),
    }
}

/// Money has left: booked, reported to the union, told to the guarantor.
pub(crate) fn posted(w: &mut World<'_>, posting_no: String, to: To) -> Result<(), Stop> {
    let case = w.open_case()?;
    let (Some(payment), Some(contract)) = (&case.payment, &case.contract) else {
        return Err(Stop::Illegal(format!("{} paid out without payment or contract", w.id)));
    };
    let (Some(maker), Some(released)) = (payment.prepared_by.clone(), payment.released.clone()) else {
        return Err(Stop::Illegal(format!("{} paid out without maker and checker", w.id)));
    };
    let maturity_on = schedule::add_months(released.on, contract.term_months)
        .map_err(|error| Stop::Illegal(format!("{}: {error}", w.id)))?;
    let receipt = DisbursementReceipt {
        posting_no,
        amount_fen: payment.amount_fen,
        rate_ppm: contract.terms.rate_ppm,
        value_date: released.on,
        maturity_on,
    };
    let (key, letter_no) = (payment.key.clone(), contract.letter_no.clone());
    let about = w.about(&key)?;
    let rolls = roll::living(w)?;
    let booked = match &rolls {
        Some(old) => roll::book(w, old, &released.by, released.on)?,
        None => books::disburse(w, &key, receipt.amount_fen, to)?,
    };
    if let Err(refusal) = booked {
        return match w.organisation.core_banking {
            CoreBanking::OwnLedger => fail(w, NotPosted::RefusedByCore),
            CoreBanking::Port => Err(Stop::Illegal(format!("{key} is posted, and the bank's books refuse: {refusal}"))),
        };
    }
    contract::loan_may(w, LoanInput::PaidOut)?;
    let paid_out = PaidOut {
        key,
        letter_no: letter_no.clone(),
        receipt: receipt.clone(),
        maker,
        checker: released.by,
        rolls,
        in_suspense: (to == To::Suspense).then(InSuspense::default),
        reversal: None,
    };
    w.record(Fact::PaidOut { id: w.id.clone(), paid_out })?;
    repayment::begin(w)?;
    let report = DisbursementReport::Posted { receipt: receipt.clone() };
    w.settle(&about, Step::Disburse, &Input::Finished(Said::Reported(report)))?;
    w.desk.say(Message::LoanDisbursed(LoanDisbursed { about, letter_no, receipt }));
    if to == To::Suspense {
        suspense::open(w)?;
    }
    outcome_is_known(w)
}

/// It came to nothing, for good: nothing was handed to the core-banking system, or that has closed the key.
pub(crate) fn fail(w: &mut World<'_>, why: NotPosted) -> Result<(), Stop> {
    let about = w.about(&ordered(w)?.key.clone())?;
    w.cancel_tasks(Step::Disburse)?;
    w.record(Fact::PaymentFailed { id: w.id.clone(), why: Some(why) })?;
    let report = DisbursementReport::NotPosted { why };
    w.settle(&about, Step::Disburse, &Input::Declined(Said::Reported(report)))?;
    outcome_is_known(w)
}

/// What waited for the outcome goes on.
fn outcome_is_known(w: &mut World<'_>) -> Result<(), Stop> {
    w.resolve_all(IncidentKind::UnknownTooLong, &Person::new("service:core_banking"), "核心系统已答复")?;
    letter::state_deferred(w)?;
    contract::terminate_deferred(w)
}

/// The union asks what became of the key.
pub(crate) fn queried(w: &mut World<'_>, query: &QueryDisbursement) -> Result<(), Stop> {
    w.settle(&query.about, Step::Disburse, &Input::Query)
}

/// The union closes the key. What the core-banking system has cannot be called back: it is told to close the key too, and
/// whatever it answers is the answer.
pub(crate) fn closed(w: &mut World<'_>, close: &CloseDisbursement) -> Result<(), Stop> {
    let about = &close.about;
    let Response { work, reply } = w.turn(&about.key, Step::Disburse, &Input::Close)?;
    match (work, reply) {
        (None, Some(Reply::Unknown)) => core_banking::close(w),
        (None, reply) => w.reply(about, Step::Disburse, reply),
        (Some(Work::Cancel), reply) => {
            w.cancel_tasks(Step::Disburse)?;
            w.record(Fact::PaymentFailed { id: w.id.clone(), why: None })?;
            w.reply(about, Step::Disburse, reply)
        }
        other => Err(Stop::Illegal(format!("closing `{}` leads to {other:?}", about.key))),
    }
}

/// A report that the outcome is not known, under the payment's own key.
pub(crate) fn report_unknown(w: &mut World<'_>) -> Result<(), Stop> {
    let about: About = w.about(&ordered(w)?.key.clone())?;
    w.reply(&about, Step::Disburse, Some(Reply::Unknown))
}
