//! What the benchmark reads off the system and the services: CPU, memory, counters, bytes. It changes nothing.

use crate::{cluster::Service, databases::Databases};
use anyhow::Context;
use domain::Party;
use sqlx::{ConnectOptions, Connection, Row, sqlite::SqliteConnectOptions};
use std::{collections::BTreeMap, fs, path::Path};

/// CPU in ms and resident memory in KiB of each process.
pub(super) fn measure(processes: &[u32]) -> anyhow::Result<Vec<(u64, u64)>> {
    processes.iter().map(|id| process(*id).with_context(|| format!("cannot measure process {id}"))).collect()
}

fn process(id: u32) -> anyhow::Result<(u64, u64)> {
    // Fields 14 and 15 of stat, counted behind the name in parentheses, in ticks of 10 ms.
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    let fields: Vec<&str> = stat.rsplit_once(')').context("stat has no name")?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).context("stat is short");
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("status has no VmRSS")?;
    let kib = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(((ticks(11)? + ticks(12)?) * 10, kib))
}

/// CPU in us of each thread of these processes, by the name of its process and, unless it is the main one's, its own. A thread
/// that is gone, or a system that does not tell, leaves it out: it only says where the sum went.
pub(super) fn threads(processes: &[(&str, u32)]) -> BTreeMap<String, u64> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for (process, id) in processes {
        let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else { continue };
        for thread in threads.flatten().map(|entry| entry.path()) {
            let read = |file: &str| fs::read_to_string(thread.join(file)).unwrap_or_default();
            let ns =
                read("schedstat").split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or_default();
            let comm = read("comm");
            let name = match comm.trim() {
                "nuan" | "nats-server" => (*process).to_owned(),
                comm => format!("{process} {comm}"),
            };
            *sums.entry(name).or_default() += ns / 1000;
        }
    }
    sums
}

/// Sums of the services' counters.
pub(super) async fn counters(services: &BTreeMap<Party, Service>) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for service in services.values() {
        let text = reqwest::get(format!("{}/metrics", service.url)).await?.text().await?;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, value)) = line.split_once(' ')
                && let Ok(value) = value.parse::<u64>()
            {
                *sums.entry(name.to_owned()).or_default() += value;
            }
        }
    }
    Ok(sums)
}

/// Bytes of the three databases.
pub(super) async fn disk(folder: &Path, databases: Option<&Databases>) -> anyhow::Result<u64> {
    if let Some(databases) = databases {
        return databases.bytes().await;
    }
    let mut bytes = 0;
    for party in Party::ALL {
        for entry in fs::read_dir(folder.join(party.as_str()).join("data"))? {
            bytes += entry?.metadata()?.len();
        }
    }
    Ok(bytes)
}

/// Bytes that each table and index of the three SQLite databases takes, in pages that are at least begun.
pub(super) async fn tables(folder: &Path) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut bytes = BTreeMap::new();
    for party in Party::ALL {
        let file = folder.join(party.as_str()).join("data").join(format!("{party}.db"));
        let mut connection = SqliteConnectOptions::new().filename(file).read_only(true).connect().await?;
        let rows = sqlx::query("SELECT name, SUM(pgsize) FROM dbstat GROUP BY name").fetch_all(&mut connection).await?;
        for row in rows {
            let size = u64::try_from(row.get::<i64, _>(1)).unwrap_or_default();
            bytes.insert(format!("{party} {}", row.get::<String, _>(0)), size);
        }
        connection.close().await?;
    }
    Ok(bytes)
}
