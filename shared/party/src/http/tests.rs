//! The edge against a real database and a writer that is played: what it reads, whom it lets in, how it says no.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod absences;
mod forwarding;
mod logging;
mod reading;
mod requests;
mod rights;
mod writing;

use super::{
    APPLICANT, AUDITOR, Decision, Edge, OPERATOR, Route, Who, policy,
    testing::{Ends, handle},
};
use crate::{
    clock::BusinessClock,
    handle::{CommandWork, CommittedRow, Handle, Reply},
    store::{
        Batch, Store, Tip,
        tables::{STATE, TOKEN, Value as Cell},
    },
    vault::Vault,
};
use axum::{Router, routing};
use domain::{ApplicationId, Charters, Moment, Party};
use organisation::{Desk, Index, Input, Key, Line, NotLoaded, OpenTask, Organisation, Rows, Settings, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};
use web::{BearerToken, Problem, openapi::named, utoipa::openapi::ObjectBuilder};

/// An organisation just large enough to have an edge.
#[derive(Debug)]
struct Toy;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Command {
    Decide { application_id: ApplicationId, task: String, yes: bool },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Fact {
    Noted(String),
    Silent,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Case { id: ApplicationId, note: String, secret: String },
}

impl Organisation for Toy {
    const PARTY: Party = Party::Guarantor;
    const KIND: &'static str = "case";
    type Command = Command;
    type Fact = Fact;
    type Row = Row;

    fn set_up(_: Arc<Charters>, _: &Settings) -> Result<Self, String> {
        Ok(Toy)
    }

    fn about(command: &Command) -> Option<&ApplicationId> {
        let Command::Decide { application_id, .. } = command;
        Some(application_id)
    }

    fn needs(&self, _: &Input<Command>, _: &Rows<Row>, _: &mut BTreeSet<Key>) {}

    fn decide(&self, _: &Input<Command>, _: &mut Desk<Self>) -> Result<(), Stop> {
        Err(Stop::Illegal("the writer is played by the test".into()))
    }

    fn apply(_: &mut Rows<Row>, _: &Fact) -> Result<(), NotLoaded> {
        Ok(())
    }

    fn index(row: &Row) -> Index {
        let Row::Case { id, note, .. } = row;
        Index {
            status: "GUARANTEE_REVIEW",
            ended: note == "over",
            tasks: vec![task(id, "look", "looker", 0)],
            ..Index::default()
        }
    }

    fn line(fact: &Fact) -> Option<Line> {
        match fact {
            Fact::Noted(text) => Some(Line { step: "look".into(), event: "noted", text: text.clone() }),
            Fact::Silent => None,
        }
    }
}

fn task(id: &ApplicationId, name: &str, role: &str, due_at: i64) -> OpenTask {
    OpenTask {
        task_id: format!("{id}/{name}"),
        application_id: Some(id.clone()),
        role: role.to_owned(),
        title: "看一看".into(),
        opened_at: Moment::from_millis(0),
        due_at: Moment::from_millis(due_at),
        escalated: false,
        claimed_by: None,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Yes {
    yes: bool,
}

fn edge() -> Edge<Toy> {
    Edge {
        title: "玩具",
        officers: vec!["looker", "other"],
        clerks: vec![],
        applicants: true,
        summary: |row| {
            let Row::Case { id, note, .. } = row;
            json!({ "application_id": id, "note": note })
        },
        matter: |_| None,
        decide: |_, task, id, body| {
            if task == "unknown" {
                return Err(Problem::not_found("没有此任务。"));
            }
            assert_ne!(task, "defective");
            let Yes { yes } = web::from_slice(body)?;
            let application_id = super::application_id(id)?;
            Ok(Decision { command: Command::Decide { application_id, task: task.to_owned(), yes }, sealed: None })
        },
        hand: |handover| Command::Decide {
            application_id: handover.application_id,
            task: handover.task,
            yes: handover.to == organisation::people::To::Me,
        },
        decisions: named("Yes", ObjectBuilder::new()),
        personal: Some(super::Personal {
            unmasked: &["looker"],
            mask: |record| json!({ "name": domain::mask_name(record["name"].as_str().unwrap_or_default()) }),
        }),
        papers: None,
        charters: None,
        routes: vec![Route::get("/api/v1/own", Who::Roles(&["looker"]), "自有", None)],
    }
}

/// A service on a socket of its own, its database, and the writer's ends.
struct Service {
    base: String,
    store: Store,
    tip: Tip,
    handle: Handle<Toy>,
    ends: Option<Ends<Toy>>,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Service {
    async fn start() -> Self {
        Self::with(BusinessClock::driven(Moment::parse("2020-02-24T09:00:00+08:00").unwrap()), 4).await
    }

    async fn with(clock: BusinessClock, queue: usize) -> Self {
        Self::started(clock, queue, telemetry::Spans::disabled()).await
    }

    /// One whose requests have spans.
    async fn traced(requests: telemetry::Spans) -> Self {
        Self::started(BusinessClock::system(), 4, requests).await
    }

    async fn started(clock: BusinessClock, queue: usize, requests: telemetry::Spans) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let (store, tip) = Store::open(&folder.path().join("toy.db")).await.unwrap();
        let (handle, ends) = handle::<Toy>(store.readers(), clock, queue);
        let handle = Handle { requests, ..handle };
        // One route stands in the table, the other does not.
        let own = Router::new()
            .route("/api/v1/own", routing::get(|| async { "own" }))
            .route("/api/v1/forgotten", routing::get(|| async { "forgotten" }));
        let app = super::router(handle.clone(), Arc::new(Vault::new([7; 32])), edge(), own);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut service = Service { base, store, tip, handle, ends: Some(ends), client, _folder: folder };
        for (account, roles) in [
            ("applicant", APPLICANT),
            ("looker", "looker"),
            ("other", "other"),
            ("operator", OPERATOR),
            ("operator2", OPERATOR),
            ("auditor", AUDITOR),
            ("supervisor", organisation::people::SUPERVISOR),
            ("nobody", ""),
        ] {
            service.account(account, roles).await;
        }
        service
    }

    /// An account whose token is its name.
    async fn account(&mut self, account: &str, roles: &str) {
        let BearerToken(hash) = BearerToken::of(account);
        let person = format!("person:{account}");
        self.put(&TOKEN, crate::store::tables::token(&hash, account.into(), person, &[roles.to_owned()], 0, 0)).await;
    }

    async fn put(&mut self, table: &'static crate::store::tables::Table, row: impl IntoIterator<Item = Cell>) {
        let mut batch = Batch::default();
        batch.put(table, row);
        self.store.put(batch, &self.tip).await.unwrap();
    }

    async fn case(&mut self, number: u32, version: i64, note: &str) -> ApplicationId {
        let id = ApplicationId::new(2020, number).unwrap();
        let row = Row::Case { id: id.clone(), note: note.to_owned(), secret: "110105".into() };
        let index = Toy::index(&row);
        let cells = [
            Cell::Text(format!("case/{id}")),
            Cell::Int(version),
            index.status.into(),
            "91350100M000100Y43".into(),
            Cell::Int(i64::from(index.ended)),
            Cell::Null,
            Cell::Null,
            serde_json::to_string(&row).unwrap().into(),
        ];
        self.put(&STATE, cells).await;
        id
    }

    /// Tells those who wait that this row was committed; they look for themselves.
    fn committed(&self, key: &str, ended: bool) {
        self.handle.changes.committed(vec![CommittedRow { key: key.to_owned(), ended, row: None }]);
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, headers, body }
    }

    async fn get(&self, account: &str, path: &str) -> Answer {
        self.send(self.client.get(format!("{}{path}", self.base)).bearer_auth(account)).await
    }

    /// A `POST` as it should be; tests take away what they test.
    fn post(&self, account: &str, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.client
            .post(format!("{}{path}", self.base))
            .bearer_auth(account)
            .header("Idempotency-Key", "key-1")
            .json(body)
    }

    fn decision(&self, account: &str, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.post(account, path, body).header("If-Match", "\"3\"")
    }

    /// Plays the writer: answers every command by `reply` and hands the commands over.
    fn play(&mut self, reply: Reply) -> tokio::task::JoinHandle<Vec<CommandWork<Command>>> {
        let mut ends = self.ends.take().unwrap();
        tokio::spawn(async move {
            let mut seen = Vec::new();
            if let Some(mut work) = ends.commands.recv().await {
                let (back, _) = tokio::sync::oneshot::channel();
                let answer = std::mem::replace(&mut work.reply, back);
                answer.send(reply).unwrap();
                seen.push(work);
            }
            seen
        })
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    #[track_caller]
    fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.body);
        let is_problem = self.header("content-type") == Some("application/problem+json");
        assert_eq!(is_problem, status >= 400, "{:?}", self.headers);
    }
}
