//! The secret key files of an organisation: the signing key that frames are signed with, and the vault key.
//!
//! A signing key file is TOML with exactly three fields: `party`, `key_id` (16 hexadecimal digits, to tell files apart
//! without reading the secret) and `seed` (64 hexadecimal digits). A vault key file is 64 hexadecimal digits. Both are made
//! by `nuan keys new`, later signing keys by `nuan keys rotate`, with mode 0600. A file that others can read is refused, an
//! existing file is never overwritten, and no error and no `Debug` shows a secret.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use channel::SigningKey;
use domain::Party;
use rand::RngCore;
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroize};
use serde::Deserialize;

use crate::config::{ConfigError, read_secret};

/// What stands in a signing key file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SigningKeyFile {
    party: Party,
    key_id: String,
    seed: SecretString,
}

/// Why a key file is refused, or cannot be made. Ordered by precedence; none shows what the file holds.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read.
    #[error("cannot read the key file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others can read it.
    #[error(transparent)]
    Exposed(ConfigError),
    /// It has not the three fields, or one of another form.
    #[error("{} is no signing key file (party, key_id, seed): make one with `nuan keys new`", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// It is another organisation's.
    #[error("{} is the signing key of the {found}, not of the {expected}", path.display())]
    OtherParty {
        /// The file.
        path: PathBuf,
        /// Whose it has to be.
        expected: Party,
        /// Whose it says it is.
        found: Party,
    },
    /// The id in it is not that of the seed in it.
    #[error("{} is damaged: its key_id does not belong to its seed", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A file to be made is already there.
    #[error("{} is already there and is not overwritten", path.display())]
    AlreadyThere {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be made.
    #[error("cannot write the key file {}: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The signing key in a file, which must be that party's.
///
/// # Errors
/// See [`KeyFileError`].
pub fn read_signing_key(path: &Path, party: Party) -> Result<SigningKey, KeyFileError> {
    let text = read_secret(path).map_err(|error| match error {
        ConfigError::Unreadable { path, source } => KeyFileError::Unreadable { path, source },
        other => KeyFileError::Exposed(other),
    })?;
    let path = || path.to_owned();
    // TOML's own error would quote the line, and the line may be the seed.
    let file: SigningKeyFile =
        toml::from_str(text.expose_secret()).map_err(|_| KeyFileError::Malformed { path: path() })?;
    if file.party != party {
        return Err(KeyFileError::OtherParty { path: path(), expected: party, found: file.party });
    }
    let mut seed = [0; 32];
    let read = hex::decode_to_slice(file.seed.expose_secret(), &mut seed);
    let key = SigningKey::from_seed(seed);
    seed.zeroize();
    read.map_err(|_| KeyFileError::Malformed { path: path() })?;
    if key.id().to_string() != file.key_id {
        return Err(KeyFileError::Damaged { path: path() });
    }
    Ok(key)
}

/// Makes a random signing key for that party and writes it to a new file with mode 0600, synced to the disk.
///
/// # Errors
/// The file is already there, or cannot be written.
pub fn new_signing_key(path: &Path, party: Party) -> Result<SigningKey, KeyFileError> {
    let mut seed = random();
    let key = SigningKey::from_seed(seed);
    let mut text = format!(
        "# Secret: whoever reads this file can sign as the {party}. Mode 0600, no copy in any repository.\n\
         party = \"{party}\"\nkey_id = \"{}\"\nseed = \"{}\"\n",
        key.id(),
        hex::encode(seed)
    );
    seed.zeroize();
    let written = write_new(path, &text);
    text.zeroize();
    written.map(|()| key)
}

/// Makes a random vault key and writes it to a new file with mode 0600, synced to the disk. Without it the personal data
/// in the organisation's database are lost.
///
/// # Errors
/// The file is already there, or cannot be written.
pub fn new_vault_key(path: &Path) -> Result<(), KeyFileError> {
    let mut text = format!("{}\n", hex::encode(random()));
    let written = write_new(path, &text);
    text.zeroize();
    written
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// Writes a file that was not there, for its owner only from its first moment. Half a file is not left behind.
fn write_new(path: &Path, text: &str) -> Result<(), KeyFileError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::AlreadyThere { path: path.to_owned() },
        _ => KeyFileError::Unwritable { path: path.to_owned(), source },
    })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|source| {
        let _ = fs::remove_file(path); // The first error is the one to tell.
        KeyFileError::Unwritable { path: path.to_owned(), source }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::read_vault_key;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn new_key_is_read_back_and_is_its_owner_s_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("union.toml");
        let made = new_signing_key(&path, Party::Union).unwrap();
        let read = read_signing_key(&path, Party::Union).unwrap();
        assert_eq!(made.public(), read.public());
        assert_eq!(mode(&path), 0o600);
        let other = new_signing_key(&folder.path().join("other.toml"), Party::Union).unwrap();
        assert_ne!(made.public(), other.public(), "each is random");

        let vault = folder.path().join("union.vault");
        new_vault_key(&vault).unwrap();
        assert_ne!(read_vault_key(&vault).unwrap(), [0; 32]);
        assert_eq!(mode(&vault), 0o600);
    }

    #[test]
    fn existing_file_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(new_signing_key(&path, Party::Bank), Err(KeyFileError::AlreadyThere { .. })));
        assert!(matches!(new_vault_key(&path), Err(KeyFileError::AlreadyThere { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        let nowhere = folder.path().join("no/such/folder");
        assert!(matches!(new_vault_key(&nowhere), Err(KeyFileError::Unwritable { .. })));
    }

    #[test]
    fn key_file_that_others_can_touch_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bank.toml");
        new_signing_key(&path, Party::Bank).unwrap();
        for others in [0o640, 0o604, 0o620, 0o602, 0o644] {
            fs::set_permissions(&path, PermissionsExt::from_mode(others)).unwrap();
            let line = read_signing_key(&path, Party::Bank).unwrap_err().to_string();
            assert!(line.contains("can be read by others") && line.contains("chmod 600"), "{others:o}: {line}");
        }
        fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
        read_signing_key(&path, Party::Bank).unwrap();
    }

    #[test]
    fn wrong_file_is_refused_without_showing_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.toml");
        let key = new_signing_key(&path, Party::Union).unwrap();
        let good = fs::read_to_string(&path).unwrap();
        let (id, seed) = (key.id().to_string(), good.rsplit('"').nth(1).unwrap().to_owned());
        let check = |text: &str, expected: &str| {
            fs::write(&path, text).unwrap();
            let line = read_signing_key(&path, Party::Union).unwrap_err().to_string();
            assert!(line.contains(expected) && !line.contains('\n'), "{text}: {line}");
            assert!(!line.contains(&seed) && !line.contains("4242"), "the secret shows: {line}");
        };
        check(&good.replace("\"union\"", "\"bank\""), "is the signing key of the bank, not of the union");
        check(&good.replace(&id, "0123456789abcdef"), "is damaged");
        check(&good.replace(&seed[..2], "zz"), "no signing key file");
        check(&good.replace(&seed, &seed[2..]), "no signing key file");
        check(&good.replace(&format!("\"{seed}\""), "4242"), "no signing key file");
        check(&good.replace("seed = \"", "seed = "), "no signing key file");
        check(&format!("{good}more = 1\n"), "no signing key file");
        check("", "no signing key file");
        check(&seed, "no signing key file");
        let missing = read_signing_key(&folder.path().join("missing"), Party::Union);
        assert!(matches!(missing, Err(KeyFileError::Unreadable { .. })));
    }
}
