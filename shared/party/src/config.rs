//! Configuration of a service: one TOML file, overridden by `NUAN_*` environment variables. Unknown keys are refused.
//!
//! `NUAN_HTTP_LISTEN=127.0.0.1:8080` overrides `http_listen`. Secrets come from files that nobody else may read (the TOML file
//! itself, if it holds any), or from the environment; printing the configuration redacts them.

use crate::{fault, store::Location};
use domain::{Moment, Party};
use organisation::Settings;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use std::{collections::BTreeSet, fmt, net::SocketAddr, path::PathBuf};

/// Environment variables of the `nuan` command and of tests, which are no keys of a service's configuration.
const NOT_OURS: &[&str] = &["NUAN_NATS_SERVER", "NUAN_POSTGRES_BIN", "NUAN_ROTEL", "NUAN_CONFIG", "NUAN_LOG"];

/// Configuration of one service.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which of the three it is.
    pub party: Party,
    /// Name of the programme; part of every channel's first hash.
    pub programme: String,
    /// Name of the environment, e.g. `production`, `demo`; part of every channel's first hash.
    pub environment: String,
    /// Where `http.addr` is written, and where the database lives if it has no URL.
    pub data_dir: PathBuf,
    /// URL of a PostgreSQL database, `postgres://user:password@host/database`; none: SQLite.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "redacted_if_any")]
    pub database_url: Option<SecretString>,
    /// Where HTTP listens.
    pub http_listen: SocketAddr,
    /// Where the other replicas of this service reach this one, `http://host:port`; none: at the address that HTTP listens on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_advertise: Option<String>,
    /// URL of the organisation's NATS server.
    pub nats_url: Address,
    /// Seed of the application's NATS user.
    #[serde(serialize_with = "redacted")]
    pub nats_app_seed: SecretString,
    /// Seed of the NATS user that creates streams and consumers.
    #[serde(serialize_with = "redacted")]
    pub nats_admin_seed: SecretString,
    /// File with the signing key (`nuan keys new`); nobody else may read it.
    pub signing_key_file: PathBuf,
    /// File with the key that is to sign next (`nuan keys rotate`); nobody else may read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_signing_key_file: Option<PathBuf>,
    /// File with the partners' public keys.
    pub pairing_file: PathBuf,
    /// File with 64 hex digits: the vault key; nobody else may read it.
    pub vault_key_file: PathBuf,
    /// File with the charter in JSON; none: the charter of 2017.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charter_file: Option<PathBuf>,
    /// File that receives the first operator's token at the first start; nobody else may read it.
    pub operator_token_file: PathBuf,
    /// The same for a second operator, another person; none: what takes two persons waits until there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_operator_token_file: Option<PathBuf>,
    /// `system`, or a moment at which driven time starts (tests, history).
    #[serde(default)]
    pub business_time: BusinessTime,
    /// Roles that decide by themselves within the charter's limits.
    #[serde(default)]
    pub automatic: BTreeSet<String>,
    /// Where spans go (OTLP over HTTP); none: nowhere. `OTEL_EXPORTER_OTLP_ENDPOINT` sets it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<Address>,
    /// Inputs decided in one commit at most.
    #[serde(default = "default_batch")]
    pub batch_inputs: usize,
    /// Commands that may wait; more are answered 503.
    #[serde(default = "default_queue")]
    pub command_queue: usize,
    /// How long a starting service waits for its partners' heads, ms.
    #[serde(default = "default_greeting")]
    pub greeting_ms: u64,
    /// The bank: URL of the core-banking system; none: its own ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_banking_url: Option<Address>,
    /// The bank: how long it waits for an answer of the core-banking system, ms. What did not come by then is unknown.
    #[serde(default = "default_core_banking_timeout")]
    pub core_banking_timeout_ms: u64,
    /// Where notices to applicants go: `console`, `file:PATH`, or the address of an adapter ([`crate::notifier`]); none: nowhere, they
    /// are read on the applicant's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notices: Option<Address>,
    /// The guarantor: its net assets, fen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_assets_fen: Option<i64>,
}

/// An address that may hold credentials: whole for who connects to it, without them for who reads it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// With credentials.
    pub fn whole(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Address {
    fn from(url: &str) -> Self {
        Address(url.to_owned())
    }
}

/// What stands between scheme and host is never shown, however oddly it is written.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((before, host)) = self.0.rsplit_once('@') else { return f.write_str(&self.0) };
        let scheme = before.split_once("://").map(|(scheme, _)| format!("{scheme}://")).unwrap_or_default();
        write!(f, "{scheme}(redacted)@{host}")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whose time is business time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BusinessTime {
    /// The system's clock.
    #[default]
    System,
    /// Driven by a test or a history run, from this moment on.
    Driven(Moment),
}

fn default_batch() -> usize {
    256
}
fn default_queue() -> usize {
    1024
}
fn default_greeting() -> u64 {
    1500
}

fn default_core_banking_timeout() -> u64 {
    10_000
}

fn redacted<S: Serializer>(_: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("(redacted)")
}

fn redacted_if_any<S: Serializer>(_: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("(redacted)")
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration {path} is not TOML: {source}")]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<toml::de::Error>,
    },
    /// A key is unknown, missing or of the wrong kind.
    #[error("the configuration is wrong: {0}")]
    Wrong(String),
    /// A file that must be secret can be read by others.
    #[error("{path} can be read by others (mode {mode:03o}); run: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

impl Config {
    /// Reads a file and lays the environment over it. One that holds secrets must be its owner's alone.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(
        path: &std::path::Path,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let table: toml::Table =
            text.parse().map_err(|source| ConfigError::NotToml { path: path.to_owned(), source: Box::new(source) })?;
        if holds_secrets(&table) {
            must_be_its_owners(path)?;
        }
        Config::from_table(table, environment)
    }

    /// The configuration in a TOML table, with the environment laid over it.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`].
    pub fn from_table(
        mut table: toml::Table,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        for (name, value) in environment {
            if name == "OTEL_EXPORTER_OTLP_ENDPOINT" && !value.is_empty() {
                table.insert("otlp_endpoint".into(), toml::Value::String(value));
            } else if let Some(key) = name.strip_prefix("NUAN_")
                && !NOT_OURS.contains(&name.as_str())
                && !fault::VARIABLES.contains(&name.as_str())
            {
                table.insert(key.to_lowercase(), typed(key, &value));
            }
        }
        let config: Config =
            table.try_into().map_err(|error: toml::de::Error| ConfigError::Wrong(error.message().to_owned()))?;
        if config.batch_inputs == 0 || config.command_queue == 0 {
            return Err(ConfigError::Wrong("batch_inputs and command_queue have to be at least 1".into()));
        }
        match &config.http_advertise {
            Some(_) if config.database_url.is_none() => {
                let why =
                    "http_advertise is for replicas, and those need a database_url: on SQLite one process serves alone";
                return Err(ConfigError::Wrong(why.into()));
            }
            Some(url) if !url.starts_with("http://") => {
                return Err(ConfigError::Wrong("http_advertise has to be http://host:port".into()));
            }
            _ => {}
        }
        if matches!(config.business_time, BusinessTime::Driven(_)) && !config.may_forget() {
            return Err(ConfigError::Wrong(format!(
                "business_time may be driven only where environment is one of {}: whoever drives it can make applications expire",
                NOBODY_RELIES_ON.join(", ")
            )));
        }
        if config.second_operator_token_file.as_ref() == Some(&config.operator_token_file) {
            return Err(ConfigError::Wrong(
                "second_operator_token_file has to be another file: two operators are two persons".into(),
            ));
        }
        if config.core_banking_timeout_ms == 0 {
            return Err(ConfigError::Wrong("core_banking_timeout_ms has to be at least 1".into()));
        }
        Ok(config)
    }

    /// Whether nobody relies on what this service promises: a test's, a demo's, a history run's.
    pub fn may_forget(&self) -> bool {
        NOBODY_RELIES_ON.contains(&self.environment.as_str())
    }

    /// The configuration as TOML, secrets redacted.
    ///
    /// # Errors
    /// A value cannot be written as TOML.
    pub fn print(&self) -> Result<String, ConfigError> {
        toml::to_string_pretty(self).map_err(|error| ConfigError::Wrong(error.to_string()))
    }

    /// Where the database is.
    pub fn database(&self) -> Location {
        match &self.database_url {
            Some(url) => Location::Server(url.clone()),
            None => Location::File(self.data_dir.join(format!("{}.db", self.party))),
        }
    }

    /// What the core is set up with besides its charters.
    pub fn settings(&self) -> Settings {
        Settings {
            automatic: self.automatic.clone(),
            net_assets_fen: self.net_assets_fen,
            core_banking: self.core_banking_url.is_some(),
        }
    }

    /// The NATS seeds: application and admin.
    pub fn nats_seeds(&self) -> (&str, &str) {
        (self.nats_app_seed.expose_secret(), self.nats_admin_seed.expose_secret())
    }
}

/// Environments whose promises nobody relies on: there business time may be driven, and a database lose what it acknowledged. The
/// name is in every partner's pairing file and in every channel's first hash, so nobody has it by mistake.
const NOBODY_RELIES_ON: [&str; 4] = ["local", "test", "history", "sandbox"];

/// Whether a file with this in it is a secret one: seeds, or credentials in an address.
fn holds_secrets(table: &toml::Table) -> bool {
    let addresses = ["nats_url", "otlp_endpoint", "core_banking_url", "notices"];
    let has_credentials =
        |key: &&str| table.get(*key).and_then(toml::Value::as_str).is_some_and(|url| url.contains('@'));
    table.contains_key("nats_app_seed")
        || table.contains_key("database_url")
        || table.contains_key("nats_admin_seed")
        || addresses.iter().any(has_credentials)
}

/// An environment variable is text; numbers, truths, lists and tables are written as in TOML.
fn typed(key: &str, value: &str) -> toml::Value {
    let text = toml::Value::String(value.to_owned());
    if matches!(key, "PROGRAMME" | "ENVIRONMENT") {
        return text;
    }
    match format!("v = {value}").parse::<toml::Table>() {
        Ok(mut table) => table.remove("v").unwrap_or(text),
        Err(_) => text,
    }
}

/// Reads a file that must be secret.
///
/// # Errors
/// It cannot be read, or others can read it too.
pub fn read_secret(path: &std::path::Path) -> Result<SecretString, ConfigError> {
    must_be_its_owners(path)?;
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    Ok(SecretString::from(std::fs::read_to_string(path).map_err(unreadable)?.trim().to_owned()))
}

#[cfg(unix)]
fn must_be_its_owners(path: &std::path::Path) -> Result<(), ConfigError> {
    use std::os::unix::fs::PermissionsExt;
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(ConfigError::Exposed { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn must_be_its_owners(_: &std::path::Path) -> Result<(), ConfigError> {
    Ok(())
}

/// The vault key in a secret file.
///
/// # Errors
/// It cannot be read, others can read it too, or it is not 64 hex digits.
pub fn read_vault_key(path: &std::path::Path) -> Result<[u8; 32], ConfigError> {
    let text = read_secret(path)?;
    let mut key = [0_u8; 32];
    hex::decode_to_slice(text.expose_secret(), &mut key)
        .map_err(|_| ConfigError::Wrong(format!("{} does not hold 64 hex digits", path.display())))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
    use super::*;

    fn base() -> toml::Table {
        r#"
            party = "union"
            programme = "warm-venture"
            environment = "test"
            data_dir = "data"
            http_listen = "127.0.0.1:0"
            nats_url = "nats://127.0.0.1:4222"
            nats_app_seed = "SUAPP"
            nats_admin_seed = "SUADMIN"
            signing_key_file = "key"
            pairing_file = "pairing.toml"
            vault_key_file = "vault"
            operator_token_file = "token"
        "#
        .parse()
        .unwrap()
    }

    fn with(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_table(base(), variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let config = with(&[
            ("NUAN_HTTP_LISTEN", "127.0.0.1:8080"),
            ("NUAN_BATCH_INPUTS", "7"),
            ("NUAN_AUTOMATIC", "[\"intake_officer\"]"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
            ("PATH", "ignored"),
            ("NUAN_NATS_SERVER", "/usr/bin/nats-server"),
        ])
        .unwrap();
        assert_eq!(config.http_listen.port(), 8080);
        assert_eq!(config.batch_inputs, 7);
        assert!(config.automatic.contains("intake_officer"));
        assert_eq!(config.otlp_endpoint.as_ref().map(Address::whole), Some("http://127.0.0.1:4318"));
        assert_eq!(config.business_time, BusinessTime::System);
    }

    #[test]
    fn unknown_keys_are_refused_wherever_they_come_from() {
        let error = with(&[("NUAN_HTTP_LISTN", "127.0.0.1:8080")]).unwrap_err().to_string();
        assert!(error.contains("http_listn"), "{error}");
        for variable in [fault::DIE, fault::CLOCK] {
            assert_eq!(
                with(&[(variable, "1")]).is_err(),
                !fault::COMPILED_IN,
                "only a build for fault campaigns knows it"
            );
        }
        let mut table = base();
        table.insert("colour".into(), toml::Value::Integer(1));
        let error = Config::from_table(table, std::iter::empty()).unwrap_err().to_string();
        assert!(error.contains("colour"), "{error}");
        assert!(with(&[("NUAN_BATCH_INPUTS", "0")]).is_err());
        assert!(with(&[("NUAN_CORE_BANKING_TIMEOUT_MS", "0")]).is_err());
        assert!(with(&[("NUAN_BATCH_INPUTS", "many")]).is_err());
    }

    #[test]
    fn printing_redacts_secrets() {
        let config = with(&[]).unwrap();
        let text = config.print().unwrap();
        assert!(!text.contains("SUAPP") && !text.contains("SUADMIN"), "{text}");
        assert!(text.contains("nats_app_seed = \"(redacted)\""), "{text}");
        assert!(!format!("{config:?}").contains("SUAPP"));
        assert!(!text.contains("database_url"), "{text}");
    }

    #[test]
    fn an_address_for_replicas_is_refused_where_there_can_be_none() {
        let advertised = ("NUAN_HTTP_ADVERTISE", "http://union-1:8080");
        let refused = |variables: &[(&str, &str)]| with(variables).unwrap_err().to_string();
        assert!(refused(&[advertised]).contains("need a database_url"));
        let server = ("NUAN_DATABASE_URL", "postgres://u:p@host/union");
        assert_eq!(with(&[server, advertised]).unwrap().http_advertise.as_deref(), Some("http://union-1:8080"));
        assert!(refused(&[server, ("NUAN_HTTP_ADVERTISE", "union-1:8080")]).contains("http://host:port"));
    }

    #[test]
    fn the_database_is_a_file_unless_a_url_names_another_and_that_is_secret() {
        let Location::File(path) = with(&[]).unwrap().database() else { panic!("no file") };
        assert_eq!(path, PathBuf::from("data/union.db"));
        let config = with(&[("NUAN_DATABASE_URL", "postgres://nuan:horse@db/union")]).unwrap();
        let Location::Server(url) = config.database() else { panic!("no server") };
        assert_eq!(url.expose_secret(), "postgres://nuan:horse@db/union");
        let text = config.print().unwrap();
        assert!(text.contains("database_url = \"(redacted)\""), "{text}");
        assert!(!text.contains("horse") && !format!("{config:?}").contains("horse"), "{text}");
    }

    #[test]
    fn two_operators_have_two_files() {
        let second = |file: &'static str| with(&[("NUAN_SECOND_OPERATOR_TOKEN_FILE", file)]);
        assert!(second("token-2").unwrap().second_operator_token_file.is_some());
        let line = second("token").unwrap_err().to_string();
        assert!(line.contains("second_operator_token_file has to be another file"), "{line}");
    }

    #[test]
    fn time_is_driven_only_where_nobody_is_hurt_by_it() {
        let driven = ("NUAN_BUSINESS_TIME", "{ driven = 1500000000000 }");
        for environment in NOBODY_RELIES_ON {
            with(&[driven, ("NUAN_ENVIRONMENT", environment)]).unwrap();
        }
        for environment in ["production", "staging", ""] {
            let line = with(&[driven, ("NUAN_ENVIRONMENT", environment)]).unwrap_err().to_string();
            assert!(line.contains("business_time may be driven only where"), "{line}");
        }
    }

    #[test]
    fn printing_redacts_credentials_in_addresses_and_connecting_does_not() {
        for (url, shown) in [
            ("http://core:8080/bank", "http://core:8080/bank"),
            ("http://user:secret@core:8080/bank", "http://(redacted)@core:8080/bank"),
            ("https://secret@core", "https://(redacted)@core"),
            ("user:secret@core", "(redacted)@core"),
            ("http://user:sec/ret@core", "http://(redacted)@core"),
            ("http://user:sec@ret@core", "http://(redacted)@core"),
            ("nats://a:secret@h1,nats://b:secret@h2:4222", "nats://(redacted)@h2:4222"),
        ] {
            for key in ["nats_url", "otlp_endpoint", "core_banking_url", "notices"] {
                let mut table = base();
                table.insert(key.into(), url.into());
                let config = Config::from_table(table, std::iter::empty()).unwrap();
                let text = config.print().unwrap();
                assert!(text.contains(&format!("{key} = \"{shown}\"")), "{text}");
                for text in [text, format!("{config:?}")] {
                    assert!(!text.contains("secret") && !text.contains("sec/ret") && !text.contains("sec@"), "{text}");
                }
                let whole = [Some(config.nats_url), config.otlp_endpoint, config.core_banking_url, config.notices];
                assert!(whole.iter().flatten().any(|address| address.whole() == url), "{url}");
            }
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_file_with_secrets_that_others_can_read_is_refused_and_one_without_is_not() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let seeds = ["nats_app_seed", "nats_admin_seed"];
        let environment = || seeds.map(|seed| (format!("NUAN_{}", seed.to_uppercase()), "SU".to_owned())).into_iter();
        let load = |table: &toml::Table, mode: u32| {
            std::fs::write(&path, toml::to_string(table).unwrap()).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            Config::load(&path, environment())
        };
        let mut open = base();
        for seed in seeds {
            open.remove(seed).unwrap();
        }
        load(&open, 0o644).unwrap();
        let with = |key: &str, value: &str| {
            let mut table = open.clone();
            table.insert(key.into(), value.into());
            table
        };
        for table in [
            with("nats_app_seed", "SUAPP"),
            with("nats_admin_seed", "SUADMIN"),
            with("nats_url", "nats://user:secret@127.0.0.1"),
            with("core_banking_url", "http://user:secret@core"),
            with("notices", "https://user:secret@sms"),
            with("database_url", "postgres://db/union"),
        ] {
            for mode in [0o644, 0o640, 0o604] {
                let line = load(&table, mode).unwrap_err().to_string();
                assert!(line.contains("can be read by others") && line.contains("chmod 600"), "{mode:o}: {line}");
            }
            load(&table, 0o600).unwrap();
            load(&table, 0o400).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        }
    }
}
