//! Where the programme is played: a broker and three services as processes of their own, in a folder that is removed at the end.

use crate::{
    broker::Broker,
    cluster::{self, Options, Service},
    databases::Databases,
};
use anyhow::{Context, bail};
use domain::{Date, Moment, Party};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Where data is kept.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// Keep databases, keys and logs here instead of a folder that is removed at the end
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// PostgreSQL server on which databases are made for the three; dropped at the end unless --data-dir keeps the rest
    #[arg(long, value_name = "URL")]
    pub postgres: Option<SecretString>,
}

/// A broker and three services that run.
pub(crate) struct Stage {
    /// The services.
    pub services: BTreeMap<Party, Service>,
    /// The file of the union's notices to applicants, where they are kept.
    pub notices: Option<PathBuf>,
    _broker: Broker,
    _folder: Option<TempDir>,
}

impl Place {
    /// Calls `play` with databases on the PostgreSQL server, if there is one, and drops them unless they are to be kept.
    ///
    /// # Errors
    /// The server fails, or `play` does.
    pub async fn with_databases<T>(
        &self,
        play: impl AsyncFnOnce(BTreeMap<Party, SecretString>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let Some(server) = &self.postgres else { return play(BTreeMap::new()).await };
        let databases = Databases::create(server).await?;
        let played = play(databases.urls()).await;
        match self.data_dir {
            Some(_) => databases.names().for_each(|name| eprintln!("{name}")),
            None => databases.drop_all().await?,
        }
        played
    }

    /// Starts broker and services; business time stands still at the start of this day. Whether applicants are told, in a file, is
    /// `notifies`'s to say; `say` tells what is being started.
    ///
    /// # Errors
    /// The folder holds an earlier run, or something does not start.
    pub fn start(
        &self,
        first_day: Date,
        databases: BTreeMap<Party, SecretString>,
        notifies: bool,
        say: impl Fn(&str),
    ) -> anyhow::Result<Stage> {
        let temporary = match self.data_dir {
            Some(_) => None,
            None => Some(tempfile::tempdir().context("cannot make a folder for the services")?),
        };
        let folder: &Path = match (&self.data_dir, &temporary) {
            (Some(folder), _) => folder,
            (None, Some(temporary)) => temporary.path(),
            (None, None) => bail!("there is no folder for the services"),
        };
        if folder.join("union/config.toml").exists() {
            bail!("{} holds an earlier run: name another folder", folder.display());
        }
        say("正在启动消息服务器 nats-server…");
        let broker = Broker::start(&folder.join("broker"))?;
        let notices = notifies.then(|| folder.join("notices.jsonl"));
        let options = Options {
            driven_from: Some(Moment::start_of(first_day)),
            databases,
            notices: notices.as_ref().map(|file| format!("file:{}", file.display())),
            ..Options::default()
        };
        let files = cluster::prepare(folder, &broker, &options)?;
        say("正在启动工会、担保公司、银行三个服务…");
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut services = BTreeMap::new();
        for party in Party::ALL {
            services.insert(party, Service::start(&program, party, &files[&party])?);
        }
        Ok(Stage { services, notices, _broker: broker, _folder: temporary })
    }
}

impl Stage {
    /// Addresses and the operators' tokens.
    pub fn addresses(&self) -> Vec<Value> {
        let address = |service: &Service| {
            json!({
                "party": service.party,
                "url": service.url,
                "operator_token": service.operator_token,
                "second_operator_token": service.second_operator_token,
            })
        };
        self.services.values().map(address).collect()
    }

    /// Asks the services to stop and waits; unless `once`, not before somebody presses Ctrl-C.
    ///
    /// # Errors
    /// A process cannot be signalled.
    pub async fn end(mut self, once: bool, say: impl Fn(&str)) -> anyhow::Result<()> {
        if !once {
            say("三个服务仍在运行，按 Ctrl-C 结束。");
            tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")?;
        }
        for service in self.services.values_mut() {
            service.stop()?;
        }
        Ok(())
    }
}
