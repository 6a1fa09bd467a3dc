//! The door of a sandbox: commands of the core, as a journal has them, over HTTP, so that recorded ones can be replayed against a
//! deployed service. It exists only where `environment` is `sandbox`, and takes an operator's token.
//!
//! A journal has no forms: personal data never came so far. What comes in here passes no form's checks; everything behind
//! them, from the writer's queue on, is the service as it is deployed.

use crate::{
    clock::unix_ns,
    config::Config,
    handle::{Arrival, CommandWork, Handle, Reply},
};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use organisation::{Actor, Organisation};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::oneshot;
use web::{BearerToken, Problem};

/// The environment that marks a sandbox.
pub const ENVIRONMENT: &str = "sandbox";

/// What a sandbox says of itself at `GET /api/v1/sandbox`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sandbox {
    /// Whose service it is.
    pub party: domain::Party,
    /// `sandbox`.
    pub environment: String,
    /// Version of its build.
    pub build: String,
    /// Position of its journal.
    pub position: u64,
}

/// A command as a journal has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded<C> {
    actor: Actor,
    command: C,
}

struct Door<O: Organisation> {
    handle: Handle<O>,
    environment: String,
}

/// The routes of a sandbox; none where the configuration is of anything else.
pub(crate) fn router<O: Organisation>(handle: Handle<O>, config: &Config) -> Router {
    if config.environment != ENVIRONMENT {
        return Router::new();
    }
    Router::new()
        .route("/api/v1/sandbox", get(shown::<O>))
        .route("/api/v1/sandbox/commands", post(take::<O>))
        .with_state(Arc::new(Door { handle, environment: config.environment.clone() }))
}

async fn shown<O: Organisation>(State(door): State<Arc<Door<O>>>) -> Response {
    let position = door.handle.backlog.borrow().position;
    let (environment, build) = (door.environment.clone(), env!("CARGO_PKG_VERSION").to_owned());
    Json(Sandbox { party: O::PARTY, environment, build, position }).into_response()
}

async fn take<O: Organisation>(
    State(door): State<Arc<Door<O>>>,
    headers: HeaderMap,
    body: String,
) -> Result<Response, Problem> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(Problem::invalid_token)?;
    let now_ms = i64::try_from(unix_ns() / 1_000_000).unwrap_or(i64::MAX);
    let holder = door.handle.readers.account_holder(&BearerToken::of(token).0, now_ms).await;
    let holder = holder.map_err(|error| Problem::internal(&error))?.ok_or_else(Problem::invalid_token)?;
    if !holder.roles.iter().any(|role| role == crate::http::OPERATOR) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "FORBIDDEN", "无权进行此操作", "回放记录需要运维账户。"));
    }
    let Recorded { actor, command } = web::from_slice::<Recorded<O::Command>>(body.as_bytes())?;
    let (reply, answer) = oneshot::channel();
    let arrival = Arrival { at_ns: unix_ns(), route: String::new(), caller: None };
    let work = CommandWork { actor, command, expected: None, idempotency: None, sealed: None, arrival, reply };
    let gone = || Problem::unavailable("STOPPING", "服务正在停止。", 1);
    door.handle.commands.send(work).await.map_err(|_| gone())?;
    match answer.await.map_err(|_| gone())? {
        Reply::Decided { body: Ok(_), .. } => Ok(Json(json!({ "refused": null })).into_response()),
        Reply::Decided { body: Err(refusal), .. } => Ok(Json(json!({ "refused": refusal.code })).into_response()),
        other => Err(Problem::new(StatusCode::CONFLICT, "NOT_DECIDED", "未能办理", format!("{other:?}"))),
    }
}
