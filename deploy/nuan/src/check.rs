//! `nuan export` writes what one organisation lets others see of its books; `nuan check` reads the three exports and says which
//! invariants of the programme do not hold across them.

pub(crate) mod export;
pub(crate) mod invariants;

use crate::{Failure, api::Api, services};
use export::Export;
use serde_json::json;
use std::{collections::BTreeMap, fs, io::Write, path::PathBuf};

#[derive(Debug, clap::Args)]
pub struct ExportArguments {
    #[arg(value_name = "PARTY=URL,TOKEN", help = services::HELP)]
    service: String,
}

#[derive(Debug, clap::Args)]
pub struct CheckArguments {
    /// The exports of union, guarantor and bank, in any order
    #[arg(value_name = "EXPORT", num_args = 3, required = true)]
    exports: Vec<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub fn export(arguments: &ExportArguments, out: &mut impl Write) -> Result<(), Failure> {
    let named = services::parse(&arguments.service).map_err(|error| Failure::Usage(format!("export: {error:#}")));
    let (party, service) = named?;
    let export = services::wait(async { Export::read(party, &Api::new(&service.url, &service.token)?).await })?;
    let text = serde_json::to_string(&export).map_err(|error| Failure::Failed(format!("export: {error}")))?;
    Ok(writeln!(out, "{text}")?)
}

pub fn check(arguments: &CheckArguments, out: &mut impl Write) -> Result<(), Failure> {
    let mut exports = BTreeMap::new();
    for path in &arguments.exports {
        let wrong = |why: String| Failure::Usage(format!("check: {}: {why}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let export: Export = serde_json::from_str(&text).map_err(|error| wrong(format!("no export: {error}")))?;
        let party = export.party;
        if exports.insert(party, export).is_some() {
            return Err(wrong(format!("another export of the {party}")));
        }
    }
    let violations = invariants::violations(&exports).map_err(|error| Failure::Usage(format!("check: {error:#}")))?;
    if arguments.json {
        writeln!(out, "{:#}", json!({ "checked": invariants::CHECKED, "violations": violations }))?;
    } else {
        for violation in &violations {
            writeln!(out, "{} {}", violation.invariant, violation.what)?;
        }
        if violations.is_empty() {
            writeln!(out, "{} hold", invariants::CHECKED.join(", "))?;
        }
    }
    match violations.len() {
        0 => Ok(()),
        broken => Err(Failure::Failed(format!("check: {broken} violations"))),
    }
}
