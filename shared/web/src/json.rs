//! JSON bodies, read to the last field: what does not fit is refused with the place where it does not.

use crate::{FieldError, Problem, headers::media_type};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

/// A body of media type `application/json` that is exactly a `T`. `T` refuses unknown fields itself
/// (`#[serde(deny_unknown_fields)]`).
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if media_type(request.headers()).as_deref() != Some("application/json") {
            return Err(Problem::unsupported_media_type("application/json"));
        }
        from_slice(&body(request, state).await?).map(Json)
    }
}

/// The bytes of a body, within the limit that the route is layered with.
///
/// # Errors
/// 413 when it is larger, 400 when it does not arrive whole.
pub async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
        _ => Problem::bad_request("BODY_INCOMPLETE", "请求正文没有完整到达。"),
    })
}

/// Reads bytes as exactly a `T`, written as a JSON object.
///
/// # Errors
/// 400 `MALFORMED_JSON` when it is no JSON; 422 with a JSON pointer when it is no `T`.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Serde reads a list as a struct, field by field without names.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        let error =
            FieldError { pointer: String::new(), code: "OBJECT".into(), detail: "应为 JSON 对象。".into() };
        return Err(Problem::invalid(vec![error]));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer(error.path());
        refuse(&error.into_inner(), pointer)
    })?;
    deserializer.end().map_err(|error| refuse(&error, String::new()))?;
    Ok(value)
}

fn refuse(error: &serde_json::Error, pointer: String) -> Problem {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = text.strip_suffix(&place).unwrap_or(&text);
    let detail = match error.line() {
        0 => what.to_owned(),
        line => format!("第 {line} 行第 {} 列：{what}", error.column()),
    };
    match error.classify() {
        Category::Data => Problem::invalid(vec![FieldError { pointer, code: "SCHEMA".into(), detail }]),
        Category::Syntax | Category::Eof | Category::Io => Problem::bad_request("MALFORMED_JSON", detail),
    }
}

/// RFC 6901.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escape(key))),
            // A variant is a word of ours, not a place in the body.
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        amount_fen: i64,
        #[serde(default)]
        parts: Vec<Part>,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Part {
        #[serde(rename = "a/b~c")]
        name: String,
    }

    /// Status, pointer of the only error if any, and what the detail says.
    fn check(text: &str, status: u16, pointer: Option<&str>, says: &str) {
        let problem = from_slice::<Body>(text.as_bytes()).unwrap_err();
        assert_eq!(problem.status(), status, "{text}");
        assert_eq!(problem.errors().first().map(|error| error.pointer.as_str()), pointer, "{text}");
        assert!(problem.detail().contains(says), "{text}: {problem:?}");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_place() {
        check("", 400, None, "第 1 行第 0 列");
        check("{\n  \"amount_fen\": 1,\n}", 400, None, "第 3 行第 1 列");
        check("{\"amount_fen\": 1} x", 400, None, "trailing");
        check("{\"amount_fen\": 01}", 400, None, "invalid number");
        check("[1]", 422, Some(""), "");
        check("{}", 422, Some(""), "missing field `amount_fen`");
        check("{\"amount_fen\": 1, \"x\": 2}", 422, Some("/x"), "unknown field `x`");
        check("{\"amount_fen\": 1, \"amount_fen\": 2}", 422, Some(""), "duplicate field `amount_fen`");
        check("{\"amount_fen\": 1e3}", 422, Some("/amount_fen"), "floating point");
        check("{\"amount_fen\": \"1\"}", 422, Some("/amount_fen"), "expected i64");
        check("{\"amount_fen\": 9223372036854775808}", 422, Some("/amount_fen"), "");
        check(
            "{\"amount_fen\": 1, \"parts\": [{\"a/b~c\": \"x\"}, {\"a/b~c\": 3}]}",
            422,
            Some("/parts/1/a~1b~0c"),
            "",
        );
    }

    #[test]
    fn what_fits_is_read() {
        let read: Body = from_slice(b" {\"amount_fen\": 5} ").unwrap();
        assert_eq!(read, Body { amount_fen: 5, parts: Vec::new() });
    }
}
