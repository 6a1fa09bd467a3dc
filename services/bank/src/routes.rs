//! The routes that only the bank has: the books, the loans, closing incidents.

use axum::{
    Router,
    extract::{Path, State},
    http::Uri,
    response::Response,
    routing::{get, post},
};
use bank_core::{Bank, Command, Row, rights};
use domain::{Amount, ApplicationId, Fen, Uscc};
use party::{
    http::{
        AUDITOR, App, Because, OFFICER, Page, Route, Who, Writing, application_id, because, page_limit, policy,
        unreadable,
    },
    store::read::Filter,
};
use serde::Deserialize;
use serde_json::Value;
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
        .route("/api/v1/books", post(open_books))
        .route("/api/v1/deposit-receipts", post(receive_deposit))
        .route("/api/v1/loans", get(loans))
        .route("/api/v1/reversals", post(prepare_reversal))
        .route("/api/v1/applications/{id}/incidents/{number}/resolution", post(resolve))
}

pub(crate) fn table() -> Vec<Route> {
    const REPAIR: Who = Who::Roles(rights::BOOKS);
    const OWNERS: Who = Who::Roles(rights::INCIDENTS);
    const BOOKS: Who = Who::Roles(&[OFFICER, AUDITOR]);
    const OPERATIONS: Who = Who::Roles(rights::DEPOSIT);
    vec![
        Route::post("/api/v1/books", REPAIR, "启用账簿", described::<Books>()).answers(204, "已启用", None),
        Route::post(
            "/api/v1/deposit-receipts",
            OPERATIONS,
            "工会追加的担保金到账，按凭证号只入账一次",
            described::<DepositReceipt>(),
        )
        .answers(204, "已入账", None),
        Route::get("/api/v1/loans", BOOKS, "贷款", policy::list_of("Loans", &named("Loan", ObjectBuilder::new())))
            .with([
                Parameter::query("state", Kind::Text, "PENDING、ACTIVE、TERMINATED、REVERSED"),
                Parameter::query("uscc", Kind::Text, "统一社会信用代码"),
            ])
            .paged(),
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
}

async fn receive_deposit(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let reference = fields.label("reference", 1..=40);
    let amount = fields.integer::<i64>("amount_fen", 1..=Amount::MAX.get());
    let read = reference.and_then(|reference| Some((reference, Amount::new(Fen::new(amount?)).ok()?)));
    let (reference, amount_fen) = fields.finish(read)?;
    app.command(writing, Command::ReceiveDeposit { reference, amount_fen }, None, None).await
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
    let after = match query.cursor {
        Some(cursor) => format!("{PREFIX}{}", web::decode_cursor(&cursor)?),
        None => String::new(),
    };
    let rows = app.handle.readers.list(PREFIX, &filter, &after, limit + 1).await.map_err(|error| unreadable(&error))?;
    let page = Page::cut(rows, limit, |row| row.key[PREFIX.len()..].to_owned());
    let loan = |row: &party::store::read::StateRow| -> Result<Value, Problem> {
        match serde_json::from_str(&row.body) {
            Ok(Row::Loan(loan)) => serde_json::to_value(loan).map_err(|error| Problem::internal(&error)),
            Ok(Row::Case(_) | Row::Papers(_) | Row::Charters(_)) => {
                Err(Problem::internal(&format!("`{}` is no loan", row.key)))
            }
            Err(error) => Err(Problem::internal(&error)),
        }
    };
    let items = page.items.iter().map(loan).collect::<Result<Vec<_>, _>>()?;
    page.with(items).respond(&uri)
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
