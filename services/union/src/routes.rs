//! The routes that only the union has: filing, withdrawing, repairing, the register, the books, the fund.

use crate::{members, statistics::each_row, submission};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use domain::{Amount, Fen};
use organisation::Key;
use party::http::{
    AUDITOR, App, Because, Nothing, OFFICER, Route, Who, Writing, application_id, because, json, unreadable,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use union_core::{
    Command, Row, Union,
    command::{Repair, RepairAction},
    fund::{COMMITTED, DEPOSIT, ENCUMBERED, HELD, SUBSIDIES, SUBSIDIES_PAID},
    programme::{self, Control, ProgrammeRow},
    rights, rows,
    vocabulary::Withdrawal,
};
use utoipa::ToSchema;
use web::{
    Fields, Problem, Query,
    openapi::{described, named},
    utoipa::openapi::ObjectBuilder,
};

/// Bytes that a load of the register may have.
const REGISTER_LIMIT: usize = 4 * 1024 * 1024;

type Shared = State<Arc<App<Union>>>;

pub(crate) fn router() -> Router<Arc<App<Union>>> {
    Router::new()
        .route("/api/v1/applications", post(submit))
        .route("/api/v1/applications/{id}/withdrawal", post(withdraw))
        .route("/api/v1/applications/{id}/repair", post(repair))
        .route("/api/v1/members", get(register).post(load_members).layer(DefaultBodyLimit::max(REGISTER_LIMIT)))
        .route("/api/v1/books", post(open_books))
        .route("/api/v1/fund", get(fund))
        .route("/api/v1/programme", get(programme))
        .route("/api/v1/programme/top-ups", post(top_up))
        .route("/api/v1/programme/appropriations", post(appropriate))
        .route("/api/v1/programme/suspension", post(suspend))
        .route("/api/v1/programme/resumption", post(resume))
        .route("/api/v1/programme/proposal/withdrawal", post(drop_proposal))
}

pub(crate) fn table() -> Vec<Route> {
    const FILING: Who = Who::Roles(rights::FILING);
    const REPAIR: Who = Who::Roles(rights::REPAIR);
    const TECHNICAL: Who = Who::Roles(rights::BOOKS);
    const BOOKS: Who = Who::Roles(&[OFFICER, AUDITOR]);
    const CONTROL: Who = Who::Roles(rights::CONTROL);
    vec![
        Route::post("/api/v1/applications", FILING, "提交申请", described::<submission::Submission>())
            .shows_application(201, "已受理，Location 为其地址"),
        Route::post("/api/v1/applications/{id}/withdrawal", FILING, "撤回申请", described::<WithdrawalBody>())
            .shows_application(200, "撤回后的申请"),
        Route::post("/api/v1/applications/{id}/repair", REPAIR, "处理停滞的步骤", described::<RepairBody>())
            .shows_application(200, "处理后的申请"),
        Route::post("/api/v1/members", TECHNICAL, "载入会员登记册", described::<members::Members>())
            .or_body("text/csv", named("MembersCsv", ObjectBuilder::new()))
            .answers(204, "已载入", None),
        Route::get("/api/v1/members", BOOKS, "会员登记册的规模", Some(described::<Register>())),
        Route::post("/api/v1/books", TECHNICAL, "启用账簿", described::<BooksBody>()).answers(204, "已启用", None),
        Route::get("/api/v1/fund", BOOKS, "担保金", Some(described::<Fund>())),
        Route::get(
            "/api/v1/programme",
            BOOKS,
            "项目状态、待确认的提议与历次决定",
            Some(named("Programme", ObjectBuilder::new())),
        ),
        Route::post(
            "/api/v1/programme/top-ups",
            CONTROL,
            "追加担保金：一人提议（202），另一人以相同金额确认（200）",
            described::<TopUp>(),
        ),
        Route::post(
            "/api/v1/programme/appropriations",
            CONTROL,
            "拨付贴息资金：一人提议（202），另一人以相同金额确认（200）",
            described::<TopUp>(),
        ),
        Route::post(
            "/api/v1/programme/suspension",
            CONTROL,
            "暂停新增：一人提议（202），另一人确认（200）；不再预留、不再放款，在办的等待",
            described::<Because>(),
        ),
        Route::post(
            "/api/v1/programme/resumption",
            CONTROL,
            "恢复办理：一人提议（202），另一人确认（200）",
            described::<Because>(),
        ),
        Route::post("/api/v1/programme/proposal/withdrawal", CONTROL, "撤回待确认的提议", described::<Because>()),
    ]
}

async fn submit(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let today = app.handle.clock.now().date();
    let (form, sealed) = submission::read(writing.json_bytes()?, &app.vault, today)?;
    app.command(writing, Command::Submit(Box::new(form)), None, Some(sealed)).await
}

/// Why an application is withdrawn.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Withdrawal)]
struct WithdrawalBody {
    /// OTHER_FUNDS、NO_NEED、TERMS
    #[schema(value_type = String)]
    reason: Withdrawal,
}

async fn withdraw(State(app): Shared, Path(id): Path<String>, writing: Writing) -> Result<Response, Problem> {
    let application_id = application_id(&id)?;
    app.may_see(&writing.caller, &application_id).await?;
    let WithdrawalBody { reason } = writing.json()?;
    app.command(writing, Command::Withdraw { application_id, reason }, None, None).await
}

/// What an operator, or the owner of its incident, does about a stuck step.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Repair)]
struct RepairBody {
    /// 步骤，用定义中的名称，例如 assess guarantee
    step: String,
    /// RETRY_UNDO、RESOLVE_UNDO、RETRY_ASK、RESOLVE、SETTLE
    action: RepairActionCode,
    /// 理由
    #[schema(required = true, value_type = String)]
    because: Option<String>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = RepairAction)]
enum RepairActionCode {
    RetryUndo,
    ResolveUndo,
    RetryAsk,
    Resolve,
    Settle,
}

async fn repair(State(app): Shared, Path(id): Path<String>, writing: Writing) -> Result<Response, Problem> {
    let application_id = application_id(&id)?;
    let RepairBody { step, action, because } = writing.json()?;
    let because = because.map(|because| because.trim().to_owned()).filter(|because| !because.is_empty());
    let because = because.ok_or_else(|| {
        let detail = "处理停滞的步骤必须说明理由。".into();
        Problem::invalid(vec![web::FieldError { pointer: "/because".into(), code: "REASON".into(), detail }])
    })?;
    let action = match action {
        RepairActionCode::RetryUndo => RepairAction::RetryUndo,
        RepairActionCode::ResolveUndo => RepairAction::ResolveUndo,
        RepairActionCode::RetryAsk => RepairAction::RetryAsk,
        RepairActionCode::Resolve => RepairAction::Resolve,
        RepairActionCode::Settle => RepairAction::Settle,
    };
    let action = Repair { action, because };
    app.command(writing, Command::Repair { application_id, step, action }, None, None).await
}

async fn load_members(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let members = if writing.is("text/csv") {
        members::from_csv(&writing.body, &app.vault)?
    } else if writing.is("application/json") {
        members::from_json(&writing.body, &app.vault)?
    } else {
        return Err(Problem::unsupported_media_type("application/json、text/csv"));
    };
    app.command(writing, Command::LoadMembers { members }, None, None).await
}

/// How large the register is. Who is in it cannot be read: it holds pseudonyms.
#[derive(Default, Serialize, ToSchema)]
struct Register {
    /// 会员人数：会员号、姓名、身份证号和工会各不相同的
    members: usize,
    /// 会籍段数，一人可有数段
    rows: usize,
}

async fn register(State(app): Shared, Query(Nothing {}): Query<Nothing>) -> Result<Response, Problem> {
    let mut register = Register::default();
    each_row(&app, "member/", |row| {
        if let Row::Member(member) = row {
            register.members += 1;
            register.rows += member.spans.len();
        }
    })
    .await?;
    json(StatusCode::OK, &register)
}

/// With which deposit the books are opened.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Books)]
struct BooksBody {
    /// 担保金，分
    #[schema(value_type = i64)]
    deposit_fen: Fen,
}

async fn open_books(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let BooksBody { deposit_fen } = writing.json()?;
    app.command(writing, Command::OpenBooks { deposit_fen }, None, None).await
}

/// With how much the deposit is topped up, or what is appropriated for subsidies.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
struct TopUp {
    /// 追加或拨付的金额，分
    amount_fen: i64,
    /// 理由，2 至 500 字
    because: String,
}

async fn top_up(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    pay_in(&app, writing, |amount_fen| Control::TopUp { amount_fen }).await
}

async fn appropriate(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    pay_in(&app, writing, |amount_fen| Control::Appropriate { amount_fen }).await
}

async fn pay_in(app: &App<Union>, writing: Writing, of: fn(Amount) -> Control) -> Result<Response, Problem> {
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let amount = fields.integer::<i64>("amount_fen", 1..=Amount::MAX.get());
    let because = fields.text("because", 2..=500);
    let read = amount.and_then(|fen| Some((Amount::new(Fen::new(fen)).ok()?, because?)));
    let (amount_fen, because) = fields.finish(read)?;
    app.command(writing, Command::Control { control: of(amount_fen), because }, None, None).await
}

async fn suspend(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let because = because(&writing)?;
    app.command(writing, Command::Control { control: Control::Suspend, because }, None, None).await
}

async fn resume(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let because = because(&writing)?;
    app.command(writing, Command::Control { control: Control::Resume, because }, None, None).await
}

async fn drop_proposal(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let because = because(&writing)?;
    app.command(writing, Command::DropProposal { because }, None, None).await
}

async fn programme(State(app): Shared, Query(Nothing {}): Query<Nothing>) -> Result<Response, Problem> {
    let row = match own_row(&app, &rows::programme()).await? {
        Some(Row::Programme(row)) => row,
        _ => ProgrammeRow::default(),
    };
    json(axum::http::StatusCode::OK, &programme::shown(&row))
}

/// A row of the union's that is the only one of its kind.
pub(crate) async fn own_row(app: &App<Union>, key: &Key) -> Result<Option<Row>, Problem> {
    let row = app.handle.readers.state(&key.to_string()).await.map_err(|error| unreadable(&error))?;
    let row = row.map(|row| serde_json::from_str::<Row>(&row.body)).transpose();
    row.map_err(|error| Problem::internal(&error))
}

/// The guarantee fund (DOMAIN.md section 3, I3 and I4).
#[derive(Serialize, ToSchema)]
struct Fund {
    /// 担保金存款，分
    deposit_fen: i64,
    /// 为在办申请预留，分
    held_fen: i64,
    /// 已转为在保，分
    committed_fen: i64,
    /// 在保与预留所担保的本金合计，分
    guaranteed_fen: i64,
    /// 担保能力：存款 × 放大倍数，分
    capacity_fen: Option<i64>,
    /// 排队的申请，先到先得
    queue: Vec<String>,
    /// 贴息账户余额，分
    subsidies_fen: i64,
    /// 为已核验的贴息占用，分
    encumbered_fen: i64,
    /// 已付贴息，分
    subsidies_paid_fen: i64,
}

async fn fund(State(app): Shared, Query(Nothing {}): Query<Nothing>) -> Result<Response, Problem> {
    let readers = &app.handle.readers;
    let balance = async |code: &str| {
        let found = readers.balances(code, "", 1).await.map_err(|error| unreadable(&error))?;
        Ok::<_, Problem>(found.first().filter(|balance| balance.code == code).map(|balance| balance.balance_fen))
    };
    let Some(deposit_fen) = balance(DEPOSIT.as_str()).await? else {
        return Err(Problem::conflict("BOOKS_NOT_OPEN", "账簿尚未启用，请先由运维启用（POST /api/v1/books）。"));
    };
    let fund = match own_row(&app, &rows::fund()).await? {
        Some(Row::Fund(fund)) => fund,
        _ => rows::FundRow::default(),
    };
    let charter = app.charter_in_force(app.handle.clock.now().date()).await?;
    let capacity = charter.and_then(|charter| Fen::new(deposit_fen).checked_mul(i64::from(charter.leverage_multiple)));
    json(
        axum::http::StatusCode::OK,
        &Fund {
            deposit_fen,
            held_fen: balance(HELD.as_str()).await?.unwrap_or_default(),
            committed_fen: balance(COMMITTED.as_str()).await?.unwrap_or_default(),
            guaranteed_fen: fund.guaranteed_fen.get(),
            capacity_fen: capacity.map(Fen::get),
            queue: fund.queue.iter().map(ToString::to_string).collect(),
            subsidies_fen: balance(SUBSIDIES.as_str()).await?.unwrap_or_default(),
            encumbered_fen: balance(ENCUMBERED.as_str()).await?.unwrap_or_default(),
            subsidies_paid_fen: balance(SUBSIDIES_PAID.as_str()).await?.unwrap_or_default(),
        },
    )
}
