//! The routes of relief: a borrower asks for it, signs its plan, or takes the request back. What officers decide are tasks.

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::post,
};
use party::http::{App, Route, Who, Writing, application_id};
use serde::Deserialize;
use std::sync::Arc;
use union_core::{Command, Union, rights};
use utoipa::ToSchema;
use web::{Fields, Problem, openapi::described};

type Shared = State<Arc<App<Union>>>;

pub(crate) fn router() -> Router<Arc<App<Union>>> {
    Router::new()
        .route("/api/v1/applications/{id}/relief-requests", post(ask))
        .route("/api/v1/applications/{id}/relief-signature", post(sign))
        .route("/api/v1/applications/{id}/relief-withdrawal", post(withdraw))
}

pub(crate) fn table() -> Vec<Route> {
    const FILING: Who = Who::Roles(rights::FILING);
    vec![
        Route::post(
            "/api/v1/applications/{id}/relief-requests",
            FILING,
            "申请纾困（一企一策）：纾困政策施行期间，已放款且未结清的贷款",
            described::<NewReliefRequest>(),
        )
        .shows_application(200, "已受理的申请"),
        Route::post(
            "/api/v1/applications/{id}/relief-signature",
            FILING,
            "签署纾困方案；逾期未签署即失效",
            described::<Nothing>(),
        )
        .shows_application(200, "签署后的申请"),
        Route::post(
            "/api/v1/applications/{id}/relief-withdrawal",
            FILING,
            "撤回纾困申请；方案生效后不能撤回",
            described::<Nothing>(),
        )
        .shows_application(200, "撤回后的申请"),
    ]
}

/// The windows through which a request comes.
const WINDOWS: [&str; 5] = ["WINDOW", "APP", "WECHAT", "DISTRICT", "12351"];

/// A borrower asks for relief.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
struct NewReliefRequest {
    /// WINDOW、APP、WECHAT、DISTRICT、12351
    via: String,
    /// 理由，2 至 200 字；请勿填写个人信息
    reason: String,
}

async fn ask(State(app): Shared, Path(id): Path<String>, writing: Writing) -> Result<Response, Problem> {
    let application_id = application_id(&id)?;
    app.may_see(&writing.caller, &application_id).await?;
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let (via, reason) = (fields.choice("via", &WINDOWS), fields.text("reason", 2..=200));
    let (via, reason) = fields.finish(via.zip(reason))?;
    app.command(writing, Command::RequestRelief { application_id, via: via.to_owned(), reason }, None, None).await
}

/// Nothing but that it is done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NothingElse)]
struct Nothing {}

async fn sign(State(app): Shared, Path(id): Path<String>, writing: Writing) -> Result<Response, Problem> {
    let application_id = application_id(&id)?;
    app.may_see(&writing.caller, &application_id).await?;
    let Nothing {} = writing.json()?;
    app.command(writing, Command::SignRelief { application_id }, None, None).await
}

async fn withdraw(State(app): Shared, Path(id): Path<String>, writing: Writing) -> Result<Response, Problem> {
    let application_id = application_id(&id)?;
    app.may_see(&writing.caller, &application_id).await?;
    let Nothing {} = writing.json()?;
    app.command(writing, Command::WithdrawRelief { application_id }, None, None).await
}
