//! Databases on a PostgreSQL server as wholes: made, dropped, measured, looked at. What the service itself needs is its own
//! database, which exists and is its own.

use super::{
    StoreError, failed,
    postgres::{connect, options},
};
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, Row as _};

/// The oldest server that will do.
const OLDEST: u32 = 14;

/// Creates an empty database on the server that this URL leads to, and returns its URL.
///
/// # Errors
/// The server cannot be reached or refuses, for instance because there is one of that name.
pub async fn create_database(server: &SecretString, name: &str) -> Result<SecretString, StoreError> {
    let operation = "create a database";
    let options = options(server)?;
    let mut connection = connect(&options).await?;
    check(&mut connection).await?;
    // From the empty template and comparing bytes, whatever this server's own databases are made from.
    let sql =
        format!("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'", quoted(name));
    connection.execute(AssertSqlSafe(sql)).await.map_err(failed(operation))?;
    connection.close().await.map_err(failed(operation))?;
    Ok(options.database(name).to_url_lossy().to_string().into())
}

/// Drops a database with all that is in it, and cuts its connections; nothing happens if there is none.
///
/// # Errors
/// The server cannot be reached or refuses.
pub async fn drop_database(server: &SecretString, name: &str) -> Result<(), StoreError> {
    let operation = "drop a database";
    let mut connection = connect(&options(server)?).await?;
    let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name));
    connection.execute(AssertSqlSafe(sql)).await.map_err(failed(operation))?;
    connection.close().await.map_err(failed(operation))
}

/// Creates a database that holds what another one on the same server holds now, in place of the one of that name, and returns
/// its URL. Nobody may be connected to the other one; connections to the one that is replaced are cut.
///
/// # Errors
/// The server cannot be reached or refuses, for instance because somebody is connected.
pub async fn copy_database(server: &SecretString, from: &str, to: &str) -> Result<SecretString, StoreError> {
    let operation = "copy a database";
    drop_database(server, to).await?;
    let options = options(server)?;
    let mut connection = connect(&options).await?;
    let sql = format!("CREATE DATABASE {} TEMPLATE {}", quoted(to), quoted(from));
    connection.execute(AssertSqlSafe(sql)).await.map_err(failed(operation))?;
    connection.close().await.map_err(failed(operation))?;
    Ok(options.database(to).to_url_lossy().to_string().into())
}

/// The bytes that a database takes on disk.
///
/// # Errors
/// The server cannot be reached.
pub async fn database_bytes(url: &SecretString) -> Result<u64, StoreError> {
    let operation = "measure a database";
    let mut connection = connect(&options(url)?).await?;
    let row = sqlx::query("SELECT pg_database_size(current_database())").fetch_one(&mut connection).await;
    let bytes: i64 = row.map_err(failed(operation))?.get(0);
    connection.close().await.map_err(failed(operation))?;
    Ok(u64::try_from(bytes).unwrap_or_default())
}

/// Looks whether a service could keep its data in this database, and says what it is. Changes nothing. `may_forget`: nobody
/// relies on what is acknowledged there, see [`crate::config::Config::may_forget`].
///
/// # Errors
/// It cannot be reached; or [`StoreError::Unfit`], with what is wrong.
pub async fn inspect(url: &SecretString, may_forget: bool) -> Result<String, StoreError> {
    let operation = "look at the database";
    let mut connection = connect(&options(url)?).await?;
    check(&mut connection).await?;
    if !may_forget {
        check_durability(&mut connection).await?;
    }
    let sql = "SELECT current_setting('server_version'), current_database()::TEXT, \
               has_schema_privilege(current_schema(), 'CREATE'), pg_is_in_recovery()";
    let row = sqlx::query(sql).fetch_one(&mut connection).await.map_err(failed(operation))?;
    connection.close().await.map_err(failed(operation))?;
    let (version, name): (String, String) = (row.get(0), row.get(1));
    if row.get::<Option<bool>, _>(2) != Some(true) {
        return Err(StoreError::Unfit { why: format!("this user may not create tables in {name}") });
    }
    if row.get(3) {
        return Err(StoreError::Unfit { why: format!("{name} is a standby that takes no writes") });
    }
    Ok(format!("{name} on PostgreSQL {version}"))
}

/// Refuses a server that may lose what it acknowledged when the power goes, or the machine: a party must not promise on it. Changes
/// nothing. It is asked at a start; whoever turns syncing off later has to be held off by other means.
///
/// # Errors
/// It cannot be reached; or [`StoreError::Unfit`], with the setting that is wrong.
pub async fn must_be_durable(url: &SecretString) -> Result<(), StoreError> {
    let mut connection = connect(&options(url)?).await?;
    check_durability(&mut connection).await?;
    connection.close().await.map_err(failed("look at the database"))
}

async fn check_durability(connection: &mut PgConnection) -> Result<(), StoreError> {
    let sql = "SELECT current_setting('fsync'), current_setting('full_page_writes')";
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(failed("look at the database"))?;
    let settings = [("fsync", row.get::<String, _>(0)), ("full_page_writes", row.get(1))];
    match settings.iter().find(|(_, set)| set != "on") {
        Some((name, set)) => Err(StoreError::Unfit {
            why: format!("the server has {name}={set}: a loss of power may cost what it acknowledged"),
        }),
        None => Ok(()),
    }
}

/// Refuses servers that are too old and databases that cannot hold every text.
pub(super) async fn check(connection: &mut PgConnection) -> Result<(), StoreError> {
    let version = connection.server_version_num().unwrap_or(u32::MAX) / 10_000;
    if version < OLDEST {
        return Err(StoreError::Unfit { why: format!("the server is PostgreSQL {version}, older than {OLDEST}") });
    }
    let encoding = sqlx::query("SHOW server_encoding").fetch_one(connection).await;
    let encoding: String = encoding.map_err(failed("look at the database"))?.get(0);
    if encoding != "UTF8" {
        return Err(StoreError::Unfit { why: format!("its encoding is {encoding}, not UTF8") });
    }
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
