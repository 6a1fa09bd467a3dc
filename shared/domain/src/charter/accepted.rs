//! The charters that an organisation has accepted, by hash.
//!
//! Which of the three accepted what is the saga's business; this set holds what may be filed under and looked up here.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Charter, CharterError, CharterHash};
use crate::time::Date;

/// Accepted charters of one programme. As serde a list of charters by hash, each checked again when it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Charter>", into = "Vec<Charter>")]
pub struct Charters {
    by_hash: BTreeMap<CharterHash, Arc<Charter>>,
}

impl Charters {
    /// Takes a charter in and answers its hash. One that is here already changes nothing.
    ///
    /// # Errors
    /// When it does not hold together, belongs to another programme, or another charter bears its version.
    pub fn accept(&mut self, charter: Charter) -> Result<CharterHash, CharterError> {
        charter.validate()?;
        let hash = charter.hash();
        if self.by_hash.contains_key(&hash) {
            return Ok(hash);
        }
        if self.by_hash.values().any(|other| other.programme != charter.programme) {
            return Err(CharterError::OtherProgramme { programme: charter.programme });
        }
        if self.by_hash.values().any(|other| other.version == charter.version) {
            return Err(CharterError::VersionTaken { version: charter.version });
        }
        self.by_hash.insert(hash, Arc::new(charter));
        Ok(hash)
    }

    /// The charter with that hash; `None` when it was never accepted.
    pub fn get(&self, hash: &CharterHash) -> Option<Arc<Charter>> {
        self.by_hash.get(hash).cloned()
    }

    /// The charter that an application filed on that day falls under: the latest one effective, of several from one day
    /// the highest version; `None` before the first.
    pub fn in_force_on(&self, day: Date) -> Option<Arc<Charter>> {
        self.latest(day).map(|(_, charter)| Arc::clone(charter))
    }

    /// Its hash, without computing it anew.
    pub fn hash_in_force_on(&self, day: Date) -> Option<CharterHash> {
        self.latest(day).map(|(hash, _)| *hash)
    }

    /// All, by hash.
    pub fn iter(&self) -> impl Iterator<Item = (&CharterHash, &Arc<Charter>)> {
        self.by_hash.iter()
    }

    /// Whether none was accepted.
    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    fn latest(&self, day: Date) -> Option<(&CharterHash, &Arc<Charter>)> {
        let effective = self.by_hash.iter().filter(|(_, charter)| charter.effective_from <= day);
        effective.max_by_key(|(_, charter)| (charter.effective_from, charter.version))
    }
}

impl TryFrom<Vec<Charter>> for Charters {
    type Error = CharterError;

    fn try_from(all: Vec<Charter>) -> Result<Self, CharterError> {
        let mut charters = Self::default();
        for charter in all {
            charters.accept(charter)?;
        }
        Ok(charters)
    }
}

impl From<Charters> for Vec<Charter> {
    fn from(charters: Charters) -> Self {
        charters.by_hash.into_values().map(Arc::unwrap_or_clone).collect()
    }
}
