//! What every page has: the frame around it, its headers, and how a refusal looks.

use crate::{
    State,
    api::Refusal,
    lang::{fill, filters, t},
    session::Session,
    words,
};
use askama::Template;
use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

/// A page.
pub(crate) type Html = axum::response::Html<String>;

/// Nothing is loaded from elsewhere, nothing runs but the three scripts of [`crate::live`], and nobody frames these pages.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";

/// Who files applications and withdraws them.
pub(crate) const FILES: &[&str] = &["applicant", "intake_officer"];

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The session's token is nobody's any more.
    SignedOut,
    /// The session acts for somebody who is not away any more, or has another deputy.
    NotDeputy,
    /// The interface, or the desk itself, says no.
    Refused(Refusal),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        match refusal.code.as_str() {
            _ if refusal.status == StatusCode::UNAUTHORIZED => Trouble::SignedOut,
            "NOT_DEPUTY" => Trouble::NotDeputy,
            _ => Trouble::Refused(refusal),
        }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    title: &'a str,
    detail: &'a str,
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        match self {
            Trouble::SignedOut => Redirect::to("/login").into_response(),
            Trouble::NotDeputy => Redirect::to("/absences").into_response(),
            Trouble::Refused(refusal) => {
                let page = ProblemPage { title: &refusal.title, detail: &refusal.detail };
                let body = page.render().unwrap_or_else(|_| refusal.title.clone());
                (refusal.status, axum::response::Html(body)).into_response()
            }
        }
    }
}

/// The page that this template makes.
pub(crate) fn html(page: &impl Template) -> Result<Html, Trouble> {
    page.render().map(axum::response::Html).map_err(|error| {
        tracing::error!(%error, "a page cannot be made");
        Trouble::Refused(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "系统内部错误",
            "请稍后再试；若仍如此，请告知运维。",
        ))
    })
}

/// A form again, with what is wrong with what was sent.
pub(crate) fn again(page: Html) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
}

/// The frame around a page of somebody who is signed in.
pub(crate) struct Frame {
    /// The organisation.
    pub organisation: &'static str,
    pub party: &'static str,
    /// Who is signed in, and as what.
    pub account: String,
    pub roles: String,
    pub csrf: String,
    /// Address and name of the pages that this person may open.
    pub links: Vec<(&'static str, &'static str)>,
}

impl Frame {
    pub fn new(state: &State, session: &Session) -> Self {
        let mut links = vec![("/", if session.is_applicant() { "我的申请" } else { "工作台" })];
        if session.is_clerk(state) {
            links.extend([("/tasks", "待办"), ("/tickets", "工单")]);
        } else if !session.is_applicant() {
            links.extend([("/tasks", "待办"), ("/applications", "申请")]);
            if crate::keeps_tickets(&state.desk) {
                links.push(("/tickets", "工单"));
            }
            links.extend([("/books", "账簿"), ("/incidents", "异常"), ("/charters", "章程"), ("/absences", "代理")]);
        }
        if state.desk.actions.iter().any(|action| session.has_any(action.roles)) {
            links.push(("/actions", "业务操作"));
        }
        if state.desk.application.is_some() && session.has_any(FILES) {
            links.push(("/apply/1", "新申请"));
        }
        let roles: Vec<&str> = session.roles.iter().map(|role| words::word(role)).collect();
        Frame {
            organisation: state.desk.title,
            party: state.desk.party,
            account: match &session.access.on_behalf_of {
                Some(absent) => fill("{} 代 {}", &[&session.account, &words::person(absent)]),
                None => session.account.clone(),
            },
            roles: roles.join(t("、")),
            csrf: session.csrf.clone(),
            links,
        }
    }
}

/// What a browser is told of an address that there is not; programs are told by the interface.
pub(crate) async fn nowhere(request: Request, next: Next) -> Response {
    let is_page = !request.uri().path().starts_with("/api/");
    let accepts = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let is_browser = accepts.contains("text/html");
    let response = next.run(request).await;
    let is_page_already =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/html; charset=utf-8");
    if !is_page || !is_browser || is_page_already || response.status() != StatusCode::NOT_FOUND {
        return response;
    }
    Trouble::Refused(Refusal::new(StatusCode::NOT_FOUND, "没有找到", "没有这个页面；请从首页重新打开。"))
        .into_response()
}

/// The headers of every page.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let of_a_part = request.headers().contains_key("hx-request");
    let mut response = next.run(request).await;
    if of_a_part && response.status().is_redirection() {
        // To the sign-in, most likely: as a whole page, not in the place of a part of this one.
        response = (StatusCode::OK, [("hx-refresh", "true")]).into_response();
    }
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What one person saw must not come back for the next one at the same machine.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

pub(crate) async fn style() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=600")];
    (headers, include_str!("../templates/desk.css"))
}
