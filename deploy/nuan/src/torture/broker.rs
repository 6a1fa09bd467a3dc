//! The broker killed and restarted; its whole store deleted, or set back to an older copy, while applications are open.
//!
//! No safety rests on the broker: all three have to cost time and nothing else. For wipes and copies its streams lie on
//! disk, as an earlier build made them and as they stay where they once were made so: in memory there would be nothing to
//! delete or to set back.

use super::field::Field;
use crate::broker::{on_disk, stored};
use domain::Party;
use std::time::Duration;

/// Until the kill: about as long as an application takes.
const BEFORE: Duration = Duration::from_millis(120);
/// How long a killed broker stays down.
const DOWN: Duration = Duration::from_millis(1_500);

/// Kills the broker under way.
pub async fn kill(field: &mut Field) -> anyhow::Result<()> {
    field.let_file();
    field.pause(BEFORE).await;
    field.strike("broker killed");
    field.broker.kill()?;
    field.pause(DOWN).await;
    field.broker.restart()?;
    field.settle().await
}

/// Deletes the store while a partner is away: all applications of the round are open, and what was said to that partner
/// lies in the broker alone.
pub async fn wipe(field: &mut Field) -> anyhow::Result<()> {
    on_disk(&field.broker, &Party::ALL).await?;
    let away = send_away(field)?;
    field.let_file();
    all_wait(field).await?;
    if stored(&field.broker).await? > 0 {
        field.strike("broker wiped");
    }
    field.broker.wipe()?;
    field.broker.restart()?;
    on_disk(&field.broker, &Party::ALL).await?;
    field.service(away)?.restart()?;
    field.settle().await
}

/// Sets the store back to what it held in the middle of the round: it has again what was taken long ago, and has lost what
/// lay in it since.
pub async fn roll_back(field: &mut Field) -> anyhow::Result<()> {
    on_disk(&field.broker, &Party::ALL).await?;
    let older = field.folder.join("older-store");
    let away = send_away(field)?;
    field.let_half_file();
    all_wait(field).await?;
    let kept = stored(&field.broker).await?;
    field.broker.copy_store(&older)?;
    field.service(away)?.restart()?;
    field.settle().await?;

    let away = send_away(field)?;
    field.let_file();
    all_wait(field).await?;
    if kept > 0 && stored(&field.broker).await? > 0 {
        field.strike("broker rolled back");
    }
    field.broker.put_store_back(&older)?;
    field.broker.restart()?;
    field.service(away)?.restart()?;
    field.settle().await
}

/// Stops or kills a partner.
fn send_away(field: &mut Field) -> anyhow::Result<Party> {
    let away = *field.random.pick(&[Party::Guarantor, Party::Bank]).unwrap_or(&Party::Bank);
    if field.random.one_in(2) {
        field.service(away)?.kill()?;
    } else {
        field.service(away)?.stop()?;
    }
    Ok(away)
}

/// Waits until all who may have filed, and the union can only wait for the partner that is away.
async fn all_wait(field: &Field) -> anyhow::Result<()> {
    field.filed().await?;
    field.said_all_it_can(Party::Union).await
}
