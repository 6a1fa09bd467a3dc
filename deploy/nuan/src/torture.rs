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
mod random;
mod restore;

use crate::Failure;
use check::Violation;
use clap::ValueEnum;
use evidence::Evidence;
use field::{Course, Field};
use random::Random;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};

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
}

impl Kind {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What it needs besides.
    async fn prepare(self, field: &mut Field) -> anyhow::Result<()> {
        match self {
            Kind::Restore => restore::second_persons(field).await,
            Kind::Kill | Kind::BrokerKill | Kind::BrokerWipe | Kind::BrokerRollback | Kind::Absence => Ok(()),
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
        }
    }
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    if arguments.rounds == 0 || arguments.applications < arguments.rounds {
        return Err(Failure::Usage("--rounds has to be at least 1, and --applications at least one a round".into()));
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
    let begun = Instant::now();
    let mut field = Field::start(folder, arguments.applications, Random::new(arguments.seed)).await?;
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

    fn json(&self, arguments: &Arguments) -> Value {
        let violations: Vec<Value> =
            self.violations.iter().map(|found| json!({ "rule": found.rule, "what": found.what })).collect();
        json!({
            "kind": arguments.kind.name(),
            "applications": arguments.applications,
            "rounds": arguments.rounds,
            "seed": arguments.seed,
            "struck": self.course.struck,
            "missed": self.course.missed,
            "ends": self.ends,
            "named": self.named,
            "violations": violations,
            "healing_to_last_end_ms": u64::try_from(self.course.longest.as_millis()).unwrap_or(u64::MAX),
            "wall_s": self.wall.as_secs(),
        })
    }

    fn print(&self, arguments: &Arguments, out: &mut impl Write) -> std::io::Result<()> {
        let kind = arguments.kind.name();
        writeln!(out, "{kind}: seed {}, {} rounds, {} s", arguments.seed, arguments.rounds, self.wall.as_secs())?;
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
        writeln!(out, "  {:<40} {:>6}", "from healing to the last end, ms", self.course.longest.as_millis())?;
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
