//! Who of several processes on one PostgreSQL database writes: the one that said so last, and not too long ago.
//!
//! A lease only says who may try. What a process that lost it writes is refused by the epoch, whatever it or its clock
//! believes, so nothing here has to be exact: a lease that seems to run out too early costs a change of writers.

use super::{
    StoreError, failed,
    postgres::{connect, silent},
};
use sqlx::{Executor, PgConnection, postgres::PgConnectOptions};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How old the writer's last word may be before somebody else takes over. Longer than any lock is waited for.
pub const LEASE: Duration = Duration::from_millis(LEASE_MS);
pub(super) const LEASE_MS: u64 = 2_000;
/// How often the writer says that it is alive.
const RENEW_EVERY: Duration = Duration::from_millis(400);
/// How long it waits for that to be heard. Then it tries again on another connection.
const PATIENCE: Duration = Duration::from_secs(1);

/// The database's clock in ms: those of the machines need not agree.
macro_rules! now {
    () => {
        "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
    };
}

/// Takes a new epoch (holder, address, lease in ms) if nobody has one or its lease has run out, or lies in the future because
/// the database's clock was set back. Where it does not, nothing is locked: those who stand by look this way.
pub(super) const SEIZE: &str = concat!(
    "UPDATE writer SET epoch = epoch + 1, holder = $1, address = $2, renewed_at = ",
    now!(),
    " WHERE id = 1 AND (renewed_at < ",
    now!(),
    " - $3 OR renewed_at > ",
    now!(),
    " + $3) RETURNING epoch, position, link, at, exported"
);
/// Takes a new epoch (holder) if nobody else has.
pub(super) const SEIZE_AGAIN: &str = concat!(
    "UPDATE writer SET epoch = epoch + 1, renewed_at = ",
    now!(),
    " WHERE id = 1 AND holder = $1 RETURNING epoch, position, link, at, exported"
);
/// Ends a lease (holder): whoever stands by takes over at once.
pub(super) const RELEASE: &str = "UPDATE writer SET renewed_at = 0 WHERE id = 1 AND holder = $1";
const RENEW: &str = concat!("UPDATE writer SET renewed_at = ", now!(), " WHERE id = 1 AND holder = $1");

/// Says on a connection of its own that the writer is alive, so that its commits never wait for that.
#[derive(Debug)]
pub struct Lease {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
    holder: String,
}

impl Lease {
    pub(super) fn new(options: PgConnectOptions, holder: &str) -> Self {
        Lease { options, connection: None, holder: holder.to_owned() }
    }

    /// Keeps the lease and tells each time how long nobody else can have taken over. Returns when somebody has. While the
    /// server does not answer it tries on: then the writer cannot commit either.
    pub async fn keep(mut self, holds: impl Fn(Instant)) {
        loop {
            // From before it is asked: the database counts from later.
            let asked = Instant::now();
            match timeout(PATIENCE, self.renew()).await.unwrap_or_else(|_| Err(failed(OPERATION)(silent()))) {
                Ok(true) => holds(asked + LEASE),
                Ok(false) => return,
                Err(error) => {
                    tracing::debug!(%error, "the lease is not renewed");
                    self.connection = None;
                }
            }
            sleep(RENEW_EVERY).await;
        }
    }

    async fn renew(&mut self) -> Result<bool, StoreError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let mut connection = connect(&self.options).await?;
                // A lease that a crash of the server forgets would have run out by the time it is back.
                connection.execute("SET synchronous_commit = off").await.map_err(failed(OPERATION))?;
                none.insert(connection)
            }
        };
        let renewed = sqlx::query(RENEW).bind(self.holder.as_str()).execute(connection).await;
        Ok(renewed.map_err(failed(OPERATION))?.rows_affected() == 1)
    }
}

const OPERATION: &str = "renew the lease";
