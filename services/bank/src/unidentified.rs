//! The routes of money whose loan is not known: entered by operations, listed, read. What is done with it are tasks.

use axum::{
    Router,
    extract::{Path, State},
    http::Uri,
    response::Response,
    routing::get,
};
use bank_core::{
    Bank, Command,
    command::IdentificationCheck,
    rights, rows,
    unidentified::{CHECK, IDENTIFY, PREFIX, Purpose},
};
use domain::{Amount, ApplicationId, Date, Fen};
use organisation::Key;
use party::{
    http::{AUDITOR, App, Nothing, OFFICER, Route, Who, Writing, page_limit, policy},
    store::read::Filter,
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

const LIST: &str = "/api/v1/unidentified-receipts";
const ONE: &str = "/api/v1/unidentified-receipts/{number}";

pub(crate) fn router() -> Router<Arc<App<Bank>>> {
    Router::new().route(LIST, get(list).post(enter)).route(ONE, get(one))
}

pub(crate) fn table() -> Vec<Route> {
    const READERS: Who = Who::Roles(&[OFFICER, AUDITOR]);
    let money = || named("UnidentifiedReceipt", ObjectBuilder::new());
    let mut one = Route::get(ONE, READERS, "读取一笔不明款项", Some(money()))
        .with([Parameter::path("number", "编号：UM- 加凭证号")]);
    one.operation.versioned = true;
    one.operation.problems.push(404);
    vec![
        Route::get(
            LIST,
            READERS,
            "不明款项：已到账而不知归还哪笔贷款",
            policy::list_of("UnidentifiedReceipts", &money()),
        )
        .with([Parameter::query("status", Kind::Text, "UNIDENTIFIED、IDENTIFICATION_PREPARED、ASSIGNED、GIVEN_BACK")])
        .paged(),
        Route::post(
            LIST,
            Who::Roles(rights::REPAYMENT),
            "登记不明款项：挂账（B2241），五个工作日内认领或退回（任务 identify-money、check-identification）",
            described::<NewUnidentified>(),
        )
        .answers(201, "已挂账", Some(money())),
        one,
    ]
}

/// The row of money under this number, as tasks are named after it.
pub(crate) fn matter(number: &str) -> Option<Key> {
    number.strip_prefix(PREFIX).filter(|reference| is_reference(reference)).map(rows::unidentified)
}

/// What stands in the number of a task and in the code of an account.
fn is_reference(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (1..=40).contains(&text.len()) && text.chars().all(is_plain)
}

/// Money that came, and of which nobody knows for which loan.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
struct NewUnidentified {
    /// 凭证号，1 至 40 个字母、数字或连字符
    reference: String,
    /// 到账日，不晚于今日
    value_date: String,
    /// 金额，分
    amount_fen: i64,
    /// 已知情况，2 至 200 字；请勿填写个人信息
    note: String,
}

async fn enter(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let reference = fields.read("reference", "REFERENCE", |text| {
        let is_one = is_reference(text);
        is_one.then(|| text.to_owned()).ok_or("应为 1 至 40 个字母、数字或连字符。")
    });
    let value_date = fields.read("value_date", "DATE", |text| text.parse::<Date>());
    let amount = fields.integer::<i64>("amount_fen", 1..=Amount::MAX.get());
    let amount = amount.and_then(|fen| Amount::new(Fen::new(fen)).ok());
    let note = fields.text("note", 2..=200);
    let read = || Some((reference?, value_date?, amount?, note?));
    let (reference, value_date, amount_fen, note) = fields.finish(read())?;
    app.command(writing, Command::EnterUnidentified { reference, value_date, amount_fen, note }, None, None).await
}

/// Tasks `identify-money` and `check-identification`.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum MoneyDecision {
    /// 归还此申请的贷款（任务 identify-money）
    Assign {
        /// 申请编号
        #[schema(value_type = String)]
        application_id: ApplicationId,
    },
    /// 退回付款人（任务 identify-money）
    GiveBack {
        /// 理由
        because: String,
    },
    /// 复核通过，入账（任务 check-identification）
    Release {},
    /// 退回经办（任务 check-identification）
    Return {
        /// 理由
        because: String,
    },
}

/// The command that a decision about it is.
///
/// # Errors
/// 404: there is no such task. 400 or 422: the body is none of its decisions.
pub(crate) fn decide(task: &str, number: &str, body: &[u8]) -> Result<Command, Problem> {
    let reference = number.strip_prefix(PREFIX).unwrap_or(number).to_owned();
    let other = || Problem::bad_request("NOT_THIS_TASK", format!("任务 {task} 没有这种决定。"));
    let decision = web::from_slice(body)?;
    match (task, decision) {
        (IDENTIFY, MoneyDecision::Assign { application_id }) => {
            Ok(Command::IdentifyMoney { reference, purpose: Purpose::Assign { application_id } })
        }
        (IDENTIFY, MoneyDecision::GiveBack { because }) => {
            Ok(Command::IdentifyMoney { reference, purpose: Purpose::GiveBack { because } })
        }
        (CHECK, MoneyDecision::Release {}) => {
            Ok(Command::CheckIdentification { reference, verdict: IdentificationCheck::Release })
        }
        (CHECK, MoneyDecision::Return { because }) => {
            Ok(Command::CheckIdentification { reference, verdict: IdentificationCheck::Return { because } })
        }
        (IDENTIFY | CHECK, _) => Err(other()),
        _ => Err(Problem::not_found("不明款项没有这种任务，任务编号见 GET /api/v1/tasks。")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    status: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

const ROWS: &str = "unidentified/";

async fn list(State(app): Shared, uri: Uri, Query(wanted): Query<Wanted>) -> Result<Response, Problem> {
    let limit = page_limit(wanted.limit)?;
    let filter = Filter { status: wanted.status, uscc: None, ended: None };
    let page = app.rows(ROWS, &filter, wanted.cursor, limit).await?;
    let items = page.items.iter().map(|row| app.view(row)).collect::<Result<Vec<_>, _>>()?;
    page.with(items).respond(&uri)
}

async fn one(
    State(app): Shared,
    Path(number): Path<String>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("没有此编号的不明款项，编号为 UM- 加凭证号。");
    app.shown(&matter(&number).ok_or_else(unknown)?).await?.ok_or_else(unknown)
}
