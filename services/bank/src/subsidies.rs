//! The routes of the bank's cut-off lists of interest subsidies: made by one person, released by another, read by all.

use axum::{
    Router,
    extract::State,
    http::Uri,
    response::Response,
    routing::{get, post},
};
use bank_core::{Bank, Command, Row, command::ListCheck, rights, subsidy_list};
use domain::{ApplicationId, subsidy::Period};
use party::{
    http::{AUDITOR, App, OFFICER, Route, Who, Writing, page_limit, policy},
    store::read::Filter,
};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use web::{
    Fields, Problem, Query,
    openapi::{described, named},
    utoipa::openapi::ObjectBuilder,
};

type Shared = State<Arc<App<Bank>>>;

pub(crate) fn router() -> Router<Arc<App<Bank>>> {
    Router::new()
        .route("/api/v1/subsidy-lists", get(lists).post(prepare))
        .route("/api/v1/subsidy-list-checks", post(check))
        .route("/api/v1/subsidy-returns", post(come_back))
}

pub(crate) fn table() -> Vec<Route> {
    vec![
        Route::get(
            "/api/v1/subsidy-lists",
            Who::Roles(&[OFFICER, AUDITOR]),
            "贴息清单：各期应列入的贷款、编制与放行",
            policy::list_of("SubsidyLists", &named("SubsidyList", ObjectBuilder::new())),
        )
        .paged(),
        Route::post(
            "/api/v1/subsidy-lists",
            Who::Roles(rights::SUBSIDY_LIST),
            "编制一期贴息清单：自截止日起，列入该期结清的贷款及其已付利息",
            described::<NewList>(),
        )
        .answers(204, "已编制，待另一人复核", None),
        Route::post(
            "/api/v1/subsidy-list-checks",
            Who::Roles(rights::SUBSIDY_CHECK),
            "复核贴息清单：放行后逐行通知工会",
            described::<NewListCheck>(),
        )
        .answers(204, "已复核", None),
        Route::post(
            "/api/v1/subsidy-returns",
            Who::Roles(rights::SUBSIDY_RETURN),
            "登记贴息退汇：借款企业账户未能入账，款项退回贴息账户，并通知工会",
            described::<NewReturn>(),
        )
        .shows_application(200, "已登记"),
    ]
}

const PREFIX: &str = "subsidy-list/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListsQuery {
    cursor: Option<String>,
    limit: Option<u32>,
}

async fn lists(State(app): Shared, uri: Uri, Query(query): Query<ListsQuery>) -> Result<Response, Problem> {
    let limit = page_limit(query.limit)?;
    let filter = Filter { status: None, uscc: None, ended: None };
    let page = app.rows(PREFIX, &filter, query.cursor, limit).await?;
    let lines = page.items.iter().map(|row| match serde_json::from_str(&row.body) {
        Ok(Row::SubsidyList(list)) => Ok(subsidy_list(&list)),
        Ok(_) => Err(Problem::internal(&format!("`{}` is no list", row.key))),
        Err(error) => Err(Problem::internal(&error)),
    });
    let items = lines.collect::<Result<Vec<_>, Problem>>()?;
    page.with(items).respond(&uri)
}

/// A period whose list is to be made.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
#[schema(as = NewSubsidyList)]
struct NewList {
    /// 期次，例如 2020Q2；按年的为 2020
    period: String,
}

fn period(fields: &mut Fields) -> Option<Period> {
    fields.read("period", "PERIOD", |text| text.parse().map_err(|_| "应为期次，例如 2020Q2；按年的为 2020。"))
}

async fn prepare(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let read = period(&mut fields);
    let period = fields.finish(read)?;
    app.command(writing, Command::PrepareSubsidyList { period }, None, None).await
}

const RELEASE: &str = "RELEASE";
const RETURN: &str = "RETURN";

/// What the checker says of a list.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
#[schema(as = NewSubsidyListCheck)]
struct NewListCheck {
    /// 期次
    period: String,
    /// RELEASE 放行；RETURN 退回
    verdict: String,
    /// 理由，仅退回时，2 至 500 字
    because: Option<String>,
}

async fn check(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let period = period(&mut fields);
    let verdict = match fields.choice("verdict", &[RELEASE, RETURN]) {
        Some(RETURN) => fields.text("because", 2..=500).map(|because| ListCheck::Return { because }),
        other => {
            // The form of the page has the field in either case.
            let _unused = fields.read_optional("because", "TEXT", |text| Ok::<_, String>(text.to_owned()));
            other.map(|_| ListCheck::Release)
        }
    };
    let (period, verdict) = fields.finish(period.zip(verdict))?;
    app.command(writing, Command::CheckSubsidyList { period, verdict }, None, None).await
}

/// A subsidy that came back.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
#[schema(as = NewSubsidyReturn)]
struct NewReturn {
    /// 申请编号
    application_id: String,
    /// 期次
    period: String,
    /// 理由，2 至 500 字
    because: String,
}

async fn come_back(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let id = fields.read("application_id", "IDENTIFIER", ApplicationId::parse);
    let (period, because) = (period(&mut fields), fields.text("because", 2..=500));
    let ((application_id, period), because) = fields.finish(id.zip(period).zip(because))?;
    app.command(writing, Command::ReturnSubsidy { application_id, period, because }, None, None).await
}
