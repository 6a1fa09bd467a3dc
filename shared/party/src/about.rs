//! Which application a log line is about: `application_id` and `saga_id`, in every line that is written while one
//! application's request, order or input is at work. Worked out only for a line that is written.

use axum::{extract::Request, middleware::Next, response::Response};
use domain::ApplicationId;

/// The fields of a line about this application.
pub(crate) fn application(id: &ApplicationId) -> Vec<(&'static str, String)> {
    vec![("application_id", id.to_string()), ("saga_id", organisation::saga_id(id))]
}

/// Answers a request; what is logged meanwhile says which application its path names.
pub(crate) async fn request(request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let fields = move || named(uri.path()).as_ref().map(application).unwrap_or_default();
    telemetry::about(fields, next.run(request)).await
}

/// The application that a path names; the slash in a task's number may be encoded.
pub(crate) fn named(path: &str) -> Option<ApplicationId> {
    let path = path.replace("%2F", "/").replace("%2f", "/");
    path.split('/').find_map(|part| ApplicationId::parse(part).ok())
}
