//! Who the three organisations of a programme are: the file in which each pins the others' first public keys.
//!
//! The three may keep the same file and compare it line by line before they start: it holds no secret. Later keys come
//! through the channel, signed by the key before them, and not through this file. It refuses a file that leaves a party
//! out, or gives two parties one key: then one of them could sign as the other.
//!
//! ```toml
//! programme = "nuanchuang"     # with the environment part of every channel's first hash
//! environment = "production"
//!
//! [keys]                       # as `nuan keys new` prints them
//! union = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
//! guarantor = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
//! bank = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
//! ```

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use channel::{KeyId, PublicKey};
use domain::Party;
use serde::{Deserialize, Serialize};

/// The programme, its environment and the three first public keys. Complete and without a key used twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pairing {
    programme: String,
    environment: String,
    keys: BTreeMap<Party, PublicKey>,
}

/// The file before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PairingFile {
    programme: String,
    environment: String,
    keys: BTreeMap<Party, PublicKey>,
}

/// Why a pairing is refused. Ordered by precedence; each a single line.
#[derive(Debug, thiserror::Error)]
pub enum PairingError {
    /// The file cannot be read.
    #[error("cannot read the pairing file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It has other fields, or a field of another form.
    #[error("the pairing file {} is wrong: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and what.
        reason: String,
    },
    /// A party without a key.
    #[error("the pairing has no key of the {0}")]
    Missing(Party),
    /// One key for two parties.
    #[error("the pairing gives the {0} and the {1} the same key")]
    SameKey(Party, Party),
    /// Another programme or environment than the service's configuration names.
    #[error("the pairing is for {found:?}, the configuration for {expected:?}")]
    OtherProgramme {
        /// What the configuration says: programme and environment.
        expected: [String; 2],
        /// What the pairing says.
        found: [String; 2],
    },
    /// No private key at hand is the one that the partner expects: the first one, or after a change the last.
    #[error(
        "towards the {partner} the key with id {in_force} of the {own} is in force, but the signing key files hold {}",
        at_hand.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
    )]
    OtherOwnKey {
        /// Whose.
        own: Party,
        /// Towards whom.
        partner: Party,
        /// The id of the key in force.
        in_force: KeyId,
        /// The ids of the signing keys.
        at_hand: Vec<KeyId>,
    },
}

impl Pairing {
    /// The pairing of these keys.
    ///
    /// # Errors
    /// [`PairingError::Missing`], [`PairingError::SameKey`].
    pub fn new(programme: String, environment: String, keys: BTreeMap<Party, PublicKey>) -> Result<Self, PairingError> {
        if let Some(missing) = Party::ALL.into_iter().find(|party| !keys.contains_key(party)) {
            return Err(PairingError::Missing(missing));
        }
        for (party, key) in &keys {
            if let Some((other, _)) = keys.iter().find(|(other, its)| *other < party && *its == key) {
                return Err(PairingError::SameKey(*other, *party));
            }
        }
        Ok(Self { programme, environment, keys })
    }

    /// Reads a pairing file.
    ///
    /// # Errors
    /// See [`PairingError`].
    pub fn read(path: &Path) -> Result<Self, PairingError> {
        let text =
            fs::read_to_string(path).map_err(|source| PairingError::Unreadable { path: path.to_owned(), source })?;
        let file: PairingFile = toml::from_str(&text).map_err(|error| {
            let line = error.span().map(|span| 1 + text.get(..span.start).unwrap_or_default().matches('\n').count());
            let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            let reason = format!("{place}{}", error.message().replace('\n', ", "));
            PairingError::Malformed { path: path.to_owned(), reason }
        })?;
        Self::new(file.programme, file.environment, file.keys)
    }

    /// The file's content, as [`Pairing::read`] reads it.
    ///
    /// # Errors
    /// When it cannot be written as TOML, which no pairing has been seen to do.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// Checks that it is the pairing of this programme and environment: a channel that begins from another first hash never
    /// opens.
    ///
    /// # Errors
    /// [`PairingError::OtherProgramme`].
    pub fn check(&self, programme: &str, environment: &str) -> Result<(), PairingError> {
        if (self.programme.as_str(), self.environment.as_str()) != (programme, environment) {
            return Err(PairingError::OtherProgramme {
                expected: [programme.to_owned(), environment.to_owned()],
                found: [self.programme.clone(), self.environment.clone()],
            });
        }
        Ok(())
    }

    /// The programme's name.
    pub fn programme(&self) -> &str {
        &self.programme
    }

    /// The environment's name.
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// The first public key of a party.
    pub fn key(&self, party: Party) -> Option<PublicKey> {
        self.keys.get(&party).copied()
    }

    /// The other parties, in order.
    pub fn partners(&self, own: Party) -> impl Iterator<Item = Party> {
        self.keys.keys().copied().filter(move |party| *party != own)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use channel::SigningKey;

    use super::*;

    fn key(seed: u8) -> PublicKey {
        *SigningKey::from_seed([seed; 32]).public()
    }

    fn keys() -> BTreeMap<Party, PublicKey> {
        BTreeMap::from([(Party::Union, key(1)), (Party::Guarantor, key(2)), (Party::Bank, key(3))])
    }

    fn pairing() -> Pairing {
        Pairing::new("nuanchuang".to_owned(), "test".to_owned(), keys()).unwrap()
    }

    fn read(text: &str) -> Result<Pairing, PairingError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Pairing::read(file.path())
    }

    #[test]
    fn file_is_read_as_it_was_written() {
        assert_eq!(read(&pairing().to_toml().unwrap()).unwrap(), pairing());
        assert_eq!(pairing().partners(Party::Guarantor).collect::<Vec<_>>(), [Party::Union, Party::Bank]);
        assert_eq!(pairing().key(Party::Bank), Some(key(3)));
    }

    #[test]
    fn example_of_the_documentation_is_read() {
        let example = include_str!("pairing.rs");
        let lines =
            example.lines().skip_while(|line| *line != "//! ```toml").skip(1).take_while(|line| *line != "//! ```");
        let text: Vec<&str> = lines.map(|line| line.trim_start_matches("//!").trim_start()).collect();
        assert_eq!(read(&text.join("\n")).unwrap().programme(), "nuanchuang");
    }

    #[test]
    fn wrong_file_is_refused_with_the_place() {
        let good = pairing().to_toml().unwrap();
        let bank = key(3).to_string();
        for (text, expected) in [
            (good.replace(&bank, &bank[2..]), "line 7: a public key is 64 hexadecimal digits"),
            (good.replace(&bank, &"0".repeat(64)), "line 7: this Ed25519 public key is weak"),
            (good.replace(&bank, &key(1).to_string()), "gives the union and the bank the same key"),
            (good.replace("bank", "banks"), "line 7: unknown variant `banks`"),
            (
                good.lines().filter(|line| !line.starts_with("bank")).collect::<Vec<_>>().join("\n"),
                "no key of the bank",
            ),
            (good.replace("environment", "enviroment"), "line 2: unknown field `enviroment`"),
            (good.replace("programme = ", "programme "), "line 1: "),
            (String::new(), "missing field `programme`"),
        ] {
            let line = read(&text).unwrap_err().to_string();
            assert!(line.contains(expected) && !line.contains('\n'), "{expected}: {line}");
        }
        assert!(matches!(Pairing::read(Path::new("/no/such/file")), Err(PairingError::Unreadable { .. })));
    }

    #[test]
    fn pairing_of_another_programme_is_refused() {
        let pairing = pairing();
        pairing.check("nuanchuang", "test").unwrap();
        for (programme, environment) in [("other", "test"), ("nuanchuang", "production")] {
            let line = pairing.check(programme, environment).unwrap_err().to_string();
            assert!(line.contains("the pairing is for"), "{line}");
        }
    }
}
