//! Who may give the bank which command: the first that is asked of it, here and at the edge. What the state, a task in hand or four
//! eyes say comes after. A command without a line does not compile.

use crate::{Command, Role};
use organisation::{charters::SIGNATORY, people::SUPERVISOR};

/// Opening the books.
pub const BOOKS: &[&str] = &[Role::Operator.code()];
/// Booking what the union has paid in.
pub const DEPOSIT: &[&str] = &[Role::Operations.code()];
/// The report on the credit.
pub const REPORT: &[&str] = &[Role::CreditInvestigator.code()];
/// The decision on the credit.
pub const CREDIT: &[&str] = &[Role::CreditApprover.code()];
/// The record of the loan contract.
pub const CONTRACT: &[&str] = &[Role::Operations.code()];
/// The payment's preparation, and that of its correction.
pub const PREPARATION: &[&str] = &[Role::PaymentMaker.code()];
/// The payment's release, and that of its correction.
pub const RELEASE: &[&str] = &[Role::PaymentChecker.code()];
/// Wanting a pay-out reversed.
pub const REVERSAL: &[&str] = &[Role::PaymentMaker.code()];
/// Booking what borrowers pay.
pub const REPAYMENT: &[&str] = &[Role::Operations.code()];
/// Preparing a cut-off list.
pub const SUBSIDY_LIST: &[&str] = &[Role::PaymentMaker.code()];
/// Its release.
pub const SUBSIDY_CHECK: &[&str] = &[Role::PaymentChecker.code()];
/// Booking that a subsidy came back.
pub const SUBSIDY_RETURN: &[&str] = &[Role::Operations.code()];
/// Proposing relief.
pub const RELIEF: &[&str] = &[Role::CreditInvestigator.code()];
/// A task's change of hands; which of them, its role and [`organisation::people::handed`] say.
pub const IN_HAND: &[&str] = &[
    Role::CreditInvestigator.code(),
    Role::CreditApprover.code(),
    Role::Operations.code(),
    Role::PaymentMaker.code(),
    Role::PaymentChecker.code(),
    SUPERVISOR,
];
/// Seeing the papers to decide on.
pub const PAPERS: &[&str] = &[Role::CreditInvestigator.code(), Role::CreditApprover.code(), Role::Operations.code()];
/// Closing an incident.
pub const INCIDENTS: &[&str] = &[Role::Operations.code(), Role::Operator.code()];

/// The organisation's answer to a charter.
pub const CHARTERS: &[&str] = &[SIGNATORY];

/// The roles of which an account needs one to give this command.
pub const fn of(command: &Command) -> &'static [&'static str] {
    match command {
        Command::OpenBooks { .. } => BOOKS,
        Command::ReceiveDeposit { .. } => DEPOSIT,
        Command::Investigate { .. } => REPORT,
        Command::DecideCredit { .. } => CREDIT,
        Command::SignLoanContract { .. } => CONTRACT,
        Command::PreparePayment { .. } | Command::PrepareCorrection { .. } => PREPARATION,
        Command::PrepareReversal { .. } => REVERSAL,
        Command::CheckPayment { .. } | Command::CheckCorrection { .. } | Command::CheckReversal { .. } => RELEASE,
        Command::ReceiveRepayment { .. }
        | Command::ReverseRepayment { .. }
        | Command::EnterUnidentified { .. }
        | Command::IdentifyMoney { .. } => REPAYMENT,
        Command::CheckIdentification { .. } => RELEASE,
        Command::ProposeRelief { .. } => RELIEF,
        Command::PrepareSubsidyList { .. } => SUBSIDY_LIST,
        Command::CheckSubsidyList { .. } => SUBSIDY_CHECK,
        Command::ReturnSubsidy { .. } => SUBSIDY_RETURN,
        Command::HandTask(_) => IN_HAND,
        Command::Charter(_) => CHARTERS,
        Command::AskForPapers { .. } => PAPERS,
        Command::ResolveIncident { .. } => INCIDENTS,
    }
}
