//! The store in a SQLite file.
//!
//! All statements of a commit go in one query, so in one hop to the thread that SQLite runs on. Readers have connections
//! of their own, which see committed state and never wait for the writer.

use super::{
    Batch, Fence, From, LoadedRow, StoreError, failed, integer,
    sql::{Record, bind_sqlite},
    tables::{Change, Dialect, Value, first_row, step},
    versions_after,
};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, SqlSafeStr, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{collections::BTreeSet, path::Path, time::Duration};

/// Binds that one statement may carry.
const MAX_BINDS: usize = 32_000;
/// Kept prepared statements: each is a small batch in one of the shapes that small batches have.
const STATEMENTS: usize = 128;
/// Values of `user_version` that were used before the schema had one history for both databases.
const VERSIONS_BEFORE: i64 = 4;
/// Binds of a batch whose prepared statements are kept: two or three inputs.
const SMALL_BINDS: usize = 256;

/// The writer's connection to the file.
#[derive(Debug)]
pub(super) struct Writing {
    connection: SqliteConnection,
    options: SqliteConnectOptions,
}

impl Writing {
    /// Opens or creates the file.
    pub async fn connect(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .pragma("cache_size", "-16000")
            // Pages that are written by every commit are copied into the database once in 64 MiB of log, not in 16.
            .pragma("wal_autocheckpoint", "16000")
            // A multi-row statement keeps a journal of its own; in a file it costs five system calls a commit.
            .pragma("temp_store", "MEMORY")
            // What is erased is overwritten where that costs no write of its own, not only forgotten.
            .pragma("secure_delete", "FAST")
            .statement_cache_capacity(STATEMENTS)
            .disable_statement_logging();
        let connection = options.connect().await.map_err(failed("open the database"))?;
        Ok(Writing { connection, options })
    }

    /// Opens the same file again.
    pub async fn reopen(&mut self) -> Result<(), StoreError> {
        let path = self.options.get_filename().to_owned();
        *self = Writing::connect(&path).await?;
        Ok(())
    }

    /// Brings the schema through every version up to this one that the file has not seen, each in one transaction.
    pub async fn migrate(&mut self, history: &[&[Change]], to: usize) -> Result<(), StoreError> {
        let operation = "bring the schema to this build's";
        let found = self.ask("read the schema version", "PRAGMA user_version", Vec::new()).await?;
        let found: i64 = match found.first().map_or(0, |row| row.get(0)) {
            0 => 0,
            old @ 1..=VERSIONS_BEFORE => {
                let why =
                    format!("its schema (user_version {old}) is of a build from before this history: use that build");
                return Err(StoreError::Unfit { why });
            }
            found => found - VERSIONS_BEFORE,
        };
        for version in versions_after(found, to)? {
            let mut sql = format!("BEGIN IMMEDIATE;\n{}", step(history, version, Dialect::Sqlite));
            if version == 1 {
                sql.push_str(&first_row(Dialect::Sqlite));
            }
            let user_version = VERSIONS_BEFORE.saturating_add_unsigned(version as u64);
            sql.push_str(&format!("PRAGMA user_version = {user_version};\nCOMMIT;"));
            let done = self.connection.execute(AssertSqlSafe(sql)).await.map_err(failed(operation));
            if done.is_err() {
                let _ = self.connection.execute("ROLLBACK").await;
            }
            done?;
        }
        Ok(())
    }

    /// Connections for reading. Nothing is opened yet.
    pub fn readers(&self) -> SqlitePool {
        let options = self.options.clone().read_only(true).create_if_missing(false).pragma("cache_size", "-4000");
        let options = options.statement_cache_capacity(20);
        SqlitePoolOptions::new()
            .max_connections(2)
            // A local file does not go away between two reads; asking first would double the cost of each.
            .test_before_acquire(false)
            .connect_lazy_with(options)
    }

    pub async fn ask(
        &mut self,
        operation: &'static str,
        sql: impl SqlSafeStr,
        binds: Vec<Value>,
    ) -> Result<Vec<Record>, StoreError> {
        let query = binds.into_iter().fold(sqlx::query(sql), bind_sqlite);
        let rows = query.fetch_all(&mut self.connection).await.map_err(failed(operation))?;
        Ok(rows.into_iter().map(Record::Sqlite).collect())
    }

    /// See [`super::Store::load`].
    pub async fn load(
        &mut self,
        wanted: &BTreeSet<(From, String)>,
    ) -> Result<Vec<(From, String, LoadedRow)>, StoreError> {
        let mut sql = String::new();
        let mut binds = Vec::with_capacity(wanted.len());
        for table in From::ALL {
            let keys = wanted.iter().filter(|(of, _)| *of == table).map(|(_, key)| Value::Text(key.clone()));
            let before = binds.len();
            binds.extend(keys);
            if binds.len() > before {
                // So many keys, or a power of two of them, the last one again and again: few statements to be prepared and kept.
                let last = binds[binds.len() - 1].clone();
                binds.resize(before + (binds.len() - before).next_power_of_two(), last);
                sql.push_str(if sql.is_empty() { "" } else { " UNION ALL " });
                sql.push_str(table.select());
                sql.push_str(" IN (");
                placeholders(binds.len() - before, &mut sql);
                sql.push(')');
            }
        }
        let rows = self.ask("load rows", AssertSqlSafe(sql), binds).await?;
        Ok(rows.iter().map(From::read).collect())
    }

    /// Writes the batch behind the fence in one transaction, or tries whether it could and takes it back.
    pub async fn write(&mut self, fence: &Fence<'_>, batch: Batch, is_rehearsal: bool) -> Result<(), StoreError> {
        let (sql, binds) = transaction(fence, batch, if is_rehearsal { "ROLLBACK;" } else { "COMMIT;" });
        // Small batches come in few shapes, and preparing their statements would cost more than running them.
        let is_small = binds.len() <= SMALL_BINDS;
        let query = binds.into_iter().fold(sqlx::query(AssertSqlSafe(sql)).persistent(is_small), bind_sqlite);
        let done = self.connection.execute(query).await.map_err(failed("commit"));
        if done.is_err() {
            // The transaction is still open unless the failure ended it; either way nothing of it may remain.
            let _ = self.connection.execute("ROLLBACK").await;
        }
        done.map(drop)
    }

    pub async fn close(self) {
        let _ = self.connection.close().await;
    }
}

fn transaction(fence: &Fence<'_>, batch: Batch, end: &'static str) -> (String, Vec<Value>) {
    let mut sql = String::with_capacity(4096);
    let mut binds = Vec::with_capacity(256);
    sql.push_str("BEGIN IMMEDIATE;");
    // First the fence: not our epoch or not our position, and the CHECK on `position` fails the transaction.
    sql.push_str(
        "UPDATE writer SET position = CASE WHEN epoch = ? AND position = ? THEN ? ELSE -1 END, link = ?, at = ?, exported = ?",
    );
    binds.push(Value::Int(fence.epoch));
    binds.push(Value::Int(integer(fence.from.position)));
    binds.push(Value::Int(integer(fence.to.position)));
    binds.push(Value::Blob(fence.to.link.to_vec()));
    binds.push(Value::Int(fence.to.at));
    binds.push(Value::Int(integer(fence.to.exported)));
    if let Some(channels) = batch.channels {
        sql.push_str(", channels = ?");
        binds.push(Value::Text(channels));
    }
    sql.push_str(" WHERE id = 1;");
    for (position, state) in batch.settled {
        sql.push_str("UPDATE parked SET state = ? WHERE position = ?;");
        binds.push(state.into());
        binds.push(Value::Int(integer(position)));
    }
    for (partner, above) in batch.taken_out {
        sql.push_str("DELETE FROM frame_out WHERE partner = ? AND last_seq > ?;");
        binds.extend([partner.as_str().into(), Value::Int(integer(above))]);
    }
    for (partner, signer, from_seq) in batch.forgotten_keys {
        sql.push_str("DELETE FROM key_change WHERE partner = ? AND signer = ? AND from_seq = ?;");
        binds.extend([partner.as_str().into(), signer.as_str().into(), Value::Int(integer(from_seq))]);
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

fn placeholders(count: usize, sql: &mut String) {
    for at in 0..count {
        sql.push_str(if at == 0 { "?" } else { ",?" });
    }
}
