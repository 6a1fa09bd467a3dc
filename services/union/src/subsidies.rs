//! The routes of interest subsidies: a borrower claims, answers, names another account. What officers decide are tasks.

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::post,
};
use domain::{CardNumber, subsidy::Period};
use party::http::{App, Route, Who, Writing, application_id};
use serde::Deserialize;
use std::{collections::BTreeSet, sync::Arc};
use union_core::{Command, Union, rights};
use utoipa::ToSchema;
use web::{Fields, Problem, openapi::described};

type Shared = State<Arc<App<Union>>>;

pub(crate) fn router() -> Router<Arc<App<Union>>> {
    Router::new()
        .route("/api/v1/applications/{id}/subsidy-claims", post(claim))
        .route("/api/v1/applications/{id}/subsidy-answers", post(answer))
        .route("/api/v1/applications/{id}/subsidy-account", post(account))
}

pub(crate) fn table() -> Vec<Route> {
    const FILING: Who = Who::Roles(rights::FILING);
    vec![
        Route::post(
            "/api/v1/applications/{id}/subsidy-claims",
            FILING,
            "申请贴息：贷款结清后、截止日前，附付息凭证（收款序号）；逾期的记录在案并不予受理",
            described::<NewClaim>(),
        )
        .shows_application(200, "已登记"),
        Route::post(
            "/api/v1/applications/{id}/subsidy-answers",
            FILING,
            "答复贴息核验的询问，补交凭证",
            described::<NewAnswer>(),
        )
        .shows_application(200, "已答复"),
        Route::post(
            "/api/v1/applications/{id}/subsidy-account",
            FILING,
            "贴息退汇后更正收款账户，重新支付",
            described::<NewAccount>(),
        )
        .shows_application(200, "已更正"),
    ]
}

/// Vouchers that one claim may have: more than a loan can have receipts.
const MOST: usize = 1_000;

/// A claim.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSubsidyClaim)]
struct NewClaim {
    /// 期次，例如 2020Q2；null 或不填：可申请的一期
    #[schema(value_type = Option<String>)]
    period: Option<Period>,
    /// 付息凭证：银行收款的序号
    #[schema(value_type = Vec<u32>)]
    vouchers: BTreeSet<u32>,
}

/// An answer to the checker's question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSubsidyAnswer)]
struct NewAnswer {
    /// 补交的付息凭证：银行收款的序号
    #[schema(value_type = Vec<u32>)]
    vouchers: BTreeSet<u32>,
}

fn not_too_many(vouchers: &BTreeSet<u32>) -> Result<(), Problem> {
    if vouchers.len() <= MOST {
        return Ok(());
    }
    let detail = format!("至多 {MOST} 张凭证。");
    Err(Problem::invalid(vec![web::FieldError { pointer: "/vouchers".into(), code: "COUNT".into(), detail }]))
}

async fn claim(State(app): Shared, Path(id): Path<String>, writing: Writing) -> Result<Response, Problem> {
    let application_id = application_id(&id)?;
    app.may_see(&writing.caller, &application_id).await?;
    let NewClaim { period, vouchers } = writing.json()?;
    not_too_many(&vouchers)?;
    app.command(writing, Command::ClaimSubsidy { application_id, period, vouchers }, None, None).await
}

async fn answer(State(app): Shared, Path(id): Path<String>, writing: Writing) -> Result<Response, Problem> {
    let application_id = application_id(&id)?;
    app.may_see(&writing.caller, &application_id).await?;
    let NewAnswer { vouchers } = writing.json()?;
    not_too_many(&vouchers)?;
    app.command(writing, Command::AnswerSubsidyQuery { application_id, vouchers }, None, None).await
}

/// Another account.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
#[schema(as = NewSubsidyAccount)]
struct NewAccount {
    /// 更正后的收款账户，16 至 19 位
    settle_account: String,
}

async fn account(State(app): Shared, Path(id): Path<String>, writing: Writing) -> Result<Response, Problem> {
    let application_id = application_id(&id)?;
    app.may_see(&writing.caller, &application_id).await?;
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let number = fields.read("settle_account", "IDENTIFIER", |text| {
        CardNumber::parse(text).map_err(|_| "应为 16 至 19 位账号；卡号须通过校验。")
    });
    let number = fields.finish(number)?;
    let data = serde_json::to_vec(&serde_json::json!({ "settle_account": number }));
    let sealed = app.vault.seal(&data.map_err(|error| Problem::internal(&error))?);
    let sealed = sealed.map_err(|error| Problem::internal(&error))?;
    let command = Command::PaySubsidyAgain { application_id, account: sealed.token.clone() };
    app.command(writing, command, None, Some(sealed)).await
}
