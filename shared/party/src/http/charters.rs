//! Charters at the edge: listed, read, brought forward, answered by two persons of the organisation.
//!
//! It changes nothing itself; what a signatory may do the core says. Whether the text of a charter can be read at all is said here,
//! field by field.

use super::{
    APPLICANT, AUDITOR, App, Because, OFFICER, OPERATOR, Page, Route, Who, Writing, because, json, unreadable,
};
use crate::charters as committed;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use contracts::CharterAnswer;
use domain::{Charter, CharterHash, Date};
use organisation::{
    Organisation,
    charters::{self, Motion, SIGNATORY, Standing, Version},
    people::SUPERVISOR,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use web::{
    Problem, Query,
    openapi::{Parameter, described, named},
    utoipa::{self, ToSchema, openapi::ObjectBuilder},
};

const READERS: Who = Who::Roles(&[OFFICER, AUDITOR, OPERATOR, SUPERVISOR, SIGNATORY, APPLICANT]);
const SIGNATORIES: Who = Who::Roles(&[SIGNATORY]);

/// The routes of an organisation that keeps charters.
pub(super) fn routes() -> Vec<Route> {
    let hash = || Parameter::path("hash", "章程的哈希，64 位十六进制");
    let shown = || named("CharterStanding", ObjectBuilder::new());
    let answered = |route: Route| {
        let mut route = route.with([hash()]).answers(200, "已答复各方", Some(shown()));
        route.operation.problems.push(404);
        route
    };
    let mut one =
        Route::get("/api/v1/charters/{hash}", READERS, "一份章程的全文、与现行章程的不同，及各方的答复", Some(shown()))
            .with([hash()]);
    one.operation.problems.push(404);
    vec![
        Route::get("/api/v1/charters", READERS, "章程：启用时的、其后提出的，及当日有效的", Some(shown())),
        one,
        Route::post(
            "/api/v1/charters",
            SIGNATORIES,
            "提出一份新章程并表示接受：一人提议（202），另一人以相同内容确认（200），随即签名告知另两方",
            described::<NewCharter>(),
        )
        .answers(200, "已接受并告知各方", Some(shown())),
        answered(Route::post(
            "/api/v1/charters/{hash}/acceptance",
            SIGNATORIES,
            "接受章程：一人提议（202），另一人确认（200）；不能反悔，须在生效日之前",
            described::<Because>(),
        )),
        answered(Route::post(
            "/api/v1/charters/{hash}/refusal",
            SIGNATORIES,
            "拒绝章程：一人提议（202），另一人确认（200）；不能反悔，理由告知各方",
            described::<Because>(),
        )),
        answered(Route::post(
            "/api/v1/charters/{hash}/proposal/withdrawal",
            SIGNATORIES,
            "撤回本机构内待确认的提议",
            described::<Because>(),
        )),
    ]
}

/// A charter that is brought forward.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCharter {
    /// 章程全文，各项与 GET /api/v1/charters/{hash} 所示相同
    #[schema(value_type = Object)]
    charter: Charter,
    /// 理由
    because: String,
}

/// `GET /api/v1/charters`.
pub(super) async fn list<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Query(super::Nothing {}): Query<super::Nothing>,
) -> Result<Response, Problem> {
    let book = committed::book::<O>(&app.handle.readers).await.map_err(|error| unreadable(&error))?;
    let today = app.handle.clock.now().date();
    let in_force = charters::hash_in_force(&app.handle.founding, &book, today);
    let mut items: Vec<Value> =
        app.handle.founding.iter().map(|(hash, charter)| of_the_beginning(hash, charter)).collect();
    for entry in &book.entries {
        if let Some(version) = version(&app, &entry.hash).await? {
            items.push(charters::shown(&entry.hash, &version));
        }
    }
    for item in &mut items {
        let is_in_force = in_force.is_some_and(|hash| item["hash"] == json!(hash));
        item["in_force"] = is_in_force.into();
    }
    json(StatusCode::OK, &Page::whole(items))
}

/// `GET /api/v1/charters/{hash}`.
pub(super) async fn one<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Path(hash): Path<String>,
    Query(super::Nothing {}): Query<super::Nothing>,
) -> Result<Response, Problem> {
    let hash = charter_hash(&hash)?;
    let (mut shown, charter) = match app.handle.founding.get(&hash) {
        Some(charter) => (of_the_beginning(&hash, &charter), charter),
        None => {
            let version = version(&app, &hash).await?.ok_or_else(unknown)?;
            (charters::shown(&hash, &version), version.charter)
        }
    };
    let today = app.handle.clock.now().date();
    if let Some(in_force) = app.charter_in_force(today).await? {
        shown["in_force"] = (in_force.hash() == hash).into();
        shown["changes"] = json!(in_force.changes(&charter));
    }
    shown["charter"] = serde_json::to_value(&*charter).map_err(|error| Problem::internal(&error))?;
    json(StatusCode::OK, &shown)
}

/// `POST /api/v1/charters`.
pub(super) async fn propose<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    writing: Writing,
) -> Result<Response, Problem> {
    let NewCharter { charter, because } = writing.json()?;
    let (hash, charter) = (charter.hash(), Some(Box::new(charter)));
    let motion = Motion::Answer { hash, charter, answer: CharterAnswer::Accepted {}, because };
    moved(app, writing, motion).await
}

/// `POST /api/v1/charters/{hash}/acceptance`.
pub(super) async fn accept<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Path(hash): Path<String>,
    writing: Writing,
) -> Result<Response, Problem> {
    let (hash, because) = (charter_hash(&hash)?, because(&writing)?);
    moved(app, writing, Motion::Answer { hash, charter: None, answer: CharterAnswer::Accepted {}, because }).await
}

/// `POST /api/v1/charters/{hash}/refusal`.
pub(super) async fn decline<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Path(hash): Path<String>,
    writing: Writing,
) -> Result<Response, Problem> {
    let (hash, because) = (charter_hash(&hash)?, because(&writing)?);
    let answer = CharterAnswer::Declined { because: because.clone() };
    moved(app, writing, Motion::Answer { hash, charter: None, answer, because }).await
}

/// `POST /api/v1/charters/{hash}/proposal/withdrawal`.
pub(super) async fn drop_proposal<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Path(hash): Path<String>,
    writing: Writing,
) -> Result<Response, Problem> {
    let (hash, because) = (charter_hash(&hash)?, because(&writing)?);
    moved(app, writing, Motion::Drop { hash, because }).await
}

async fn moved<O: Organisation>(app: Arc<App<O>>, writing: Writing, motion: Motion) -> Result<Response, Problem> {
    let command = app.edge.charters.ok_or_else(unknown)?;
    app.command(writing, command(motion), None, None).await
}

impl<O: Organisation> App<O> {
    /// The charter that an application filed on that day falls under.
    ///
    /// # Errors
    /// 503: the database cannot be read.
    pub async fn charter_in_force(&self, day: Date) -> Result<Option<Arc<Charter>>, Problem> {
        let handle = &self.handle;
        let found = committed::in_force::<O>(&handle.readers, &handle.founding, day).await;
        found.map_err(|error| unreadable(&error))
    }
}

async fn version<O: Organisation>(app: &App<O>, hash: &CharterHash) -> Result<Option<Version>, Problem> {
    committed::version::<O>(&app.handle.readers, hash).await.map_err(|error| unreadable(&error))
}

fn of_the_beginning(hash: &CharterHash, charter: &Charter) -> Value {
    json!({
        "hash": hash,
        "version": charter.version,
        "effective_from": charter.effective_from,
        "standing": Standing::Accepted,
        "of_the_beginning": true,
    })
}

fn charter_hash(text: &str) -> Result<CharterHash, Problem> {
    text.parse().map_err(|_| unknown())
}

fn unknown() -> Problem {
    Problem::not_found("没有此哈希的章程；所有章程见 GET /api/v1/charters。")
}
