//! One service from start to stop: database, keys, broker, writer, HTTP.
//!
//! Start order matters: the database's epoch first (whoever wrote before is fenced off), then the partners are greeted,
//! then people are let in.

use crate::{
    calendar_watch,
    clock::BusinessClock,
    config::{BusinessTime, Config, ConfigError, read_vault_key},
    handle::{Changes, Handle},
    key_change::SigningKeys,
    keys::{KeyFileError, read_signing_key},
    metrics::Metrics,
    nats::{self, ConnectFailed},
    pairing::{Pairing, PairingError},
    ports,
    store::{
        Batch, Store, StoreError,
        tables::{TOKEN, Value},
    },
    vault::Vault,
    writer::{Queues, Writer, WriterError},
};
use domain::{Charter, CharterError, Charters, Moment};
use organisation::Organisation;
use rand::RngCore;
use sha2::{Digest, Sha256};
use std::{io::Write as _, path::PathBuf, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::mpsc};
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
    let vault = Arc::new(Vault::new(read_vault_key(&config.vault_key_file)?));
    std::fs::create_dir_all(&config.data_dir)
        .map_err(|source| RunError::Write { path: config.data_dir.clone(), source })?;

    let (mut store, tip) = Store::open(config.database()).await?;
    ensure_operator(&mut store, &tip, config).await?;
    let clock = match config.business_time {
        BusinessTime::System => BusinessClock::system(),
        // A driven clock goes on where the journal stopped.
        BusinessTime::Driven(start) => BusinessClock::driven(start.max(Moment::from_millis(tip.at))),
    };

    let (app_seed, admin_seed) = config.nats_seeds();
    let inbox = format!("_INBOX_{}", O::PARTY);
    let client = nats::connect(config.nats_url.whole(), app_seed, &format!("{} app", O::PARTY), &inbox).await?;
    let admin =
        nats::connect(config.nats_url.whole(), admin_seed, &format!("{} provisioner", O::PARTY), &inbox).await?;

    let metrics = Arc::new(Metrics::default());
    let (spans, requests, guards) = crate::spans::exporter(&O::PARTY.to_string(), config.otlp_endpoint.as_ref());
    let stop = shutdown.child_token();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(calendar_watch::watch(charters(config)?, clock.clone(), Arc::clone(&metrics)));

    let (frames_in, frames) = mpsc::channel(FRAME_QUEUE);
    let mut publishers = std::collections::BTreeMap::new();
    for partner in pairing.partners(O::PARTY) {
        let (out, queue) = mpsc::channel(PUBLISH_QUEUE);
        publishers.insert(partner, out);
        tasks.spawn(nats::publish(client.clone(), O::PARTY, partner, queue, Arc::clone(&metrics)));
        tasks.spawn(nats::take(client.clone(), admin.clone(), O::PARTY, partner, frames_in.clone(), stop.clone()));
    }
    drop(frames_in);

    let (commands, command_queue) = mpsc::channel(config.command_queue);
    let (port_answers, port_queue) = mpsc::channel(FRAME_QUEUE);
    let (maintenance, maintenance_queue) = mpsc::channel(16);
    let orders = config.core_banking_url.as_ref().map(|url| {
        let url = url.whole().to_owned();
        let (out, queue) = mpsc::channel(FRAME_QUEUE);
        let timeout = Duration::from_millis(config.core_banking_timeout_ms);
        tasks.spawn(ports::carry_out(url, timeout, queue, port_answers.clone(), stop.clone()));
        out
    });
    let changes = Arc::new(Changes::default());
    let queues = Queues { frames, commands: command_queue, ports: port_queue, maintenance: maintenance_queue };
    let readers = store.readers();
    let writer = Writer::start(
        organisation,
        store,
        tip,
        queues,
        publishers,
        orders,
        config,
        &pairing,
        keys,
        clock.clone(),
        Arc::clone(&changes),
        Arc::clone(&metrics),
        spans,
    )
    .await?;
    let handle = Handle {
        commands,
        ports: port_answers,
        maintenance,
        readers,
        changes,
        clock,
        metrics,
        requests,
        ready: writer.ready(),
        backlog: writer.backlog(),
    };

    let listener = TcpListener::bind(config.http_listen)
        .await
        .map_err(|source| RunError::Listen { address: config.http_listen, source })?;
    let address = listener.local_addr().map_err(|source| RunError::Listen { address: config.http_listen, source })?;
    let app = app(handle, vault);
    let serving = stop.clone();
    let http = tokio::spawn(async move {
        let stopped = async move { serving.cancelled().await };
        // An accept error ends nothing: axum retries; only the stop ends this.
        let _ = axum::serve(listener, app).with_graceful_shutdown(stopped).await;
    });
    let file = config.data_dir.join("http.addr");
    write_file(&file, address.to_string().as_bytes(), false)?;
    tracing::info!(party = %O::PARTY, %address, "serving");

    // The writer outlives HTTP: what was accepted is decided, committed and answered before it stops.
    let result = writer.run(stop.clone()).await;
    stop.cancel();
    // Long polls end with their connections; nobody waits for them longer than this.
    let _ = tokio::time::timeout(Duration::from_secs(5), http).await;
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
    for guard in guards {
        // It blocks, for no longer than this; what shares the runtime with this service goes on.
        let _ = tokio::task::spawn_blocking(move || guard.shutdown(Duration::from_secs(2))).await;
    }
    let _ = std::fs::remove_file(&file);
    result?.close().await;
    Ok(())
}

/// At the first start: an account for the first operator, its token in a file that nobody else may read.
async fn ensure_operator(store: &mut Store, tip: &crate::store::Tip, config: &Config) -> Result<(), RunError> {
    if config.operator_token_file.exists() {
        // The file may have been given, or the database replaced: either way this token is the operator's.
        let token = crate::config::read_secret(&config.operator_token_file)?;
        return put_operator(store, tip, secrecy::ExposeSecret::expose_secret(&token)).await;
    }
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    let token = hex::encode(bytes);
    write_file(&config.operator_token_file, token.as_bytes(), true)?;
    put_operator(store, tip, &token).await
}

async fn put_operator(store: &mut Store, tip: &crate::store::Tip, token: &str) -> Result<(), RunError> {
    let mut batch = Batch::default();
    let hash = Sha256::digest(token.as_bytes()).to_vec();
    batch.put(&TOKEN, [Value::Blob(hash), "operator".into(), "person:operator".into(), "operator auditor".into()]);
    Ok(store.put(batch, tip).await?)
}

fn write_file(path: &std::path::Path, bytes: &[u8], secret: bool) -> Result<(), RunError> {
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
