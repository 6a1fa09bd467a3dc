//! The rows of the bank's state and their keys.

use crate::{
    case::{Case, Released},
    life::Life,
    unidentified::Unidentified,
};
use contracts::DisbursementReceipt;
use domain::{Amount, ApplicationId, Date, Fen, Method, Ppm, subsidy::Period};
pub use organisation::participant::case_key as case;
use organisation::{Key, Person, charters::Kept, papers::Papers};
use saga::IllegalTransition;
use serde::{Deserialize, Serialize};

/// One row of the bank's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    /// An application.
    Case(Box<Case>),
    /// A loan.
    Loan(Box<Loan>),
    /// What is listed for subsidies in a period.
    SubsidyList(Box<SubsidyList>),
    /// The papers of an application.
    Papers(Box<Papers>),
    /// Charters that came after those of the beginning.
    Charters(Kept),
    /// Money whose loan is not known.
    Unidentified(Box<Unidentified>),
}

/// A loan, from its contract on: what collection will work with once the case has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loan {
    /// The application it was granted for.
    pub application_id: ApplicationId,
    /// The borrower's unified social credit code.
    pub uscc: String,
    /// Number of the loan contract.
    pub contract_no: String,
    /// Number of the letter of guarantee behind it.
    pub letter_no: String,
    /// Principal, fen.
    pub amount_fen: Amount,
    /// Contract rate, ppm a year.
    pub rate_ppm: Ppm,
    /// Repayment method.
    pub method: Method,
    /// Months to maturity.
    pub term_months: u16,
    /// Where it stands.
    pub state: LoanState,
    /// Proof of the pay-out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<DisbursementReceipt>,
    /// What falls due and what was received; none before the pay-out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<Box<Life>>,
}

/// The cut-off list of a period (S6 step 1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubsidyList {
    /// The period.
    pub period: Period,
    /// The loans that belong into it, in the order in which they came.
    pub loans: Vec<ApplicationId>,
    /// What the maker prepared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepared: Option<PreparedList>,
    /// Who released it and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Released>,
}

/// A list that was prepared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreparedList {
    /// By whom.
    pub by: Person,
    /// When.
    pub on: Date,
    /// Its rows.
    pub rows: Vec<ListRow>,
    /// SHA-256 over them, hex.
    pub hash: String,
}

/// A row of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRow {
    /// The loan's application.
    pub application_id: ApplicationId,
    /// Contract interest that was received, fen.
    pub interest_fen: Fen,
    /// The numbers of the receipts that it was received with.
    pub receipts: Vec<u32>,
}

/// State of a loan (DOMAIN.md section 4). Claim and recovery have their states from [`LoanState::Overdue`] on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LoanState {
    /// The contract is signed.
    Pending,
    /// Paid out, and everything paid that has fallen due.
    Active,
    /// Something was not paid on its day.
    Overdue,
    /// A relief plan is in force.
    Relief,
    /// Paid in full.
    Settled,
    /// Paid in full before its final maturity.
    Prepaid,
    /// The contract was terminated unused (S1-8's undo): there never was a loan.
    Terminated,
    /// The pay-out was reversed on its own day: there is no loan.
    Reversed,
}

impl LoanState {
    /// The state's code.
    pub const fn code(self) -> &'static str {
        match self {
            LoanState::Pending => "PENDING",
            LoanState::Active => "ACTIVE",
            LoanState::Overdue => "OVERDUE",
            LoanState::Relief => "RELIEF",
            LoanState::Settled => "SETTLED",
            LoanState::Prepaid => "PREPAID",
            LoanState::Terminated => "TERMINATED",
            LoanState::Reversed => "REVERSED",
        }
    }

    /// Whether money is lent out under it.
    pub const fn is_living(self) -> bool {
        matches!(self, LoanState::Active | LoanState::Overdue | LoanState::Relief)
    }
}

/// What happens to a loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoanInput {
    /// The money has left.
    PaidOut,
    /// Its contract is terminated unused.
    Terminated,
    /// Its pay-out is reversed.
    Reversed,
    /// What fell due was not paid on its day.
    FellOverdue,
    /// All that has fallen due is paid.
    BroughtCurrent,
    /// Nothing is owed, and nothing will fall due.
    Settled,
    /// The same, before the final maturity.
    Prepaid,
    /// A relief plan comes into force.
    Relieved,
    /// Everything that it had moved is paid.
    ReliefKept,
    /// Something that fell due under it was not paid on its day.
    ReliefBroken,
}

impl LoanInput {
    /// Every input.
    pub const ALL: [LoanInput; 10] = [
        LoanInput::PaidOut,
        LoanInput::Terminated,
        LoanInput::Reversed,
        LoanInput::FellOverdue,
        LoanInput::BroughtCurrent,
        LoanInput::Settled,
        LoanInput::Prepaid,
        LoanInput::Relieved,
        LoanInput::ReliefKept,
        LoanInput::ReliefBroken,
    ];
}

impl LoanState {
    /// Every state.
    pub const ALL: [LoanState; 8] = [
        LoanState::Pending,
        LoanState::Active,
        LoanState::Overdue,
        LoanState::Relief,
        LoanState::Settled,
        LoanState::Prepaid,
        LoanState::Terminated,
        LoanState::Reversed,
    ];

    /// The state after this input; the only place that knows.
    ///
    /// # Errors
    /// The input does not fit the state; the error names both.
    pub fn on(self, input: LoanInput) -> Result<LoanState, IllegalTransition> {
        match (self, input) {
            (LoanState::Pending, LoanInput::PaidOut) => Ok(LoanState::Active),
            (LoanState::Pending, LoanInput::Terminated) => Ok(LoanState::Terminated),
            (LoanState::Active, LoanInput::Reversed) => Ok(LoanState::Reversed),
            (LoanState::Active, LoanInput::FellOverdue) => Ok(LoanState::Overdue),
            (LoanState::Overdue, LoanInput::BroughtCurrent) => Ok(LoanState::Active),
            (LoanState::Active | LoanState::Overdue, LoanInput::Settled) => Ok(LoanState::Settled),
            (LoanState::Active | LoanState::Overdue, LoanInput::Prepaid) => Ok(LoanState::Prepaid),
            // A plan may supersede another.
            (LoanState::Active | LoanState::Overdue | LoanState::Relief, LoanInput::Relieved) => Ok(LoanState::Relief),
            (LoanState::Relief, LoanInput::ReliefKept) => Ok(LoanState::Active),
            (LoanState::Relief, LoanInput::ReliefBroken) => Ok(LoanState::Overdue),
            (state, input) => Err(IllegalTransition { state: format!("{state:?}"), input: format!("{input:?}") }),
        }
    }
}

/// Key of the cut-off list of a period.
pub fn subsidy_list(period: Period) -> Key {
    Key::row("subsidy-list", period)
}

/// Key of money whose loan is not known.
pub fn unidentified(reference: &str) -> Key {
    Key::row("unidentified", reference)
}

/// Key of an application's loan.
pub fn loan(id: &ApplicationId) -> Key {
    Key::row("loan", id)
}
