//! What applicants were told, as their page lists it: the same notices that leave through the notifier, out of the same journal.

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use domain::Moment;
use party::{
    http::{
        APPLICANT, AUDITOR, App, Caller, Nothing, OFFICER, Page, Route, Who, application_id, json, policy::list_of,
        unreadable,
    },
    notifier::notices,
};
use serde::Serialize;
use std::sync::Arc;
use union_core::Union;
use utoipa::ToSchema;
use web::{Problem, Query, openapi::described};

const PATH: &str = "/api/v1/applications/{id}/notices";

pub(crate) fn router() -> Router<Arc<App<Union>>> {
    Router::new().route(PATH, get(list))
}

pub(crate) fn table() -> Vec<Route> {
    vec![Route::get(
        PATH,
        Who::Roles(&[OFFICER, AUDITOR, APPLICANT]),
        "告知申请人的通知，最近的在前",
        list_of("Notices", &described::<Notice>()),
    )]
}

/// A notice.
#[derive(Serialize, ToSchema)]
struct Notice {
    /// 时间
    at: String,
    /// 种类，例如 FILED、PAID_OUT
    code: &'static str,
    /// 内容
    text: String,
}

async fn list(
    State(app): State<Arc<App<Union>>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Response, Problem> {
    let id = application_id(&id)?;
    app.may_see(&caller, &id).await?;
    app.row(&id).await?;
    let rows = app.handle.readers.journal(&id.to_string()).await.map_err(|error| unreadable(&error))?;
    let told = rows.iter().rev().flat_map(|row| {
        let at = Moment::from_millis(row.at).to_string();
        notices::<Union>(&row.recorded).into_iter().rev().map(move |notice| Notice {
            at: at.clone(),
            code: notice.code,
            text: notice.text,
        })
    });
    json(StatusCode::OK, &Page::whole(told.collect()))
}
