//! An application as the union keeps it: what was filed, what the partners answered, and the saga's run.

use crate::{
    Reason, Role, relief::Relief, renewal::Renewal, subsidy::Claim, ticket::TicketId, vocabulary::GreenReason,
};
use contracts::{DisbursementReceipt, DisbursementReport, Firm, Letter, LoanLife, Wish};
use domain::{Amount, ApplicationId, CharterHash, Date, Fen, Moment, Ppm, schedule::Method};
use saga::{IllegalTransition, Person, Phase, Run, State};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One application (DOMAIN.md section 4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Application {
    /// Number given at submission.
    pub id: ApplicationId,
    /// The charter it was filed under, to which it stays pinned.
    pub charter: CharterHash,
    /// When it was filed.
    pub filed_at: Moment,
    /// Through which window it came: WINDOW, APP, WECHAT, DISTRICT, 12351.
    pub intake_channel: String,
    /// The firm.
    pub firm: Firm,
    /// What it asks for; the amount as asked.
    pub wish: Wish,
    /// Pseudonym of the member in the union's register.
    pub member: String,
    /// Number of the primary union; none in what older builds filed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub union_org: Option<String>,
    /// Token of the personal data in the vault.
    pub vault_token: String,
    /// Version of the consent to a credit-registry query.
    pub credit_query_consent: String,
    /// The green channel, if it was ever to go through it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub green: Option<Green>,
    /// What it renews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<Renewal>,
    /// The application of which it is another try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reapplication_of: Option<ApplicationId>,
    /// That its pay-out waits for the loan that it renews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for_old: Option<WaitsForOld>,
    /// The saga.
    pub run: Run<Role, Reason>,
    /// The state in which it turned back, or ended without a pay-out: before DISBURSING, from which it comes back first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turned_back_at: Option<ApplicationState>,
    /// What the register said of the member, each time it was looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub membership: Vec<Evidence>,
    /// Evidence of eligibility; none before it is found eligible, or once voided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<Recommendation>,
    /// Whether what keeps it from its reservation is that lending is suspended (S13).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits_for_programme: bool,
    /// The reservation, whatever became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<Reservation>,
    /// The guarantor's opinion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opinion: Option<Opinion>,
    /// The bank's approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// The letter, as the guarantor told the union.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter: Option<Letter>,
    /// Number of the loan contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract_no: Option<String>,
    /// Proof of the pay-out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<DisbursementReceipt>,
    /// The day on which the bank reversed that pay-out: there is no loan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversed_on: Option<Date>,
    /// What the bank has reported of the loan since.
    #[serde(default, skip_serializing_if = "LoanLife::is_empty")]
    pub life: LoanLife,
    /// The requests for relief, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reliefs: Vec<Relief>,
    /// The claims for subsidies, one a period.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Claim>,
    /// The file in the archive, once the application is settled by a pay-out and the applicant told so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<Archived>,
    /// What the bank signed about the pay-out and contradicts the rest; it counts for nothing until people have settled it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disputed: Vec<Disputed>,
    /// What partners signed in answer to the other steps and does not fit what they were asked; it counts for nothing either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disputed_answers: Vec<DisputedAnswer>,
    /// Tickets of the hotline that are about it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tickets: BTreeSet<TicketId>,
}

/// A pay-out waits for the loan that it renews.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitsForOld {
    /// On which day that was settled; the pay-out is on a later one. None: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_on: Option<Date>,
    /// From which day on the pay-out that repays it can be ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_on: Option<Date>,
}

/// How an application goes through the green channel (S2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Green {
    /// Why.
    pub reason: GreenReason,
    /// The officer who flagged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flagged_by: Option<Person>,
    /// It is to be paid out by then, or goes on as STANDARD.
    pub until: Moment,
    /// Since when it goes on as STANDARD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_on: Option<Date>,
}

impl Application {
    /// Whether it goes through the green channel now.
    pub fn is_green(&self) -> bool {
        self.green.as_ref().is_some_and(|green| green.left_on.is_none())
    }

    /// When it leaves the green channel: when it is not found eligible in time, or not paid out in time. What is being undone
    /// goes on nowhere.
    pub fn leaves_green_at(&self) -> Option<Moment> {
        let goes_on = matches!(self.run.phase, Phase::Forward) && !self.run.pivot_passed;
        let green = self.green.as_ref().filter(|green| goes_on && green.left_on.is_none())?;
        Some(self.check_due_at().map_or(green.until, |due_at| due_at.min(green.until)))
    }

    /// Until when the check of eligibility should be done, while it is to be done and waits for nobody else's papers.
    pub fn check_due_at(&self) -> Option<Moment> {
        match self.run.state("check eligibility") {
            Some(State::Deciding { task }) if task.suspended.is_none() => Some(task.due_at()),
            _ => None,
        }
    }
}

/// The file of a settled application in the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// Its number there.
    pub number: String,
    /// Since when; on this day the applicant was told, too.
    pub on: Date,
}

/// A report that excludes what was known when it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disputed {
    /// The key that it is about.
    pub key: String,
    /// What the bank said.
    pub report: DisbursementReport,
}

/// An answer that does not fit what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputedAnswer {
    /// The key that it is about.
    pub key: String,
    /// What of it does not fit.
    pub said: Said,
}

/// What of an answer does not fit what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// Its amount, fen.
    AmountFen(Amount),
    /// Its letter.
    Letter(Letter),
    /// The charter that it is given under.
    Charter(CharterHash),
}

/// A look at the register: dated evidence of membership (DOMAIN.md section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Why it was looked at.
    pub occasion: Occasion,
    /// On which day.
    pub on: Date,
    /// Since when the membership holds that holds on that day; none: the register knows no such member then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Date>,
    /// Its last day, as the register knew it; none: open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
}

/// Why the register is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Occasion {
    /// The application is filed: what it says decides nothing yet.
    Filing,
    /// The officer finds the firm eligible.
    Eligibility,
    /// The pay-out is about to be ordered.
    PayOut,
}

/// The union's recommendation, with the day of its evidence of membership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// Names the evidence.
    pub evidence: String,
    /// Day on which membership was last verified against the register.
    #[serde(rename = "membership_verified_on")]
    pub verified_on: Date,
}

/// A share of the fund behind one application (DOMAIN.md section 4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Names it to the partners.
    pub id: String,
    /// Principal that it covers, fen.
    pub exposure_fen: Amount,
    /// Share of the fund it holds: `ceil(exposure / multiple)`, fen.
    pub reserved_fen: Fen,
    /// Principal of the old loan that it is to repay and that the fund stands behind already: only what goes beyond it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolls: Option<Fen>,
    /// Principal that is still owed, once the first of it was paid back, fen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outstanding_fen: Option<Fen>,
    /// The last day until which it covers the loan, once a relief plan has moved that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covers_until: Option<Date>,
    /// HELD, COMMITTED, ROLLED or RELEASED.
    pub state: ReservationState,
}

impl Reservation {
    /// Principal that the fund stands behind: what was approved, and once it is paid back what is still owed.
    pub fn exposed(&self) -> Fen {
        self.outstanding_fen.unwrap_or_else(|| beyond(self.exposure_fen.fen(), self.rolls))
    }

    /// How it comes to stand behind its loan.
    pub const fn commitment(&self) -> ReservationInput {
        if self.rolls.is_some() { ReservationInput::Roll } else { ReservationInput::Commit }
    }
}

/// What of a principal goes beyond the old one that it repays.
pub fn beyond(principal: Fen, rolls: Option<Fen>) -> Fen {
    let rolls = rolls.unwrap_or(Fen::ZERO);
    principal.checked_sub(rolls).unwrap_or(Fen::ZERO).max(Fen::ZERO)
}

/// What has become of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReservationState {
    /// Held for an application.
    Held,
    /// Behind a loan that is paid out.
    Committed,
    /// The same, where that loan has repaid another: the old one's share rolled over.
    Rolled,
    /// Given back.
    Released,
}

/// What happens to a reservation until the pay-out; what a living loan does with it comes after origination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReservationInput {
    /// The loan is paid out and the letter effective.
    Commit,
    /// The same, and the old loan is repaid by it.
    Roll,
    /// It is given back.
    Release,
}

impl ReservationInput {
    /// Every input.
    pub const ALL: [ReservationInput; 3] =
        [ReservationInput::Commit, ReservationInput::Roll, ReservationInput::Release];
}

impl ReservationState {
    /// Every state.
    pub const ALL: [ReservationState; 4] =
        [ReservationState::Held, ReservationState::Committed, ReservationState::Rolled, ReservationState::Released];

    /// Whether it stands behind a loan that is paid out.
    pub const fn stands(self) -> bool {
        matches!(self, ReservationState::Committed | ReservationState::Rolled)
    }

    /// The state after this input; the only place that knows.
    ///
    /// # Errors
    /// The input does not fit the state; the error names both.
    pub fn on(self, input: ReservationInput) -> Result<ReservationState, IllegalTransition> {
        match (self, input) {
            (ReservationState::Held, ReservationInput::Commit) => Ok(ReservationState::Committed),
            (ReservationState::Held, ReservationInput::Roll) => Ok(ReservationState::Rolled),
            (
                ReservationState::Held | ReservationState::Committed | ReservationState::Rolled,
                ReservationInput::Release,
            ) => Ok(ReservationState::Released),
            (state, input) => Err(IllegalTransition { state: format!("{state:?}"), input: format!("{input:?}") }),
        }
    }
}

/// What the guarantor agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    /// Principal it will guarantee, fen.
    pub amount_fen: Amount,
    /// Conditions, in words.
    pub conditions: Vec<String>,
}

/// What the bank approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Principal, fen.
    pub amount_fen: Amount,
    /// Contract rate, ppm a year.
    pub rate_ppm: Ppm,
    /// Repayment method.
    pub method: Method,
}

/// The state of an application in the words of DOMAIN.md section 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ApplicationState {
    /// Found nothing wrong yet, waits for the intake officer.
    IntakeReview,
    /// Papers are missing.
    NeedDocs,
    /// The fund is short, waits in the queue.
    Queued,
    /// Waits for the guarantor's opinion.
    GuaranteeReview,
    /// Waits for the bank's approval.
    CreditReview,
    /// Contracts and letter are being made.
    Contracting,
    /// Everything is ready for pay-out; the bank may have the order already.
    Ready,
    /// Whether the bank has paid out is not known: it does not know itself, or was told to leave it and has not answered.
    Disbursing,
    /// Paid out; letter and reservation follow.
    Disbursed,
    /// Paid out, and reversed by the bank on the same day: there is no loan.
    Reversed,
    /// Turning back: partners undo what they did.
    Compensating,
    /// Turned down by the union.
    IntakeRejected,
    /// Turned down by the guarantor.
    GuaranteeDeclined,
    /// Turned down by the bank.
    CreditDeclined,
    /// Withdrawn by the applicant.
    Withdrawn,
    /// Ended by a deadline.
    Expired,
}

impl ApplicationState {
    /// The code of DOMAIN.md section 4.
    pub const fn code(self) -> &'static str {
        match self {
            ApplicationState::IntakeReview => "INTAKE_REVIEW",
            ApplicationState::NeedDocs => "NEED_DOCS",
            ApplicationState::Queued => "QUEUED",
            ApplicationState::GuaranteeReview => "GUARANTEE_REVIEW",
            ApplicationState::CreditReview => "CREDIT_REVIEW",
            ApplicationState::Contracting => "CONTRACTING",
            ApplicationState::Ready => "READY",
            ApplicationState::Disbursing => "DISBURSING",
            ApplicationState::Disbursed => "DISBURSED",
            ApplicationState::Reversed => "REVERSED",
            ApplicationState::Compensating => "COMPENSATING",
            ApplicationState::IntakeRejected => "INTAKE_REJECTED",
            ApplicationState::GuaranteeDeclined => "GUARANTEE_DECLINED",
            ApplicationState::CreditDeclined => "CREDIT_DECLINED",
            ApplicationState::Withdrawn => "WITHDRAWN",
            ApplicationState::Expired => "EXPIRED",
        }
    }
}

impl ApplicationState {
    /// Every state.
    pub const ALL: [ApplicationState; 16] = [
        ApplicationState::IntakeReview,
        ApplicationState::NeedDocs,
        ApplicationState::Queued,
        ApplicationState::GuaranteeReview,
        ApplicationState::CreditReview,
        ApplicationState::Contracting,
        ApplicationState::Ready,
        ApplicationState::Disbursing,
        ApplicationState::Disbursed,
        ApplicationState::Reversed,
        ApplicationState::Compensating,
        ApplicationState::IntakeRejected,
        ApplicationState::GuaranteeDeclined,
        ApplicationState::CreditDeclined,
        ApplicationState::Withdrawn,
        ApplicationState::Expired,
    ];

    /// Where it may go from here on the way forward. The green channel asks guarantor and bank together, so that the bank's no may come
    /// first, and both approvals at once.
    const fn onward(self) -> &'static [ApplicationState] {
        use ApplicationState as S;
        match self {
            S::IntakeReview => &[S::NeedDocs, S::Queued, S::GuaranteeReview, S::IntakeRejected],
            S::NeedDocs => &[S::IntakeReview, S::IntakeRejected],
            S::Queued => &[S::GuaranteeReview],
            S::GuaranteeReview => &[S::CreditReview, S::Contracting, S::GuaranteeDeclined, S::CreditDeclined],
            S::CreditReview => &[S::Contracting, S::CreditDeclined],
            S::Contracting => &[S::Ready, S::GuaranteeDeclined, S::CreditDeclined],
            S::Ready => &[S::Disbursing, S::Disbursed, S::IntakeRejected],
            S::Disbursing => &[S::Disbursed, S::Ready],
            S::Disbursed => &[S::Reversed],
            S::Compensating => &[S::IntakeRejected, S::GuaranteeDeclined, S::CreditDeclined, S::Withdrawn, S::Expired],
            S::Reversed | S::IntakeRejected | S::GuaranteeDeclined | S::CreditDeclined | S::Withdrawn | S::Expired => {
                &[]
            }
        }
    }

    /// Whether it has ended, well or not. A pay-out is the end of an application; what comes then is its loan's, or the bank's reversal
    /// on the same day.
    pub fn is_final(self) -> bool {
        self == ApplicationState::Disbursed || self.onward().is_empty()
    }

    /// The machine of DOMAIN.md section 4: the one place that knows where an application may go. Until the pay-out is ordered it may
    /// turn back, be withdrawn or expire; where nothing is to be undone it does so at once.
    ///
    /// # Errors
    /// It may not go there; the error names both states.
    pub fn on(self, to: ApplicationState) -> Result<ApplicationState, IllegalTransition> {
        use ApplicationState as S;
        // While it is being paid out the bank's answer comes first.
        let may_turn = !self.is_final() && !matches!(self, S::Disbursing | S::Compensating);
        let ends = may_turn && matches!(to, S::Compensating | S::Withdrawn | S::Expired);
        if ends || self.onward().contains(&to) {
            return Ok(to);
        }
        Err(IllegalTransition { state: format!("{self:?}"), input: format!("{to:?}") })
    }

    /// Whether it may come there in one step or several: one decision may take more than one.
    pub fn leads_to(self, to: ApplicationState) -> bool {
        let (mut reached, mut open) = (vec![self], vec![self]);
        while let Some(state) = open.pop() {
            for next in Self::ALL {
                if state.on(next).is_ok() && !reached.contains(&next) {
                    reached.push(next);
                    open.push(next);
                }
            }
        }
        reached.contains(&to)
    }
}
