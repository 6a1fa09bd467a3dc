//! S6 Interest subsidy (贴息): the borrower claims back the interest that it has paid, the bank lists what it received, and the union
//! checks row by row, encumbers, approves and orders each payment by itself. The saga is in [`saga`](mod@saga).
//!
//! Contract interest only, never penalty or compound. A claim comes before the cut-off with its vouchers, once a loan and period; one that
//! comes later is rejected and enters no list. What came back is paid again under the same claim.

pub mod saga;

use crate::{
    Fact, Reason, Role, Row,
    application::Application,
    origination::{self, Origination},
    rows,
};
use ::saga::{Ending, Event, IllegalTransition, Outcome, Person, Run, State, Verdict};
use contracts::{Message, SubsidyListed, SubsidyRejection, SubsidyReport, SubsidyReturned, SubsidyRow};
use domain::{Amount, Date, Fen, Moment, charter::SubsidyTrigger, subsidy::Period};
use organisation::{Actor, Refusal, RefusalKind, Stop};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A claim for the interest of a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The period.
    pub period: Period,
    /// When it was filed; none: the bank has listed the loan, and nobody has claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filed_at: Option<Moment>,
    /// The numbers of the receipts that were handed in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub vouchers: BTreeSet<u32>,
    /// The bank's row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<SubsidyRow>,
    /// What the checker asks, until it is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Why it was rejected without a check: it came too late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_on: Option<Date>,
    /// Its sagas: the first one, and another for each time that the money came back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Run<Role, Reason>>,
    /// The day on which it is paid at the earliest, once the check is passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_on: Option<Date>,
    /// What is paid, fen, once the check is passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_fen: Option<Amount>,
    /// Whether so much is encumbered now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encumbered: bool,
    /// What was paid, and what came back, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<Payment>,
    /// Token of the corrected account in the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// A payment of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Key of the order.
    pub key: String,
    /// How much, fen.
    pub amount_fen: Amount,
    /// On which day.
    pub on: Date,
    /// Number of the posting in the bank's books.
    pub posting_no: String,
    /// That it came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<Returned>,
}

/// A payment that came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    /// On which day.
    pub on: Date,
    /// Why, as the bank says it.
    pub because: String,
}

/// The state of a claim in the words of DOMAIN.md section 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClaimState {
    /// Interest is being paid, and nothing can be claimed yet.
    Accruing,
    /// It can be claimed, or is, and the bank has not listed it.
    Claimable,
    /// The bank has listed it.
    Compiled,
    /// The checker is at it.
    Checking,
    /// The checker has asked the borrower something.
    Queried,
    /// Not paid.
    Rejected,
    /// Passed, encumbered and approved, or on the way there.
    Approved,
    /// The bank is ordered to pay.
    Paying,
    /// The borrower has it.
    Paid,
    /// It came back.
    Returned,
}

impl ClaimState {
    /// Every state.
    pub const ALL: [ClaimState; 10] = [
        ClaimState::Accruing,
        ClaimState::Claimable,
        ClaimState::Compiled,
        ClaimState::Checking,
        ClaimState::Queried,
        ClaimState::Rejected,
        ClaimState::Approved,
        ClaimState::Paying,
        ClaimState::Paid,
        ClaimState::Returned,
    ];

    /// The code of DOMAIN.md section 4.
    pub const fn code(self) -> &'static str {
        match self {
            ClaimState::Accruing => "ACCRUING",
            ClaimState::Claimable => "CLAIMABLE",
            ClaimState::Compiled => "COMPILED",
            ClaimState::Checking => "CHECKING",
            ClaimState::Queried => "QUERIED",
            ClaimState::Rejected => "REJECTED",
            ClaimState::Approved => "APPROVED",
            ClaimState::Paying => "PAYING",
            ClaimState::Paid => "PAID",
            ClaimState::Returned => "RETURNED",
        }
    }

    const fn onward(self) -> &'static [ClaimState] {
        use ClaimState as S;
        match self {
            S::Accruing => &[S::Claimable],
            // Too late, it is rejected without a list.
            S::Claimable => &[S::Compiled, S::Checking, S::Rejected],
            S::Compiled => &[S::Checking, S::Rejected],
            S::Checking => &[S::Queried, S::Rejected, S::Approved],
            S::Queried => &[S::Checking, S::Rejected],
            // Four eyes: the approver may turn down what the checker has passed.
            S::Approved => &[S::Paying, S::Rejected],
            S::Paying => &[S::Paid, S::Approved],
            S::Paid => &[S::Returned],
            S::Returned => &[S::Approved, S::Paying],
            S::Rejected => &[],
        }
    }

    /// The machine of DOMAIN.md section 4: the one place that knows where a claim may go.
    ///
    /// # Errors
    /// It may not go there; the error names both states.
    pub fn on(self, to: ClaimState) -> Result<ClaimState, IllegalTransition> {
        if self.onward().contains(&to) {
            return Ok(to);
        }
        Err(IllegalTransition { state: format!("{self:?}"), input: format!("{to:?}") })
    }
}

impl Claim {
    fn new(period: Period) -> Self {
        Claim {
            period,
            filed_at: None,
            vouchers: BTreeSet::new(),
            row: None,
            query: None,
            late_on: None,
            runs: Vec::new(),
            pay_on: None,
            amount_fen: None,
            encumbered: false,
            payments: Vec::new(),
            account: None,
        }
    }

    /// The saga that is under way, or was last.
    pub fn run(&self) -> Option<&Run<Role, Reason>> {
        self.runs.last()
    }

    /// The payment that stands.
    pub fn paid(&self) -> Option<&Payment> {
        self.payments.last().filter(|payment| payment.returned.is_none())
    }

    /// When it looks whether the day of payment has come.
    pub fn wakes_at(&self) -> Option<Moment> {
        let waits = |run: &Run<Role, Reason>| matches!(run.state(saga::DAY), Some(State::Waiting));
        self.pay_on.filter(|_| self.run().is_some_and(waits)).map(Moment::start_of)
    }

    /// Where the claim stands.
    pub fn state(&self) -> ClaimState {
        if self.late_on.is_some() {
            return ClaimState::Rejected;
        }
        let Some(run) = self.run() else {
            return if self.row.is_some() { ClaimState::Compiled } else { ClaimState::Claimable };
        };
        if run.ending().is_some_and(|ending| !matches!(ending, Ending::Completed)) {
            return ClaimState::Rejected;
        }
        match () {
            () if self.paid().is_some() => ClaimState::Paid,
            () if !self.payments.is_empty() && run.ending().is_some() => ClaimState::Returned,
            () if run
                .step(saga::PAY)
                .is_some_and(|step| matches!(step.state, State::Asked { .. } | State::Closing { .. })) =>
            {
                ClaimState::Paying
            }
            () if self.amount_fen.is_some() => ClaimState::Approved,
            () if self.query.is_some() => ClaimState::Queried,
            () => ClaimState::Checking,
        }
    }
}

fn conflict(code: &str, title: &str, detail: impl Into<String>) -> Stop {
    Refusal::new(RefusalKind::Conflict, code, title, detail).into()
}

pub(crate) fn claim(application: &Application, period: Period) -> Option<&Claim> {
    application.claims.iter().find(|claim| claim.period == period)
}

/// The period that can be claimed: that of the settlement, or where interest is subsidised while it is paid, the one that was asked for.
fn claimable(w: &Origination, asked: Option<Period>) -> Result<Period, Stop> {
    let life = &w.application()?.life;
    let trigger = w.charter.subsidy.trigger;
    if trigger == SubsidyTrigger::OnSettlement {
        let settled = life
            .settled
            .ok_or_else(|| conflict("NOT_SETTLED", "贷款未结清", "贴息在贷款（含延期利息）全部结清后申请。"))?;
        return Ok(Period::of(trigger, settled.on));
    }
    let last = life.receipts.iter().filter(|known| known.reversed_on.is_none()).map(|known| known.receipt.value_date);
    let period = asked.or_else(|| last.max().map(|day| Period::of(trigger, day)));
    period.ok_or_else(|| conflict("NOT_SETTLED", "尚无已付利息", "尚无可申请贴息的已付利息。"))
}

/// The borrower claims.
///
/// # Errors
/// In this order: no loan; nothing to claim; another period than can be claimed; claimed before.
pub(crate) fn file(w: &mut Origination, asked: Option<Period>, vouchers: &BTreeSet<u32>) -> Result<(), Stop> {
    let application = w.application()?;
    if application.receipt.is_none() || application.reversed_on.is_some() {
        return Err(conflict("NO_LOAN", "没有贷款", "只有已放款的贷款可以申请贴息。"));
    }
    let period = claimable(w, asked)?;
    if asked.is_some_and(|asked| asked != period) {
        return Err(conflict("PERIOD", "期次不符", format!("此笔贷款可申请 {period} 期的贴息。")));
    }
    if claim(w.application()?, period).is_some_and(|claim| claim.filed_at.is_some()) {
        return Err(conflict("DUPLICATE", "重复申请", format!("{period} 期的贴息已经申请。")));
    }
    let (at, today) = (w.desk.at(), w.desk.at().date());
    let cut_off = w.charter.subsidy.cut_off(period, &w.charter.calendar)?;
    let late_on = (today > cut_off).then_some(today);
    let (id, vouchers) = (w.id.clone(), vouchers.clone());
    w.desk.record(Fact::SubsidyClaimed { id, period, at, vouchers, late_on })?;
    begin(w, period)
}

/// The bank has listed the loan.
pub(crate) fn listed(w: &mut Origination, said: &SubsidyListed) -> Result<(), Stop> {
    let period = said.row.period;
    if claim(w.application()?, period).is_some_and(|claim| claim.row.is_some()) {
        return Ok(());
    }
    w.desk.record(Fact::SubsidyCompiled { id: w.id.clone(), row: said.row.clone() })?;
    begin(w, period)
}

/// With claim and row here the check begins.
fn begin(w: &mut Origination, period: Period) -> Result<(), Stop> {
    let is_both = claim(w.application()?, period).is_some_and(|claim| {
        claim.filed_at.is_some() && claim.late_on.is_none() && claim.row.is_some() && claim.runs.is_empty()
    });
    if is_both { saga::start(w, period, saga::SUBSIDY) } else { Ok(()) }
}

/// What is wrong with a claim today, in order of precedence; the checker cannot pass it.
pub(crate) fn flaws(w: &Origination, claim: &Claim) -> Result<Vec<SubsidyRejection>, Stop> {
    let application = w.application()?;
    let mut flaws = Vec::new();
    if !origination::membership_holds(w)? {
        flaws.push(SubsidyRejection::MembershipLapsed);
    }
    if !union_stands(w)? {
        flaws.push(SubsidyRejection::UnionDissolved);
    }
    let receipts = claim.row.as_ref().map(|row| row.receipts.as_slice()).unwrap_or_default();
    if !receipts.iter().all(|receipt| claim.vouchers.contains(receipt)) {
        flaws.push(SubsidyRejection::NoVouchers);
    }
    if application.life.was_overdue {
        flaws.push(SubsidyRejection::Overdue);
    }
    Ok(flaws)
}

/// Whether the primary union stands today: any row of the register is one of its members'.
fn union_stands(w: &Origination) -> Result<bool, Stop> {
    let Some(unit) = &w.application()?.union_org else { return Ok(true) };
    let today = w.desk.at().date();
    Ok(match w.desk.own(&rows::unit(unit))? {
        Some(Row::Unit(unit)) => unit.stands_on(today),
        _ => false,
    })
}

/// The interest that the union knows of the row's receipts by itself.
fn known_interest(application: &Application, row: &SubsidyRow) -> Option<Fen> {
    let known = application.life.receipts.iter().filter(|known| known.reversed_on.is_none());
    let of_row = known.filter(|known| row.receipts.contains(&known.receipt.no));
    Fen::sum(of_row.map(|known| known.receipt.interest_fen))
}

/// What the checker says of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum CheckVerdict {
    /// It is to be paid.
    Pass,
    /// The borrower has to answer something first.
    Query {
        /// What.
        because: String,
    },
    /// It is not paid.
    Reject {
        /// Why.
        reason: SubsidyRejection,
    },
}

/// The claim at which somebody of this step is.
fn at(w: &Origination, step: &str) -> Result<Claim, Stop> {
    let found = w
        .application()?
        .claims
        .iter()
        .find(|claim| claim.run().is_some_and(|run| matches!(run.state(step), Some(State::Deciding { .. }))));
    found.cloned().ok_or_else(|| conflict("NO_TASK", "没有此待办", format!("{} 当前没有此项贴息待办。", w.id)))
}

/// The checker decides.
pub(crate) fn check(w: &mut Origination, actor: &Actor, verdict: &CheckVerdict) -> Result<(), Stop> {
    let claim = at(w, saga::CHECK)?;
    let (period, by) = (claim.period, actor.person.clone());
    let verdict = match verdict {
        CheckVerdict::Pass => {
            let row = claim.row.as_ref().ok_or_else(|| Stop::Illegal(format!("{} checks nothing", w.id)))?;
            if let Some(flaw) = flaws(w, &claim)?.first() {
                let advice = format!("不能通过：{}（{flaw}）；请退询或驳回。", flaw.zh());
                return Err(conflict(flaw.code(), "贴息未通过核验", advice));
            }
            if known_interest(w.application()?, row) != Some(row.interest_fen) {
                let detail = "清单所列已付利息与银行逐笔通报的收款不符，请与银行核对后再办。";
                return Err(conflict("INTEREST_DIFFERS", "利息不符", detail));
            }
            may_decide(&claim, saga::CHECK, &by)?;
            let amount = w.charter.subsidy.of(row.interest_fen).and_then(|fen| Amount::new(fen).ok());
            let amount_fen =
                amount.ok_or_else(|| Stop::Illegal(format!("{}: no subsidy on {}", w.id, row.interest_fen)))?;
            let pay_on = w.charter.subsidy.pay_on(period, &w.charter.calendar)?;
            w.desk.record(Fact::SubsidyPassed { id: w.id.clone(), period, amount_fen, pay_on })?;
            Verdict::Approve
        }
        CheckVerdict::Query { because } => {
            organisation::participant::must_say_why(because)?;
            may_decide(&claim, saga::CHECK, &by)?;
            return Ok(w.desk.record(Fact::SubsidyQueried { id: w.id.clone(), period, because: because.clone() })?);
        }
        CheckVerdict::Reject { reason } => Verdict::Refuse(Reason::Subsidy(*reason)),
    };
    saga::drive(w, period, Event::Decided { step: saga::CHECK.into(), by, verdict })
}

/// Refuses who may not decide, before anything is recorded.
fn may_decide(claim: &Claim, step: &str, by: &Person) -> Result<(), Stop> {
    match claim.run().and_then(|run| run.state(step)) {
        Some(State::Deciding { task }) => {
            task.may_decide(by).map_err(|refusal| crate::decide::saga_refused(&refusal.into()))
        }
        _ => Ok(()),
    }
}

/// The approver, who is another person than the checker, decides.
pub(crate) fn approve(w: &mut Origination, actor: &Actor, rejected: Option<SubsidyRejection>) -> Result<(), Stop> {
    let claim = at(w, saga::APPROVE)?;
    let verdict = rejected.map_or(Verdict::Approve, |reason| Verdict::Refuse(Reason::Subsidy(reason)));
    let by = actor.person.clone();
    saga::drive(w, claim.period, Event::Decided { step: saga::APPROVE.into(), by, verdict })
}

/// The borrower answers what the checker asked, with further vouchers.
pub(crate) fn answer(w: &mut Origination, vouchers: &BTreeSet<u32>) -> Result<(), Stop> {
    let queried = w.application()?.claims.iter().find(|claim| claim.state() == ClaimState::Queried);
    let period = queried.map(|claim| claim.period);
    let period = period.ok_or_else(|| conflict("NOT_QUERIED", "没有待答复的询问", "工会没有就贴息提出询问。"))?;
    Ok(w.desk.record(Fact::SubsidyAnswered { id: w.id.clone(), period, vouchers: vouchers.clone() })?)
}

/// The borrower has another account: what came back is paid again.
pub(crate) fn pay_again(w: &mut Origination, account: &str) -> Result<(), Stop> {
    let returned = w.application()?.claims.iter().find(|claim| claim.state() == ClaimState::Returned);
    let period = returned.map(|claim| claim.period);
    let period = period.ok_or_else(|| conflict("NOT_RETURNED", "没有退回的贴息", "此笔贷款没有退回的贴息。"))?;
    w.desk.record(Fact::SubsidyAccountCorrected { id: w.id.clone(), period, account: account.to_owned() })?;
    saga::start(w, period, saga::AGAIN)
}

/// Something became free: every claim that waits tries again.
pub(crate) fn all_look_again(w: &mut Origination) -> Result<(), Stop> {
    let periods: Vec<Period> = w.application()?.claims.iter().map(|claim| claim.period).collect();
    periods.into_iter().try_for_each(|period| look_again(w, period))
}

/// Time has passed: who waits for the day of payment looks again.
pub(crate) fn tick(w: &mut Origination) -> Result<(), Stop> {
    let open = |claim: &&Claim| claim.run().is_some_and(|run| run.ending().is_none());
    let periods: Vec<Period> = w.application()?.claims.iter().filter(open).map(|claim| claim.period).collect();
    for period in periods {
        saga::drive(w, period, Event::Tick)?;
        look_again(w, period)?;
    }
    Ok(())
}

/// Whatever waits, for the day of payment or for money, tries again.
fn look_again(w: &mut Origination, period: Period) -> Result<(), Stop> {
    let waiting = claim(w.application()?, period).and_then(Claim::run).and_then(|run| {
        [saga::ENCUMBER, saga::DAY, saga::PAY].into_iter().find(|step| matches!(run.state(step), Some(State::Waiting)))
    });
    match waiting {
        Some(step) => saga::drive(w, period, Event::Woken { step: step.into() }),
        None => Ok(()),
    }
}

/// The bank says what became of an order.
pub(crate) fn answered(w: &mut Origination, period: Period, step: String, message: &Message) -> Result<(), Stop> {
    let key = message.key();
    let current = claim(w.application()?, period).and_then(Claim::run).and_then(|run| run.step(&step));
    let is_awaited = current.is_some_and(|run| {
        run.key.as_ref() == Some(&key) && matches!(run.state, State::Asked { .. } | State::Closing { .. })
    });
    let outcome = match message {
        Message::SubsidyReported(said) => match &said.report {
            SubsidyReport::Paid { on, posting_no } => {
                let amount = claim(w.application()?, period).and_then(|claim| claim.amount_fen);
                if let Some(amount_fen) = amount.filter(|_| is_awaited) {
                    let (key, on, posting_no) = (key.clone(), *on, posting_no.clone());
                    let payment = Payment { key, amount_fen, on, posting_no, returned: None };
                    w.desk.record(Fact::SubsidyPaid { id: w.id.clone(), period, payment })?;
                }
                Outcome::Done
            }
            // A subsidy account that is short is filled; all else a person has to look at.
            SubsidyReport::NotPaid { why: why @ contracts::NotPaid::NoFunds } => {
                Outcome::NotDone(Reason::NotPaid(*why))
            }
            SubsidyReport::NotPaid { why } => Outcome::Blocked(Reason::NotPaid(*why)),
            SubsidyReport::Unknown => Outcome::Unknown,
            SubsidyReport::Closed => Outcome::Closed,
        },
        Message::BankRefused(answer) => Outcome::Blocked(Reason::Partner(format!("{:?}", answer.why))),
        _ => Outcome::Done,
    };
    saga::drive(w, period, Event::Answered { step, key, outcome })
}

/// The bank says that a payment came back.
pub(crate) fn came_back(w: &mut Origination, said: &SubsidyReturned) -> Result<(), Stop> {
    let found = w.application()?.claims.iter().find_map(|claim| {
        let payment = claim.payments.iter().find(|payment| payment.key == said.about.key)?;
        Some((claim.period, payment.clone()))
    });
    let Some((period, payment)) = found else {
        let detail = format!("{}: nothing was paid under `{}`", w.id, said.about.key);
        return Err(conflict("UNKNOWN_SUBSIDY", "无此贴息付款", detail));
    };
    if payment.returned.is_some() {
        return Ok(());
    }
    crate::fund::subsidy_back(w, &payment.key, payment.amount_fen)?;
    let returned = Returned { on: said.on, because: said.because.clone() };
    Ok(w.desk.record(Fact::SubsidyCameBack { id: w.id.clone(), period, key: payment.key, returned })?)
}

impl Claim {
    /// The claim of a period, which begins with the first thing that is known of it.
    pub(crate) fn of(claims: &mut Vec<Claim>, period: Period) -> &mut Claim {
        let place = claims.iter().position(|claim| claim.period == period).unwrap_or_else(|| {
            claims.push(Claim::new(period));
            claims.len() - 1
        });
        &mut claims[place]
    }
}
