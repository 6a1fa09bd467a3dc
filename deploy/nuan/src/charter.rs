//! `nuan charter`: a new version of the programme's rules, from the first draft to the three answers.
//!
//! Drafts are files; nothing is agreed before two signatories of each organisation have answered at its service.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, Subcommand};
use domain::{Charter, Date, Party, calendar::Calendar};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    Failure,
    api::Api,
    services::{self, Services},
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the next version of a charter to standard output, with some rules changed
    New {
        #[command(flatten)]
        next: Next,
        /// A rule and its value as JSON, e.g. credit_deadline.working_days=15; any number of times
        #[arg(long, value_name = "RULE=JSON")]
        set: Vec<String>,
    },
    /// Write the next version of a charter to standard output, with the working days of years that it lacks
    AddYear {
        #[command(flatten)]
        next: Next,
        /// {"2027": {"holidays": ["2027-01-01", …], "make_up_working_days": […]}}, after the State Council's notice
        #[arg(long, value_name = "FILE")]
        notice: PathBuf,
    },
    /// Show a charter's hash and whether it holds together; or, without a file, which charters the services keep
    Show {
        /// The charter
        file: Option<PathBuf>,
        #[command(flatten)]
        services: Services,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show the rules in which two charters differ: exit 0 if in none, else 1
    Diff {
        /// The one
        from: PathBuf,
        /// The other
        to: PathBuf,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Accept a charter for an organisation: brought forward by one signatory, confirmed by another one with the same command
    Propose {
        /// The charter
        file: PathBuf,
        /// Why; stands in the journal
        #[arg(long)]
        because: String,
        /// The service and a signatory's token
        #[arg(long, value_name = "PARTY=URL,TOKEN", help = services::HELP)]
        service: String,
    },
}

#[derive(Debug, Args)]
struct Next {
    /// The charter that it follows; without it, the rules of 2017 that are built in
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// First day on which it can be filed under; all three have to accept it before
    #[arg(long, value_name = "DATE")]
    effective_from: Date,
}

/// Does what is asked.
///
/// # Errors
/// A file cannot be read or is no charter, it does not hold together, the charters differ, or a service says no.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    match &arguments.command {
        Command::New { next, set } => {
            let mut draft = serde_json::to_value(draft(next)?).map_err(failed)?;
            for rule in set {
                change(&mut draft, rule)?;
            }
            let charter = serde_json::from_value(draft).map_err(|error| Failure::Usage(format!("--set: {error}")))?;
            write_valid(&charter, out)
        }
        Command::AddYear { next, notice } => write_valid(&with_years(draft(next)?, notice)?, out),
        Command::Show { file: Some(file), json, .. } => show(&read(file)?, *json, out),
        Command::Show { file: None, services, json } => kept(services, *json, out),
        Command::Diff { from, to, json } => diff(&read(from)?, &read(to)?, *json, out),
        Command::Propose { file, because, service } => propose(&read(file)?, because, service, out),
    }
}

/// The version after the base, with the same rules.
fn draft(next: &Next) -> Result<Charter, Failure> {
    let base: Charter = next.base.as_deref().map_or_else(|| Ok(Charter::programme_2017()), read)?;
    if next.effective_from <= base.effective_from {
        let line =
            format!("--effective-from: the base itself holds from {} on, choose a later day", base.effective_from);
        return Err(Failure::Usage(line));
    }
    let version =
        base.version.checked_add(1).ok_or_else(|| Failure::Failed("there is no higher version".to_owned()))?;
    Ok(Charter { version, effective_from: next.effective_from, ..base })
}

/// Puts a value where `a.b.c=VALUE` says. Only what is there can be changed.
fn change(draft: &mut Value, rule: &str) -> Result<(), Failure> {
    let wrong = |why: &str| Failure::Usage(format!("--set {rule}: {why}"));
    let (path, value) = rule.split_once('=').ok_or_else(|| wrong("is not RULE=JSON"))?;
    let value = serde_json::from_str(value).map_err(|_| wrong("the value is no JSON; a text needs quotes"))?;
    let place = path.split('.').try_fold(draft, |at, name| at.get_mut(name));
    *place.ok_or_else(|| wrong("there is no such rule; `nuan charter show FILE --json` has all"))? = value;
    Ok(())
}

fn with_years(charter: Charter, notice: &Path) -> Result<Charter, Failure> {
    let added: BTreeMap<i16, _> = read::<Calendar>(notice)?.into();
    let mut years = BTreeMap::from(charter.calendar.clone());
    if let Some(year) = added.keys().find(|year| years.contains_key(year)) {
        return Err(Failure::Failed(format!("{}: the base has the year {year} already", notice.display())));
    }
    years.extend(added);
    Ok(Charter { calendar: Calendar::new(years).map_err(failed)?, ..charter })
}

fn write_valid(charter: &Charter, out: &mut impl Write) -> Result<(), Failure> {
    charter.validate().map_err(failed)?;
    Ok(writeln!(out, "{}", pretty(charter)?)?)
}

fn show(charter: &Charter, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    charter.validate().map_err(failed)?;
    if json {
        return Ok(writeln!(out, "{}", pretty(&json!({ "hash": charter.hash(), "charter": charter }))?)?);
    }
    let years: Vec<i16> = charter.calendar.years().collect();
    writeln!(out, "{}", charter.hash().to_hex())?;
    writeln!(out, "programme       {}", charter.programme)?;
    writeln!(out, "version         {}", charter.version)?;
    writeln!(out, "effective from  {}", charter.effective_from)?;
    if let (Some(first), Some(last)) = (years.first(), years.last()) {
        writeln!(out, "working days    {first} to {last}")?;
    }
    Ok(())
}

fn diff(from: &Charter, to: &Charter, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let changes = from.changes(to);
    if json {
        writeln!(out, "{}", pretty(&changes)?)?;
    } else {
        for change in &changes {
            let side = |value: &Option<Value>| value.as_ref().map_or_else(|| "(none)".to_owned(), Value::to_string);
            writeln!(out, "{}: {} -> {}", change.field, side(&change.from), side(&change.to))?;
        }
    }
    match changes.len() {
        0 => Ok(()),
        1 => Err(Failure::Failed("the charters differ in one rule".to_owned())),
        n => Err(Failure::Failed(format!("the charters differ in {n} rules"))),
    }
}

/// Which charters each service keeps, and who has answered what.
fn kept(services: &Services, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let services = services.found().map_err(|error| Failure::Usage(format!("{error:#}")))?;
    let lists = services::wait(async {
        let mut lists = BTreeMap::new();
        for (party, service) in &services {
            let list = Api::new(&service.url, &service.token)?.get("charters").await;
            let mut list = list.with_context(|| format!("the {party}'s service"))?;
            lists.insert(*party, list["items"].take());
        }
        anyhow::Ok(lists)
    })?;
    if json {
        return Ok(writeln!(out, "{}", pretty(&lists)?)?);
    }
    for (party, list) in lists {
        writeln!(out, "{party}")?;
        for charter in list.as_array().into_iter().flatten() {
            let word = |name: &str| charter[name].as_str().unwrap_or_default().to_owned();
            let waits: Vec<&str> =
                charter["waiting_for"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let state = if charter["in_force"] == true { "IN FORCE".to_owned() } else { word("standing") };
            let waits = if waits.is_empty() { String::new() } else { format!(", waits for {}", waits.join(" and ")) };
            let (version, from) = (&charter["version"], word("effective_from"));
            writeln!(out, "  {} version {version} from {from}: {state}{waits}", word("hash"))?;
        }
    }
    Ok(())
}

fn propose(charter: &Charter, because: &str, service: &str, out: &mut impl Write) -> Result<(), Failure> {
    let (party, service) = services::parse(service).map_err(|error| Failure::Usage(format!("--service: {error:#}")))?;
    let body = json!({ "charter": charter, "because": because });
    let answer = services::wait(async {
        let answer = Api::new(&service.url, &service.token)?.post("charters", &body).await;
        answer.with_context(|| format!("the {party}'s service"))
    })?;
    let hash = charter.hash().to_hex();
    if answer["answers"][party.as_str()].is_null() {
        writeln!(out, "{hash}: proposed at the {party}; another signatory has to do the same")?;
        return Ok(());
    }
    let waits = |party: &Party| answer["answers"][party.as_str()].is_null();
    let waits: Vec<String> = Party::ALL.iter().filter(|party| waits(party)).map(ToString::to_string).collect();
    if waits.is_empty() {
        writeln!(out, "{hash}: accepted by all three, in force from {} on", charter.effective_from)?;
    } else {
        writeln!(out, "{hash}: accepted by the {party}; waits for {}", waits.join(" and "))?;
    }
    Ok(())
}

fn read<T: DeserializeOwned>(file: &Path) -> Result<T, Failure> {
    let wrong = |why: String| Failure::Failed(format!("{}: {why}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))
}

fn pretty(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where a step fails")]

    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn nuan_charter(arguments: &[&str]) -> Result<String, String> {
        let line = Line::try_parse_from(["charter"].iter().chain(arguments)).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        match super::run(&line.arguments, &mut out) {
            Ok(()) => Ok(String::from_utf8(out).unwrap()),
            Err(Failure::Failed(why) | Failure::Usage(why)) => Err(why + &String::from_utf8(out).unwrap()),
            Err(other) => unreachable!("{other:?}"),
        }
    }

    /// A folder with these files.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn the_next_version_is_drafted_shown_and_compared() {
        let draft = nuan_charter(&[
            "new",
            "--effective-from=2026-10-01",
            "--set=credit_deadline.working_days=15",
            "--set=amount_max_fen=60000000",
        ])
        .unwrap();
        let folder = folder(&[("old", &serde_json::to_string(&Charter::programme_2017()).unwrap()), ("new", &draft)]);
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        let charter: Charter = serde_json::from_str(&draft).unwrap();
        assert_eq!((charter.version, charter.amount_max_fen.get()), (2, 60_000_000));
        let shown = nuan_charter(&["show", new.to_str().unwrap()]).unwrap();
        assert_eq!(
            shown,
            format!(
                "{}\nprogramme       {}\nversion         2\neffective from  2026-10-01\nworking days    2017 to 2026\n",
                charter.hash().to_hex(),
                charter.programme
            )
        );
        let differ = nuan_charter(&["diff", old.to_str().unwrap(), new.to_str().unwrap()]).unwrap_err();
        for line in [
            "the charters differ in 4 rules",
            "amount_max_fen: 50000000 -> 60000000\n",
            "credit_deadline.working_days: 10 -> 15\n",
            "version: 1 -> 2\n",
        ] {
            assert!(differ.contains(line), "{differ}");
        }
        assert_eq!(nuan_charter(&["diff", new.to_str().unwrap(), new.to_str().unwrap()]).unwrap(), "");
    }

    #[test]
    fn a_year_is_added_once() {
        let folder = folder(&[
            ("2027", r#"{"2027": {"holidays": ["2027-01-01"], "make_up_working_days": ["2027-01-03"]}}"#),
            ("2026", r#"{"2026": {"holidays": [], "make_up_working_days": []}}"#),
            ("wrong", r#"{"2027": {"holidays": ["2028-01-01"], "make_up_working_days": []}}"#),
        ]);
        let add = |file: &str| {
            let notice = format!("--notice={}", folder.path().join(file).display());
            nuan_charter(&["add-year", "--effective-from=2026-12-01", &notice])
        };
        let charter: Charter = serde_json::from_str(&add("2027").unwrap()).unwrap();
        assert_eq!(charter.calendar.years().last(), Some(2027));
        for (file, why) in [
            ("2026", "the base has the year 2026 already"),
            ("wrong", "2028-01-01 stands under the year 2027"),
            ("absent", "No such file"),
        ] {
            let line = add(file).unwrap_err();
            assert!(line.contains(why), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (arguments, why) in [
            (&["new", "--effective-from=2017-01-01"][..], "the base itself holds from 2017-"),
            (&["new", "--effective-from=2026-10-01", "--set=no_rule=1"], "there is no such rule"),
            (&["new", "--effective-from=2026-10-01", "--set=age_min"], "is not RULE=JSON"),
            (&["new", "--effective-from=2026-10-01", "--set=programme=x"], "the value is no JSON"),
            (&["new", "--effective-from=2026-10-01", "--set=age_min=\"x\""], "--set: invalid type"),
            (&["new", "--effective-from=2026-10-01", "--set=age_min=99"], "does not hold together"),
            (&["show", "/nowhere"], "/nowhere: "),
            (&["show"], "--data-dir"),
            (&["propose", "/nowhere", "--because=x", "--service=union"], "/nowhere: "),
        ] {
            let line = nuan_charter(arguments).unwrap_err();
            assert!(line.contains(why), "{arguments:?}: {line}");
        }
    }
}
