//! S4: a pay-out that should not have been made is reversed on its own day, by maker and checker. There is no loan then: union
//! and guarantor hear so, and let go of what stood behind it. From the next day on a loan can only be repaid.
//!
//! In a core-banking system of its own people reverse it there; what is released here is booked here.

use crate::{
    Duty, Fact, Step, books,
    case::{PaidOut, Released},
    contract,
    payment::To,
    repayment,
    requests::World,
    rows::LoanInput,
};
use contracts::{Message, PayoutReversed};
use domain::Moment;
use organisation::{Person, Stop, participant::refused};
use std::collections::BTreeSet;

/// The pay-out, if it can still be reversed today.
fn of_today<'w>(w: &'w World<'_>) -> Result<&'w PaidOut, Stop> {
    let paid_out = w.case()?.and_then(|case| case.paid_out.as_ref());
    let Some(paid_out) = paid_out else {
        return Err(refused("NOT_PAID_OUT", "尚未放款", "此申请没有可冲正的放款。"));
    };
    if paid_out.is_reversed() {
        return Err(refused("REVERSED", "已经冲正", "此笔放款已经冲正。"));
    }
    if repayment::has_come(w)? {
        let detail = "此笔贷款已有收款；请先冲正收款，再冲正放款。";
        return Err(refused("REPAID", "已有收款", detail));
    }
    if paid_out.rolls.is_some() {
        return Err(refused("ROLLED", "以新还旧", "此笔放款已归还旧贷款，不能冲正；请按提前还款办理。"));
    }
    if repayment::living(w)?.is_some_and(|life| life.relief.is_some()) {
        return Err(refused("IN_RELIEF", "纾困方案已生效", "此笔贷款的还款计划已按纾困方案变更，不能冲正放款。"));
    }
    if paid_out.receipt.value_date != w.desk.at().date() {
        let detail = "放款只能在起息日当日冲正；此后请按提前还款办理。";
        return Err(refused("NOT_SAME_DAY", "已过当日", detail));
    }
    Ok(paid_out)
}

/// The maker says why it should not have been made.
pub(crate) fn prepare(w: &mut World<'_>, by: &Person, because: &str) -> Result<(), Stop> {
    if of_today(w)?.reversal.is_some() {
        return Err(refused("PROPOSAL_OPEN", "已有待复核的冲正", "此笔放款的冲正已在复核中。"));
    }
    w.record(Fact::ReversalPrepared { id: w.id.clone(), by: by.clone(), because: because.to_owned() })?;
    let due_at = Moment::end_of(w.desk.at().date());
    w.open_task(Duty::CheckReversal, due_at, BTreeSet::from([by.clone()]))
}

/// The checker leaves the pay-out as it is.
pub(crate) fn send_back(w: &mut World<'_>, by: &Person, because: &str) -> Result<(), Stop> {
    w.task_done(Duty::CheckReversal, by)?;
    w.record(Fact::ReversalDropped { id: w.id.clone(), by: by.clone(), because: because.to_owned() })
}

/// The checker releases it: Dr B2011 Cr B1301, or out of suspense, once a pay-out.
pub(crate) fn release(w: &mut World<'_>, by: &Person) -> Result<(), Stop> {
    let paid_out = of_today(w)?.clone();
    let from = match &paid_out.in_suspense {
        Some(suspense) if suspense.released.is_none() => To::Suspense,
        _ => To::Borrower,
    };
    if let Err(refusal) = books::reverse(w, &paid_out.key, paid_out.receipt.amount_fen, from)? {
        let detail = format!("借款企业账户余额不足，不能冲正（{refusal}）；请按提前还款办理。");
        return Err(refused("MONEY_GONE", "款项已动用", detail));
    }
    // What waited for another account has none to go to any more.
    w.cancel_tasks(Step::Disburse)?;
    contract::loan_may(w, LoanInput::Reversed)?;
    let on = w.desk.at().date();
    w.record(Fact::PayoutReversed { id: w.id.clone(), released: Released { by: by.clone(), on } })?;
    let about = w.about(&format!("reverse:{}", paid_out.key))?;
    let said = PayoutReversed { about, receipt: paid_out.receipt, on };
    w.desk.say(Message::LoanReversed(said.clone()));
    w.desk.say(Message::PayoutReversed(said));
    Ok(())
}

/// The day is over, and nobody has released it: the pay-out stands.
pub(crate) fn tick(w: &mut World<'_>) -> Result<(), Stop> {
    let now = w.desk.at();
    let paid_out = w.case()?.and_then(|case| case.paid_out.as_ref());
    let lapses = paid_out.is_some_and(|paid_out| {
        paid_out.reversal.as_ref().is_some_and(|reversal| reversal.released.is_none())
            && Moment::end_of(paid_out.receipt.value_date) <= now
    });
    if lapses { send_back(w, &Person::new("service:bank"), "当日未复核，冲正失效") } else { Ok(()) }
}
