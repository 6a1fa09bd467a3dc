//! Which services a command asks, and with whose token.

use crate::Failure;
use anyhow::{Context, bail};
use domain::Party;
use std::{collections::BTreeMap, fs, path::PathBuf};

/// What `--service` takes.
pub(crate) const HELP: &str =
    "A service and a token: union=http://127.0.0.1:8080,TOKEN, or @FILE for a token that stands in a file";

#[derive(Debug, clap::Args)]
pub(crate) struct Services {
    /// Folder of a demo (`nuan demo --data-dir`), where addresses and operators' tokens stand
    #[arg(long, value_name = "FOLDER", conflicts_with = "service")]
    data_dir: Option<PathBuf>,
    #[arg(long, value_name = "PARTY=URL,TOKEN", help = HELP)]
    service: Vec<String>,
}

/// A service, as somebody may ask it.
#[derive(Debug)]
pub(crate) struct Service {
    /// Base address.
    pub url: String,
    /// Bearer token.
    pub token: String,
}

impl Services {
    /// The services that are named.
    ///
    /// # Errors
    /// None is named, or not as it should be, or the demo's files cannot be read.
    pub fn found(&self) -> anyhow::Result<BTreeMap<Party, Service>> {
        let mut services = BTreeMap::new();
        if let Some(folder) = &self.data_dir {
            for party in Party::ALL {
                let home = folder.join(party.as_str());
                let read = |file: &str| {
                    let path = home.join(file);
                    fs::read_to_string(&path)
                        .with_context(|| format!("cannot read {}: does the demo still run?", path.display()))
                };
                let (address, token) = (read("data/http.addr")?, read("operator.token")?);
                services.insert(party, Service { url: format!("http://{address}"), token: token.trim().to_owned() });
            }
        }
        for service in &self.service {
            let (party, service) = parse(service)?;
            services.insert(party, service);
        }
        if services.is_empty() {
            bail!("which services? name a demo's folder with --data-dir, or each with --service");
        }
        Ok(services)
    }
}

/// Reads what `--service` is given.
///
/// # Errors
/// It is something else, or the token's file cannot be read.
pub(crate) fn parse(text: &str) -> anyhow::Result<(Party, Service)> {
    let parts = text.split_once('=').and_then(|(party, rest)| Some((party, rest.split_once(',')?)));
    let Some((party, (url, token))) = parts else {
        bail!("`{}` is not PARTY=URL,TOKEN", text.split(',').next().unwrap_or_default());
    };
    let token = match token.strip_prefix('@') {
        Some(file) => fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?.trim().to_owned(),
        None => token.to_owned(),
    };
    Ok((party.parse()?, Service { url: url.to_owned(), token }))
}

/// Waits for what services answer.
///
/// # Errors
/// What it fails with, in one line.
pub(crate) fn wait<T>(asked: impl Future<Output = anyhow::Result<T>>) -> Result<T, Failure> {
    on_this_thread(asked).map_err(|error| Failure::Failed(format!("{error:#}")))
}

/// Runs what talks to services to its end on this thread.
///
/// # Errors
/// What it fails with.
pub(crate) fn on_this_thread<T>(asked: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(asked)
}
