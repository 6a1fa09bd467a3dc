//! The name of a charter: SHA-256 of its canonical JSON.
//!
//! Canonical: object keys in the order of their bytes, no blanks, integers only. So two organisations that agree on the
//! rules agree on the hash, whatever built their texts.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Charter;

/// Names a charter by its content. As serde 64 hexadecimal digits in lower case; `Display` shows the first twelve.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CharterHash([u8; 32]);

impl CharterHash {
    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// All 64 hexadecimal digits, lower case.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Display for CharterHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.to_hex().get(..12).unwrap_or_default())
    }
}

impl fmt::Debug for CharterHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CharterHash({})", self.to_hex())
    }
}

impl FromStr for CharterHash {
    type Err = CharterHashError;

    fn from_str(text: &str) -> Result<Self, CharterHashError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| CharterHashError)?;
        // One hash has one spelling.
        if text.bytes().any(|b| b.is_ascii_uppercase()) { Err(CharterHashError) } else { Ok(Self(bytes)) }
    }
}

impl TryFrom<String> for CharterHash {
    type Error = CharterHashError;

    fn try_from(text: String) -> Result<Self, CharterHashError> {
        text.parse()
    }
}

impl From<CharterHash> for String {
    fn from(hash: CharterHash) -> Self {
        hash.to_hex()
    }
}

impl JsonSchema for CharterHash {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CharterHash".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "SHA-256 of the charter's canonical JSON", "type": "string", "pattern": "^[0-9a-f]{64}$",
        })
    }
}

/// A text that is no charter hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a charter hash is 64 hexadecimal digits in lower case")]
pub struct CharterHashError;

impl Charter {
    /// Its name. Computed anew each time from some kilobytes of text: for those accepted, `Charters` has it at hand.
    pub fn hash(&self) -> CharterHash {
        CharterHash(Sha256::digest(self.canonical_json()).into())
    }

    /// The text that is hashed.
    #[expect(clippy::expect_used, reason = "a charter is strings, integers and lists; a test serialises it")]
    pub fn canonical_json(&self) -> String {
        let value = serde_json::to_value(self).expect("a charter serialises");
        let mut text = String::new();
        write_canonical(&value, &mut text);
        text
    }
}

/// Sorts keys itself: whether `serde_json::Map` does depends on a feature that any crate of a build may switch on.
fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| key.as_bytes());
            write_list(text, ['{', '}'], members, |(key, value), text| {
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write_canonical(value, text);
            });
        }
        Value::Array(items) => write_list(text, ['[', ']'], items, write_canonical),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => text.push_str(&value.to_string()),
    }
}

fn write_list<T>(
    text: &mut String,
    [open, close]: [char; 2],
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(T, &mut String),
) {
    text.push(open);
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        write(item, text);
    }
    text.push(close);
}
