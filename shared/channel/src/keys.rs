//! Whose signature a frame carries: signing keys, public keys, and which key of a partner is in force at which number.
//!
//! Algorithm 1 is Ed25519, verified strictly (no small-order keys, no malleable signatures). A key is never looked up by
//! what a frame says alone: the ring decides which key was in force at the frame's first number, and the frame's key id must
//! be that key's. It refuses to make keys: 32 random bytes come from the shell.

use std::{fmt, str::FromStr};

use domain::Party;
use ed25519_dalek::{Signature, Signer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::hash::ChainHash;

/// Keeps a signature under a change of key from ever being one under a frame.
const KEY_CHANGE_PREFIX: &[u8] = b"nuanchuang/channel/key-change/v1\0";

/// An organisation's private key. Printing it shows the public half's id and nothing else.
#[derive(Clone)]
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    public: PublicKey,
}

impl SigningKey {
    /// The key that grows from 32 random bytes (RFC 8032, section 5.1.5).
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let public = PublicKey::of(key.verifying_key());
        Self { key, public }
    }

    /// The half that partners pin.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The id of the public half, as frames name it.
    pub const fn id(&self) -> KeyId {
        self.public.id()
    }

    /// The 64 bytes of the Ed25519 signature over `bytes`.
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.key.sign(bytes).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, private half not shown)", self.id())
    }
}

/// The first 8 bytes of the SHA-256 of a public key's 32 bytes. Written as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// The id with these bytes, as read from a preamble.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// Its 8 bytes, as they stand in a preamble.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// An organisation's public key. Written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    key: ed25519_dalek::VerifyingKey,
    id: KeyId,
}

/// Why bytes are not a public key. Ordered by precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum KeyRefusal {
    /// Not 64 hexadecimal digits.
    #[error("a public key is 64 hexadecimal digits")]
    NotHex,
    /// The 32 bytes are no point of the curve.
    #[error("these 32 bytes are no Ed25519 public key")]
    NotAPoint,
    /// A key of small order: one signature would fit many messages.
    #[error("this Ed25519 public key is weak: it has a small order")]
    Weak,
}

impl PublicKey {
    /// The key with these 32 bytes (RFC 8032 encoding), unless they are none or a weak one.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyRefusal> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyRefusal::NotAPoint)?;
        if key.is_weak() {
            return Err(KeyRefusal::Weak);
        }
        Ok(Self::of(key))
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The id under which frames name it.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Whether `signature` is this key's over exactly `bytes` (strict verification).
    pub fn verifies(&self, bytes: &[u8], signature: &[u8; 64]) -> bool {
        self.key.verify_strict(bytes, &Signature::from_bytes(signature)).is_ok()
    }

    fn of(key: ed25519_dalek::VerifyingKey) -> Self {
        let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        Self { key, id: KeyId([a, b, c, d, e, f, g, h]) }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = KeyRefusal;

    fn from_str(text: &str) -> Result<Self, KeyRefusal> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| KeyRefusal::NotHex)?;
        Self::from_bytes(&bytes)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A partner's keys, each with the first number it signs. A key is in force from that number until the next key's.
///
/// An empty frame stands at the number after its sender's last message, so one rule serves both kinds, and a frame that is
/// resent byte for byte after a change of key still verifies under the key it was signed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRing {
    /// Never empty; `from_seq` strictly rises.
    first: PublicKey,
    changes: Vec<RingEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RingEntry {
    from_seq: u64,
    key: PublicKey,
}

impl KeyRing {
    /// A ring that holds the key pinned at pairing, in force from number 1.
    pub const fn new(first: PublicKey) -> Self {
        Self { first, changes: Vec::new() }
    }

    /// The key pinned at pairing: it is part of the genesis hash for ever.
    pub const fn first(&self) -> &PublicKey {
        &self.first
    }

    /// The newest key.
    pub fn current(&self) -> &PublicKey {
        self.changes.last().map_or(&self.first, |entry| &entry.key)
    }

    /// Whether this key is or was one of these.
    pub fn holds(&self, key: &PublicKey) -> bool {
        self.first == *key || self.changes.iter().any(|entry| entry.key == *key)
    }

    /// The key that signs a frame whose first number is `seq`.
    pub fn in_force_at(&self, seq: u64) -> &PublicKey {
        let entry = self.changes.iter().rev().find(|entry| entry.from_seq <= seq);
        entry.map_or(&self.first, |entry| &entry.key)
    }

    /// Takes out the change in force from `from_seq`: the message that stated it was never taken.
    pub fn forget(&mut self, from_seq: u64) {
        self.changes.retain(|entry| entry.from_seq != from_seq);
    }

    /// Takes a partner's change of key into the ring, in force from `from_seq`: the number after the last one of the frame that
    /// carried it. `genesis` is the chain's own. The same change at the same place again changes nothing.
    pub fn apply(
        &mut self,
        change: &KeyChange,
        genesis: &ChainHash,
        from: Party,
        from_seq: u64,
    ) -> Result<(), KeyChangeRefusal> {
        let again = |entry: &RingEntry| entry.from_seq == from_seq && entry.key == change.new_key;
        if self.changes.last().is_some_and(again) {
            return Ok(());
        }
        if self.changes.last().is_some_and(|entry| entry.from_seq >= from_seq) {
            return Err(KeyChangeRefusal::NotAfterTheLast);
        }
        if change.old_key != *self.current() {
            return Err(KeyChangeRefusal::NotTheKeyInForce);
        }
        change.verify(genesis, from)?;
        self.changes.push(RingEntry { from_seq, key: change.new_key });
        Ok(())
    }
}

/// A change of key: the content of a numbered message, signed by the key that leaves and by the key that comes.
///
/// Both sign `"nuanchuang/channel/key-change/v1\0" || genesis hash of the chain || code of the signing party || old key ||
/// new key` (32, 1, 32 and 32 bytes after the prefix). It is the last message of its frame; frames after it are signed by the
/// new key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    /// The key in force up to and including the frame that carries this.
    pub old_key: PublicKey,
    /// The key in force after it.
    pub new_key: PublicKey,
    /// The old key's signature, 128 hexadecimal digits.
    #[serde(with = "signature_hex")]
    pub signed_by_old: [u8; 64],
    /// The new key's signature, 128 hexadecimal digits: proof that its private half exists and agrees.
    #[serde(with = "signature_hex")]
    pub signed_by_new: [u8; 64],
}

/// Why a change of key is not believed. Ordered by precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum KeyChangeRefusal {
    /// A key that already signs from that number, or later, is in the ring.
    #[error("a later change of key is already in force")]
    NotAfterTheLast,
    /// It replaces a key that is not the one in force.
    #[error("the key to be replaced is not the key in force")]
    NotTheKeyInForce,
    /// Old and new are one key.
    #[error("old and new key are the same")]
    SameKey,
    /// The old key did not sign it.
    #[error("the old key did not sign this change")]
    NotSignedByOld,
    /// The new key did not sign it.
    #[error("the new key did not sign this change")]
    NotSignedByNew,
}

impl KeyChange {
    /// A change from `old` to `new` on the chain that begins at `genesis`, stated by `from`.
    pub fn create(genesis: &ChainHash, from: Party, old: &SigningKey, new: &SigningKey) -> Self {
        let statement = Self::statement(genesis, from, old.public(), new.public());
        Self {
            old_key: *old.public(),
            new_key: *new.public(),
            signed_by_old: old.sign(&statement),
            signed_by_new: new.sign(&statement),
        }
    }

    /// Checks both signatures. It does not say that the old key was in force: [`KeyRing::apply`] does.
    pub fn verify(&self, genesis: &ChainHash, from: Party) -> Result<(), KeyChangeRefusal> {
        if self.old_key == self.new_key {
            return Err(KeyChangeRefusal::SameKey);
        }
        let statement = Self::statement(genesis, from, &self.old_key, &self.new_key);
        if !self.old_key.verifies(&statement, &self.signed_by_old) {
            return Err(KeyChangeRefusal::NotSignedByOld);
        }
        if !self.new_key.verifies(&statement, &self.signed_by_new) {
            return Err(KeyChangeRefusal::NotSignedByNew);
        }
        Ok(())
    }

    fn statement(genesis: &ChainHash, from: Party, old: &PublicKey, new: &PublicKey) -> Vec<u8> {
        [KEY_CHANGE_PREFIX, genesis.as_bytes(), &[from.code()], old.as_bytes(), new.as_bytes()].concat()
    }
}

/// Signatures as 128 hexadecimal digits.
mod signature_hex {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(bytes: &[u8; 64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 64], D::Error> {
        let mut bytes = [0; 64];
        hex::decode_to_slice(String::deserialize(deserializer)?, &mut bytes).map_err(de::Error::custom)?;
        Ok(bytes)
    }
}
