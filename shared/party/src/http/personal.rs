//! Personal data at the edge: masked for whoever works on the case, unmasked to few, with a reason that is kept.
//!
//! They are opened here and nowhere else, and only into an answer: not into a log, a span or a stored answer. What is
//! unmasked is first journaled, then shown.

use super::{
    AUDITOR, App, Nothing, OFFICER, Page, Route, Who, Writing, application_id, because, json, page_limit,
    technical::PageQuery, unreadable,
};
use crate::{handle::Maintenance, papers::NotShown};
use axum::{
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::Response,
};
use contracts::PaperKind;
use domain::{ApplicationId, Moment};
use organisation::Organisation;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use web::{
    Problem, Query,
    openapi::{described, named},
    utoipa,
    utoipa::openapi::ObjectBuilder,
};

/// What an organisation keeps of persons.
#[derive(Clone, Copy, Debug)]
pub struct Personal {
    /// Who may see them unmasked, one of these roles.
    pub unmasked: &'static [&'static str],
    /// A record as everybody who works on the case may see it.
    pub mask: fn(&Value) -> Value,
}

impl Personal {
    pub(super) fn routes(self) -> Vec<Route> {
        let records = || Some(named("PersonalData", ObjectBuilder::new()));
        vec![
            Route::get(
                "/api/v1/applications/{id}/personal-data",
                Who::Roles(&[OFFICER, AUDITOR]),
                "个人信息，已遮蔽",
                records(),
            ),
            Route::post(
                "/api/v1/applications/{id}/personal-data/disclosure",
                Who::Roles(self.unmasked),
                "查看个人信息原文：须说明理由，记入流水",
                described::<super::Because>(),
            )
            .answers(200, "个人信息原文", records()),
            Route::get(
                "/api/v1/disclosures",
                Who::Roles(&[AUDITOR]),
                "何人何时因何查看过个人信息原文",
                super::policy::list_of("Disclosures", &described::<Disclosure>()),
            )
            .paged(),
        ]
    }
}

/// `GET /api/v1/applications/{id}/personal-data`.
pub(super) async fn masked<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Path(id): Path<String>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Response, Problem> {
    let id = application_id(&id)?;
    let mask = app.edge.personal.map(|personal| personal.mask).ok_or_else(none_kept)?;
    let records = open(&app, &id).await?;
    json(StatusCode::OK, &Page::whole(records.iter().map(mask).collect()))
}

/// `POST /api/v1/applications/{id}/personal-data/disclosure`.
pub(super) async fn unmasked<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Path(id): Path<String>,
    writing: Writing,
) -> Result<Response, Problem> {
    let id = application_id(&id)?;
    let because = because(&writing)?;
    // What cannot be opened is not said to have been seen.
    let records = open(&app, &id).await?;
    let order = Maintenance::Disclose { application_id: id.to_string(), by: writing.caller.person.clone(), because };
    app.ordered(writing.idempotency, order).await?;
    // The salt of the papers' addresses is nobody's data.
    let shown = records.into_iter().map(|mut record| {
        record.as_object_mut().map(|fields| fields.remove("paper_salt"));
        record
    });
    json(StatusCode::OK, &Page::whole(shown.collect()))
}

/// The application's records, opened: those sealed here, and what the union sealed for this organisation.
pub(super) async fn open<O: Organisation>(app: &App<O>, id: &ApplicationId) -> Result<Vec<Value>, Problem> {
    app.row(id).await?;
    let sealed = app.handle.readers.sealed(&id.to_string()).await.map_err(|error| unreadable(&error))?;
    let open = |sealed: &crate::vault::Sealed| {
        let data = app.vault.open(sealed).map_err(|error| Problem::internal(&error))?;
        serde_json::from_slice(&data).map_err(|_| Problem::internal(&"sealed data are no JSON"))
    };
    let mut records: Vec<Value> = sealed.iter().map(open).collect::<Result<_, _>>()?;
    if app.edge.papers.is_some()
        && let Some(papers) = super::papers::kept(app, id).await?
        && let Some(person) = papers.received.iter().find(|received| received.paper.kind == PaperKind::Person)
    {
        let address = &person.paper.address;
        match crate::papers::bytes(&app.handle.readers, &app.vault, O::PARTY, &papers, address).await {
            Ok(bytes) => records.push(serde_json::from_slice(&bytes).map_err(|error| Problem::internal(&error))?),
            // On its way, or erased.
            Err(NotShown::NotHere) => {}
            Err(NotShown::Store(error)) => return Err(unreadable(&error)),
            Err(NotShown::CannotOpen(error)) => return Err(Problem::internal(&error)),
        }
    }
    Ok(records)
}

fn none_kept() -> Problem {
    Problem::not_found("本机构不保存申请人的个人信息。")
}

/// Somebody saw personal data unmasked.
#[derive(Serialize, utoipa::ToSchema)]
struct Disclosure {
    /// 流水号
    position: u64,
    /// 业务时间
    at: String,
    /// 申请编号
    application_id: String,
    /// 何人
    person: String,
    /// 理由
    because: String,
}

/// `GET /api/v1/disclosures`.
pub(super) async fn disclosures<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    uri: Uri,
    Query(query): Query<PageQuery>,
) -> Result<Response, Problem> {
    let limit = page_limit(query.limit)?;
    let rows =
        app.handle.readers.disclosures(query.after_position()?, limit + 1).await.map_err(|error| unreadable(&error))?;
    let items: Vec<Disclosure> = rows
        .into_iter()
        .map(|row| Disclosure {
            position: row.position,
            at: Moment::from_millis(row.at).to_string(),
            application_id: row.application_id,
            person: row.person,
            because: row.because,
        })
        .collect();
    Page::cut(items, limit, |last| last.position.to_string()).respond(&uri)
}
