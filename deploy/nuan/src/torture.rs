//! `nuan torture`: broker, services and applicants as real processes, faults on a schedule from a seed, and then the
//! question whether every application has ended or waits for a named person, and whether money was made or lost.
//!
//! One file a kind of fault; `field` is what they strike, `clients` the history of what was acknowledged, `check` the
//! invariants. What it prints is what happened: faults count only if applications were under way when they struck, and a
//! campaign without a fault that struck fails.

mod absence;
mod boundaries;
mod broker;
mod check;
mod clients;
mod clock;
mod disk;
mod evidence;
mod field;
mod kill;
mod kind;
mod postgres;
mod proxy;
mod random;
mod restore;
mod wire;

use crate::{Failure, databases::Databases};
use check::Violation;
use disk::SmallDisks;
use evidence::Evidence;
use field::{Course, Field, Ground};
use kind::Kind;
use random::Random;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tools::postgres::Server;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which fault
    #[arg(value_enum)]
    kind: Kind,
    /// How many applications are filed, an equal share in each round
    #[arg(long, value_name = "N", default_value_t = 200)]
    applications: u32,
    /// How many rounds of faults
    #[arg(long, value_name = "N", default_value_t = 10)]
    rounds: u32,
    /// The schedule of faults: the same seed, the same schedule
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Keep databases, keys and logs here instead of a folder that is removed at the end
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// PostgreSQL server on which databases are made for it, dropped at the end unless --data-dir keeps the rest; without it:
    /// SQLite
    #[arg(long, value_name = "URL")]
    postgres: Option<SecretString>,
    /// This process may mount what it likes: nobody else sees it
    #[arg(long, hide = true)]
    in_own_mounts: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn database(&self) -> &'static str {
        if self.postgres.is_some() || self.kind.has_server() { "PostgreSQL" } else { "SQLite" }
    }
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    if arguments.rounds == 0 || arguments.applications < arguments.rounds {
        return Err(Failure::Usage("--rounds has to be at least 1, and --applications at least one a round".into()));
    }
    if arguments.postgres.is_some() && (arguments.kind.has_server() || arguments.kind.is_for_files()) {
        let database = if arguments.kind.has_server() { "a PostgreSQL server of its own" } else { "SQLite" };
        return Err(Failure::Usage(format!("{} is for {database}: no --postgres", arguments.kind.name())));
    }
    arguments.kind.look().map_err(|why| Failure::Failed(format!("torture: {why}")))?;
    if arguments.kind.mounts() && !arguments.in_own_mounts {
        return Err(Failure::Failed(format!("torture: {}", disk::again_with_own_mounts())));
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(error.to_string()))?;
    let report =
        runtime.block_on(campaign(arguments)).map_err(|error| Failure::Failed(format!("torture: {error:#}")))?;
    if arguments.json {
        writeln!(out, "{:#}", report.json(arguments))?;
    } else {
        report.print(arguments, out)?;
    }
    out.flush()?;
    report.verdict()
}

/// What became of a campaign.
struct Report {
    course: Course,
    ends: BTreeMap<String, usize>,
    named: BTreeMap<String, String>,
    /// Applications that were acknowledged and that the union does not have.
    gone: usize,
    violations: Vec<Violation>,
    wall: Duration,
}

async fn campaign(arguments: &Arguments) -> anyhow::Result<Report> {
    let temporary;
    let folder = match &arguments.data_dir {
        Some(folder) if folder.join("union").exists() => {
            anyhow::bail!("{} holds an earlier campaign: name another folder", folder.display())
        }
        Some(folder) => folder.as_path(),
        None => {
            temporary = tempfile::tempdir()?;
            temporary.path()
        }
    };
    // Not below the folder: that may be one that the server's user cannot enter.
    let disk = tempfile::Builder::new().prefix("nuan-disk-").tempdir()?;
    let mut disks = SmallDisks::default();
    let mut ground = arguments.kind.ground();
    if arguments.kind == Kind::PostgresFull {
        disks.mount(disk.path())?;
        ground.server_disk = Some(disk.path().to_owned());
    }
    if arguments.kind.has_server() {
        let below = ground.server_disk.clone().unwrap_or_else(std::env::temp_dir);
        ground.server = Some(Server::start_below(&below)?);
    }
    let url = match &ground.server {
        Some(server) => Some(server.url("postgres").into()),
        None => arguments.postgres.clone(),
    };
    let databases = match &url {
        Some(url) => Some(Arc::new(Databases::create(url).await?)),
        None => None,
    };
    ground.databases.clone_from(&databases);
    let report = strike(arguments, folder, ground).await;
    // What is on a server of ours goes with it.
    if let Some(databases) = databases.filter(|_| !arguments.kind.has_server()) {
        match &arguments.data_dir {
            Some(_) => databases.names().for_each(|name| eprintln!("{name}")),
            None => databases.drop_all().await?,
        }
    }
    report
}

/// Round after round, and then what became of it.
async fn strike(arguments: &Arguments, folder: &Path, ground: Ground) -> anyhow::Result<Report> {
    let (begun, random) = (Instant::now(), Random::new(arguments.seed));
    let mut field = Field::start(folder, ground, arguments.applications, random).await?;
    for round in 0..arguments.rounds {
        let share = u64::from(arguments.applications) * u64::from(round + 1) / u64::from(arguments.rounds);
        field.begin_round(round, u32::try_from(share)?);
        arguments.kind.round(&mut field).await?;
    }
    field.settle().await?;
    let (evidence, course) = field.end().await?;
    Ok(Report::new(&evidence, course, begun.elapsed()))
}

impl Report {
    fn new(evidence: &Evidence, course: Course, wall: Duration) -> Self {
        let mut ends: BTreeMap<String, usize> = BTreeMap::new();
        for application in evidence.applications.iter().filter(|application| application.ended) {
            *ends.entry(application.state.clone()).or_default() += 1;
        }
        let there: BTreeSet<&str> = evidence.applications.iter().map(|one| one.application_id.as_str()).collect();
        let told: BTreeSet<&str> = evidence.told.iter().flat_map(|told| &told.numbers).map(String::as_str).collect();
        let gone = told.difference(&there).count();
        let violations = [course.wrong.clone(), check::check(evidence)].concat();
        Report { course, ends, named: evidence.named.clone(), gone, violations, wall }
    }

    fn struck(&self) -> u64 {
        self.course.struck.values().sum()
    }

    /// The times from healing to the last end, ms, the shortest first.
    fn healings_ms(&self) -> Vec<u64> {
        let ms = self.course.healings.iter().map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let mut healings: Vec<u64> = ms.collect();
        healings.sort_unstable();
        healings
    }

    fn json(&self, arguments: &Arguments) -> Value {
        let violations: Vec<Value> =
            self.violations.iter().map(|found| json!({ "rule": found.rule, "what": found.what })).collect();
        json!({
            "kind": arguments.kind.name(),
            "database": arguments.database(),
            "applications": arguments.applications,
            "rounds": arguments.rounds,
            "seed": arguments.seed,
            "struck": self.course.struck,
            "missed": self.course.missed,
            "ends": self.ends,
            "named": self.named,
            "gone": self.gone,
            "violations": violations,
            "fewest_under_way": self.course.fewest_under_way,
            "healing_to_last_end_ms": self.healings_ms(),
            "wall_s": self.wall.as_secs(),
        })
    }

    fn print(&self, arguments: &Arguments, out: &mut impl Write) -> std::io::Result<()> {
        let kind = arguments.kind.name();
        let (database, seconds) = (arguments.database(), self.wall.as_secs());
        writeln!(out, "{kind} on {database}: seed {}, {} rounds, {seconds} s", arguments.seed, arguments.rounds)?;
        for (fault, times) in &self.course.struck {
            writeln!(out, "  {fault:<40} {times:>6}")?;
        }
        writeln!(out, "  {:<40} {:>6}", "found nothing under way", self.course.missed)?;
        for (state, applications) in &self.ends {
            writeln!(out, "  {state:<40} {applications:>6}")?;
        }
        writeln!(out, "  {:<40} {:>6}", "waiting for a named person", self.named.len())?;
        for (application, who) in self.named.iter().take(SHOWN) {
            writeln!(out, "    {application}: {who}")?;
        }
        if self.gone > 0 {
            writeln!(out, "  {:<40} {:>6}", "acknowledged, lost by the union", self.gone)?;
        }
        let healings = self.healings_ms();
        for (which, at) in [("median", healings.len() / 2), ("longest", healings.len().saturating_sub(1))] {
            let which = format!("from healing to the last end, ms, {which}");
            writeln!(out, "  {which:<40} {:>6}", healings.get(at).copied().unwrap_or_default())?;
        }
        writeln!(out, "  {:<40} {:>6}", "violations", self.violations.len())?;
        for violation in self.violations.iter().take(SHOWN) {
            writeln!(out, "    {violation}")?;
        }
        Ok(())
    }

    /// Nothing is wrong, and faults have struck; or the reason why not.
    fn verdict(&self) -> Result<(), Failure> {
        if let Some(first) = self.violations.first() {
            let count = self.violations.len();
            return Err(Failure::Failed(format!("torture: {count} violations, the first: {first}")));
        }
        if self.struck() == 0 {
            return Err(Failure::Failed("torture: no fault struck while an application was under way".into()));
        }
        Ok(())
    }
}

/// Lines of a list that are printed at most; `--json` has all.
const SHOWN: usize = 20;
