//! Who may call what: one table, from which requests are let in and the OpenAPI document is made.
//!
//! A route that is not in the table is closed to everybody. The cores check roles once more for every decision, and four
//! eyes by person; this table only keeps out whoever has no business at a route at all.

use super::{App, Edge, absences};
use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use organisation::{Organisation, people::SUPERVISOR};
use std::{collections::BTreeMap, sync::Arc};
use web::{
    BearerToken, Problem,
    openapi::{Described, Kind, Operation, Parameter, described, named},
    utoipa::{ToSchema, openapi::ObjectBuilder},
};

/// Files applications and withdraws them; sees its own.
pub const APPLICANT: &str = "applicant";
/// Reads everything, changes nothing.
pub const AUDITOR: &str = "auditor";
/// Sees technical state, repairs what is stuck; decides nothing of business.
pub const OPERATOR: &str = "operator";
/// Stands in the table for every role of the organisation's own officers.
pub const OFFICER: &str = "officer";
/// Stands in the table for every role of the organisation's own people who have tasks and look at no application.
pub const CLERK: &str = "clerk";

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Anybody, without a token.
    Public,
    /// Whoever has an account.
    Account,
    /// Whoever holds one of these roles.
    Roles(&'static [&'static str]),
}

/// One line of the table.
#[derive(Clone)]
pub struct Route {
    /// The path as the router knows it.
    pub path: &'static str,
    /// Who may call it.
    pub who: Who,
    /// What the document says of it.
    pub operation: Operation,
}

impl Route {
    /// A `GET`.
    pub fn get(path: &'static str, who: Who, summary: &'static str, answer: Option<Described>) -> Self {
        let problems = match who {
            Who::Public => Vec::new(),
            Who::Account | Who::Roles(_) => vec![400, 401, 403, 503],
        };
        Self::new("get", path, who, summary, (200, "当前内容", answer), problems)
    }

    /// A `POST`, which carries an `Idempotency-Key`.
    pub fn post(path: &'static str, who: Who, summary: &'static str, body: Described) -> Self {
        let mut route = Self::new(
            "post",
            path,
            who,
            summary,
            (200, "已办理", None),
            vec![400, 401, 403, 409, 413, 415, 422, 500, 503],
        );
        route.operation.parameters.push(Parameter::header(
            "Idempotency-Key",
            true,
            "客户端选定的幂等键，1 至 200 个可见 ASCII 字符；同键重发得到同一答复",
        ));
        route.operation.bodies.push(("application/json", body));
        route
    }

    fn new(
        method: &'static str,
        path: &'static str,
        who: Who,
        summary: &'static str,
        success: (u16, &'static str, Option<Described>),
        problems: Vec<u16>,
    ) -> Self {
        let mut operation = Operation {
            method,
            path,
            summary,
            description: String::new(),
            authenticated: who != Who::Public,
            parameters: Vec::new(),
            bodies: Vec::new(),
            success,
            versioned: false,
            problems,
        };
        if path.contains("{id}") {
            operation.parameters.push(Parameter::path("id", "申请编号，例如 NCD-2018-0052"));
            operation.problems.push(404);
        }
        if path.contains("{position}") {
            operation.parameters.push(Parameter::path("position", "流水号"));
            operation.problems.push(404);
        }
        Route { path, who, operation }
    }

    /// With these parameters too.
    #[must_use]
    pub fn with(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.operation.parameters.extend(parameters);
        self
    }

    /// A list in pages.
    #[must_use]
    pub fn paged(self) -> Self {
        self.with([
            Parameter::query("cursor", Kind::Text, "上一页给出的 next_cursor"),
            Parameter::query("limit", Kind::Integer, "每页条数，1 至 200，默认 50"),
        ])
    }

    /// A decision on a version that was seen.
    #[must_use]
    pub fn on_version(mut self) -> Self {
        self.operation.problems.extend([412, 428]);
        self.with([Parameter::header("If-Match", true, "所见版本的 ETag，例如 \"7\"")])
    }

    /// Answered with this.
    #[must_use]
    pub fn answers(mut self, status: u16, description: &'static str, body: Option<Described>) -> Self {
        self.operation.success = (status, description, body);
        self
    }

    /// Answered with an application and its version.
    #[must_use]
    pub fn shows_application(mut self, status: u16, description: &'static str) -> Self {
        self.operation.versioned = true;
        self.answers(status, description, Some(application()))
    }

    /// Takes this body too.
    #[must_use]
    pub fn or_body(mut self, media_type: &'static str, body: Described) -> Self {
        self.operation.bodies.push((media_type, body));
        self
    }
}

const BUSINESS: Who = Who::Roles(&[OFFICER, AUDITOR, APPLICANT, SUPERVISOR]);
const WITH_TASKS: Who = Who::Roles(&[OFFICER, CLERK, AUDITOR, OPERATOR, SUPERVISOR]);
const STAFF: Who = Who::Roles(&[OFFICER, AUDITOR, OPERATOR, SUPERVISOR]);
const OFFICERS: Who = Who::Roles(&[OFFICER]);
const DECIDERS: Who = Who::Roles(&[OFFICER, CLERK]);
const AT_TASKS: Who = Who::Roles(&[OFFICER, CLERK, SUPERVISOR]);
const BOOKS: Who = Who::Roles(&[OFFICER, AUDITOR]);
const TECHNICAL: Who = Who::Roles(&[OPERATOR, AUDITOR]);
const REPAIR: Who = Who::Roles(&[OPERATOR]);

/// The table of an organisation: what every organisation has, and its own.
pub(super) fn routes<O: Organisation>(edge: &Edge<O>) -> Vec<Route> {
    let mut routes = vec![
        Route::get(
            "/api/v1/applications",
            BUSINESS,
            "列出申请（申请人须给出 uscc，只见自己提交的）",
            list_of("Applications", &application()),
        )
        .with([
            Parameter::query("status", Kind::Text, "状态，例如 GUARANTEE_REVIEW"),
            Parameter::query("uscc", Kind::Text, "统一社会信用代码"),
            Parameter::query("ended", Kind::Boolean, "是否已结束"),
        ])
        .paged(),
        Route::get("/api/v1/applications/{id}", BUSINESS, "读取一项申请，可等待其变化或结束", None)
            .shows_application(200, "当前内容")
            .with([
                Parameter::query("wait_ms", Kind::Integer, "最多等待的毫秒数，至多 60000"),
                Parameter::query("until", Kind::Text, "end：等到申请结束"),
                Parameter::header("If-None-Match", false, "已有版本的 ETag；等待期满仍未变化则答 304"),
            ]),
        Route::get(
            "/api/v1/applications/{id}/timeline",
            STAFF,
            "本机构所知的办理经过",
            list_of("Timeline", &described::<super::applications::Entry>()),
        ),
        Route::get(
            "/api/v1/tasks",
            WITH_TASKS,
            "待办任务，默认为本人各角色的",
            list_of("Tasks", &named("Task", ObjectBuilder::new())),
        )
        .with([
            Parameter::query("role", Kind::Text, "只列此角色的"),
            Parameter::query("application_id", Kind::Text, "只列此申请的"),
            Parameter::query("matter", Kind::Text, "只列此事项的：申请或工单的编号"),
        ])
        .paged(),
        decision(edge),
        task("claim", OFFICERS, "认领任务：此后他人不能办理", named("Nothing", ObjectBuilder::new())),
        task("release", AT_TASKS, "退回任务：由承办人或主管", named("Nothing", ObjectBuilder::new())),
        task(
            "reassignment",
            Who::Roles(&[SUPERVISOR]),
            "主管改派任务，须说明理由",
            described::<super::tasks::Reassignment>(),
        ),
        Route::get(
            "/api/v1/incidents",
            STAFF,
            "待处理的异常",
            list_of("Incidents", &named("Incident", ObjectBuilder::new())),
        )
        .paged(),
        Route::get(
            "/api/v1/parked",
            TECHNICAL,
            "搁置的输入",
            list_of("Parked", &named("ParkedInput", ObjectBuilder::new())),
        )
        .paged(),
        Route::post(
            "/api/v1/parked/{position}/retry",
            REPAIR,
            "重新办理搁置的输入，及同一申请其后的各项（仍无法办理则答 409 STILL_PARKED）",
            described::<super::technical::Because>(),
        )
        .answers(204, "已办理", None),
        Route::post(
            "/api/v1/parked/{position}/drop",
            REPAIR,
            "放弃搁置的输入",
            described::<super::technical::Because>(),
        )
        .answers(204, "已放弃", None),
        Route::post(
            "/api/v1/channels/{partner}/resolution",
            REPAIR,
            "解除通道冻结：一人提议（202），另一人以相同决定确认（204）",
            described::<super::technical::ChannelResolution>(),
        )
        .with([Parameter::path("partner", "对方：union、guarantor 或 bank")]),
        Route::post(
            "/api/v1/signing-key",
            REPAIR,
            "更换签名密钥并通知各方：一人提议（202），另一人以相同公钥确认（204）",
            described::<super::technical::SigningKeyChange>(),
        ),
        Route::get("/api/v1/balances", BOOKS, "账户余额", list_of("Balances", &named("Balance", ObjectBuilder::new())))
            .with([Parameter::query("prefix", Kind::Text, "只列以此开头的科目")])
            .paged(),
        Route::get(
            "/api/v1/transfers",
            BOOKS,
            "分录，按入账次序",
            list_of("Transfers", &named("Transfer", ObjectBuilder::new())),
        )
        .paged(),
        Route::get("/api/v1/backlog", TECHNICAL, "尚未办完的工作", Some(named("Backlog", ObjectBuilder::new()))),
        Route::get("/api/v1/clock", Who::Account, "业务时间", Some(described::<crate::clock::ClockView>())),
        Route::post(
            "/api/v1/clock",
            REPAIR,
            "推进业务时间（仅限受驱动的时钟）",
            described::<super::technical::Drive>(),
        )
        .answers(200, "新的业务时间", Some(described::<crate::clock::ClockView>())),
        Route::get(
            "/api/v1/account",
            Who::Account,
            "本人的账户与角色",
            Some(described::<super::technical::OwnAccount>()),
        ),
        Route::post(
            "/api/v1/tokens",
            REPAIR,
            "开立账户：仅为申请人的即办（201），其余一人提议（202），另一人以相同内容确认（201）；令牌只显示一次",
            described::<super::technical::NewAccount>(),
        )
        .answers(201, "令牌", Some(described::<super::technical::NewToken>())),
        sign_in(),
        Route::post(
            "/api/v1/sessions/end",
            Who::Account,
            "退出：本会话即刻失效",
            named("Nothing", ObjectBuilder::new()),
        )
        .answers(204, "已退出", None),
        Route::post(
            "/api/v1/account/password",
            Who::Account,
            "设置或更改本人密码：该账户的其他会话随即失效",
            described::<super::sessions::NewPassword>(),
        )
        .answers(204, "已设置", None),
        Route::post(
            "/api/v1/accounts/closure",
            REPAIR,
            "人员离任，关闭账户：一人提议（202），另一人确认（204）；令牌、会话与密码即刻失效，承办的任务退回待领",
            described::<super::sessions::Closure>(),
        )
        .answers(204, "已关闭", None),
        Route::get(
            "/api/v1/absences",
            Who::Roles(&[OFFICER, SUPERVISOR, AUDITOR]),
            "离岗与代理的登记",
            list_of("Absences", &named("Absence", ObjectBuilder::new())),
        ),
        Route::post(
            "/api/v1/absences",
            Who::Roles(super::absences::NAMES),
            "主管登记离岗与代理：代理人在其间可以 On-Behalf-Of 头代其办理；所办之事记在两人名下，四眼时两人视为一人",
            described::<super::absences::NewAbsence>(),
        )
        .answers(201, "已登记", Some(named("Absence", ObjectBuilder::new()))),
        absence_end(),
        Route::get("/api/v1/openapi.json", Who::Account, "本文档", None),
        Route::get("/metrics", Who::Public, "计数器（OpenMetrics 文本）", None),
        Route::get("/livez", Who::Public, "进程是否在运行", None),
        Route::get("/readyz", Who::Public, "是否可以办理业务", None),
    ];
    routes.extend(edge.personal.map(super::Personal::routes).unwrap_or_default());
    routes.extend(edge.papers.map(super::PaperDesk::routes).unwrap_or_default());
    routes.extend(edge.charters.map(|_| super::charters::routes()).unwrap_or_default());
    routes.extend(edge.routes.iter().cloned());
    for route in &mut routes {
        if matches!(route.who, Who::Roles(_)) {
            let header = Parameter::header(absences::ON_BEHALF_OF, false, "代理何人办理，例如 person:wang");
            route.operation.parameters.push(header);
        }
        route.operation.description = match route.who {
            Who::Public => "无需访问令牌。".to_owned(),
            Who::Account => "任何账户。".to_owned(),
            Who::Roles(roles) => format!("角色：{}。", names(roles, &edge.officers, &edge.clerks)),
        };
    }
    routes
}

/// The roles of a line, written out.
fn names(roles: &[&'static str], officers: &[&'static str], clerks: &[&'static str]) -> String {
    let of = |role: &&'static str| match *role {
        OFFICER => officers.to_vec(),
        CLERK => clerks.to_vec(),
        role => vec![role],
    };
    roles.iter().flat_map(of).collect::<Vec<_>>().join("、")
}

/// Signing in is under no key: whoever does it twice has two sessions.
fn sign_in() -> Route {
    let mut route = Route::post(
        "/api/v1/sessions",
        Who::Public,
        "登录：以账户及密码或访问令牌换取十二小时的会话（连错五次，该账户暂停十五分钟）",
        described::<super::sessions::Credentials>(),
    )
    .answers(201, "会话", Some(described::<super::sessions::Session>()));
    route.operation.parameters.clear();
    route.operation.problems = vec![400, 401, 413, 415, 422, 429, 503];
    route
}

fn absence_end() -> Route {
    let mut route = Route::post(
        "/api/v1/absences/{number}/end",
        Who::Roles(super::absences::NAMES),
        "主管终止离岗登记：代理随即失效",
        described::<super::technical::Because>(),
    )
    .with([Parameter::path("number", "登记编号")])
    .answers(204, "已终止", None);
    route.operation.problems.push(404);
    route
}

/// What is done with a task but decide it.
fn task(verb: &'static str, who: Who, summary: &'static str, body: Described) -> Route {
    let path = match verb {
        "claim" => "/api/v1/tasks/{task_id}/claim",
        "release" => "/api/v1/tasks/{task_id}/release",
        _ => "/api/v1/tasks/{task_id}/reassignment",
    };
    let mut route = Route::post(path, who, summary, body)
        .with([Parameter::path("task_id", "任务编号，例如 NCD-2018-0052/check-eligibility（其中的斜线照写）")])
        .shows_application(200, "其后的申请");
    route.operation.problems.push(404);
    route
}

fn decision<O: Organisation>(edge: &Edge<O>) -> Route {
    let mut route = Route::post("/api/v1/tasks/{task_id}/decision", DECIDERS, "对任务作出决定", edge.decisions.clone())
        .with([Parameter::path("task_id", "任务编号，例如 NCD-2018-0052/check-eligibility（其中的斜线照写）")])
        .on_version()
        .shows_application(200, "决定后的申请");
    route.operation.problems.push(404);
    route
}

/// The schema of an application, as far as it is the same everywhere.
fn application() -> Described {
    #[derive(ToSchema)]
    #[schema(as = Application)]
    #[allow(dead_code, reason = "only its schema is used")]
    struct Application {
        /// Number of the application.
        application_id: String,
        /// The saga's id in traces.
        saga_id: String,
        /// State in the words of this organisation.
        state: String,
        /// Whether nothing will happen to it any more.
        ended: bool,
        /// Counts its changes: the ETag.
        version: u64,
        /// What has to happen next.
        waiting_for: Vec<Waiting>,
    }
    #[derive(ToSchema)]
    #[allow(dead_code, reason = "only its schema is used")]
    struct Waiting {
        /// The step.
        step: String,
        /// A role, a partner, the applicant.
        who: String,
        /// Until when; null if it has no deadline.
        until: Option<String>,
    }
    use web::utoipa;
    described::<Application>()
}

/// The schema of a list of these.
pub fn list_of(name: &str, item: &Described) -> Option<Described> {
    use web::utoipa::openapi::{ArrayBuilder, Type, schema::SchemaType};
    let list = ObjectBuilder::new()
        .property("items", ArrayBuilder::new().items(item.reference()))
        .required("items")
        .property("next_cursor", ObjectBuilder::new().schema_type(SchemaType::new(Type::String)));
    Some(named(name, list).with(item.clone()))
}

/// The table as requests are held against it.
pub(super) struct Policy {
    routes: BTreeMap<(&'static str, &'static str), Who>,
    officers: Vec<&'static str>,
    clerks: Vec<&'static str>,
}

impl Policy {
    pub fn new(routes: &[Route], officers: &[&'static str], clerks: &[&'static str]) -> Self {
        let mut routes: BTreeMap<_, _> =
            routes.iter().map(|route| ((route.operation.method, route.path), route.who)).collect();
        // One route takes all that is done with tasks, and holds it against its own line once it knows what that is.
        routes.insert(("post", "/api/v1/tasks/{*task}"), AT_TASKS);
        Policy { routes, officers: officers.to_vec(), clerks: clerks.to_vec() }
    }

    /// Who may call this; a route that is not in the table is closed.
    fn who(&self, method: &Method, path: &str) -> Who {
        let method = if *method == Method::POST { "post" } else { "get" };
        self.routes.get(&(method, path)).copied().unwrap_or(Who::Roles(&[]))
    }

    fn permits(&self, who: Who, caller: &super::Caller) -> bool {
        match who {
            Who::Public | Who::Account => true,
            Who::Roles(roles) => {
                let holds = |role: &&str| match *role {
                    OFFICER => self.officers.iter().any(|officer| caller.has(officer)),
                    CLERK => self.clerks.iter().any(|clerk| caller.has(clerk)),
                    role => caller.has(role),
                };
                roles.iter().any(holds)
            }
        }
    }

    /// Lets through whoever may do this with a task: `decision`, `claim` …
    ///
    /// # Errors
    /// 403. 404: there is no such thing to do.
    pub fn at_task(&self, verb: &str, caller: &super::Caller) -> Result<(), Problem> {
        let path = format!("/api/v1/tasks/{{task_id}}/{verb}");
        let Some(who) = self.routes.iter().find(|((_, known), _)| *known == path).map(|(_, who)| *who) else {
            return Err(Problem::not_found("没有此操作；任务可以 decision、claim、release、reassignment。"));
        };
        if self.permits(who, caller) { Ok(()) } else { Err(self.refusal(who)) }
    }

    fn refusal(&self, who: Who) -> Problem {
        let Who::Roles(roles) = who else { return Problem::forbidden("此操作不对外开放。") };
        Problem::forbidden(format!("此操作需要以下角色之一：{}。", names(roles, &self.officers, &self.clerks)))
    }
}

/// Lets a request in if its token is known and one of its roles may call the route.
pub(super) async fn authorise<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let path = parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    if app.policy.who(&parts.method, &path) == Who::Public {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    let token = BearerToken::from_request_parts(&mut parts, &()).await?;
    let caller = app.holders.of(token, &app.handle.readers).await?;
    let who = app.policy.who(&parts.method, &path);
    // What concerns the own account is everybody's own, whoever is away.
    let caller = if who == Who::Account { caller } else { app.acting(caller, &parts.headers).await? };
    if !app.policy.permits(who, &caller) {
        return Err(app.policy.refusal(who));
    }
    parts.extensions.insert(caller);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    // What one account may see must not be kept for another.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    Ok(response)
}
