//! Papers of an application: handed in, asked for, opened with a reason; and the erasure of what is kept of persons.

use crate::{
    Shared, State,
    api::{Order, Refusal, encoded},
    lang::{fill, t},
    page::{FILES, Trouble},
    session::{Session, random},
    words,
};
use axum::{
    Form,
    extract::{Multipart, Path, State as Extract},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Bytes of a form with a paper in it: the interface says how large the paper itself may be.
pub(crate) const UPLOAD_LIMIT: usize = 2 * 1024 * 1024 + 64 * 1024;

/// A line of the list.
pub(crate) struct Row {
    pub address: String,
    pub kind: String,
    pub title: String,
    pub pages: String,
    pub size: String,
    pub on: String,
    /// Whether it has come as a whole.
    pub whole: bool,
    /// Whether it is a paper, and not the personal data that are shown elsewhere.
    pub opens: bool,
}

impl Row {
    /// What it is, in a line.
    pub fn line(&self) -> String {
        fill("{}，{} 页，{}", &[&self.title, &self.pages, &self.on])
    }
}

/// What of papers a page shows, and what this person may do about them.
#[derive(Default)]
pub(crate) struct Section {
    pub rows: Vec<Row>,
    pub kinds: &'static [(&'static str, &'static str)],
    pub may_open: bool,
    pub may_ask: bool,
    pub may_erase: bool,
    pub key: String,
}

impl Section {
    /// Of an application that has ended or not.
    pub async fn of(state: &State, session: &Session, id: &str, ended: bool) -> Result<Self, Trouble> {
        // Whoever may see no papers sees none.
        let rows = match state.api.get(&session.access, &format!("applications/{id}/papers")).await {
            Ok(list) => list.body["items"].as_array().into_iter().flatten().map(row).collect(),
            Err(refusal) if refusal.status == StatusCode::FORBIDDEN => Vec::new(),
            Err(refusal) => return Err(refusal.into()),
        };
        let reads = session.has_any(state.desk.reads_papers);
        let hands_in = state.desk.application.filter(|_| !ended && session.has_any(FILES));
        Ok(Section {
            may_ask: reads && state.desk.application.is_none() && !ended && rows.is_empty(),
            may_open: reads,
            may_erase: ended && reads,
            kinds: hands_in.map_or(&[], |application| application.papers),
            rows,
            key: random(),
        })
    }

    /// The kinds of which there is no paper, where papers are handed in. Which of them are needed is for the officer to know.
    pub fn missing(&self, state: &State) -> String {
        let kinds = state.desk.application.map_or(&[][..], |application| application.papers);
        let missing = kinds.iter().filter(|(code, _)| self.rows.iter().all(|row| row.kind != *code));
        let names: Vec<&str> = missing.map(|(_, name)| t(name)).collect();
        if names.is_empty() { String::new() } else { fill("未提交：{}", &[&names.join(t("、"))]) }
    }

    /// Whether there is anything to show.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.kinds.is_empty() && !self.may_ask && !self.may_erase
    }
}

fn row(paper: &Value) -> Row {
    let text = |name: &str| paper[name].as_str().unwrap_or_default().to_owned();
    let bytes = paper["bytes"].as_u64().unwrap_or_default();
    Row {
        address: text("address"),
        kind: text("kind"),
        title: t(&text("title")).to_owned(),
        pages: paper["pages"].to_string(),
        size: format!("{} KB", bytes.div_ceil(1024)),
        on: text("on"),
        whole: paper["whole"] == true,
        opens: paper["kind"] != "PERSON",
    }
}

/// Hands in a paper.
pub(crate) async fn supply(
    Extract(state): Shared,
    session: Session,
    Path(id): Path<String>,
    mut form: Multipart,
) -> Result<Response, Trouble> {
    let (mut csrf, mut key, mut kind, mut pages, mut paper) = (None, String::new(), String::new(), String::new(), None);
    while let Some(field) = form.next_field().await.map_err(|_| incomplete())? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "paper" {
            // Before a byte of it is kept: whose form it is.
            session.check(csrf.as_deref())?;
            paper = Some(field.bytes().await.map_err(|_| too_large())?);
            continue;
        }
        let text = field.text().await.map_err(|_| incomplete())?;
        match name.as_str() {
            "csrf" => csrf = Some(text),
            "key" => key = text,
            "kind" => kind = text,
            "pages" => pages = text,
            _ => {}
        }
    }
    session.check(csrf.as_deref())?;
    let paper = paper.filter(|bytes| !bytes.is_empty()).ok_or_else(nothing_chosen)?;
    let id = encoded(&id);
    let path = format!("applications/{id}/papers?kind={}&pages={}", encoded(&kind), encoded(pages.trim()));
    state.api.post_bytes(&session.access, &path, &key, paper).await?;
    Ok(Redirect::to(&format!("/applications/{id}?done=paper#papers")).into_response())
}

fn incomplete() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "表单没有完整到达", "请返回后重新提交。")
}

fn too_large() -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "文件过大", "每份材料至多 2 MB，请压缩或分成几份后再提交。")
}

fn nothing_chosen() -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "没有选择文件", "请返回，选择一个 PDF、JPEG 或 PNG 文件后再提交。")
}

/// A form with a reason.
#[derive(Deserialize)]
pub(crate) struct Because {
    csrf: Option<String>,
    key: String,
    because: String,
}

impl Because {
    async fn post(&self, state: &State, session: &Session, path: &str) -> Result<crate::api::Answer, Trouble> {
        session.check(self.csrf.as_deref())?;
        let body = json!({ "because": self.because });
        let order = Order { key: &self.key, version: None, body: &body };
        Ok(state.api.post(&session.access, path, &order).await?)
    }
}

/// Asks the union for the papers.
pub(crate) async fn ask(
    Extract(state): Shared,
    session: Session,
    Path(id): Path<String>,
    Form(form): Form<Because>,
) -> Result<Response, Trouble> {
    let id = encoded(&id);
    form.post(&state, &session, &format!("applications/{id}/papers/request")).await?;
    Ok(Redirect::to(&format!("/applications/{id}?done=papers#papers")).into_response())
}

/// Proposes or confirms the erasure of what is kept of persons.
pub(crate) async fn erase(
    Extract(state): Shared,
    session: Session,
    Path(id): Path<String>,
    Form(form): Form<Because>,
) -> Result<Response, Trouble> {
    let id = encoded(&id);
    let answer = form.post(&state, &session, &format!("applications/{id}/erasure")).await?;
    let done = if answer.body.is_null() { "erased" } else { "proposed" };
    Ok(Redirect::to(&format!("/applications/{id}?done={done}")).into_response())
}

/// Opens a paper, once the reason is kept. It leaves as a file, and nothing in it runs here.
pub(crate) async fn open(
    Extract(state): Shared,
    session: Session,
    Path((id, address)): Path<(String, String)>,
    Form(form): Form<Because>,
) -> Result<Response, Trouble> {
    session.check(form.csrf.as_deref())?;
    let (id, address) = (encoded(&id), encoded(&address));
    let body = json!({ "because": form.because });
    let order = Order { key: &form.key, version: None, body: &body };
    let path = format!("applications/{id}/papers/{address}/disclosure");
    let (media_type, bytes) = state.api.post_for_bytes(&session.access, &path, &order).await?;
    let ending = words::ending(media_type.to_str().unwrap_or_default());
    let short = address.get(..12).unwrap_or(&address);
    let name = format!("attachment; filename=\"{id}-{short}.{ending}\"");
    let mut response = bytes.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    // Number and address are made of letters, digits and hyphens.
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}
