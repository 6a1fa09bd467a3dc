//! What moves on an open page by itself: lists of tasks, a case and its history, word that a case has changed under a decision, and
//! what a loan would cost while its terms are typed.
//!
//! A server-sent event says only that there is something new; the page fetches itself again and takes its parts (htmx, vendored).
//! Without JavaScript everything is there, and stands still.

use crate::{
    Shared, State,
    api::{Moved, Refusal, encoded, filtered},
    lang::{filters, t},
    page::{Html, Trouble, html},
    session::Session,
    tasks::Filter,
    words::Fact,
};
use askama::Template;
use axum::{
    extract::{Path, Query, State as Extract},
    http::{StatusCode, header},
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, stream};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::sync::OwnedSemaphorePermit;

/// Pages that may listen at once; the others stand still.
pub(crate) const MOST: usize = 512;
/// How often a list of tasks is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What the page that listens has seen.
#[derive(Deserialize)]
pub(crate) struct Seen {
    seen: String,
}

type Events = Sse<axum::response::sse::KeepAliveStream<std::pin::Pin<Box<dyn Stream<Item = Told> + Send>>>>;
type Told = Result<Event, Infallible>;

fn events(told: impl Stream<Item = Told> + Send + 'static) -> Events {
    let told: std::pin::Pin<Box<dyn Stream<Item = Told> + Send>> = Box::pin(told);
    Sse::new(told).keep_alive(KeepAlive::new().interval(Duration::from_secs(20)))
}

fn place(state: &Arc<State>) -> Result<OwnedSemaphorePermit, Refusal> {
    let full = |_| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "系统繁忙", "请稍后再试。");
    Arc::clone(&state.listening).try_acquire_owned().map_err(full)
}

/// An event `changed` for each change of an application.
pub(crate) async fn application(
    Extract(state): Shared,
    session: Session,
    Path(id): Path<String>,
    Query(Seen { seen }): Query<Seen>,
) -> Result<Events, Trouble> {
    let id = encoded(&id);
    let place = place(&state)?;
    // Whoever may not see it is told so at once.
    state.api.get(&session.access, &format!("applications/{id}")).await?;
    // Said where the page does not fetch itself again. The language is this request's, which is over when it is told.
    let notice = t("此案已有变化；提交时将显示最新内容。").to_owned();
    let told = stream::unfold((seen, place), move |(seen, place)| {
        let (state, access, id, notice) = (Arc::clone(&state), session.access.clone(), id.clone(), notice.clone());
        async move {
            loop {
                match state.api.moved(&access, &id, &seen).await {
                    Ok(Moved::To(version)) => {
                        let event = Event::default().event("changed").data(format!("<p class=\"notice\">{notice}</p>"));
                        return Some((Ok(event), (version, place)));
                    }
                    Ok(Moved::Not) => {}
                    // Nothing comes any more; who listens closes.
                    Ok(Moved::Over) => std::future::pending().await,
                    Err(_) => return None,
                }
            }
        }
    });
    Ok(events(told))
}

/// An event `changed` for each change of a list of tasks.
pub(crate) async fn tasks(
    Extract(state): Shared,
    session: Session,
    Query(Seen { seen }): Query<Seen>,
    Query(filter): Query<Filter>,
) -> Result<Events, Trouble> {
    let place = place(&state)?;
    let path = path_of(&filter);
    let told = stream::unfold((seen, place), move |(seen, place)| {
        let (state, access, path) = (Arc::clone(&state), session.access.clone(), path.clone());
        async move {
            loop {
                tokio::time::sleep(LOOK).await;
                let list = state.api.get(&access, &path).await.ok()?;
                let now = digest(&list.body);
                if now != seen {
                    // An event without data is none.
                    return Some((Ok(Event::default().event("changed").data("tasks")), (now, place)));
                }
            }
        }
    });
    Ok(events(told))
}

/// The interface's list for this filter.
pub(crate) fn path_of(filter: &Filter) -> String {
    let filters = [("role", &filter.role), ("application_id", &filter.application_id), ("cursor", &filter.cursor)];
    filtered("tasks?limit=50", filters)
}

/// Tells one list of tasks from another.
pub(crate) fn digest(list: &Value) -> String {
    let digest = Sha256::digest(list["items"].to_string());
    hex::encode(digest.get(..8).unwrap_or_default())
}

#[derive(Template)]
#[template(path = "estimate.html")]
struct EstimatePart {
    facts: Vec<Fact>,
}

/// What a loan would cost, as a part of a page.
pub(crate) fn estimate(facts: Vec<Fact>) -> Result<Html, Trouble> {
    html(&EstimatePart { facts })
}

fn script(text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), (header::CACHE_CONTROL, "max-age=86400")], text)
}

pub(crate) async fn htmx() -> impl IntoResponse {
    script(include_str!("../vendor/htmx-2.0.11.min.js"))
}

pub(crate) async fn sse() -> impl IntoResponse {
    script(include_str!("../vendor/htmx-ext-sse-2.2.4.min.js"))
}

pub(crate) async fn own() -> impl IntoResponse {
    script(include_str!("../templates/live.js"))
}
