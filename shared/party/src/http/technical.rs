//! What operators and auditors look at: incidents, parked inputs, books, queues, the clock, accounts, health.

use super::{
    APPLICANT, AUDITOR, App, Caller, OPERATOR, Page, Writing, applications::Nothing, ok, page_limit, unreadable,
    writing::answer,
};
use crate::{
    handle::{Account, Maintenance, Wish},
    store::read::TransferRow,
};
use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use channel::{PublicKey, Resolution};
use domain::{Moment, Party};
use organisation::{Organisation, charters::SIGNATORY, people::SUPERVISOR};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use web::{BearerToken, Fields, Problem, Query, utoipa};

/// Which page of a list that is asked for nothing else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    cursor: Option<String>,
    /// Items at most.
    pub limit: Option<u32>,
}

impl PageQuery {
    /// The place behind which the page begins; empty: the first one.
    fn after(&self) -> Result<String, Problem> {
        self.cursor.as_deref().map(web::decode_cursor).transpose().map(Option::unwrap_or_default)
    }

    /// The journal position behind which the page begins.
    pub fn after_position(&self) -> Result<u64, Problem> {
        let place = self.after()?;
        if place.is_empty() {
            return Ok(0);
        }
        place.parse().map_err(|_| Problem::bad_request("INVALID_CURSOR", "cursor 应为上一页给出的值。"))
    }
}

/// `GET /api/v1/incidents`.
pub(super) async fn incidents<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    uri: Uri,
    Query(query): Query<PageQuery>,
) -> Result<Response, Problem> {
    let limit = page_limit(query.limit)?;
    let read = app.handle.readers.incidents(&query.after()?, limit + 1).await;
    let page = Page::cut(read.map_err(|error| unreadable(&error))?, limit, |(id, _)| id.clone());
    let bodies: Result<Vec<Box<RawValue>>, _> =
        page.items.iter().map(|(_, body)| RawValue::from_string(body.clone())).collect();
    page.with(bodies.map_err(|error| Problem::internal(&error))?).respond(&uri)
}

/// `GET /api/v1/parked`.
pub(super) async fn parked<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    uri: Uri,
    Query(query): Query<PageQuery>,
) -> Result<Response, Problem> {
    let limit = page_limit(query.limit)?;
    let read = app.handle.readers.parked(query.after_position()?, limit + 1).await;
    let page = Page::cut(read.map_err(|error| unreadable(&error))?, limit, |row| row.position.to_string());
    let items: Vec<Value> = page
        .items
        .iter()
        .map(|row| {
            json!({
                "position": row.position,
                "application_id": row.application_id,
                "source": row.source,
                "why": row.why,
                "state": row.state,
                "at": Moment::from_millis(row.at).to_string(),
            })
        })
        .collect();
    page.with(items).respond(&uri)
}

/// Why somebody does something.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
pub struct Because {
    /// Why, 2 to 500 characters.
    because: String,
}

/// The reason that a body `{"because": …}` gives.
///
/// # Errors
/// 400, 415, 422.
pub fn because(writing: &Writing) -> Result<String, Problem> {
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let because = fields.text("because", 2..=500);
    fields.finish(because)
}

/// `POST /api/v1/parked/{position}/retry`.
pub(super) async fn retry<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Path(position): Path<String>,
    writing: Writing,
) -> Result<Response, Problem> {
    let (position, because) = parked_order(&position, &writing)?;
    app.order(writing.idempotency, Maintenance::Retry { position, because }).await
}

/// `POST /api/v1/parked/{position}/drop`.
pub(super) async fn drop_parked<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Path(position): Path<String>,
    writing: Writing,
) -> Result<Response, Problem> {
    let (position, because) = parked_order(&position, &writing)?;
    app.order(writing.idempotency, Maintenance::Drop { position, because }).await
}

/// Which parked input an order is about; who gives it, and why.
fn parked_order(position: &str, writing: &Writing) -> Result<(u64, String), Problem> {
    let position = position.parse().map_err(|_| Problem::not_found("没有此流水号的搁置输入。"))?;
    Ok((position, format!("{}：{}", writing.caller.person, because(writing)?)))
}

/// How the freeze of a channel is to end.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelResolution {
    /// keep_our_heads、adopt_their_receipt、resend_to_partner
    #[schema(value_type = String)]
    resolution: Resolution,
    /// 理由
    because: String,
}

/// `POST /api/v1/channels/{partner}/resolution`: the first person proposes, the second confirms the same.
pub(super) async fn resolve_channel<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Path(partner): Path<String>,
    writing: Writing,
) -> Result<Response, Problem> {
    let partner: Party = partner.parse().map_err(|_| Problem::not_found("没有此合作方。"))?;
    let ChannelResolution { resolution, because } = writing.json()?;
    app.together(writing, Wish::Unfreeze { partner, resolution }, because).await
}

/// Which key is to sign from now on.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SigningKeyChange {
    /// 新的签名公钥，64 位十六进制数字，由 `nuan keys rotate` 显示
    #[schema(value_type = String)]
    key: PublicKey,
    /// 理由
    because: String,
}

/// `POST /api/v1/signing-key`: the first person proposes, the second confirms the same key.
pub(super) async fn change_signing_key<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    writing: Writing,
) -> Result<Response, Problem> {
    let SigningKeyChange { key, because } = writing.json()?;
    app.together(writing, Wish::ChangeKey { key }, because).await
}

/// Which accounts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BalancesQuery {
    #[serde(default)]
    prefix: String,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// `GET /api/v1/balances`.
pub(super) async fn balances<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    uri: Uri,
    Query(BalancesQuery { prefix, cursor, limit }): Query<BalancesQuery>,
) -> Result<Response, Problem> {
    let limit = page_limit(limit)?;
    let after = PageQuery { cursor, limit: None }.after()?;
    let read = app.handle.readers.balances(&prefix, &after, limit + 1).await;
    Page::cut(read.map_err(|error| unreadable(&error))?, limit, |balance| balance.code.clone()).respond(&uri)
}

/// Transfers that are read at once: more than any one decision books.
const TRANSFERS_READ: u32 = 1000;

/// `GET /api/v1/transfers`. A page holds the transfers of whole decisions, so it may be somewhat longer than its limit.
pub(super) async fn transfers<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    uri: Uri,
    Query(query): Query<PageQuery>,
) -> Result<Response, Problem> {
    let limit = usize::try_from(page_limit(query.limit)?).unwrap_or(usize::MAX);
    let items = app
        .handle
        .readers
        .transfers(query.after_position()?, TRANSFERS_READ)
        .await
        .map_err(|error| unreadable(&error))?;
    let is_all = items.len() < usize::try_from(TRANSFERS_READ).unwrap_or(usize::MAX);
    let (items, last) = whole_decisions(items, limit, is_all);
    let next_cursor = last.map(|position| web::encode_cursor(&position.to_string()));
    Page { items, next_cursor }.respond(&uri)
}

/// Cuts a list behind the decision that reaches `limit`. With what follows, the position of the last that is left.
fn whole_decisions(mut items: Vec<TransferRow>, limit: usize, is_all: bool) -> (Vec<TransferRow>, Option<u64>) {
    let Some(last) = items.get(limit.saturating_sub(1)).map(|row| row.position) else { return (items, None) };
    let end = items.partition_point(|row| row.position <= last);
    let follows = end < items.len() || !is_all;
    items.truncate(end);
    (items, follows.then_some(last))
}

/// `GET /api/v1/backlog`.
pub(super) async fn backlog<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Response, Problem> {
    let backlog = app.handle.backlog.borrow().clone();
    ok(&backlog)
}

/// `GET /api/v1/clock`.
pub(super) async fn clock<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Response, Problem> {
    ok(&app.handle.clock.view())
}

/// Where business time goes.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
pub(super) struct Drive {
    /// Moment, ISO 8601 with offset, not before the one that it is.
    at: String,
}

/// `POST /api/v1/clock`.
pub(super) async fn drive_clock<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    writing: Writing,
) -> Result<Response, Problem> {
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let at = fields.read("at", "MOMENT", Moment::parse);
    let at = fields.finish(at)?;
    app.order(writing.idempotency, Maintenance::Drive { to: at, by: writing.caller.person }).await
}

/// The account behind a token.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct OwnAccount {
    /// 账户名
    account: String,
    /// 账户背后的人
    person: String,
    /// 角色
    roles: Vec<String>,
    /// 今日可代理的人，及代理时的角色
    deputy_for: BTreeMap<String, BTreeSet<String>>,
}

/// `GET /api/v1/account`.
pub(super) async fn account<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    caller: Caller,
) -> Result<Response, Problem> {
    let mut deputy_for = BTreeMap::new();
    for absent in app.absent_today(&caller.person).await? {
        let roles = app.roles_for_deputy(&absent).await?;
        deputy_for.insert(absent, roles);
    }
    let Caller { account, person, roles, .. } = caller;
    ok(&OwnAccount { account, person, roles: roles.into_iter().collect(), deputy_for })
}

/// An account to be made.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
pub(super) struct NewAccount {
    /// Name of the account.
    account: String,
    /// The person behind it: what four eyes are counted by.
    person: String,
    /// Roles it shall hold.
    roles: Vec<String>,
}

/// A new account with its token, which is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct NewToken {
    account: String,
    person: String,
    roles: Vec<String>,
    /// The bearer token.
    token: String,
}

/// `POST /api/v1/tokens`: a mere applicant's account at once, any other when a second person confirms the same. Whoever could
/// open one alone would be two persons wherever four eyes are asked for.
///
/// The token is not kept but made from the key of the request that opened the account, so that this request, sent again, gets
/// the same one.
pub(super) async fn new_token<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    writing: Writing,
) -> Result<Response, Problem> {
    let mut known = app.edge.officers.clone();
    known.extend(app.edge.clerks.iter().copied());
    known.extend([OPERATOR, AUDITOR, SUPERVISOR, SIGNATORY]);
    known.extend(app.edge.applicants.then_some(APPLICANT));
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let account = fields.read("account", "NAME", name);
    let person = fields.read("person", "NAME", name);
    let roles = fields.choices("roles", &known);
    let (account, person, roles) = fields.finish((|| Some((account?, person?, roles?)))())?;
    let roles: Vec<String> = roles.into_iter().map(str::to_owned).collect();

    let of_request = [writing.idempotency.id(), hex::encode(writing.idempotency.body_hash)];
    let token = BearerToken::text(&app.vault.secret("token", &of_request.each_ref().map(String::as_str)));
    let BearerToken(hash) = BearerToken::of(&token);
    let is_applicants = roles.iter().all(|role| role == APPLICANT);
    let account = Account { hash, account, person, roles };
    let Writing { caller, idempotency, .. } = writing;
    let by = caller.person;
    let order = if is_applicants {
        Maintenance::Account { account, by }
    } else {
        Maintenance::Together { wish: Wish::Account(account), person: by, because: String::new() }
    };
    let (mut said, before) = app.ordered(idempotency, order).await?;
    if said.status == StatusCode::CREATED
        && let Value::Object(made) = &mut said.body
    {
        made.insert("token".into(), token.into());
    }
    let mut response = answer(&said, before)?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A name of an account or person: visible, without blanks, and no service identity's, which only the core may use.
fn name(text: &str) -> Result<String, &'static str> {
    if text.starts_with("service:") {
        return Err("以 service: 开头的名称留给系统自动办理使用。");
    }
    if text.chars().any(char::is_whitespace) {
        return Err("名称中不得有空白。");
    }
    Ok(text.to_owned())
}

/// `GET /api/v1/openapi.json`.
pub(super) async fn openapi<O: Organisation>(State(app): State<Arc<App<O>>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], app.document.clone()).into_response()
}

/// `GET /metrics`.
pub(super) async fn metrics<O: Organisation>(State(app): State<Arc<App<O>>>) -> Response {
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, open_metrics)], app.handle.metrics.text()).into_response()
}

/// `GET /livez`.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}
