//! What an organisation takes in.

use crate::{Key, Refusal, RefusalKind, papers::Sealed};
use contracts::wire::Received;
use domain::ApplicationId;
use saga::Person;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt::Display, sync::Arc};

/// One input of an organisation. Each is journaled with the business time at which it was decided.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<C> {
    /// A partner said something, verified by the channel and readable by `contracts`.
    Message(Arc<Received>),
    /// A person, or an operator, wants something.
    Command {
        /// Who.
        actor: Actor,
        /// What.
        command: C,
    },
    /// The time that a row asked to be woken at has come.
    Due(Key),
    /// A decision of the same commit asked this row to look again.
    Follow(Key),
    /// A port (core banking, member register) answered.
    Port {
        /// The application that asked.
        application_id: ApplicationId,
        /// What the port said.
        answer: PortAnswer,
    },
    /// This database is an older copy: partners hold statements of this organisation that are gone here.
    SetBack,
}

/// What a port answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "port", rename_all = "snake_case")]
pub enum PortAnswer {
    /// The bank's core-banking system on a posting key.
    CoreBanking {
        /// The posting's idempotency key.
        key: String,
        /// What became of it.
        posting: PostingAnswer,
    },
    /// The vault has sealed a paper for a partner.
    Vault {
        /// The order's idempotency key.
        key: String,
        /// What it sealed.
        sealed: Sealed,
    },
}

impl PortAnswer {
    /// The order's idempotency key.
    pub fn key(&self) -> &str {
        match self {
            PortAnswer::CoreBanking { key, .. } | PortAnswer::Vault { key, .. } => key,
        }
    }
}

/// What the core-banking system says of a posting key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum PostingAnswer {
    /// Money has moved.
    Posted {
        /// Number in the core-banking system's books.
        posting_no: String,
    },
    /// Money has left the bank, and waits in suspense: the borrower's account is closed (S4).
    InSuspense {
        /// Number in the core-banking system's books.
        posting_no: String,
    },
    /// It has not moved, and the key may still be used.
    NotPosted {
        /// Why, in the system's words.
        why: String,
    },
    /// The key is closed: it has not moved and never will.
    Closed,
    /// The system cannot tell, or did not answer.
    Unknown,
}

/// Who gives a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The person, or the service identity `service:<role>`.
    pub person: Person,
    /// The roles that the account holds.
    pub roles: BTreeSet<String>,
}

impl Actor {
    /// Whether the account holds this role.
    pub fn has(&self, role: &str) -> bool {
        self.roles.contains(role)
    }

    /// Lets through an account that holds one of these roles.
    ///
    /// # Errors
    /// It holds none of them.
    pub fn must_hold(&self, roles: &[impl Display]) -> Result<(), Refusal> {
        let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
        if roles.iter().any(|role| self.has(role)) {
            return Ok(());
        }
        let detail = format!("此操作需要以下角色之一：{}。", roles.join("、"));
        Err(Refusal::new(RefusalKind::Forbidden, "FORBIDDEN", "无权进行此操作", detail))
    }
}
