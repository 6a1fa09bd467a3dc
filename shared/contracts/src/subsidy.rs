//! The interest subsidy, 贴息 (DOMAIN.md section 2, S6): what bank and union say to each other about a row of the cut-off list.
//!
//! The bank lists what borrowers have paid; the union decides what is paid back to them, and orders each row by itself.

use crate::{About, reason::NotPaid};
use domain::{Amount, Date, Fen, subsidy::Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bank → union: a row of a cut-off list that maker and checker have released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubsidyListed {
    /// Application, charter and key.
    pub about: About,
    /// The row.
    pub row: SubsidyRow,
}

/// A loan in a cut-off list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubsidyRow {
    /// The period that the list is for.
    pub period: Period,
    /// The row's number, from 1.
    pub no: u32,
    /// How many rows the list has.
    pub of: u32,
    /// SHA-256 over all of its rows, hex.
    pub list_hash: String,
    /// Contract interest that was received, fen; neither penalty nor compound.
    pub interest_fen: Fen,
    /// The numbers of the receipts that it was received with.
    pub receipts: Vec<u32>,
}

impl SubsidyRow {
    /// SHA-256 over the rows of a list, each an application with its interest and receipts, in order.
    pub fn list_digest<'r>(period: Period, rows: impl Iterator<Item = (String, Fen, &'r [u32])>) -> String {
        use sha2::{Digest, Sha256};
        let mut text = format!("nuan-subsidy-list-1\n{period}\n");
        for (application, interest, receipts) in rows {
            let receipts: Vec<String> = receipts.iter().map(ToString::to_string).collect();
            text.push_str(&format!("{application} {} {}\n", interest.get(), receipts.join(",")));
        }
        hex::encode(Sha256::digest(text.as_bytes()))
    }
}

/// Union → bank: pay this subsidy (S6 step 5, the point of no return of a row).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaySubsidy {
    /// Application, charter and key.
    pub about: About,
    /// The period of the list.
    pub period: Period,
    /// How much, fen; not more than the interest of the row.
    pub amount_fen: Amount,
}

/// Bank → union: what became of an order to pay a subsidy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubsidyReported {
    /// Repeats the ask.
    pub about: About,
    /// What the bank's books say.
    pub report: SubsidyReport,
}

/// What the bank's books say of an order to pay a subsidy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum SubsidyReport {
    /// The borrower has it.
    Paid {
        /// Since when.
        #[schemars(with = "String")]
        on: Date,
        /// Number of the posting in the bank's books.
        posting_no: String,
    },
    /// Not paid, for a reason; final only once the key is closed.
    NotPaid {
        /// Why.
        why: NotPaid,
    },
    /// Nothing is known under this key.
    Unknown,
    /// The key is closed: it never was paid and never will be.
    Closed,
}

/// Bank → union: a subsidy came back (退汇): the borrower's account does not take it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubsidyReturned {
    /// Application, charter, and the key under which it was paid.
    pub about: About,
    /// Since when it is back.
    #[schemars(with = "String")]
    pub on: Date,
    /// Why.
    pub because: String,
}
