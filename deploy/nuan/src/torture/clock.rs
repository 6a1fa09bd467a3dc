//! Wall clocks that jump: each service has the system's time as its business time, and every now and then one of them, or
//! all, is set forward or back.
//!
//! A process has one clock that can jump, and one place that reads it (`party::clock`; everything else waits by the monotonic
//! clock): what is set here is what that place reads (`party::fault`, compiled only under a feature). Business time never runs
//! back: a clock that is set back stands still until it is past where it was. The clocks of broker and database are not
//! set; nothing rests on them.

use super::field::{Field, system_ms, write_clock};
use anyhow::Context;
use domain::Party;
use std::time::{Duration, Instant};

/// Until the clocks jump: about as long as an application takes.
const BEFORE: Duration = Duration::from_millis(120);
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How long everything may take without waiting for business time to pass, and how often it is made to.
const SOON: Duration = Duration::from_secs(3);
const WAITS: u32 = 10;
/// How far a clock that is asked for over HTTP may be from what it was set to; every jump is longer.
const SLACK_MS: u64 = 600_000;
/// How far back a clock is set at most, days. Nothing is from before the campaign began but what lies further back.
pub const BACK_DAYS: i64 = 20;

pub async fn round(field: &mut Field) -> anyhow::Result<()> {
    field.let_file();
    field.pause(BEFORE).await;
    let jumping = if field.random.one_in(4) { Party::ALL.to_vec() } else { vec![field.any_party()] };
    for party in &jumping {
        let (highest, by_hours) = (field.highest_ahead_ms, i64::try_from(field.random.below(72))?);
        let (word, ahead_ms) = if field.random.one_in(2) {
            ("back", field.first_ahead_ms - (1 + i64::try_from(field.random.below(BACK_DAYS.unsigned_abs()))?) * DAY_MS)
        } else {
            ("forward", highest + (by_hours + 1) * HOUR_MS)
        };
        field.highest_ahead_ms = highest.max(ahead_ms);
        let under_way = field.clients.under_way();
        write_clock(&field.folder, *party, ahead_ms)?;
        field.struck(format!("clock of the {party} set {word}"), under_way);
        let (shown, expected) = (shown_ms(field, *party).await?, system_ms()? + ahead_ms);
        if shown.abs_diff(expected) > SLACK_MS {
            field.wrong("clock", format!("the {party}'s clock shows {shown} and was set to {expected}"));
        }
    }
    if field.random.one_in(3) {
        field.pause(BEFORE).await;
        let victim = field.any_party();
        // What it knows of the time is then in its database only.
        field.strike(format!("{victim} killed under a wrong clock"));
        field.service(victim)?.kill()?;
        field.service(victim)?.restart()?;
    }
    field.filed().await?;
    // Right again: all three as far as any has been, since nobody can have been told of a later time.
    let healed = Instant::now();
    all_show(field, field.highest_ahead_ms)?;
    // An order that the bank did not carry out on a day that was none for it goes out again after a while of business time,
    // which doubles each time. That time passes here.
    let mut waits = 0..WAITS;
    while !field.comes_to_rest(SOON).await? && waits.next().is_some() {
        all_show(field, field.highest_ahead_ms + HOUR_MS)?;
    }
    field.settle_since(healed).await
}

fn all_show(field: &mut Field, ahead_ms: i64) -> anyhow::Result<()> {
    field.highest_ahead_ms = ahead_ms;
    Party::ALL.into_iter().try_for_each(|party| write_clock(&field.folder, party, ahead_ms))
}

/// What a service shows as the time.
async fn shown_ms(field: &Field, party: Party) -> anyhow::Result<i64> {
    field.operator(party)?.get("clock").await?["now_ms"].as_i64().context("no time")
}
