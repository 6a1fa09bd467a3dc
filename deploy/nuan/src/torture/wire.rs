//! The way to the broker: everything doubled, held back and out of order; or what one organisation says to another lost for a
//! while, and nothing else.

use super::{
    field::Field,
    proxy::{Done, Proxies},
};
use anyhow::Context;
use domain::Party;
use std::time::Duration;

/// Until a cut is healed: shorter and longer than the first times between two resends.
const CUT: Duration = Duration::from_millis(3_000);
/// Until a link is cut: about as long as an application takes.
const BEFORE: Duration = Duration::from_millis(120);

/// What all three publish is doubled and disordered while the applications of the round are filed and on their way.
pub async fn disorder(field: &mut Field) -> anyhow::Result<()> {
    let before = Party::ALL.map(|party| done(field, party));
    proxies(field)?.disorder(true);
    field.let_file();
    field.filed().await?;
    field.pause(CUT).await;
    let under_way = field.clients.under_way();
    proxies(field)?.heal();
    for (party, before) in Party::ALL.into_iter().zip(before) {
        let Done { doubled, overtaken, acknowledged_twice, .. } = done(field, party);
        // Messages of the round, which were all under way while this was done to them.
        let under_way = under_way.max(1);
        field.struck_times("frame doubled and held back", doubled - before.doubled, under_way);
        field.struck_times("frame overtaken by a later one", overtaken - before.overtaken, under_way);
        let twice = acknowledged_twice - before.acknowledged_twice;
        field.struck_times("acknowledgement doubled and held back", twice, under_way);
    }
    field.settle().await
}

/// What one says to another is lost for a while; the other way stays open.
pub async fn cut(field: &mut Field) -> anyhow::Result<()> {
    let from = field.any_party();
    let others: Vec<Party> = Party::ALL.into_iter().filter(|party| *party != from).collect();
    let to = *field.random.pick(&others).context("there are three")?;
    let before = done(field, from).dropped;
    field.let_file();
    field.pause(BEFORE).await;
    proxies(field)?.cut(from, to);
    field.pause(CUT).await;
    let under_way = field.clients.under_way();
    proxies(field)?.heal();
    let lost = done(field, from).dropped - before;
    field.struck(format!("cut from {from} to {to}"), if lost > 0 { under_way } else { 0 });
    field.settle().await
}

fn proxies(field: &Field) -> anyhow::Result<&Proxies> {
    field.proxies.as_ref().context("no proxies")
}

fn done(field: &Field, party: Party) -> Done {
    field.proxies.as_ref().map(|proxies| proxies.done(party)).unwrap_or_default()
}
