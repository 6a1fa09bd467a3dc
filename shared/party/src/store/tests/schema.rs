//! The schema through its versions, on both databases.

use super::*;
use tables::{AUDIT, WRITER};

/// A history in which the vault once had no keys.
const TWO_VERSIONS: &[&[Change]] = &[
    &[Change::Table(&WRITER), Change::Table(&STATE), Change::Table(&AUDIT), Change::Table(&VAULT)],
    &[Change::Column(&VAULT, "key_sealed", "NULL"), Change::Column(&STATE, "status", "'NONE'"), Change::Table(&ANSWER)],
];

/// A store as the first versions of a history make it.
async fn made(location: &Location, history: &[&[Change]], to: usize) -> Result<Store, StoreError> {
    let (mut backend, readers) = Backend::connect(location).await?;
    backend.migrate(history, to).await?;
    Ok(Store { backend, readers, epoch: 0, holder: String::new() })
}

/// What the tables of ours hold, column by column, and the indexes.
async fn schema(store: &mut Store) -> Vec<String> {
    let sql = match store.backend {
        Backend::Sqlite(_) => {
            "SELECT m.name || '.' || c.name || ' ' || c.type || ' ' || c.\"notnull\" FROM sqlite_master m, pragma_table_info(m.name) c \
             WHERE m.type = 'table' UNION ALL SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY 1"
        }
        Backend::Postgres(_) => {
            "SELECT (table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || COALESCE(collation_name, ''))::TEXT \
             FROM information_schema.columns WHERE table_schema = 'public' \
             UNION ALL SELECT indexname::TEXT FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
        }
    };
    let rows = store.ask("look at the schema", sql, []).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_database_of_an_earlier_version_becomes_one_of_a_later_and_keeps_what_is_in_it() {
    on_both(async |fresh| {
        let mut store = made(&fresh.location, TWO_VERSIONS, 1).await.unwrap();
        let early = schema(&mut store).await;
        assert!(
            !early.iter().any(|line| line.starts_with("vault.key_sealed") || line.starts_with("answer")),
            "{early:?}"
        );
        let old = "INSERT INTO state (key, version, uscc, ended, body) VALUES ('old', 1, 'u', 0, '{}')";
        store.ask("write", old, []).await.unwrap();
        store.close().await;

        let mut store = made(&fresh.location, TWO_VERSIONS, 2).await.unwrap();
        let rows = store.ask("read", "SELECT status FROM state WHERE key = 'old'", []).await.unwrap();
        assert_eq!(rows[0].get::<String>(0), "NONE");
        let late = schema(&mut store).await;
        store.close().await;
        // Once is enough, and at once is the same.
        assert_eq!(schema(&mut made(&fresh.location, TWO_VERSIONS, 2).await.unwrap()).await, late);
        let at_once = match fresh.location {
            Location::File(_) => Fresh::sqlite(),
            Location::Server(_) => Fresh::postgres().await,
        };
        assert_eq!(schema(&mut made(&at_once.location, TWO_VERSIONS, 2).await.unwrap()).await, late);
    })
    .await;
}

#[tokio::test]
async fn a_database_of_a_later_build_is_refused_and_left_alone() {
    on_both(async |fresh| {
        let later: Vec<&[Change]> = HISTORY.iter().copied().chain([&[][..]]).collect();
        let mut store = made(&fresh.location, &later, later.len()).await.unwrap();
        let before = schema(&mut store).await;
        let refused = Store::open(fresh.location.clone()).await.unwrap_err();
        assert!(matches!(refused, StoreError::Schema { found } if found == integer(later.len() as u64)), "{refused}");
        assert!(refused.to_string().contains("use the build that wrote it"), "{refused}");
        assert_eq!(schema(&mut store).await, before);
        let rows = store.ask("read", "SELECT epoch FROM writer", []).await.unwrap();
        assert_eq!(rows[0].get::<i64>(0), 0, "nobody took an epoch");
    })
    .await;
}

#[tokio::test]
async fn a_file_from_before_this_history_is_refused_and_left_alone() {
    let fresh = Fresh::sqlite();
    let Location::File(path) = &fresh.location else { panic!("a file") };
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let old = "PRAGMA user_version = 3; CREATE TABLE writer (id INTEGER)";
    sqlx::Executor::execute(&mut connection, old).await.unwrap();
    let refused = Store::open(fresh.location.clone()).await.unwrap_err().to_string();
    assert!(refused.contains("user_version 3") && refused.contains("use that build"), "{refused}");
    let tables = sqlx::query("SELECT name FROM sqlite_master").fetch_all(&mut connection).await.unwrap();
    assert_eq!(tables.len(), 1);
}

#[tokio::test]
async fn services_that_start_at_once_create_the_schema_once() {
    let fresh = Fresh::postgres().await;
    let (one, other) = tokio::join!(Store::open(fresh.location.clone()), Store::open(fresh.location.clone()));
    let ((mut one, tip), (mut other, _)) = (one.unwrap(), other.unwrap());
    let outcomes = [one.put(batch([]), &tip).await, other.put(batch([]), &tip).await];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "one of them is fenced: {outcomes:?}");
}

#[tokio::test]
async fn a_server_database_that_cannot_hold_chinese_is_refused() {
    let server = Server::shared().unwrap();
    let mut connection = outages::connect(&server.url("postgres")).await;
    let sql = "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'";
    sqlx::Executor::execute(&mut connection, sql).await.unwrap();
    let refused = Store::open(Location::Server(server.url("ascii").into())).await.unwrap_err();
    assert_eq!(refused.to_string(), "the database does not serve: its encoding is SQL_ASCII, not UTF8");
}

#[tokio::test]
async fn databases_are_made_measured_looked_at_and_dropped() {
    let server = Server::shared().unwrap();
    let all = server.url("postgres").into();
    let name = "with \"quotes\" in it";
    let url = server::create_database(&all, name).await.unwrap();
    assert!(server::create_database(&all, name).await.is_err(), "there is one of that name");
    let found = server::inspect(&url, true).await.unwrap();
    assert!(found.starts_with(&format!("{name} on PostgreSQL 1")), "{found}");
    let empty = server::database_bytes(&url).await.unwrap();
    let (store, _) = Store::open(Location::Server(url.clone())).await.unwrap();
    assert!(server::database_bytes(&url).await.unwrap() > empty);
    server::drop_database(&all, name).await.unwrap();
    server::drop_database(&all, name).await.unwrap();
    assert!(server::inspect(&url, true).await.is_err());
    store.close().await;
}

#[tokio::test]
async fn a_user_that_may_create_no_tables_is_told_so() {
    let server = Server::shared().unwrap();
    let Location::Server(url) = new_database(&server).await else { panic!("no server") };
    let mut connection = outages::connect(secrecy::ExposeSecret::expose_secret(&url)).await;
    let sql = "CREATE ROLE reader LOGIN PASSWORD 'reader'; REVOKE ALL ON SCHEMA public FROM PUBLIC";
    sqlx::Executor::execute(&mut connection, sql).await.unwrap();
    let url = secrecy::ExposeSecret::expose_secret(&url);
    let (_, place) = url.split_once('@').unwrap();
    let refused = server::inspect(&format!("postgres://reader:reader@{place}").into(), true).await.unwrap_err();
    assert!(refused.to_string().contains("may not create tables"), "{refused}");
}

#[tokio::test]
async fn a_server_that_may_lose_what_it_acknowledged_is_refused_by_name_of_the_setting() {
    // The tests' own server does not sync: what a crash of the machine would cost concerns no test.
    let server = Server::shared().unwrap();
    let url = server.url("postgres").into();
    for refused in [server::must_be_durable(&url).await, server::inspect(&url, false).await.map(drop)] {
        let Err(StoreError::Unfit { why }) = refused else { panic!("{refused:?}") };
        assert!(why.starts_with("the server has fsync=off"), "{why}");
    }
    server::inspect(&url, true).await.unwrap();
}
