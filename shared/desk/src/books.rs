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
    let due = table(&state, &session, "还款计划", &format!("applications/{id}/schedule"), "").await?;
    let paid = table(&state, &session, "还款记录", &format!("applications/{id}/repayments"), "").await?;
    let tabs = vec![(format!("/applications/{id}"), "返回申请")];
    html(&ListsPage { frame: Frame::new(&state, &session), title: "还款计划", tabs, tables: vec![due, paid] })
}

/// A loan's account: what is owed today, what falls due, what was received.
pub(crate) async fn loan(Extract(state): Shared, session: Session, Path(id): Path<String>) -> Result<Html, Trouble> {
    if !state.desk.keeps_loans {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "没有找到", "本机构不记贷款账。").into());
    }
    let id = encoded(&id);
    let mut account = state.api.get(&session.access, &format!("loans/{id}")).await?.body;
    // The page of a case says its state elsewhere; this one has no other place for it.
    account["loan_state"] = account["state"].take();
    let mut part = |name: &str| account[name].take();
    let (owed, dues, receipts) = (part("owed_today"), part("dues"), part("receipts"));
    let list =
        |title: &str, items: &Value| of_items(title, items.as_array().map_or(&[], Vec::as_slice), Vec::new(), None);
    let mut tables = vec![list("今日应还", &owed), list("还款计划", &dues), list("收款", &receipts)];
    tables.insert(0, Table { facts: words::facts(&account), ..list("贷款账户", &Value::Null) });
    let tabs = vec![(format!("/applications/{id}"), "返回申请")];
    html(&ListsPage { frame: Frame::new(&state, &session), title: "贷款账户", tabs, tables })
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
    // What stands beside the list, such as its totals.
    let mut beside = body.clone();
    if let Some(fields) = beside.as_object_mut() {
        fields.retain(|name, _| name != "items" && name != "next_cursor");
    }
    Ok(of_items(title, items, words::facts(&beside), body["next_cursor"].as_str().map(encoded)))
}

/// Columns are the fields that any row has a value for, in the order of their first.
fn of_items(title: &str, items: &[Value], facts: Vec<Fact>, next: Option<String>) -> Table {
    let mut columns: Vec<&String> = Vec::new();
    for (name, value) in items.iter().filter_map(Value::as_object).flatten() {
        if !columns.contains(&name) && !words::written(name, value).is_empty() {
            columns.push(name);
        }
    }
    // What a line is about is read first.
    columns.sort_by_key(|name| *name != "group");
    let rows = items.iter().map(|item| columns.iter().map(|name| words::written(name, &item[name.as_str()])).collect());
    Table {
        title: title.to_owned(),
        facts,
        rows: rows.collect(),
        columns: columns.iter().map(|name| words::word(name).to_owned()).collect(),
        next,
    }
}
