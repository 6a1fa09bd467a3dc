//! Request headers that a rule hangs on: the idempotency key, the version that was seen, the media type.

use crate::Problem;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts},
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const LONGEST_KEY: usize = 200;

/// `Idempotency-Key`, which every POST carries: 1 to 200 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(pub String);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let wrong = |code, detail: &str| Err(Problem::bad_request(code, detail));
        let Some(value) = only(&parts.headers, &IDEMPOTENCY_KEY)? else {
            return wrong("IDEMPOTENCY_KEY_MISSING", "每个 POST 请求都必须带 Idempotency-Key 请求头。");
        };
        let visible = !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_graphic);
        if !visible || value.len() > LONGEST_KEY {
            return wrong("IDEMPOTENCY_KEY_INVALID", "Idempotency-Key 应为 1 至 200 个可见 ASCII 字符。");
        }
        Ok(IdempotencyKey(String::from_utf8_lossy(value.as_bytes()).into_owned()))
    }
}

/// `If-Match`, required: the version of the resource that the decision was made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub u64);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let value = only(&parts.headers, &header::IF_MATCH)?.ok_or_else(Problem::precondition_required)?;
        // RFC 9110: If-Match compares strongly, so a weak tag cannot match; `*` would decide on what nobody has seen.
        version(value).map(IfMatch).ok_or_else(|| malformed("If-Match"))
    }
}

/// `If-None-Match`: the version that the client has, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfNoneMatch(pub Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = only(&parts.headers, &header::IF_NONE_MATCH)? else { return Ok(IfNoneMatch(None)) };
        let strong = value.as_bytes().strip_prefix(b"W/").unwrap_or(value.as_bytes());
        let version = HeaderValue::from_bytes(strong).ok().and_then(|value| version(&value));
        version.map(|version| IfNoneMatch(Some(version))).ok_or_else(|| malformed("If-None-Match"))
    }
}

fn malformed(name: &str) -> Problem {
    Problem::bad_request("ETAG_MALFORMED", format!("{name} 应为一个 ETag，例如 \"7\"（含引号）。"))
}

/// `"<version>"`, spelt as [`etag`] spells it.
fn version(value: &HeaderValue) -> Option<u64> {
    let digits = value.to_str().ok()?.strip_prefix('"')?.strip_suffix('"')?;
    let version = digits.parse().ok()?;
    (etag(version) == *value).then_some(version)
}

/// The `ETag` of a version: `"7"`.
pub fn etag(version: u64) -> HeaderValue {
    // Digits and quotes are always a header value.
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// The media type of a body in lower case, without parameters.
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = only(headers, &header::CONTENT_TYPE).ok()??.to_str().ok()?;
    Some(value.split(';').next().unwrap_or(value).trim().to_ascii_lowercase())
}

/// The header's value, if there is one. Two of them could be read as either, so they are refused.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Problem::bad_request("HEADER_REPEATED", format!("请求头 {name} 只能出现一次。"))),
        (value, None) => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use axum::http::Request;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[tokio::test]
    async fn an_idempotency_key_is_required_once_and_visible() {
        let read = async |headers: &[(&str, &str)]| IdempotencyKey::from_request_parts(&mut parts(headers), &()).await;
        let longest = "k".repeat(200);
        assert_eq!(read(&[("Idempotency-Key", &longest)]).await.unwrap(), IdempotencyKey(longest.clone()));
        let rows: &[(&[(&str, &str)], &str)] = &[
            (&[], "IDEMPOTENCY_KEY_MISSING"),
            (&[("Idempotency-Key", "")], "IDEMPOTENCY_KEY_INVALID"),
            (&[("Idempotency-Key", "a b")], "IDEMPOTENCY_KEY_INVALID"),
            (&[("Idempotency-Key", "钥匙")], "IDEMPOTENCY_KEY_INVALID"),
            (&[("Idempotency-Key", &format!("{longest}k"))], "IDEMPOTENCY_KEY_INVALID"),
            (&[("Idempotency-Key", "a"), ("Idempotency-Key", "b")], "HEADER_REPEATED"),
        ];
        for (headers, code) in rows {
            let problem = read(headers).await.unwrap_err();
            assert_eq!((problem.status().as_u16(), problem.code()), (400, *code), "{headers:?}");
        }
    }

    #[tokio::test]
    async fn if_match_is_one_strong_version() {
        let read = async |headers: &[(&str, &str)]| IfMatch::from_request_parts(&mut parts(headers), &()).await;
        assert_eq!(read(&[("If-Match", "\"7\"")]).await.unwrap(), IfMatch(7));
        assert_eq!(read(&[]).await.unwrap_err().status(), 428);
        for value in
            ["7", "\"7", "*", "W/\"7\"", "\"07\"", "\"+7\"", "\"-1\"", "\"7\", \"8\"", "\"18446744073709551616\""]
        {
            let problem = read(&[("If-Match", value)]).await.unwrap_err();
            assert_eq!((problem.status().as_u16(), problem.code()), (400, "ETAG_MALFORMED"), "{value}");
        }
    }

    #[tokio::test]
    async fn if_none_match_may_be_absent_or_weak() {
        let read = async |headers: &[(&str, &str)]| IfNoneMatch::from_request_parts(&mut parts(headers), &()).await;
        assert_eq!(read(&[]).await.unwrap(), IfNoneMatch(None));
        assert_eq!(read(&[("If-None-Match", "\"7\"")]).await.unwrap(), IfNoneMatch(Some(7)));
        assert_eq!(read(&[("If-None-Match", "W/\"7\"")]).await.unwrap(), IfNoneMatch(Some(7)));
        assert_eq!(read(&[("If-None-Match", "7")]).await.unwrap_err().status(), 400);
    }

    #[test]
    fn a_media_type_is_compared_without_case_and_parameters() {
        let of = |value: &str| media_type(&parts(&[("content-type", value)]).headers);
        assert_eq!(of("Application/JSON; charset=utf-8").as_deref(), Some("application/json"));
        assert_eq!(of("text/csv").as_deref(), Some("text/csv"));
        assert_eq!(media_type(&HeaderMap::new()), None);
    }
}
