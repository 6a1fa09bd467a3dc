//! The schema: made anew from the descriptions of the tables, or brought from an older build's to this one's.
//!
//! Each step is one transaction with the version that it leads to. It refuses a database of a newer build.

use super::{
    StoreError, failed,
    tables::{TABLES, WRITER},
};
use sqlx::{AssertSqlSafe, Executor, Row as _, SqliteConnection};

/// What leads from each version to the next: the first from 1 to 2.
const STEPS: &[&str] = &[
    "ALTER TABLE writer ADD COLUMN exported INTEGER NOT NULL DEFAULT 0;",
    "ALTER TABLE audit ADD COLUMN reason TEXT NOT NULL DEFAULT ''; \
     CREATE INDEX audit_by_day ON audit (at, partner, reason);",
    "CREATE TABLE key_change (partner TEXT NOT NULL, signer TEXT NOT NULL, from_seq INTEGER NOT NULL, \
     position INTEGER NOT NULL, body TEXT NOT NULL, CHECK (from_seq > 1), PRIMARY KEY (partner, signer, from_seq));",
];

/// Version of the schema that this build writes.
pub(super) const SCHEMA_VERSION: i64 = 4;

/// Brings the database to this build's schema.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let found: i64 = sqlx::query("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed("read the schema version"))?
        .get(0);
    if found == 0 {
        return transaction(connection, &create(), SCHEMA_VERSION).await;
    }
    if !(1..=SCHEMA_VERSION).contains(&found) {
        return Err(StoreError::Schema { found });
    }
    for (step, version) in STEPS.iter().zip(2..).filter(|(_, version)| *version > found) {
        transaction(connection, step, version).await?;
    }
    Ok(())
}

fn create() -> String {
    let mut sql: String = TABLES.iter().map(|table| table.create_sqlite()).collect();
    sql.push_str(&format!(
        "INSERT INTO {} (id, epoch, position, link, at, exported) VALUES (1, 0, 0, zeroblob(32), 0, 0);",
        WRITER.name
    ));
    sql
}

async fn transaction(connection: &mut SqliteConnection, sql: &str, version: i64) -> Result<(), StoreError> {
    let sql = format!("BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {version};\nCOMMIT;");
    let done = connection.execute(AssertSqlSafe(sql)).await.map_err(failed("bring the schema to this build's"));
    if done.is_err() {
        let _ = connection.execute("ROLLBACK").await;
    }
    done.map(drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::store::{Store, Tip};
    use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
    use std::path::Path;

    /// The schema of version 1, as its builds made it, with a writer that has written.
    const VERSION_1: &str = include_str!("schema_1.sql");

    async fn connect(path: &Path) -> SqliteConnection {
        SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
    }

    /// Every column and index: what the statements of this build rely on.
    async fn schema(path: &Path) -> Vec<String> {
        let mut connection = connect(path).await;
        let sql = "SELECT m.name || '.' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' || c.pk FROM sqlite_master m, \
                   pragma_table_info(m.name) c WHERE m.type = 'table' \
                   UNION ALL SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1";
        let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    #[tokio::test]
    async fn a_database_of_the_first_version_becomes_one_of_this_and_keeps_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
        let mut connection = connect(&old).await;
        connection.execute(VERSION_1).await.unwrap();
        connection.close().await.unwrap();
        let (store, tip) = Store::open(&old).await.unwrap();
        assert_eq!(tip, Tip { position: 7, link: [9; 32], at: 1_500_000_000_000, exported: 0 });
        store.close().await;
        Store::open(&new).await.unwrap().0.close().await;
        assert_eq!(schema(&old).await, schema(&new).await);
        // Once is enough.
        let (store, again) = Store::open(&old).await.unwrap();
        assert_eq!(again, tip);
        store.close().await;
    }

    #[tokio::test]
    async fn a_database_of_a_newer_build_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("newer.db");
        let mut connection = connect(&path).await;
        connection.execute("PRAGMA user_version = 99; CREATE TABLE later (id INTEGER);").await.unwrap();
        connection.close().await.unwrap();
        let before = schema(&path).await;
        assert!(matches!(Store::open(&path).await, Err(StoreError::Schema { found: 99 })));
        assert_eq!(schema(&path).await, before);
    }

    #[test]
    fn every_version_has_its_step() {
        assert_eq!(i64::try_from(STEPS.len()).unwrap() + 1, SCHEMA_VERSION);
    }
}
