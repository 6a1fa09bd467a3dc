//! Who calls, and whose application it is: small bounded memories in front of the database.

use crate::store::read::{AccountHolder, Readers};
use axum::{extract::FromRequestParts, http::request::Parts};
use domain::ApplicationId;
use organisation::{Actor, Person};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use web::{BearerToken, Problem};

/// How long a holder is remembered: so long a withdrawn token may still be taken.
const REMEMBERED: Duration = Duration::from_secs(5);
const MOST: usize = 4096;

/// The account behind a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Name of the account.
    pub account: String,
    /// The person behind it: what four eyes are counted by.
    pub person: String,
    /// Roles it holds.
    pub roles: BTreeSet<String>,
    /// Hash of the token that it came with.
    pub token: [u8; 32],
    /// Whether that is a session's.
    pub is_session: bool,
}

impl Caller {
    /// The caller as the cores know people.
    pub fn actor(&self) -> Actor {
        Actor { person: Person::new(self.person.clone()), roles: self.roles.clone() }
    }

    /// Whether the account holds this role.
    pub fn has(&self, role: &str) -> bool {
        self.roles.contains(role)
    }
}

impl Caller {
    fn with(token: [u8; 32], holder: AccountHolder) -> Self {
        let AccountHolder { account, person, roles, is_session } = holder;
        Caller { account, person, roles: roles.into_iter().collect(), token, is_session }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Put there by `policy::authorise`; a route outside of it has no caller.
        parts.extensions.get::<Caller>().cloned().ok_or_else(Problem::unauthenticated)
    }
}

/// Holders of tokens, so that a request does not cost a query.
#[derive(Debug, Default)]
pub(super) struct Holders {
    known: Mutex<BTreeMap<[u8; 32], (Instant, Caller)>>,
}

impl Holders {
    /// Who holds this token.
    pub async fn of(&self, token: BearerToken, readers: &Readers) -> Result<Caller, Problem> {
        let now = Instant::now();
        if let Some((until, caller)) = self.lock().get(&token.0)
            && *until > now
        {
            return Ok(caller.clone());
        }
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let wall_ms = i64::try_from(wall.as_millis()).unwrap_or(i64::MAX);
        let holder = readers.account_holder(&token.0, wall_ms).await.map_err(|error| super::unreadable(&error))?;
        // A token that nobody holds is not remembered: whoever guesses must not push out whoever works.
        let caller = Caller::with(token.0, holder.ok_or_else(Problem::invalid_token)?);
        let mut known = self.lock();
        if known.len() >= MOST {
            known.retain(|_, (until, _)| *until > now);
        }
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(token.0, (now + REMEMBERED, caller.clone()));
        Ok(caller)
    }

    /// Asks the database again for everybody: an account was closed, or its sessions ended.
    pub fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<[u8; 32], (Instant, Caller)>> {
        // A panic while the map was held leaves it whole: every change to it is one call.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who filed which application; that never changes.
#[derive(Debug, Default)]
pub(super) struct Owners {
    known: Mutex<BTreeMap<ApplicationId, String>>,
}

impl Owners {
    pub fn get(&self, id: &ApplicationId) -> Option<String> {
        self.lock().get(id).cloned()
    }

    pub fn put(&self, id: ApplicationId, person: String) {
        let mut known = self.lock();
        if known.len() >= MOST {
            // Numbers rise, so the oldest application goes first.
            known.pop_first();
        }
        known.insert(id, person);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ApplicationId, String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn of_many_owners_the_latest_are_remembered() {
        let owners = Owners::default();
        let id = |number: usize| ApplicationId::new(2020, u32::try_from(number).unwrap()).unwrap();
        // Across 9999, where numbers grow a digit and no longer sort as text.
        for number in 8_000..8_000 + MOST + 10 {
            owners.put(id(number), format!("person:{number}"));
        }
        assert_eq!(owners.lock().len(), MOST);
        assert_eq!(owners.get(&id(8_009)), None);
        assert_eq!(owners.get(&id(8_010)), Some("person:8010".into()));
        assert_eq!(owners.get(&id(8_009 + MOST)), Some(format!("person:{}", 8_009 + MOST)));
    }
}
