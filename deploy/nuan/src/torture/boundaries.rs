//! Each service killed at each boundary in turn: when a frame has come, before and after a commit, before and after a
//! publish, before the broker is told.
//!
//! The service kills itself, when it comes there for the n-th time (`party::fault`, compiled only under a feature).

use super::field::Field;
use domain::Party;
use party::fault::{DIE, Point};
use std::{os::unix::process::ExitStatusExt, time::Duration};
use tokio::time::sleep;

/// A start commits twice before anybody is let in.
const AT_START: u64 = 2;
/// How often a service comes to a point with the applications of a round, at least.
const TIMES: u64 = 10;
const SIGKILL: i32 = 9;
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub async fn round(field: &mut Field) -> anyhow::Result<()> {
    let combinations: Vec<(Party, Point)> =
        Party::ALL.into_iter().flat_map(|party| Point::ALL.map(|point| (party, point))).collect();
    let (victim, point) = combinations[field.round % combinations.len()];
    let times = AT_START + 1 + field.random.below(TIMES);
    field.service(victim)?.stop()?;
    field.let_file();
    let service = field.service(victim)?;
    service.environment.insert(DIE, format!("{}:{times}", point.name()));
    service.restart()?;
    service.environment.remove(DIE);
    loop {
        // Before the process: what it does as its last may end an application.
        let under_way = field.clients.under_way();
        if let Some(status) = field.service(victim)?.ended()? {
            anyhow::ensure!(status.signal() == Some(SIGKILL), "the {victim}'s service ended by itself: {status}");
            field.struck(format!("{victim} killed at {}", point.name()), under_way);
            field.service(victim)?.restart()?;
            break;
        }
        if under_way == 0 {
            field.struck("", 0);
            field.service(victim)?.stop()?;
            field.service(victim)?.restart()?;
            break;
        }
        sleep(LOOK_EVERY).await;
    }
    field.settle().await
}
