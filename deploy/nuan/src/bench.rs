//! `nuan bench`: three services and a broker as separate processes, clients that file over HTTP and wait for the end.
//!
//! Every decision is automatic, every firm another; one applicant in so many owes more than the bank allows and is declined
//! after the guarantor has agreed, so that everything is undone. CPU, memory and disk are those of services and broker,
//! read from the system; the clients' own CPU is given beside them. A PostgreSQL server's CPU and memory are in no figure.
//! Processes that stand by (`--replicas`) count like those that write; clients speak to the first one, which writes.
#![allow(clippy::float_arithmetic, reason = "measured figures, no money")]

use crate::{
    Failure,
    api::Api,
    broker::{Broker, Linked, Sync, on_disk},
    cluster::{self, Options, Service},
    databases::Databases,
    firms::{self, DAY, DEBT_LIMIT_FEN},
};
use anyhow::{Context, bail};
use domain::{Moment, Party};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::Mutex, task::JoinSet};

mod catch_up;
mod measure;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// How many applications are filed
    #[arg(long, default_value_t = 2_000)]
    applications: u32,
    /// How many clients file at once, each waiting for the end of one before it files the next
    #[arg(long, default_value_t = 64)]
    clients: u32,
    /// How many in a hundred the bank declines after the guarantor agreed
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=100))]
    decline_percent: u32,
    /// Applications a second at most; without it as fast as it goes
    #[arg(long)]
    rate: Option<u32>,
    /// Applications that are filed and ended before anything is measured: how cost grows
    #[arg(long, value_name = "N", default_value_t = 0)]
    before: u32,
    /// OpenTelemetry collector that the services send their spans to, e.g. http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    /// Say what each table takes too; SQLite only
    #[arg(long)]
    tables: bool,
    /// PostgreSQL server on which databases are made for it, and dropped at the end; without it: SQLite
    #[arg(long, value_name = "URL")]
    postgres: Option<SecretString>,
    /// Folder in which everything is kept; it must not exist. Without it: a temporary one, removed at the end
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// How many processes of each service, one that writes and others that stand by; more than one needs --postgres
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9))]
    replicas: u32,
    /// Frames lie on the broker's disk, each synced before it is acknowledged, instead of in its memory
    #[arg(long)]
    sync_always: bool,
    /// A broker for each organisation, joined by leaf links, instead of one that all three share
    #[arg(long)]
    linked: bool,
    /// Measure start-up and catching up instead: all is filed while the guarantor is away, the union is started again, and
    /// the guarantor comes back
    #[arg(long, conflicts_with_all = ["rate", "before", "tables", "replicas"])]
    catch_up: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What was measured.
struct Figures {
    applications: u32,
    declined: u32,
    wall: Duration,
    latencies: Vec<Duration>,
    cpu_ms: u64,
    client_cpu_ms: u64,
    rss_kib: u64,
    /// CPU by thread, us.
    threads: BTreeMap<String, u64>,
    disk_bytes: u64,
    /// Bytes that each table grew by.
    tables: BTreeMap<String, u64>,
    inputs: u64,
    commits: u64,
    messages: u64,
    frames: u64,
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    if arguments.applications == 0 || arguments.clients == 0 || arguments.rate == Some(0) {
        return Err(Failure::Usage("--applications, --clients and --rate have to be at least 1".into()));
    }
    if arguments.replicas > 1 && arguments.postgres.is_none() {
        return Err(Failure::Usage("--replicas needs --postgres: on SQLite one process serves alone".into()));
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(error.to_string()))?;
    let fields = runtime.block_on(bench_on(arguments)).map_err(|error| Failure::Failed(format!("bench: {error:#}")))?;
    if arguments.json {
        writeln!(out, "{:#}", fields)?;
    } else if let Value::Object(fields) = fields {
        for (name, value) in fields {
            writeln!(out, "{name:<22} {value}")?;
        }
    }
    Ok(())
}

async fn bench_on(arguments: &Arguments) -> anyhow::Result<Value> {
    let Some(server) = &arguments.postgres else { return bench(arguments, None).await };
    let databases = Databases::create(server).await?;
    let figures = bench(arguments, Some(&databases)).await;
    databases.drop_all().await?;
    figures
}

async fn bench(arguments: &Arguments, databases: Option<&Databases>) -> anyhow::Result<Value> {
    let temporary = tempfile::tempdir()?;
    let folder = arguments.data_dir.as_deref().unwrap_or(temporary.path());
    if arguments.data_dir.is_some() {
        fs::create_dir(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let brokers = Brokers::start(&folder.join("broker"), arguments).await?;
    let mut automatic = firms::every_role();
    if arguments.catch_up {
        automatic.remove(&Party::Guarantor);
    }
    let options = Options {
        driven_from: Some(Moment::start_of(DAY).plus_hours(9)),
        automatic,
        charter: Some(firms::charter(folder)?),
        databases: databases.map(Databases::urls).unwrap_or_default(),
        otlp_endpoint: arguments.otlp.clone(),
        nats_urls: brokers.urls(),
        ..Options::default()
    };
    let files = cluster::prepare(folder, brokers.keys(), &options)?;
    let program = std::env::current_exe()?;
    let mut services = BTreeMap::new();
    for party in Party::ALL {
        services.insert(party, Service::start(&program, party, &files[&party])?);
    }
    if arguments.catch_up {
        return catch_up::measure(arguments, &mut services, &brokers).await;
    }
    let last = arguments.before.saturating_add(arguments.applications);
    let applicant = firms::open(&services, last).await?;
    let mut standing_by = Vec::new();
    for (party, config) in &files {
        for number in 2..=arguments.replicas {
            standing_by.push(Service::start(&program, *party, &cluster::prepare_replica(config, number)?)?);
        }
    }

    let of_party = services.iter().map(|(party, service)| (party.as_str(), service.id()));
    let named: Vec<(&str, u32)> = of_party
        .chain(standing_by.iter().map(|service| ("standing by", service.id())))
        .chain(brokers.process_ids().into_iter().map(|id| ("broker", id)))
        .collect();
    file_all(arguments, &applicant, 0..arguments.before, None).await?;
    let has_tables = arguments.tables && databases.is_none();
    let tables_before = if has_tables { measure::tables(folder).await? } else { BTreeMap::new() };
    let threads_before = measure::threads(&named);
    let processes: Vec<u32> = named.iter().map(|(_, id)| *id).chain([std::process::id()]).collect();
    let before = measure::measure(&processes)?;
    let counters_before = measure::counters(&services).await?;
    let disk_before = measure::disk(folder, databases).await?;
    let started = Instant::now();
    let (latencies, declined) = file_all(arguments, &applicant, arguments.before..last, arguments.rate).await?;
    let wall = started.elapsed();
    let after = measure::measure(&processes)?;
    let mut threads = measure::threads(&named);
    for (name, before_us) in threads_before {
        threads.entry(name).and_modify(|us| *us = us.saturating_sub(before_us));
    }
    let counters_after = measure::counters(&services).await?;
    let mut tables = if has_tables { measure::tables(folder).await? } else { BTreeMap::new() };
    for (name, size) in tables_before {
        tables.entry(name).and_modify(|bytes| *bytes = bytes.saturating_sub(size));
    }
    let rss_kib = after.iter().take(processes.len() - 1).map(|process| process.1).sum();
    let spent: Vec<u64> = after.iter().zip(&before).map(|(after, before)| after.0 - before.0).collect();
    let client_cpu_ms = spent.last().copied().unwrap_or_default();
    let difference =
        |name: &str| counters_after.get(name).copied().unwrap_or(0) - counters_before.get(name).copied().unwrap_or(0);
    let figures = Figures {
        applications: arguments.applications,
        declined,
        wall,
        latencies,
        cpu_ms: spent.iter().sum::<u64>() - client_cpu_ms,
        client_cpu_ms,
        rss_kib,
        threads,
        disk_bytes: measure::disk(folder, databases).await?.saturating_sub(disk_before),
        tables,
        inputs: difference("nuan_inputs_total"),
        commits: difference("nuan_commits_total"),
        messages: difference("nuan_messages_sent_total"),
        frames: difference("nuan_frames_sent_total"),
    };
    for service in standing_by.iter_mut().chain(services.values_mut()) {
        service.stop()?;
    }
    Ok(figures.fields())
}

/// One broker for all, or one for each.
enum Brokers {
    Shared(Broker),
    Linked(Linked),
}

impl Brokers {
    async fn start(folder: &Path, arguments: &Arguments) -> anyhow::Result<Self> {
        let sync = if arguments.sync_always { Sync::Always } else { Sync::Default };
        let brokers = if arguments.linked {
            Self::Linked(Linked::start(folder, sync)?)
        } else {
            Self::Shared(Broker::start_syncing(folder, sync)?)
        };
        if arguments.sync_always {
            match &brokers {
                Self::Shared(broker) => on_disk(broker, &Party::ALL).await?,
                Self::Linked(linked) => {
                    for party in Party::ALL {
                        on_disk(linked.server(party), &[party]).await?;
                    }
                }
            }
        }
        Ok(brokers)
    }

    /// A broker beside which everybody's keys lie.
    fn keys(&self) -> &Broker {
        match self {
            Self::Shared(broker) => broker,
            Self::Linked(linked) => linked.server(Party::Union),
        }
    }

    /// Where organisations reach their brokers, as far as that is not where `keys` listens.
    fn urls(&self) -> BTreeMap<Party, String> {
        match self {
            Self::Shared(_) => BTreeMap::new(),
            Self::Linked(linked) => linked.urls(),
        }
    }

    fn process_ids(&self) -> Vec<u32> {
        match self {
            Self::Shared(broker) => broker.process_id().into_iter().collect(),
            Self::Linked(linked) => linked.process_ids(),
        }
    }
}

impl Figures {
    fn fields(&self) -> Value {
        let mut latencies = self.latencies.clone();
        latencies.sort_unstable();
        let percentile = |percent: usize| {
            let at = (latencies.len() * percent).div_ceil(100).saturating_sub(1);
            latencies.get(at).map_or(0.0, |latency| rounded(latency.as_secs_f64() * 1000.0))
        };
        let per = |total: u64, count: u64| rounded(float(total) / float(count.max(1)));
        let sagas = u64::from(self.applications);
        let mut fields = json!({
            "applications": self.applications,
            "declined": self.declined,
            "wall_s": rounded(self.wall.as_secs_f64()),
            "sagas_per_s": rounded(float(sagas) / self.wall.as_secs_f64()),
            "cpu_ms_per_saga": per(self.cpu_ms, sagas),
            "client_cpu_ms_per_saga": per(self.client_cpu_ms, sagas),
            "cpu_us_per_saga_by_thread": self.threads.iter().map(|(name, us)| (name.clone(), per(*us, sagas))).collect::<BTreeMap<_, _>>(),
            "p50_ms": percentile(50),
            "p99_ms": percentile(99),
            "rss_mib": rounded(float(self.rss_kib) / 1024.0),
            "disk_bytes_per_saga": self.disk_bytes / sagas.max(1),
            "inputs_per_commit": per(self.inputs, self.commits),
            "messages_per_frame": per(self.messages, self.frames),
        });
        if !self.tables.is_empty() {
            let by_table = self.tables.iter().map(|(name, bytes)| (name.clone(), (bytes / sagas.max(1)).into()));
            fields["bytes_per_saga_by_table"] = Value::Object(by_table.collect());
        }
        fields
    }
}

fn float(number: u64) -> f64 {
    // Counts of a benchmark are far below 2^32.
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// Files an application for each of these firms, at most `rate` a second. How long each took to its end, and how many were
/// declined.
async fn file_all(
    arguments: &Arguments,
    applicant: &Api,
    firms: Range<u32>,
    rate: Option<u32>,
) -> anyhow::Result<(Vec<Duration>, u32)> {
    let next = Arc::new(AtomicU32::new(firms.start));
    let pace = Arc::new(Mutex::new(tokio::time::interval(match rate {
        Some(rate) => Duration::from_secs(1) / rate,
        None => Duration::from_nanos(1),
    })));
    let mut clients = JoinSet::new();
    for _ in 0..arguments.clients {
        let (next, pace) = (Arc::clone(&next), Arc::clone(&pace));
        let (end, percent, paced) = (firms.end, arguments.decline_percent, rate.is_some());
        // A client of its own, so that each has its own connection.
        let api = Api::new(&applicant.url, &applicant.token)?;
        clients.spawn(async move {
            let (mut latencies, mut declined) = (Vec::new(), 0_u32);
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= end {
                    return anyhow::Ok((latencies, declined));
                }
                if paced {
                    pace.lock().await.tick().await;
                }
                let owes_too_much = n % 100 < percent;
                // Declined applicants owe twice as much as the bank allows.
                let form = firms::form(n, if owes_too_much { 2 * DEBT_LIMIT_FEN } else { 0 })?;
                let begun = Instant::now();
                let filed = api.post("applications", &form).await?;
                let id = filed["application_id"].as_str().context("no number")?;
                let end = api.get(&format!("applications/{id}?until=end&wait_ms=60000")).await?;
                latencies.push(begun.elapsed());
                let expected = if owes_too_much { "CREDIT_DECLINED" } else { "DISBURSED" };
                if end["state"] != json!(expected) {
                    bail!("{id} ended as {} and not as {expected}", end["state"]);
                }
                declined += u32::from(owes_too_much);
            }
        });
    }
    let (mut latencies, mut declined) = (Vec::new(), 0);
    while let Some(client) = clients.join_next().await {
        let (client_latencies, client_declined) = client??;
        latencies.extend(client_latencies);
        declined += client_declined;
    }
    Ok((latencies, declined))
}
