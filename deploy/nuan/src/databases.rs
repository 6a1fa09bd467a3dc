//! A database for each of the three on a PostgreSQL server that somebody else runs, for demo, bench and tests.
//!
//! Their names are new ones: nothing that is on the server already is touched.

use anyhow::Context;
use domain::Party;
use party::store::server;
use secrecy::SecretString;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// How often this process has made three.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The three databases. They stay until [`Databases::drop_all`].
#[derive(Debug)]
pub struct Databases {
    server: SecretString,
    each: BTreeMap<Party, (String, SecretString)>,
}

impl Databases {
    /// Creates `nuan_<party>_<number>` for each party on the server that this URL leads to; its user must be allowed to.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub async fn create(server: &SecretString) -> anyhow::Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        // Two of one process may be made in the same microsecond.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let number = format!("{now:x}_{:x}_{count}", std::process::id());
        let mut databases = Databases { server: server.clone(), each: BTreeMap::new() };
        for party in Party::ALL {
            let name = format!("nuan_{party}_{number}");
            let url = server::create_database(server, &name).await.context("PostgreSQL")?;
            databases.each.insert(party, (name, url));
        }
        Ok(databases)
    }

    /// Their URLs, each with the server's password.
    pub fn urls(&self) -> BTreeMap<Party, SecretString> {
        self.each.iter().map(|(party, (_, url))| (*party, url.clone())).collect()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.each.values().map(|(name, _)| name.as_str())
    }

    /// The bytes that they take on disk together.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn bytes(&self) -> anyhow::Result<u64> {
        let mut bytes = 0;
        for (_, url) in self.each.values() {
            bytes += server::database_bytes(url).await?;
        }
        Ok(bytes)
    }

    /// Keeps a copy of what a party's database holds now, in place of an earlier one. Its service has to be down.
    ///
    /// # Errors
    /// The server cannot be reached, or somebody is connected.
    pub async fn keep(&self, party: Party) -> anyhow::Result<()> {
        let name = &self.each[&party].0;
        server::copy_database(&self.server, name, &older(name)).await?;
        Ok(())
    }

    /// Sets a party's database back to the copy that was kept. Its connections are cut.
    ///
    /// # Errors
    /// The server cannot be reached, or there is no copy.
    pub async fn set_back(&self, party: Party) -> anyhow::Result<()> {
        let name = &self.each[&party].0;
        server::copy_database(&self.server, &older(name), name).await?;
        Ok(())
    }

    /// Drops them with all that is in them, and the copies.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub async fn drop_all(&self) -> anyhow::Result<()> {
        for (name, _) in self.each.values() {
            server::drop_database(&self.server, name).await?;
            server::drop_database(&self.server, &older(name)).await?;
        }
        Ok(())
    }
}

fn older(name: &str) -> String {
    format!("{name}_older")
}
