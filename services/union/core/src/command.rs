//! What people may tell the union to do. No personal data: the edge keeps that in the vault and hands over tokens.

use crate::{
    consultation::Consultation,
    programme::Control,
    renewal::Renewal,
    subsidy::CheckVerdict,
    ticket::{Act, Call, TicketId},
    vocabulary::{GreenReason, IntakeRejection, Withdrawal},
};
use contracts::{Firm, Paper, ReliefDecline, SubsidyRejection, Wish};
use domain::{ApplicationId, Date, Fen, subsidy::Period};
use organisation::{charters::Motion, people::Handover};
pub use saga::RepairAction;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A command to the union.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Opens the books with the deposit of the charter. Once.
    OpenBooks {
        /// The deposit, fen.
        deposit_fen: Fen,
    },
    /// Writes members of the register.
    LoadMembers {
        /// The members.
        members: Vec<MemberEntry>,
    },
    /// Files an application.
    Submit(Box<Form>),
    /// Decides "check eligibility".
    DecideEligibility {
        /// The application.
        application_id: ApplicationId,
        /// The decision.
        verdict: EligibilityVerdict,
    },
    /// The applicant withdraws.
    Withdraw {
        /// The application.
        application_id: ApplicationId,
        /// Why.
        reason: Withdrawal,
    },
    /// A borrower asks for relief.
    RequestRelief {
        /// The application.
        application_id: ApplicationId,
        /// Through which window: WINDOW, APP, WECHAT, DISTRICT, 12351.
        via: String,
        /// Why.
        reason: String,
    },
    /// Decides "triage relief".
    TriageRelief {
        /// The application.
        application_id: ApplicationId,
        /// Why there is none; none: the bank is asked for a plan.
        declined: Option<ReliefDecline>,
    },
    /// The borrower signs the relief plan.
    SignRelief {
        /// The application.
        application_id: ApplicationId,
    },
    /// The borrower does not want relief any more.
    WithdrawRelief {
        /// The application.
        application_id: ApplicationId,
    },
    /// A borrower claims back interest.
    ClaimSubsidy {
        /// The application.
        application_id: ApplicationId,
        /// The period; none: the one that can be claimed.
        period: Option<Period>,
        /// The numbers of the receipts handed in.
        vouchers: BTreeSet<u32>,
    },
    /// Decides "check subsidy".
    CheckSubsidy {
        /// The application.
        application_id: ApplicationId,
        /// The decision.
        verdict: CheckVerdict,
    },
    /// A borrower answers what the checker asked.
    AnswerSubsidyQuery {
        /// The application.
        application_id: ApplicationId,
        /// The numbers of further receipts.
        vouchers: BTreeSet<u32>,
    },
    /// Decides "approve subsidy".
    ApproveSubsidy {
        /// The application.
        application_id: ApplicationId,
        /// Why it is rejected; none: it is approved.
        rejected: Option<SubsidyRejection>,
    },
    /// A borrower has another account for a subsidy that came back.
    PaySubsidyAgain {
        /// The application.
        application_id: ApplicationId,
        /// Token of the account in the vault.
        account: String,
    },
    /// An agent of the hotline takes a call.
    TakeCall(Call),
    /// Something is done with a ticket.
    ActOnTicket {
        /// The ticket.
        ticket_id: TicketId,
        /// What.
        act: Act,
    },
    /// A consultation is recorded.
    RecordConsultation(Consultation),
    /// Something about a charter of the programme; by two signatories.
    Charter(Motion),
    /// A task changes hands.
    HandTask(Handover),
    /// A paper is handed in; the edge keeps its bytes.
    SupplyPaper {
        /// The application.
        application_id: ApplicationId,
        /// Which.
        paper: Paper,
    },
    /// Proposes what concerns the programme as a whole, or confirms what another person has proposed.
    Control {
        /// What.
        control: Control,
        /// Why.
        because: String,
    },
    /// Takes back what is proposed.
    DropProposal {
        /// Why.
        because: String,
    },
    /// An operator, or the owner of its incident, repairs a stuck step.
    Repair {
        /// The application.
        application_id: ApplicationId,
        /// The step.
        step: String,
        /// What to do.
        action: Repair,
    },
}

impl Command {
    /// The application that the command is about, if it is known before it is decided.
    pub fn application_id(&self) -> Option<&ApplicationId> {
        match self {
            Command::OpenBooks { .. }
            | Command::Charter(_)
            | Command::LoadMembers { .. }
            | Command::Submit(_)
            | Command::RecordConsultation(_)
            | Command::Control { .. }
            | Command::DropProposal { .. } => None,
            Command::TakeCall(call) => call.application_id.as_ref(),
            Command::ActOnTicket { act, .. } => act.application_id(),
            Command::DecideEligibility { application_id, .. }
            | Command::Withdraw { application_id, .. }
            | Command::RequestRelief { application_id, .. }
            | Command::TriageRelief { application_id, .. }
            | Command::SignRelief { application_id }
            | Command::WithdrawRelief { application_id }
            | Command::ClaimSubsidy { application_id, .. }
            | Command::CheckSubsidy { application_id, .. }
            | Command::AnswerSubsidyQuery { application_id, .. }
            | Command::ApproveSubsidy { application_id, .. }
            | Command::PaySubsidyAgain { application_id, .. }
            | Command::HandTask(Handover { application_id, .. })
            | Command::SupplyPaper { application_id, .. }
            | Command::Repair { application_id, .. } => Some(application_id),
        }
    }
}

/// A member of the register: a pseudonym of number, name, identity and union together, and when it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberEntry {
    /// The pseudonym.
    pub member: String,
    /// Number of the primary union; none: it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub union_org: Option<String>,
    /// First day.
    pub from: Date,
    /// Last day; none: open.
    pub to: Option<Date>,
}

/// An application as it is filed: facts that the edge has validated and derived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Form {
    /// WINDOW, APP, WECHAT, DISTRICT, 12351.
    pub intake_channel: String,
    /// The firm.
    pub firm: Firm,
    /// What it asks for.
    pub wish: Wish,
    /// Last day of the business licence; none: without end.
    pub licence_valid_to: Option<Date>,
    /// Age of the legal representative on the day, full years.
    pub legal_rep_age: u16,
    /// The same on the last day of the loan, if it were paid out on the day of filing. Builds that did not look at it left it
    /// out of their journals.
    #[serde(default)]
    pub legal_rep_age_at_maturity: u16,
    /// Whether the business address is in Beijing.
    pub in_beijing: bool,
    /// Pseudonym of the member, as in [`MemberEntry`].
    pub member: String,
    /// Number of the primary union.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub union_org: Option<String>,
    /// Token of the personal data in the vault.
    pub vault_token: String,
    /// Version of the consent to a credit-registry query.
    pub credit_query_consent: String,
    /// Why it is to go through the green channel; none: STANDARD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub green: Option<GreenReason>,
    /// What it renews; none: it is no renewal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<Renewal>,
    /// An application of the same firm that ended unpaid, of which this is another try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reapplication_of: Option<ApplicationId>,
}

/// What the intake officer decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum EligibilityVerdict {
    /// Eligible.
    Approve,
    /// Not eligible.
    Reject {
        /// Why.
        reason: IntakeRejection,
    },
    /// Papers are missing.
    AskForPapers,
    /// The papers have come.
    PapersSupplied,
    /// It shall go through the green channel; the check begins anew there, with its deadline.
    FlagGreen,
}

/// What an operator does about a stuck step, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// What is done.
    pub action: RepairAction,
    /// Why, and for a step that is settled by hand what was done instead. In journals of builds that took no reason for a
    /// retry it is missing.
    #[serde(default)]
    pub because: String,
}
