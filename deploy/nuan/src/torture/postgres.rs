//! The PostgreSQL server of the three killed or shut down in the midst of a commit and started again; or it stands still there
//! for longer than a service waits, and goes on.
//!
//! In the midst of a commit: a server process that executes one is stopped, and only if the server then still counts the
//! commit as under way the fault strikes. The three share the server, so it is gone for all of them.

use super::field::Field;
use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{ConnectOptions, PgConnection, Row, postgres::PgConnectOptions};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Until the server is looked at: applications are under way by then.
const BEFORE: Duration = Duration::from_millis(120);
/// How long the server stays down.
const DOWN: Duration = Duration::from_millis(500);
/// How long it stands still: longer than a service waits for the end of a commit (10 s).
const STILL: Duration = Duration::from_millis(11_500);
/// How long a commit is looked for.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long one look at what the server's processes do may take.
const LOOKING: Duration = Duration::from_secs(2);

/// A server process that is stopped in the midst of a commit.
struct Stopped {
    pid: Pid,
    under_way: usize,
}

pub async fn round(field: &mut Field) -> anyhow::Result<()> {
    field.let_file();
    field.pause(BEFORE).await;
    let Some(stopped) = stop_in_mid_commit(field).await? else {
        field.struck("", 0);
        return field.settle().await;
    };
    let Stopped { pid, under_way } = stopped;
    let server = field.ground.server.as_mut().context("no server of ours")?;
    let fault = if field.random.one_in(8) {
        sleep(STILL).await;
        kill_process(pid, Signal::CONT)?;
        "postgres stood still in mid-commit"
    } else if field.random.one_in(3) {
        // What the server does to all its processes when it is shut down; this one finds it when it goes on.
        kill_process(pid, Signal::TERM)?;
        kill_process(pid, Signal::CONT)?;
        server.stop()?;
        come_back(field).await?;
        "postgres shut down in mid-commit"
    } else {
        server.kill()?;
        come_back(field).await?;
        "postgres killed in mid-commit"
    };
    field.struck(fault, under_way);
    field.settle().await
}

async fn come_back(field: &mut Field) -> anyhow::Result<()> {
    field.pause(DOWN).await;
    Ok(field.ground.server.as_mut().context("no server of ours")?.restart()?)
}

/// Stops the server process of a service in the midst of its commit; none if nobody commits any more.
async fn stop_in_mid_commit(field: &mut Field) -> anyhow::Result<Option<Stopped>> {
    let server = field.ground.server.as_ref().context("no server of ours")?;
    let options: PgConnectOptions = server.url("postgres").parse()?;
    let mut connection = options.connect().await?;
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until && field.clients.under_way() > 0 {
        let committing = committing(&mut connection).await?;
        let Some(pid) = field.random.pick(&committing).and_then(|pid| Pid::from_raw(*pid)) else { continue };
        kill_process(pid, Signal::STOP)?;
        let look = self::committing(&mut connection);
        tokio::pin!(look);
        let seen = tokio::select! {
            seen = &mut look => Some(seen?),
            () = sleep(LOOKING) => None,
        };
        if seen.as_ref().is_some_and(|seen| seen.contains(&pid.as_raw_nonzero().get())) {
            return Ok(Some(Stopped { pid, under_way: field.clients.under_way() }));
        }
        kill_process(pid, Signal::CONT)?;
        // It was stopped while it wrote what it does, and whoever looks at that waits for ever, busily.
        if seen.is_none() {
            look.await?;
        }
    }
    Ok(None)
}

/// Server processes that execute the commit of a service (`store/postgres.rs`: the one statement with the fence).
async fn committing(connection: &mut PgConnection) -> anyhow::Result<Vec<i32>> {
    let sql = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND application_name = 'nuan' AND query LIKE 'WITH fence %'";
    Ok(sqlx::query(sql).fetch_all(connection).await?.iter().map(|row| row.get(0)).collect())
}
