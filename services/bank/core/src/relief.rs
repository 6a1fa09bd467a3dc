//! S7 at the bank: it proposes a plan, waits for the guarantor's own written consent, and switches the schedule once the borrower has
//! signed. The switch is the point of no return: one decision, with every precondition looked at in it.
//!
//! While a request is under way, what falls due from its day on is not called overdue, for some working days; interest and penalty
//! accrue nevertheless. It refuses a plan that the policy does not cover, one that nobody consented to, and one that comes too late.

use crate::{
    Duty, Fact, Step,
    case::{Relief, Said},
    command::ReliefVerdict,
    contract,
    life::{self, Asked, InRelief, Life},
    repayment,
    requests::World,
    rows::LoanInput,
};
use contracts::{
    About, AskRefusal, ConsentPresented, LoanReport, NotSwitched, ProposeRelief, ReliefPlan, ReliefProposal,
    SignedPlan, SwitchReport,
};
use domain::{
    Date,
    charter::ReliefPolicy,
    loan::{ChangeError, Loan, Measure, ReliefError},
};
use organisation::{
    Person, Refusal, RefusalKind, Stop,
    participant::{self, Taken, Undo, refused},
};
use saga::participant::{Input, Response, Work};
use std::collections::BTreeSet;

/// The union asks for a plan.
pub(crate) fn asked(w: &mut World<'_>, ask: &ProposeRelief) -> Result<(), Stop> {
    participant::ask(w, &ask.about, Step::ProposeRelief, |w| begin(w, ask))
}

fn begin(w: &mut World<'_>, ask: &ProposeRelief) -> Result<Taken, Stop> {
    if repayment::living(w)?.is_none() {
        return Ok(Err(AskRefusal::OutOfOrder));
    }
    let charter = w.charter()?;
    let requested_at = domain::Moment::start_of(ask.requested_on);
    let until = charter.calendar.due(charter.relief.publication_held_for, requested_at)?.date();
    let due_at = w.due(charter.relief.proposal_deadline)?;
    let relief = Relief {
        no: ask.no,
        key: ask.about.key.clone(),
        requested_on: ask.requested_on,
        because: ask.reason.clone(),
        plan: None,
        proposed_by: None,
        guaranteed_until: None,
        signed: None,
    };
    w.record(Fact::ReliefTakenUp { id: w.id.clone(), relief: Box::new(relief) })?;
    let asked = Asked { on: ask.requested_on, until };
    w.record(Fact::Loan(life::Fact::ReliefAsked { id: w.id.clone(), asked: Some(asked) }))?;
    w.open_task(Duty::ProposeRelief, due_at, BTreeSet::new())?;
    Ok(Ok(()))
}

fn relief<'w>(w: &'w World<'_>) -> Result<Option<&'w Relief>, Stop> {
    Ok(w.case()?.and_then(|case| case.relief.as_ref()))
}

fn under_way<'w>(w: &'w World<'_>) -> Result<&'w Relief, Stop> {
    relief(w)?.ok_or_else(|| Stop::Illegal(format!("{} has no request for relief under way", w.id)))
}

/// The name of a request for relief, which its plan's hash covers.
fn name(w: &World<'_>, no: u32) -> String {
    format!("{}/R{no}", w.id)
}

/// The investigator proposes a plan, or none.
pub(crate) fn propose(w: &mut World<'_>, by: &Person, verdict: &ReliefVerdict) -> Result<(), Stop> {
    let relief = under_way(w)?;
    let (no, requested_on) = (relief.no, relief.requested_on);
    let about = w.about(&relief.key)?;
    let input = match verdict {
        ReliefVerdict::Propose { measures } => {
            let after = under_plan(w, requested_on, measures)?.map_err(no_plan)?;
            let maturity_on = after.maturity().ok_or_else(repayment::overflow)?;
            let plan = ReliefPlan::new(&name(w, no), measures.clone(), maturity_on);
            w.record(Fact::ReliefProposed { id: w.id.clone(), plan: plan.clone(), by: by.clone() })?;
            Input::Finished(Said::Relief(ReliefProposal::Plan { plan }))
        }
        ReliefVerdict::Decline { reason } => {
            drop_it(w)?;
            Input::Declined(Said::Relief(ReliefProposal::Declined { reason: *reason }))
        }
    };
    w.task_done(Duty::ProposeRelief, by)?;
    w.settle(&about, Step::ProposeRelief, &input)
}

/// The loan as it would be if these measures came into force today.
fn under_plan(w: &World<'_>, requested_on: Date, measures: &[Measure]) -> Result<Result<Loan, ReliefError>, Stop> {
    let charter = w.charter()?;
    // A request that was made in time is decided under the policy of its day, even if the policy ends meanwhile.
    let Some(policy) = charter.relief_in_force(requested_on) else {
        return Err(refused("POLICY_NOT_IN_FORCE", "纾困政策未施行", "申请纾困当日没有施行的纾困政策。"));
    };
    let loan = repayment::must_live(w)?.loan.clone();
    Ok(relieved(loan, w.desk.at().date(), measures, policy))
}

fn relieved(mut loan: Loan, today: Date, measures: &[Measure], policy: &ReliefPolicy) -> Result<Loan, ReliefError> {
    loan.relieve(today, measures, policy)?;
    Ok(loan)
}

fn no_plan(error: ReliefError) -> Stop {
    let detail = match error {
        ReliefError::Empty => "方案至少须有一项措施；不提出方案请填理由。".to_owned(),
        ReliefError::NotCovered { due_on } => format!("{due_on} 到期的款项不在纾困政策范围内。"),
        ReliefError::TooFar { due_on, latest } => format!("{due_on} 到期的款项最迟只能调整至 {latest}。"),
        ReliefError::ExtendedTooLong { days } => format!("此笔贷款展期累计不得超过 {days} 天。"),
        ReliefError::Change(ChangeError::NothingToDefer { on }) => {
            format!("{on} 没有可延期的利息（到期日当期的利息、已延期的利息不能延期）。")
        }
        ReliefError::Change(ChangeError::TooLate { on }) => format!("方案须在 {on} 之前生效。"),
        ReliefError::Change(ChangeError::WrongParts) => "延期各期须依次晚于原到期日、不晚于贷款到期日。".to_owned(),
        ReliefError::Change(ChangeError::CannotExtend { to }) => format!("不能展期至 {to}：须晚于现到期日。"),
        ReliefError::Change(ChangeError::CannotRest { until, principal_on }) => {
            format!("{until} 前没有可缓还的本金，或 {principal_on} 不是其后的还款日。")
        }
        ReliefError::Change(other) => other.to_string(),
    };
    Refusal::new(RefusalKind::Invalid, "PLAN", "方案不成立", detail).into()
}

/// The request is over without a plan in force.
fn drop_it(w: &mut World<'_>) -> Result<(), Stop> {
    w.cancel_tasks(Step::ProposeRelief)?;
    over(w)?;
    repayment::look_again(w)
}

fn over(w: &mut World<'_>) -> Result<(), Stop> {
    w.record(Fact::ReliefDropped { id: w.id.clone() })?;
    if repayment::living(w)?.is_some() {
        w.record(Fact::Loan(life::Fact::ReliefAsked { id: w.id.clone(), asked: None }))?;
    }
    Ok(())
}

/// The union takes the ask back.
pub(crate) fn withdrawn(w: &mut World<'_>, about: &About) -> Result<(), Stop> {
    let is_it = relief(w)?.is_some_and(|relief| relief.key == about.key);
    participant::undo(w, about, Step::ProposeRelief, drop_it, |w| {
        if is_it {
            drop_it(w)?;
        }
        Ok(Undo::Finished)
    })
}

/// The guarantor presents its written consent to a plan, or takes it back. It may come before the plan was ever heard of here only by
/// a defect, and after the request is over only late: then it counts for nothing.
pub(crate) fn consented(w: &mut World<'_>, said: &ConsentPresented) -> Result<(), Stop> {
    let is_ours = relief(w)?.and_then(|relief| relief.plan.as_ref()).is_some_and(|plan| plan.hash == said.plan_hash);
    if !is_ours {
        return Ok(());
    }
    w.record(Fact::ReliefConsented { id: w.id.clone(), guaranteed_until: said.guaranteed_until })?;
    switch_if_ready(w)
}

/// The union orders the switch: it waits for the guarantor's consent, if that has not come.
pub(crate) fn ordered(w: &mut World<'_>, ask: &SignedPlan) -> Result<(), Stop> {
    participant::ask(w, &ask.about, Step::SwitchSchedule, |w| {
        let is_known =
            relief(w)?.and_then(|relief| relief.plan.as_ref()).is_some_and(|plan| plan.hash == ask.plan_hash);
        if is_known {
            w.record(Fact::ReliefSigned { id: w.id.clone(), key: ask.about.key.clone() })?;
            switch_if_ready(w)?;
        } else {
            settle(w, &ask.about, SwitchReport::NotSwitched { why: NotSwitched::NoPlan })?;
        }
        Ok(Ok(()))
    })
}

/// With signature and consent here the plan comes into force, or never will.
fn switch_if_ready(w: &mut World<'_>) -> Result<(), Stop> {
    let Some(relief) = relief(w)? else { return Ok(()) };
    let (Some(plan), Some(key), Some(_)) = (&relief.plan, &relief.signed, relief.guaranteed_until) else {
        return Ok(());
    };
    let (no, requested_on, plan) = (relief.no, relief.requested_on, plan.clone());
    let about = w.about(key)?;
    let Some(last_on) = plan.last_day().filter(|_| plan.is_intact(&name(w, no))) else {
        return settle(w, &about, SwitchReport::NotSwitched { why: NotSwitched::NoPlan });
    };
    if repayment::living(w)?.is_none() {
        return settle(w, &about, SwitchReport::NotSwitched { why: NotSwitched::NotLiving });
    }
    let today = w.desk.at().date();
    match under_plan(w, requested_on, &plan.measures)? {
        Ok(after) if after.maturity() == Some(plan.maturity_on) => {
            let plan = InRelief { no, since: today, last_on };
            contract::loan_may(w, LoanInput::Relieved)?;
            w.record(Fact::Loan(life::Fact::Relieved { id: w.id.clone(), loan: Box::new(after), plan }))?;
            w.record(Fact::Loan(life::Fact::Went { id: w.id.clone(), input: LoanInput::Relieved }))?;
            over(w)?;
            repayment::report_schedule(w, Some(no))?;
            settle(w, &about, SwitchReport::Switched { on: today })?;
            repayment::look_again(w)
        }
        _ => settle(w, &about, SwitchReport::NotSwitched { why: NotSwitched::TooLate }),
    }
}

fn settle(w: &mut World<'_>, about: &About, report: SwitchReport) -> Result<(), Stop> {
    let done = matches!(report, SwitchReport::Switched { .. });
    let said = Said::Switched(report);
    let input = if done { Input::Finished(said) } else { Input::Declined(said) };
    w.settle(about, Step::SwitchSchedule, &input)
}

/// The union asks what became of the key.
pub(crate) fn queried(w: &mut World<'_>, about: &About) -> Result<(), Stop> {
    w.settle(about, Step::SwitchSchedule, &Input::Query)
}

/// The union closes the key: the plan never comes into force under it.
pub(crate) fn closed(w: &mut World<'_>, about: &About) -> Result<(), Stop> {
    let Response { work, reply } = w.turn(&about.key, Step::SwitchSchedule, &Input::Close)?;
    match work {
        None => {}
        Some(Work::Cancel) => w.record(Fact::ReliefUnsigned { id: w.id.clone() })?,
        Some(work) => return Err(Stop::Illegal(format!("closing `{}` leads to {work:?}", about.key))),
    }
    w.reply(about, Step::SwitchSchedule, reply)
}

/// Whether the plan in force is over, and how: something that fell due under it was not paid on its day, or everything until its last
/// day is paid.
pub(crate) fn look(w: &mut World<'_>, today: Date) -> Result<(), Stop> {
    let life = repayment::must_live(w)?;
    let Some(InRelief { no, since, last_on }) = life.relief else { return Ok(()) };
    if let Some(unpaid) = life.loan.overdue_from(since, today) {
        repayment::goes(w, LoanInput::ReliefBroken, LoanReport::ReliefEnded { no, on: today, kept: false })?;
        return repayment::report(w, LoanReport::Overdue { since: unpaid });
    }
    if !life.loan.is_paid_until(last_on) {
        return Ok(());
    }
    let on = kept_on(life, since);
    repayment::goes(w, LoanInput::ReliefKept, LoanReport::ReliefEnded { no, on, kept: true })
}

/// The value date of the receipt that paid the last of it.
fn kept_on(life: &Life, since: Date) -> Date {
    life.loan.counted().map(|receipt| receipt.on).max().unwrap_or(since)
}
