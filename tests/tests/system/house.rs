//! The house that the tests live in: broker, three organisations, and hands to operate them.

use crate::firms::{form, member};
use channel::Resolution;
use domain::{ApplicationId, Charters, Date, Fen, Moment, Party};
use nuan::{broker::Broker, cluster, databases::Databases};
use organisation::{Actor, Organisation, Person};
use party::{
    config::Config,
    handle::{Arrival, CommandWork, Handle, Idempotency, Maintenance, MaintenanceWork, Reply, Told, Until, Wish},
    store::read::ParkedRow,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{sync::oneshot, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tools::postgres::Server;
use union_core::command::{Form, MemberEntry};

/// How long anything may take that has no reason to wait.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The route by which commands come here.
pub const ROUTE: &str = "/api/v1/of-the-tests";

fn unix_ns() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(now.as_nanos()).unwrap()
}

/// One running organisation.
pub struct Running<O: Organisation> {
    pub handle: Handle<O>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl<O: Organisation> Running<O> {
    pub async fn start(organisation: O, config: &Path) -> Self {
        let config = Config::load(config, std::iter::empty()).unwrap();
        let stop = CancellationToken::new();
        let (out, handle) = oneshot::channel();
        let token = stop.clone();
        let task = tokio::spawn(async move {
            let app = move |handle, _| {
                assert!(out.send(handle).is_ok());
                axum::Router::new()
            };
            party::run::run(organisation, &config, app, token).await.unwrap();
        });
        let mut handle = tokio::time::timeout(PATIENCE, handle).await.unwrap().unwrap();
        tokio::time::timeout(PATIENCE, handle.ready.wait_for(|ready| *ready)).await.unwrap().unwrap();
        Running { handle, stop, task: Some(task) }
    }

    /// Stops it as a service stops, and waits until it is gone. One that is stopped stays so.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
        }
    }

    /// Ends it where it stands: nothing is finished, flushed or said.
    pub async fn crash(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
        // What it had spawned goes with it.
        self.stop.cancel();
    }

    /// Gives a command as this person and returns the answer.
    pub async fn tell(&self, person: &str, roles: &[&str], command: O::Command) -> Result<Value, String> {
        match self.reply(person, roles, command, None).await {
            Reply::Decided { body: Ok(body), .. } => Ok(body),
            Reply::Decided { body: Err(refusal), .. } => Err(refusal.code),
            other => Err(format!("{other:?}")),
        }
    }

    /// Gives a command as this person, under this key, and returns what the writer says to it.
    pub async fn reply(&self, person: &str, roles: &[&str], command: O::Command, key: Option<&str>) -> Reply {
        let (reply, answer) = oneshot::channel();
        let idempotency =
            key.map(|key| Idempotency { scope: person.to_owned(), key: key.to_owned(), body_hash: [0; 32] });
        let work = CommandWork {
            actor: Actor { person: Person::new(person), roles: roles.iter().map(|role| (*role).to_owned()).collect() },
            command,
            expected: None,
            idempotency,
            sealed: None,
            arrival: Arrival { at_ns: unix_ns(), route: ROUTE.into(), caller: None },
            reply,
        };
        self.handle.commands.send(work).await.unwrap();
        tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap()
    }

    /// Gives the shell an order, and returns what the operator is told.
    pub async fn order(&self, order: Maintenance, idempotency: Option<Idempotency>) -> Told {
        let (reply, answer) = oneshot::channel();
        self.handle.maintenance.send(MaintenanceWork { order, idempotency, reply }).await.unwrap();
        tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap()
    }

    /// Waits until so many channels are frozen here.
    pub async fn until_frozen(&self, channels: usize) {
        let mut backlog = self.handle.backlog.clone();
        let frozen = backlog.wait_for(|backlog| backlog.frozen == channels);
        tokio::time::timeout(PATIENCE, frozen).await.unwrap().unwrap();
    }

    /// Two persons end the freeze of the channel to `partner` so.
    pub async fn unfreeze(&self, partner: Party, resolution: Resolution) {
        let told = self.together(|| Wish::Unfreeze { partner, resolution }).await;
        assert_eq!(told, Told::done());
    }

    /// Two persons want the same, one after the other. What the second is told.
    pub async fn together(&self, wish: impl Fn() -> Wish) -> Told {
        let told = self.want("person:a", wish(), None).await;
        assert!(matches!(&told, Told::Done { said, .. } if said.status == 202), "{told:?}");
        self.want("person:b", wish(), None).await
    }

    /// One person wants what takes two.
    pub async fn want(&self, person: &str, wish: Wish, idempotency: Option<Idempotency>) -> Told {
        let (person, because) = (person.to_owned(), "电话核对一致".to_owned());
        self.order(Maintenance::Together { wish, person, because }, idempotency).await
    }

    /// An operator has the input decided again that was parked at this position.
    pub async fn retry(&self, position: u64) -> Told {
        self.order(Maintenance::Retry { position, because: "通道已恢复".into() }, None).await
    }

    /// Waits until a row is in this state.
    pub async fn until(&self, key: &str, status: &str) -> Value {
        self.until_row(key, status, |row, _| row == status).await
    }

    /// Waits until `is_so` of a row's status and body; `what` is awaited.
    pub async fn until_row(&self, key: &str, what: &str, is_so: impl Fn(&str, &Value) -> bool) -> Value {
        let mut last = String::new();
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                let mut change = self.handle.changes.watch(key, Until::Change);
                if let Some(row) = self.handle.readers.state(key).await.unwrap() {
                    let body = serde_json::from_str(&row.body).unwrap();
                    last.clone_from(&row.status);
                    if is_so(&row.status, &body) {
                        return body;
                    }
                }
                // The watch is only a hint; a missed one costs a moment.
                let _ = tokio::time::timeout(Duration::from_millis(200), change.changed()).await;
            }
        })
        .await;
        waited.unwrap_or_else(|_| panic!("{key} is {last}, not {what}"))
    }

    /// The state of a row now; empty if there is none.
    pub async fn status(&self, key: &str) -> String {
        self.handle.readers.state(key).await.unwrap().map(|row| row.status).unwrap_or_default()
    }

    /// Open incidents, as JSON.
    pub async fn incidents(&self) -> Vec<String> {
        self.handle.readers.incidents("", 1000).await.unwrap().into_iter().map(|(_, body)| body).collect()
    }

    /// Inputs that stand still.
    pub async fn parked(&self) -> Vec<ParkedRow> {
        self.handle.readers.parked(0, 1000).await.unwrap()
    }

    pub async fn balance(&self, code: &str) -> i64 {
        let all = self.handle.readers.balances(code, "", 1000).await.unwrap();
        all.iter().map(|balance| balance.balance_fen).sum()
    }

    /// Waits until nothing is under way here.
    pub async fn idle(&self) {
        let mut backlog = self.handle.backlog.clone();
        let quiet = backlog.wait_for(|backlog| backlog.queued == 0 && backlog.unreceipted == 0);
        tokio::time::timeout(PATIENCE, quiet).await.unwrap().unwrap();
    }
}

/// The three and their broker.
pub struct House {
    pub union: Running<union_core::Union>,
    pub guarantor: Running<guarantor_core::Guarantor>,
    pub bank: Running<bank_core::Bank>,
    pub broker: Broker,
    pub files: BTreeMap<Party, PathBuf>,
    pub setup: Setup,
    /// The three databases' server; none: SQLite.
    pub postgres: Option<Server>,
    _folder: tempfile::TempDir,
}

/// What a test begins with. By default everything is decided by rule and nobody is short of anything.
#[derive(Clone)]
pub struct Setup {
    pub union: union_core::Union,
    pub guarantor: guarantor_core::Guarantor,
    pub bank: bank_core::Bank,
    /// The union's deposit.
    pub deposit_fen: i64,
    /// Where spans go.
    pub otlp_endpoint: Option<String>,
    /// The bank's core-banking system; none: its own ledger.
    pub core_banking_url: Option<String>,
    /// How long the bank waits for its answers, ms; none: as long as it does by default.
    pub core_banking_timeout_ms: Option<u32>,
    /// The three databases are on a PostgreSQL server of this house's own.
    pub on_postgres: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Setup::under(domain::Charter::programme_2017())
    }
}

impl Setup {
    /// The three under this charter.
    pub fn under(charter: domain::Charter) -> Self {
        let mut charters = Charters::default();
        charters.accept(charter).unwrap();
        let charters = Arc::new(charters);
        Setup {
            union: union_core::Union {
                charters: Arc::clone(&charters),
                automatic: union_core::Role::ALL.iter().copied().collect(),
            },
            guarantor: guarantor_core::Guarantor {
                charters: Arc::clone(&charters),
                automatic: guarantor_core::Role::ALL.iter().copied().collect(),
                net_assets_fen: Fen::new(100_000_000_000),
            },
            bank: bank_core::Bank {
                charters,
                automatic: bank_core::Role::ALL.iter().copied().collect(),
                core_banking: bank_core::CoreBanking::OwnLedger,
            },
            deposit_fen: 900_000_000,
            otlp_endpoint: None,
            core_banking_url: None,
            core_banking_timeout_ms: None,
            on_postgres: false,
        }
    }

    /// On a PostgreSQL server of its own.
    pub fn on_postgres(self) -> Self {
        Setup { on_postgres: true, ..self }
    }

    /// A person decides what this role of the guarantor owes.
    pub fn by_hand(mut self, role: guarantor_core::Role) -> Self {
        self.guarantor.automatic.remove(&role);
        self
    }
}

/// The day on which the tests begin.
pub fn first_day() -> Date {
    Date::constant(2018, 8, 1)
}

impl House {
    pub async fn open() -> House {
        House::with(Setup::default()).await
    }

    pub async fn with(setup: Setup) -> House {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let broker = Broker::start(&folder.path().join("broker")).unwrap();
        let postgres = setup.on_postgres.then(|| Server::start().unwrap());
        let databases = match &postgres {
            Some(server) => Databases::create(&server.url("postgres").into()).await.unwrap().urls(),
            None => BTreeMap::new(),
        };
        let options = cluster::Options {
            databases,
            driven_from: Some(Moment::start_of(first_day()).plus_hours(9)),
            otlp_endpoint: setup.otlp_endpoint.clone(),
            core_banking_url: setup.core_banking_url.clone(),
            core_banking_timeout_ms: setup.core_banking_timeout_ms,
            ..cluster::Options::default()
        };
        let files = cluster::prepare(folder.path(), &broker, &options).unwrap();
        let (union, guarantor, bank) = tokio::join!(
            Running::start(setup.union.clone(), &files[&Party::Union]),
            Running::start(setup.guarantor.clone(), &files[&Party::Guarantor]),
            Running::start(setup.bank.clone(), &files[&Party::Bank]),
        );
        let deposit_fen = Fen::new(setup.deposit_fen);
        let house = House { union, guarantor, bank, broker, files, setup, postgres, _folder: folder };
        let operator = ["operator"];
        house.union.tell("op", &operator, union_core::Command::OpenBooks { deposit_fen }).await.unwrap();
        house.bank.tell("op", &operator, bank_core::Command::OpenBooks { deposit_fen }).await.unwrap();
        let capital_fen = Fen::new(10_000_000_000);
        house.guarantor.tell("op", &operator, guarantor_core::Command::OpenBooks { capital_fen }).await.unwrap();
        let members =
            (0..100).map(|n| MemberEntry { member: member(n), union_org: None, from: first_day(), to: None }).collect();
        house.union.tell("op", &operator, union_core::Command::LoadMembers { members }).await.unwrap();
        house
    }

    pub async fn start_union(&mut self) {
        self.union = Running::start(self.setup.union.clone(), &self.files[&Party::Union]).await;
    }

    pub async fn start_guarantor(&mut self) {
        self.guarantor = Running::start(self.setup.guarantor.clone(), &self.files[&Party::Guarantor]).await;
    }

    pub async fn start_bank(&mut self) {
        self.bank = Running::start(self.setup.bank.clone(), &self.files[&Party::Bank]).await;
    }

    /// Changes a party's configuration from its next start on.
    pub fn configure(&self, party: Party, change: impl FnOnce(&mut toml::Table)) {
        let file = &self.files[&party];
        let mut config: toml::Table = std::fs::read_to_string(file).unwrap().parse().unwrap();
        change(&mut config);
        std::fs::write(file, toml::to_string(&config).unwrap()).unwrap();
    }

    /// From the next start on all three send their spans there.
    pub fn trace_to(&self, endpoint: &str) {
        for party in Party::ALL {
            self.configure(party, |config| drop(config.insert("otlp_endpoint".into(), endpoint.into())));
        }
    }

    pub async fn start(&mut self) {
        self.start_union().await;
        self.start_guarantor().await;
        self.start_bank().await;
    }

    pub async fn stop(&mut self) {
        tokio::join!(self.union.stop(), self.guarantor.stop(), self.bank.stop());
    }

    /// Drives the business time of all three on.
    pub fn drive(&self, to: Moment) {
        for clock in [&self.union.handle.clock, &self.guarantor.handle.clock, &self.bank.handle.clock] {
            clock.drive(to).unwrap();
        }
    }

    /// Files an application for the `n`-th firm and returns its number.
    pub async fn file(&self, n: u32, amount_fen: i64, debt_fen: i64) -> Result<ApplicationId, String> {
        self.submit(form(n, amount_fen, debt_fen)).await
    }

    /// Files this form and returns the application's number.
    pub async fn submit(&self, form: Form) -> Result<ApplicationId, String> {
        let answer = self.union.tell("applicant", &["applicant"], union_core::Command::Submit(Box::new(form))).await?;
        Ok(ApplicationId::parse(answer["application_id"].as_str().unwrap()).unwrap())
    }

    /// Waits until an application is READY again after an order that came to nothing: its key is closed.
    pub async fn until_order_closed(&self, id: &ApplicationId) -> Value {
        let is_closed = |status: &str, row: &Value| {
            let order = &row["application"]["run"]["steps"]["disburse"]["state"];
            status == "READY" && (order["Between"].is_object() || order["Stuck"].is_object() || order == "Waiting")
        };
        self.union.until_row(&format!("application/{id}"), "READY without an order", is_closed).await
    }

    pub async fn idle(&self) {
        self.union.idle().await;
        self.guarantor.idle().await;
        self.bank.idle().await;
    }

    pub async fn close(mut self) {
        self.stop().await;
    }
}
