//! Personal data: sealed under a key of its own per application, which is sealed under the organisation's vault key.
//!
//! Deleting the application's key erases its data. Nothing of it goes into a core, a log, a span or a frame; cores get
//! the token and pseudonyms.

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use rand::RngCore;
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;

const NONCE: usize = 12;

/// The organisation's vault.
#[derive(Debug)]
pub struct Vault {
    key: SecretBox<[u8; 32]>,
}

/// Sealed data on their way into the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// What they are.
    pub kind: Kind,
    /// By which the core knows them: random for personal data, the address of a paper, the public key of a letterbox.
    pub token: String,
    /// The application's key, sealed under the vault key.
    pub key: Vec<u8>,
    /// The data, sealed under the application's key.
    pub data: Vec<u8>,
}

/// What a record of the vault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Personal data, as JSON.
    Record,
    /// A paper, as it was handed in.
    Paper,
    /// The private key of a letterbox.
    Letterbox,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Record, Self::Paper, Self::Letterbox];

    /// As the database keeps it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Paper => "paper",
            Self::Letterbox => "letterbox",
        }
    }
}

/// Sealed data cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed data cannot be opened: wrong vault key, or changed data")]
pub struct CannotOpen;

impl Vault {
    /// The vault under this key.
    pub fn new(key: [u8; 32]) -> Self {
        Vault { key: SecretBox::new(Box::new(key)) }
    }

    /// A random text that nobody can guess.
    pub fn salt(&self) -> String {
        let mut salt = [0_u8; 16];
        rand::rng().fill_bytes(&mut salt);
        hex::encode(salt)
    }

    /// Seals personal data under a new key and token.
    pub fn seal(&self, data: &[u8]) -> Result<Sealed, CannotOpen> {
        self.seal_under(Kind::Record, self.salt(), data)
    }

    /// Seals data under a new key and this token.
    ///
    /// # Errors
    /// [`CannotOpen`]: the cipher takes no more.
    pub fn seal_under(&self, kind: Kind, token: String, data: &[u8]) -> Result<Sealed, CannotOpen> {
        let mut key = [0_u8; 32];
        rand::rng().fill_bytes(&mut key);
        Ok(Sealed {
            key: encrypt(self.key.expose_secret(), &token, &key)?,
            data: encrypt(&key, &token, data)?,
            kind,
            token,
        })
    }

    /// Opens sealed personal data.
    ///
    /// # Errors
    /// [`CannotOpen`].
    pub fn open(&self, sealed: &Sealed) -> Result<Vec<u8>, CannotOpen> {
        let key = decrypt(self.key.expose_secret(), &sealed.token, &sealed.key)?;
        let key = <[u8; 32]>::try_from(key.as_slice()).map_err(|_| CannotOpen)?;
        decrypt(&key, &sealed.token, &sealed.data)
    }

    /// A pseudonym of personal data: the same data give the same one, and only with the vault key.
    pub fn pseudonym(&self, purpose: &str, fields: &[&str]) -> String {
        hex::encode(&self.secret(purpose, fields)[..16])
    }

    /// 32 bytes that nobody can guess without the vault key; the same fields give the same ones.
    pub fn secret(&self, purpose: &str, fields: &[&str]) -> [u8; 32] {
        // HMAC takes a key of any length; were it not so, random bytes match nothing.
        let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(self.key.expose_secret()) else {
            return rand::random();
        };
        for field in std::iter::once(&purpose).chain(fields) {
            mac.update(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(field.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

fn encrypt(key: &[u8; 32], token: &str, data: &[u8]) -> Result<Vec<u8>, CannotOpen> {
    let mut nonce = [0_u8; NONCE];
    rand::rng().fill_bytes(&mut nonce);
    let sealed = ChaCha20Poly1305::new(key.into())
        .encrypt((&nonce).into(), Payload { msg: data, aad: token.as_bytes() })
        .map_err(|_| CannotOpen)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn decrypt(key: &[u8; 32], token: &str, sealed: &[u8]) -> Result<Vec<u8>, CannotOpen> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or(CannotOpen)?;
    let nonce = <[u8; NONCE]>::try_from(nonce).map_err(|_| CannotOpen)?;
    ChaCha20Poly1305::new(key.into())
        .decrypt((&nonce).into(), Payload { msg: sealed, aad: token.as_bytes() })
        .map_err(|_| CannotOpen)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn sealed_data_open_only_unchanged_under_their_token_and_key() {
        let vault = Vault::new([7; 32]);
        let sealed = vault.seal(b"110105 19491231 002X").unwrap();
        assert_eq!(vault.open(&sealed).unwrap(), b"110105 19491231 002X");
        assert!(!sealed.data.windows(6).any(|bytes| bytes == b"110105"));

        assert_eq!(Vault::new([8; 32]).open(&sealed), Err(CannotOpen));
        let other = vault.seal(b"other").unwrap();
        assert_eq!(vault.open(&Sealed { token: other.token, ..sealed.clone() }), Err(CannotOpen));
        assert_eq!(vault.open(&Sealed { data: other.data, ..sealed.clone() }), Err(CannotOpen));
        for at in 0..sealed.data.len() {
            let mut changed = sealed.clone();
            changed.data[at] ^= 1;
            assert_eq!(vault.open(&changed), Err(CannotOpen), "byte {at}");
        }
        assert_eq!(vault.open(&Sealed { data: vec![1, 2], ..sealed }), Err(CannotOpen));
    }

    #[test]
    fn a_pseudonym_depends_on_key_purpose_and_the_border_of_fields() {
        let vault = Vault::new([7; 32]);
        let of = |purpose, fields: &[&str]| vault.pseudonym(purpose, fields);
        assert_eq!(of("member", &["ab", "c"]), of("member", &["ab", "c"]));
        assert_ne!(of("member", &["ab", "c"]), of("member", &["a", "bc"]));
        assert_ne!(of("member", &["ab", "c"]), of("person", &["ab", "c"]));
        assert_ne!(of("member", &["ab", "c"]), Vault::new([8; 32]).pseudonym("member", &["ab", "c"]));
    }
}
