//! The routes that only the guarantor has: the books, the limits, closing incidents.

use crate::NetAssets;
use axum::{
    Extension, Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use domain::{Fen, Uscc};
use guarantor_core::{Command, Guarantor, Row, rights, rows};
use organisation::Key;
use party::http::{AUDITOR, App, Because, OFFICER, Route, Who, Writing, application_id, because, json, unreadable};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use web::{
    Problem, Query,
    openapi::{Kind, Parameter, described},
};

type Shared = State<Arc<App<Guarantor>>>;

pub(crate) fn router() -> Router<Arc<App<Guarantor>>> {
    Router::new()
        .route("/api/v1/books", post(open_books))
        .route("/api/v1/limits", get(limits))
        .route("/api/v1/applications/{id}/incidents/{number}/resolution", post(resolve))
}

pub(crate) fn table() -> Vec<Route> {
    const REPAIR: Who = Who::Roles(rights::BOOKS);
    const OWNERS: Who = Who::Roles(rights::INCIDENTS);
    const BOOKS: Who = Who::Roles(&[OFFICER, AUDITOR]);
    vec![
        Route::post("/api/v1/books", REPAIR, "启用账簿", described::<Books>()).answers(204, "已启用", None),
        Route::get("/api/v1/limits", BOOKS, "担保额度及其占用", Some(described::<Limits>())).with([Parameter::query(
            "uscc",
            Kind::Text,
            "同时给出此客户的占用",
        )]),
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

/// With which capital the books are opened.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Books {
    /// 自有资本，分
    #[schema(value_type = i64)]
    capital_fen: Fen,
}

async fn open_books(State(app): Shared, writing: Writing) -> Result<Response, Problem> {
    let Books { capital_fen } = writing.json()?;
    app.command(writing, Command::OpenBooks { capital_fen }, None, None).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsQuery {
    uscc: Option<String>,
}

/// What the guarantor may guarantee, and what it stands for (国务院令683号).
#[derive(Serialize, ToSchema)]
struct Limits {
    /// 净资产，分
    net_assets_fen: i64,
    /// 担保责任上限：净资产 × 倍数，分
    liability_limit_fen: Option<i64>,
    /// 已占用，分
    exposure_fen: i64,
    /// 单一客户上限，分
    one_client_limit_fen: Option<i64>,
    /// 所问客户已占用，分
    #[serde(skip_serializing_if = "Option::is_none")]
    client_exposure_fen: Option<i64>,
}

async fn limits(
    State(app): Shared,
    Extension(NetAssets(net_assets)): Extension<NetAssets>,
    Query(query): Query<LimitsQuery>,
) -> Result<Response, Problem> {
    let client_exposure_fen = match &query.uscc {
        None => None,
        Some(uscc) => {
            let uscc = Uscc::parse(uscc);
            let uscc = uscc.map_err(|error| Problem::bad_request("INVALID_QUERY", format!("uscc：{error}")))?;
            Some(exposure(&app, &rows::client(uscc.as_str())).await?)
        }
    };
    let charter = app.charter_in_force(app.handle.clock.now().date()).await?;
    let all = |charter: &domain::Charter| net_assets.checked_mul(i64::from(charter.guarantor_net_assets_multiple));
    let one = |charter: &domain::Charter| net_assets.floor_share(charter.guarantor_one_client);
    json(
        StatusCode::OK,
        &Limits {
            net_assets_fen: net_assets.get(),
            liability_limit_fen: charter.as_deref().and_then(all).map(Fen::get),
            exposure_fen: exposure(&app, &rows::limits()).await?,
            one_client_limit_fen: charter.as_deref().and_then(one).map(Fen::get),
            client_exposure_fen,
        },
    )
}

/// A sum of exposures; what was never written is nothing.
async fn exposure(app: &App<Guarantor>, key: &Key) -> Result<i64, Problem> {
    let row = app.handle.readers.state(&key.to_string()).await.map_err(|error| unreadable(&error))?;
    let row = row.map(|row| serde_json::from_str::<Row>(&row.body)).transpose();
    Ok(match row.map_err(|error| Problem::internal(&error))? {
        Some(Row::Limits(sum) | Row::Client(sum)) => sum.exposure_fen.get(),
        _ => 0,
    })
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
