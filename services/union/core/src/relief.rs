//! S7 Relief (一企一策): a borrower who is hit asks, and a plan moves what falls due. The saga is in [`saga`](mod@saga); here is what the
//! union keeps of a request, who may make one, and what became of its plan.
//!
//! Only while a relief policy is in force and the loan lives; one request at a time, and one more after a plan was broken. Deferred is
//! not waived. What the bank says of the loan decides whether a plan is kept.

pub mod saga;

use crate::{Fact, Reason, Role, application::Application, origination::Origination, vocabulary::Contradiction};
use ::saga::{Ending, Event, IllegalTransition, Outcome, Phase, Run, Verdict};
use contracts::{Message, ReliefConsent, ReliefDecline, ReliefPlan, ReliefProposal, SwitchReport};
use domain::{Date, Moment};
use organisation::{Actor, Refusal, RefusalKind, Stop};
use serde::{Deserialize, Serialize};

/// A request for relief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relief {
    /// Counts the requests of this loan, from 1.
    pub no: u32,
    /// When it came.
    pub requested_at: Moment,
    /// Through which window: WINDOW, APP, WECHAT, DISTRICT, 12351.
    pub via: String,
    /// Why, in the borrower's words.
    pub reason: String,
    /// The saga.
    pub run: Run<Role, Reason>,
    /// What the bank proposed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<ReliefPlan>,
    /// Last day of the guarantee period under it, once the guarantor has consented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guaranteed_until: Option<Date>,
    /// Since when the plan is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force_on: Option<Date>,
    /// What became of it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Over>,
}

/// The end of a plan that was in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Over {
    /// On which day.
    pub on: Date,
    /// How.
    pub how: How,
}

/// How a plan that was in force ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum How {
    /// Everything that it had moved was paid on its day.
    Kept,
    /// Something was not.
    Broken,
    /// Another plan took its place.
    Superseded,
}

/// The state of a request in the words of DOMAIN.md section 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReliefState {
    /// It came.
    Requested,
    /// The union found it worth a plan.
    Triaged,
    /// The bank proposed one.
    Proposed,
    /// The guarantor consented.
    Consented,
    /// The borrower signed.
    Signed,
    /// The schedule is switched.
    InForce,
    /// Everything that the plan had moved was paid on its day.
    Kept,
    /// Something was not.
    Broken,
    /// Another plan took its place.
    Superseded,
    /// Turned down by union, bank or guarantor, or too late to come into force.
    Refused,
    /// Not signed in time.
    Lapsed,
    /// Withdrawn by the borrower.
    Withdrawn,
}

impl ReliefState {
    /// Every state.
    pub const ALL: [ReliefState; 12] = [
        ReliefState::Requested,
        ReliefState::Triaged,
        ReliefState::Proposed,
        ReliefState::Consented,
        ReliefState::Signed,
        ReliefState::InForce,
        ReliefState::Kept,
        ReliefState::Broken,
        ReliefState::Superseded,
        ReliefState::Refused,
        ReliefState::Lapsed,
        ReliefState::Withdrawn,
    ];

    /// The code of DOMAIN.md section 4.
    pub const fn code(self) -> &'static str {
        match self {
            ReliefState::Requested => "REQUESTED",
            ReliefState::Triaged => "TRIAGED",
            ReliefState::Proposed => "PROPOSED",
            ReliefState::Consented => "CONSENTED",
            ReliefState::Signed => "SIGNED",
            ReliefState::InForce => "IN_FORCE",
            ReliefState::Kept => "KEPT",
            ReliefState::Broken => "BROKEN",
            ReliefState::Superseded => "SUPERSEDED",
            ReliefState::Refused => "REFUSED",
            ReliefState::Lapsed => "LAPSED",
            ReliefState::Withdrawn => "WITHDRAWN",
        }
    }

    /// Whether nothing comes after it.
    pub fn is_final(self) -> bool {
        self.onward().is_empty()
    }

    const fn onward(self) -> &'static [ReliefState] {
        use ReliefState as S;
        match self {
            S::Requested => &[S::Triaged, S::Refused, S::Withdrawn],
            S::Triaged => &[S::Proposed, S::Refused, S::Withdrawn],
            S::Proposed => &[S::Consented, S::Refused, S::Withdrawn],
            S::Consented => &[S::Signed, S::Lapsed, S::Withdrawn],
            // The bank may find that it comes too late.
            S::Signed => &[S::InForce, S::Refused, S::Withdrawn],
            S::InForce => &[S::Kept, S::Broken, S::Superseded],
            S::Kept | S::Broken | S::Superseded | S::Refused | S::Lapsed | S::Withdrawn => &[],
        }
    }

    /// The machine of DOMAIN.md section 4: the one place that knows where a request may go.
    ///
    /// # Errors
    /// It may not go there; the error names both states.
    pub fn on(self, to: ReliefState) -> Result<ReliefState, IllegalTransition> {
        if self.onward().contains(&to) {
            return Ok(to);
        }
        Err(IllegalTransition { state: format!("{self:?}"), input: format!("{to:?}") })
    }
}

impl Relief {
    /// Where the request stands.
    pub fn state(&self) -> ReliefState {
        match self.over.map(|over| over.how) {
            Some(How::Kept) => return ReliefState::Kept,
            Some(How::Broken) => return ReliefState::Broken,
            Some(How::Superseded) => return ReliefState::Superseded,
            None => {}
        }
        match &self.run.phase {
            Phase::Unwinding { ending } | Phase::Ended { ending } => match ending {
                Ending::Refused { .. } => ReliefState::Refused,
                Ending::Expired { .. } => ReliefState::Lapsed,
                Ending::Withdrawn { .. } => ReliefState::Withdrawn,
                Ending::Completed => ReliefState::InForce,
            },
            Phase::NotStarted | Phase::Forward => match () {
                () if self.in_force_on.is_some() => ReliefState::InForce,
                () if self.run.is_done(saga::SIGN) => ReliefState::Signed,
                () if self.run.is_done(saga::CONSENT) => ReliefState::Consented,
                () if self.run.is_done(saga::PROPOSE) => ReliefState::Proposed,
                () if self.run.is_done(saga::TRIAGE) => ReliefState::Triaged,
                () => ReliefState::Requested,
            },
        }
    }

    /// Whether nothing of the request itself is under way.
    pub fn has_ended(&self) -> bool {
        self.run.ending().is_some()
    }
}

fn conflict(code: &str, title: &str, detail: &str) -> Stop {
    Refusal::new(RefusalKind::Conflict, code, title, detail).into()
}

/// A borrower asks for relief.
///
/// # Errors
/// In this order: no living loan; no policy in force; a request is under way; two plans were broken.
pub(crate) fn request(w: &mut Origination, via: &str, reason: &str) -> Result<(), Stop> {
    let application = w.application()?;
    if !is_living(application) {
        return Err(conflict("NO_LOAN", "没有在贷", "只有已放款且未结清的贷款可以申请纾困。"));
    }
    if w.charter.relief_in_force(w.desk.at().date()).is_none() {
        return Err(conflict("POLICY_NOT_IN_FORCE", "纾困政策未施行", "只有在纾困政策施行期间可以申请纾困。"));
    }
    if application.reliefs.iter().any(|relief| !relief.has_ended()) {
        return Err(conflict("RELIEF_OPEN", "已有在办的纾困申请", "请等待在办的纾困申请结束，或先撤回。"));
    }
    let broken = application.reliefs.iter().filter(|relief| relief.state() == ReliefState::Broken).count();
    if broken > 1 {
        return Err(conflict("RELIEF_BROKEN", "不能再申请纾困", "此笔贷款的纾困方案已两次未能履行。"));
    }
    let no = u32::try_from(application.reliefs.len()).unwrap_or(u32::MAX).saturating_add(1);
    let relief = Relief {
        no,
        requested_at: w.desk.at(),
        via: via.to_owned(),
        reason: reason.to_owned(),
        run: Run::default(),
        plan: None,
        guaranteed_until: None,
        in_force_on: None,
        over: None,
    };
    w.desk.record(Fact::ReliefRequested { id: w.id.clone(), relief: Box::new(relief) })?;
    saga::start(w, no)
}

/// Whether there is a loan that is paid out and not paid back.
fn is_living(application: &Application) -> bool {
    application.receipt.is_some() && application.reversed_on.is_none() && application.life.settled.is_none()
}

/// The request that is under way.
fn open(w: &Origination) -> Result<&Relief, Stop> {
    let open = w.application()?.reliefs.iter().find(|relief| !relief.has_ended());
    open.ok_or_else(|| conflict("NO_RELIEF", "没有在办的纾困申请", "此笔贷款没有在办的纾困申请。"))
}

/// The officer finds the request worth a plan, or not.
pub(crate) fn triage(w: &mut Origination, actor: &Actor, declined: Option<ReliefDecline>) -> Result<(), Stop> {
    let verdict = declined.map_or(Verdict::Approve, |reason| Verdict::Refuse(Reason::Relief(reason)));
    decided(w, actor, saga::TRIAGE, verdict)
}

/// The borrower signs the plan.
pub(crate) fn sign(w: &mut Origination, actor: &Actor) -> Result<(), Stop> {
    decided(w, actor, saga::SIGN, Verdict::Approve)
}

fn decided(w: &mut Origination, actor: &Actor, step: &str, verdict: Verdict<Reason>) -> Result<(), Stop> {
    let no = open(w)?.no;
    let by = actor.person.clone();
    saga::drive(w, no, Event::Decided { step: step.into(), by, verdict })
}

/// The borrower does not want it any more.
pub(crate) fn withdraw(w: &mut Origination) -> Result<(), Stop> {
    let no = open(w)?.no;
    saga::drive(w, no, Event::Cancel { reason: Reason::Applicant(crate::vocabulary::Withdrawal::NoNeed) })
}

/// Time has passed.
pub(crate) fn tick(w: &mut Origination) -> Result<(), Stop> {
    let open: Vec<u32> = w.application()?.reliefs.iter().filter(|one| !one.has_ended()).map(|one| one.no).collect();
    for no in open {
        saga::drive(w, no, Event::Tick)?;
    }
    Ok(())
}

/// A partner answers what one of its steps asked.
pub(crate) fn answered(w: &mut Origination, no: u32, step: String, message: &Message) -> Result<(), Stop> {
    let key = message.key();
    let is_awaited = w.application()?.reliefs.iter().any(|relief| {
        relief.no == no
            && relief.run.step(&step).is_some_and(|run| {
                run.key.as_ref() == Some(&key)
                    && matches!(run.state, ::saga::State::Asked { .. } | ::saga::State::Closing { .. })
            })
    });
    let id = w.id.clone();
    let outcome = match message {
        Message::ReliefProposed(said) => match &said.proposal {
            ReliefProposal::Plan { plan } if !plan.is_intact(&saga::name(&id, no)) => {
                let reason = Reason::Contradiction(Contradiction::PlanHash);
                return saga::drive(w, no, Event::Contradicted { step, reason });
            }
            ReliefProposal::Plan { plan } => {
                if is_awaited {
                    w.desk.record(Fact::ReliefPlanned { id, no, plan: plan.clone() })?;
                }
                Outcome::Done
            }
            ReliefProposal::Declined { reason } => Outcome::Refused(Reason::Relief(*reason)),
        },
        Message::ReliefAnswered(said) => match &said.consent {
            ReliefConsent::Given { guaranteed_until } => {
                if is_awaited {
                    w.desk.record(Fact::ReliefConsented { id, no, guaranteed_until: *guaranteed_until })?;
                }
                Outcome::Done
            }
            ReliefConsent::Withheld { reason } => Outcome::Refused(Reason::Relief(*reason)),
        },
        Message::ScheduleSwitched(said) => match &said.report {
            SwitchReport::Switched { on } => {
                if is_awaited {
                    w.desk.record(Fact::ReliefInForce { id, no, on: *on })?;
                }
                Outcome::Done
            }
            SwitchReport::NotSwitched { why } => Outcome::Refused(Reason::NotSwitched(*why)),
            SwitchReport::Unknown => Outcome::Unknown,
            SwitchReport::Closed => Outcome::Closed,
        },
        Message::ReliefPlanWithdrawn(answer) | Message::ConsentRescinded(answer) => match &answer.refused {
            None => Outcome::Undone,
            Some(why) => Outcome::UndoRefused(Reason::Partner(why.clone())),
        },
        Message::GuarantorRefused(answer) | Message::BankRefused(answer) => {
            Outcome::Refused(Reason::Partner(format!("{:?}", answer.why)))
        }
        _ => Outcome::Done,
    };
    saga::drive(w, no, Event::Answered { step, key, outcome })
}

/// The bank says that the plan in force is over.
pub(crate) fn over(w: &mut Origination, no: u32, on: Date, kept: bool) -> Result<(), Stop> {
    let is_in_force = w.application()?.reliefs.iter().any(|one| one.no == no && one.state() == ReliefState::InForce);
    if !is_in_force {
        return Ok(());
    }
    let how = if kept { How::Kept } else { How::Broken };
    Ok(w.desk.record(Fact::ReliefOver { id: w.id.clone(), no, over: Over { on, how } })?)
}
