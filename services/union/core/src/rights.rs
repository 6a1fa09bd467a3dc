//! Who may give the union which command: the first that is asked of it, here and at the edge. What the state, a task in hand or four
//! eyes say comes after; that an applicant acts on an application of its own is the edge's to see. A command without a line does not
//! compile.

use crate::{Command, Role, command::Form, ticket::Act, vocabulary::GreenReason};
use organisation::{charters::SIGNATORY, people::SUPERVISOR};

/// Opening the books and writing the register.
pub const BOOKS: &[&str] = &[Role::Operator.code()];
/// Filing, handing in papers, withdrawing; asking for relief and signing its plan; claiming a
/// subsidy.
pub const FILING: &[&str] = &["applicant", Role::IntakeOfficer.code()];
/// The check of eligibility, and what only an officer may say of an application that is filed.
pub const INTAKE: &[&str] = &[Role::IntakeOfficer.code()];
/// Taking calls, dispatching them, asking how the reply was found; recording consultations.
pub const HOTLINE: &[&str] = &[Role::HotlineAgent.code()];
/// Dealing with what was dispatched.
pub const TICKETS: &[&str] = &[Role::IntakeOfficer.code()];
/// Replying to a ticket: the unit, or who supervises it.
pub const REPLIES: &[&str] = &[Role::IntakeOfficer.code(), Role::Approver.code()];
/// Granting a ticket more time.
pub const EXTENSIONS: &[&str] = &[Role::Approver.code()];
/// Saying which application a ticket is about; asking for relief for whoever calls.
pub const LINKS: &[&str] = &[Role::IntakeOfficer.code(), Role::HotlineAgent.code()];
/// A task's change of hands; which of them, its role and [`organisation::people::handed`] say.
pub const IN_HAND: &[&str] =
    &[Role::IntakeOfficer.code(), Role::SubsidyChecker.code(), Role::Approver.code(), SUPERVISOR];
/// The check of a claim for a subsidy.
pub const SUBSIDY_CHECK: &[&str] = &[Role::SubsidyChecker.code()];
/// Its approval, by another person.
pub const SUBSIDY_APPROVAL: &[&str] = &[Role::Approver.code()];
/// What concerns the programme as a whole.
pub const CONTROL: &[&str] = &[Role::FundManager.code(), Role::Approver.code()];
/// Repairing a step; whoever owns no incident of it has to be an operator.
pub const REPAIR: &[&str] = &[Role::Operator.code(), Role::FundManager.code()];

/// The organisation's answer to a charter.
pub const CHARTERS: &[&str] = &[SIGNATORY];

/// The roles of which an account needs one to give this command.
pub fn of(command: &Command) -> &'static [&'static str] {
    match command {
        Command::OpenBooks { .. } | Command::LoadMembers { .. } => BOOKS,
        Command::Submit(form) => of_filing(form),
        Command::Withdraw { .. }
        | Command::SupplyPaper { .. }
        | Command::RequestRelief { .. }
        | Command::SignRelief { .. }
        | Command::WithdrawRelief { .. }
        | Command::ClaimSubsidy { .. }
        | Command::AnswerSubsidyQuery { .. }
        | Command::PaySubsidyAgain { .. } => FILING,
        Command::CheckSubsidy { .. } => SUBSIDY_CHECK,
        Command::ApproveSubsidy { .. } => SUBSIDY_APPROVAL,
        Command::DecideEligibility { .. } | Command::TriageRelief { .. } => INTAKE,
        Command::TakeCall(_) | Command::RecordConsultation(_) => HOTLINE,
        Command::ActOnTicket { act, .. } => of_act(act),
        Command::HandTask(_) => IN_HAND,
        Command::Charter(_) => CHARTERS,
        Command::Control { .. } | Command::DropProposal { .. } => CONTROL,
        Command::Repair { .. } => REPAIR,
    }
}

/// The roles of which an account needs one to do this with a ticket. Which of them it waits for, its task says.
pub const fn of_act(act: &Act) -> &'static [&'static str] {
    match act {
        Act::AnswerAtOnce { .. } | Act::Dispatch { .. } | Act::Visit { .. } | Act::Close => HOTLINE,
        Act::SignFor | Act::Return { .. } | Act::Begin | Act::AskExtension { .. } => TICKETS,
        Act::Reply { .. } => REPLIES,
        Act::DecideExtension { .. } => EXTENSIONS,
        Act::Link { .. } | Act::StartRelief { .. } => LINKS,
    }
}

const fn of_filing(form: &Form) -> &'static [&'static str] {
    match form.green {
        Some(GreenReason::OfficerFlag) => INTAKE,
        Some(GreenReason::HitIndustry) | None => FILING,
    }
}
