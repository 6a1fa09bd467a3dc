//! A client of the three services' HTTP interfaces, as the demo, the benchmark and the timeline use them.

use anyhow::{Context, bail};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// One person's access to one service.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    /// Base address, `http://127.0.0.1:PORT`.
    pub url: String,
    /// Bearer token.
    pub token: String,
}

/// What a service said no to.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {status} {code} {detail} {errors}")]
pub struct Refused {
    /// Below `/api/v1/`.
    pub path: String,
    /// 400 to 499.
    pub status: StatusCode,
    /// The problem's code.
    pub code: String,
    /// Its words.
    pub detail: String,
    /// What is wrong with which field, as JSON; empty if that is not it.
    pub errors: String,
}

/// Distinguishes the requests of this process; with the process id, an idempotency key.
static REQUEST: AtomicU64 = AtomicU64::new(0);

impl Api {
    /// Access with this token.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        let client = Client::builder().timeout(Duration::from_secs(70)).no_proxy().build()?;
        Ok(Api { client, url: url.to_owned(), token: token.to_owned() })
    }

    /// The same service as someone else.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Api { token: token.to_owned(), ..self.clone() }
    }

    /// `GET` below `/api/v1/`.
    ///
    /// # Errors
    /// No answer, or not a good one; with the problem's words.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self.get_tagged(path).await?.0)
    }

    /// Every item of a list below `/api/v1/`, page by page; `path` may have a query.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn all(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let first = format!("{path}{}limit=200", if path.contains('?') { '&' } else { '?' });
        let mut items = Vec::new();
        let mut next = first.clone();
        loop {
            let mut page = self.get(&next).await?;
            if let Value::Array(rows) = page["items"].take() {
                items.extend(rows);
            }
            match page["next_cursor"].as_str() {
                Some(cursor) => next = format!("{first}&cursor={cursor}"),
                None => return Ok(items),
            }
        }
    }

    /// `GET` below `/api/v1/`, with the `ETag` of the answer.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn get_tagged(&self, path: &str) -> anyhow::Result<(Value, Option<String>)> {
        let response = self.request(Method::GET, path).send().await.with_context(|| format!("GET {path}"))?;
        let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        Ok((read(response, path).await?, tag))
    }

    /// `POST` of JSON below `/api/v1/`.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(path, body.to_string(), "application/json", None).await
    }

    /// `POST` of a decision on what was read under this `ETag`.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn decide(&self, path: &str, body: &Value, tag: &str) -> anyhow::Result<Value> {
        self.send(path, body.to_string(), "application/json", Some(tag)).await
    }

    /// `POST` of text of another media type.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn post_text(&self, path: &str, body: String, media_type: &str) -> anyhow::Result<Value> {
        self.send(path, body, media_type, None).await
    }

    async fn send(&self, path: &str, body: String, media_type: &str, tag: Option<&str>) -> anyhow::Result<Value> {
        let key = format!("{}-{}", std::process::id(), REQUEST.fetch_add(1, Ordering::Relaxed));
        let mut request = self
            .request(Method::POST, path)
            .header("Idempotency-Key", key)
            .header("Content-Type", media_type)
            .body(body);
        if let Some(tag) = tag {
            request = request.header("If-Match", tag);
        }
        read(request.send().await.with_context(|| format!("POST {path}"))?, path).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}/api/v1/{path}", self.url)).bearer_auth(&self.token)
    }
}

async fn read(response: Response, path: &str) -> anyhow::Result<Value> {
    let status = response.status();
    let text = response.text().await?;
    if status.is_success() {
        return Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? });
    }
    if status == StatusCode::NOT_MODIFIED {
        return Ok(Value::Null);
    }
    let problem: Value = serde_json::from_str(&text).unwrap_or_default();
    let word = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
    let errors = if problem["errors"].is_null() { String::new() } else { problem["errors"].to_string() };
    let (code, detail) = (word("code"), word("detail"));
    if status.is_client_error() {
        return Err(Refused { path: path.to_owned(), status, code, detail, errors }.into());
    }
    bail!("{path}: {status} {code} {detail} {errors}");
}
