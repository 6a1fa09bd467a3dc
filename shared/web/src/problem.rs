//! Problem details (RFC 9457): how a service says no.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::{borrow::Cow, fmt};
use utoipa::ToSchema;

/// What is wrong with one field of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where: a JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    /// Stable code, e.g. `REQUIRED`.
    #[schema(value_type = String)]
    pub code: Cow<'static, str>,
    /// What is wrong and what would be right, in Chinese.
    pub detail: String,
}

/// A refusal as whoever asked reads it. Answered as `application/problem+json`.
#[derive(Clone, PartialEq, Eq)]
pub struct Problem(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    status: StatusCode,
    code: Cow<'static, str>,
    title: Cow<'static, str>,
    detail: String,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The members of RFC 9457 in the order that a reader wants them; `code` and `errors` are extensions.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Wire<'a> {
    /// `/problems/<code>`.
    r#type: String,
    /// Title in Chinese.
    title: &'a str,
    /// HTTP status.
    status: u16,
    /// What is wrong, where, and what to do, in Chinese.
    detail: &'a str,
    /// Path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    /// Stable code, e.g. `STALE`.
    code: &'a str,
    /// What is wrong with single fields, all at once.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
}

impl Problem {
    /// A problem with this status, stable code, Chinese title and Chinese detail.
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        title: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        Problem(Box::new(Inner {
            status,
            code: code.into(),
            title: title.into(),
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
        }))
    }

    /// 400: the request cannot be read.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, "请求格式有误", detail)
    }

    /// 401 without a token.
    pub fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "UNAUTHENTICATED",
            "需要身份凭证",
            "请在 Authorization 请求头中以 Bearer 方式提供访问令牌。",
        )
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"nuan\""))
    }

    /// 401 with a token that nobody holds, or that cannot be one.
    pub fn invalid_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "INVALID_TOKEN", "身份凭证无效", "访问令牌无效，请向运维申请新的令牌。")
            .header(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"nuan\", error=\"invalid_token\""),
            )
    }

    /// 403: the account may not do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", "无权进行此操作", detail)
    }

    /// 404: there is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "没有找到", detail)
    }

    /// 405: the resource does not know this method.
    pub fn method_not_allowed() -> Self {
        let detail = "此资源不支持该方法，可用方法见 Allow 响应头。";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "不支持的请求方法", detail)
    }

    /// 409: the state does not allow it.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, "当前状态不允许此操作", detail)
    }

    /// 413: the body is larger than this route takes.
    pub fn too_large() -> Self {
        let detail = "请求正文超过此接口允许的大小，请分次提交。";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", "请求正文过大", detail)
    }

    /// 415: the body is of none of these media types.
    pub fn unsupported_media_type(wanted: &str) -> Self {
        let detail = format!("请以 Content-Type: {wanted} 提交请求正文。");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", "不支持的正文格式", detail)
    }

    /// 422: fields of the body break a rule; all of them at once.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("{}：{}", if one.pointer.is_empty() { "正文" } else { &one.pointer }, one.detail),
            all => format!("共有 {} 处不符合要求，见 errors。", all.len()),
        };
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "INVALID", "内容不符合要求", detail);
        problem.0.errors = errors;
        problem
    }

    /// 428: the request has to say which version it was decided on.
    pub fn precondition_required() -> Self {
        Self::new(
            StatusCode::PRECONDITION_REQUIRED,
            "IF_MATCH_MISSING",
            "缺少版本条件",
            "请先读取该申请，并以 If-Match 请求头带上所见版本的 ETag。",
        )
    }

    /// 429: too many requests at once; try again after so many seconds.
    pub fn too_many_requests(retry_after_s: u32) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", "请求过多", "请稍后再试。")
            .header(header::RETRY_AFTER, HeaderValue::from(retry_after_s))
    }

    /// 503: not now; try again after so many seconds.
    pub fn unavailable(code: &'static str, detail: impl Into<String>, retry_after_s: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, "服务暂不可用", detail)
            .header(header::RETRY_AFTER, HeaderValue::from(retry_after_s))
    }

    /// 500: a defect. What it was goes into the log, once, and never into the answer.
    pub fn internal(error: &dyn fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::broken()
    }

    /// 500 for what is logged elsewhere.
    pub(crate) fn broken() -> Self {
        let detail = "服务内部出错，已记录。请稍后以同一 Idempotency-Key 重试，或联系运维。";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "服务内部错误", detail)
    }

    /// The same problem with one more response header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// The same problem under a more telling title.
    #[must_use]
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.0.title = title.into();
        self
    }

    /// HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Stable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// What is wrong, where, and what to do.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What is wrong with single fields.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// The response, naming the request that it answers; a path holds no personal data, a query might.
    pub(crate) fn respond(&self, instance: Option<&str>) -> Response {
        let wire = Wire {
            r#type: format!("/problems/{}", self.0.code),
            title: &self.0.title,
            status: self.0.status.as_u16(),
            detail: &self.0.detail,
            instance,
            code: &self.0.code,
            errors: &self.0.errors,
        };
        // Strings and numbers always write as JSON.
        let body = serde_json::to_vec(&wire).unwrap_or_default();
        let content_type = HeaderValue::from_static("application/problem+json");
        let mut response = (self.0.status, [(header::CONTENT_TYPE, content_type)], body).into_response();
        for (name, value) in &self.0.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Problem({} {}: {}", self.0.status.as_u16(), self.0.code, self.0.detail)?;
        for error in &self.0.errors {
            write!(f, "; {} {}", error.pointer, error.code)?;
        }
        f.write_str(")")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.respond(None);
        // `finish` answers once more, with the path.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    async fn wire(problem: Problem) -> (Response<()>, serde_json::Value) {
        let (parts, body) = problem.into_response().into_parts();
        let body = axum::body::to_bytes(body, 65_536).await.unwrap();
        (Response::from_parts(parts, ()), serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_problem_is_an_rfc_9457_document() {
        let error =
            FieldError { pointer: "/amount_fen".into(), code: "INTEGER".into(), detail: "应为整数。".into() };
        let (response, body) = wire(Problem::invalid(vec![error])).await;
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            body,
            serde_json::json!({
                "type": "/problems/INVALID",
                "title": "内容不符合要求",
                "status": 422,
                "detail": "/amount_fen：应为整数。",
                "code": "INVALID",
                "errors": [{ "pointer": "/amount_fen", "code": "INTEGER", "detail": "应为整数。" }],
            })
        );
    }

    #[tokio::test]
    async fn every_constructor_has_its_status_code_and_headers() {
        type Row = (Problem, u16, &'static str, Option<(HeaderName, &'static str)>);
        let rows: &[Row] = &[
            (Problem::bad_request("MALFORMED_JSON", "x"), 400, "MALFORMED_JSON", None),
            (
                Problem::unauthenticated(),
                401,
                "UNAUTHENTICATED",
                Some((header::WWW_AUTHENTICATE, "Bearer realm=\"nuan\"")),
            ),
            (
                Problem::invalid_token(),
                401,
                "INVALID_TOKEN",
                Some((header::WWW_AUTHENTICATE, "Bearer realm=\"nuan\", error=\"invalid_token\"")),
            ),
            (Problem::forbidden("x"), 403, "FORBIDDEN", None),
            (Problem::not_found("x"), 404, "NOT_FOUND", None),
            (Problem::method_not_allowed(), 405, "METHOD_NOT_ALLOWED", None),
            (Problem::conflict("ENDED", "x"), 409, "ENDED", None),
            (Problem::too_large(), 413, "TOO_LARGE", None),
            (Problem::unsupported_media_type("application/json"), 415, "UNSUPPORTED_MEDIA_TYPE", None),
            (Problem::invalid(Vec::new()), 422, "INVALID", None),
            (Problem::precondition_required(), 428, "IF_MATCH_MISSING", None),
            (Problem::too_many_requests(7), 429, "TOO_MANY_REQUESTS", Some((header::RETRY_AFTER, "7"))),
            (Problem::unavailable("QUEUE_FULL", "x", 1), 503, "QUEUE_FULL", Some((header::RETRY_AFTER, "1"))),
        ];
        for (problem, status, code, expected) in rows {
            let (response, body) = wire(problem.clone()).await;
            assert_eq!(response.status(), *status);
            assert_eq!(body["status"], *status);
            assert_eq!(body["code"], *code);
            assert_eq!(body["type"], format!("/problems/{code}"));
            assert!(!body["title"].as_str().unwrap().is_ascii(), "{code} has no Chinese title");
            if let Some((name, value)) = expected {
                assert_eq!(response.headers()[name], *value);
            }
        }
    }

    #[tokio::test]
    async fn an_internal_error_shows_nothing_of_the_inside() {
        let (response, body) = wire(Problem::internal(&"SELECT secret FROM vault: disk I/O error")).await;
        assert_eq!(response.status(), 500);
        assert!(!body.to_string().contains("vault"), "{body}");
    }
}
