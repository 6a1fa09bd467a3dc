//! What lies around every route: body limits, fallbacks that are problems too, and a panic that costs one request.

use crate::Problem;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use std::{any::Any, time::Duration};
use tower_http::{catch_panic::CatchPanicLayer, timeout::RequestBodyTimeoutLayer};

/// Bytes that a body may have where a route does not say otherwise.
pub const BODY_LIMIT: usize = 64 * 1024;
/// How long a body may stand still on its way in.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// Closes a router: unknown paths and methods, panics and oversized bodies are answered as problems that name the path.
pub fn finish(router: Router) -> Router {
    router
        .fallback(|| async { Problem::not_found("没有这个地址，可用地址见 /api/v1/openapi.json。") })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(RequestBodyTimeoutLayer::new(BODY_TIMEOUT))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(name_instance))
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    // What a panic says may hold a person's data; its place has been printed by the panic hook.
    tracing::error!("a handler panicked");
    Problem::broken().into_response()
}

async fn name_instance(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    let Some(problem) = response.extensions().get::<Problem>() else { return response };
    let mut named = problem.respond(Some(&path));
    // Headers that the router itself has added, such as Allow.
    for (name, value) in response.headers() {
        if !named.headers().contains_key(name) && name != axum::http::header::CONTENT_LENGTH {
            named.headers_mut().insert(name.clone(), value.clone());
        }
    }
    named
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
    use super::*;
    use crate::Json;
    use axum::{body::Body, http::header, routing};
    use tower::ServiceExt;

    async fn panics() -> &'static str {
        panic!("张三 110105")
    }

    fn router() -> Router {
        finish(
            Router::new()
                .route("/echo", routing::post(|Json(body): Json<serde_json::Value>| async move { body.to_string() }))
                .route("/panic", routing::get(panics)),
        )
    }

    async fn send(request: axum::http::request::Builder, body: impl Into<Body>) -> (Response<()>, serde_json::Value) {
        let response = router().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1_000_000).await.unwrap();
        (Response::from_parts(parts, ()), serde_json::from_slice(&body).unwrap_or_default())
    }

    #[tokio::test]
    async fn unknown_paths_and_methods_are_problems_that_name_the_path() {
        let (response, body) = send(Request::get("/nothing?name=x"), "").await;
        assert_eq!((response.status().as_u16(), &body["instance"]), (404, &"/nothing".into()));

        let (response, body) = send(Request::get("/echo"), "").await;
        assert_eq!((response.status().as_u16(), &body["code"]), (405, &"METHOD_NOT_ALLOWED".into()));
        assert_eq!(response.headers()[header::ALLOW], "POST");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }

    #[tokio::test]
    async fn a_panic_costs_one_request_and_tells_nothing() {
        let (response, body) = send(Request::get("/panic"), "").await;
        assert_eq!((response.status().as_u16(), &body["code"]), (500, &"INTERNAL".into()));
        assert!(!body.to_string().contains("110105"));
    }

    #[tokio::test]
    async fn a_body_is_limited_and_has_to_be_json() {
        let json = || Request::post("/echo").header("content-type", "application/json");
        let (response, body) = send(json(), "{\"a\": 1}").await;
        assert_eq!((response.status().as_u16(), body), (200, serde_json::json!({ "a": 1 })));

        let (response, body) = send(json(), format!("{{\"x\": \"{}\"}}", "x".repeat(BODY_LIMIT))).await;
        assert_eq!((response.status().as_u16(), &body["code"]), (413, &"TOO_LARGE".into()));
        let (response, _) = send(Request::post("/echo"), "{}").await;
        assert_eq!(response.status(), 415);
        let (response, _) = send(Request::post("/echo").header("content-type", "text/plain"), "{}").await;
        assert_eq!(response.status(), 415);
    }
}
