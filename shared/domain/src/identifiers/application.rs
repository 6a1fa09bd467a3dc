//! The number of an application: public within the programme, given by the union at submission.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::{IdentifierError, IdentifierFault, IdentifierKind, normalise};

/// `NCD-YYYY-NNNN`, four digits or more; ordered by year, then number. As serde a checked string.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
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
        // What a program wrote needs no normalising, and is read some hundred times for each time a person writes one.
        Self::exactly(text).or_else(|| Self::exactly(&normalise(text).into_iter().collect::<String>())).ok_or(wrong)
    }

    fn exactly(text: &str) -> Option<Self> {
        let (year, number) = text.strip_prefix("NCD-")?.split_once('-')?;
        let id = Self::new(year.parse().ok()?, number.parse().ok()?).ok()?;
        // One number has one spelling: `+12`, `012` or `00012` are not it.
        id.written(|written| written == text).then_some(id)
    }

    /// Hands out the number as text, without allocating: it stands in every key, fact and message.
    fn written<T>(&self, then: impl FnOnce(&str) -> T) -> T {
        let mut text = *b"NCD-0000-0000000000";
        let digits = |into: &mut [u8], mut number: u32| {
            for place in into.iter_mut().rev() {
                *place = b"0123456789"[number as usize % 10];
                number /= 10;
            }
        };
        let width = self.number.checked_ilog10().map_or(4, |log| log as usize + 1).max(4);
        let end = 9 + width;
        digits(&mut text[4..8], u32::from(self.year));
        digits(&mut text[9..end], self.number);
        // Only ASCII digits were written.
        then(std::str::from_utf8(&text[..end]).unwrap_or_default())
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
        self.written(|text| f.pad(text))
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

impl Serialize for ApplicationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written(|text| serializer.serialize_str(text))
    }
}

impl JsonSchema for ApplicationId {
    fn schema_name() -> Cow<'static, str> {
        "ApplicationId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Number of an application", "type": "string", "pattern": "^NCD-[0-9]{4}-[0-9]{4,}$",
        })
    }
}
