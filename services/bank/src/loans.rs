//! The routes of the bank's loans: which there are, what of one is owed, booking what borrowers pay.

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::Response,
    routing::{get, post},
};
use bank_core::{Bank, Command, Row, command::RepaymentKind, loan_account, loan_line, rights, rows::Loan};
use domain::{Amount, ApplicationId, Date, Fen, Uscc};
use party::{
    http::{AUDITOR, App, OFFICER, Route, Who, Writing, application_id, json, page_limit, policy, unreadable},
    store::read::{Filter, StateRow},
};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use web::{
    Fields, Problem, Query,
    openapi::{Kind, Parameter, described, named},
    utoipa::openapi::ObjectBuilder,
};

type Shared = State<Arc<App<Bank>>>;

pub(crate) fn router() -> Router<Arc<App<Bank>>> {
    Router::new()
        .route("/api/v1/loans", get(loans))
        .route("/api/v1/loans/{id}", get(loan))
        .route("/api/v1/repayments", post(receive))
        .route("/api/v1/repayment-reversals", post(reverse))
}

pub(crate) fn table() -> Vec<Route> {
    const BOOKS: Who = Who::Roles(&[OFFICER, AUDITOR]);
    const REPAYMENT: Who = Who::Roles(rights::REPAYMENT);
    let account = named("LoanAccount", ObjectBuilder::new());
    let mut one = Route::get("/api/v1/loans/{id}", BOOKS, "一笔贷款：今日应还、还款计划、收款", Some(account))
        .with([Parameter::path("id", "申请编号")]);
    one.operation.problems.push(404);
    vec![
        Route::get("/api/v1/loans", BOOKS, "贷款", policy::list_of("Loans", &named("Loan", ObjectBuilder::new())))
            .with([
                Parameter::query(
                    "state",
                    Kind::Text,
                    "PENDING、ACTIVE、OVERDUE、SETTLED、PREPAID、TERMINATED、REVERSED",
                ),
                Parameter::query("uscc", Kind::Text, "统一社会信用代码"),
            ])
            .paged(),
        one,
        Route::post(
            "/api/v1/repayments",
            REPAYMENT,
            "登记收款：按起息日的应还款项依次冲抵；同一凭证号只入账一次",
            described::<NewRepayment>(),
        )
        .shows_application(200, "已入账"),
        Route::post(
            "/api/v1/repayment-reversals",
            REPAYMENT,
            "冲正一笔记错的收款：反向分录，其款项自原到期日起重新应还",
            described::<NewRepaymentReversal>(),
        )
        .shows_application(200, "已冲正"),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoansQuery {
    state: Option<String>,
    uscc: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

const PREFIX: &str = "loan/";

async fn loans(State(app): Shared, uri: Uri, Query(query): Query<LoansQuery>) -> Result<Response, Problem> {
    let limit = page_limit(query.limit)?;
    let uscc = query.uscc.map(|uscc| Uscc::parse(&uscc)).transpose();
    let uscc = uscc.map_err(|error| Problem::bad_request("INVALID_QUERY", format!("uscc：{error}")))?;
    let filter = Filter { status: query.state, uscc: uscc.map(|uscc| uscc.to_string()), ended: None };
    let page = app.rows(PREFIX, &filter, query.cursor, limit).await?;
    let today = app.handle.clock.now().date();
    let lines = page.items.iter().map(|row| Ok(loan_line(&*read(row)?, today)));
    let items = lines.collect::<Result<Vec<_>, Problem>>()?;
    page.with(items).respond(&uri)
}

fn read(row: &StateRow) -> Result<Box<Loan>, Problem> {
    match serde_json::from_str(&row.body) {
        Ok(Row::Loan(loan)) => Ok(loan),
        Ok(Row::Case(_) | Row::SubsidyList(_) | Row::Papers(_) | Row::Charters(_) | Row::Unidentified(_)) => {
            Err(Problem::internal(&format!("`{}` is no loan", row.key)))
        }
        Err(error) => Err(Problem::internal(&error)),
    }
}

async fn loan(State(app): Shared, Path(id): Path<String>) -> Result<Response, Problem> {
    let key = format!("{PREFIX}{}", application_id(&id)?);
    let row = app.handle.readers.state(&key).await.map_err(|error| unreadable(&error))?;
    let row = row.ok_or_else(|| Problem::not_found("此申请没有贷款：尚未签订借款合同。"))?;
    json(StatusCode::OK, &loan_account(&*read(&row)?, app.handle.clock.now().date()))
}

/// What the kinds of a repayment are called.
const SCHEDULED: &str = "SCHEDULED";
const EARLY: &str = "EARLY";
const PART: &str = "PART";

/// Money that came for a loan.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
struct NewRepayment {
    /// 申请编号
    application_id: String,
    /// 凭证号，1 至 40 个字符
    reference: String,
    /// 起息日，不晚于今日
    value_date: String,
    /// 金额，分；不超过起息日的应还款项
    amount_fen: i64,
    /// SCHEDULED 按期或逾期还款；EARLY 提前结清（金额须等于当日结清应还）；PART 部分提前还款（金额须等于当日应还、提前归还的本金及其利息）
    kind: String,
    /// 提前归还的本金，分；仅 PART
    principal_fen: Option<i64>,
}

async fn receive(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let id = fields.read("application_id", "IDENTIFIER", ApplicationId::parse);
    let reference = fields.label("reference", 1..=40);
    let value_date = fields.read("value_date", "DATE", |text| text.parse::<Date>());
    let amount = fields.integer::<i64>("amount_fen", 1..=Amount::MAX.get());
    let kind = match fields.choice("kind", &[SCHEDULED, EARLY, PART]) {
        Some(PART) => fields
            .integer::<i64>("principal_fen", 1..=Amount::MAX.get())
            .and_then(|part| Amount::new(Fen::new(part)).ok())
            .map(|principal_fen| RepaymentKind::Part { principal_fen }),
        Some(EARLY) => Some(RepaymentKind::Early),
        other => other.map(|_| RepaymentKind::Scheduled),
    };
    let amount = amount.and_then(|fen| Amount::new(Fen::new(fen)).ok());
    let read = id.zip(reference).zip(value_date).zip(amount).zip(kind);
    let ((((application_id, reference), value_date), amount_fen), kind) = fields.finish(read)?;
    let command = Command::ReceiveRepayment { application_id, reference, value_date, amount_fen, kind };
    app.command(writing, command, None, None).await
}

/// A receipt that was wrong.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
struct NewRepaymentReversal {
    /// 申请编号
    application_id: String,
    /// 此笔贷款的第几笔收款
    receipt: i64,
    /// 理由，2 至 500 字
    because: String,
}

async fn reverse(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let id = fields.read("application_id", "IDENTIFIER", ApplicationId::parse);
    let receipt = fields.integer::<u32>("receipt", 1..=100_000);
    let because = fields.text("because", 2..=500);
    let (application_id, receipt, because) =
        fields.finish(id.zip(receipt).zip(because).map(|((id, receipt), because)| (id, receipt, because)))?;
    app.command(writing, Command::ReverseRepayment { application_id, receipt, because }, None, None).await
}
