//! How a decision ends without changing anything.

use crate::NotLoaded;
use domain::{ApplicationId, CalendarError};
use serde::{Deserialize, Serialize};

/// Why a decision stopped. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// A row is needed that is not here: load it and decide again.
    #[error(transparent)]
    NotLoaded(#[from] NotLoaded),
    /// A business answer: no, and why.
    #[error("{0}")]
    Refused(Refusal),
    /// An input that no correct partner and no correct build can produce: the case is parked for an operator.
    #[error("cannot happen: {0}")]
    Illegal(String),
}

impl From<CalendarError> for Stop {
    // Not a refusal: a partner's message has to wait until the year is in the charter, not to be turned away.
    fn from(error: CalendarError) -> Self {
        Stop::Illegal(error.to_string())
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Stop::Refused(refusal)
    }
}

/// What kind of no it is; the HTTP edge derives the status from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The account may not do this (403).
    Forbidden,
    /// There is no such thing (404).
    NotFound,
    /// The state does not allow it (409).
    Conflict,
    /// It was decided on an older version (412).
    Stale,
    /// What was given breaks a rule (422).
    Invalid,
}

/// A refusal as whoever asked reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Refusal {
    /// What kind of no.
    pub kind: RefusalKind,
    /// Stable code, e.g. `OPEN_APPLICATION`.
    pub code: String,
    /// Title in Chinese.
    pub title: String,
    /// What is wrong, where, and what to do, in Chinese.
    pub detail: String,
}

impl Refusal {
    /// A refusal of this kind.
    pub fn new(kind: RefusalKind, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Refusal { kind, code: code.to_owned(), title: title.to_owned(), detail: detail.into() }
    }

    /// There is no such application here.
    pub fn not_found(id: &ApplicationId) -> Self {
        Refusal::new(RefusalKind::NotFound, "NOT_FOUND", "没有此申请", format!("没有编号为 {id} 的申请。"))
    }
}
