//! A `POST` on its way to the writer, and the writer's answer on its way back.

use super::{App, Caller, requests};
use crate::{
    handle::{Arrival, CommandWork, Idempotency, Maintenance, MaintenanceWork, Reply, Said, Seen, Told, Wish},
    vault::Sealed,
};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::ApplicationId;
use organisation::{Actor, Organisation, Refusal, RefusalKind};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc::error::TrySendError, oneshot};
use web::{IdempotencyKey, Problem};

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A request that wants to change something: who, under which key, with which body.
#[derive(Clone, Debug)]
pub struct Writing {
    /// Who.
    pub caller: Caller,
    /// Under which key the answer is kept.
    pub idempotency: Idempotency,
    /// The body, as it came.
    pub body: Bytes,
    media_type: Option<String>,
    arrival: Arrival,
}

impl<S: Send + Sync> FromRequest<S> for Writing {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, state).await?;
        let IdempotencyKey(key) = IdempotencyKey::from_request_parts(&mut parts, state).await?;
        let media_type = web::media_type(&parts.headers);
        // Put there by `requests::traced`, which sees every request first.
        let arrival = parts.extensions.remove::<Arrival>().unwrap_or_default();
        // The whole path, not its pattern: one key for two applications is two keys.
        let scope = format!("{} {} {}", caller.person, parts.method, parts.uri.path());
        let body = web::body(Request::from_parts(parts, body), state).await?;
        let idempotency = Idempotency { scope, key, body_hash: Sha256::digest(&body).into() };
        Ok(Writing { caller, idempotency, body, media_type, arrival })
    }
}

impl Writing {
    /// Whether the body is of this media type.
    pub fn is(&self, media_type: &str) -> bool {
        self.media_type.as_deref() == Some(media_type)
    }

    /// The body, which has to be JSON.
    ///
    /// # Errors
    /// 415.
    pub fn json_bytes(&self) -> Result<&[u8], Problem> {
        if self.is("application/json") {
            Ok(&self.body)
        } else {
            Err(Problem::unsupported_media_type("application/json"))
        }
    }

    /// The body as exactly a `T`.
    ///
    /// # Errors
    /// 400, 415, 422.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        web::from_slice(self.json_bytes()?)
    }
}

impl<O: Organisation> App<O> {
    /// Hands a command to the writer and answers once it is committed. `expected`: what was seen.
    ///
    /// # Errors
    /// The refusal as a problem; 503 if the queue is full, or nobody knows what became of the command.
    pub async fn command(
        &self,
        writing: Writing,
        command: O::Command,
        expected: Option<Seen>,
        sealed: Option<Sealed>,
    ) -> Result<Response, Problem> {
        let (reply, answer) = oneshot::channel();
        let person = writing.caller.person.clone();
        let work = CommandWork {
            actor: writing.caller.actor(),
            command,
            expected,
            idempotency: Some(writing.idempotency),
            sealed,
            arrival: writing.arrival,
            reply,
        };
        match self.handle.commands.try_send(work) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                self.handle.metrics.commands_rejected.inc();
                return Err(Problem::unavailable(
                    "QUEUE_FULL",
                    "排队的请求过多，请稍后以同一 Idempotency-Key 重试。",
                    1,
                ));
            }
            Err(TrySendError::Closed(_)) => return Err(stopping()),
        }
        // If the client goes away here the command goes on; its answer waits under the key.
        match answer.await {
            Ok(reply) => self.answer(reply, person),
            Err(_) => Err(outcome_unknown()),
        }
    }

    fn answer(&self, reply: Reply, person: String) -> Result<Response, Problem> {
        match reply {
            Reply::Decided { status, body: Ok(mut body), version, replayed } => {
                let status = StatusCode::from_u16(status).map_err(|error| Problem::internal(&error))?;
                if let Some(version) = version {
                    super::show_version(&mut body, version);
                }
                let mut response =
                    if body.is_null() { StatusCode::NO_CONTENT.into_response() } else { super::json(status, &body)? };
                response.headers_mut().extend(version.map(|version| (header::ETAG, web::etag(version))));
                if status == StatusCode::CREATED
                    && let Some(id) = body["application_id"].as_str().and_then(|id| ApplicationId::parse(id).ok())
                {
                    let location = HeaderValue::from_str(&format!("/api/v1/applications/{id}"));
                    response.headers_mut().extend(location.ok().map(|location| (header::LOCATION, location)));
                    self.owners.put(id, person);
                }
                mark(&mut response, replayed);
                Ok(if replayed { response } else { requests::has_span(response) })
            }
            Reply::Decided { body: Err(refusal), replayed, .. } => {
                let mut response = refused(refusal).into_response();
                mark(&mut response, replayed);
                Ok(if replayed { response } else { requests::has_span(response) })
            }
            Reply::KeyReused => Err(key_reused()),
            Reply::Parked => {
                let detail = "此申请停在一项未能办理的输入之后（运维可见于 GET /api/v1/parked），处理之前不接受新的操作。本次请求未作任何更改，也未保留；请联系运维，处理后以同一 Idempotency-Key 重发。";
                Err(Problem::conflict("PARKED", detail).title("申请已搁置"))
            }
            Reply::Undecidable { trace_id } => {
                let detail = format!(
                    "系统无法对此请求作出决定，未作任何更改，也未保留此请求。原因已记入日志，trace_id 为 {trace_id}；请联系运维，排除后以同一 Idempotency-Key 重发。"
                );
                Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "UNDECIDABLE", "请求无法办理", detail))
            }
            Reply::Unavailable => Err(outcome_unknown()),
        }
    }

    /// Gives the shell an order under the request's key, and answers once it is committed.
    ///
    /// # Errors
    /// What the writer says instead; 503 if the queue is full, or nobody knows what became of the order.
    pub(super) async fn order(&self, idempotency: Idempotency, order: Maintenance) -> Result<Response, Problem> {
        let (said, before) = self.ordered(idempotency, order).await?;
        answer(&said, before)
    }

    /// As [`App::order`], for what takes two persons: the first gets 202, the second what comes of it.
    ///
    /// # Errors
    /// As [`App::order`].
    pub(super) async fn together(&self, writing: Writing, wish: Wish, because: String) -> Result<Response, Problem> {
        let person = writing.caller.person;
        self.order(writing.idempotency, Maintenance::Together { wish, person, because }).await
    }

    /// Has an order carried out that is under no key.
    pub(super) async fn told(
        &self,
        idempotency: Option<Idempotency>,
        order: Maintenance,
    ) -> Result<(Said, bool), Problem> {
        let (reply, answer) = oneshot::channel();
        match self.handle.maintenance.try_send(MaintenanceWork { order, idempotency, reply }) {
            Ok(()) => told(answer.await.map_err(|_| outcome_unknown())?),
            Err(TrySendError::Full(_)) => Err(Problem::unavailable("QUEUE_FULL", "排队的请求过多，请稍后重试。", 1)),
            Err(TrySendError::Closed(_)) => Err(stopping()),
        }
    }

    /// Gives a command as a service identity, and waits until it is decided, whatever comes of it.
    pub(super) async fn by_service(&self, actor: Actor, command: O::Command) -> Result<(), Problem> {
        let (reply, answer) = oneshot::channel();
        let arrival = Arrival::default();
        let work = CommandWork { actor, command, expected: None, idempotency: None, sealed: None, arrival, reply };
        self.handle.commands.send(work).await.map_err(|_| stopping())?;
        answer.await.map(drop).map_err(|_| outcome_unknown())
    }

    /// What the writer says to an order, and whether it said so before under this key.
    pub(super) async fn ordered(&self, idempotency: Idempotency, order: Maintenance) -> Result<(Said, bool), Problem> {
        self.told(Some(idempotency), order).await
    }
}

fn told(told: Told) -> Result<(Said, bool), Problem> {
    match told {
        Told::Done { said, before } => Ok((said, before)),
        Told::KeyReused => Err(key_reused()),
        Told::NotParked => Err(Problem::not_found("没有此流水号的搁置输入，或已处理，或同一申请另有更早的一项。")),
        Told::TooEarly => {
            Err(Problem::unavailable("GREETING", "尚未与各方建立联系，暂不能向其发送消息，请稍后重试。", 2))
        }
        Told::StillParked { position, why } => {
            let detail = format!("流水号 {position} 的输入仍无法办理，其后各项继续搁置：{why}");
            Err(Problem::conflict("STILL_PARKED", detail).title("仍然搁置"))
        }
        Told::Refused(refusal) => Err(refused(refusal)),
    }
}

/// The answer to an order that was committed.
pub(super) fn answer(said: &Said, before: bool) -> Result<Response, Problem> {
    let status = StatusCode::from_u16(said.status).map_err(|error| Problem::internal(&error))?;
    let mut response = if said.body.is_null() { status.into_response() } else { super::json(status, &said.body)? };
    mark(&mut response, before);
    Ok(response)
}

fn key_reused() -> Problem {
    let detail = "此 Idempotency-Key 已用于另一内容的请求，请换一个新的键。";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED", "幂等键已被使用", detail)
}

/// A core's no as a problem.
fn refused(refusal: Refusal) -> Problem {
    let status = match refusal.kind {
        RefusalKind::Forbidden => StatusCode::FORBIDDEN,
        RefusalKind::NotFound => StatusCode::NOT_FOUND,
        RefusalKind::Conflict => StatusCode::CONFLICT,
        RefusalKind::Stale => StatusCode::PRECONDITION_FAILED,
        RefusalKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::new(status, refusal.code, refusal.title, refusal.detail)
}

fn mark(response: &mut Response, replayed: bool) {
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
}

fn stopping() -> Problem {
    Problem::unavailable("STOPPING", "服务正在停止，请稍后重试。", 5)
}

pub(super) fn outcome_unknown() -> Problem {
    let detail = "暂时无法确认结果，请稍后以同一 Idempotency-Key 重试。";
    Problem::unavailable("OUTCOME_UNKNOWN", detail, 1)
}
