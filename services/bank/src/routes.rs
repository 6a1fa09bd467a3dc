//! The routes that only the bank has: the books, reversing a pay-out, closing incidents; [`crate::loans`] has those of loans.

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::post,
};
use bank_core::{Bank, Command, command::DepositPurpose, rights};
use domain::{Amount, ApplicationId, Fen};
use party::http::{App, Because, Route, Who, Writing, application_id, because};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use web::{
    Fields, Problem,
    openapi::{Parameter, described},
};

type Shared = State<Arc<App<Bank>>>;

pub(crate) fn router() -> Router<Arc<App<Bank>>> {
    Router::new()
        .route("/api/v1/books", post(open_books))
        .route("/api/v1/deposit-receipts", post(receive_deposit))
        .route("/api/v1/reversals", post(prepare_reversal))
        .route("/api/v1/applications/{id}/incidents/{number}/resolution", post(resolve))
}

pub(crate) fn table() -> Vec<Route> {
    const REPAIR: Who = Who::Roles(rights::BOOKS);
    const OWNERS: Who = Who::Roles(rights::INCIDENTS);
    const OPERATIONS: Who = Who::Roles(rights::DEPOSIT);
    vec![
        Route::post("/api/v1/books", REPAIR, "启用账簿", described::<Books>()).answers(204, "已启用", None),
        Route::post(
            "/api/v1/deposit-receipts",
            OPERATIONS,
            "工会追加的担保金或贴息资金到账，按凭证号只入账一次",
            described::<DepositReceipt>(),
        )
        .answers(204, "已入账", None),
        Route::post(
            "/api/v1/reversals",
            Who::Roles(rights::REVERSAL),
            "提议冲正当日放款：经办提议，由复核岗当日放行（任务 check-reversal），逾日失效",
            described::<NewReversal>(),
        )
        .shows_application(200, "已交复核"),
        Route::post(
            "/api/v1/applications/{id}/incidents/{number}/resolution",
            OWNERS,
            "了结异常",
            described::<Because>(),
        )
        .with([Parameter::path("number", "异常在此申请中的序号")])
        .shows_application(200, "了结后的申请"),
    ]
}

/// With which deposit of the union the books are opened.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Books {
    /// 工会存入的担保金，分
    #[schema(value_type = i64)]
    deposit_fen: Fen,
}

async fn open_books(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let Books { deposit_fen } = writing.json()?;
    app.command(writing, Command::OpenBooks { deposit_fen }, None, None).await
}

/// What the union paid into its deposit.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
struct DepositReceipt {
    /// 凭证号，1 至 40 个字符
    reference: String,
    /// 金额，分
    amount_fen: i64,
    /// GUARANTEE 担保金（不填即是）；SUBSIDY 贴息资金
    purpose: Option<String>,
}

async fn receive_deposit(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let reference = fields.label("reference", 1..=40);
    let amount = fields.integer::<i64>("amount_fen", 1..=Amount::MAX.get());
    let purpose = fields.read_optional("purpose", "CHOICE", |text| match text {
        "GUARANTEE" => Ok(DepositPurpose::Guarantee),
        "SUBSIDY" => Ok(DepositPurpose::Subsidy),
        _ => Err("应为 GUARANTEE 或 SUBSIDY。"),
    });
    let amount = amount.and_then(|fen| Amount::new(Fen::new(fen)).ok());
    let ((reference, amount_fen), purpose) = fields.finish(reference.zip(amount).zip(purpose))?;
    let purpose = purpose.unwrap_or_default();
    app.command(writing, Command::ReceiveDeposit { reference, amount_fen, purpose }, None, None).await
}

/// A pay-out that should not have been made.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
struct NewReversal {
    /// 申请编号
    application_id: String,
    /// 理由，2 至 500 字
    because: String,
}

async fn prepare_reversal(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let id = fields.read("application_id", "IDENTIFIER", ApplicationId::parse);
    let because = fields.text("because", 2..=500);
    let (application_id, because) = fields.finish(id.zip(because))?;
    app.command(writing, Command::PrepareReversal { application_id, because }, None, None).await
}

async fn resolve(
    State(app): Shared,
    Path((id, number)): Path<(String, String)>,
    writing: Writing,
) -> Result<Response, Problem> {
    let application_id = application_id(&id)?;
    let number = number.parse().map_err(|_| Problem::not_found("没有此序号的异常。"))?;
    let because = because(&writing)?;
    app.command(writing, Command::ResolveIncident { application_id, number, because }, None, None).await
}
