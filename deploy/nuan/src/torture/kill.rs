//! `kill -9` of each service at random moments, now and then of two at once, or again while it greets its partners.

use super::field::Field;
use domain::Party;
use std::time::Duration;

/// Until the kill: about as long as an application takes.
const BEFORE: Duration = Duration::from_millis(120);
/// How long a killed service stays down.
const DOWN: Duration = Duration::from_millis(200);

pub async fn round(field: &mut Field) -> anyhow::Result<()> {
    field.let_file();
    field.pause(BEFORE).await;
    let mut victims = vec![field.any_party()];
    if field.random.one_in(4) {
        let second = field.any_party();
        if !victims.contains(&second) {
            victims.push(second);
        }
    }
    for victim in &victims {
        kill(field, *victim)?;
    }
    field.pause(DOWN).await;
    for victim in &victims {
        field.service(*victim)?.restart()?;
        if field.random.one_in(4) {
            field.pause(BEFORE).await;
            kill(field, *victim)?;
            field.service(*victim)?.restart()?;
        }
    }
    // Often the next kill finds them before they are at rest again.
    if field.random.one_in(4) { field.settle().await } else { Ok(()) }
}

fn kill(field: &mut Field, victim: Party) -> anyhow::Result<()> {
    field.strike(format!("{victim} killed"));
    field.service(victim)?.kill()
}
