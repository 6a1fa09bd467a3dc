//! The database behind one organisation: load rows, commit a batch, look things up.
//!
//! It is a SQLite file or a PostgreSQL database, and nobody above can tell which. Every commit is one transaction, sent in
//! one round trip and fenced by the writer's epoch: a writer that was replaced changes nothing. Reads for people go through
//! connections of their own and never wait for the writer. It decides nothing and interprets no body.

pub mod lease;
mod postgres;
pub mod read;
pub mod server;
mod sql;
mod sqlite;
pub mod tables;
#[cfg(test)]
mod tests;

use crate::fault::{self, Point};
use domain::Party;
use rand::RngCore;
use secrecy::SecretString;
use serde_json::value::RawValue;
use sql::Record;
use sqlx::{SqlSafeStr, postgres::PgDatabaseError};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};
use tables::{Change, HISTORY, Table, Value};

/// What went wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer has taken over.
    #[error("another writer has taken over this database")]
    Fenced,
    /// The batch itself is at fault: a constraint, a value.
    #[error("{operation}: the database refused the batch: {source}")]
    Rejected {
        /// What was being done.
        operation: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
    /// The database cannot be reached, is full or broken; the batch may or may not have been committed.
    #[error("{operation}: {source}")]
    Unavailable {
        /// What was being done.
        operation: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
    /// Something that is stored cannot be read by this build.
    #[error("the stored {what} cannot be read: {why}")]
    Unreadable {
        /// What it is.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The database was written by a newer build, or by something else.
    #[error("the database has schema version {found}, this build reads {}: use the build that wrote it", HISTORY.len())]
    Schema {
        /// What it has.
        found: i64,
    },
    /// The database cannot serve.
    #[error("the database does not serve: {why}")]
    Unfit {
        /// What is wrong with it.
        why: String,
    },
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| {
        let sqlx::Error::Database(error) = &source else { return StoreError::Unavailable { operation, source } };
        let (is_fence, is_refusal) = match error.try_downcast_ref::<PgDatabaseError>() {
            Some(error) => (error.constraint() == Some("writer_position_check"), is_refusal_postgres(error.code())),
            None => (error.message().contains("position >= 0"), is_refusal_sqlite(error.code().as_deref())),
        };
        match (is_fence, is_refusal) {
            (true, _) => StoreError::Fenced,
            (false, true) => StoreError::Rejected { operation, source },
            (false, false) => StoreError::Unavailable { operation, source },
        }
    }
}

/// Whether SQLite refuses the batch. Other primary result codes say something of the machine: BUSY, LOCKED, NOMEM,
/// READONLY, INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB.
fn is_refusal_sqlite(code: Option<&str>) -> bool {
    let primary = code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
    !matches!(primary, Some(5..=11 | 13..=15 | 26))
}

/// Whether PostgreSQL refuses the batch, by the class of its SQLSTATE: a row twice (21), data (22), a constraint (23), a
/// limit (54). All others say something of the server, the connection, or a lock that others hold.
fn is_refusal_postgres(code: &str) -> bool {
    matches!(code.get(..2), Some("21" | "22" | "23" | "54"))
}

/// One transaction's worth of changes.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    puts: Vec<(&'static Table, Vec<Value>, usize)>,
    deletes: Vec<(&'static Table, Vec<String>)>,
    settled: Vec<(u64, &'static str)>,
    /// Partners, and above which number what was said to each leaves the outbox.
    taken_out: Vec<(Party, u64)>,
    /// Changes of key: partner, signer, from which number on.
    forgotten_keys: Vec<(Party, Party, u64)>,
    channels: Option<String>,
}

impl Batch {
    /// Adds a row, its values in the order of the table's columns.
    pub fn put(&mut self, table: &'static Table, row: impl IntoIterator<Item = Value>) {
        let at = match self.puts.iter().position(|(known, ..)| std::ptr::eq(*known, table)) {
            Some(at) => at,
            None => {
                self.puts.push((table, Vec::new(), 0));
                self.puts.len() - 1
            }
        };
        let (_, values, rows) = &mut self.puts[at];
        values.extend(row);
        *rows += 1;
        debug_assert_eq!(values.len(), *rows * table.width(), "row of {} has the wrong width", table.name);
    }

    /// The heads of the channels with all partners, as JSON.
    pub fn channels(&mut self, heads: impl IntoIterator<Item = (Party, String)>) {
        let mut channels = String::from("{");
        for (partner, heads) in heads {
            let comma = if channels.len() > 1 { "," } else { "" };
            let _ = write!(channels, "{comma}\"{partner}\":{heads}");
        }
        channels.push('}');
        self.channels = Some(channels);
    }

    /// Settles a parked input: `retried` or `dropped`.
    pub fn settle_parked(&mut self, position: u64, state: &'static str) {
        self.settled.push((position, state));
    }

    /// Takes what was said to the partner above this number out of the outbox; the caller keeps it elsewhere. Beside it nothing
    /// may be said to that partner in the same commit.
    pub fn take_out_frames(&mut self, partner: Party, above: u64) {
        self.taken_out.push((partner, above));
    }

    /// Forgets that the signer's key changed at this number of the channel with the partner.
    pub fn forget_key_change(&mut self, partner: Party, signer: Party, from_seq: u64) {
        self.forgotten_keys.push((partner, signer, from_seq));
    }

    /// Deletes the row under this key.
    pub fn delete(&mut self, table: &'static Table, key: String) {
        match self.deletes.iter_mut().find(|(known, _)| std::ptr::eq(*known, table)) {
            Some((_, keys)) => keys.push(key),
            None => self.deletes.push((table, vec![key])),
        }
    }
}

/// How far the writer has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Journal position of the last input.
    pub position: u64,
    /// Hash link of the last journal row.
    pub link: [u8; 32],
    /// Business time of the last input, ms; never runs back.
    pub at: i64,
    /// Journal position up to which a collector has taken all spans, as far as this was known at the commit.
    pub exported: u64,
}

/// Where a database is.
#[derive(Clone, Debug)]
pub enum Location {
    /// SQLite: a file, created if it is missing.
    File(PathBuf),
    /// PostgreSQL: the URL of a database that exists. It may hold a password.
    Server(SecretString),
}

impl<P: AsRef<Path> + ?Sized> std::convert::From<&P> for Location {
    fn from(path: &P) -> Self {
        Location::File(path.as_ref().to_owned())
    }
}

/// Who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seat {
    /// This process, from here on.
    Taken(Tip),
    /// Another one, which answers at this address.
    Held {
        /// `http://host:port`.
        address: String,
    },
}

/// The writer's side of the database.
#[derive(Debug)]
pub struct Store {
    backend: Backend,
    readers: read::Readers,
    epoch: i64,
    /// Under which name the epoch was taken; no other process has it.
    holder: String,
}

#[derive(Debug)]
enum Backend {
    Sqlite(sqlite::Writing),
    Postgres(postgres::Writing),
}

impl Backend {
    async fn connect(location: &Location) -> Result<(Self, read::Readers), StoreError> {
        Ok(match location {
            Location::File(path) => {
                let writing = sqlite::Writing::connect(path).await?;
                let readers = read::Readers::sqlite(writing.readers());
                (Backend::Sqlite(writing), readers)
            }
            Location::Server(url) => {
                let writing = postgres::Writing::connect(url).await?;
                let readers = read::Readers::postgres(writing.readers());
                (Backend::Postgres(writing), readers)
            }
        })
    }

    async fn migrate(&mut self, history: &[&[Change]], to: usize) -> Result<(), StoreError> {
        match self {
            Backend::Sqlite(writing) => writing.migrate(history, to).await,
            Backend::Postgres(writing) => writing.migrate(history, to).await,
        }
    }
}

/// What the first statement of a commit checks and writes.
struct Fence<'a> {
    epoch: i64,
    from: &'a Tip,
    to: &'a Tip,
}

/// A row as [`Store::load`] finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedRow {
    /// How often it was changed.
    pub version: u64,
    /// Trace context of its last change, if any.
    pub trace: Option<String>,
    /// Its content as JSON.
    pub body: String,
}

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From a partner.
    In,
    /// To a partner.
    Out,
}

/// A parked or held input, enough to decide it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedBody {
    /// Journal position under which it was put aside.
    pub position: u64,
    /// The application that stands still behind it.
    pub application_id: Option<String>,
    /// The input as JSON.
    pub input: String,
}

/// What an application stands still behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many of its inputs are parked or held.
    pub inputs: usize,
    /// The journal position of the one among them by which it is to look again, if there is one.
    pub follow: Option<u64>,
}

/// What one person wants and a second one has not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// What exactly, as JSON.
    pub what: String,
    /// Who wants it.
    pub person: String,
    /// Why.
    pub because: String,
    /// When it was said, Unix ms business time.
    pub at: i64,
}

/// Tables that [`Store::load`] can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum From {
    /// `state` by key.
    State,
    /// `account` by code.
    Account,
    /// `transfer` by id.
    Transfer,
    /// `answer` by id.
    Answer,
}

impl From {
    const ALL: [From; 4] = [From::State, From::Account, From::Transfer, From::Answer];

    /// What is read of it, up to the comparison of its key.
    const fn select(self) -> &'static str {
        match self {
            From::State => "SELECT CAST(0 AS BIGINT), key, version, trace, body FROM state WHERE key",
            From::Account => {
                "SELECT CAST(1 AS BIGINT), code, version, CAST(NULL AS TEXT), body FROM account WHERE code"
            }
            From::Transfer => "SELECT CAST(2 AS BIGINT), id, version, CAST(NULL AS TEXT), body FROM transfer WHERE id",
            From::Answer => "SELECT CAST(3 AS BIGINT), id, position, CAST(NULL AS TEXT), body FROM answer WHERE id",
        }
    }

    fn read(row: &Record) -> (From, String, LoadedRow) {
        let from = From::ALL.into_iter().zip(0_i64..).find(|(_, at)| *at == row.get::<i64>(0));
        let loaded = LoadedRow { version: row.unsigned(2), trace: row.get(3), body: row.get(4) };
        (from.map_or(From::Answer, |(from, _)| from), row.get(1), loaded)
    }
}

impl Store {
    /// Opens the database, creates what is missing in it, and takes a new epoch: whoever wrote before is fenced off.
    ///
    /// # Errors
    /// It cannot be opened, or was written by another schema.
    pub async fn open(location: impl Into<Location>) -> Result<(Store, Tip), StoreError> {
        let mut store = Store::connect(location).await?;
        let tip = store.take().await?;
        Ok((store, tip))
    }

    /// Opens the database and creates what is missing in it, without the right to write: see [`Store::seize`].
    ///
    /// # Errors
    /// It cannot be opened, or was written by another schema.
    pub async fn connect(location: impl Into<Location>) -> Result<Store, StoreError> {
        let (mut backend, readers) = Backend::connect(&location.into()).await?;
        backend.migrate(HISTORY, HISTORY.len()).await?;
        let mut holder = [0_u8; 16];
        rand::rng().fill_bytes(&mut holder);
        Ok(Store { backend, readers, epoch: 0, holder: hex::encode(holder) })
    }

    async fn take(&mut self) -> Result<Tip, StoreError> {
        let sql = "UPDATE writer SET epoch = epoch + 1, holder = $1 WHERE id = 1 RETURNING epoch, position, link, at, exported";
        let holder = self.holder.as_str().into();
        self.take_epoch(sql, [holder]).await?.ok_or(StoreError::Fenced)
    }

    /// Takes a new epoch unless another process writes: on PostgreSQL one whose [`lease`] holds; on SQLite none. `address` is
    /// where this process answers.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn seize(&mut self, address: &str) -> Result<Seat, StoreError> {
        if let Backend::Sqlite(_) = self.backend {
            return self.take().await.map(Seat::Taken);
        }
        let binds = [self.holder.as_str().into(), address.into(), integer(lease::LEASE_MS).into()];
        if let Some(tip) = self.take_epoch(lease::SEIZE, binds).await? {
            return Ok(Seat::Taken(tip));
        }
        let rows = self.ask("look who writes", "SELECT address FROM writer WHERE id = 1", []).await?;
        Ok(Seat::Held { address: rows.first().map(|row| row.get(0)).unwrap_or_default() })
    }

    /// What tells others that this writer is alive; none on SQLite, where there are no others.
    pub fn lease(&self) -> Option<lease::Lease> {
        match &self.backend {
            Backend::Sqlite(_) => None,
            Backend::Postgres(writing) => Some(writing.lease(&self.holder)),
        }
    }

    /// Lets whoever stands by take over at once, after the last commit.
    pub async fn release(&mut self) {
        if let Backend::Postgres(_) = self.backend {
            let released = self.ask("end the lease", lease::RELEASE, [self.holder.as_str().into()]).await;
            if let Err(error) = released {
                tracing::debug!(%error, "the lease has to run out");
            }
        }
    }

    /// Whether this process still writes. What it says without a commit, it may say from memory only after this.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if another writer has taken over; or the database cannot be read.
    pub async fn confirm(&mut self) -> Result<(), StoreError> {
        let sql = "SELECT epoch FROM writer WHERE id = 1 AND epoch = $1";
        match self.ask("look who writes", sql, [self.epoch.into()]).await?.is_empty() {
            true => Err(StoreError::Fenced),
            false => Ok(()),
        }
    }

    /// Connections for reading, which never wait for the writer.
    pub fn readers(&self) -> read::Readers {
        self.readers.clone()
    }

    /// Gives the connection up and takes a new epoch on another, if nobody else has taken one: after a commit whose outcome
    /// is unknown. One that is still under way is either in the tip that this returns, or fenced off.
    ///
    /// # Errors
    /// The database still cannot be reached; [`StoreError::Fenced`] if another writer has taken over.
    pub async fn reopen(&mut self) -> Result<Tip, StoreError> {
        match &mut self.backend {
            Backend::Sqlite(writing) => writing.reopen().await?,
            Backend::Postgres(writing) => writing.reopen().await?,
        }
        let sql = match self.backend {
            Backend::Sqlite(_) => {
                "UPDATE writer SET epoch = epoch + 1 WHERE id = 1 AND holder = $1 RETURNING epoch, position, link, at, exported"
            }
            Backend::Postgres(_) => lease::SEIZE_AGAIN,
        };
        let holder = self.holder.as_str().into();
        self.take_epoch(sql, [holder]).await?.ok_or(StoreError::Fenced)
    }

    async fn take_epoch<const N: usize>(
        &mut self,
        sql: &'static str,
        binds: [Value; N],
    ) -> Result<Option<Tip>, StoreError> {
        let rows = self.ask("take a new epoch", sql, binds).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        self.epoch = row.get(0);
        let link = <[u8; 32]>::try_from(row.get::<Vec<u8>>(2).as_slice()).unwrap_or_default();
        Ok(Some(Tip { position: row.unsigned(1), link, at: row.get(3), exported: row.unsigned(4) }))
    }

    async fn ask<const N: usize>(
        &mut self,
        operation: &'static str,
        sql: impl SqlSafeStr,
        binds: [Value; N],
    ) -> Result<Vec<Record>, StoreError> {
        match &mut self.backend {
            Backend::Sqlite(writing) => writing.ask(operation, sql, binds.into()).await,
            Backend::Postgres(writing) => writing.ask(operation, sql, binds.into()).await,
        }
    }

    /// Loads rows by key; those that do not exist are left out.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn load(
        &mut self,
        wanted: &BTreeSet<(From, String)>,
    ) -> Result<Vec<(From, String, LoadedRow)>, StoreError> {
        match &mut self.backend {
            _ if wanted.is_empty() => Ok(Vec::new()),
            Backend::Sqlite(writing) => writing.load(wanted).await,
            Backend::Postgres(writing) => writing.load(wanted).await,
        }
    }

    /// Keys of the rows that want to be woken at or before `now`, earliest first, at most `limit`; and the time at which
    /// the next one wants it. Rows of applications that stand still are left out: their timers wait with them, and would
    /// else stand before all others for ever.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn due(&mut self, now: i64, limit: u32) -> Result<(Vec<String>, Option<i64>), StoreError> {
        macro_rules! due {
            ($position:literal) => {
                concat!(
                    "SELECT key, wake_at FROM state WHERE wake_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM parked \
                     WHERE parked.state IN ('parked', 'held') AND application_id = substr(key, ",
                    $position,
                    "(key, '/') + 1)) ORDER BY wake_at, key LIMIT $1"
                )
            };
        }
        let sql = match self.backend {
            Backend::Sqlite(_) => due!("instr"),
            Backend::Postgres(_) => due!("strpos"),
        };
        let rows = self.ask("look for due timers", sql, [(i64::from(limit) + 1).into()]).await?;
        let mut due = Vec::new();
        let mut next = None;
        for row in rows {
            let wake_at: i64 = row.get(1);
            if wake_at <= now && due.len() < limit as usize {
                due.push(row.get(0));
            } else {
                next = Some(wake_at);
                break;
            }
        }
        Ok((due, next))
    }

    /// The heads of the channel with a partner, as JSON.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn channel(&mut self, partner: Party) -> Result<Option<String>, StoreError> {
        let rows = self.ask("read the channels", "SELECT channels FROM writer WHERE id = 1", []).await?;
        let text: String = rows.first().map(|row| row.get(0)).unwrap_or_default();
        let channels: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&text)
            .map_err(|error| StoreError::Unreadable { what: "channels", why: error.to_string() })?;
        Ok(channels.get(partner.as_str()).map(|heads| heads.get().to_owned()))
    }

    /// The changes of key on the channel with a partner, oldest first: who signs, from which number on, the statement as JSON.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn key_changes(&mut self, partner: Party) -> Result<Vec<(String, u64, String)>, StoreError> {
        let sql = "SELECT signer, from_seq, body FROM key_change WHERE partner = $1 ORDER BY from_seq";
        let rows = self.ask("read changes of key", sql, [partner.as_str().into()]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.unsigned(1), row.get(2))).collect())
    }

    /// The stored frame that carries this number.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn frame_covering(
        &mut self,
        direction: Direction,
        partner: Party,
        seq: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let frames = self.frames_from(direction, partner, seq, 1).await?;
        Ok(frames.into_iter().next())
    }

    /// Stored frames in order from the one that carries `first`, at least one, until `max_bytes` are exceeded.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn frames_from(
        &mut self,
        direction: Direction,
        partner: Party,
        first: u64,
        max_bytes: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let sql = match direction {
            Direction::In => {
                "SELECT bytes FROM frame_in WHERE partner = $1 AND last_seq >= $2 ORDER BY last_seq LIMIT $3"
            }
            Direction::Out => {
                "SELECT bytes FROM frame_out WHERE partner = $1 AND last_seq >= $2 ORDER BY last_seq LIMIT $3"
            }
        };
        let limit = if max_bytes <= 1 { 1 } else { 256_i64 };
        let binds = [partner.as_str().into(), integer(first).into(), limit.into()];
        let mut frames: Vec<Vec<u8>> = Vec::new();
        let mut total = 0_usize;
        for row in self.ask("read frames", sql, binds).await? {
            let bytes: Vec<u8> = row.get(0);
            total = total.saturating_add(bytes.len());
            if total > max_bytes && !frames.is_empty() {
                break;
            }
            frames.push(bytes);
        }
        Ok(frames)
    }

    /// All stored frames to the partner whose last number lies above this one, in order.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn frames_out_above(&mut self, partner: Party, above: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let sql = "SELECT bytes FROM frame_out WHERE partner = $1 AND last_seq > $2 ORDER BY last_seq";
        let rows = self.ask("read frames", sql, [partner.as_str().into(), integer(above).into()]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// How many frames were kept as evidence since then: partner, reason, count.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn evidence_since(&mut self, at: i64) -> Result<Vec<(String, String, u64)>, StoreError> {
        let sql = "SELECT partner, reason, COUNT(*) FROM audit WHERE at >= $1 GROUP BY partner, reason";
        let rows = self.ask("count the evidence", sql, [at.into()]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.unsigned(2))).collect())
    }

    /// Applications that stand still behind a parked input.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn standing_still(&mut self) -> Result<BTreeMap<String, Standing>, StoreError> {
        // What an organisation itself made follow is all that has itself for a source.
        let sql = "SELECT application_id, COUNT(*), MAX(CASE WHEN source = 'self' THEN position END) FROM parked \
                   WHERE state IN ('parked', 'held') AND application_id IS NOT NULL GROUP BY application_id";
        let rows = self.ask("read what is parked", sql, []).await?;
        let standing = |row: &Record| Standing {
            inputs: usize::try_from(row.unsigned(1)).unwrap_or_default(),
            follow: row.get::<Option<i64>>(2).and_then(|position| u64::try_from(position).ok()),
        };
        Ok(rows.iter().map(|row| (row.get(0), standing(row))).collect())
    }

    /// The parked input at this position and what is held behind it, oldest first; nothing if it is not the first of its
    /// application.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn parked_from(&mut self, position: u64) -> Result<Vec<ParkedBody>, StoreError> {
        let sql = "SELECT position, application_id, input FROM parked WHERE state IN ('parked', 'held') AND (position = $1 OR \
                   application_id = (SELECT application_id FROM parked WHERE position = $1)) ORDER BY position";
        let rows = self.ask("read a parked input", sql, [integer(position).into()]).await?;
        let found: Vec<ParkedBody> = rows
            .iter()
            .map(|row| ParkedBody { position: row.unsigned(0), application_id: row.get(1), input: row.get(2) })
            .collect();
        Ok(if found.first().is_some_and(|first| first.position == position) { found } else { Vec::new() })
    }

    /// What one person wants of this, if it waits for a second one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn proposal(&mut self, about: &str) -> Result<Option<Proposal>, StoreError> {
        let sql = "SELECT what, person, because, at FROM proposal WHERE about = $1";
        let rows = self.ask("read a proposal", sql, [about.into()]).await?;
        let read =
            |row: &Record| Proposal { what: row.get(0), person: row.get(1), because: row.get(2), at: row.get(3) };
        Ok(rows.first().map(read))
    }

    /// The body of an incident that is not settled.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn incident(&mut self, incident_id: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT body FROM incident WHERE incident_id = $1";
        let rows = self.ask("read an incident", sql, [incident_id.into()]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// Orders to ports that were not answered, oldest first, as JSON.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn port_orders(&mut self) -> Result<Vec<String>, StoreError> {
        let rows = self.ask("read port orders", "SELECT body FROM port_order ORDER BY position, id", []).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Commits everything of the batch and moves the writer from `from` to `to`, or nothing.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if another writer has taken over; [`StoreError::Rejected`] if the batch is at fault;
    /// [`StoreError::Unavailable`] if the outcome is unknown.
    pub async fn commit(&mut self, batch: Batch, from: &Tip, to: &Tip) -> Result<(), StoreError> {
        fault::point(Point::BeforeCommit);
        self.write(batch, from, to, false).await?;
        fault::point(Point::Committed);
        Ok(())
    }

    /// Tries whether the batch could be committed, and takes it back.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn rehearse(&mut self, batch: Batch, from: &Tip, to: &Tip) -> Result<(), StoreError> {
        self.write(batch, from, to, true).await
    }

    async fn write(&mut self, batch: Batch, from: &Tip, to: &Tip, is_rehearsal: bool) -> Result<(), StoreError> {
        let fence = Fence { epoch: self.epoch, from, to };
        match &mut self.backend {
            Backend::Sqlite(writing) => writing.write(&fence, batch, is_rehearsal).await,
            Backend::Postgres(writing) => writing.write(&fence, batch, is_rehearsal).await,
        }
    }

    /// Writes rows outside the journal (tokens, vault): fenced like every commit, without moving the tip.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn put(&mut self, batch: Batch, tip: &Tip) -> Result<(), StoreError> {
        self.commit(batch, tip, tip).await
    }

    /// Closes the connections; what was committed stays.
    pub async fn close(self) {
        self.readers.close().await;
        match self.backend {
            Backend::Sqlite(writing) => writing.close().await,
            Backend::Postgres(writing) => writing.close().await,
        }
    }
}

/// Positions and sequences are counted by ones from zero and never come near 2^63.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The versions up to this one that a database of version `found` has not seen.
fn versions_after(found: i64, to: usize) -> Result<RangeInclusive<usize>, StoreError> {
    match usize::try_from(found) {
        Ok(seen) if seen <= to => Ok(seen + 1..=to),
        _ => Err(StoreError::Schema { found }),
    }
}
