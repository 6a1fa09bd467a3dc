//! `nuan replay FILE…`: decides recorded inputs again with the cores of this build, and says what they decide otherwise.

mod puppet;
mod wire;

use crate::{Failure, services::on_this_thread};
use ::replay::{
    Alter, Build, Change, Expected, Network, Ran, Recording, Report, end_of, replay, states_that_differ, three,
};
use bank_core::Bank;
use clap::ValueEnum;
use domain::Party;
use guarantor_core::Guarantor;
use party::build_id;
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use union_core::Union;

/// Seeds with which the order of channels is drawn.
const SEEDS: [u64; 3] = [1, 2, 3];
/// How late messages are: within the resend of a channel, and beyond it.
const LATE_MS: [i64; 2] = [700, 5_000];
/// How long after the last recorded input the disturbed three may come to rest: less than to the next day's timers.
const AFTERWARDS_MS: i64 = 60 * 1000;
/// Differences that the text shows.
const SHOWN: usize = 20;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Recordings of `nuan record`: one, or those of all three for `three` and `perturb`
    #[arg(required = true, num_args = 1..=3, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Whose core decides: union, guarantor or bank; needed for one recording
    #[arg(long)]
    party: Option<Party>,
    /// What is done with the recording
    #[arg(long, value_enum, default_value = "open")]
    mode: Mode,
    /// what-if: journal position of the input that is altered
    #[arg(long, value_name = "POSITION", requires = "with")]
    at: Option<u64>,
    /// what-if: what is altered of it, as a JSON merge patch (RFC 7396) of a command, or of a message's data
    #[arg(long, value_name = "JSON", requires = "at")]
    with: Option<String>,
    /// Drive the deployed service at this address, which has to be a sandbox (`nuan sandbox`), instead of a core
    #[arg(long, value_name = "URL", requires = "sandbox")]
    to: Option<String>,
    /// The folder of the sandbox: the keys and accounts by which its partners are played
    #[arg(long, value_name = "DIR", requires = "to")]
    sandbox: Option<PathBuf>,
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
    /// Another build: decisions, messages, bookings, deadlines and tasks have to be the same
    Open,
    /// The same build: the hash of every commit's rows too
    Strict,
    /// One input is altered: what follows from that
    WhatIf,
    /// All three cores answer each other; their final states have to be those recorded
    Three,
    /// The same, disturbed: doubled, late and reordered messages, a crash before and after every commit
    Perturb,
}

/// What was asked for and would be left undone.
fn fits(arguments: &Arguments) -> Result<(), Failure> {
    let is_of_three = matches!(arguments.mode, Mode::Three | Mode::Perturb);
    let refused = [
        (
            is_of_three && arguments.case.is_some(),
            "--case is not for --mode three and perturb: they compare final states",
        ),
        (is_of_three && arguments.expected.is_some(), "--expected is not for --mode three and perturb"),
        (arguments.to.is_some() && arguments.mode != Mode::Open, "--to drives a service; --mode is for cores"),
        (arguments.to.is_some() && arguments.expected.is_some(), "--expected is for cores, not for --to"),
        (arguments.mode != Mode::WhatIf && arguments.at.is_some(), "--at and --with are for --mode what-if"),
    ];
    match refused.into_iter().find(|(is_so, _)| *is_so) {
        Some((_, why)) => Err(usage(why.to_owned())),
        None => Ok(()),
    }
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    fits(arguments)?;
    let mut recordings = BTreeMap::new();
    for path in &arguments.files {
        let wrong = |why: String| usage(format!("{}: {why}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let recording = Recording::parse(&text).map_err(|error| wrong(error.to_string()))?;
        let party = recording.header.party;
        if recordings.insert(party, recording).is_some() {
            return Err(wrong(format!("another recording of the {party}")));
        }
    }
    if let (Some(url), Some(folder)) = (&arguments.to, &arguments.sandbox) {
        return against(arguments, &recordings, url, folder, out);
    }
    // What a core panics with is in the report, once.
    std::panic::set_hook(Box::new(|_| ()));
    let replayed = match arguments.mode {
        Mode::Three | Mode::Perturb => of_three(arguments, &recordings, out),
        Mode::Open | Mode::Strict | Mode::WhatIf => of_one(arguments, &recordings, out),
    };
    let _ = std::panic::take_hook();
    replayed
}

fn usage(why: String) -> Failure {
    Failure::Usage(format!("replay: {why}"))
}

/// The one recording, and whose core or service is to decide it.
fn one<'a>(
    arguments: &Arguments,
    recordings: &'a BTreeMap<Party, Recording>,
) -> Result<(Party, &'a Recording), Failure> {
    let recording = recordings.values().next().filter(|_| recordings.len() == 1);
    let recording = recording.ok_or_else(|| usage("this mode takes one recording".into()))?;
    let party = arguments.party.ok_or_else(|| usage("whose core decides? --party union, guarantor or bank".into()))?;
    Ok((party, recording))
}

fn of_one(arguments: &Arguments, recordings: &BTreeMap<Party, Recording>, out: &mut impl Write) -> Result<(), Failure> {
    let (party, recording) = one(arguments, recordings)?;
    let expected = match &arguments.expected {
        None => Expected::default(),
        Some(path) => {
            let wrong = |why: String| usage(format!("{}: {why}", path.display()));
            let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
            Expected::parse(&text).map_err(|error| wrong(error.to_string()))?
        }
    };
    let alter = match (arguments.mode, arguments.at, &arguments.with) {
        (Mode::WhatIf, Some(position), Some(with)) => {
            let with = serde_json::from_str(with).map_err(|error| usage(format!("--with is no JSON: {error}")))?;
            Some(Alter { position, with })
        }
        (Mode::WhatIf, ..) => return Err(usage("what-if needs --at POSITION and --with JSON".into())),
        _ => None,
    };
    let build = Build { version: env!("CARGO_PKG_VERSION").to_owned(), build_id: build_id::of_this_program() };
    let strict = arguments.mode == Mode::Strict;
    let began = Instant::now();
    let report = match party {
        Party::Union => replay::<Union>(recording, build, strict, alter.as_ref(), &expected),
        Party::Guarantor => replay::<Guarantor>(recording, build, strict, alter.as_ref(), &expected),
        Party::Bank => replay::<Bank>(recording, build, strict, alter.as_ref(), &expected),
    };
    let report = report.map_err(usage)?;
    let took = began.elapsed();
    let holds = report.holds();
    let summary = format!("{} differences, {} follow from those", report.summary.different, report.summary.follow);
    show(&arguments.case.iter().fold(report, |report, id| report.of_case(id)), arguments.json, took, out)?;
    // What follows from an altered input is the answer, not a difference between builds.
    if holds || alter.is_some() { Ok(()) } else { Err(Failure::Different(format!("replay: {summary}"))) }
}

fn show(report: &Report, json: bool, took: Duration, out: &mut impl Write) -> Result<(), Failure> {
    if json {
        let text = serde_json::to_string_pretty(report).map_err(|error| Failure::Failed(format!("replay: {error}")))?;
        return Ok(writeln!(out, "{text}")?);
    }
    write!(out, "{report}")?;
    let messages = u128::try_from(report.summary.messages).unwrap_or_default();
    let ms = took.as_millis().max(1);
    Ok(writeln!(out, "{messages} messages taken in and said, {ms} ms: {} a second", messages * 1000 / ms)?)
}

/// Drives a deployed service.
fn against(
    arguments: &Arguments,
    recordings: &BTreeMap<Party, Recording>,
    url: &str,
    folder: &Path,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let (party, recording) = one(arguments, recordings)?;
    if recording.header.party != party {
        return Err(usage(format!("it is a recording of the {}, not of the {party}", recording.header.party)));
    }
    let driven = on_this_thread(wire::drive(recording, url, folder)).map_err(|error| Failure::of("replay", error))?;
    let differences = driven.differences.len();
    let is_shown =
        |difference: &&wire::StepDifference| arguments.case.is_none() || difference.application_id == arguments.case;
    if arguments.json {
        writeln!(out, "{:#}", json!(driven))?;
    } else {
        for difference in driven.differences.iter().filter(is_shown) {
            writeln!(out, "{difference}")?;
        }
        let wire::Driven { messages, commands, times, answers, .. } = &driven;
        writeln!(
            out,
            "{messages} messages said to it, {commands} commands, {times} times of its clock; {answers} messages from it"
        )?;
        writeln!(out, "{differences} steps that ended otherwise")?;
    }
    if differences == 0 { Ok(()) } else { Err(Failure::Different(format!("replay: {differences} differences"))) }
}

type Three = Ran<Union, Guarantor, Bank>;

/// What differs at the end, by party.
type Differing = BTreeMap<Party, Vec<Change>>;

fn of_three(
    arguments: &Arguments,
    recordings: &BTreeMap<Party, Recording>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let of =
        |party: Party| recordings.get(&party).ok_or_else(|| usage(format!("the recording of the {party} is missing")));
    let all = [of(Party::Union)?, of(Party::Guarantor)?, of(Party::Bank)?];
    let failed = |why: String| Failure::Failed(format!("replay: {why}"));
    let afterwards_ms = if arguments.mode == Mode::Three { 0 } else { AFTERWARDS_MS };
    let run = |network| three::<Union, Guarantor, Bank>(all, network, afterwards_ms).map_err(failed);
    let calm = run(if arguments.mode == Mode::Three { Network::AsRecorded } else { Network::Swift })?;
    let mut runs = Vec::new();
    if arguments.mode == Mode::Three {
        let end = Three {
            union: end_of(all[0]).map_err(failed)?,
            guarantor: end_of(all[1]).map_err(failed)?,
            bank: end_of(all[2]).map_err(failed)?,
            otherwise: Vec::new(),
            messages: 0,
            crashes: 0,
        };
        let differing = differing(&end, &calm).map_err(failed)?;
        runs.push((Network::AsRecorded.to_string(), differing, calm));
    } else {
        let mut networks = vec![Network::Twice];
        networks.extend([0, 1, 2].map(|first| Network::Crashes { first }));
        networks.extend(LATE_MS.map(Network::Late));
        networks.extend(SEEDS.map(Network::Shuffled));
        for network in networks {
            let ran = run(network)?;
            runs.push((network.to_string(), differing(&calm, &ran).map_err(failed)?, ran));
        }
    }
    if arguments.json {
        let runs: Vec<_> = runs
            .iter()
            .map(|(name, differing, ran)| {
                json!({
                    "run": name, "messages": ran.messages, "crashes": ran.crashes,
                    "answered_otherwise": ran.otherwise, "differences": differing,
                })
            })
            .collect();
        writeln!(out, "{:#}", json!({ "runs": runs }))?;
    } else {
        for (name, differing, ran) in &runs {
            print_run(name, differing, ran, out)?;
        }
    }
    let differences: usize = runs
        .iter()
        .map(|(_, differing, ran)| differing.values().map(Vec::len).sum::<usize>() + ran.otherwise.len())
        .sum();
    if differences == 0 { Ok(()) } else { Err(Failure::Different(format!("replay: {differences} differences"))) }
}

/// What happened, not when to the millisecond: the scheduler delivers at once what took its time then.
fn differing(then: &Three, now: &Three) -> Result<Differing, String> {
    let union = states_that_differ(&then.union, &now.union, false)?;
    let guarantor = states_that_differ(&then.guarantor, &now.guarantor, false)?;
    let bank = states_that_differ(&then.bank, &now.bank, false)?;
    Ok(BTreeMap::from([(Party::Union, union), (Party::Guarantor, guarantor), (Party::Bank, bank)]))
}

fn print_run(name: &str, differing: &Differing, ran: &Three, out: &mut impl Write) -> Result<(), Failure> {
    let fields: usize = differing.values().map(Vec::len).sum();
    let crashes = if ran.crashes > 0 { format!(", {} crashes", ran.crashes) } else { String::new() };
    writeln!(out, "{name}: {} messages{crashes}: {fields} fields of the final states differ", ran.messages)?;
    for line in ran.otherwise.iter().take(SHOWN) {
        writeln!(out, "  {line}")?;
    }
    for (party, changes) in differing {
        for change in changes.iter().take(SHOWN) {
            writeln!(out, "  {party}: {change}")?;
        }
    }
    Ok(())
}
