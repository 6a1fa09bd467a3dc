//! The HTTP interface of the same process, as a client of it sees it: JSON in, JSON or a problem out.

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderValue, Method, Request, StatusCode, header, request::Builder, response::Parts},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower::ServiceExt;

/// Bytes that an answer may have: a page of a list is far below it.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;
/// How long one request waits for news, ms.
const WAIT_MS: u32 = 25_000;

pub(crate) struct Api {
    router: Router,
}

/// With what the interface is asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Access {
    /// The session's token.
    pub token: String,
    /// For whom a deputy acts.
    #[serde(default)]
    pub on_behalf_of: Option<String>,
}

/// What has become of an application that somebody looks at.
pub(crate) enum Moved {
    /// Nothing yet.
    Not,
    /// It has another version now.
    To(String),
    /// Nothing will: it has ended.
    Over,
}

/// A good answer.
pub(crate) struct Answer {
    pub body: Value,
    /// The version that it shows, as `If-Match` wants it.
    pub version: String,
}

/// A refusal, as RFC 9457 has it.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    /// Its stable name; empty for one of the desk's own.
    pub code: String,
    pub title: String,
    pub detail: String,
    /// Field (the last part of the pointer) and what is wrong with it.
    pub errors: Vec<(String, String)>,
}

impl Refusal {
    pub fn new(status: StatusCode, title: &str, detail: impl Into<String>) -> Self {
        Refusal { status, code: String::new(), title: title.to_owned(), detail: detail.into(), errors: Vec::new() }
    }

    /// Whether the same person may mend it: what was sent is wrong, or does not fit what stands now.
    pub fn can_be_mended(&self) -> bool {
        matches!(self.status, StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT)
    }

    /// All of it in a line.
    pub fn line(&self) -> String {
        crate::lang::fill("{}：{}", &[crate::lang::t(&self.title), crate::lang::t(&self.detail)])
    }

    /// The same, with what is wrong field by field.
    pub fn whole(&self) -> String {
        let errors = self.errors.iter().map(|(field, why)| format!("{field}：{why}"));
        std::iter::once(self.line()).chain(errors).collect::<Vec<_>>().join("；")
    }

    fn broken() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "系统内部错误", "请稍后再试；若仍如此，请告知运维。")
    }
}

/// What a form asks to be done: once, whatever a double click or the back button repeats.
pub(crate) struct Order<'a> {
    /// Idempotency key, made when the form was shown.
    pub key: &'a str,
    /// The version that was shown, for a decision.
    pub version: Option<&'a str>,
    pub body: &'a Value,
}

impl Api {
    pub const fn new(router: Router) -> Self {
        Api { router }
    }

    /// `GET` below `/api/v1/`.
    pub async fn get(&self, access: &Access, path: &str) -> Result<Answer, Refusal> {
        self.send(access, Method::GET, path, None).await
    }

    /// Waits until an application is another than the version that was seen, for a while.
    pub async fn moved(&self, access: &Access, id: &str, seen: &str) -> Result<Moved, Refusal> {
        let request =
            Request::builder().method(Method::GET).uri(format!("/api/v1/applications/{id}?wait_ms={WAIT_MS}"));
        let request = request.header(header::IF_NONE_MATCH, format!("\"{seen}\""));
        let (parts, bytes) = self.ask(access, request, Body::empty()).await?;
        if parts.status != StatusCode::NOT_MODIFIED {
            return Ok(Moved::To(read(&parts, &bytes)?.version));
        }
        let now = self.get(access, &format!("applications/{id}")).await?;
        Ok(if now.body["ended"] == true && now.version == seen { Moved::Over } else { Moved::Not })
    }

    /// `POST` below `/api/v1/`.
    pub async fn post(&self, access: &Access, path: &str, order: &Order<'_>) -> Result<Answer, Refusal> {
        self.send(access, Method::POST, path, Some(order)).await
    }

    /// `POST` of a file below `/api/v1/`. What it is the interface tells from its bytes.
    pub async fn post_bytes(&self, access: &Access, path: &str, key: &str, bytes: Bytes) -> Result<Answer, Refusal> {
        let request = Request::builder().method(Method::POST).uri(format!("/api/v1/{path}"));
        let request = request.header("Idempotency-Key", key).header(header::CONTENT_TYPE, "application/octet-stream");
        let (parts, bytes) = self.ask(access, request, Body::from(bytes)).await?;
        read(&parts, &bytes)
    }

    /// `POST` below `/api/v1/` that is answered with a file: its media type and its bytes.
    pub async fn post_for_bytes(
        &self,
        access: &Access,
        path: &str,
        order: &Order<'_>,
    ) -> Result<(HeaderValue, Bytes), Refusal> {
        let (parts, bytes) = self.ordered(access, Method::POST, path, Some(order)).await?;
        if !parts.status.is_success() {
            read(&parts, &bytes)?;
        }
        let unknown = HeaderValue::from_static("application/octet-stream");
        Ok((parts.headers.get(header::CONTENT_TYPE).cloned().unwrap_or(unknown), bytes))
    }

    async fn send(
        &self,
        access: &Access,
        method: Method,
        path: &str,
        order: Option<&Order<'_>>,
    ) -> Result<Answer, Refusal> {
        let (parts, bytes) = self.ordered(access, method, path, order).await?;
        read(&parts, &bytes)
    }

    async fn ordered(
        &self,
        access: &Access,
        method: Method,
        path: &str,
        order: Option<&Order<'_>>,
    ) -> Result<(Parts, Bytes), Refusal> {
        let mut request = Request::builder().method(method).uri(format!("/api/v1/{path}"));
        if let Some(order) = order {
            request = request.header("Idempotency-Key", order.key).header(header::CONTENT_TYPE, "application/json");
            if let Some(version) = order.version {
                request = request.header(header::IF_MATCH, format!("\"{version}\""));
            }
        }
        let body = order.map_or_else(Body::empty, |order| Body::from(order.body.to_string()));
        self.ask(access, request, body).await
    }

    async fn ask(&self, access: &Access, mut request: Builder, body: Body) -> Result<(Parts, Bytes), Refusal> {
        // A token that cannot stand in a header is nobody's.
        let bearer = HeaderValue::from_str(&format!("Bearer {}", access.token));
        if let Ok(mut bearer) = bearer {
            bearer.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, bearer);
        }
        if let Some(absent) = &access.on_behalf_of {
            request = request.header("On-Behalf-Of", absent);
        }
        let request = request.body(body).map_err(|_| not_found())?;
        // The router answers everything itself; it cannot fail.
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, ANSWER_LIMIT).await.map_err(|error| {
            tracing::error!(%error, "an answer of the interface cannot be read");
            Refusal::broken()
        })?;
        Ok((parts, bytes))
    }
}

/// A good answer, or the refusal that it is.
fn read(parts: &Parts, bytes: &[u8]) -> Result<Answer, Refusal> {
    let body: Value = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(bytes).unwrap_or_default() };
    if parts.status.is_success() {
        let version = parts.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default();
        return Ok(Answer { body, version: version.trim_matches('"').to_owned() });
    }
    Err(refusal(parts.status, &body))
}

fn not_found() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "没有找到", "没有这个地址。")
}

fn refusal(status: StatusCode, body: &Value) -> Refusal {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = body["errors"].as_array().into_iter().flatten().map(|error| {
        let pointer = text(&error["pointer"]);
        (pointer.rsplit('/').next().unwrap_or_default().to_owned(), text(&error["detail"]))
    });
    let errors = errors.collect();
    Refusal { status, code: text(&body["code"]), title: text(&body["title"]), detail: text(&body["detail"]), errors }
}

/// The path of a list with those filters that are filled in.
pub(crate) fn filtered<const N: usize>(path: &str, filters: [(&str, &String); N]) -> String {
    let filled = filters.into_iter().map(|(name, value)| (name, value.trim())).filter(|(_, value)| !value.is_empty());
    filled.fold(path.to_owned(), |path, (name, value)| format!("{path}&{name}={}", encoded(value)))
}

/// Text for a query or a path: only what needs no escaping stays.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_into_an_address_cannot_change_it() {
        assert_eq!(encoded("NCD-2018-0004"), "NCD-2018-0004");
        assert_eq!(encoded("a&role=x/../?#%"), "a%26role%3Dx%2F..%2F%3F%23%25");
        assert_eq!(encoded("暖"), "%E6%9A%96");
    }
}
