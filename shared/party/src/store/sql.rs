//! What both databases understand: a query with `$1`, `$2` … and the rows that it finds.

use super::tables::Value;
use sqlx::{
    Decode, Row as _, Type,
    postgres::{PgArguments, PgRow, Postgres},
    query::Query,
    sqlite::{Sqlite, SqliteArguments, SqliteRow},
};

/// A row that a query found.
pub(super) enum Record {
    /// In SQLite.
    Sqlite(SqliteRow),
    /// In PostgreSQL.
    Postgres(PgRow),
}

impl Record {
    /// The value in a column, from 0. Queries are constants here: they know what their columns hold.
    pub fn get<'r, T>(&'r self, at: usize) -> T
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        match self {
            Record::Sqlite(row) => row.get(at),
            Record::Postgres(row) => row.get(at),
        }
    }

    /// A count, position or sequence.
    pub fn unsigned(&self, at: usize) -> u64 {
        u64::try_from(self.get::<i64>(at)).unwrap_or_default()
    }
}

/// Binds a value for SQLite.
pub(super) fn bind_sqlite(
    query: Query<'_, Sqlite, SqliteArguments>,
    value: Value,
) -> Query<'_, Sqlite, SqliteArguments> {
    match value {
        Value::Null => query.bind(None::<i64>),
        Value::Int(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Blob(value) => query.bind(value),
    }
}

/// Binds a value for PostgreSQL. What a query may leave out is text.
pub(super) fn bind_postgres(query: Query<'_, Postgres, PgArguments>, value: Value) -> Query<'_, Postgres, PgArguments> {
    match value {
        Value::Null => query.bind(None::<String>),
        Value::Int(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Blob(value) => query.bind(value),
    }
}
