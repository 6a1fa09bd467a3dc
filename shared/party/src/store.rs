//! The database behind one organisation: load rows, commit a batch, look things up.
//!
//! Every commit is one transaction of a few multi-row statements, sent in one round trip and fenced by the writer's
//! epoch: a writer that was replaced changes nothing. Reads for people go through connections of their own and never
//! wait for the writer. It decides nothing and interprets no body.

mod migrate;
pub mod read;
pub mod tables;

use domain::Party;
use migrate::{SCHEMA_VERSION, migrate};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, Row as _, SqliteConnection, SqlitePool,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};
use tables::{Table, Value};

/// Binds that one statement may carry.
const MAX_BINDS: usize = 32_000;
/// Binds of a batch whose prepared statements are kept: two or three inputs.
const SMALL_BINDS: usize = 256;

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
    #[error("the database has schema version {found}, this build reads {SCHEMA_VERSION}: use the build that wrote it")]
    Schema {
        /// What it has.
        found: i64,
    },
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| match &source {
        sqlx::Error::Database(error) if !is_fault(error.code().as_deref()) => {
            if error.message().contains("position >= 0") {
                StoreError::Fenced
            } else {
                StoreError::Rejected { operation, source }
            }
        }
        _ => StoreError::Unavailable { operation, source },
    }
}

/// SQLite's primary result codes that say something of the machine and not of the batch: BUSY, LOCKED, NOMEM, READONLY,
/// INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB.
fn is_fault(code: Option<&str>) -> bool {
    let primary = code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
    matches!(primary, Some(5..=11 | 13..=15 | 26))
}

/// One transaction's worth of changes.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    puts: Vec<(&'static Table, Vec<Value>, usize)>,
    deletes: Vec<(&'static Table, Vec<String>)>,
    settled: Vec<(u64, &'static str)>,
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

    /// Settles a parked input: `retried` or `dropped`.
    pub fn settle_parked(&mut self, position: u64, state: &'static str) {
        self.settled.push((position, state));
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

/// The writer's side of the database.
#[derive(Debug)]
pub struct Store {
    connection: SqliteConnection,
    options: SqliteConnectOptions,
    readers: SqlitePool,
    epoch: i64,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl Store {
    /// Opens or creates the database and takes a new epoch: whoever wrote before is fenced off.
    ///
    /// # Errors
    /// The file cannot be opened, or was written by another schema.
    pub async fn open(path: &Path) -> Result<(Store, Tip), StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .pragma("cache_size", "-32000")
            // Pages that are written by every commit are copied into the database once in 64 MiB of log, not in 16.
            .pragma("wal_autocheckpoint", "16000")
            // A multi-row statement keeps a journal of its own; in a file it costs five system calls a commit.
            .pragma("temp_store", "MEMORY")
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(failed("open the database"))?;
        migrate(&mut connection).await?;
        let row = sqlx::query(
            "UPDATE writer SET epoch = epoch + 1 WHERE id = 1 RETURNING epoch, position, link, at, exported",
        )
        .fetch_one(&mut connection)
        .await
        .map_err(failed("take a new epoch"))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(2)
            // A local file does not go away between two reads; asking first would double the cost of each.
            .test_before_acquire(false)
            .connect_lazy_with(options.clone().read_only(true).create_if_missing(false));
        let epoch = row.get(0);
        let tip = Tip {
            position: u64::try_from(row.get::<i64, _>(1)).unwrap_or_default(),
            link: <[u8; 32]>::try_from(row.get::<Vec<u8>, _>(2).as_slice()).unwrap_or_default(),
            at: row.get(3),
            exported: u64::try_from(row.get::<i64, _>(4)).unwrap_or_default(),
        };
        Ok((Store { connection, options, readers, epoch }, tip))
    }

    /// Connections for reading, which never wait for the writer.
    pub fn readers(&self) -> read::Readers {
        read::Readers::new(self.readers.clone())
    }

    /// Gives the database up and takes it again with a new epoch: after a commit whose outcome is unknown.
    ///
    /// # Errors
    /// The database still cannot be reached.
    pub async fn reopen(&mut self) -> Result<Tip, StoreError> {
        let path = self.options.get_filename().to_owned();
        let (store, tip) = Store::open(&path).await?;
        *self = store;
        Ok(tip)
    }

    /// Loads rows by key; those that do not exist are left out.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn load(
        &mut self,
        wanted: &BTreeSet<(From, String)>,
    ) -> Result<Vec<(From, String, LoadedRow)>, StoreError> {
        let mut found = Vec::with_capacity(wanted.len());
        let mut sql = String::new();
        let mut binds: Vec<&str> = Vec::with_capacity(wanted.len());
        for from in [From::State, From::Account, From::Transfer, From::Answer] {
            let keys: Vec<&str> =
                wanted.iter().filter(|(table, _)| *table == from).map(|(_, key)| key.as_str()).collect();
            if keys.is_empty() {
                continue;
            }
            if !sql.is_empty() {
                sql.push_str(" UNION ALL ");
            }
            sql.push_str(match from {
                From::State => "SELECT 0, key, version, trace, body FROM state WHERE key IN (",
                From::Account => "SELECT 1, code, version, NULL, body FROM account WHERE code IN (",
                From::Transfer => "SELECT 2, id, version, NULL, body FROM transfer WHERE id IN (",
                From::Answer => "SELECT 3, id, position, NULL, body FROM answer WHERE id IN (",
            });
            placeholders(keys.len(), &mut sql);
            sql.push(')');
            binds.extend(keys);
        }
        if sql.is_empty() {
            return Ok(found);
        }
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for key in binds {
            query = query.bind(key.to_owned());
        }
        let rows = query.fetch_all(&mut self.connection).await.map_err(failed("load rows"))?;
        for row in rows {
            let from = match row.get::<i64, _>(0) {
                0 => From::State,
                1 => From::Account,
                2 => From::Transfer,
                _ => From::Answer,
            };
            let loaded = LoadedRow {
                version: u64::try_from(row.get::<i64, _>(2)).unwrap_or_default(),
                trace: row.get(3),
                body: row.get(4),
            };
            found.push((from, row.get(1), loaded));
        }
        Ok(found)
    }

    /// Keys of the rows that want to be woken at or before `now`, earliest first, at most `limit`; and the time at which
    /// the next one wants it. Rows of applications that stand still are left out: their timers wait with them, and would
    /// else stand before all others for ever.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn due(&mut self, now: i64, limit: u32) -> Result<(Vec<String>, Option<i64>), StoreError> {
        let rows = sqlx::query(
            "SELECT key, wake_at FROM state WHERE wake_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM parked \
                 WHERE parked.state IN ('parked', 'held') AND application_id = substr(key, instr(key, '/') + 1)) \
                 ORDER BY wake_at, key LIMIT ?",
        )
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut self.connection)
        .await
        .map_err(failed("look for due timers"))?;
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
        let row = sqlx::query("SELECT heads FROM channel WHERE partner = ?")
            .bind(partner.to_string())
            .fetch_optional(&mut self.connection)
            .await
            .map_err(failed("read a channel"))?;
        Ok(row.map(|row| row.get(0)))
    }

    /// The changes of key on the channel with a partner, oldest first: who signs, from which number on, the statement as JSON.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn key_changes(&mut self, partner: Party) -> Result<Vec<(String, u64, String)>, StoreError> {
        let rows = sqlx::query("SELECT signer, from_seq, body FROM key_change WHERE partner = ? ORDER BY from_seq")
            .bind(partner.to_string())
            .fetch_all(&mut self.connection)
            .await
            .map_err(failed("read changes of key"))?;
        let seq = |seq: i64| u64::try_from(seq).unwrap_or_default();
        Ok(rows.iter().map(|row| (row.get(0), seq(row.get(1)), row.get(2))).collect())
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
            Direction::In => "SELECT bytes FROM frame_in WHERE partner = ? AND last_seq >= ? ORDER BY last_seq LIMIT ?",
            Direction::Out => {
                "SELECT bytes FROM frame_out WHERE partner = ? AND last_seq >= ? ORDER BY last_seq LIMIT ?"
            }
        };
        let limit = if max_bytes <= 1 { 1 } else { 256_i64 };
        let rows = sqlx::query(sql)
            .bind(partner.to_string())
            .bind(integer(first))
            .bind(limit)
            .fetch_all(&mut self.connection)
            .await
            .map_err(failed("read frames"))?;
        let mut frames: Vec<Vec<u8>> = Vec::new();
        let mut total = 0_usize;
        for row in rows {
            let bytes: Vec<u8> = row.get(0);
            total = total.saturating_add(bytes.len());
            if total > max_bytes && !frames.is_empty() {
                break;
            }
            frames.push(bytes);
        }
        Ok(frames)
    }

    /// How many frames were kept as evidence since then: partner, reason, count.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn evidence_since(&mut self, at: i64) -> Result<Vec<(String, String, u64)>, StoreError> {
        let rows = sqlx::query("SELECT partner, reason, COUNT(*) FROM audit WHERE at >= ? GROUP BY partner, reason")
            .bind(at)
            .fetch_all(&mut self.connection)
            .await
            .map_err(failed("count the evidence"))?;
        Ok(rows
            .iter()
            .map(|row| (row.get(0), row.get(1), u64::try_from(row.get::<i64, _>(2)).unwrap_or_default()))
            .collect())
    }

    /// Applications that stand still behind a parked input, and how many inputs each has parked or held.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn standing_still(&mut self) -> Result<BTreeMap<String, usize>, StoreError> {
        let rows = sqlx::query(
            "SELECT application_id, COUNT(*) FROM parked \
             WHERE state IN ('parked', 'held') AND application_id IS NOT NULL GROUP BY application_id",
        )
        .fetch_all(&mut self.connection)
        .await
        .map_err(failed("read what is parked"))?;
        Ok(rows.iter().map(|row| (row.get(0), usize::try_from(row.get::<i64, _>(1)).unwrap_or_default())).collect())
    }

    /// The parked input at this position and what is held behind it, oldest first; nothing if it is not the first of its
    /// application.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn parked_from(&mut self, position: u64) -> Result<Vec<ParkedBody>, StoreError> {
        let rows = sqlx::query(
            "SELECT position, application_id, input FROM parked WHERE state IN ('parked', 'held') AND (position = ?1 OR \
             application_id = (SELECT application_id FROM parked WHERE position = ?1)) ORDER BY position",
        )
        .bind(integer(position))
        .fetch_all(&mut self.connection)
        .await
        .map_err(failed("read a parked input"))?;
        let found: Vec<ParkedBody> = rows
            .iter()
            .map(|row| ParkedBody {
                position: u64::try_from(row.get::<i64, _>(0)).unwrap_or_default(),
                application_id: row.get(1),
                input: row.get(2),
            })
            .collect();
        Ok(if found.first().is_some_and(|first| first.position == position) { found } else { Vec::new() })
    }

    /// Orders to ports that were not answered, oldest first, as JSON.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn port_orders(&mut self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("SELECT body FROM port_order ORDER BY position, id")
            .fetch_all(&mut self.connection)
            .await
            .map_err(failed("read port orders"))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Commits everything of the batch and moves the writer from `from` to `to`, or nothing.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if another writer has taken over; [`StoreError::Rejected`] if the batch is at fault;
    /// [`StoreError::Unavailable`] if the outcome is unknown.
    pub async fn commit(&mut self, batch: Batch, from: &Tip, to: &Tip) -> Result<(), StoreError> {
        self.run(batch, from, to, "COMMIT;").await
    }

    /// Tries whether the batch could be committed, and takes it back.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn rehearse(&mut self, batch: Batch, from: &Tip, to: &Tip) -> Result<(), StoreError> {
        self.run(batch, from, to, "ROLLBACK;").await
    }

    async fn run(&mut self, batch: Batch, from: &Tip, to: &Tip, end: &'static str) -> Result<(), StoreError> {
        let (sql, binds) = self.transaction(batch, from, to, end);
        // Small batches come in few shapes, and preparing their statements would cost more than running them.
        let is_small = binds.len() <= SMALL_BINDS;
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(is_small);
        for value in binds {
            query = bind(query, value);
        }
        let done = self.connection.execute(query).await.map_err(failed("commit"));
        if done.is_err() {
            // The transaction is still open unless the failure ended it; either way nothing of it may remain.
            let _ = self.connection.execute("ROLLBACK").await;
        }
        done.map(drop)
    }

    fn transaction(&self, batch: Batch, from: &Tip, to: &Tip, end: &'static str) -> (String, Vec<Value>) {
        let mut sql = String::with_capacity(4096);
        let mut binds = Vec::with_capacity(256);
        sql.push_str("BEGIN IMMEDIATE;");
        // First the fence: not our epoch or not our position, and the CHECK on `position` fails the transaction.
        sql.push_str(
            "UPDATE writer SET position = CASE WHEN epoch = ? AND position = ? THEN ? ELSE -1 END, link = ?, at = ?, exported = ? \
             WHERE id = 1;",
        );
        binds.push(Value::Int(self.epoch));
        binds.push(Value::Int(integer(from.position)));
        binds.push(Value::Int(integer(to.position)));
        binds.push(Value::Blob(to.link.to_vec()));
        binds.push(Value::Int(to.at));
        binds.push(Value::Int(integer(to.exported)));
        for (position, state) in batch.settled {
            sql.push_str("UPDATE parked SET state = ? WHERE position = ?;");
            binds.push(state.into());
            binds.push(Value::Int(integer(position)));
        }
        for (table, keys) in batch.deletes {
            for keys in keys.chunks(MAX_BINDS) {
                table.delete_sqlite(keys.len(), &mut sql);
                binds.extend(keys.iter().map(|key| Value::Text(key.clone())));
            }
        }
        for (table, values, rows) in batch.puts {
            let most = MAX_BINDS / table.width();
            let mut left = rows;
            while left > 0 {
                let now = left.min(most);
                table.insert_sqlite(now, &mut sql);
                left -= now;
            }
            binds.extend(values);
        }
        sql.push_str(end);
        (sql, binds)
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
        let _ = self.connection.close().await;
    }
}

fn placeholders(count: usize, sql: &mut String) {
    for at in 0..count {
        sql.push_str(if at == 0 { "?" } else { ",?" });
    }
}

fn bind(query: Query<'_, sqlx::Sqlite, SqliteArguments>, value: Value) -> Query<'_, sqlx::Sqlite, SqliteArguments> {
    match value {
        Value::Null => query.bind(None::<i64>),
        Value::Int(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Blob(value) => query.bind(value),
    }
}

/// Positions and sequences are counted by ones from zero and never come near 2^63.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
