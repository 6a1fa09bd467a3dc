//! Papers at the edge: handed in, listed, asked for, shown; and personal data erased.
//!
//! A paper is taken only for what its bytes are, up to a size, and sealed before anybody but this request sees it. It is shown to
//! few, with a reason that is journaled first, like everything personal. Two persons erase what is kept of an application
//! that came to nothing; its hashes stay valid.

use super::{
    APPLICANT, AUDITOR, App, Because, Edge, OFFICER, Page, Route, Who, Writing, application_id, because, json,
    unreadable,
};
use crate::{
    handle::{Maintenance, Wish},
    papers::{self, NotShown},
    store::StoreError,
    vault::Kind,
};
use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contracts::{Paper, PaperKind};
use domain::ApplicationId;
use organisation::{Organisation, papers::Papers};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use web::{
    Problem, Query,
    openapi::{Kind as Parameters, Parameter, described, named},
    utoipa::openapi::ObjectBuilder,
};

/// What an organisation does with papers.
pub struct PaperDesk<O: Organisation> {
    /// The papers in a row.
    pub of: fn(&O::Row) -> Option<&Papers>,
    /// Who may open them, with a reason: one of these roles.
    pub readers: &'static [&'static str],
    /// Who hands them in here, if anybody does, and what that tells the core.
    pub supply: Option<Gives<O::Command, Paper>>,
    /// Who asks the union for them, if this is not the union, and what that tells the core: the letterbox.
    pub ask: Option<Gives<O::Command, String>>,
    /// Whether the application has to be kept whole: it was paid out.
    pub is_retained: fn(&O::Row) -> bool,
}

/// Who gives a command about an application's papers, and how it is made of what it is about.
#[derive(Debug)]
pub struct Gives<C, T> {
    /// One of these roles.
    pub roles: &'static [&'static str],
    /// The command.
    pub command: fn(ApplicationId, T) -> C,
}

impl<C, T> Clone for Gives<C, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C, T> Copy for Gives<C, T> {}

impl<O: Organisation> Clone for PaperDesk<O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O: Organisation> Copy for PaperDesk<O> {}

/// Bytes that the body of a paper may have: one more than a paper, so that one too large is told apart.
pub(super) const BODY_LIMIT: usize = papers::MOST_BYTES + 1;

impl<O: Organisation> PaperDesk<O> {
    pub(super) fn routes(self) -> Vec<Route> {
        let list = || super::policy::list_of("Papers", &named("Paper", ObjectBuilder::new()));
        let address = || Parameter::path("address", "材料的地址（见材料清单）");
        let binary = || named("PaperContent", ObjectBuilder::new());
        let mut routes = vec![
            Route::get(
                "/api/v1/applications/{id}/papers",
                Who::Roles(&[OFFICER, AUDITOR, APPLICANT]),
                "材料清单",
                list(),
            ),
            Route::post(
                "/api/v1/applications/{id}/papers/{address}/disclosure",
                Who::Roles(self.readers),
                "调阅材料：须说明理由，记入流水",
                described::<Because>(),
            )
            .with([address()])
            .answers(200, "材料内容，媒体类型如清单所示", Some(binary())),
            Route::post(
                "/api/v1/applications/{id}/erasure",
                Who::Roles(self.readers),
                "删除个人信息与材料：一人提议（202），另一人以相同请求确认（204）；只限已结束且未放款的申请",
                described::<Because>(),
            )
            .answers(204, "已删除", None),
        ];
        if let Some(Gives { roles, .. }) = self.supply {
            let mut route =
                Route::post("/api/v1/applications/{id}/papers", Who::Roles(roles), "提交一份材料", binary())
                    .with([
                        Parameter::query("kind", Parameters::Text, "材料种类，例如 LICENCE"),
                        Parameter::query("pages", Parameters::Integer, "页数，1 至 500"),
                    ])
                    .shows_application(200, "提交后的申请");
            route.operation.bodies = ["application/pdf", "image/jpeg", "image/png"].map(|kind| (kind, binary())).into();
            routes.push(route);
        }
        if let Some(Gives { roles, .. }) = self.ask {
            let nothing = described::<Because>();
            routes.push(
                Route::post(
                    "/api/v1/applications/{id}/papers/request",
                    Who::Roles(roles),
                    "向工会调取申请材料",
                    nothing,
                )
                .shows_application(200, "调取后的申请"),
            );
        }
        routes
    }
}

/// `GET /api/v1/applications/{id}/papers`.
pub(super) async fn list<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Extension(caller): Extension<super::Caller>,
    Path(id): Path<String>,
    Query(super::Nothing {}): Query<super::Nothing>,
) -> Result<Response, Problem> {
    let id = application_id(&id)?;
    app.may_see(&caller, &id).await?;
    app.row(&id).await?;
    let shown: Vec<Value> = kept(&app, &id).await?.map(|papers| papers.shown()).unwrap_or_default();
    json(StatusCode::OK, &Page::whole(shown))
}

/// The query of a paper that is handed in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Described {
    kind: PaperKind,
    pages: u16,
}

/// `POST /api/v1/applications/{id}/papers`.
pub(super) async fn supply<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Path(id): Path<String>,
    Query(Described { kind, pages }): Query<Described>,
    mut writing: Writing,
) -> Result<Response, Problem> {
    let id = application_id(&id)?;
    let Gives { command, .. } = paper_desk(&app)?.supply.ok_or_else(not_here)?;
    app.may_see(&writing.caller, &id).await?;
    app.row(&id).await?;
    if kind == PaperKind::Person || !(1..=500).contains(&pages) {
        return Err(Problem::bad_request("INVALID_QUERY", "kind 应为材料种类之一，pages 应为 1 至 500 的整数。"));
    }
    if writing.body.len() > papers::MOST_BYTES {
        return Err(Problem::too_large());
    }
    let Some(media_type) = papers::media_type(&writing.body) else {
        return Err(Problem::unsupported_media_type("application/pdf、image/jpeg、image/png"));
    };
    let salt = salt(&app, &id).await?;
    let address = papers::address(&salt, &writing.body);
    let bytes = u32::try_from(writing.body.len()).map_err(|_| Problem::too_large())?;
    let sealed =
        app.vault.seal_under(Kind::Paper, address.clone(), &writing.body).map_err(|error| Problem::internal(&error))?;
    let paper = Paper { address, kind, media_type: media_type.to_owned(), pages, bytes };
    // The same paper under another name, or with another count of pages, is another request.
    writing.idempotency.scope.push_str(&format!("?kind={}&pages={pages}", kind.code()));
    app.command(writing, command(id, paper), None, Some(sealed)).await
}

/// The salt that goes before the bytes of every paper of the application: it lies sealed with the personal data of the form.
async fn salt<O: Organisation>(app: &App<O>, id: &ApplicationId) -> Result<String, Problem> {
    let records = super::personal::open(app, id).await?;
    let salt = records.iter().find_map(|record| record["paper_salt"].as_str());
    salt.map(str::to_owned).ok_or_else(|| {
        let detail = "此申请的个人信息已删除，或为早期版本所受理，不能再提交材料。";
        Problem::conflict("NO_PAPERS_TAKEN", detail).title("不再接收材料")
    })
}

/// `POST /api/v1/applications/{id}/papers/request`.
pub(super) async fn ask<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Path(id): Path<String>,
    writing: Writing,
) -> Result<Response, Problem> {
    let id = application_id(&id)?;
    because(&writing)?;
    let Gives { command, .. } = paper_desk(&app)?.ask.ok_or_else(not_here)?;
    let (letterbox, sealed) = papers::letterbox(&app.vault).map_err(|error| Problem::internal(&error))?;
    app.command(writing, command(id, letterbox), None, Some(sealed)).await
}

/// `POST /api/v1/applications/{id}/papers/{address}/disclosure`.
pub(super) async fn show<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Path((id, address)): Path<(String, String)>,
    writing: Writing,
) -> Result<Response, Problem> {
    let id = application_id(&id)?;
    let because = because(&writing)?;
    app.row(&id).await?;
    let unknown = || Problem::not_found("此申请没有这份材料。");
    let papers = kept(&app, &id).await?.ok_or_else(unknown)?;
    let paper = papers.paper(&address).filter(|paper| paper.kind != PaperKind::Person).ok_or_else(unknown)?;
    // What cannot be opened is not said to have been seen.
    let shown = papers::bytes(&app.handle.readers, &app.vault, O::PARTY, &papers, &address).await;
    let bytes = shown.map_err(|error| match error {
        NotShown::Store(error) => unreadable(&error),
        NotShown::NotHere => {
            let detail = "此材料尚未完整到达，或已删除。";
            Problem::conflict("PAPER_NOT_HERE", detail).title("材料不可调阅")
        }
        NotShown::CannotOpen(error) => Problem::internal(&error),
    })?;
    let because = format!("{}：{because}", paper.kind.zh());
    let order = Maintenance::Disclose { application_id: id.to_string(), by: writing.caller.person.clone(), because };
    app.ordered(writing.idempotency, order).await?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_str(&paper.media_type).map_err(|error| Problem::internal(&error))?;
    headers.insert(header::CONTENT_TYPE, media_type);
    // What an applicant sends is never run, wherever it is opened.
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `POST /api/v1/applications/{id}/erasure`.
pub(super) async fn erase<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Path(id): Path<String>,
    writing: Writing,
) -> Result<Response, Problem> {
    let id = application_id(&id)?;
    let because = because(&writing)?;
    let row = app.row(&id).await?;
    let own: O::Row = serde_json::from_str(&row.body).map_err(|error| Problem::internal(&error))?;
    if !row.ended {
        return Err(Problem::conflict("NOT_ENDED", "申请尚未结束，不能删除其个人信息。").title("不能删除"));
    }
    if (paper_desk(&app)?.is_retained)(&own) {
        return Err(Problem::conflict("RETAINED", "已放款的申请须依法保存，不能删除其个人信息。").title("不能删除"));
    }
    app.together(writing, Wish::Erase { application_id: id }, because).await
}

/// The papers of an application; none if it has none.
pub(super) async fn kept<O: Organisation>(app: &App<O>, id: &ApplicationId) -> Result<Option<Papers>, Problem> {
    let of = paper_desk(app)?.of;
    let key = organisation::papers::key(id).to_string();
    let row = app.handle.readers.state(&key).await.map_err(|error: StoreError| unreadable(&error))?;
    let Some(row) = row else { return Ok(None) };
    let own: O::Row = serde_json::from_str(&row.body).map_err(|error| Problem::internal(&error))?;
    Ok(of(&own).cloned())
}

fn paper_desk<O: Organisation>(app: &App<O>) -> Result<PaperDesk<O>, Problem> {
    let Edge { papers, .. } = &app.edge;
    papers.ok_or_else(not_here)
}

fn not_here() -> Problem {
    Problem::not_found("本机构不办理此事。")
}
