//! `nuan history`: the programme's whole history, driven through the three services, and what they then report beside what was printed.
//!
//! Nothing of the files goes into a result: all sums come out of the services' own books.

mod report;
mod totals;

use crate::{
    Failure,
    play::{
        driver::Driver,
        script::{self, Event, Files},
        stage::Place,
    },
    services::on_this_thread,
};
use anyhow::Context;
use domain::{Date, Party};
use indicatif::{ProgressBar, ProgressStyle};
use report::{Outcome, Report};
use secrecy::SecretString;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Applications, a JSON object a line (the format of the programme's history)
    #[arg(value_name = "APPLICATIONS")]
    applications: PathBuf,
    /// The member register, CSV
    #[arg(long, value_name = "FILE")]
    members: Option<PathBuf>,
    /// Receipts, a JSON object a line
    #[arg(long, value_name = "FILE")]
    repayments: Option<PathBuf>,
    /// Tickets and consultations of the hotline, a JSON object a line
    #[arg(long, value_name = "FILE")]
    service: Option<PathBuf>,
    /// The totals that are expected, JSON
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// The files of a history.
pub(crate) struct Inputs {
    applications: String,
    members: String,
    repayments: String,
    service: String,
    expect: Option<Value>,
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let inputs = Inputs::of_files(arguments).map_err(|error| Failure::Usage(format!("history: {error:#}")))?;
    play(&inputs, &arguments.place, true, arguments.json, out)
}

impl Inputs {
    /// The programme's own history, 2017 to 2020.
    pub fn shipped() -> Self {
        Inputs {
            applications: include_str!("../data/history_applications.jsonl").into(),
            members: include_str!("../data/history_members.csv").into(),
            repayments: include_str!("../data/history_repayments.jsonl").into(),
            service: include_str!("../data/history_service.jsonl").into(),
            expect: serde_json::from_str(include_str!("../data/history_summary.json")).ok(),
        }
    }

    fn of_files(arguments: &Arguments) -> anyhow::Result<Self> {
        let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
        let or_empty = |path: &Option<PathBuf>| path.as_deref().map_or_else(|| Ok(String::new()), read);
        let expect = match &arguments.expect {
            Some(path) => {
                Some(serde_json::from_str(&read(path)?).with_context(|| format!("{} is no JSON", path.display()))?)
            }
            None => None,
        };
        Ok(Inputs {
            applications: read(&arguments.applications)?,
            members: or_empty(&arguments.members)?,
            repayments: or_empty(&arguments.repayments)?,
            service: or_empty(&arguments.service)?,
            expect,
        })
    }
}

/// Plays a history and reports.
///
/// # Errors
/// Something failed, lines were refused, or totals differ.
pub(crate) fn play(
    inputs: &Inputs,
    place: &Place,
    once: bool,
    json: bool,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let played = place.with_databases(async |databases| go(inputs, place, databases, once, json, out).await);
    match on_this_thread(played) {
        Ok(Outcome { differing: 0, violations: 0, refused: 0 }) => Ok(()),
        // What differs most from what is expected counts.
        Ok(Outcome { violations, .. }) if violations > 0 => {
            Err(Failure::Failed(format!("history: {violations} invariants do not hold")))
        }
        Ok(Outcome { differing, .. }) if differing > 0 => {
            Err(Failure::Differs(format!("history: {differing} totals differ")))
        }
        Ok(Outcome { refused, .. }) => Err(Failure::Refused(format!("history: {refused} lines were refused"))),
        Err(error) => Err(Failure::of("history", error)),
    }
}

async fn go(
    inputs: &Inputs,
    place: &Place,
    databases: BTreeMap<Party, SecretString>,
    once: bool,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let say = |line: &str| {
        if !json {
            eprintln!("{line}");
        }
    };
    let files = Files { applications: &inputs.applications, repayments: &inputs.repayments, service: &inputs.service };
    let until = match &inputs.expect {
        Some(expect) => expect["as_of"].as_str().map(str::parse::<Date>).transpose().context("as_of is no date")?,
        None => None,
    };
    // Where nobody says until when, until the last thing that somebody did.
    let until = match until {
        Some(until) => Some(until),
        None => script::read(&files, None)?.last_day(),
    };
    let script = script::read(&files, until)?;
    let first_day = script.first_day().context("there is no application that can be filed")?;
    let until = until.unwrap_or(first_day);
    let stage = place.start(first_day, databases, false, say)?;
    let mut driver = Driver::new(&stage.services).await?;
    driver.open_books().await?;
    let mut refused = driver.load_members(&inputs.members).await?;
    driver.appropriate(APPROPRIATION_FEN).await?;
    let mut progress = Progress::new(first_day, until, json)?;
    let played = driver.play(&script.events, |event, _, _| progress.tell(event)).await?;
    driver.close(until).await?;
    progress.end();
    let (took, waited) = (started.elapsed(), driver.waited());

    let mut report = Report::read(&driver, &inputs.expect, until).await?;
    refused.extend(script.refused.into_iter().chain(played.refused));
    report.refused = refused;
    report.took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let in_system = waited.as_millis() * 1_000_000 / took.as_millis().max(1);
    report.in_system_ppm = u32::try_from(in_system).unwrap_or(u32::MAX);
    if json {
        writeln!(out, "{:#}", report.json())?;
    } else {
        report.print(out)?;
    }
    out.flush()?;
    stage.end(once, say).await?;
    Ok(report.outcome())
}

/// What the union appropriates for subsidies before the first filing, fen.
const APPROPRIATION_FEN: i64 = 100_000_000;

/// A bar by month, and a line a month where there is no terminal.
struct Progress {
    bar: ProgressBar,
    quiet: bool,
    month: (i16, i8),
    done: u64,
}

impl Progress {
    fn new(from: Date, until: Date, quiet: bool) -> anyhow::Result<Self> {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
        bar.set_style(ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} 个月 {elapsed}")?);
        let months = |day: Date| i64::from(day.year()) * 12 + i64::from(day.month());
        bar.set_length(u64::try_from(months(until) - months(from) + 1).unwrap_or_default());
        Ok(Progress { bar, quiet, month: (from.year(), from.month()), done: 0 })
    }

    fn tell(&mut self, event: &Event) {
        let month = (event.on.year(), event.on.month());
        if month != self.month {
            self.next();
            self.month = month;
        }
        self.done += 1;
    }

    fn next(&mut self) {
        let ((year, month), done) = (self.month, self.done);
        let line = format!("✓ {year}-{month:02} 已办理 {done} 件事");
        if !self.quiet {
            self.bar.suspend(|| eprintln!("{line}"));
        }
        self.bar.set_message(format!("{year}-{month:02}"));
        self.bar.inc(1);
    }

    fn end(&mut self) {
        self.next();
        self.bar.finish_and_clear();
    }
}
