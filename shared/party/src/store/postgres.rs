//! The store in a PostgreSQL database.
//!
//! A commit is one statement and so one round trip: the fence and all tables stand in it as common table expressions that
//! write, each taking its rows from arrays. Its text depends on which tables a batch touches and not on how many rows, so
//! that it is prepared once. It runs in a task of its own: a caller that is dropped cannot leave it half done.

use super::{
    Batch, Fence, From, LoadedRow, StoreError, failed, integer,
    lease::Lease,
    server,
    sql::{Record, bind_postgres},
    tables::{Change, Dialect, Table, Type, Value, Write, first_row, step},
    versions_after,
};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    Arguments, AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, PgPool, Row as _, SqlSafeStr,
    postgres::{PgArguments, PgConnectOptions, PgPoolOptions},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io,
    time::Duration,
};

/// How long a connection may take, and how long a commit: then its outcome is unknown.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a read may wait for a connection. Meanwhile the pool tries to connect, over and over if it is refused.
const READ_PATIENCE: Duration = Duration::from_secs(2);
/// Kept prepared statements: one for each set of tables that batches touch together.
const STATEMENTS: usize = 500;
/// The advisory lock under which a schema is changed.
const SCHEMA_LOCK: i64 = 0x006e_7561_6e00;
/// Why a commit is not possible that follows one whose outcome is unknown.
const LOST: &str = "the connection was given up with a commit under way";

/// The writer's connection to the server.
#[derive(Debug)]
pub(super) struct Writing {
    /// None while a commit is under way, and after one that did not end in time.
    connection: Option<PgConnection>,
    options: PgConnectOptions,
}

impl Writing {
    /// Connects to a database that exists.
    pub async fn connect(url: &SecretString) -> Result<Self, StoreError> {
        let options = options(url)?
            .statement_cache_capacity(STATEMENTS)
            // Nobody waits for as long as a lease lasts behind one who holds the writer's row and does not move.
            .options([("lock_timeout", "1s"), ("idle_in_transaction_session_timeout", "1s"), ("jit", "off")]);
        let connection = connect_to_write(&options).await?;
        Ok(Writing { connection: Some(connection), options })
    }

    /// Brings the schema through every version up to this one that the database has not seen, in one transaction.
    pub async fn migrate(&mut self, history: &[&[Change]], to: usize) -> Result<(), StoreError> {
        let wrong = |source| failed("bring the schema to this build's")(source);
        let connection = self.connection.as_mut().ok_or_else(lost).map_err(wrong)?;
        server::check(connection).await?;
        let mut transaction = connection.begin().await.map_err(wrong)?;
        // Two services that start at once do not both create it; the second waits for as long as that takes.
        transaction.execute("SET LOCAL lock_timeout = '60s'").await.map_err(wrong)?;
        let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(SCHEMA_LOCK);
        lock.execute(&mut *transaction).await.map_err(wrong)?;
        let versions = "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)";
        transaction.execute(versions).await.map_err(wrong)?;
        let found = sqlx::query("SELECT version FROM schema_version").fetch_optional(&mut *transaction).await;
        let found: i64 = found.map_err(wrong)?.map_or(0, |row| row.get(0));
        for version in versions_after(found, to)? {
            let mut sql = step(history, version, Dialect::Postgres);
            if version == 1 {
                sql.push_str("INSERT INTO schema_version (version) VALUES (1);\n");
                sql.push_str(&first_row(Dialect::Postgres));
            }
            let _ = write!(sql, "UPDATE schema_version SET version = {version};");
            transaction.execute(AssertSqlSafe(sql)).await.map_err(wrong)?;
        }
        transaction.commit().await.map_err(wrong)
    }

    /// Connects again; what was under way may or may not have been committed.
    pub async fn reopen(&mut self) -> Result<(), StoreError> {
        self.connection = None;
        self.connection = Some(connect_to_write(&self.options).await?);
        Ok(())
    }

    /// Connections for reading. Nothing is opened yet.
    pub fn readers(&self) -> PgPool {
        PgPoolOptions::new().max_connections(4).acquire_timeout(READ_PATIENCE).connect_lazy_with(self.options.clone())
    }

    /// What tells others that this writer is alive.
    pub fn lease(&self, holder: &str) -> Lease {
        Lease::new(self.options.clone(), holder)
    }

    pub async fn ask(
        &mut self,
        operation: &'static str,
        sql: impl SqlSafeStr,
        binds: Vec<Value>,
    ) -> Result<Vec<Record>, StoreError> {
        let connection = self.connection.as_mut().ok_or_else(lost).map_err(failed(operation))?;
        let query = binds.into_iter().fold(sqlx::query(sql), bind_postgres);
        let asked = tokio::time::timeout(PATIENCE, query.fetch_all(connection));
        let rows = asked.await.unwrap_or_else(|_| Err(silent())).map_err(failed(operation))?;
        Ok(rows.into_iter().map(Record::Postgres).collect())
    }

    /// See [`super::Store::load`].
    pub async fn load(
        &mut self,
        wanted: &BTreeSet<(From, String)>,
    ) -> Result<Vec<(From, String, LoadedRow)>, StoreError> {
        let operation = "load rows";
        let mut sql = String::new();
        let mut arguments = PgArguments::default();
        for table in From::ALL {
            let keys: Vec<&str> = wanted.iter().filter(|(of, _)| *of == table).map(|(_, key)| key.as_str()).collect();
            if !keys.is_empty() {
                add(&mut arguments, keys)?;
                let union = if sql.is_empty() { "" } else { " UNION ALL " };
                let _ = write!(sql, "{union}{} = ANY(${})", table.select(), arguments.len());
            }
        }
        let connection = self.connection.as_mut().ok_or_else(lost).map_err(failed(operation))?;
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments);
        let asked = tokio::time::timeout(PATIENCE, query.fetch_all(connection));
        let rows = asked.await.unwrap_or_else(|_| Err(silent())).map_err(failed(operation))?;
        Ok(rows.into_iter().map(|row| From::read(&Record::Postgres(row))).collect())
    }

    /// Writes the batch behind the fence in one statement, or tries whether it could and takes it back.
    pub async fn write(&mut self, fence: &Fence<'_>, batch: Batch, is_rehearsal: bool) -> Result<(), StoreError> {
        let (sql, arguments) = statement(fence, batch)?;
        let mut connection = self.connection.take().ok_or_else(lost).map_err(failed("commit"))?;
        let task = tokio::spawn(async move {
            let query = sqlx::query_with(AssertSqlSafe(sql), arguments);
            let done = if is_rehearsal {
                match connection.begin().await {
                    Ok(mut transaction) => {
                        let done = transaction.execute(query).await;
                        transaction.rollback().await.and(done)
                    }
                    Err(error) => Err(error),
                }
            } else {
                connection.execute(query).await
            };
            (connection, done)
        });
        match tokio::time::timeout(PATIENCE, task).await {
            Ok(Ok((connection, done))) => {
                self.connection = Some(connection);
                done.map(drop).map_err(failed("commit"))
            }
            Ok(Err(error)) => Err(failed("commit")(sqlx::Error::Io(io::Error::other(error)))),
            Err(_) => Err(failed("commit")(silent())),
        }
    }

    pub async fn close(self) {
        if let Some(connection) = self.connection {
            let _ = connection.close().await;
        }
    }
}

pub(super) fn options(url: &SecretString) -> Result<PgConnectOptions, StoreError> {
    let options: PgConnectOptions = url.expose_secret().parse().map_err(failed("read the database's URL"))?;
    Ok(options.application_name("nuan").disable_statement_logging())
}

pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let connecting = tokio::time::timeout(PATIENCE, options.connect()).await;
    connecting.unwrap_or_else(|_| Err(silent())).map_err(failed("connect to the database"))
}

async fn connect_to_write(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let mut connection = connect(options).await?;
    // The writer looks rows up by their keys and nothing else. A plan that was made while a table was empty reads all of it.
    // And what is acknowledged is on disk, whatever the role or the database has for a default.
    let pinned = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET synchronous_commit = on";
    connection.execute(pinned).await.map_err(failed("connect to the database"))?;
    Ok(connection)
}

fn lost() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::NotConnected, LOST))
}

pub(super) fn silent() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, format!("the server does not answer within {PATIENCE:?}")))
}

fn add<'q, T>(arguments: &mut PgArguments, value: T) -> Result<(), StoreError>
where
    T: sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    // Text, bytes and numbers always encode; what is left are arrays of more than 2^31 elements.
    arguments.add(value).map_err(|source| failed("encode a value")(sqlx::Error::Encode(source)))
}

/// The one statement that is a commit.
pub(super) fn statement(fence: &Fence<'_>, batch: Batch) -> Result<(String, PgArguments), StoreError> {
    let mut sql = String::with_capacity(2048);
    let mut arguments = PgArguments::default();
    // Not our epoch or not our position, and the CHECK on `position` fails the statement. All others take their rows
    // through `fence`, so it comes first: who was replaced does not stumble over the rows of who took over.
    sql.push_str("WITH fence AS (UPDATE writer SET position = CASE WHEN epoch = $1 AND position = $2 THEN $3 ELSE -1 END, link = $4, at = $5, exported = $6");
    add(&mut arguments, fence.epoch)?;
    add(&mut arguments, integer(fence.from.position))?;
    add(&mut arguments, integer(fence.to.position))?;
    add(&mut arguments, fence.to.link.to_vec())?;
    add(&mut arguments, fence.to.at)?;
    add(&mut arguments, integer(fence.to.exported))?;
    if let Some(channels) = batch.channels {
        add(&mut arguments, channels)?;
        let _ = write!(sql, ", channels = ${}", arguments.len());
    }
    sql.push_str(" WHERE id = 1 RETURNING 1)");
    if !batch.settled.is_empty() {
        let (positions, states): (Vec<i64>, Vec<&str>) =
            batch.settled.iter().map(|(position, state)| (integer(*position), *state)).unzip();
        let first = arguments.len() + 1;
        add(&mut arguments, positions)?;
        add(&mut arguments, states)?;
        let _ = write!(
            sql,
            ", settled AS (UPDATE parked SET state = u.state FROM fence, UNNEST(${first}::BIGINT[], ${}::TEXT[]) u (position, state) \
             WHERE parked.position = u.position)",
            first + 1
        );
    }
    for (at, (partner, above)) in batch.taken_out.into_iter().enumerate() {
        let first = arguments.len() + 1;
        add(&mut arguments, partner.as_str())?;
        add(&mut arguments, integer(above))?;
        let _ = write!(
            sql,
            ", taken_out_{at} AS (DELETE FROM frame_out USING fence WHERE partner = ${first} AND last_seq > ${})",
            first + 1
        );
    }
    for (at, (partner, signer, from_seq)) in batch.forgotten_keys.into_iter().enumerate() {
        let first = arguments.len() + 1;
        add(&mut arguments, partner.as_str())?;
        add(&mut arguments, signer.as_str())?;
        add(&mut arguments, integer(from_seq))?;
        let _ = write!(
            sql,
            ", forgotten_{at} AS (DELETE FROM key_change USING fence WHERE partner = ${first} AND signer = ${} AND from_seq = ${})",
            first + 1,
            first + 2
        );
    }
    // All parts see the database as it was before: none may touch what another one writes. A put replaces what is deleted.
    for (at, (table, mut keys)) in batch.deletes.into_iter().enumerate() {
        for (put, values, _) in batch.puts.iter().filter(|(put, ..)| put.name == table.name) {
            let written: BTreeSet<&Value> = values.chunks(put.width()).filter_map(<[Value]>::first).collect();
            keys.retain(|key| !written.contains(&Value::Text(key.clone())));
        }
        add(&mut arguments, keys)?;
        let _ = write!(sql, ", deleted_{at} AS (");
        table.delete_postgres("fence", arguments.len(), &mut sql);
        sql.push(')');
    }
    for (at, (table, values, rows)) in batch.puts.into_iter().enumerate() {
        let _ = write!(sql, ", put_{at} AS (");
        table.insert_postgres("fence", arguments.len() + 1, &mut sql);
        sql.push(')');
        for array in arrays(table, values, rows) {
            match array {
                Array::Int(values) => add(&mut arguments, values)?,
                Array::Text(values) => add(&mut arguments, values)?,
                Array::Blob(values) => add(&mut arguments, values)?,
            }
        }
    }
    sql.push_str(" SELECT FROM fence");
    Ok((sql, arguments))
}

/// The values of one column.
enum Array {
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Blob(Vec<Option<Vec<u8>>>),
}

impl Array {
    fn of(kind: Type, rows: usize) -> Self {
        match kind {
            Type::Int => Array::Int(Vec::with_capacity(rows)),
            Type::Text => Array::Text(Vec::with_capacity(rows)),
            Type::Blob => Array::Blob(Vec::with_capacity(rows)),
        }
    }

    /// A value of another kind than its column's becomes NULL, which a column that has to hold something refuses.
    fn push(&mut self, value: Value) {
        match (self, value) {
            (Array::Int(values), Value::Int(value)) => values.push(Some(value)),
            (Array::Int(values), _) => values.push(None),
            (Array::Text(values), Value::Text(value)) => values.push(Some(value)),
            (Array::Text(values), _) => values.push(None),
            (Array::Blob(values), Value::Blob(value)) => values.push(Some(value)),
            (Array::Blob(values), _) => values.push(None),
        }
    }
}

/// Rows, one after the other, as an array a column. Of rows to overwrite under one key the last counts.
fn arrays(table: &Table, values: Vec<Value>, rows: usize) -> impl Iterator<Item = Array> + use<> {
    let columns = table.columns.iter();
    let mut arrays: Vec<Option<Array>> =
        columns.map(|column| (!column.numbered).then(|| Array::of(column.kind, rows))).collect();
    let superseded = superseded(table, &values);
    let mut values = values.into_iter();
    for row in 0..rows {
        let is_written = !superseded.contains(&row);
        for (array, value) in arrays.iter_mut().zip(values.by_ref()) {
            if let Some(array) = array.as_mut().filter(|_| is_written) {
                array.push(value);
            }
        }
    }
    arrays.into_iter().flatten()
}

/// Rows of an upsert whose key comes again later: PostgreSQL does not overwrite a row twice in one statement.
fn superseded(table: &Table, values: &[Value]) -> BTreeSet<usize> {
    if table.write == Write::Insert {
        return BTreeSet::new();
    }
    let is_key: Vec<bool> = table.columns.iter().map(|column| table.key.contains(&column.name)).collect();
    let mut last: BTreeMap<Vec<&Value>, usize> = BTreeMap::new();
    let keys = values.chunks(table.width()).map(|row| row.iter().zip(&is_key).filter(|(_, is_key)| **is_key));
    keys.enumerate().filter_map(|(row, key)| last.insert(key.map(|(value, _)| value).collect(), row)).collect()
}
