//! What the three say of a charter: each accepts it or declines it, to both others, once and for good.
//!
//! There is no proposer: whoever brings a charter forward is the first to accept it. It binds when all three have, and nobody
//! can take a word back that another may have built on.

use domain::{Charter, CharterHash, Party};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Message;

/// An organisation's answer to a charter, with its whole text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CharterAnswered {
    /// Hash of the text, by which applications name it.
    pub charter_hash: CharterHash,
    /// The text: every rule of the programme.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub charter: Box<Charter>,
    /// The answer.
    pub answer: CharterAnswer,
}

/// Whether a charter is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum CharterAnswer {
    /// Two persons of the organisation have accepted it.
    Accepted {},
    /// Two persons of the organisation have declined it.
    Declined {
        /// Why, in words for the other two.
        #[schemars(length(min = 1, max = 1000))]
        because: String,
    },
}

impl CharterAnswered {
    /// What it is about, e.g. as the subject of a CloudEvent.
    pub fn subject(&self) -> String {
        format!("charter/{}", self.charter_hash.to_hex())
    }

    /// The message that this is from one organisation to another; none from one to itself.
    pub fn said(self, from: Party, to: Party) -> Option<Message> {
        Some(match (from, to) {
            (Party::Union, Party::Guarantor) => Message::UnionTellsGuarantor(self),
            (Party::Union, Party::Bank) => Message::UnionTellsBank(self),
            (Party::Guarantor, Party::Union) => Message::GuarantorTellsUnion(self),
            (Party::Guarantor, Party::Bank) => Message::GuarantorTellsBank(self),
            (Party::Bank, Party::Union) => Message::BankTellsUnion(self),
            (Party::Bank, Party::Guarantor) => Message::BankTellsGuarantor(self),
            (Party::Union, Party::Union) | (Party::Guarantor, Party::Guarantor) | (Party::Bank, Party::Bank) => {
                return None;
            }
        })
    }
}
