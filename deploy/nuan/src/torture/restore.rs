//! An organisation's database set back to an older copy: what it has said and heard since is gone there, and its partners
//! hold its signature for it.
//!
//! It must notice when it greets its partners, stop talking to them and call two persons, and so must they. Then people do
//! what the README's *Repair* says: the restored side adopts what its partners hold of it, they send again what it lost,
//! and what was parked meanwhile is retried.

use super::field::Field;
use crate::api::Api;
use anyhow::bail;
use domain::Party;
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Until the database is lost: about as long as an application takes.
const BEFORE: Duration = Duration::from_millis(120);
/// How long noticing may take: the longest time between two greetings is far shorter.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A partner's database: all that it lost was said by others, who say it again.
pub async fn partner(field: &mut Field) -> anyhow::Result<()> {
    let victim = *field.random.pick(&[Party::Guarantor, Party::Bank]).unwrap_or(&Party::Bank);
    round(field, victim).await
}

/// The union's database: what applicants said since the copy was made, nobody says again. No number may be given twice, and what
/// partners know of lost applications has to wait for somebody.
pub async fn union(field: &mut Field) -> anyhow::Result<()> {
    field.union_set_back = true;
    round(field, Party::Union).await
}

async fn round(field: &mut Field, victim: Party) -> anyhow::Result<()> {
    field.service(victim)?.stop()?;
    keep(field, victim).await?;
    field.service(victim)?.restart()?;
    // Some end, and the restored database will know of none of it; some are under way when it is lost.
    field.let_half_file();
    field.settle().await?;
    field.let_file();
    field.pause(BEFORE).await;
    field.strike(format!("{victim} restored"));
    field.service(victim)?.kill()?;
    set_back(field, victim).await?;
    field.service(victim)?.restart()?;

    let partners = Party::ALL.into_iter().filter(|party| *party != victim);
    for partner in partners.clone() {
        for (side, other) in [(victim, partner), (partner, victim)] {
            if !notices(field, side, other).await? {
                field.wrong(
                    "restore",
                    format!("the {side} has not noticed that the {victim}'s database is an old copy"),
                );
                return Ok(());
            }
        }
    }
    for partner in partners.clone() {
        decide(field, victim, partner, &["adopt_their_receipt", "keep_our_heads"]).await?;
    }
    // First the one on whose word the other's rests: letters before loans at the bank, asks before loans at the guarantor.
    let order = match victim {
        Party::Bank => [Party::Guarantor, Party::Union],
        Party::Guarantor => [Party::Union, Party::Bank],
        Party::Union => [Party::Guarantor, Party::Bank],
    };
    for partner in order {
        decide(field, partner, victim, &["resend_to_partner", "keep_our_heads"]).await?;
        field.said(partner).await?;
    }
    for party in Party::ALL {
        retry_parked(&field.operator(party)?).await?;
    }
    field.settle().await
}

/// Keeps a copy of what the organisation's database holds now.
async fn keep(field: &Field, victim: Party) -> anyhow::Result<()> {
    match &field.ground.databases {
        Some(databases) => databases.keep(victim).await,
        None => copy_database(&format!("{victim}.db"), &field.home(victim).join("data"), &copy(field)),
    }
}

/// Sets its database back to that copy.
async fn set_back(field: &Field, victim: Party) -> anyhow::Result<()> {
    match &field.ground.databases {
        Some(databases) => databases.set_back(victim).await,
        None => copy_database(&format!("{victim}.db"), &copy(field), &field.home(victim).join("data")),
    }
}

fn copy(field: &Field) -> PathBuf {
    field.folder.join("older-database")
}

/// Makes `to` hold what `from` holds of a database, and nothing else of it.
fn copy_database(file: &str, from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for name in [file.to_owned(), format!("{file}-wal"), format!("{file}-shm")] {
        let (source, target) = (from.join(&name), to.join(&name));
        if target.exists() {
            fs::remove_file(&target)?;
        }
        if source.exists() {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// Whether an organisation freezes its channel to the other in time and says so in an incident.
async fn notices(field: &Field, side: Party, other: Party) -> anyhow::Result<bool> {
    let (operator, until) = (field.operator(side)?, Instant::now() + PATIENCE);
    let wanted = format!("channel/{other}");
    loop {
        let incidents = operator.all("incidents").await?;
        if incidents.iter().any(|incident| incident["incident_id"] == wanted.as_str()) {
            return Ok(true);
        }
        if Instant::now() > until {
            return Ok(false);
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Two persons decide about the channel to the other: the first of these decisions that fits the cause of the freeze.
async fn decide(field: &Field, side: Party, other: Party, decisions: &[&str]) -> anyhow::Result<()> {
    let first = field.operator(side)?;
    let second = first.with_token(&field.services[&side].second_operator_token);
    let path = format!("channels/{other}/resolution");
    let mut why = String::new();
    for decision in decisions {
        let body = json!({ "resolution": decision, "because": "restored from a backup, agreed by telephone" });
        first.post(&path, &body).await?;
        match second.post(&path, &body).await {
            Ok(_) => return Ok(()),
            Err(error) => why = error.to_string(),
        }
    }
    bail!("the {side} cannot end the freeze of its channel to the {other}: {why}")
}

/// What was parked while the channel was frozen is decided now.
async fn retry_parked(operator: &Api) -> anyhow::Result<()> {
    let parked = operator.all("parked").await?;
    for input in parked.iter().filter(|input| input["state"] == "parked") {
        let body = json!({ "because": "the channel passes messages again" });
        // One that cannot be decided yet stays parked: then its application waits for the operator.
        let _ = operator.post(&format!("parked/{}/retry", input["position"]), &body).await;
    }
    Ok(())
}
