//! `nuan bench --catch-up`: the union files while the guarantor is away, is started again with all that it has said and nobody
//! has received, and the guarantor comes back.
//!
//! The guarantor's people decide nothing by rule here, so that what is measured is taking messages into custody and opening
//! the cases, and no further step of them.

use super::{Arguments, Brokers, float, measure, rounded};
use crate::{api::Api, cluster::Service, firms};
use anyhow::{Context, bail};
use domain::Party;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::sleep};

/// How often a wait looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long catching up may stand still before it is given up.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn measure(
    arguments: &Arguments,
    services: &mut BTreeMap<Party, Service>,
    brokers: &Brokers,
) -> anyhow::Result<Value> {
    let applicant = firms::open(services, arguments.applications).await?;
    of(services, Party::Guarantor)?.stop()?;
    file(arguments, &applicant).await?;
    let unreceipted = backlog(of(services, Party::Union)?).await?;
    if unreceipted < u64::from(arguments.applications) {
        bail!("only {unreceipted} messages wait for the guarantor");
    }

    let union = of(services, Party::Union)?;
    union.stop()?;
    let started = Instant::now();
    union.restart()?;
    ready(union).await?;
    let union_ready = started.elapsed();

    let guarantor = of(services, Party::Guarantor)?;
    let started = Instant::now();
    guarantor.restart()?;
    let processes: Vec<u32> = [Party::Union, Party::Guarantor]
        .iter()
        .filter_map(|party| services.get(party).map(Service::id))
        .chain(brokers.process_ids())
        .collect();
    // From the first message on; what was spent before is the guarantor's own start.
    let before = measure::measure(&processes)?;
    let union = of(services, Party::Union)?;
    let (mut left, mut progress) = (unreceipted, Instant::now());
    while left > 0 {
        sleep(LOOK_EVERY).await;
        let now = backlog(union).await?;
        if now < left {
            progress = Instant::now();
        } else if progress.elapsed() > PATIENCE {
            bail!("{left} messages wait, and none was taken for {PATIENCE:?}");
        }
        left = now;
    }
    let caught_up = started.elapsed();
    let after = measure::measure(&processes)?;
    let cpu_ms: u64 = after.iter().zip(&before).map(|(after, before)| after.0 - before.0).sum();
    let memory = |at: usize| after.get(at).map_or(0.0, |process| rounded(float(process.1) / 1024.0));
    Ok(json!({
        "unreceipted_messages": unreceipted,
        "union_ready_s": rounded(union_ready.as_secs_f64()),
        "caught_up_s": rounded(caught_up.as_secs_f64()),
        "messages_per_s": rounded(float(unreceipted) / caught_up.as_secs_f64()),
        "cpu_us_per_message": rounded(float(cpu_ms) * 1000.0 / float(unreceipted)),
        "union_rss_mib": memory(0),
        "guarantor_rss_mib": memory(1),
    }))
}

fn of(services: &mut BTreeMap<Party, Service>, party: Party) -> anyhow::Result<&mut Service> {
    services.get_mut(&party).with_context(|| format!("no service of the {party}"))
}

/// Files them all, without waiting for what becomes of them.
async fn file(arguments: &Arguments, applicant: &Api) -> anyhow::Result<()> {
    let next = Arc::new(AtomicU32::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..arguments.clients {
        let (next, last) = (Arc::clone(&next), arguments.applications);
        let api = Api::new(&applicant.url, &applicant.token)?;
        clients.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= last {
                    return anyhow::Ok(());
                }
                api.post("applications", &firms::form(n, 0)?).await?;
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(())
}

/// How many messages this service has said that nobody has received.
async fn backlog(service: &Service) -> anyhow::Result<u64> {
    let backlog = Api::new(&service.url, &service.operator_token)?.get("backlog").await?;
    backlog["unreceipted"].as_u64().context("no count of what is not receipted")
}

async fn ready(service: &Service) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    while !reqwest::get(format!("{}/readyz", service.url)).await?.status().is_success() {
        if Instant::now() > until {
            bail!("the {} is not ready", service.party);
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}
