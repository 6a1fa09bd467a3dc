//! What a process that stands by is asked: it looks up itself what is committed, and hands everything else to the writer.
//!
//! It passes on what the writer answers, or says 503; it guesses nothing. A request is handed on once: whoever is handed one
//! and does not write says so.
//!
//! What a writer that was replaced without knowing it (it was frozen, and thaws) may still say: what it reads for people comes
//! from the database, where everything is committed, whoever did it. A command is answered after its commit, which the epoch
//! refuses. What else stands in memory only (the work under way, business time, who waits for which change) it tells only
//! while its lease holds by its own clock, which runs on while it is frozen. A request that came before that and is answered
//! after it is told what was so in between. What it says to partners is the writer's own matter (`Writer::say_from_memory`).

use super::{App, requests, writing::outcome_unknown};
use crate::handle::Role;
use axum::{
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use organisation::Organisation;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use web::Problem;

/// Marks what was handed on.
const FORWARDED: HeaderName = HeaderName::from_static("nuan-forwarded");
/// The largest body that any route takes; the writer holds it against its route's own limit.
const BODY_LIMIT: usize = 4 * 1024 * 1024;
/// How long the writer may take: longer than anybody may wait for a change.
const PATIENCE: Duration = Duration::from_secs(90);
/// What only the writer knows: the work under way, and its business time.
const OF_THE_WRITER: [&str; 2] = ["/api/v1/backlog", "/api/v1/clock"];
/// Headers that belong to one connection. What else there is goes through as it is.
const OF_A_CONNECTION: [HeaderName; 9] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    HeaderName::from_static("keep-alive"),
];

/// The way to the writer; none if no HTTP client can be made.
#[derive(Debug)]
pub(super) struct Forwarder(Option<reqwest::Client>);

impl Default for Forwarder {
    fn default() -> Self {
        let builder = reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_secs(1)).timeout(PATIENCE);
        Forwarder(builder.redirect(reqwest::redirect::Policy::none()).build().ok())
    }
}

/// `GET /readyz`: whether requests may come here, and what this process does with them.
pub(super) async fn readyz<O: Organisation>(State(app): State<Arc<App<O>>>) -> Result<String, Problem> {
    match &*app.handle.role.borrow() {
        Role::StandBy { writer: Some(writer) } => Ok(format!("ready, stands by for the writer at {writer}\n")),
        Role::StandBy { writer: None } => Err(no_writer()),
        role @ Role::Writer { .. } if !role.writes() => Err(no_writer()),
        Role::Writer { .. } if *app.handle.ready.borrow() => Ok("ready, writes\n".to_owned()),
        Role::Writer { .. } => Err(Problem::unavailable("NOT_READY", "正在启动：尚未与各方建立联系。", 1)),
    }
}

/// Answers with the writer's answer what is not for a reader.
pub(super) async fn to_the_writer<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if is_for_a_reader(&request) || app.handle.writes() {
        return Ok(next.run(request).await);
    }
    let mut role = app.handle.role.clone();
    let writer = match &*role.borrow_and_update() {
        Role::StandBy { writer: Some(writer) } => writer.clone(),
        Role::StandBy { writer: None } | Role::Writer { .. } => return Err(no_writer()),
    };
    if request.headers().contains_key(FORWARDED) {
        return Err(no_writer());
    }
    let client = app.forwarder.0.as_ref().ok_or_else(no_writer)?;
    let _place = app.waiting.try_acquire().map_err(|_| Problem::too_many_requests(1))?;
    app.handle.metrics.forwarded.inc();
    forward(client, &writer, request, role).await
}

/// Looking up what is committed. Who waits for a change is woken where it is committed.
fn is_for_a_reader(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let waits = query.split('&').any(|part| part.starts_with("wait_ms=") && part != "wait_ms=0");
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    reads && !waits && !OF_THE_WRITER.contains(&request.uri().path())
}

async fn forward(
    client: &reqwest::Client,
    writer: &str,
    mut request: Request,
    mut role: watch::Receiver<Role>,
) -> Result<Response, Problem> {
    DefaultBodyLimit::max(BODY_LIMIT).apply(&mut request);
    let (parts, body) = request.into_parts();
    let changes_nothing = matches!(parts.method, Method::GET | Method::HEAD);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let sent = client.request(parts.method.clone(), format!("{}{path}", writer.trim_end_matches('/')));
    let sent = sent.headers(without_connection(parts.headers.clone())).header(FORWARDED, HeaderValue::from_static("1"));
    let sent = sent.body(web::body(Request::from_parts(parts, body), &()).await?);
    let answered = async {
        let answer = sent.send().await?;
        let (status, headers) = (answer.status(), without_connection(answer.headers().clone()));
        Ok((status, headers, answer.bytes().await?))
    };
    let unanswered = || if changes_nothing { no_writer() } else { outcome_unknown() };
    let answered: Result<_, reqwest::Error> = tokio::select! {
        answered = answered => answered,
        // Whoever wrote until now answers no more, or does not know it yet. What it committed counts.
        _ = role.changed() => return Err(unanswered()),
    };
    match answered {
        Ok((status, headers, body)) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok(requests::has_span(response))
        }
        // It has not been asked.
        Err(error) if error.is_connect() => Err(no_writer()),
        Err(error) => {
            tracing::warn!(%error, "the writer's answer did not come");
            Err(unanswered())
        }
    }
}

fn without_connection(mut headers: HeaderMap) -> HeaderMap {
    for name in &OF_A_CONNECTION {
        headers.remove(name);
    }
    headers
}

fn no_writer() -> Problem {
    let detail = "当前没有可写入的服务进程，正在切换；未作任何更改，请稍后以同一 Idempotency-Key 重试。";
    Problem::unavailable("NO_WRITER", detail, 1)
}
