//! The rows of the guarantor's state and their keys.

use crate::case::Case;
use domain::Fen;
pub use organisation::participant::case_key as case;
use organisation::{Key, charters::Kept, papers::Papers};
use serde::{Deserialize, Serialize};

/// One row of the guarantor's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    /// An application.
    Case(Box<Case>),
    /// What all cases together take of the limits.
    Limits(ExposureRow),
    /// What one firm's cases together take of the limits.
    Client(ExposureRow),
    /// The papers of an application.
    Papers(Box<Papers>),
    /// Charters that came after those of the beginning.
    Charters(Kept),
}

/// A sum of exposures: agreed and not taken back, whether or not a letter or a loan has come of it yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExposureRow {
    /// Σ exposure, fen.
    pub exposure_fen: Fen,
}

/// Key of the sum over all cases.
pub fn limits() -> Key {
    Key::Row("limits".into())
}

/// Key of the sum over a firm's cases.
pub fn client(uscc: &str) -> Key {
    Key::row("client", uscc)
}
