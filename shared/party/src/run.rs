//! One service from start to stop: database, keys, broker, writer, HTTP.
//!
//! Start order matters: the database's epoch first (whoever wrote before is fenced off), then the partners are greeted,
//! then people are let in. Who finds that another process writes stands by, and starts this way when it has a turn.

use crate::{
    calendar_watch,
    clock::BusinessClock,
    config::{BusinessTime, Config, ConfigError, read_vault_key},
    handle::{Backlog, Changes, Handle, MaintenanceWork},
    key_change::SigningKeys,
    keys::{KeyFileError, read_signing_key},
    metrics::Metrics,
    nats::{self, ConnectFailed, Incoming},
    notifier::{self, Notifier, Outbox},
    pairing::{Pairing, PairingError},
    ports,
    replica::Replica,
    sandbox,
    spans::Exporter,
    store::{
        Batch, Store, StoreError, Tip, server,
        tables::{self, TOKEN},
    },
    vault::Vault,
    writer::{Ports, Queues, Signals, Stopped, Writer, WriterError},
};
use domain::{ApplicationId, Charter, CharterError, Charters, Moment};
use organisation::{Organisation, PortAnswer};
use rand::RngCore;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::{
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tokio_util::sync::CancellationToken;

/// Frames that may wait for the writer.
const FRAME_QUEUE: usize = 1024;
/// Frames that may wait for the broker, per partner.
const PUBLISH_QUEUE: usize = 256;

/// Why a service stopped.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The signing key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The pairing file.
    #[error(transparent)]
    Pairing(#[from] PairingError),
    /// The charter.
    #[error("the charter is refused: {0}")]
    Charter(#[from] CharterError),
    /// The charter file.
    #[error("cannot read the charter {path}: {why}")]
    CharterFile {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker.
    #[error(transparent)]
    Broker(#[from] ConnectFailed),
    /// HTTP cannot listen.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A file of the service cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The runtime.
    #[error("cannot start the runtime: {0}")]
    Runtime(std::io::Error),
    /// The writer gave up.
    #[error(transparent)]
    Writer(#[from] WriterError),
}

/// The charters that a configuration names: the one in its file, or the programme's of 2017.
///
/// # Errors
/// The file cannot be read, or the charter does not hold together.
pub fn charters(config: &Config) -> Result<Charters, RunError> {
    let charter = match &config.charter_file {
        None => Charter::programme_2017(),
        Some(path) => {
            let wrong = |why: String| RunError::CharterFile { path: path.clone(), why };
            let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?
        }
    };
    let mut charters = Charters::default();
    charters.accept(charter)?;
    Ok(charters)
}

/// The organisation as it is configured.
///
/// # Errors
/// The configuration is another organisation's, or wrong.
pub fn set_up<O: Organisation>(config: &Config) -> Result<O, RunError> {
    if config.party != O::PARTY {
        let wrong = format!("party is {}, but this is the {}'s service", config.party, O::PARTY);
        return Err(ConfigError::Wrong(wrong).into());
    }
    Ok(O::set_up(Arc::new(charters(config)?), &config.settings()).map_err(ConfigError::Wrong)?)
}

/// Runs an organisation until `shutdown`, or until something fails for good.
///
/// `app` makes the HTTP routes. The address that HTTP listens on is written to `<data_dir>/http.addr`.
///
/// # Errors
/// [`RunError`].
pub async fn run<O: Organisation>(
    organisation: O,
    config: &Config,
    app: impl FnOnce(Handle<O>, Arc<Vault>) -> axum::Router,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let pairing = Pairing::read(&config.pairing_file)?;
    pairing.check(&config.programme, &config.environment)?;
    let key = |path: &PathBuf| read_signing_key(path, O::PARTY);
    let next = config.next_signing_key_file.as_ref().map(key).transpose()?;
    let keys = SigningKeys::new(key(&config.signing_key_file)?, next);
    let notices = config.notices.as_ref().map(|notices| Notifier::parse(notices.whole())).transpose();
    let notices = notices.map_err(|error| ConfigError::Wrong(error.to_string()))?;
    let vault = Arc::new(Vault::new(read_vault_key(&config.vault_key_file)?));
    std::fs::create_dir_all(&config.data_dir)
        .map_err(|source| RunError::Write { path: config.data_dir.clone(), source })?;

    let metrics = Arc::new(Metrics::default());
    if let Some(url) = config.database_url.as_ref().filter(|_| !config.may_forget()) {
        server::must_be_durable(url).await?;
    }
    let mut store = Store::connect(config.database()).await?;
    let readers = store.readers();
    let listen = |source| RunError::Listen { address: config.http_listen, source };
    let listener = TcpListener::bind(config.http_listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let replica = Replica::new(config, address, &metrics);
    let mut seat = replica.try_to_write(&mut store).await?;
    let mut store = Some(store);

    let (app_seed, admin_seed) = config.nats_seeds();
    let inbox = format!("_INBOX_{}", O::PARTY);
    let client = nats::connect(config.nats_url.whole(), app_seed, &format!("{} app", O::PARTY), &inbox).await?;
    let admin =
        nats::connect(config.nats_url.whole(), admin_seed, &format!("{} provisioner", O::PARTY), &inbox).await?;

    let (mut spans, requests, guards) = crate::spans::exporter(&O::PARTY.to_string(), config.otlp_endpoint.as_ref());
    let stop = shutdown.child_token();
    let clock = match config.business_time {
        BusinessTime::System => BusinessClock::system(),
        BusinessTime::Driven(start) => BusinessClock::driven(start),
    };
    let mut tasks = tokio::task::JoinSet::new();
    let founding = Arc::new(charters(config)?);
    tasks.spawn(calendar_watch::watch::<O>(
        Arc::clone(&founding),
        readers.clone(),
        clock.clone(),
        Arc::clone(&metrics),
    ));

    let (frames_in, frames) = mpsc::channel(FRAME_QUEUE);
    let (commands, command_queue) = mpsc::channel(config.command_queue);
    let (port_answers, port_queue) = mpsc::channel(FRAME_QUEUE);
    let (maintenance, maintenance_queue) = mpsc::channel(16);
    let mut queues = Queues { frames, commands: command_queue, ports: port_queue, maintenance: maintenance_queue };
    let turn = Turn {
        organisation,
        config,
        pairing: &pairing,
        keys: &keys,
        replica: &replica,
        client,
        admin,
        frames: frames_in,
        ports: port_answers.clone(),
        notices,
        maintenance: maintenance.clone(),
        vault: Arc::clone(&vault),
        clock: clock.clone(),
        changes: Arc::new(Changes::default()),
        metrics: Arc::clone(&metrics),
        ready: watch::channel(false).0,
        backlog: watch::channel(Backlog::default()).0,
        stop: stop.clone(),
    };
    let handle = Handle {
        commands,
        ports: port_answers,
        maintenance,
        readers,
        founding,
        changes: Arc::clone(&turn.changes),
        clock,
        metrics,
        requests,
        ready: turn.ready.subscribe(),
        backlog: turn.backlog.subscribe(),
        role: replica.role(),
    };
    let file = config.data_dir.join("http.addr");
    let door = sandbox::router(handle.clone(), config);
    let app = app(handle, vault).merge(door);
    let mut doors = Doors { closed: Some((listener, app)), address, serving: None, file: file.clone(), stop };

    let ended = loop {
        let (mine, tip, is_successor) = match (store.take(), seat.take()) {
            (Some(store), Some(tip)) => (store, tip, false),
            (store, _) => {
                doors.open::<O>()?;
                match replica.stand_by(store, &mut queues, &doors.stop).await {
                    Ok(Some((store, tip))) => (store, tip, true),
                    Ok(None) => break Ok(None),
                    Err(error) => break Err(error.into()),
                }
            }
        };
        match turn.write(mine, tip, is_successor, &mut queues, &mut spans, &mut doors).await {
            Err(RunError::Writer(WriterError::Store(error)) | RunError::Store(error))
                if replica.may_stand_by(&error) =>
            {
                tracing::warn!(%error, "writes no more, and stands by");
            }
            ended => break ended.map(Some),
        }
    };
    doors.stop.cancel();
    // Nobody waits in them for a writer that has gone.
    drop(queues);
    if let Some(serving) = doors.serving {
        // Requests end with their connections; nobody waits for them longer than this.
        let _ = tokio::time::timeout(Duration::from_secs(5), serving).await;
    }
    tasks.shutdown().await;
    for guard in guards {
        // It blocks, for no longer than this; what shares the runtime with this service goes on.
        let _ = tokio::task::spawn_blocking(move || guard.shutdown(Duration::from_secs(2))).await;
    }
    let _ = std::fs::remove_file(&file);
    if let Some(stopped) = ended? {
        stopped.close(&mut spans).await;
    }
    Ok(())
}

/// HTTP, closed until there is somebody behind it: a writer that has come up, or one who stands by.
struct Doors {
    closed: Option<(TcpListener, axum::Router)>,
    address: SocketAddr,
    serving: Option<tokio::task::JoinHandle<()>>,
    /// Where the address is written.
    file: PathBuf,
    stop: CancellationToken,
}

impl Doors {
    fn open<O: Organisation>(&mut self) -> Result<(), RunError> {
        let Some((listener, app)) = self.closed.take() else { return Ok(()) };
        let stop = self.stop.clone();
        self.serving = Some(tokio::spawn(async move {
            // An accept error ends nothing: axum retries; only the stop ends this.
            let _ = axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await;
        }));
        write_file(&self.file, self.address.to_string().as_bytes(), false)?;
        tracing::info!(party = %O::PARTY, address = %self.address, "serving");
        Ok(())
    }
}

/// What a process needs for a turn as the writer.
struct Turn<'a, O: Organisation> {
    organisation: O,
    config: &'a Config,
    pairing: &'a Pairing,
    keys: &'a SigningKeys,
    replica: &'a Replica,
    client: async_nats::Client,
    admin: async_nats::Client,
    frames: mpsc::Sender<Incoming>,
    ports: mpsc::Sender<(ApplicationId, PortAnswer)>,
    notices: Option<Notifier>,
    maintenance: mpsc::Sender<MaintenanceWork>,
    vault: Arc<Vault>,
    clock: BusinessClock,
    changes: Arc<Changes>,
    metrics: Arc<Metrics>,
    ready: watch::Sender<bool>,
    backlog: watch::Sender<Backlog>,
    stop: CancellationToken,
}

impl<O: Organisation> Turn<'_, O> {
    /// Writes until it is asked to stop, fails, or another process has taken over. However it ends, this process is none that
    /// writes when it returns.
    async fn write(
        &self,
        store: Store,
        tip: Tip,
        is_successor: bool,
        queues: &mut Queues<O>,
        spans: &mut Exporter,
        doors: &mut Doors,
    ) -> Result<Stopped, RunError> {
        // They end with this turn: nobody but the writer takes frames, keeps the lease and gives orders.
        let mut tasks = tokio::task::JoinSet::new();
        let mut publishing = tokio::task::JoinSet::new();
        let ended = self.write_with(store, tip, is_successor, queues, spans, doors, &mut tasks, &mut publishing).await;
        tasks.shutdown().await;
        self.replica.stands_by();
        self.ready.send_replace(false);
        self.backlog.send_replace(Backlog::default());
        // Nobody is told of a commit here any more: they look, and have to ask again.
        self.changes.look();
        let mut stopped = ended?;
        stopped.release().await;
        // What the last commits say to partners still goes out.
        let _ = tokio::time::timeout(Duration::from_secs(1), async { while publishing.join_next().await.is_some() {} })
            .await;
        Ok(stopped)
    }

    #[allow(clippy::too_many_arguments, reason = "the one part of a turn that may fail at any point")]
    async fn write_with(
        &self,
        mut store: Store,
        tip: Tip,
        is_successor: bool,
        queues: &mut Queues<O>,
        spans: &mut Exporter,
        doors: &mut Doors,
        tasks: &mut tokio::task::JoinSet<()>,
        publishing: &mut tokio::task::JoinSet<()>,
    ) -> Result<Stopped, RunError> {
        let lost = CancellationToken::new();
        if let Some(lease) = store.lease() {
            let (replica, lost) = (self.replica.clone(), lost.clone());
            tasks.spawn(async move {
                lease.keep(|until| replica.holds_until(until)).await;
                lost.cancel();
            });
        }
        ensure_operators(&mut store, &tip, self.config).await?;
        if self.clock.is_driven() {
            // It goes on where the journal stopped; if it stands later already, it stays there.
            let _ = self.clock.drive(Moment::from_millis(tip.at));
        }
        let mut publishers = std::collections::BTreeMap::new();
        for partner in self.pairing.partners(O::PARTY) {
            let (out, queue) = mpsc::channel(PUBLISH_QUEUE);
            publishers.insert(partner, out);
            let (client, admin) = (self.client.clone(), self.admin.clone());
            publishing.spawn(nats::publish(client.clone(), O::PARTY, partner, queue, Arc::clone(&self.metrics)));
            let (frames, stop) = (self.frames.clone(), self.stop.clone());
            tasks.spawn(nats::take(client, admin, O::PARTY, partner, frames, stop, is_successor));
        }
        let (vault, sealing) = mpsc::channel(FRAME_QUEUE);
        tasks.spawn(crate::papers::carry_out(
            store.readers(),
            Arc::clone(&self.vault),
            sealing,
            self.ports.clone(),
            self.stop.clone(),
        ));
        if let Some(notices) = self.notices.clone() {
            let outbox = Outbox {
                readers: store.readers(),
                vault: Arc::clone(&self.vault),
                maintenance: self.maintenance.clone(),
                metrics: Arc::clone(&self.metrics),
            };
            tasks.spawn(notifier::carry_out::<O>(notices, outbox));
        }
        let core_banking = self.config.core_banking_url.as_ref().map(|url| {
            let url = url.whole().to_owned();
            let (out, queue) = mpsc::channel(FRAME_QUEUE);
            let timeout = Duration::from_millis(self.config.core_banking_timeout_ms);
            tasks.spawn(ports::carry_out(url, timeout, queue, self.ports.clone(), self.stop.clone()));
            out
        });
        let writer = Writer::start(
            &self.organisation,
            store,
            tip,
            queues,
            publishers,
            Ports { core_banking, vault },
            self.config,
            self.pairing,
            self.keys.clone(),
            self.clock.clone(),
            Arc::clone(&self.changes),
            Arc::clone(&self.metrics),
            spans,
            Signals { ready: self.ready.clone(), backlog: self.backlog.clone(), lost },
        )
        .await?;
        doors.open::<O>()?;
        // The writer outlives HTTP: what was accepted is decided, committed and answered before it stops.
        Ok(writer.run(self.stop.clone()).await?)
    }
}

/// At the first start of the first replica: accounts for the first two operators, each token in a file that nobody else may
/// read. Whoever has lost it writes another one into that file. All further accounts are opened by these two.
async fn ensure_operators(store: &mut Store, tip: &Tip, config: &Config) -> Result<(), RunError> {
    let second = config.second_operator_token_file.as_ref().map(|file| (file, "operator-2"));
    let mut batch = Batch::default();
    for (file, account) in [(&config.operator_token_file, "operator")].into_iter().chain(second) {
        if let Some(token) = operator_token(store, file, account).await? {
            let hash = Sha256::digest(token.expose_secret().as_bytes()).to_vec();
            let person = format!("person:{account}");
            let roles = ["operator".to_owned(), "auditor".to_owned()];
            batch.put(&TOKEN, tables::token(&hash, account.to_owned(), person, &roles, 0, tip.position));
        }
    }
    Ok(store.put(batch, tip).await?)
}

/// The token in the file, or a new one if there is neither file nor account.
async fn operator_token(store: &Store, file: &Path, account: &str) -> Result<Option<SecretString>, RunError> {
    if file.exists() {
        // The file may have been given, or the database replaced: either way this token is the operator's.
        return Ok(Some(crate::config::read_secret(file)?));
    }
    if store.readers().has_account(account).await? {
        let file = file.display();
        tracing::info!(%file, "no operator's token here: it was written where the database was new");
        return Ok(None);
    }
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    let token = hex::encode(bytes);
    write_file(file, token.as_bytes(), true)?;
    Ok(Some(token.into()))
}

fn write_file(path: &Path, bytes: &[u8], secret: bool) -> Result<(), RunError> {
    let failed = |source| RunError::Write { path: path.to_owned(), source };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if secret { 0o600 } else { 0o644 });
    }
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}
