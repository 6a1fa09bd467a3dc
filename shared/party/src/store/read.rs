//! What people and operators look up. Reads go through connections of their own, see only committed state, and never
//! hold up the writer.

use crate::vault::{Kind, Sealed};

use super::{
    StoreError, failed, integer,
    sql::{Record, bind_postgres, bind_sqlite},
    tables::Value,
};
use domain::Date;
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::{AssertSqlSafe, PgPool, SqlSafeStr, SqlitePool};
use std::collections::BTreeSet;

/// A statement that lists absences as [`absence`] reads them.
macro_rules! absences {
    ($which:literal) => {
        concat!("SELECT number, person, deputy, from_day, to_day, ended, because FROM absence ", $which)
    };
}

/// Reading connections.
#[derive(Clone, Debug)]
pub struct Readers {
    pool: Pool,
}

#[derive(Clone, Debug)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// One application, as the store keeps it.
#[derive(Clone, Debug)]
pub struct StateRow {
    /// Its key, e.g. `application/NCD-2018-0052`.
    pub key: String,
    /// How often it was changed: the `ETag`.
    pub version: u64,
    /// State, in words of DOMAIN.md section 4.
    pub status: String,
    /// Whether it has ended.
    pub ended: bool,
    /// Trace context of its last change.
    pub trace: Option<String>,
    /// Content as JSON.
    pub body: String,
}

/// What a list of applications is filtered by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this state.
    pub status: Option<String>,
    /// Only this firm.
    pub uscc: Option<String>,
    /// Only those that have (not) ended.
    pub ended: Option<bool>,
}

/// One journal row of an application.
#[derive(Clone, Debug)]
pub struct JournalRow {
    /// Position in the journal.
    pub position: u64,
    /// Business time, ms.
    pub at: i64,
    /// `message`, `command`, `due` …
    pub kind: String,
    /// Who: the partner, the person, the clock.
    pub source: String,
    /// What was recorded, as JSON.
    pub recorded: String,
    /// The refusal, as JSON, if it was refused.
    pub refusal: Option<String>,
    /// The input, as JSON.
    pub input: String,
}

/// What a journal row of an application has recorded.
#[derive(Clone, Debug)]
pub struct RecordedRow {
    /// Position in the journal.
    pub position: u64,
    /// Business time, ms.
    pub at: i64,
    /// The application.
    pub application_id: String,
    /// What was recorded, as JSON.
    pub recorded: String,
}

/// A journal row with what its spans are built from.
#[derive(Clone, Debug)]
pub struct TracedRow {
    /// Position in the journal.
    pub position: u64,
    /// The application that it concerns.
    pub application_id: Option<String>,
    /// Who: the partner, the person, the clock.
    pub source: String,
    /// The input as JSON.
    pub input: String,
    /// What was recorded, as JSON.
    pub recorded: String,
    /// The refusal, as JSON, if it was refused.
    pub refusal: Option<String>,
    /// Messages sent, as `partner:seq`, blank between.
    pub sent: String,
    /// Trace context, and what else the spans need.
    pub trace: String,
}

/// A parked or held input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParkedRow {
    /// Journal position under which it was parked.
    pub position: u64,
    /// The application that stands still behind it.
    pub application_id: Option<String>,
    /// Who sent it.
    pub source: String,
    /// Why it could not be decided.
    pub why: String,
    /// `parked`: the culprit; `held`: waits behind it.
    pub state: String,
    /// Business time at which it was parked, ms.
    pub at: i64,
}

/// A journal row with all that its hash covers.
#[derive(Clone, Debug)]
pub struct JournalLink {
    /// Position in the journal.
    pub position: u64,
    /// Business time, ms.
    pub at: i64,
    /// The application that it concerns.
    pub application_id: Option<String>,
    /// `message`, `command`, `due` …
    pub kind: String,
    /// Who.
    pub source: String,
    /// The input as JSON.
    pub input: String,
    /// What was recorded, as JSON.
    pub recorded: String,
    /// The refusal, as JSON, if it was refused.
    pub refusal: Option<String>,
    /// Messages sent.
    pub sent: String,
    /// Hash of the rows that its batch changed, on the batch's last row.
    pub states: Option<Vec<u8>>,
    /// Its hash.
    pub link: Vec<u8>,
}

/// Somebody saw an application's personal data unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisclosureRow {
    /// Journal position.
    pub position: u64,
    /// Business time, Unix ms.
    pub at: i64,
    /// Of which application.
    pub application_id: String,
    /// Who.
    pub person: String,
    /// Why.
    pub because: String,
}

/// A stored account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountHolder {
    /// Name of the account.
    pub account: String,
    /// The person behind it.
    pub person: String,
    /// The roles it holds.
    pub roles: Vec<String>,
    /// Whether the token is that of a session.
    pub is_session: bool,
}

/// An absence, as it was entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsenceRow {
    /// Its number: the journal position at which it was entered.
    pub number: u64,
    /// Who is away.
    pub person: String,
    /// Who acts for that person.
    pub deputy: String,
    /// The first day, ISO 8601.
    pub from: String,
    /// The last day.
    pub to: String,
    /// Whether it was ended before its time.
    pub ended: bool,
    /// Why.
    pub because: String,
}

/// An account as it was last opened, closed or given a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The person behind it.
    pub person: String,
    /// The roles it holds.
    pub roles: Vec<String>,
    /// Hash of the password, if it has one.
    pub password: Option<String>,
    /// Whether it is closed.
    pub closed: bool,
    /// Since which journal position its access tokens count.
    pub tokens_from: u64,
}

/// A balance, as an auditor reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Account code.
    pub code: String,
    /// Balance on its normal side, fen.
    pub balance_fen: i64,
}

/// A transfer, as an auditor reads it.
#[derive(Clone, Debug, Serialize)]
pub struct TransferRow {
    /// Idempotency key.
    pub id: String,
    /// Journal position of the decision.
    pub position: u64,
    /// Debited account.
    pub debit: String,
    /// Credited account.
    pub credit: String,
    /// Amount, fen.
    pub amount_fen: i64,
    /// All of it.
    pub transfer: Box<RawValue>,
}

impl Readers {
    pub(super) fn sqlite(pool: SqlitePool) -> Self {
        Readers { pool: Pool::Sqlite(pool) }
    }

    pub(super) fn postgres(pool: PgPool) -> Self {
        Readers { pool: Pool::Postgres(pool) }
    }

    pub(super) async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }

    async fn ask(
        &self,
        operation: &'static str,
        sql: impl SqlSafeStr,
        binds: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<Record>, StoreError> {
        match &self.pool {
            Pool::Sqlite(pool) => {
                let query = binds.into_iter().fold(sqlx::query(sql), bind_sqlite);
                let rows = query.fetch_all(pool).await.map_err(failed(operation))?;
                Ok(rows.into_iter().map(Record::Sqlite).collect())
            }
            Pool::Postgres(pool) => {
                let query = binds.into_iter().fold(sqlx::query(sql), bind_postgres);
                let rows = query.fetch_all(pool).await.map_err(failed(operation))?;
                Ok(rows.into_iter().map(Record::Postgres).collect())
            }
        }
    }

    /// One row of the state.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn state(&self, key: &str) -> Result<Option<StateRow>, StoreError> {
        let sql = "SELECT key, version, status, ended, trace, body FROM state WHERE key = $1";
        let rows = self.ask("read a row", sql, [key.into()]).await?;
        Ok(rows.first().map(state_row))
    }

    /// Applications whose key comes after `after`, in the order of keys, at most `limit`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn list(
        &self,
        prefix: &str,
        filter: &Filter,
        after: &str,
        limit: u32,
    ) -> Result<Vec<StateRow>, StoreError> {
        let mut sql = String::from(
            "SELECT key, version, status, ended, trace, body FROM state WHERE key > $1 AND key >= $2 AND key < $3",
        );
        let mut binds: Vec<Value> = vec![after.into(), prefix.into(), end_of(prefix).into()];
        for (column, value) in [("status", &filter.status), ("uscc", &filter.uscc)] {
            if let Some(value) = value {
                binds.push(value.as_str().into());
                sql.push_str(&format!(" AND {column} = ${}", binds.len()));
            }
        }
        match filter.ended {
            Some(true) => sql.push_str(" AND ended = 1"),
            Some(false) => sql.push_str(" AND ended = 0"),
            None => {}
        }
        sql.push_str(&format!(" ORDER BY key LIMIT {limit}"));
        let rows = self.ask("list rows", AssertSqlSafe(sql), binds).await?;
        Ok(rows.iter().map(state_row).collect())
    }

    /// The journal rows of an application, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn journal(&self, application_id: &str) -> Result<Vec<JournalRow>, StoreError> {
        let sql = "SELECT position, at, kind, source, recorded, refusal, input FROM journal \
                   WHERE application_id = $1 ORDER BY position";
        let rows = self.ask("read the journal", sql, [application_id.into()]).await?;
        Ok(rows
            .iter()
            .map(|row| JournalRow {
                position: row.unsigned(0),
                at: row.get(1),
                kind: row.get(2),
                source: row.get(3),
                recorded: row.get(4),
                refusal: row.get(5),
                input: row.get(6),
            })
            .collect())
    }

    /// What the journal has recorded of applications behind a position, in order, at most `limit` rows.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn recorded_after(&self, after: u64, limit: u32) -> Result<Vec<RecordedRow>, StoreError> {
        let sql = "SELECT position, at, application_id, recorded FROM journal \
                   WHERE position > $1 AND application_id IS NOT NULL ORDER BY position LIMIT $2";
        let rows = self.ask("read the journal", sql, [integer(after).into(), i64::from(limit).into()]).await?;
        let read = |row: &Record| RecordedRow {
            position: row.unsigned(0),
            at: row.get(1),
            application_id: row.get(2),
            recorded: row.get(3),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Up to which position of the journal notices have gone out; none: none ever has.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn notified(&self) -> Result<Option<u64>, StoreError> {
        let rows = self.ask("read the notifier's row", "SELECT through FROM notifier WHERE id = 1", []).await?;
        Ok(rows.first().map(|row| row.unsigned(0)))
    }

    /// Journal rows with a trace after one position and up to another, in order, at most `limit`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn traced(&self, after: u64, until: u64, limit: u32) -> Result<Vec<TracedRow>, StoreError> {
        let sql = "SELECT position, application_id, source, input, recorded, refusal, sent, trace FROM journal \
                   WHERE position > $1 AND position <= $2 AND trace IS NOT NULL ORDER BY position LIMIT $3";
        let binds = [integer(after).into(), integer(until).into(), i64::from(limit).into()];
        let rows = self.ask("read the journal's traces", sql, binds).await?;
        Ok(rows
            .iter()
            .map(|row| TracedRow {
                position: row.unsigned(0),
                application_id: row.get(1),
                source: row.get(2),
                input: row.get(3),
                recorded: row.get(4),
                refusal: row.get(5),
                sent: row.get(6),
                trace: row.get(7),
            })
            .collect())
    }

    /// Open tasks as JSON, of one role or of all, earliest due first, after (`due_at`, `task_id`), at most `limit`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn tasks(
        &self,
        role: Option<&str>,
        application_id: Option<&str>,
        after: (i64, &str),
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT body FROM task WHERE ($1 IS NULL OR role = $1) AND ($2 IS NULL OR application_id = $2) \
                   AND (due_at, task_id) > ($3, $4) ORDER BY due_at, task_id LIMIT $5";
        let binds = [role.into(), application_id.into(), after.0.into(), after.1.into(), i64::from(limit).into()];
        let rows = self.ask("list tasks", sql, binds).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Incidents whose id comes after `after`, in the order of ids, at most `limit`: id, and all of it as JSON.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn incidents(&self, after: &str, limit: u32) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT incident_id, body FROM incident WHERE incident_id > $1 ORDER BY incident_id LIMIT $2";
        let rows = self.ask("list incidents", sql, [after.into(), i64::from(limit).into()]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// One open task as JSON.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn task(&self, task_id: &str) -> Result<Option<String>, StoreError> {
        let rows = self.ask("read a task", "SELECT body FROM task WHERE task_id = $1", [task_id.into()]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// Parked and held inputs after a journal position, oldest first, at most `limit`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn parked(&self, after: u64, limit: u32) -> Result<Vec<ParkedRow>, StoreError> {
        let sql = "SELECT position, application_id, source, why, state, at FROM parked \
                   WHERE state IN ('parked', 'held') AND position > $1 ORDER BY position LIMIT $2";
        let rows = self.ask("list parked inputs", sql, [integer(after).into(), i64::from(limit).into()]).await?;
        Ok(rows
            .iter()
            .map(|row| ParkedRow {
                position: row.unsigned(0),
                application_id: row.get(1),
                source: row.get(2),
                why: row.get(3),
                state: row.get(4),
                at: row.get(5),
            })
            .collect())
    }

    /// Balances of accounts whose code begins with `prefix` and comes after `after`, in the order of codes, at most `limit`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn balances(&self, prefix: &str, after: &str, limit: u32) -> Result<Vec<Balance>, StoreError> {
        let sql =
            "SELECT code, balance_fen FROM account WHERE code >= $1 AND code < $2 AND code > $3 ORDER BY code LIMIT $4";
        let binds = [prefix.into(), end_of(prefix).into(), after.into(), i64::from(limit).into()];
        let rows = self.ask("read balances", sql, binds).await?;
        Ok(rows.iter().map(|row| Balance { code: row.get(0), balance_fen: row.get(1) }).collect())
    }

    /// Transfers of the ledger in the order of decision, after a journal position, at most `limit`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn transfers(&self, after: u64, limit: u32) -> Result<Vec<TransferRow>, StoreError> {
        let sql = "SELECT id, position, debit, credit, amount_fen, body FROM transfer WHERE position > $1 ORDER BY position, id LIMIT $2";
        let rows = self.ask("read transfers", sql, [integer(after).into(), i64::from(limit).into()]).await?;
        Ok(rows
            .iter()
            .filter_map(|row| {
                Some(TransferRow {
                    id: row.get(0),
                    position: row.unsigned(1),
                    debit: row.get(2),
                    credit: row.get(3),
                    amount_fen: row.get(4),
                    transfer: RawValue::from_string(row.get(5)).ok()?,
                })
            })
            .collect())
    }

    /// The answer that was given under an Idempotency-Key, as JSON.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn answer(&self, id: &str) -> Result<Option<String>, StoreError> {
        let rows = self.ask("read an answer", "SELECT body FROM answer WHERE id = $1", [id.into()]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// The sealed personal data of an application that are not erased.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn sealed(&self, application_id: &str) -> Result<Vec<Sealed>, StoreError> {
        let sql = "SELECT token, key_sealed, sealed FROM vault \
                   WHERE application_id = $1 AND kind = 'record' AND key_sealed IS NOT NULL ORDER BY token";
        let rows = self.ask("read sealed data", sql, [application_id.into()]).await?;
        Ok(rows.iter().map(|row| sealed(row, Kind::Record)).collect())
    }

    /// A record of the vault that is not erased, by its token.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn vault_record(&self, token: &str) -> Result<Option<Sealed>, StoreError> {
        let sql = "SELECT token, key_sealed, sealed, kind FROM vault WHERE token = $1 AND key_sealed IS NOT NULL";
        let rows = self.ask("read a sealed record", sql, [token.into()]).await?;
        Ok(rows.first().and_then(|row| {
            let code: String = row.get(3);
            Kind::ALL.into_iter().find(|kind| kind.code() == code).map(|kind| sealed(row, kind))
        }))
    }

    /// A part of a paper as a partner sealed it, if it is not erased.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn vault_part(&self, token: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT sealed FROM vault WHERE token = $1 AND kind = 'part' AND key_sealed IS NOT NULL";
        let rows = self.ask("read a sealed part", sql, [token.into()]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// Tokens and kinds of all that the vault keeps of an application and has not erased.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn vault_tokens(&self, application_id: &str) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT token, kind FROM vault WHERE application_id = $1 AND key_sealed IS NOT NULL ORDER BY token";
        let rows = self.ask("list sealed records", sql, [application_id.into()]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Who saw personal data unmasked, after a journal position, oldest first, at most `limit`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn disclosures(&self, after: u64, limit: u32) -> Result<Vec<DisclosureRow>, StoreError> {
        let sql = "SELECT position, at, application_id, person, because FROM disclosure \
                   WHERE position > $1 ORDER BY position LIMIT $2";
        let rows = self.ask("list disclosures", sql, [integer(after).into(), i64::from(limit).into()]).await?;
        let read = |row: &Record| DisclosureRow {
            position: row.unsigned(0),
            at: row.get(1),
            application_id: row.get(2),
            person: row.get(3),
            because: row.get(4),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Position and hash of the last journal row, as the writer keeps them.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn tip(&self) -> Result<(u64, Vec<u8>), StoreError> {
        let rows = self.ask("read the writer's row", "SELECT position, link FROM writer WHERE id = 1", []).await?;
        let missing = || StoreError::Unreadable { what: "writer's row", why: "it is missing".to_owned() };
        rows.first().map(|row| (row.unsigned(0), row.get(1))).ok_or_else(missing)
    }

    /// Journal rows behind a position with all that their hashes cover, at most `limit`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn journal_links(&self, after: u64, limit: u32) -> Result<Vec<JournalLink>, StoreError> {
        let sql = "SELECT position, at, application_id, kind, source, input, recorded, refusal, sent, states, link \
                   FROM journal WHERE position > $1 ORDER BY position LIMIT $2";
        let rows = self.ask("read the journal", sql, [integer(after).into(), i64::from(limit).into()]).await?;
        let read = |row: &Record| JournalLink {
            position: row.unsigned(0),
            at: row.get(1),
            application_id: row.get(2),
            kind: row.get(3),
            source: row.get(4),
            input: row.get(5),
            recorded: row.get(6),
            refusal: row.get(7),
            sent: row.get(8),
            states: row.get(9),
            link: row.get(10),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Whether somebody has an account with this role.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn holds(&self, person: &str, role: &str) -> Result<bool, StoreError> {
        let rows = self.ask("look for a role", "SELECT roles FROM token WHERE person = $1", [person.into()]).await?;
        Ok(rows.iter().any(|row| row.get::<String>(0).split(' ').any(|held| held == role)))
    }

    /// Whether there is an account of this name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn has_account(&self, account: &str) -> Result<bool, StoreError> {
        let sql = "SELECT account FROM token WHERE account = $1 LIMIT 1";
        Ok(!self.ask("look for an account", sql, [account.into()]).await?.is_empty())
    }

    /// Who holds the token with this hash, if it counts at this time of the wall clock, Unix ms.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn account_holder(&self, hash: &[u8; 32], now_ms: i64) -> Result<Option<AccountHolder>, StoreError> {
        let sql = "SELECT t.account, t.person, t.roles, t.until FROM token t LEFT JOIN login l ON l.account = t.account \
                   WHERE t.hash = $1 AND (t.until = 0 OR t.until > $2) AND COALESCE(l.closed, 0) = 0 \
                   AND t.made >= CASE WHEN t.until = 0 THEN COALESCE(l.tokens_from, 0) ELSE COALESCE(l.sessions_from, 0) END";
        let rows = self.ask("look up a token", sql, [hash.to_vec().into(), now_ms.into()]).await?;
        Ok(rows.first().map(|row| AccountHolder {
            account: row.get(0),
            person: row.get(1),
            roles: roles(&row.get::<String>(2)),
            is_session: row.get::<i64>(3) != 0,
        }))
    }

    /// The account as it was last opened, closed or given a password; none if none of it ever happened in this schema.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn login(&self, account: &str) -> Result<Option<Login>, StoreError> {
        let sql = "SELECT person, roles, password, closed, tokens_from FROM login WHERE account = $1";
        let rows = self.ask("look up an account", sql, [account.into()]).await?;
        Ok(rows.first().map(|row| Login {
            person: row.get(0),
            roles: roles(&row.get::<String>(1)),
            password: row.get(2),
            closed: row.get::<i64>(3) == 1,
            tokens_from: row.unsigned(4),
        }))
    }

    /// The person behind an account.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn person_of(&self, account: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT person FROM token WHERE account = $1 LIMIT 1";
        let rows = self.ask("look for an account", sql, [account.into()]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }

    /// The roles that a person's open accounts hold.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn roles_of(&self, person: &str) -> Result<BTreeSet<String>, StoreError> {
        let sql = "SELECT roles FROM login WHERE person = $1 AND closed = 0";
        let rows = self.ask("look for a person's roles", sql, [person.into()]).await?;
        Ok(rows.iter().flat_map(|row| roles(&row.get::<String>(0))).collect())
    }

    /// Absences, the latest first; at most 500.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn absences(&self) -> Result<Vec<AbsenceRow>, StoreError> {
        let sql = absences!("ORDER BY number DESC LIMIT 500");
        Ok(self.ask("list absences", sql, []).await?.iter().map(absence).collect())
    }

    /// The absence with this number.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn absence(&self, number: u64) -> Result<Option<AbsenceRow>, StoreError> {
        let sql = absences!("WHERE number = $1");
        Ok(self.ask("look up an absence", sql, [integer(number).into()]).await?.first().map(absence))
    }

    /// Absences of this person that share a day with those from `from` to `to`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn absences_between(&self, person: &str, from: Date, to: Date) -> Result<Vec<AbsenceRow>, StoreError> {
        let sql = absences!("WHERE person = $1 AND ended = 0 AND from_day <= $2 AND to_day >= $3");
        let days = [person.into(), to.to_string().into(), from.to_string().into()];
        Ok(self.ask("look for absences", sql, days).await?.iter().map(absence).collect())
    }

    /// For whom this person acts on a day.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn absent_on(&self, deputy: &str, day: Date) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT DISTINCT person FROM absence \
                   WHERE deputy = $1 AND ended = 0 AND from_day <= $2 AND to_day >= $2 ORDER BY person";
        let rows = self.ask("look for whom somebody acts", sql, [deputy.into(), day.to_string().into()]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// What this person has proposed and nobody has confirmed: what each is about.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn proposals_of(&self, person: &str) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT about FROM proposal WHERE person = $1 \
                   OR substr(person, 1, length(CAST($1 AS TEXT)) + 5) = CAST($1 AS TEXT) || ' for ' ORDER BY about";
        let rows = self.ask("list proposals", sql, [person.into()]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

fn absence(row: &Record) -> AbsenceRow {
    AbsenceRow {
        number: row.unsigned(0),
        person: row.get(1),
        deputy: row.get(2),
        from: row.get(3),
        to: row.get(4),
        ended: row.get::<i64>(5) == 1,
        because: row.get(6),
    }
}

fn roles(text: &str) -> Vec<String> {
    text.split(' ').filter(|role| !role.is_empty()).map(str::to_owned).collect()
}

/// What comes after all keys with this prefix.
fn end_of(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}

fn sealed(row: &Record, kind: Kind) -> Sealed {
    Sealed { kind, token: row.get(0), key: row.get(1), data: row.get(2) }
}

fn state_row(row: &Record) -> StateRow {
    StateRow {
        key: row.get(0),
        version: row.unsigned(1),
        status: row.get(2),
        ended: row.get::<i64>(3) == 1,
        trace: row.get(4),
        body: row.get(5),
    }
}
