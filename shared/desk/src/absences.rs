//! Who is away, and who acts for whom: a supervisor enters it, a deputy changes over and back.

use crate::{
    Shared, State,
    api::{Access, Order, Refusal, encoded},
    handover::SUPERVISOR,
    lang::{filters, t},
    page::{Frame, Html, Trouble, html},
    session::{Session, random, texts},
    words,
};
use askama::Template;
use axum::{
    Form,
    extract::{Path, State as Extract},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

struct Absence {
    number: String,
    person: String,
    deputy: String,
    from: String,
    to: String,
    because: String,
    ended: bool,
}

/// Somebody for whom this person may act today.
struct Away {
    id: String,
    name: String,
    roles: String,
}

#[derive(Template)]
#[template(path = "absences.html")]
struct AbsencesPage {
    frame: Frame,
    /// For whom this person acts now.
    acting: Option<String>,
    away: Vec<Away>,
    absences: Vec<Absence>,
    may_enter: bool,
    key: String,
    trouble: String,
    /// What was typed, by field.
    sent: BTreeMap<String, String>,
}

impl AbsencesPage {
    fn typed(&self, field: &str) -> &str {
        self.sent.get(field).map_or("", String::as_str)
    }
}

pub(crate) async fn show(Extract(state): Shared, session: Session) -> Result<Html, Trouble> {
    html(&page(&state, &session).await?)
}

async fn page(state: &State, session: &Session) -> Result<AbsencesPage, Trouble> {
    let own = state.api.get(&session.access, "account").await?.body;
    // As oneself: whoever acts for somebody who is back has to get back too.
    let oneself = Access { on_behalf_of: None, ..session.access.clone() };
    let list = match state.api.get(&oneself, "absences").await {
        Ok(list) => list.body,
        Err(refusal) if refusal.status == StatusCode::FORBIDDEN => Value::Null,
        Err(refusal) => return Err(refusal.into()),
    };
    let away = own["deputy_for"].as_object().into_iter().flatten().map(|(id, roles)| Away {
        id: id.clone(),
        name: words::person(id),
        roles: texts(roles).iter().map(|role| words::word(role)).collect::<Vec<_>>().join(t("、")),
    });
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let absences = list["items"].as_array().into_iter().flatten().map(|absence| Absence {
        number: absence["number"].to_string(),
        person: words::person(absence["person"].as_str().unwrap_or_default()),
        deputy: words::person(absence["deputy"].as_str().unwrap_or_default()),
        from: text(&absence["from"]),
        to: text(&absence["to"]),
        because: text(&absence["because"]),
        ended: absence["ended"] == true,
    });
    Ok(AbsencesPage {
        frame: Frame::new(state, session),
        acting: session.access.on_behalf_of.as_deref().map(words::person),
        away: away.collect(),
        absences: absences.collect(),
        may_enter: session.has(SUPERVISOR),
        key: random(),
        trouble: String::new(),
        sent: BTreeMap::new(),
    })
}

/// `li` and `person:li` are the same person.
fn identifier(typed: &str) -> String {
    let typed = typed.trim();
    if typed.is_empty() || typed.contains(':') { typed.to_owned() } else { format!("person:{typed}") }
}

pub(crate) async fn enter(
    Extract(state): Shared,
    session: Session,
    Form(sent): Form<BTreeMap<String, String>>,
) -> Result<Response, Trouble> {
    session.check(sent.get("csrf").map(String::as_str))?;
    let typed = |name: &str| sent.get(name).map_or("", String::as_str).trim();
    let body = json!({
        "person": identifier(typed("person")),
        "deputy": identifier(typed("deputy")),
        "from": typed("from"),
        "to": typed("to"),
        "because": typed("because"),
    });
    let order = Order { key: typed("key"), version: None, body: &body };
    match state.api.post(&session.access, "absences", &order).await {
        Ok(_) => Ok(Redirect::to("/absences").into_response()),
        Err(refusal) if refusal.can_be_mended() => {
            let mut page = page(&state, &session).await?;
            let details = refusal.errors.iter().map(|(field, detail)| format!("{}：{detail}", words::word(field)));
            let details: Vec<String> = details.collect();
            page.trouble = if details.is_empty() { refusal.line() } else { details.join(" ") };
            page.sent = sent;
            Ok((refusal.status, html(&page)?).into_response())
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// Why an absence ends.
#[derive(Deserialize)]
pub(crate) struct End {
    csrf: Option<String>,
    key: String,
    because: String,
}

pub(crate) async fn end(
    Extract(state): Shared,
    session: Session,
    Path(number): Path<String>,
    Form(form): Form<End>,
) -> Result<Response, Trouble> {
    session.check(form.csrf.as_deref())?;
    let body = json!({ "because": form.because.trim() });
    let order = Order { key: &form.key, version: None, body: &body };
    state.api.post(&session.access, &format!("absences/{}/end", encoded(&number)), &order).await?;
    Ok(Redirect::to("/absences").into_response())
}

/// For whom to act from now on; nobody: for oneself.
#[derive(Deserialize)]
pub(crate) struct Acting {
    csrf: Option<String>,
    #[serde(default)]
    person: String,
}

pub(crate) async fn change_over(
    Extract(state): Shared,
    session: Session,
    headers: HeaderMap,
    Form(form): Form<Acting>,
) -> Result<Response, Trouble> {
    session.check(form.csrf.as_deref())?;
    let own = state.api.get(&session.access, "account").await?.body;
    let person = own["person"].as_str().unwrap_or_default();
    let (on_behalf_of, person, roles) = if form.person.is_empty() {
        (None, person.to_owned(), texts(&own["roles"]))
    } else {
        let roles = own["deputy_for"].get(&form.person).ok_or_else(|| {
            let detail = "您今日未被指定为此人的代理人。";
            Refusal::new(StatusCode::FORBIDDEN, "不能代理", detail)
        })?;
        (Some(form.person.clone()), format!("{person} for {}", form.person), texts(roles))
    };
    let access = Access { on_behalf_of, ..session.access.clone() };
    let mut session = session;
    (session.access, session.person, session.roles) = (access, person, roles);
    session.kept(&state, "/", &headers)
}
