//! What people may tell the bank to do: one command a decision. No personal data.

use crate::unidentified::Purpose;
use contracts::{CreditDecline, ReliefDecline};
use domain::{Amount, ApplicationId, Date, Fen, Method, Ppm, loan::Measure, subsidy::Period};
use organisation::{charters::Motion, people::Handover};
use serde::{Deserialize, Serialize};

/// A command to the bank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Opens the books with the union's deposit. Once; by an operator.
    OpenBooks {
        /// The deposit, fen.
        deposit_fen: Fen,
    },
    /// Books what the union has paid into its deposit besides, once a reference; by operations.
    ReceiveDeposit {
        /// The reference of the payment, as it came with it.
        reference: String,
        /// How much, fen.
        amount_fen: Amount,
        /// What for.
        #[serde(default)]
        purpose: DepositPurpose,
    },
    /// Prepares the cut-off list of a period. By the payment maker.
    PrepareSubsidyList {
        /// The period.
        period: Period,
    },
    /// Releases a prepared list, or sends it back. By the payment checker.
    CheckSubsidyList {
        /// The period.
        period: Period,
        /// The decision.
        verdict: ListCheck,
    },
    /// A subsidy came back: the borrower's account does not take it. By operations.
    ReturnSubsidy {
        /// The application.
        application_id: ApplicationId,
        /// The period that it was for.
        period: Period,
        /// Why.
        because: String,
    },
    /// Reports on the credit; by a credit investigator.
    Investigate {
        /// The application.
        application_id: ApplicationId,
        /// What was found.
        finding: Finding,
    },
    /// Decides on the credit; by a credit approver who did not investigate it.
    DecideCredit {
        /// The application.
        application_id: ApplicationId,
        /// The decision.
        verdict: CreditVerdict,
    },
    /// Records that borrower and bank signed the loan contract; by operations.
    SignLoanContract {
        /// The application.
        application_id: ApplicationId,
    },
    /// Prepares the payment; by a payment maker.
    PreparePayment {
        /// The application.
        application_id: ApplicationId,
    },
    /// Releases a prepared payment, or sends it back; by a payment checker who did not prepare it.
    CheckPayment {
        /// The application.
        application_id: ApplicationId,
        /// The decision.
        verdict: PaymentCheck,
    },
    /// Enters the account to which money in suspense goes instead; by a payment maker.
    PrepareCorrection {
        /// The application.
        application_id: ApplicationId,
        /// Token of the account in the vault.
        account: String,
    },
    /// Releases the correction, or sends it back; by a payment checker who did not prepare it.
    CheckCorrection {
        /// The application.
        application_id: ApplicationId,
        /// The decision.
        verdict: CorrectionCheck,
    },
    /// Wants a pay-out of today reversed. By the payment maker.
    PrepareReversal {
        /// The application.
        application_id: ApplicationId,
        /// Why it should not have been made.
        because: String,
    },
    /// Releases the reversal, or sends it back. By the payment checker.
    CheckReversal {
        /// The application.
        application_id: ApplicationId,
        /// The decision.
        verdict: ReversalCheck,
    },
    /// Money has come for a loan. By operations.
    ReceiveRepayment {
        /// The application.
        application_id: ApplicationId,
        /// The bank's reference of the money: once in all its books.
        reference: String,
        /// Value date: the day on which it counts, today or before.
        value_date: Date,
        /// How much, fen; not more than is owed on that day.
        amount_fen: Amount,
        /// What it is for.
        kind: RepaymentKind,
    },
    /// Money has come of which nobody knows for which loan. By operations.
    EnterUnidentified {
        /// The bank's reference of it: once in all its books.
        reference: String,
        /// The day on which it came.
        value_date: Date,
        /// How much, fen.
        amount_fen: Amount,
        /// What is known of it.
        note: String,
    },
    /// Says for which loan it is, or that it goes back. By operations.
    IdentifyMoney {
        /// Its reference.
        reference: String,
        /// What is to be done with it.
        purpose: Purpose,
    },
    /// Releases that, or sends it back. By a payment checker who did not propose it.
    CheckIdentification {
        /// Its reference.
        reference: String,
        /// The decision.
        verdict: IdentificationCheck,
    },
    /// A receipt was wrong. By operations.
    ReverseRepayment {
        /// The application.
        application_id: ApplicationId,
        /// The receipt's number within the loan, from 1.
        receipt: u32,
        /// What was wrong.
        because: String,
    },
    /// Proposes a relief plan, or none. By a credit investigator.
    ProposeRelief {
        /// The application.
        application_id: ApplicationId,
        /// What is proposed.
        verdict: ReliefVerdict,
    },
    /// Something about a charter of the programme; by two signatories.
    Charter(Motion),
    /// A task changes hands.
    HandTask(Handover),
    /// Asks the union for the papers that this organisation may have.
    AskForPapers {
        /// The application.
        application_id: ApplicationId,
        /// Public key of the letterbox that was made for them.
        letterbox: String,
    },
    /// Closes an incident with a reason; changes nothing else. By the incident's owner or an operator.
    ResolveIncident {
        /// The application.
        application_id: ApplicationId,
        /// The incident's number within the case, from 1.
        number: u32,
        /// What was found and done.
        because: String,
    },
}

impl Command {
    /// The application that the command is about; none for the books.
    pub const fn application_id(&self) -> Option<&ApplicationId> {
        match self {
            Command::OpenBooks { .. }
            | Command::ReceiveDeposit { .. }
            | Command::PrepareSubsidyList { .. }
            | Command::CheckSubsidyList { .. }
            | Command::EnterUnidentified { .. }
            | Command::CheckIdentification { .. }
            | Command::IdentifyMoney { purpose: Purpose::GiveBack { .. }, .. }
            | Command::Charter(_) => None,
            Command::IdentifyMoney { purpose: Purpose::Assign { application_id }, .. } => Some(application_id),
            Command::Investigate { application_id, .. }
            | Command::DecideCredit { application_id, .. }
            | Command::SignLoanContract { application_id }
            | Command::PreparePayment { application_id }
            | Command::CheckPayment { application_id, .. }
            | Command::PrepareCorrection { application_id, .. }
            | Command::CheckCorrection { application_id, .. }
            | Command::PrepareReversal { application_id, .. }
            | Command::CheckReversal { application_id, .. }
            | Command::ReceiveRepayment { application_id, .. }
            | Command::ReverseRepayment { application_id, .. }
            | Command::ProposeRelief { application_id, .. }
            | Command::ReturnSubsidy { application_id, .. }
            | Command::HandTask(Handover { application_id, .. })
            | Command::AskForPapers { application_id, .. }
            | Command::ResolveIncident { application_id, .. } => Some(application_id),
        }
    }
}

/// What the union pays in for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DepositPurpose {
    /// Its guarantee deposit: B2012.
    #[default]
    Guarantee,
    /// Interest subsidies: B2013.
    Subsidy,
}

/// What the payment checker decides about a cut-off list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum ListCheck {
    /// The union gets it.
    Release,
    /// Back to the maker.
    Return {
        /// What is wrong with it.
        because: String,
    },
}

/// What the payment checker decides about money of which somebody says whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum IdentificationCheck {
    /// It is booked so.
    Release,
    /// Back to who said so.
    Return {
        /// What is wrong with it.
        because: String,
    },
}

/// What a repayment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepaymentKind {
    /// What is owed on its value date.
    Scheduled,
    /// The whole loan before its maturity, with today's value: exactly what is owed then.
    Early,
    /// A part of the principal before its day, with today's value: exactly that part, the interest on it, and what is owed today.
    Part {
        /// The part, fen.
        principal_fen: Amount,
    },
}

/// What the bank proposes to a borrower who asks for relief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum ReliefVerdict {
    /// A plan.
    Propose {
        /// Its measures, in the order in which they are taken.
        measures: Vec<Measure>,
    },
    /// None.
    Decline {
        /// Why.
        reason: ReliefDecline,
    },
}

/// What the investigator reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// The loan should be granted.
    Recommend {
        /// Principal, fen; not above the one asked.
        amount_fen: Amount,
        /// Contract rate, ppm a year; not above the charter's cap on the day.
        rate_ppm: Ppm,
        /// Repayment method.
        method: Method,
    },
    /// It should not.
    Advise {
        /// Why.
        decline: CreditDecline,
    },
}

/// What the approver decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum CreditVerdict {
    /// The bank will lend.
    Approve {
        /// Principal, fen; not above what was recommended.
        amount_fen: Amount,
        /// Contract rate, ppm a year; not above the charter's cap on the day.
        rate_ppm: Ppm,
        /// Repayment method.
        method: Method,
    },
    /// It will not.
    Decline {
        /// Why.
        reason: CreditDecline,
    },
    /// Back to the investigator, for another report.
    Return {
        /// What is wrong with it.
        because: String,
    },
}

/// What the payment checker decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum PaymentCheck {
    /// The money may leave, if every precondition holds.
    Release,
    /// It may leave, but the borrower's account is closed: it waits in suspense. Only where the bank posts in its own books; a
    /// core-banking system says so itself.
    Suspend,
    /// Back to the maker, to be prepared anew.
    Return {
        /// What is wrong with it.
        because: String,
    },
}

/// What the payment checker decides about a correction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum CorrectionCheck {
    /// The money goes to that account.
    Release,
    /// Back to the maker.
    Return {
        /// What is wrong with it.
        because: String,
    },
}

/// What the payment checker decides about a reversal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum ReversalCheck {
    /// The money comes back: there is no loan.
    Release,
    /// The pay-out stands.
    Return {
        /// Why.
        because: String,
    },
}
