//! What applicants and officers see of a loan at the union: what falls due, and what the bank says was paid.

use crate::routes::own_row;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use contracts::{LoanSchedule, LoanStanding};
use domain::{
    Fen,
    schedule::{End, Mode, Terms},
};
use party::http::{APPLICANT, AUDITOR, App, Caller, Nothing, OFFICER, Route, Who, application_id, json};
use serde::Serialize;
use std::sync::Arc;
use union_core::{Row, Union, application::Application, rows};
use utoipa::ToSchema;
use web::{Problem, Query, openapi::described};

type Shared = State<Arc<App<Union>>>;

pub(crate) fn router() -> Router<Arc<App<Union>>> {
    Router::new()
        .route("/api/v1/applications/{id}/schedule", get(schedule))
        .route("/api/v1/applications/{id}/repayments", get(repayments))
}

pub(crate) fn table() -> Vec<Route> {
    const READERS: Who = Who::Roles(&[OFFICER, AUDITOR, APPLICANT]);
    vec![
        Route::get(
            "/api/v1/applications/{id}/schedule",
            READERS,
            "放款后的还款计划：每期应还本金与利息",
            Some(described::<Schedule>()),
        ),
        Route::get(
            "/api/v1/applications/{id}/repayments",
            READERS,
            "银行通报的还款：每笔收款及其冲抵",
            Some(described::<Repayments>()),
        ),
    ]
}

/// The application, if there is a loan and whoever asks may see it.
async fn paid_out(app: &App<Union>, caller: &Caller, id: &str) -> Result<Box<Application>, Problem> {
    let id = application_id(id)?;
    app.may_see(caller, &id).await?;
    app.row(&id).await?;
    match own_row(app, &rows::application(&id)).await? {
        Some(Row::Application(application)) if application.receipt.is_some() && application.reversed_on.is_none() => {
            Ok(application)
        }
        _ => Err(Problem::not_found("尚未放款或放款已冲正，没有还款计划。")),
    }
}

/// What the bank says was paid.
#[derive(Serialize, ToSchema)]
struct Repayments {
    /// ACTIVE 正常、OVERDUE 逾期、RELIEF 纾困中、SETTLED 结清、PREPAID 提前结清
    state: String,
    /// 剩余本金，分
    outstanding_fen: Option<i64>,
    /// 逾期自
    overdue_since: Option<String>,
    /// 结清日
    settled_on: Option<String>,
    /// 各笔收款
    items: Vec<Repayment>,
}

/// A receipt.
#[derive(Serialize, ToSchema)]
struct Repayment {
    /// 第几笔
    no: u32,
    /// 起息日
    value_date: String,
    /// 本金，分
    principal_fen: i64,
    /// 利息，分
    interest_fen: i64,
    /// 罚息与复利，分
    penalty_fen: i64,
    /// 收款后剩余本金，分
    outstanding_fen: i64,
    /// 冲正日
    reversed_on: Option<String>,
}

async fn repayments(
    State(app): Shared,
    caller: Caller,
    Path(id): Path<String>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Response, Problem> {
    let application = paid_out(&app, &caller, &id).await?;
    let lent = application.receipt.as_ref().map_or(Fen::ZERO, |receipt| receipt.amount_fen.fen());
    let LoanStanding { state, outstanding_fen, overdue_since, settled_on } = application.life.standing(lent);
    let items = application.life.receipts.iter().map(|known| Repayment {
        no: known.receipt.no,
        value_date: known.receipt.value_date.to_string(),
        principal_fen: known.receipt.principal_fen.get(),
        interest_fen: known.receipt.interest_fen.get(),
        penalty_fen: known.receipt.penalty_fen.get(),
        outstanding_fen: known.receipt.outstanding_fen.get(),
        reversed_on: known.reversed_on.map(|on| on.to_string()),
    });
    let repayments = Repayments {
        state: state.to_owned(),
        outstanding_fen: outstanding_fen.map(Fen::get),
        overdue_since: overdue_since.map(|since| since.to_string()),
        settled_on: settled_on.map(|on| on.to_string()),
        items: items.collect(),
    };
    json(StatusCode::OK, &repayments)
}

/// What is to be paid on a loan, and when; what was paid is the bank's record.
#[derive(Serialize, ToSchema)]
#[schema(as = RepaymentSchedule)]
struct Schedule {
    /// 第几版：1 为合同所定，此后因纾困方案或部分提前还款变更
    version: u32,
    /// 本金合计，分
    principal_fen: i64,
    /// 利息合计，分
    interest_fen: i64,
    /// 各期
    items: Vec<Due>,
}

/// One due date.
#[derive(Serialize, ToSchema)]
#[schema(as = RepaymentDue)]
struct Due {
    /// 期次
    no: u16,
    /// 到期日
    due_on: String,
    /// 计息天数；变更后的计划不列
    days: Option<u32>,
    /// 应还本金，分
    principal_fen: i64,
    /// 应还利息，分
    interest_fen: i64,
    /// 本期合计，分
    instalment_fen: i64,
    /// 期后剩余本金，分
    balance_fen: i64,
    /// 是否为延期的利息
    deferred: bool,
}

async fn schedule(
    State(app): Shared,
    caller: Caller,
    Path(id): Path<String>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Response, Problem> {
    let application = paid_out(&app, &caller, &id).await?;
    let (Some(receipt), Some(approval)) = (&application.receipt, &application.approval) else {
        return Err(Problem::internal(&"a loan without its approval"));
    };
    if let Some(changed) = &application.life.schedule {
        return json(StatusCode::OK, &changed_schedule(changed, receipt.amount_fen.fen())?);
    }
    let terms = Terms {
        method: approval.method,
        principal: receipt.amount_fen,
        rate: receipt.rate_ppm,
        from: receipt.value_date,
        end: End::On(receipt.maturity_on),
        mode: Mode::Month,
    };
    let rows = domain::schedule::schedule(&terms).map_err(|error| Problem::internal(&error))?;
    let total = |part: fn(&domain::schedule::Row) -> Fen| Fen::sum(rows.iter().map(part)).map_or(0, Fen::get);
    let due = |row: &domain::schedule::Row| Due {
        no: row.no,
        due_on: row.to.to_string(),
        days: Some(row.days),
        principal_fen: row.principal_fen.get(),
        interest_fen: row.interest_fen.get(),
        instalment_fen: row.instalment().map_or(0, Fen::get),
        balance_fen: row.balance_fen.get(),
        deferred: false,
    };
    let schedule = Schedule {
        version: 1,
        principal_fen: total(|row| row.principal_fen),
        interest_fen: total(|row| row.interest_fen),
        items: rows.iter().map(due).collect(),
    };
    json(StatusCode::OK, &schedule)
}

/// A schedule that the bank has reported in place of the contract's.
fn changed_schedule(changed: &LoanSchedule, lent: Fen) -> Result<Schedule, Problem> {
    let too_large = || Problem::internal(&"a sum of the schedule is too large");
    let mut balance = lent;
    let mut items = Vec::new();
    for (no, due) in (1..).zip(&changed.dues) {
        balance = balance.checked_sub(due.principal_fen).ok_or_else(too_large)?;
        let instalment = due.principal_fen.checked_add(due.interest_fen).ok_or_else(too_large)?;
        items.push(Due {
            no,
            due_on: due.on.to_string(),
            days: None,
            principal_fen: due.principal_fen.get(),
            interest_fen: due.interest_fen.get(),
            instalment_fen: instalment.get(),
            balance_fen: balance.get(),
            deferred: due.deferred,
        });
    }
    Ok(Schedule {
        version: changed.version,
        principal_fen: items.iter().map(|due| due.principal_fen).sum(),
        interest_fen: items.iter().map(|due| due.interest_fen).sum(),
        items,
    })
}
