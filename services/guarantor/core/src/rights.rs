//! Who may give the guarantor which command: the first that is asked of it, here and at the edge. What the state, a task in hand or
//! four eyes say comes after. A command without a line does not compile.

use crate::{Command, Role};
use organisation::{charters::SIGNATORY, people::SUPERVISOR};

/// Opening the books.
pub const BOOKS: &[&str] = &[Role::Operator.code()];
/// The opinion.
pub const OPINION: &[&str] = &[Role::RiskManager.code()];
/// The record of the contracts.
pub const CONTRACTS: &[&str] = &[Role::ContractOfficer.code()];
/// The letter's draft.
pub const DRAFT: &[&str] = &[Role::LetterMaker.code()];
/// The letter's release.
pub const RELEASE: &[&str] = &[Role::LetterChecker.code()];
/// The consent to a relief plan.
pub const RELIEF: &[&str] = &[Role::RiskManager.code()];
/// A task's change of hands; which of them, its role and [`organisation::people::handed`] say.
pub const IN_HAND: &[&str] = &[
    Role::RiskManager.code(),
    Role::ContractOfficer.code(),
    Role::LetterMaker.code(),
    Role::LetterChecker.code(),
    SUPERVISOR,
];
/// Seeing the papers to decide on.
pub const PAPERS: &[&str] = &[Role::RiskManager.code(), Role::ContractOfficer.code()];
/// Closing an incident.
pub const INCIDENTS: &[&str] = &[Role::RiskManager.code(), Role::Operator.code()];

/// The organisation's answer to a charter.
pub const CHARTERS: &[&str] = &[SIGNATORY];

/// The roles of which an account needs one to give this command.
pub const fn of(command: &Command) -> &'static [&'static str] {
    match command {
        Command::OpenBooks { .. } => BOOKS,
        Command::Assess { .. } => OPINION,
        Command::SignContracts { .. } => CONTRACTS,
        Command::PrepareLetter { .. } => DRAFT,
        Command::CheckLetter { .. } => RELEASE,
        Command::ConsentRelief { .. } => RELIEF,
        Command::HandTask(_) => IN_HAND,
        Command::Charter(_) => CHARTERS,
        Command::AskForPapers { .. } => PAPERS,
        Command::ResolveIncident { .. } => INCIDENTS,
    }
}
