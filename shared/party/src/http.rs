//! The HTTP edge that every organisation has: `/api/v1` for people, `/metrics`, `/livez` and `/readyz` for machines.
//!
//! It looks up committed state and hands commands to the writer; it decides nothing and changes nothing itself. Who may
//! call what is one table ([`policy`]), which also makes the OpenAPI document. What differs between organisations is in
//! [`Edge`]; each service adds routes of its own. A reading organisation never waits for the writer, a full queue is said
//! at once, and no request can cancel what it has set going.

pub mod absences;
mod applications;
mod charters;
mod forwarding;
pub mod holders;
mod papers;
mod personal;
pub mod policy;
mod requests;
mod sessions;
pub mod tasks;
pub mod technical;
pub mod testing;
pub mod writing;

#[cfg(test)]
mod tests;

pub use applications::Nothing;
pub use holders::Caller;
pub use papers::{Gives, PaperDesk};
pub use personal::Personal;
pub use policy::{APPLICANT, AUDITOR, CLERK, OFFICER, OPERATOR, Route, Who};
pub(crate) use requests::trace_of;
pub use technical::{Because, because};
pub use writing::Writing;

use crate::{
    handle::Handle,
    store::{
        StoreError,
        read::{Filter, StateRow},
    },
    vault::{Sealed, Vault},
};
use axum::{
    Router,
    body::Body,
    extract::DefaultBodyLimit,
    http::{HeaderValue, Response, StatusCode, Uri, header},
    middleware::{from_fn, from_fn_with_state},
    routing,
};
use domain::ApplicationId;
use holders::{Holders, Owners};
use organisation::{
    Key, Organisation,
    charters::{Motion, SIGNATORY},
    people::{Handover, SUPERVISOR},
};
use policy::Policy;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::Semaphore;
use web::{Problem, openapi::Described};

/// Requests that may wait for a change at once.
const MAX_WAITING: usize = 4096;

/// How an organisation looks from outside: what the routes need that only it knows.
pub struct Edge<O: Organisation> {
    /// Title of the document.
    pub title: &'static str,
    /// Every role of its own officers; the operator's is not among them, nor those of its clerks.
    pub officers: Vec<&'static str>,
    /// Roles that have tasks and look at no application.
    pub clerks: Vec<&'static str>,
    /// Whether applicants have accounts here.
    pub applicants: bool,
    /// An application as people see it, without personal data: the core's own view, so that it reads the same wherever it is
    /// shown, be it looked up, listed or the answer to a command.
    pub summary: fn(&O::Row) -> Value,
    /// The row of another matter than an application that has tasks, by its number.
    pub matter: fn(&str) -> Option<Key>,
    /// The command that a decision on a task is: the task's name within its matter, and the body. Personal data in
    /// the body are sealed into the vault and go beside the command.
    pub decide: Decide<O>,
    /// The command by which a task changes hands.
    pub hand: fn(Handover) -> O::Command,
    /// The bodies that decisions have.
    pub decisions: Described,
    /// What it keeps of persons, if it does.
    pub personal: Option<Personal>,
    /// What it does with papers, if it keeps any.
    pub papers: Option<PaperDesk<O>>,
    /// The command that a motion about a charter is, if it keeps charters.
    pub charters: Option<fn(Motion) -> O::Command>,
    /// Routes that only this organisation has.
    pub routes: Vec<Route>,
}

/// Reads a decision: the vault, the task's name, the number of the application or of what else it belongs to, the body.
pub type Decide<O> = fn(&Vault, &str, &str, &[u8]) -> Result<Decision<O>, Problem>;

/// A person's decision on a task.
pub struct Decision<O: Organisation> {
    /// What shall be done.
    pub command: O::Command,
    /// Personal data that belong to it.
    pub sealed: Option<Sealed>,
}

/// What the handlers of one organisation share.
pub struct App<O: Organisation> {
    /// The writer, the readers, the clock.
    pub handle: Handle<O>,
    /// Personal data.
    pub vault: Arc<Vault>,
    edge: Edge<O>,
    policy: Policy,
    holders: Holders,
    sessions: sessions::Sessions,
    owners: Owners,
    waiting: Semaphore,
    forwarder: forwarding::Forwarder,
    document: String,
}

/// Every route of an organisation: the common ones, and `own`, whose entries stand in [`Edge::routes`].
pub fn router<O: Organisation>(
    handle: Handle<O>,
    vault: Arc<Vault>,
    edge: Edge<O>,
    own: Router<Arc<App<O>>>,
) -> Router {
    let routes = policy::routes(&edge);
    let app = Arc::new(App {
        handle,
        vault,
        policy: Policy::new(&routes, &edge.officers, &edge.clerks),
        document: document(&edge),
        edge,
        holders: Holders::default(),
        sessions: sessions::Sessions::default(),
        owners: Owners::default(),
        waiting: Semaphore::new(MAX_WAITING),
        forwarder: forwarding::Forwarder::default(),
    });
    let guarded = Router::new()
        .route("/api/v1/applications", routing::get(applications::list::<O>))
        .route("/api/v1/applications/{id}", routing::get(applications::one::<O>))
        .route("/api/v1/applications/{id}/timeline", routing::get(applications::timeline::<O>))
        .route("/api/v1/tasks", routing::get(tasks::list::<O>))
        .route("/api/v1/tasks/{*task}", routing::post(tasks::decide::<O>))
        .route("/api/v1/incidents", routing::get(technical::incidents::<O>))
        .route("/api/v1/parked", routing::get(technical::parked::<O>))
        .route("/api/v1/parked/{position}/retry", routing::post(technical::retry::<O>))
        .route("/api/v1/parked/{position}/drop", routing::post(technical::drop_parked::<O>))
        .route("/api/v1/channels/{partner}/resolution", routing::post(technical::resolve_channel::<O>))
        .route("/api/v1/signing-key", routing::post(technical::change_signing_key::<O>))
        .route("/api/v1/balances", routing::get(technical::balances::<O>))
        .route("/api/v1/transfers", routing::get(technical::transfers::<O>))
        .route("/api/v1/backlog", routing::get(technical::backlog::<O>))
        .route("/api/v1/clock", routing::get(technical::clock::<O>).post(technical::drive_clock::<O>))
        .route("/api/v1/account", routing::get(technical::account::<O>))
        .route("/api/v1/tokens", routing::post(technical::new_token::<O>))
        .route("/api/v1/sessions", routing::post(sessions::sign_in::<O>))
        .route("/api/v1/sessions/end", routing::post(sessions::sign_out::<O>))
        .route("/api/v1/account/password", routing::post(sessions::set_password::<O>))
        .route("/api/v1/accounts/closure", routing::post(sessions::close::<O>))
        .route("/api/v1/absences", routing::get(absences::list::<O>).post(absences::enter::<O>))
        .route("/api/v1/absences/{number}/end", routing::post(absences::end::<O>))
        .route("/api/v1/openapi.json", routing::get(technical::openapi::<O>))
        // Without an entry in the table they are closed to everybody.
        .route("/api/v1/applications/{id}/personal-data", routing::get(personal::masked::<O>))
        .route("/api/v1/applications/{id}/personal-data/disclosure", routing::post(personal::unmasked::<O>))
        .route("/api/v1/disclosures", routing::get(personal::disclosures::<O>))
        .route(
            "/api/v1/applications/{id}/papers",
            routing::get(papers::list::<O>).post(papers::supply::<O>).layer(DefaultBodyLimit::max(papers::BODY_LIMIT)),
        )
        .route("/api/v1/applications/{id}/papers/request", routing::post(papers::ask::<O>))
        .route("/api/v1/applications/{id}/papers/{address}/disclosure", routing::post(papers::show::<O>))
        .route("/api/v1/applications/{id}/erasure", routing::post(papers::erase::<O>))
        .route("/api/v1/charters", routing::get(charters::list::<O>).post(charters::propose::<O>))
        .route("/api/v1/charters/{hash}", routing::get(charters::one::<O>))
        .route("/api/v1/charters/{hash}/acceptance", routing::post(charters::accept::<O>))
        .route("/api/v1/charters/{hash}/refusal", routing::post(charters::decline::<O>))
        .route("/api/v1/charters/{hash}/proposal/withdrawal", routing::post(charters::drop_proposal::<O>))
        .merge(own)
        // Inside of what follows: nothing of strangers is carried on.
        .route_layer(from_fn_with_state(Arc::clone(&app), forwarding::to_the_writer::<O>))
        .route_layer(from_fn_with_state(Arc::clone(&app), policy::authorise::<O>));
    let public = Router::new()
        .route("/metrics", routing::get(technical::metrics::<O>))
        .route("/livez", routing::get(technical::livez))
        .route("/readyz", routing::get(forwarding::readyz::<O>));
    let requests = from_fn_with_state(requests::Requests::new(O::PARTY, app.handle.requests.clone()), requests::traced);
    // Outermost, so that a panic too is logged with its application.
    web::finish(guarded.merge(public).with_state(app)).layer(requests).layer(from_fn(crate::about::request))
}

/// The OpenAPI document of an organisation, as it is served and committed.
pub fn document<O: Organisation>(edge: &Edge<O>) -> String {
    let operations: Vec<_> = policy::routes(edge).into_iter().map(|route| route.operation).collect();
    let description = "暖·创贷。所有错误均为 RFC 9457 问题详情，code 稳定；金额单位为分，利率单位为百万分之一每年。";
    let document = web::openapi::document(edge.title, env!("CARGO_PKG_VERSION"), description, &operations);
    // The document is made of strings and numbers, which always write as JSON.
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

impl<O: Organisation> App<O> {
    /// Key of the row that an application is kept in.
    pub fn key(&self, id: &ApplicationId) -> Key {
        Key::row(O::KIND, id)
    }

    /// The row of an application as it is committed.
    ///
    /// # Errors
    /// 404: there is no such application. 503: the database cannot be read.
    pub async fn row(&self, id: &ApplicationId) -> Result<StateRow, Problem> {
        let row = self.handle.readers.state(&self.key(id).to_string()).await.map_err(|error| unreadable(&error))?;
        row.ok_or_else(|| Problem::not_found(format!("没有编号为 {id} 的申请。")))
    }

    /// A page of the rows whose keys begin so, in the order of their keys, behind the place that a page before it gave.
    ///
    /// # Errors
    /// 400: the cursor is none of ours. 503: the database cannot be read.
    pub async fn rows(
        &self,
        prefix: &str,
        filter: &Filter,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<Page<StateRow>, Problem> {
        let after = match cursor {
            Some(cursor) => format!("{prefix}{}", web::decode_cursor(&cursor)?),
            None => String::new(),
        };
        let rows = self.handle.readers.list(prefix, filter, &after, limit + 1).await;
        let rows = rows.map_err(|error| unreadable(&error))?;
        Ok(Page::cut(rows, limit, |row| row.key[prefix.len()..].to_owned()))
    }

    /// A row as people see it, with its version, on which a decision about it can be made; none if there is no such row.
    ///
    /// # Errors
    /// 503: the database cannot be read.
    pub async fn shown(&self, key: &Key) -> Result<Option<Response<Body>>, Problem> {
        let row = self.handle.readers.state(&key.to_string()).await.map_err(|error| unreadable(&error))?;
        let Some(row) = row else { return Ok(None) };
        let mut response = ok(&self.view(&row)?)?;
        response.headers_mut().insert(header::ETAG, web::etag(row.version));
        Ok(Some(response))
    }

    /// Whether the caller may look at this application and act on it: everybody but an applicant whose it is not.
    ///
    /// # Errors
    /// 404, as if there were none: an applicant does not learn what others have filed.
    pub async fn may_see(&self, caller: &Caller, id: &ApplicationId) -> Result<(), Problem> {
        if !self.is_applicant_only(caller) || self.owner(id).await?.is_some_and(|owner| owner == caller.person) {
            return Ok(());
        }
        Err(Problem::not_found(format!("没有编号为 {id} 的申请。")))
    }

    /// Whether the caller is an applicant and nothing else, so that only its own applications are its business.
    pub fn is_applicant_only(&self, caller: &Caller) -> bool {
        let is_staff = |role: &String| {
            [AUDITOR, SUPERVISOR, SIGNATORY].contains(&role.as_str())
                || self.edge.officers.contains(&role.as_str())
                || self.edge.clerks.contains(&role.as_str())
        };
        !caller.roles.iter().any(is_staff)
    }

    /// The person who filed an application: the source of its first command that was decided. Before it a partner may have
    /// said what was refused.
    async fn owner(&self, id: &ApplicationId) -> Result<Option<String>, Problem> {
        if let Some(owner) = self.owners.get(id) {
            return Ok(Some(owner));
        }
        let rows = self.handle.readers.journal(&id.to_string()).await.map_err(|error| unreadable(&error))?;
        let owner = rows.into_iter().find(|row| row.kind == "command").map(|row| row.source);
        if let Some(owner) = &owner {
            self.owners.put(id.clone(), owner.clone());
        }
        Ok(owner)
    }

    /// An application, or another matter, as people see it, with its version.
    ///
    /// # Errors
    /// 500: the row is not as this build writes it.
    pub fn view(&self, row: &StateRow) -> Result<Value, Problem> {
        let own: O::Row = serde_json::from_str(&row.body).map_err(|error| Problem::internal(&error))?;
        let mut view = (self.edge.summary)(&own);
        show_version(&mut view, row.version);
        Ok(view)
    }
}

/// An application is shown with the version that its `ETag` names.
fn show_version(view: &mut Value, version: u64) {
    if let Value::Object(view) = view {
        view.insert("version".into(), version.into());
    }
}

/// The number of an application in a path.
///
/// # Errors
/// 404: what is no number names no application.
pub fn application_id(text: &str) -> Result<ApplicationId, Problem> {
    ApplicationId::parse(text).map_err(|_| Problem::not_found("没有此编号的申请，编号形如 NCD-2018-0052。"))
}

/// What a store that cannot be read means to a caller.
pub fn unreadable(error: &StoreError) -> Problem {
    match error {
        StoreError::Unavailable { .. } => {
            tracing::warn!(%error, "the database cannot be read");
            Problem::unavailable("STORE_UNAVAILABLE", "数据库暂时无法读取。", 1)
        }
        _ => Problem::internal(error),
    }
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The only page of a short list.
    pub const fn whole(items: Vec<T>) -> Self {
        Page { items, next_cursor: None }
    }

    /// The first `limit` of items that were read one more than that, if there are more.
    pub fn cut(mut items: Vec<T>, limit: u32, place: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| has_more).map(|last| web::encode_cursor(&place(last)));
        Page { items, next_cursor }
    }

    /// The same page with its items in another form.
    pub fn with<U>(self, items: Vec<U>) -> Page<U> {
        Page { items, next_cursor: self.next_cursor }
    }
}

impl<T: Serialize> Page<T> {
    /// The answer, with a link to the next page of the request.
    ///
    /// # Errors
    /// 500: an item does not write as JSON.
    pub fn respond(&self, uri: &Uri) -> Result<Response<Body>, Problem> {
        let link = self.next_cursor.as_ref().and_then(|cursor| web::next_link(uri, cursor));
        let mut response = ok(self)?;
        response.headers_mut().extend(link.map(|link| (header::LINK, link)));
        Ok(response)
    }
}

/// Most items of a page.
const MAX_LIMIT: u32 = 200;
const DEFAULT_LIMIT: u32 = 50;

/// The number of items that a page may have.
///
/// # Errors
/// 400: none, or more than 200.
pub fn page_limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(Problem::bad_request("INVALID_QUERY", format!("limit 应为 1 至 {MAX_LIMIT} 的整数。"))),
    }
}

/// `200 OK` with a JSON body.
pub(crate) fn ok(body: &impl Serialize) -> Result<Response<Body>, Problem> {
    json(StatusCode::OK, body)
}

/// A JSON answer.
///
/// # Errors
/// 500: the body does not write as JSON.
pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Response<Body>, Problem> {
    let body = serde_json::to_vec(body).map_err(|error| Problem::internal(&error))?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
