//! Differences that are meant: a reviewed file beside the change that makes them. An entry that names no difference any more
//! is stale, and fails like a difference that no entry names.

use crate::report::Difference;
use domain::Party;
use serde::{Deserialize, Serialize};

/// The differences that are meant, as JSON: `{"expected": [{"because": …, "places": [ … ]}]}`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    expected: Vec<Entry>,
}

/// One of them. What is absent may be anything.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Why it is meant, for who reads it later.
    because: String,
    /// Whose decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    party: Option<Party>,
    /// Of which application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    application_id: Option<String>,
    /// What the name of the input begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    /// What the places that differ begin with: each has to begin with one of these.
    places: Vec<String>,
}

/// A file that names no expected differences.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpectedError {
    /// It is not of that form.
    #[error("no list of expected differences: {0}")]
    Form(String),
    /// An entry that says nothing.
    #[error("expected difference {0}: it has to say `because`, and the `places`")]
    Empty(usize),
}

impl Expected {
    /// Reads the file.
    ///
    /// # Errors
    /// [`ExpectedError`].
    pub fn parse(text: &str) -> Result<Self, ExpectedError> {
        let expected: Expected = serde_json::from_str(text).map_err(|error| ExpectedError::Form(error.to_string()))?;
        let empty = |entry: &Entry| {
            let is_blank = |text: &String| text.trim().is_empty();
            is_blank(&entry.because) || entry.places.is_empty() || entry.places.iter().any(is_blank)
        };
        match expected.expected.iter().position(empty) {
            Some(at) => Err(ExpectedError::Empty(at + 1)),
            None => Ok(expected),
        }
    }

    /// The entry that this difference of a party is meant by, from 0: all its places have to be named by it.
    pub(crate) fn entry_of(&self, party: Party, difference: &Difference) -> Option<usize> {
        let is_or_any = |wanted: Option<&String>, found: &str| wanted.is_none_or(|wanted| found == wanted);
        let means = |entry: &Entry| {
            entry.party.is_none_or(|of| of == party)
                && is_or_any(entry.application_id.as_ref(), difference.application_id.as_deref().unwrap_or_default())
                && entry.input.as_ref().is_none_or(|input| difference.input.starts_with(input.as_str()))
                && difference
                    .changes
                    .iter()
                    .all(|change| entry.places.iter().any(|place| change.place.starts_with(place.as_str())))
        };
        self.expected.iter().position(means)
    }

    /// Why the entries are meant that no difference was found for.
    pub(crate) fn stale(&self, met: &[usize]) -> Vec<String> {
        let stale = self.expected.iter().enumerate().filter(|(at, _)| !met.contains(at));
        stale.map(|(_, entry)| format!("{}: {}", entry.places.join(", "), entry.because)).collect()
    }
}
