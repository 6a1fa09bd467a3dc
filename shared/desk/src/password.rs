//! Setting one's own password.

use crate::{
    Shared, State,
    api::Order,
    lang::filters,
    page::{Frame, Html, Trouble, again, html},
    session::{Session, random},
};
use askama::Template;
use axum::{
    Form,
    extract::State as Extract,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use serde_json::json;

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    frame: Frame,
    key: String,
    trouble: String,
}

#[derive(Deserialize)]
pub(crate) struct Chosen {
    csrf: Option<String>,
    key: String,
    #[serde(default)]
    current: String,
    password: String,
    again: String,
}

pub(crate) async fn show(Extract(state): Shared, session: Session) -> Result<Html, Trouble> {
    page(&state, &session, "")
}

fn page(state: &State, session: &Session, trouble: &str) -> Result<Html, Trouble> {
    html(&PasswordPage { frame: Frame::new(state, session), key: random(), trouble: trouble.to_owned() })
}

/// The session that it is set in ends with all others: whoever set it signs in with it.
pub(crate) async fn set(
    Extract(state): Shared,
    session: Session,
    Form(chosen): Form<Chosen>,
) -> Result<Response, Trouble> {
    session.check(chosen.csrf.as_deref())?;
    if chosen.password != chosen.again {
        return Ok(again(page(&state, &session, "两次输入的新密码不一致。")?));
    }
    let mut body = json!({ "password": chosen.password });
    if !chosen.current.is_empty() {
        body["current"] = chosen.current.into();
    }
    let order = Order { key: &chosen.key, version: None, body: &body };
    match state.api.post(&session.access, "account/password", &order).await {
        Ok(_) => Ok(Redirect::to("/login").into_response()),
        Err(refusal) if refusal.can_be_mended() => {
            let details: Vec<&str> = refusal.errors.iter().map(|(_, detail)| detail.as_str()).collect();
            Ok(again(page(&state, &session, &details.join(" "))?))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
