//! S3, NEW_REPAYS_OLD (无还本续贷): the new loan is paid out by repaying the old one on the old one's last day, working day or not, in one
//! posting, which maker and checker have released before. What it falls short of is debited to the borrower's account, what is left over
//! credited to it.
//!
//! It refuses an old loan that is not this firm's or does not live, and a release on a day after its last one.

use crate::{
    Fact, books,
    case::{Case, Payment},
    payment::{self, To},
    repayment,
    requests::World,
    rows,
};
use contracts::NotPosted;
use domain::{ApplicationId, Date, Moment};
use organisation::{Person, Stop, participant::refused};

/// The old loan that a case's payment under way repays; a decision about it reads the rows of both.
pub(crate) fn of(case: &Case) -> Option<&ApplicationId> {
    case.payment.as_ref()?.rolls.as_ref()
}

pub(crate) fn old(w: &World<'_>) -> Result<Option<ApplicationId>, Stop> {
    Ok(w.case()?.and_then(of).cloned())
}

/// The same, if that loan lives. What a core-banking system posted after the borrower had repaid it is the borrower's.
pub(crate) fn living(w: &mut World<'_>) -> Result<Option<ApplicationId>, Stop> {
    let Some(old) = old(w)? else { return Ok(None) };
    Ok(last_day(w, &old)?.map(|_| old))
}

/// The same decision, seen from the old loan.
pub(crate) fn of_old<T>(
    w: &mut World<'_>,
    old: &ApplicationId,
    act: impl FnOnce(&mut World<'_>) -> Result<T, Stop>,
) -> Result<T, Stop> {
    act(&mut World { desk: w.desk, organisation: w.organisation, id: old.clone() })
}

/// The last day of the old loan, if it lives and is the same firm's.
pub(crate) fn last_day(w: &mut World<'_>, old: &ApplicationId) -> Result<Option<Date>, Stop> {
    let uscc = w.file()?.firm.uscc.to_string();
    let ours = matches!(w.desk.own(&rows::loan(old))?, Some(crate::Row::Loan(loan)) if loan.uscc == uscc);
    if !ours {
        return Ok(None);
    }
    of_old(w, old, |w| Ok(repayment::living(w)?.and_then(|life| life.loan.maturity())))
}

/// The checker releases it: it is posted on the old loan's last day.
pub(crate) fn release(w: &mut World<'_>, by: &Person, old: &ApplicationId, to: To) -> Result<(), Stop> {
    if to == To::Suspense {
        let detail = "以新还旧的款项归还旧贷款，不涉及收款账户；请放行或退回经办。";
        return Err(refused("ROLL", "不能挂账", detail));
    }
    payment::check_done(w, by)?;
    let Some(last_day) = last_day(w, old)? else { return payment::fail(w, NotPosted::NothingToRoll) };
    let today = w.desk.at().date();
    if today > last_day {
        return payment::fail(w, NotPosted::RollDayPassed);
    }
    w.record(Fact::PaymentReleased { id: w.id.clone(), by: by.clone(), on: last_day })?;
    if today == last_day { post(w) } else { Ok(()) }
}

/// The day on which a released roll is posted; none: nothing waits for its day.
fn day(payment: &Payment) -> Option<Date> {
    let waits = payment.rolls.is_some() && payment.core.is_none();
    payment.released.as_ref().filter(|_| waits).map(|released| released.on)
}

/// When a case's released roll is posted.
pub(crate) fn waits_until(payment: &Payment) -> Option<Moment> {
    day(payment).map(Moment::start_of)
}

/// The day of a released roll has come.
pub(crate) fn tick(w: &mut World<'_>) -> Result<(), Stop> {
    let today = w.desk.at().date();
    match w.case()?.and_then(|case| case.payment.as_ref()).and_then(day) {
        Some(day) if day == today => post(w),
        Some(day) if day < today => payment::fail(w, NotPosted::RollDayPassed),
        _ => Ok(()),
    }
}

/// Every precondition once more, on the day itself; then the posting.
fn post(w: &mut World<'_>) -> Result<(), Stop> {
    if let Err(why) = payment::precondition(w)? {
        return payment::fail(w, why);
    }
    match old(w)? {
        Some(old) if last_day(w, &old)? == Some(w.desk.at().date()) => payment::hand_over(w, To::Borrower),
        _ => payment::fail(w, NotPosted::NothingToRoll),
    }
}

/// Books the roll, and settles the old loan with its value date. Whether the books took it.
pub(crate) fn book(
    w: &mut World<'_>,
    old: &ApplicationId,
    by: &Person,
    on: Date,
) -> Result<Result<(), ledger::Refusal>, Stop> {
    let payment = payment::ordered(w)?;
    let (key, amount_fen, reference) = (payment.key.clone(), payment.amount_fen, format!("roll:{}", w.id));
    let taken = of_old(w, old, |w| repayment::take_all(w, on))?;
    if let Err(refusal) = books::roll(w, &key, amount_fen, old, &taken)? {
        return Ok(Err(refusal));
    }
    of_old(w, old, |w| repayment::enter(w, taken, &reference, by))?;
    Ok(Ok(()))
}
