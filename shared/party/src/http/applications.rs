//! Applications as people look them up: one, many, and what happened to it.

use super::{App, Caller, Page, application_id, ok, page_limit, unreadable};
use crate::{
    handle::Until,
    store::read::{Filter, StateRow},
};
use axum::{
    extract::{Path, State},
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use domain::{ApplicationId, Moment, Uscc};
use organisation::{Organisation, Recorded};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};
use web::{IfNoneMatch, Problem, Query, utoipa};

/// Longest time that a request may wait for a change, ms.
const MAX_WAIT_MS: u64 = 60_000;

/// What a list is filtered by.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    status: Option<String>,
    uscc: Option<String>,
    ended: Option<bool>,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// `GET /api/v1/applications`.
pub(super) async fn list<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    caller: Caller,
    uri: Uri,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let limit = page_limit(query.limit)?;
    let uscc = query.uscc.map(|uscc| Uscc::parse(&uscc)).transpose();
    let uscc = uscc.map_err(|error| Problem::bad_request("INVALID_QUERY", format!("uscc：{error}")))?;
    let applicant = app.is_applicant_only(&caller);
    if applicant && uscc.is_none() {
        return Err(Problem::bad_request("USCC_MISSING", "请以 uscc 指明企业，只列出您自己提交的申请。"));
    }
    let filter = Filter { status: query.status, uscc: uscc.map(|uscc| uscc.to_string()), ended: query.ended };
    let prefix = format!("{}/", O::KIND);
    let page = app.rows(&prefix, &filter, query.cursor, limit).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for row in &page.items {
        let id = application_id(&row.key[prefix.len()..])?;
        // A page of an applicant's may be shorter than its limit: what is not theirs is left out.
        if !applicant || app.owner(&id).await?.is_some_and(|owner| owner == caller.person) {
            items.push(app.view(row)?);
        }
    }
    page.with(items).respond(&uri)
}

/// How long to wait, and for what.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WaitQuery {
    wait_ms: Option<u64>,
    until: Option<UntilQuery>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UntilQuery {
    End,
}

/// `GET /api/v1/applications/{id}`.
pub(super) async fn one<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    caller: Caller,
    Path(id): Path<String>,
    IfNoneMatch(known): IfNoneMatch,
    Query(query): Query<WaitQuery>,
) -> Result<Response, Problem> {
    let id = application_id(&id)?;
    app.may_see(&caller, &id).await?;
    let wait_ms = query.wait_ms.unwrap_or_default();
    if wait_ms > MAX_WAIT_MS {
        return Err(Problem::bad_request("INVALID_QUERY", format!("wait_ms 至多为 {MAX_WAIT_MS}。")));
    }
    let row = if wait_ms == 0 {
        Arc::new(app.row(&id).await?)
    } else {
        let _place = app.waiting.try_acquire().map_err(|_| Problem::too_many_requests(1))?;
        let until = query.until.map_or(Until::Change, |UntilQuery::End| Until::End);
        wait(&app, &id, Duration::from_millis(wait_ms), known, until).await?
    };
    let etag = (header::ETAG, web::etag(row.version));
    if known == Some(row.version) {
        return Ok((StatusCode::NOT_MODIFIED, [etag]).into_response());
    }
    let mut response = ok(&app.view(&row)?)?;
    response.headers_mut().extend([etag]);
    Ok(response)
}

/// The application once it is as wanted, or as it is when the time is over.
async fn wait<O: Organisation>(
    app: &App<O>,
    id: &ApplicationId,
    time: Duration,
    known: Option<u64>,
    until: Until,
) -> Result<Arc<StateRow>, Problem> {
    let deadline = Instant::now() + time;
    let key = app.key(id).to_string();
    let mut known = known;
    loop {
        // Watch before reading, so that no change between the two is missed.
        let mut change = app.handle.changes.watch(&key, until);
        let row = Arc::new(app.row(id).await?);
        // Without a version of the client's own, the one at its arrival is what has to change.
        let known = *known.get_or_insert(row.version);
        let is_wanted = |row: &StateRow| match until {
            Until::End => row.ended,
            // An application that has ended changes no more.
            Until::Change => row.version != known || row.ended,
        };
        // A process that writes no more, or has never, is told of no commit: what is there is its answer.
        if is_wanted(&row) || !app.handle.writes() {
            return Ok(row);
        }
        let Ok(committed) = timeout_at(deadline, change.changed()).await else {
            return Ok(Arc::new(app.row(id).await?));
        };
        // Most are handed the row as it was committed; whoever is not looks once more.
        if let Some(row) = committed.filter(|row| is_wanted(row)) {
            return Ok(row);
        }
    }
}

/// One line of an application's timeline.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = TimelineEntry)]
pub(super) struct Entry {
    /// Journal position; several lines may have been written by one decision.
    position: u64,
    /// Business time.
    at: String,
    /// The organisation that recorded it.
    party: &'static str,
    /// Who caused it: a partner, a person, the clock.
    source: String,
    /// The step, in the definition's words; empty if it belongs to none.
    step: String,
    /// What became of it.
    event: String,
    /// For a reader, in Chinese.
    text: String,
    /// Of a decision: SHA-256 of what `GET /api/v1/applications/{id}` had answered to whoever decided, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    shown: Option<String>,
}

/// `GET /api/v1/applications/{id}/timeline`.
pub(super) async fn timeline<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Path(id): Path<String>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Response, Problem> {
    let id = application_id(&id)?;
    let rows = app.handle.readers.journal(&id.to_string()).await.map_err(|error| unreadable(&error))?;
    if rows.is_empty() {
        // An application without a journal row is none.
        app.row(&id).await?;
    }
    let mut items = Vec::new();
    for row in rows {
        let input: Value = serde_json::from_str(&row.input).unwrap_or_default();
        let shown = input["shown"].as_str();
        let entry = |step: String, event: &str, text: String| Entry {
            shown: shown.map(str::to_owned),
            position: row.position,
            at: Moment::from_millis(row.at).to_string(),
            party: O::PARTY.as_str(),
            source: row.source.clone(),
            step,
            event: event.to_owned(),
            text,
        };
        let recorded: Vec<Recorded<O::Fact>> =
            serde_json::from_str(&row.recorded).map_err(|error| Problem::internal(&error))?;
        for recorded in recorded {
            if let Recorded::Fact(fact) = recorded
                && let Some(line) = O::line(&fact)
            {
                items.push(entry(line.step, line.event, line.text));
            }
        }
        if let Some(refusal) = &row.refusal {
            let refusal: Value = serde_json::from_str(refusal).map_err(|error| Problem::internal(&error))?;
            let said = |name: &str| refusal[name].as_str().unwrap_or_default();
            items.push(entry(String::new(), "refused", format!("{}（{}）", said("title"), said("code"))));
        }
    }
    ok(&Page::whole(items))
}

/// A query without parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}
