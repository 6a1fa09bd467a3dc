//! `nuan record`: an organisation's tape as a file, for `nuan replay`: its journal with the stored frames, from the database of
//! its configuration. The service may run beside it.

use crate::Failure;
use anyhow::{Context, anyhow, bail};
use bank_core::Bank;
use domain::{Date, Moment, Party};
use guarantor_core::Guarantor;
use organisation::Organisation;
use party::{
    build_id,
    config::Config,
    pairing::Pairing,
    store::{Direction, read::JournalLink},
    writer::tape::Tape,
};
use replay::{Build, Expected, Header, KeyChanged, Line, Recorder, Recording, Row, Start, pseudonymise, replay};
use serde_json::value::RawValue;
use std::{collections::BTreeSet, fs, io::Write, path::PathBuf};
use union_core::Union;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Whose tape: union, guarantor or bank
    #[arg(long)]
    party: Party,
    /// Configuration of its service
    #[arg(long, env = "NUAN_CONFIG", value_name = "FILE")]
    config: PathBuf,
    /// From this business time on: a date, or a moment such as 2020-02-24T09:00:00+08:00; absent: from the beginning
    #[arg(long, value_name = "T", value_parser = moment)]
    from: Option<Moment>,
    /// Replace names of firms and persons and all free text, by pseudonyms that follow from the secret in this file; a recording
    /// that has none may not leave the organisation. The same file at all three makes recordings that fit each other
    #[arg(long, value_name = "SECRET_FILE")]
    pseudonyms: Option<PathBuf>,
    /// Until before this business time; absent: to the end
    #[arg(long, value_name = "T", value_parser = moment)]
    to: Option<Moment>,
}

fn moment(text: &str) -> Result<Moment, String> {
    match text.parse::<Date>() {
        Ok(date) => Ok(Moment::start_of(date)),
        Err(_) => Moment::parse(text).map_err(|error| error.to_string()),
    }
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("record: {error}"));
    let config = Config::load(&arguments.config, std::env::vars()).map_err(|error| failed(&error))?;
    if config.party != arguments.party {
        let file = arguments.config.display();
        let why = format!("record: {file} is the configuration of {}, not of {}", config.party, arguments.party);
        return Err(Failure::Usage(why));
    }
    if let (Some(from), Some(to)) = (arguments.from, arguments.to)
        && from >= to
    {
        return Err(Failure::Usage(format!("record: --to {to} is not after --from {from}")));
    }
    let pairing = Pairing::read(&config.pairing_file).map_err(|error| failed(&error))?;
    pairing.check(&config.programme, &config.environment).map_err(|error| failed(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let recorded = runtime.block_on(async {
        match arguments.party {
            Party::Union => recorded::<Union>(arguments, &config, &pairing, out).await,
            Party::Guarantor => recorded::<Guarantor>(arguments, &config, &pairing, out).await,
            Party::Bank => recorded::<Bank>(arguments, &config, &pairing, out).await,
        }
    });
    recorded.map_err(|error| Failure::of("record", error))
}

async fn recorded<O: Organisation + Clone>(
    arguments: &Arguments,
    config: &Config,
    pairing: &Pairing,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let Some(path) = &arguments.pseudonyms else { return record::<O>(arguments, config, pairing, out).await };
    let secret = fs::read(path).map_err(|error| anyhow!("cannot read {}: {error}", path.display()))?;
    let mut whole = Vec::new();
    record::<O>(arguments, config, pairing, &mut whole).await?;
    let recording = Recording::parse(std::str::from_utf8(&whole)?)?;
    let mut renamed = Vec::new();
    for line in pseudonymise::<O>(&recording, secret.trim_ascii()).map_err(anyhow::Error::msg)? {
        write(&mut renamed, &line)?;
    }
    // What was replaced must not have become another story.
    let again = Recording::parse(std::str::from_utf8(&renamed)?)?;
    let build = Build { version: env!("CARGO_PKG_VERSION").to_owned(), build_id: build_id::of_this_program() };
    let report = replay::<O>(&again, build, true, None, &Expected::default()).map_err(anyhow::Error::msg)?;
    if !report.holds() {
        bail!("with pseudonyms it would not replay as it was:\n{report}");
    }
    Ok(out.write_all(&renamed)?)
}

async fn record<O: Organisation>(
    arguments: &Arguments,
    config: &Config,
    pairing: &Pairing,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut tape = Tape::open(config, pairing).await?;
    let charters = party::run::charters(config)?;
    let mut recorder = Recorder::<O>::new(charters.clone(), config.settings()).map_err(anyhow::Error::msg)?;
    let (mut began, mut written) = (false, BTreeSet::new());
    'tape: loop {
        let rows = tape.rows().await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let mut row = row_of(row)?;
            if arguments.to.is_some_and(|to| row.at >= to.millis()) {
                break 'tape;
            }
            if !began && arguments.from.is_none_or(|from| row.at >= from.millis()) {
                began = true;
                let start = recorder.start().map_err(anyhow::Error::msg)?;
                let header = header::<O>(config, &mut tape, charters.clone(), &start).await?;
                write(out, &Line::Header(Box::new(header)))?;
                start.rows.into_iter().try_for_each(|state| write(out, &Line::State(state)))?;
            }
            recorder.take(&mut row).map_err(anyhow::Error::msg)?;
            if began {
                for (direction, partner, seq) in messages_of(&row) {
                    let Some(frame) = tape.frame(direction, partner, seq).await? else { continue };
                    if written.insert((direction, partner, frame.preamble().last())) {
                        let line = replay::line_of_frame(&frame).context("a frame that is no JSON")?;
                        write(out, &Line::Frame(line))?;
                    }
                }
                write(out, &Line::Row(Box::new(row)))?;
            }
        }
    }
    if !began {
        bail!("there is nothing to record in that time");
    }
    write(out, &Line::End(recorder.end().map_err(anyhow::Error::msg)?))?;
    out.flush()?;
    tape.close().await;
    Ok(())
}

fn write(out: &mut impl Write, line: &Line) -> anyhow::Result<()> {
    // The bare error, so that a reader who has gone away is known for one.
    Ok(writeln!(out, "{}", serde_json::to_string(line)?)?)
}

async fn header<O: Organisation>(
    config: &Config,
    tape: &mut Tape,
    charters: domain::Charters,
    start: &Start,
) -> anyhow::Result<Header> {
    let mut key_changes = Vec::new();
    let partners: Vec<Party> = tape.channels().keys().copied().collect();
    for partner in partners {
        let changes = tape.key_changes(partner).await?;
        key_changes.extend(changes.into_iter().map(|(signer, from_seq, statement)| KeyChanged {
            partner,
            signer,
            from_seq,
            statement,
        }));
    }
    let first_keys = Party::ALL.into_iter().filter_map(|party| Some((party, tape.first_key(party)?))).collect();
    Ok(Header {
        format: replay::FORMAT,
        party: O::PARTY,
        programme: config.programme.clone(),
        environment: config.environment.clone(),
        build: env!("CARGO_PKG_VERSION").to_owned(),
        build_id: build_id::of_this_program(),
        settings: start.settings.clone(),
        charters,
        first_keys,
        key_changes,
        messages: replay::messages_of_this_build(),
        after: start.after.0,
        link: start.after.1.clone(),
        snapshot: start.snapshot.clone(),
        pseudonyms: false,
    })
}

fn row_of(row: JournalLink) -> anyhow::Result<Row> {
    let position = row.position;
    let raw = |text: String| RawValue::from_string(text).with_context(|| format!("row {position} holds no JSON"));
    Ok(Row {
        position,
        at: row.at,
        application_id: row.application_id,
        kind: row.kind,
        source: row.source,
        input: raw(row.input)?,
        recorded: raw(row.recorded)?,
        refusal: row.refusal.filter(|refusal| !refusal.is_empty()).map(raw).transpose()?,
        sent: row.sent,
        states: row.states.map(hex::encode),
        link: hex::encode(row.link),
        kept: Default::default(),
    })
}

/// The messages that a row speaks of: the one it took in, and those that it sent.
fn messages_of(row: &Row) -> Vec<(Direction, Party, u64)> {
    let mut found = Vec::new();
    let input: serde_json::Value = serde_json::from_str(row.input.get()).unwrap_or_default();
    if let (Ok(from), Some(seq)) = (row.source.parse::<Party>(), input["seq"].as_u64()) {
        found.push((Direction::In, from, seq));
    }
    for sent in row.sent.split(' ') {
        let Some((to, seq)) = sent.split_once(':') else { continue };
        if let (Ok(to), Ok(seq)) = (to.parse::<Party>(), seq.parse()) {
            found.push((Direction::Out, to, seq));
        }
    }
    found
}
