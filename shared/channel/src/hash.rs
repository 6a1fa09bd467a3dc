//! The hash chain that runs through a log of messages, and where it begins.
//!
//! It says nothing about who signed what: a chain hash counts once a signed preamble names it.

use std::{fmt, str::FromStr};

use domain::Party;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::keys::PublicKey;

/// Keeps a genesis hash from ever being the hash of anything else.
const GENESIS_PREFIX: &[u8] = b"nuanchuang/channel/genesis/v1\0";

/// The SHA-256 over all messages of one direction up to a number. Written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// The hash with these 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes, as they stand in a preamble.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The chain hash after one more message: `SHA-256(self || seq || length || message)`, `seq` as u64 and `length` as u32,
    /// both big endian.
    pub fn after(&self, seq: u64, length: u32, message: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update(seq.to_be_bytes());
        hasher.update(length.to_be_bytes());
        hasher.update(message);
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainHash({})", hex::encode(self.0))
    }
}

/// Text that is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a chain hash is 64 hexadecimal digits")]
pub struct NotAHash;

impl FromStr for ChainHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotAHash)?;
        Ok(Self(bytes))
    }
}

impl Serialize for ChainHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChainHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Where the log `from` → `to` begins: message 1 chains from this hash, so a frame of another programme, environment,
/// direction or pair of keys fits nowhere in it.
///
/// `SHA-256("nuanchuang/channel/genesis/v1\0" || len(programme) || programme || len(environment) || environment || from ||
/// to || first key of from || first key of to)`: lengths as u32 big endian in bytes of UTF-8, party codes as one byte, public
/// keys as their 32 bytes.
pub fn genesis(
    programme: &str,
    environment: &str,
    from: Party,
    to: Party,
    first_key_of_from: &PublicKey,
    first_key_of_to: &PublicKey,
) -> ChainHash {
    let mut hasher = Sha256::new();
    hasher.update(GENESIS_PREFIX);
    for text in [programme, environment] {
        // A name longer than 4 GiB does not exist; saturating keeps the function total.
        hasher.update(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.update([from.code(), to.code()]);
    hasher.update(first_key_of_from.as_bytes());
    hasher.update(first_key_of_to.as_bytes());
    ChainHash(hasher.finalize().into())
}
