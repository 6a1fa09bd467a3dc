//! What the hotline did, from lines of the programme's service file (DOMAIN.md section 6): tickets at their moments, consultations on their
//! days.

use super::{Act, Event, Line, Reader, Step, day};
use anyhow::{Context, bail, ensure};
use domain::Moment;
use serde_json::{Value, json};
use union_core::hotline::tasks;

pub(super) fn line(reader: &mut Reader, line: Line, row: &Value) -> anyhow::Result<Vec<Event>> {
    let (number, events) = match row["kind"].as_str() {
        Some("TICKET") => ticket(line, row)?,
        Some("CONSULTATION") => consultation(line, row)?,
        _ => bail!("kind is neither TICKET nor CONSULTATION"),
    };
    ensure!(reader.calls.insert(number.clone()), "there is a line {number} before it");
    Ok(events)
}

fn consultation(line: Line, row: &Value) -> anyhow::Result<(String, Vec<Event>)> {
    let case = row["consultation_id"].as_str().context("consultation_id is missing")?.to_owned();
    let on = day(row, "on")?.context("on is missing")?;
    let body = json!({ "on": on, "from": row["from"], "channel": row["channel"], "topic": row["topic"] });
    let act = Act::Consult(body);
    Ok((case.clone(), vec![Event { on, at: None, step: Step::Consult, case, line: Some(line), act }]))
}

/// The moments of a ticket, in the order in which they come.
const MOMENTS: [&str; 6] = ["received_at", "dispatched_at", "signed_for_at", "replied_at", "visited_at", "closed_at"];

/// What the history does not tell of a call, and a form asks for.
const UNTOLD: &str = "历史工单，内容未载";

fn ticket(line: Line, row: &Value) -> anyhow::Result<(String, Vec<Event>)> {
    let case = row["ticket_id"].as_str().context("ticket_id is missing")?.to_owned();
    let mut last: Option<(&str, Moment)> = None;
    let mut moments = [None; MOMENTS.len()];
    for (slot, key) in moments.iter_mut().zip(MOMENTS) {
        *slot = moment(row, key)?;
        let Some(at) = *slot else { continue };
        if let Some((before, earlier)) = last {
            ensure!(earlier <= at, "{key} {at} is before {before} {earlier}");
        }
        last = Some((key, at));
    }
    let [received, dispatched, signed_for, replied, visited, closed] = moments;
    ensure!(received.is_some(), "received_at is missing");
    let on_ticket = |task, body, due_at| Act::OnTicket { task, body, due_at };
    let due_at = moment(row, "due_at")?;
    let visit = json!({ "act": "visit", "satisfaction": row["satisfaction"], "because": null });
    let acts = [
        (received, Step::TakeCall, Act::TakeCall(json!({ "category": row["category"], "matter": UNTOLD }))),
        (dispatched, Step::Dispatch, on_ticket(tasks::DISPATCH, json!({ "act": "dispatch", "unit": UNTOLD }), due_at)),
        (signed_for, Step::SignFor, on_ticket(tasks::SIGN_FOR, json!({ "act": "sign_for" }), None)),
        (signed_for, Step::Begin, on_ticket(tasks::BEGIN, json!({ "act": "begin" }), None)),
        (replied, Step::Reply, on_ticket(tasks::REPLY, json!({ "act": "reply", "reply": UNTOLD }), None)),
        (visited, Step::Visit, on_ticket(tasks::VISIT, visit, None)),
        (closed, Step::Close, on_ticket(tasks::CLOSE, json!({ "act": "close" }), None)),
    ];
    let events = acts.into_iter().filter_map(|(at, step, act)| {
        at.map(|at| Event { on: at.date(), at: Some(at), step, case: case.clone(), line: Some(line), act })
    });
    let events = events.collect();
    Ok((case, events))
}

fn moment(row: &Value, key: &str) -> anyhow::Result<Option<Moment>> {
    match &row[key] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(Moment::parse(text).with_context(|| format!("{key} is no moment"))?)),
        _ => bail!("{key} is no moment"),
    }
}
