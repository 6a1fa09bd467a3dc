//! The routes of the hotline 12351: calls that are taken, tickets as they stand, consultations. What is done with a ticket are tasks.
//!
//! Whoever takes calls looks at no application: it is told in which state one is, and what is waited for.

use crate::identifiers;
use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::Response,
    routing::get,
};
use domain::ApplicationId;
use party::{
    http::{
        APPLICANT, AUDITOR, App, CLERK, Caller, Nothing, OFFICER, Page, Route, Who, Writing, application_id, json,
        page_limit, policy::list_of,
    },
    store::read::Filter,
};
use serde::Deserialize;
use serde_json::{Value, json as object};
use std::sync::Arc;
use union_core::{
    Command, Row, Union,
    consultation::{Asker, Consultation, Topic, Via},
    hotline, rights, rows,
    ticket::{self, Call, Category, Satisfaction, Ticket, TicketId},
};
use utoipa::ToSchema;
use web::{
    Fields, Problem, Query,
    openapi::{Kind, Parameter, described, named},
    utoipa::openapi::ObjectBuilder,
};

type Shared = State<Arc<App<Union>>>;

const TICKETS: &str = "/api/v1/tickets";
const TICKET: &str = "/api/v1/tickets/{ticket}";
const OF_APPLICATION: &str = "/api/v1/applications/{id}/tickets";
const STATUS: &str = "/api/v1/applications/{id}/status";
const CONSULTATIONS: &str = "/api/v1/consultations";

pub(crate) fn router() -> Router<Arc<App<Union>>> {
    Router::new()
        .route(TICKETS, get(list).post(take_call))
        .route(TICKET, get(one))
        .route(OF_APPLICATION, get(of_application))
        .route(STATUS, get(status))
        .route(CONSULTATIONS, get(consultations).post(record))
}

pub(crate) fn table() -> Vec<Route> {
    const READERS: Who = Who::Roles(&[OFFICER, CLERK, AUDITOR]);
    const AGENTS: Who = Who::Roles(rights::HOTLINE);
    let ticket = || named("Ticket", ObjectBuilder::new());
    let mut one = Route::get(TICKET, READERS, "读取一份工单", Some(ticket()))
        .with([Parameter::path("ticket", "工单编号，例如 GD-2020-001")]);
    one.operation.versioned = true;
    one.operation.problems.push(404);
    vec![
        Route::get(TICKETS, READERS, "列出 12351 工单", list_of("Tickets", &ticket()))
            .with([
                Parameter::query("status", Kind::Text, "状态，例如 HANDLING"),
                Parameter::query("ended", Kind::Boolean, "是否已办结"),
            ])
            .paged(),
        Route::post(TICKETS, AGENTS, "受理来电，登记工单", described::<NewTicket>()).answers(
            201,
            "已登记的工单；其后各步为任务（POST /api/v1/tasks/{task_id}/decision）",
            Some(ticket()),
        ),
        one,
        Route::get(
            OF_APPLICATION,
            Who::Roles(&[OFFICER, AUDITOR, APPLICANT]),
            "关联此申请的工单",
            list_of("Tickets", &ticket()),
        ),
        Route::get(
            STATUS,
            READERS,
            "申请的进度：状态与所等待的事项，不含内容",
            Some(named("ApplicationStatus", ObjectBuilder::new())),
        ),
        Route::get(
            CONSULTATIONS,
            READERS,
            "各月咨询次数，按事项",
            list_of("Consultations", &named("ConsultationsOfMonth", ObjectBuilder::new())),
        ),
        Route::post(CONSULTATIONS, AGENTS, "登记一次咨询", described::<NewConsultation>()),
    ]
}

/// Somebody calls.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
struct NewTicket {
    /// CONSULT、HELP、COMPLAINT、SUGGESTION
    category: String,
    /// 来电事项，2 至 500 字；请勿填写个人信息
    matter: String,
    /// 所涉申请的编号；不涉及某项申请则为 null
    about_application: Option<String>,
}

async fn take_call(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let category = fields.choice("category", &Category::ALL.map(Category::code));
    let matter = fields.text("matter", 2..=500);
    let about = fields.read_optional("about_application", "IDENTIFIER", number);
    let category = category.and_then(|code| Category::ALL.into_iter().find(|category| category.code() == code));
    let (category, matter, application_id) = fields.finish((|| Some((category?, matter?, about?)))())?;
    app.command(writing, Command::TakeCall(Call { category, matter, application_id }), None, None).await
}

fn number(text: &str) -> Result<ApplicationId, String> {
    ApplicationId::parse(text).map_err(|_| "应为申请编号，形如 NCD-2018-0052。".to_owned())
}

/// What is done with a ticket; which acts a task takes, its name says.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = TicketAct)]
pub enum Act {
    /// 当场答复，即告办结（任务 dispatch-ticket）
    AnswerAtOnce {
        /// 答复，2 至 2000 字
        reply: String,
    },
    /// 派单（任务 dispatch-ticket）
    Dispatch {
        /// 承办单位，2 至 100 字
        unit: String,
    },
    /// 签收（任务 sign-for-ticket）
    SignFor {},
    /// 退单：非本单位职责，一个工作日内（任务 sign-for-ticket）
    Return {
        /// 理由，2 至 500 字
        because: String,
    },
    /// 着手办理（任务 begin-ticket）
    Begin {},
    /// 答复（任务 reply-to-ticket、supervise-ticket）
    Reply {
        /// 答复，2 至 2000 字
        reply: String,
    },
    /// 申请延期，每次派单一次，须经批准（任务 reply-to-ticket）
    AskExtension {
        /// 理由，2 至 500 字
        because: String,
    },
    /// 同意延期：答复期限自原期限起再加一个时限（任务 extend-ticket）
    Grant {
        /// 理由，2 至 500 字
        because: String,
    },
    /// 不同意延期（任务 extend-ticket）
    Refuse {
        /// 理由，2 至 500 字
        because: String,
    },
    /// 回访（任务 visit-caller）
    Visit {
        /// SATISFIED、FAIRLY_SATISFIED、DISSATISFIED
        #[schema(value_type = String)]
        satisfaction: Satisfaction,
        /// 来电人的意见，至多 500 字；没有则为 null
        because: Option<String>,
    },
    /// 办结（任务 close-ticket）
    Close {},
    /// 关联一项申请（任一任务）
    Link {
        /// 申请编号
        #[schema(value_type = String)]
        about_application: ApplicationId,
    },
    /// 代来电人申请纾困（任一任务）；工单办结不影响纾困
    StartRelief {
        /// 申请编号
        #[schema(value_type = String)]
        about_application: ApplicationId,
        /// 理由，2 至 200 字；请勿填写个人信息
        reason: String,
    },
}

/// What is done with a ticket under a task of this name.
///
/// # Errors
/// 404: tickets have no such task. 400 or 422: the body is none of its acts.
pub fn act(task: &str, body: &[u8]) -> Result<ticket::Act, Problem> {
    let act = match web::from_slice(body)? {
        Act::AnswerAtOnce { reply } => ticket::Act::AnswerAtOnce { reply: said("reply", reply, REPLY)? },
        Act::Dispatch { unit } => ticket::Act::Dispatch { unit: said("unit", unit, 100)? },
        Act::SignFor {} => ticket::Act::SignFor,
        Act::Return { because } => ticket::Act::Return { because: said("because", because, BECAUSE)? },
        Act::Begin {} => ticket::Act::Begin,
        Act::Reply { reply } => ticket::Act::Reply { reply: said("reply", reply, REPLY)? },
        Act::AskExtension { because } => ticket::Act::AskExtension { because: said("because", because, BECAUSE)? },
        Act::Grant { because } => {
            ticket::Act::DecideExtension { granted: true, because: said("because", because, BECAUSE)? }
        }
        Act::Refuse { because } => {
            ticket::Act::DecideExtension { granted: false, because: said("because", because, BECAUSE)? }
        }
        Act::Visit { satisfaction, because } => {
            let because = because.filter(|because| !because.trim().is_empty());
            let because = because.map(|because| said("because", because, BECAUSE)).transpose()?;
            ticket::Act::Visit { satisfaction, because }
        }
        Act::Close {} => ticket::Act::Close,
        Act::Link { about_application } => ticket::Act::Link { application_id: about_application },
        Act::StartRelief { about_application, reason } => {
            ticket::Act::StartRelief { application_id: about_application, reason: said("reason", reason, 200)? }
        }
    };
    let of_task = hotline::tasks_of(&act);
    if of_task.is_empty() || of_task.contains(&task) {
        return Ok(act);
    }
    Err(Problem::bad_request("NOT_THIS_TASK", format!("此项属于任务 {}，不属于 {task}。", of_task.join("、"))))
}

const REPLY: usize = 2_000;
const BECAUSE: usize = 500;

/// A text of two characters or more.
fn said(field: &str, text: String, most: usize) -> Result<String, Problem> {
    let text = text.trim().to_owned();
    if (2..=most).contains(&text.chars().count()) {
        return Ok(text);
    }
    let (pointer, detail) = (format!("/{field}"), format!("应为 2 至 {most} 字。"));
    Err(Problem::invalid(vec![web::FieldError { pointer, code: "LENGTH".into(), detail }]))
}

/// Which tickets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    status: Option<String>,
    ended: Option<bool>,
    cursor: Option<String>,
    limit: Option<u32>,
}

async fn list(State(app): Shared, uri: Uri, Query(wanted): Query<Wanted>) -> Result<Response, Problem> {
    const PREFIX: &str = "ticket/";
    let limit = page_limit(wanted.limit)?;
    let filter = Filter { status: wanted.status, uscc: None, ended: wanted.ended };
    let page = app.rows(PREFIX, &filter, wanted.cursor, limit).await?;
    let items = page.items.iter().map(|row| {
        let mut ticket = app.view(row)?;
        // What was done with each is read one by one.
        if let Some(fields) = ticket.as_object_mut() {
            fields.retain(|name, _| !["acts", "relief_requests"].contains(&name.as_str()));
        }
        Ok(ticket)
    });
    let items = items.collect::<Result<Vec<_>, Problem>>()?;
    page.with(items).respond(&uri)
}

async fn one(
    State(app): Shared,
    Path(ticket): Path<String>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("没有此编号的工单，编号形如 GD-2020-001。");
    let id = TicketId::parse(&ticket).map_err(|_| unknown())?;
    app.shown(&rows::ticket(&id)).await?.ok_or_else(unknown)
}

async fn of_application(
    State(app): Shared,
    caller: Caller,
    Path(id): Path<String>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Response, Problem> {
    let id = application_id(&id)?;
    app.may_see(&caller, &id).await?;
    let mut items = Vec::new();
    for number in app_tickets(&app, &id).await? {
        if let Some(Row::Ticket(ticket)) = crate::routes::own_row(&app, &rows::ticket(&number)).await? {
            items.push(shown_to(&app, &caller, &ticket));
        }
    }
    json(StatusCode::OK, &Page::whole(items))
}

async fn app_tickets(app: &App<Union>, id: &ApplicationId) -> Result<Vec<TicketId>, Problem> {
    let row = app.row(id).await?;
    match serde_json::from_str(&row.body).map_err(|error| Problem::internal(&error))? {
        Row::Application(application) => Ok(application.tickets.into_iter().collect()),
        _ => Ok(Vec::new()),
    }
}

fn shown_to(app: &App<Union>, caller: &Caller, of: &Ticket) -> Value {
    if app.is_applicant_only(caller) { ticket::shown_to_applicant(of) } else { ticket::shown(of) }
}

async fn status(
    State(app): Shared,
    Path(id): Path<String>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Response, Problem> {
    let whole = app.view(&app.row(&application_id(&id)?).await?)?;
    let fields = ["application_id", "state", "ended", "filed_at", "waiting_for"];
    let shown: Value = fields.into_iter().map(|name| (name.to_owned(), whole[name].clone())).collect();
    json(StatusCode::OK, &shown)
}

/// Somebody asks.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
struct NewConsultation {
    /// 日期，今日或之前 31 日之内
    on: String,
    /// ENTERPRISE、PRIMARY_UNION
    from: String,
    /// PHONE、WECHAT
    channel: String,
    /// ELIGIBILITY、DOCUMENTS、GUARANTEE_REVIEW、RENEWAL、DEFERRAL、SUBSIDY_PROGRESS
    topic: String,
}

async fn record(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let on = fields.read("on", "DATE", identifiers::day);
    let from = fields.choice("from", &["ENTERPRISE", "PRIMARY_UNION"]);
    let channel = fields.choice("channel", &["PHONE", "WECHAT"]);
    let topic = fields.choice("topic", &Topic::ALL.map(Topic::code));
    let read = || {
        let from = if from? == "ENTERPRISE" { Asker::Enterprise } else { Asker::PrimaryUnion };
        let channel = if channel? == "PHONE" { Via::Phone } else { Via::Wechat };
        let topic = Topic::ALL.into_iter().find(|one| Some(one.code()) == topic)?;
        Some(Consultation { on: on?, from, channel, topic })
    };
    let one = fields.finish(read())?;
    app.command(writing, Command::RecordConsultation(one), None, None).await
}

async fn consultations(State(app): Shared, Query(Nothing {}): Query<Nothing>) -> Result<Response, Problem> {
    let mut items = Vec::new();
    crate::statistics::each_row(&app, "consultations/", |row| {
        if let Row::Consultations(month) = row {
            items.push(object!({ "month": rows::month(month.month), "consultations": month.sum(), "topics": month.by_topic() }));
        }
    })
    .await?;
    json(StatusCode::OK, &Page::whole(items))
}
