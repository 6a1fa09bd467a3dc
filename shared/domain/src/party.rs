//! The three organisations that run the programme together.
//!
//! A name and a wire code each; who may do what is decided in `contracts` and in the cores, not here.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An organisation. Ordered as the money's guarantee runs: union, guarantor, bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    /// Takes applications; owns the guarantee fund and the interest subsidy.
    Union,
    /// Underwrites, issues letters of guarantee, pays claims.
    Guarantor,
    /// Decides on credit, contracts, disburses, collects.
    Bank,
}

impl Party {
    /// All three, in order.
    pub const ALL: [Self; 3] = [Self::Union, Self::Guarantor, Self::Bank];

    /// The name on the wire: `union`, `guarantor`, `bank`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Union => "union",
            Self::Guarantor => "guarantor",
            Self::Bank => "bank",
        }
    }

    /// Its name for people.
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Union => "工会",
            Self::Guarantor => "担保公司",
            Self::Bank => "银行",
        }
    }

    /// The code in a frame's preamble: 1, 2, 3. Never changed once frames exist.
    pub const fn code(self) -> u8 {
        match self {
            Self::Union => 1,
            Self::Guarantor => 2,
            Self::Bank => 3,
        }
    }

    /// The party with that code; `None` when there is none.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Union),
            2 => Some(Self::Guarantor),
            3 => Some(Self::Bank),
            _ => None,
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Party {
    type Err = UnknownParty;

    fn from_str(name: &str) -> Result<Self, UnknownParty> {
        Self::ALL.into_iter().find(|party| party.as_str() == name).ok_or_else(|| UnknownParty { name: name.to_owned() })
    }
}

/// A name that is no party's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no party is called {name:?}: union, guarantor or bank")]
pub struct UnknownParty {
    /// What was offered.
    pub name: String,
}
