//! `nuan replay FILE`: decides a recording's inputs again with the core of this build, and says what it decides otherwise.

use crate::Failure;
use ::replay::{Build, Expected, Recording, Report, replay};
use bank_core::Bank;
use clap::ValueEnum;
use domain::Party;
use guarantor_core::Guarantor;
use party::build_id;
use std::{fs, io::Write, path::PathBuf};
use union_core::Union;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A recording of `nuan record`
    file: PathBuf,
    /// Whose core decides: union, guarantor or bank
    #[arg(long)]
    party: Party,
    /// What has to be the same
    #[arg(long, value_enum, default_value = "open")]
    mode: Mode,
    /// Show the differences of this application only; all inputs are replayed, for its decisions depended on theirs
    #[arg(long, value_name = "ID")]
    case: Option<String>,
    /// Differences that are meant; one that is not found any more fails too
    #[arg(long, value_name = "FILE")]
    expected: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Another build: what people and partners see: decisions, messages, bookings, deadlines, tasks
    Open,
    /// The same build: the hash of every commit's rows too
    Strict,
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let usage = |why: String| Failure::Usage(format!("replay: {why}"));
    let read = |path: &PathBuf| fs::read_to_string(path).map_err(|error| usage(format!("{}: {error}", path.display())));
    let name = arguments.file.display();
    let recording = Recording::parse(&read(&arguments.file)?).map_err(|wrong| usage(format!("{name}: {wrong}")))?;
    let expected = match &arguments.expected {
        None => Expected::default(),
        Some(path) => Expected::parse(&read(path)?).map_err(|wrong| usage(format!("{}: {wrong}", path.display())))?,
    };
    let build = Build { version: env!("CARGO_PKG_VERSION").to_owned(), build_id: build_id::of_this_program() };
    let strict = arguments.mode == Mode::Strict;
    // What a core panics with is in the report, once.
    std::panic::set_hook(Box::new(|_| ()));
    let report = match arguments.party {
        Party::Union => replay::<Union>(&recording, build, strict, &expected),
        Party::Guarantor => replay::<Guarantor>(&recording, build, strict, &expected),
        Party::Bank => replay::<Bank>(&recording, build, strict, &expected),
    };
    let _ = std::panic::take_hook();
    let report = report.map_err(|why| usage(format!("{name}: {why}")))?;
    let holds = report.holds();
    let summary = format!("{} differences, {} follow from those", report.summary.different, report.summary.follow);
    let report = match &arguments.case {
        None => report,
        Some(id) => report.of_case(id),
    };
    show(&report, arguments.json, out)?;
    if holds { Ok(()) } else { Err(Failure::Different(format!("replay: {summary}"))) }
}

fn show(report: &Report, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    if json {
        let text = serde_json::to_string_pretty(report).map_err(|error| Failure::Failed(format!("replay: {error}")))?;
        return Ok(writeln!(out, "{text}")?);
    }
    Ok(write!(out, "{report}")?)
}
