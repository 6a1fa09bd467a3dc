//! `nuan verify`: whether an organisation's journal and channels are as they were written and signed.

use crate::Failure;
use clap::Args;
use party::{config::Config, pairing::Pairing, writer::verify::verify};
use std::{io::Write, path::PathBuf};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Configuration of the service whose database is verified
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
    let config = Config::load(&arguments.config, std::env::vars()).map_err(|error| failed(&error))?;
    let pairing = Pairing::read(&config.pairing_file).map_err(|error| failed(&error))?;
    pairing.check(&config.programme, &config.environment).map_err(|error| failed(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
    let verified = runtime.block_on(verify(&config, &pairing)).map_err(|error| failed(&error))?;
    writeln!(out, "journal rows            {:>10}", verified.rows)?;
    writeln!(out, "frames signed by us     {:>10}", verified.frames_sent)?;
    writeln!(out, "frames signed by others {:>10}", verified.frames_received)?;
    writeln!(out, "all hold")?;
    Ok(())
}
