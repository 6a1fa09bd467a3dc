//! `nuan serve union|guarantor|bank`: the same as the services' own programs.

use crate::Failure;
use domain::Party;
use party::{config::Config, process};
use std::{io::Write, path::PathBuf};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// union, guarantor or bank
    party: Party,
    /// Configuration in TOML; NUAN_* environment variables override it
    #[arg(long, env = "NUAN_CONFIG", value_name = "FILE")]
    config: PathBuf,
    /// Print the configuration that holds, secrets redacted, and stop
    #[arg(long)]
    print_config: bool,
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
    let config = Config::load(&arguments.config, std::env::vars()).map_err(|error| failed(&error))?;
    if config.party != arguments.party {
        let file = arguments.config.display();
        return Err(Failure::Failed(format!(
            "{file} is the configuration of {}, not of {}",
            config.party, arguments.party
        )));
    }
    if arguments.print_config {
        return Ok(write!(out, "{}", config.print().map_err(|error| failed(&error))?)?);
    }
    match arguments.party {
        Party::Union => process::serve(config, union_service::run),
        Party::Guarantor => process::serve(config, guarantor_service::run),
        Party::Bank => process::serve(config, bank_service::run),
    }
    .map_err(|error| failed(&error))
}
