//! A service's router on a database of its own; the core itself stands in for the writer.
#![allow(dead_code, reason = "each service uses its part of it")]

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request},
};
use contracts::{Message, wire::Received};
use domain::Moment;
use organisation::{Did, Input, Organisation, Outcome, Refusal, Row, Rows, Stop};
use party::{
    clock::BusinessClock,
    handle::{CommandWork, Handle, Reply},
    http::testing::{Ends, handle},
    store::{
        Batch, Store, Tip,
        tables::{STATE, TOKEN, Table, Value as Cell},
    },
    vault::Vault,
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use tower::ServiceExt;
use web::BearerToken;

pub struct Service<O: Organisation> {
    app: Router,
    store: Store,
    tip: Tip,
    pub vault: Arc<Vault>,
    ends: Ends<O>,
    rows: Rows<O::Row>,
    organisation: O,
    at: Moment,
    _folder: tempfile::TempDir,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    #[track_caller]
    pub fn is(&self, status: u16, code: &str) {
        let found = self.body["code"].as_str().unwrap_or_default();
        assert_eq!((self.status, found), (status, code), "{}", self.body);
    }

    /// Pointers and codes of the field errors.
    pub fn errors(&self) -> Vec<(&str, &str)> {
        let errors = self.body["errors"].as_array().unwrap_or_else(|| panic!("no errors: {}", self.body));
        errors.iter().map(|error| (error["pointer"].as_str().unwrap(), error["code"].as_str().unwrap())).collect()
    }
}

impl<O: Organisation> Service<O> {
    /// At this business time, with an account for each of these roles, named after it.
    pub async fn start(
        organisation: O,
        at: &str,
        roles: &[&str],
        router: impl FnOnce(Handle<O>, Arc<Vault>) -> Router,
    ) -> Self {
        let at = Moment::parse(at).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (store, tip) = Store::open(&folder.path().join("test.db")).await.unwrap();
        let (handle, ends) = handle::<O>(store.readers(), BusinessClock::driven(at), 4);
        let vault = Arc::new(Vault::new([7; 32]));
        let app = router(handle, Arc::clone(&vault));
        let mut service =
            Service { app, store, tip, vault, ends, rows: Rows::default(), organisation, at, _folder: folder };
        for role in roles {
            service.account(role, &format!("person:{role}"), role).await;
        }
        service
    }

    /// An account whose token is its name.
    pub async fn account(&mut self, token: &str, person: &str, roles: &str) {
        let BearerToken(hash) = BearerToken::of(token);
        let row = party::store::tables::token(&hash, token.into(), person.into(), &[roles.to_owned()], 0, 0);
        self.put(&TOKEN, row).await;
    }

    pub async fn put(&mut self, table: &'static Table, row: impl IntoIterator<Item = Cell>) {
        let mut batch = Batch::default();
        batch.put(table, row);
        self.store.put(batch, &self.tip).await.unwrap();
    }

    /// Writes a row as the writer would.
    pub async fn row(&mut self, key: &str, row: &O::Row) {
        self.write(key, 1, row).await;
    }

    async fn write(&mut self, key: &str, version: u64, row: &O::Row) {
        let index = O::index(row);
        let cells = [
            key.into(),
            Cell::Int(version.try_into().unwrap()),
            index.status.into(),
            index.uscc.into(),
            Cell::Int(i64::from(index.ended)),
            Cell::Null,
            Cell::Null,
            serde_json::to_string(row).unwrap().into(),
        ];
        self.put(&STATE, cells).await;
    }

    async fn send(app: Router, request: Request<Body>) -> Answer {
        let (parts, body) = app.oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 10_000_000).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub async fn get(&self, token: &str, path: &str) -> Answer {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        Self::send(self.app.clone(), request.body(Body::empty()).unwrap()).await
    }

    /// Posts JSON under a key of its own and lets the core decide what comes of it.
    pub async fn post(&mut self, token: &str, path: &str, body: &Value) -> Answer {
        self.post_as(token, path, "application/json", body.to_string()).await.0
    }

    /// As [`post`](Self::post), with what reached the writer.
    pub async fn post_as(
        &mut self,
        token: &str,
        path: &str,
        media_type: &str,
        body: String,
    ) -> (Answer, Option<CommandWork<O::Command>>) {
        static KEY: AtomicU32 = AtomicU32::new(0);
        let request = Request::post(path)
            .header("authorization", format!("Bearer {token}"))
            .header("idempotency-key", format!("key-{}", KEY.fetch_add(1, Ordering::Relaxed)))
            .header("if-match", "\"1\"")
            .header("content-type", media_type)
            .body(Body::from(body))
            .unwrap();
        let mut answer = tokio::spawn(Self::send(self.app.clone(), request));
        let mut seen = None;
        loop {
            tokio::select! {
                answer = &mut answer => return (answer.unwrap(), seen),
                Some(mut work) = self.ends.commands.recv() => {
                    let (back, _) = tokio::sync::oneshot::channel();
                    let reply = std::mem::replace(&mut work.reply, back);
                    let said = self.reply(&work);
                    self.keep().await;
                    reply.send(said).unwrap();
                    seen = Some(work);
                }
            }
        }
    }

    /// A partner says something.
    pub async fn hear(&mut self, message: Message) {
        let (from, _) = message.kind().route();
        let received = Received { from, seq: 1, at: self.at, saga_id: String::new(), traceparent: None, message };
        let said = self.decide(&Input::Message(received.into()));
        assert!(said.is_ok(), "{said:?}");
        self.keep().await;
    }

    fn reply(&mut self, work: &CommandWork<O::Command>) -> Reply {
        let decided = self.decide(&Input::Command { actor: work.actor.clone(), command: work.command.clone() });
        match decided.map(|outcome| outcome.answer) {
            Ok(Some(answer)) => Reply::Decided {
                status: match answer.did {
                    Did::Created => 201,
                    Did::Proposed => 202,
                    Did::Changed => 200,
                },
                version: answer.shows.map(|key| self.rows.version(&key)),
                body: Ok(answer.body),
                replayed: false,
            },
            Ok(None) => Reply::Decided { status: 200, body: Ok(Value::Null), version: None, replayed: false },
            Err(refusal) => Reply::Decided { status: 0, body: Err(refusal), version: None, replayed: false },
        }
    }

    fn decide(&mut self, input: &Input<O::Command>) -> Result<Outcome<O::Fact>, Refusal> {
        let mut wanted = BTreeSet::new();
        self.organisation.needs(input, &self.rows, &mut wanted);
        for key in wanted.into_iter().filter(|key| !self.rows.is_loaded(key)).collect::<Vec<_>>() {
            self.rows.load(key, None, 0);
        }
        loop {
            match organisation::decide(&self.organisation, input, self.at, &mut self.rows) {
                Ok(outcome) => return Ok(outcome),
                Err(Stop::NotLoaded(missing)) => self.rows.load(missing.0, None, 0),
                Err(Stop::Refused(refusal)) => return Err(refusal),
                Err(Stop::Illegal(why)) => panic!("{why}"),
            }
        }
    }

    /// Writes the rows as they stand, so that they can be looked up.
    async fn keep(&mut self) {
        let changed: Vec<(String, u64, O::Row)> = (self.rows.changed())
            .filter_map(|changed| match changed.row {
                Row::Own(own) => Some((changed.key.to_string(), changed.version, own.clone())),
                _ => None,
            })
            .collect();
        for (key, version, row) in changed {
            self.write(&key, version, &row).await;
        }
    }
}

/// Holds the committed document against the one that this build serves.
pub fn check_document(path: &str, package: &str, generated: &str) {
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(path, generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == generated, "openapi.json is stale: UPDATE_GENERATED=1 cargo test -p {package}");
}
