//! What an organisation is set up with besides its charters: configured live, found in the journal by a replay.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt::Display};

/// Settings of an organisation. What one of the three has no use for it leaves alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Roles that decide by themselves, by their codes.
    pub automatic: BTreeSet<String>,
    /// The guarantor: its net assets, fen.
    #[serde(default)]
    pub net_assets_fen: Option<i64>,
    /// The bank: payments are posted in a core-banking system, not in its own books.
    #[serde(default)]
    pub core_banking: bool,
}

impl Settings {
    /// The roles that decide by themselves, of `all` but the one that `never` does.
    ///
    /// # Errors
    /// In words: a name that none of them has.
    pub fn automatic_roles<R: Copy + Ord + Display>(&self, all: &[R], never: R) -> Result<BTreeSet<R>, String> {
        let role = |name: &String| {
            let role = all.iter().find(|role| **role != never && role.to_string() == *name);
            role.copied().ok_or_else(|| format!("automatic: there is no deciding role `{name}`"))
        };
        self.automatic.iter().map(role).collect()
    }
}
