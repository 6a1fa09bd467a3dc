//! Books, limits, loans, incidents and parked cases: lists as the interface gives them, in words.

use crate::{
    Shared, State,
    api::{Refusal, encoded},
    lang::filters,
    page::{Frame, Html, Trouble, html},
    session::Session,
    words::{self, Fact},
};
use askama::Template;
use axum::{
    extract::{Path, Query, State as Extract},
    http::StatusCode,
    response::Redirect,
};
use serde::Deserialize;
use serde_json::Value;

struct Table {
    title: String,
    facts: Vec<Fact>,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "lists.html")]
struct ListsPage {
    frame: Frame,
    title: &'static str,
    /// Address and name of the neighbouring lists.
    tabs: Vec<(String, &'static str)>,
    tables: Vec<Table>,
}

#[derive(Default, Deserialize)]
pub(crate) struct At {
    #[serde(default)]
    cursor: String,
}

pub(crate) async fn overview() -> Redirect {
    Redirect::to("/books/0")
}

pub(crate) async fn one(
    Extract(state): Shared,
    session: Session,
    Path(number): Path<usize>,
    Query(at): Query<At>,
) -> Result<Html, Trouble> {
    let books = state.desk.books;
    let (title, path) =
        *books.get(number).ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "没有找到", "没有这本账簿。"))?;
    let tabs = books.iter().enumerate().map(|(number, (name, _))| (format!("/books/{number}"), *name));
    let table = table(&state, &session, title, path, &at.cursor).await?;
    html(&ListsPage { frame: Frame::new(&state, &session), title, tabs: tabs.collect(), tables: vec![table] })
}

pub(crate) async fn incidents(Extract(state): Shared, session: Session) -> Result<Html, Trouble> {
    let mut tables = vec![table(&state, &session, "异常：须由负责人处理", "incidents", "").await?];
    if session.has("operator") || session.has("auditor") {
        tables.push(table(&state, &session, "搁置的输入：须由运维处理", "parked", "").await?);
    }
    if session.has("auditor") && !state.desk.unmasked.is_empty() {
        tables.push(table(&state, &session, "个人信息原文的查看记录", "disclosures", "").await?);
    }
    html(&ListsPage { frame: Frame::new(&state, &session), title: "异常", tabs: Vec::new(), tables })
}

/// What an applicant's loan costs, and when it is due.
pub(crate) async fn schedule(
    Extract(state): Shared,
    session: Session,
    Path(id): Path<String>,
) -> Result<Html, Trouble> {
    let id = encoded(&id);
    let table = table(&state, &session, "还款计划", &format!("applications/{id}/schedule"), "").await?;
    let tabs = vec![(format!("/applications/{id}"), "返回申请")];
    html(&ListsPage { frame: Frame::new(&state, &session), title: "还款计划", tabs, tables: vec![table] })
}

async fn table(state: &State, session: &Session, title: &str, path: &str, cursor: &str) -> Result<Table, Trouble> {
    let cursor = if cursor.is_empty() { String::new() } else { format!("?cursor={}", encoded(cursor)) };
    let body = state.api.get(&session.access, &format!("{path}{cursor}")).await?.body;
    let Some(items) = body["items"].as_array() else {
        return Ok(Table {
            title: title.to_owned(),
            facts: words::facts(&body),
            columns: Vec::new(),
            rows: Vec::new(),
            next: None,
        });
    };
    // Columns are the fields that any row has a value for, in the order of their first.
    let mut columns: Vec<&String> = Vec::new();
    for (name, value) in items.iter().filter_map(Value::as_object).flatten() {
        if !columns.contains(&name) && !words::written(name, value).is_empty() {
            columns.push(name);
        }
    }
    // What stands beside the list, such as its totals.
    let mut beside = body.clone();
    if let Some(fields) = beside.as_object_mut() {
        fields.retain(|name, _| name != "items" && name != "next_cursor");
    }
    let rows = items.iter().map(|item| columns.iter().map(|name| words::written(name, &item[name.as_str()])).collect());
    Ok(Table {
        title: title.to_owned(),
        facts: words::facts(&beside),
        rows: rows.collect(),
        columns: columns.iter().map(|name| words::word(name).to_owned()).collect(),
        next: body["next_cursor"].as_str().map(encoded),
    })
}
