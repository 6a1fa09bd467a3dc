//! The number of an application: public within the programme, given by the union at submission.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{IdentifierError, IdentifierFault, IdentifierKind, normalise};

/// `NCD-YYYY-NNNN`, four digits or more; ordered by year, then number. As serde a checked string.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApplicationId {
    year: u16,
    number: u32,
}

impl ApplicationId {
    /// The n-th application of a year.
    ///
    /// # Errors
    /// When the year has not four digits, or the number is zero.
    pub const fn new(year: i16, number: u32) -> Result<Self, IdentifierError> {
        if year < 1000 || year > 9999 || number == 0 {
            return Err(IdentifierError { kind: IdentifierKind::ApplicationId, fault: IdentifierFault::Form });
        }
        Ok(Self { year: year.unsigned_abs(), number })
    }

    /// Reads a number, after normalising width, case and surrounding blanks.
    ///
    /// # Errors
    /// When it is not exactly what `Display` would write.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let wrong = IdentifierError { kind: IdentifierKind::ApplicationId, fault: IdentifierFault::Form };
        let text: String = normalise(text).into_iter().collect();
        let read = || {
            let (year, number) = text.strip_prefix("NCD-")?.split_once('-')?;
            Self::new(year.parse().ok()?, number.parse().ok()?).ok()
        };
        // One number has one spelling: `+12`, `012` or `00012` are not it.
        read().filter(|id| id.to_string() == text).ok_or(wrong)
    }

    /// The year of filing.
    pub const fn year(&self) -> u16 {
        self.year
    }

    /// The running number within the year.
    pub const fn number(&self) -> u32 {
        self.number
    }
}

impl fmt::Display for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("NCD-{:04}-{:04}", self.year, self.number))
    }
}

impl FromStr for ApplicationId {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, IdentifierError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for ApplicationId {
    type Error = IdentifierError;

    fn try_from(text: String) -> Result<Self, IdentifierError> {
        Self::parse(&text)
    }
}

impl From<ApplicationId> for String {
    fn from(id: ApplicationId) -> Self {
        id.to_string()
    }
}

impl JsonSchema for ApplicationId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ApplicationId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Number of an application", "type": "string", "pattern": "^NCD-[0-9]{4}-[0-9]{4,}$",
        })
    }
}
