//! `nuan torture`: broker, services and applicants as real processes, faults on a schedule from a seed, and then the
//! question whether every application has ended or waits for a named person, and whether money was made or lost.
//!
//! One file a kind of fault; `field` is what they strike, `clients` the history of what was acknowledged, `check` the
//! invariants. What it prints is what happened: faults count only if applications were under way when they struck, and a
//! campaign without a fault that struck fails.

mod absence;
mod broker;
mod check;
mod clients;
mod evidence;
mod field;
mod kill;
mod postgres;
mod random;
mod restore;

use crate::{Failure, databases::Databases};
use check::Violation;
use clap::ValueEnum;
use evidence::Evidence;
use field::{Course, Field, Ground};
use random::Random;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
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
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Services are killed at random moments
    Kill,
    /// The broker is killed and restarted
    BrokerKill,
    /// The broker loses its whole store with all applications of the round open
    BrokerWipe,
    /// The broker's store is set back to an older copy with all applications of the round open
    BrokerRollback,
    /// A partner is absent while all applications of the round are filed, and started at the end
    Absence,
    /// An organisation's database is set back to an older copy
    Restore,
    /// A PostgreSQL server of its own is killed or shut down in mid-commit and started again
    PostgresStop,
}

impl Arguments {
    fn database(&self) -> &'static str {
        if self.postgres.is_some() || self.kind == Kind::PostgresStop { "PostgreSQL" } else { "SQLite" }
    }
}

impl Kind {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What it needs besides.
    async fn prepare(self, field: &mut Field) -> anyhow::Result<()> {
        match self {
            Kind::Restore => restore::second_persons(field).await,
            _ => Ok(()),
        }
    }

    /// One round: lets the fault strike the applications that were just let in, and heals it.
    async fn round(self, field: &mut Field) -> anyhow::Result<()> {
        match self {
            Kind::Kill => kill::round(field).await,
            Kind::BrokerKill => broker::kill(field).await,
            Kind::BrokerWipe => broker::wipe(field).await,
            Kind::BrokerRollback => broker::roll_back(field).await,
            Kind::Absence => absence::round(field).await,
            Kind::Restore => restore::round(field).await,
            Kind::PostgresStop => postgres::round(field).await,
        }
    }
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    if arguments.rounds == 0 || arguments.applications < arguments.rounds {
        return Err(Failure::Usage("--rounds has to be at least 1, and --applications at least one a round".into()));
    }
    if arguments.postgres.is_some() && arguments.kind == Kind::PostgresStop {
        return Err(Failure::Usage("postgres-stop stops a server of its own: --postgres has no use".into()));
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
    let server = if arguments.kind == Kind::PostgresStop { Some(Server::start()?) } else { None };
    let url = match &server {
        Some(server) => Some(server.url("postgres").into()),
        None => arguments.postgres.clone(),
    };
    let databases = match &url {
        Some(url) => Some(Arc::new(Databases::create(url).await?)),
        None => None,
    };
    let is_ours = server.is_some();
    let report = strike(arguments, folder, Ground { databases: databases.clone(), server }).await;
    // What is on a server of ours goes with it.
    if let Some(databases) = databases.filter(|_| !is_ours) {
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
    arguments.kind.prepare(&mut field).await?;
    for round in 1..=arguments.rounds {
        let share = u64::from(arguments.applications) * u64::from(round) / u64::from(arguments.rounds);
        field.begin_round(u32::try_from(share)?);
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
        let violations = [course.wrong.clone(), check::check(evidence)].concat();
        Report { course, ends, named: evidence.named.clone(), violations, wall }
    }

    fn struck(&self) -> u32 {
        self.course.struck.values().sum()
    }

    /// The median and the longest time from healing to the last end, ms.
    fn healing_ms(&self) -> (u128, u128) {
        let mut healings: Vec<u128> = self.course.healings.iter().map(Duration::as_millis).collect();
        healings.sort_unstable();
        let median = healings.get(healings.len() / 2).copied().unwrap_or_default();
        (median, healings.last().copied().unwrap_or_default())
    }

    fn json(&self, arguments: &Arguments) -> Value {
        let violations: Vec<Value> =
            self.violations.iter().map(|found| json!({ "rule": found.rule, "what": found.what })).collect();
        let (median, longest) = self.healing_ms();
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
            "violations": violations,
            "fewest_under_way": self.course.fewest_under_way,
            "healing_to_last_end_ms": { "median": to_u64(median), "longest": to_u64(longest), "times": self.course.healings.len() },
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
        let (median, longest) = self.healing_ms();
        writeln!(out, "  {:<40} {median:>6}", "from healing to the last end, ms: median")?;
        writeln!(out, "  {:<40} {longest:>6}", "longest")?;
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

fn to_u64(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Lines of a list that are printed at most; `--json` has all.
const SHOWN: usize = 20;
