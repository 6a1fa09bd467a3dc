//! Identifiers of firms, people, cards, phones and applications, with their check digits and masks (DOMAIN section 5).
//!
//! Parsing normalises width (full-width forms), case and surrounding blanks first, and then accepts or says what is wrong
//! and where. It answers only whether an identifier is well formed; whether it exists or belongs to someone is a register's
//! answer. Personal identifiers show only their mask in `Debug` and have no `Display`: their clear text leaves through
//! `as_str` or serde, on purpose.

mod application;
mod organisation;
mod person;

use std::fmt;

pub use application::ApplicationId;
pub use organisation::{OrganisationCode, Uscc};
pub use person::{CardNumber, Mobile, ResidentId, mask_member_no, mask_name};

/// Which identifier a text was read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentifierKind {
    /// Unified social credit code, 统一社会信用代码 (GB 32100-2015).
    Uscc,
    /// Organisation code, 组织机构代码 (GB 11714).
    OrganisationCode,
    /// Resident identity number, 公民身份号码 (GB 11643).
    ResidentId,
    /// Number of a bank card or account, with Luhn's check digit.
    CardNumber,
    /// Mobile telephone number.
    Mobile,
    /// Number of an application, 申请编号.
    ApplicationId,
}

impl fmt::Display for IdentifierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uscc => "unified social credit code",
            Self::OrganisationCode => "organisation code",
            Self::ResidentId => "resident id",
            Self::CardNumber => "card number",
            Self::Mobile => "mobile number",
            Self::ApplicationId => "application number",
        })
    }
}

/// Why a text is not that identifier. Never holds the text itself, which may be personal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {fault}")]
pub struct IdentifierError {
    /// What it was read as.
    pub kind: IdentifierKind,
    /// What is wrong, and where.
    pub fault: IdentifierFault,
}

/// What is wrong with an identifier. Found in this order: length, characters, date, check digits. Positions count from 1,
/// in characters after normalising.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierFault {
    /// Too short or too long.
    #[error("has {found} characters instead of {expected}")]
    Length {
        /// The length or lengths that are right.
        expected: &'static str,
        /// Its length.
        found: usize,
    },
    /// A character that cannot stand there.
    #[error("{found:?} cannot stand at position {position} ({allowed})")]
    Character {
        /// Where.
        position: usize,
        /// What stands there.
        found: char,
        /// What may stand there.
        allowed: &'static str,
    },
    /// Positions 7 to 14 of a resident id are no day of the calendar.
    #[error("positions 7 to 14 are no date")]
    Date,
    /// The check character does not belong to the rest.
    #[error("the check character at position {position} is {found:?} and should be {expected:?}")]
    CheckCharacter {
        /// Where.
        position: usize,
        /// What stands there.
        found: char,
        /// What the rest demands.
        expected: char,
    },
    /// The check character of the organisation code inside a unified social credit code does not belong to the rest.
    #[error("the organisation code inside (positions 9 to 17) ends with {found:?} and should end with {expected:?}")]
    InnerCheckCharacter {
        /// What stands at position 17.
        found: char,
        /// What positions 9 to 16 demand.
        expected: char,
    },
    /// Not of the form `NCD-YYYY-NNNN`.
    #[error("is not NCD-YYYY-NNNN, with four digits or more and no needless zeros")]
    Form,
}

/// The text with full-width forms narrowed, letters in upper case, and without surrounding blanks.
fn normalise(text: &str) -> Vec<char> {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c),
        _ => c,
    };
    let text: String = text.chars().map(narrow).collect();
    text.trim().chars().map(|c| c.to_ascii_uppercase()).collect()
}

/// Refuses the first character that is not allowed at its position.
fn check_characters(
    kind: IdentifierKind,
    text: &[char],
    allowed: &'static str,
    is_allowed: impl Fn(usize, char) -> bool,
) -> Result<(), IdentifierError> {
    for (position, &found) in (1..).zip(text) {
        if !is_allowed(position, found) {
            return Err(IdentifierError { kind, fault: IdentifierFault::Character { position, found, allowed } });
        }
    }
    Ok(())
}

fn check_length(
    kind: IdentifierKind,
    text: &[char],
    expected: &'static str,
    is_right: impl Fn(usize) -> bool,
) -> Result<(), IdentifierError> {
    if is_right(text.len()) {
        Ok(())
    } else {
        Err(IdentifierError { kind, fault: IdentifierFault::Length { expected, found: text.len() } })
    }
}

/// Σ value × weight over the characters, with the values of `0-9` and `A-Z` read in base 36 unless `value` says otherwise.
fn weighted_sum(text: &[char], weights: &[u32], value: impl Fn(char) -> u32) -> u32 {
    text.iter().zip(weights).map(|(&c, weight)| value(c) * weight).sum()
}

/// 0 to 9 for digits, 10 to 35 for A to Z; 0 for what the check of characters has refused before.
fn base_36(c: char) -> u32 {
    c.to_digit(36).unwrap_or(0)
}

/// The string side of an identifier: `as_str`, serde as a checked string, and a JSON schema with the pattern.
macro_rules! as_checked_string {
    ($name:ident, $pattern:literal, $description:literal) => {
        impl $name {
            /// The normalised text, in the clear.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::identifiers::IdentifierError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "description": $description, "type": "string", "pattern": $pattern })
            }
        }
    };
}
use as_checked_string;
