//! What a replica that stands by is asked: it looks up itself what is committed, and hands everything else to the writer.
//!
//! It answers what the writer answers, or 503; it never guesses. A request is forwarded once: whoever gets it forwarded and
//! does not write says so.

use super::{App, writing::outcome_unknown};
use crate::handle::Role;
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use organisation::Organisation;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use web::Problem;

/// Marks what was forwarded.
const FORWARDED: HeaderName = HeaderName::from_static("nuan-forwarded");
/// The largest body that any route takes.
const BODY_LIMIT: usize = 4 * 1024 * 1024;
/// How long the writer may take: longer than anybody may wait for a change.
const PATIENCE: Duration = Duration::from_secs(90);
/// What only the writer knows: the work under way, and its business time.
const OF_THE_WRITER: [&str; 2] = ["/api/v1/backlog", "/api/v1/clock"];
/// Headers that belong to one connection.
const HOP_BY_HOP: [HeaderName; 4] =
    [header::HOST, header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];

/// The way to the writer.
pub(super) struct Forwarder {
    client: Option<reqwest::Client>,
}

impl Default for Forwarder {
    fn default() -> Self {
        let builder = reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_secs(1)).timeout(PATIENCE);
        Forwarder { client: builder.redirect(reqwest::redirect::Policy::none()).build().ok() }
    }
}

/// Answers with the writer's answer what is not for a reader.
pub(super) async fn to_the_writer<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    request: Request,
    next: Next,
) -> Response {
    let mut role = app.handle.role.clone();
    let writer = match &*role.borrow_and_update() {
        Role::Writer => None,
        Role::StandBy { writer } => Some(writer.clone()),
    };
    let Some(writer) = writer.filter(|_| !is_for_a_reader(&request)) else { return next.run(request).await };
    match (writer, &app.forwarder.client) {
        (Some(writer), Some(client)) if !request.headers().contains_key(FORWARDED) => {
            forward(client, &writer, request, role).await.unwrap_or_else(IntoResponse::into_response)
        }
        _ => no_writer().into_response(),
    }
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
    request: Request,
    mut role: watch::Receiver<Role>,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_LIMIT).await;
    let body = body.map_err(|_| Problem::bad_request("INVALID_BODY", "请求内容无法读取。"))?;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let sent = client.request(parts.method, format!("{}{path}", writer.trim_end_matches('/'))).body(body);
    let sent = sent.headers(without_hops(parts.headers)).header(FORWARDED, HeaderValue::from_static("1"));
    let answered = async {
        let answer = sent.send().await?;
        let (status, headers) = (answer.status(), without_hops(answer.headers().clone()));
        Ok((status, headers, answer.bytes().await?))
    };
    let answered: Result<_, reqwest::Error> = tokio::select! {
        answered = answered => answered,
        // Whoever wrote until now answers no more, or does not know it yet. What it committed counts.
        _ = role.changed() => return Err(outcome_unknown()),
    };
    match answered {
        Ok((status, headers, body)) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok(response)
        }
        Err(error) if error.is_connect() => Err(no_writer()),
        Err(error) => {
            tracing::warn!(%error, "the writer's answer did not come");
            Err(outcome_unknown())
        }
    }
}

fn without_hops(mut headers: HeaderMap) -> HeaderMap {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    headers
}

fn no_writer() -> Problem {
    let detail = "当前没有可写入的服务进程，正在切换；未作任何更改，请稍后以同一 Idempotency-Key 重试。";
    Problem::unavailable("NO_WRITER", detail, 1)
}
