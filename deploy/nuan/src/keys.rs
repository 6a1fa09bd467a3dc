//! `nuan keys new` and `nuan keys rotate`: make an organisation's secret key files and show what its partners need.
//!
//! It never overwrites a file and never prints a secret.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use domain::Party;
use party::keys::{KeyFileError, new_signing_key, new_vault_key};

use crate::Failure;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a signing key and a vault key, and print the line for the pairing file
    New {
        /// Whose keys: union, guarantor or bank
        #[arg(long)]
        party: Party,
        /// The folder to put them in; made when missing
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Make the signing key that is to follow the present one, and print its public half
    Rotate {
        /// Whose key: union, guarantor or bank
        #[arg(long)]
        party: Party,
        /// The folder to put it in; made when missing
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// Writes the files and prints the line for the partners.
///
/// # Errors
/// When a file is already there (it stays as it is), or cannot be written.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    match &arguments.action {
        Action::New { party, out: folder } => new(*party, folder, out),
        Action::Rotate { party, out: folder } => rotate(*party, folder, out),
    }
}

/// Writes `<party>.signing.toml` and `<party>.vault` (mode 0600) into the folder; the line with the public key, for the
/// `[keys]` of the pairing file, goes to standard output.
fn new(party: Party, folder: &Path, out: &mut impl Write) -> Result<(), Failure> {
    make(folder)?;
    let vault = folder.join(format!("{party}.vault"));
    let signing = folder.join(format!("{party}.signing.toml"));
    if vault.exists() {
        // Otherwise a second call would leave a new signing key beside the old vault key.
        return Err(Failure::Failed(format!("{} is already there and is not overwritten", vault.display())));
    }
    let key = new_signing_key(&signing, party).map_err(failed)?;
    new_vault_key(&vault).map_err(failed)?;
    writeln!(out, "# {} and {} are secret; the line below goes to both partners", signing.display(), vault.display())?;
    Ok(writeln!(out, "{party} = \"{}\"", key.public())?)
}

/// Writes `<party>.next.signing.toml` (mode 0600) into the folder; the line with the public key goes to standard output. The
/// partners learn of it through the channels, and the pairing file keeps the first key: the line is for comparing.
fn rotate(party: Party, folder: &Path, out: &mut impl Write) -> Result<(), Failure> {
    make(folder)?;
    let next = folder.join(format!("{party}.next.signing.toml"));
    let key = new_signing_key(&next, party).map_err(failed)?;
    writeln!(
        out,
        "# {} is secret: set it as next_signing_key_file, then two operators post the key below",
        next.display()
    )?;
    writeln!(out, "# to /api/v1/signing-key; pairing.toml keeps the first key")?;
    Ok(writeln!(out, "{party} = \"{}\"", key.public())?)
}

fn make(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::Failed(format!("cannot make {}: {error}", folder.display())))
}

fn failed(error: KeyFileError) -> Failure {
    Failure::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where a step fails")]

    use party::config::read_vault_key;
    use party::keys::read_signing_key;

    use super::*;

    fn printed(action: Action) -> Result<String, Failure> {
        let mut out = Vec::new();
        run(&Arguments { action }, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn new(party: Party, folder: &Path) -> Result<String, Failure> {
        printed(Action::New { party, out: folder.to_owned() })
    }

    #[test]
    fn three_organisations_pair_with_the_lines_that_were_printed() {
        let folder = tempfile::tempdir().unwrap();
        let mut pairing = String::from("programme = \"p\"\nenvironment = \"test\"\n[keys]\n");
        for party in Party::ALL {
            pairing += &new(party, &folder.path().join(party.as_str())).unwrap();
        }
        let file = folder.path().join("pairing.toml");
        fs::write(&file, pairing).unwrap();
        let pairing = party::pairing::Pairing::read(&file).unwrap();
        pairing.check("p", "test").unwrap();
        for party in Party::ALL {
            let own = folder.path().join(party.as_str());
            let key = read_signing_key(&own.join(format!("{party}.signing.toml")), party).unwrap();
            assert_eq!(pairing.key(party), Some(*key.public()));
            read_vault_key(&own.join(format!("{party}.vault"))).unwrap();
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let folder = tempfile::tempdir().unwrap();
        let printed = new(Party::Union, folder.path()).unwrap();
        let signing = fs::read_to_string(folder.path().join("union.signing.toml")).unwrap();
        let vault = fs::read_to_string(folder.path().join("union.vault")).unwrap();
        let seed = signing.rsplit('"').nth(1).unwrap();
        assert!(seed.len() == 64 && !printed.contains(seed) && !printed.contains(vault.trim()));
    }

    #[test]
    fn the_next_key_is_another_one_in_a_file_of_its_own_and_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let first = new(Party::Bank, folder.path()).unwrap();
        let rotate = || printed(Action::Rotate { party: Party::Bank, out: folder.path().to_owned() });
        let next = rotate().unwrap();
        let key = |name: &str| *read_signing_key(&folder.path().join(name), Party::Bank).unwrap().public();
        let (present, following) = (key("bank.signing.toml"), key("bank.next.signing.toml"));
        assert_ne!(present, following);
        assert_eq!(
            first.lines().last(),
            Some(format!("bank = \"{present}\"").as_str()),
            "the present one is left alone"
        );
        assert_eq!(next.lines().last(), Some(format!("bank = \"{following}\"").as_str()));
        assert!(matches!(rotate().unwrap_err(), Failure::Failed(line) if line.contains("not overwritten")));
        assert_eq!(key("bank.next.signing.toml"), following);
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_is_half_made() {
        for there in ["union.signing.toml", "union.vault"] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(there), "precious").unwrap();
            let failure = new(Party::Union, folder.path()).unwrap_err();
            assert!(
                matches!(&failure, Failure::Failed(line) if line.contains(there) && line.contains("not overwritten"))
            );
            assert_eq!(fs::read_to_string(folder.path().join(there)).unwrap(), "precious");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no other file was made");
        }
    }
}
