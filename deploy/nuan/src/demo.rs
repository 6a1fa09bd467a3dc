//! `cargo demo`: brokers, three services as separate processes, real applications driven to disbursement and back.
//!
//! The applications are lines of the programme's history; officers decide on the days on which they did. All results are
//! read from the services: nothing of the history goes into them.

pub(crate) mod report;

use crate::{
    Failure, history,
    play::{
        driver::Driver,
        script::{self, Act, Files},
        stage::Place,
    },
    services::on_this_thread,
};
use anyhow::Context;
use domain::Party;
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::SecretString;
use std::{collections::BTreeMap, io::Write};

/// The history's lines that the demo files, and the register's rows for them.
const APPLICATIONS: &str = include_str!("../data/demo.jsonl");
const MEMBERS: &str = include_str!("../data/demo_members.csv");
/// What was paid on their loans until the end of 2019.
const REPAYMENTS: &str = include_str!("../data/demo_repayments.jsonl");

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Stop when all applications have ended; exit 0, or 1 with the reason
    #[arg(long)]
    once: bool,
    /// Play the programme's whole history, as `nuan history` does, instead of a few applications
    #[arg(long)]
    history: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    if arguments.history {
        return history::play(&history::Inputs::shipped(), &arguments.place, arguments.once, arguments.json, out);
    }
    let played =
        on_this_thread(arguments.place.with_databases(async |databases| demo(arguments, databases, out).await));
    played.map_err(|error| Failure::of("demo", error))
}

async fn demo(
    arguments: &Arguments,
    databases: BTreeMap<Party, SecretString>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let say = |line: &str| {
        if !arguments.json {
            eprintln!("{line}");
        }
    };
    let files = Files { applications: APPLICATIONS, repayments: REPAYMENTS, service: "" };
    let script = script::read(&files, None)?;
    let first_day = script.first_day().context("there is no application")?;
    let stage = arguments.place.start(first_day, databases, true, say)?;
    let mut driver = Driver::new(&stage.services).await?;
    driver.open_books().await?;
    let wrong_members = driver.load_members(MEMBERS).await?;
    let bar = if arguments.json { ProgressBar::hidden() } else { ProgressBar::new(0) };
    bar.set_style(ProgressStyle::with_template("{pos}/{len} {wide_bar} {msg}")?);
    bar.set_length(u64::try_from(script.events.len())?);
    let played = driver.play(&script.events, |event, number, what| {
        if !arguments.json && !matches!(event.act, Act::List { .. }) {
            // Through the bar, so that it stays below; also where there is no terminal and so no bar.
            bar.suspend(|| eprintln!("✓ {} {number} {what}", event.on));
        }
        bar.inc(1);
    });
    let played = played.await?;
    bar.finish_and_clear();
    if let Some(refused) = wrong_members.iter().chain(&script.refused).chain(&played.refused).next() {
        anyhow::bail!("{}: {}", refused.line, refused.because);
    }

    let report = report::Report::read(&driver, &played).await?;
    if arguments.json {
        writeln!(out, "{:#}", report.json(&stage.addresses(), driver.accounts()))?;
    } else {
        report.print(out, &stage.services, driver.accounts())?;
        if let Some(file) = &stage.notices {
            writeln!(out, "告知申请人的通知（每行一条 JSON）：{}", file.display())?;
        }
    }
    out.flush()?;
    report.verdict()?;
    stage.end(arguments.once, say).await
}
