//! The three organisations on one machine, for the demo, the benchmark and the tests: keys, pairing, configuration files,
//! and the three services as processes of their own.
//!
//! It knows nothing of the programme; what a cluster does is driven from outside, over HTTP.

use crate::broker::{Access, Broker};
use anyhow::{Context, bail};
use domain::{Moment, Party};
use party::{
    keys::{new_signing_key, new_vault_key},
    pairing::Pairing,
};
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::{Duration, Instant},
};
use tools::child::Child;

const PROGRAMME: &str = "warm-venture-loan";
const ENVIRONMENT: &str = "local";
/// The guarantor's net assets here: a billion yuan, so that its limits do not bind a demo or a benchmark.
const NET_ASSETS_FEN: i64 = 100_000_000_000;
/// How long a service may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the three have in common, and what differs.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where driven business time starts; none: the system's time.
    pub driven_from: Option<Moment>,
    /// Roles that decide by themselves.
    pub automatic: BTreeMap<Party, BTreeSet<String>>,
    /// A charter file for all three; none: the programme's.
    pub charter: Option<PathBuf>,
    /// Where spans go.
    pub otlp_endpoint: Option<String>,
    /// The bank's core-banking system; none: its own ledger.
    pub core_banking_url: Option<String>,
    /// How long the bank waits for its answers, ms; none: as long as it does by default.
    pub core_banking_timeout_ms: Option<u32>,
    /// Where the union's notices to applicants go; none: nowhere.
    pub notices: Option<String>,
    /// PostgreSQL databases; whoever has none keeps its data in SQLite.
    pub databases: BTreeMap<Party, SecretString>,
    /// The environment; none: `local`.
    pub environment: Option<String>,
    /// The guarantor's net assets, fen; none: a billion yuan.
    pub net_assets_fen: Option<i64>,
    /// By which address each reaches the broker; whoever has none, by the broker's own.
    pub nats_urls: BTreeMap<Party, String>,
}

impl Options {
    fn environment(&self) -> &str {
        self.environment.as_deref().unwrap_or(ENVIRONMENT)
    }
}

/// Writes keys, pairing and configuration of the three under `folder` and returns the configuration files. What is there
/// already is taken up again.
///
/// # Errors
/// A file cannot be read or written, or a key cannot be made.
pub fn prepare(folder: &Path, broker: &Broker, options: &Options) -> anyhow::Result<BTreeMap<Party, PathBuf>> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let folder = fs::canonicalize(folder)?;
    let mut publics = BTreeMap::new();
    for party in Party::ALL {
        let home = folder.join(party.as_str());
        let key = home.join(format!("{party}.key"));
        let public = if key.exists() {
            *party::keys::read_signing_key(&key, party)?.public()
        } else {
            fs::create_dir_all(&home)?;
            *new_signing_key(&key, party)?.public()
        };
        publics.insert(party, public);
    }
    let pairing = folder.join("pairing.toml");
    fs::write(&pairing, Pairing::new(PROGRAMME.into(), options.environment().into(), publics)?.to_toml()?)?;
    let mut files = BTreeMap::new();
    for party in Party::ALL {
        let home = folder.join(party.as_str());
        let vault = home.join("vault.key");
        if !vault.exists() {
            new_vault_key(&vault)?;
        }
        let file = home.join("config.toml");
        let config = configuration(&home, &pairing, party, broker, options)?;
        // It holds the seeds of the NATS users, and may hold a database's password.
        let _ = fs::remove_file(&file);
        secret_file(&file, config.as_bytes())?;
        files.insert(party, file);
    }
    Ok(files)
}

/// Writes the configuration of another process of the service that has this one, in a folder of its own beside it: the same
/// keys, tokens and PostgreSQL database. Returns its configuration file, for [`Service::start`].
///
/// # Errors
/// A file cannot be read or written.
pub fn prepare_replica(config: &Path, number: u32) -> anyhow::Result<PathBuf> {
    let home = config.parent().context("a configuration file has a folder")?;
    let name = home.file_name().context("it has a name")?.to_string_lossy();
    let other = home.with_file_name(format!("{name}-{number}"));
    fs::create_dir_all(&other)?;
    let mut table: toml::Table = fs::read_to_string(config)?.parse()?;
    table.insert("data_dir".to_owned(), toml::Value::String(other.join("data").display().to_string()));
    let file = other.join("config.toml");
    let _ = fs::remove_file(&file);
    secret_file(&file, toml::to_string_pretty(&table)?.as_bytes())?;
    Ok(file)
}

fn configuration(
    home: &Path,
    pairing: &Path,
    party: Party,
    broker: &Broker,
    options: &Options,
) -> anyhow::Result<String> {
    let path = |path: &Path| toml::Value::String(path.display().to_string());
    let text = |text: &str| toml::Value::String(text.to_owned());
    let mut table = toml::Table::new();
    let mut set = |key: &str, value: toml::Value| table.insert(key.to_owned(), value);
    set("party", text(party.as_str()));
    set("programme", text(PROGRAMME));
    set("environment", text(options.environment()));
    set("data_dir", path(&home.join("data")));
    if let Some(url) = options.databases.get(&party) {
        set("database_url", text(url.expose_secret()));
    }
    set("http_listen", text("127.0.0.1:0"));
    set("nats_url", text(options.nats_urls.get(&party).unwrap_or(&broker.url())));
    set("nats_app_seed", text(&broker.seed(party, Access::App)?));
    set("nats_admin_seed", text(&broker.seed(party, Access::Admin)?));
    set("signing_key_file", path(&home.join(format!("{party}.key"))));
    set("pairing_file", path(pairing));
    set("vault_key_file", path(&home.join("vault.key")));
    set("operator_token_file", path(&home.join("operator.token")));
    set("second_operator_token_file", path(&home.join("operator-2.token")));
    if let Some(at) = options.driven_from {
        let driven = toml::Table::from_iter([("driven".to_owned(), toml::Value::Integer(at.millis()))]);
        set("business_time", toml::Value::Table(driven));
    }
    if let Some(roles) = options.automatic.get(&party) {
        set("automatic", toml::Value::Array(roles.iter().map(|role| text(role)).collect()));
    }
    if let Some(charter) = &options.charter {
        set("charter_file", path(charter));
    }
    if let Some(endpoint) = &options.otlp_endpoint {
        set("otlp_endpoint", text(endpoint));
    }
    if let Some(url) = options.core_banking_url.as_ref().filter(|_| party == Party::Bank) {
        set("core_banking_url", text(url));
        if let Some(ms) = options.core_banking_timeout_ms {
            set("core_banking_timeout_ms", toml::Value::Integer(ms.into()));
        }
    }
    if let Some(notices) = options.notices.as_ref().filter(|_| party == Party::Union) {
        set("notices", text(notices));
    }
    if party == Party::Guarantor {
        set("net_assets_fen", toml::Value::Integer(options.net_assets_fen.unwrap_or(NET_ASSETS_FEN)));
    }
    Ok(toml::to_string_pretty(&table)?)
}

fn secret_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    file.write_all(bytes)?;
    Ok(())
}

/// A running service of the cluster.
#[derive(Debug)]
pub struct Service {
    /// Whose it is.
    pub party: Party,
    /// Base address of its HTTP interface, `http://127.0.0.1:PORT`.
    pub url: String,
    /// The operator's bearer token.
    pub operator_token: String,
    /// That of the second operator, who confirms what takes two persons.
    pub second_operator_token: String,
    /// Its log.
    pub log: PathBuf,
    /// What its environment has besides ours when it is started again.
    pub environment: BTreeMap<&'static str, String>,
    config: PathBuf,
    program: PathBuf,
    child: Child,
}

impl Service {
    /// Starts the service with this configuration as a process of its own and waits until it listens. `program` is the
    /// `nuan` command.
    ///
    /// # Errors
    /// It cannot be started, or ends, or does not listen in time; with the last line of its log.
    pub fn start(program: &Path, party: Party, config: &Path) -> anyhow::Result<Self> {
        Self::start_in(BTreeMap::new(), program, party, config)
    }

    /// As [`Service::start`], with these variables in its environment besides.
    ///
    /// # Errors
    /// As [`Service::start`].
    pub fn start_in(
        environment: BTreeMap<&'static str, String>,
        program: &Path,
        party: Party,
        config: &Path,
    ) -> anyhow::Result<Self> {
        let home = config.parent().context("a configuration file has a folder")?;
        let (log, address_file) = (home.join("service.log"), home.join("data/http.addr"));
        let _ = fs::remove_file(&address_file);
        let out = File::options().create(true).append(true).open(&log)?;
        let errors = out.try_clone()?;
        let mut child = Child::spawn(program, |command| {
            command
                .args(["serve", party.as_str(), "--config"])
                .arg(config)
                .envs(&environment)
                .stdout(out)
                .stderr(errors);
        })
        .with_context(|| format!("cannot start {}", program.display()))?;
        let until = Instant::now() + PATIENCE;
        let address = loop {
            if let Ok(address) = fs::read_to_string(&address_file)
                && !address.is_empty()
            {
                break address;
            }
            if child.ended()?.is_some() || Instant::now() > until {
                let words = fs::read_to_string(&log).unwrap_or_default();
                bail!("the {party}'s service did not come up: {}", words.lines().last().unwrap_or("no word"));
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let table: toml::Table = fs::read_to_string(config)?.parse()?;
        let token = |key: &str| -> anyhow::Result<String> {
            let file = table.get(key).and_then(toml::Value::as_str).with_context(|| format!("no {key}"))?;
            Ok(fs::read_to_string(file)?.trim().to_owned())
        };
        Ok(Service {
            party,
            url: format!("http://{address}"),
            operator_token: token("operator_token_file")?,
            second_operator_token: token("second_operator_token_file")?,
            log,
            environment,
            config: config.to_owned(),
            program: program.to_owned(),
            child,
        })
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// The system does not say.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.ended()?)
    }

    /// Kills it at once, wherever it is.
    ///
    /// # Errors
    /// The process cannot be signalled.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        Ok(())
    }

    /// Stops it where it stands (SIGSTOP), as a machine would that hangs.
    ///
    /// # Errors
    /// The process cannot be signalled.
    pub fn freeze(&mut self) -> anyhow::Result<()> {
        Ok(self.child.freeze()?)
    }

    /// Lets it go on (SIGCONT).
    ///
    /// # Errors
    /// The process cannot be signalled.
    pub fn thaw(&mut self) -> anyhow::Result<()> {
        Ok(self.child.thaw()?)
    }

    /// Starts it again on the same files. Its address changes.
    ///
    /// # Errors
    /// As [`Service::start`].
    pub fn restart(&mut self) -> anyhow::Result<()> {
        *self = Service::start_in(self.environment.clone(), &self.program, self.party, &self.config)?;
        Ok(())
    }

    /// Asks it to stop and waits.
    ///
    /// # Errors
    /// The process cannot be signalled.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.child.terminate(Duration::from_secs(10))?;
        Ok(())
    }
}
