//! `nuan keys new`: makes an organisation's secret key files and shows what its partners need.
//!
//! It never overwrites a file and never prints a secret.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::Party;
use party::keys::{new_signing_key, new_vault_key};

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
}

/// Writes `<party>.signing.toml` and `<party>.vault` (mode 0600) into the folder; the line with the public key, for the
/// `[keys]` of the pairing file, goes to standard output.
///
/// # Errors
/// When a file is already there (it stays as it is), or cannot be written.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let Action::New { party, out: folder } = &arguments.action;
    fs::create_dir_all(folder)
        .map_err(|error| Failure::Failed(format!("cannot make {}: {error}", folder.display())))?;
    let vault = folder.join(format!("{party}.vault"));
    let signing = folder.join(format!("{party}.signing.toml"));
    if vault.exists() {
        // Otherwise a second call would leave a new signing key beside the old vault key.
        return Err(Failure::Failed(format!("{} is already there and is not overwritten", vault.display())));
    }
    let key = new_signing_key(&signing, *party).map_err(|error| Failure::Failed(error.to_string()))?;
    new_vault_key(&vault).map_err(|error| Failure::Failed(error.to_string()))?;
    writeln!(out, "# {} and {} are secret; the line below goes to both partners", signing.display(), vault.display())?;
    Ok(writeln!(out, "{party} = \"{}\"", key.public())?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where a step fails")]

    use std::path::Path;

    use party::config::read_vault_key;
    use party::keys::read_signing_key;

    use super::*;

    fn new(party: Party, folder: &Path) -> Result<String, Failure> {
        let mut out = Vec::new();
        run(&Arguments { action: Action::New { party, out: folder.to_owned() } }, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
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
        for party in Party::ALL {
            let own = folder.path().join(party.as_str());
            let key = read_signing_key(&own.join(format!("{party}.signing.toml")), party).unwrap();
            pairing.check("p", "test", party, key.public()).unwrap();
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
