//! One description of each table, and one history of the schema: what both databases are sent is generated from them.
//!
//! SQLite takes rows as multi-row `VALUES`, PostgreSQL as `UNNEST` of an array a column, so that the text of a statement
//! does not depend on how many rows there are. Times are milliseconds in BIGINT, hashes and frames are bytes, everything
//! an operator may want to read is JSON text. Text compares by its bytes in both.

use std::fmt::Write as _;

/// A value on its way into a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// No value.
    Null,
    /// A number: positions, sequences, times in ms, fen.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(value.to_owned())
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Text(value)
    }
}
impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Value::Blob(value)
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// 64-bit integer.
    Int,
    /// UTF-8 text.
    Text,
    /// Bytes.
    Blob,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Type,
    nullable: bool,
    pub(super) numbered: bool,
    check: &'static str,
}

const fn int(name: &'static str) -> Column {
    Column { name, kind: Type::Int, nullable: false, numbered: false, check: "" }
}
const fn text(name: &'static str) -> Column {
    Column { name, kind: Type::Text, nullable: false, numbered: false, check: "" }
}
const fn blob(name: &'static str) -> Column {
    Column { name, kind: Type::Blob, nullable: false, numbered: false, check: "" }
}
impl Column {
    /// The database numbers the rows; they are given `Null` here.
    const fn numbered(mut self) -> Self {
        self.numbered = true;
        self
    }
    const fn null(mut self) -> Self {
        self.nullable = true;
        self
    }
    const fn check(mut self, check: &'static str) -> Self {
        self.check = check;
        self
    }
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Once; a second row under the same key is an error.
    Insert,
    /// Overwriting the row under the same key.
    Upsert,
}

/// One table.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    pub(super) columns: &'static [Column],
    pub(super) key: &'static [&'static str],
    /// How rows are written.
    pub write: Write,
    indexes: &'static [(&'static str, &'static str)],
    checks: &'static [&'static str],
}

/// The one row that fences every commit: who writes, how far, how far a collector has taken the spans of it, and per partner
/// the heads of both directions. Where several processes take turns, also where the one that writes answers, and when it last
/// said that it does, in ms by the database's clock.
pub static WRITER: Table = Table {
    name: "writer",
    // A writer that lost its epoch writes position -1 and so fails the whole transaction.
    columns: &[
        int("id").check("id = 1"),
        int("epoch"),
        text("holder"),
        text("address"),
        int("renewed_at"),
        int("position").check("position >= 0"),
        blob("link"),
        int("at"),
        int("exported"),
        text("channels"),
    ],
    key: &["id"],
    write: Write::Upsert,
    indexes: &[],
    checks: &[],
};

/// The tape: every input, when, by whom, what was decided, chained.
pub static JOURNAL: Table = Table {
    name: "journal",
    columns: &[
        int("position"),
        int("at"),
        text("application_id").null(),
        text("kind"),
        text("source"),
        text("input"),
        text("recorded"),
        text("refusal").null(),
        text("sent"),
        text("trace").null(),
        blob("states").null(),
        blob("link"),
    ],
    key: &["position"],
    write: Write::Insert,
    indexes: &[("journal_by_application", "application_id, position")],
    checks: &[],
};

/// The rows of the organisation's state.
pub static STATE: Table = Table { write: Write::Upsert, ..STATE_TABLE };

/// The same table for rows that must not exist yet.
pub static STATE_NEW: Table = STATE_TABLE;

const STATE_TABLE: Table = Table {
    name: "state",
    columns: &[
        text("key"),
        int("version"),
        text("status"),
        text("uscc"),
        int("ended").check("ended IN (0, 1)"),
        int("wake_at").null(),
        text("trace").null(),
        text("body"),
    ],
    key: &["key"],
    write: Write::Insert,
    indexes: &[("state_by_wake", "wake_at, key) WHERE (wake_at IS NOT NULL")],
    checks: &[],
};

/// The accounts of the ledger.
pub static ACCOUNT: Table = Table {
    name: "account",
    columns: &[text("code"), int("version"), int("balance_fen"), text("body")],
    key: &["code"],
    write: Write::Upsert,
    indexes: &[],
    checks: &[],
};

/// The transfers of the ledger. A posted line is never changed: an id that was used makes the commit fail.
pub static TRANSFER: Table = TRANSFER_TABLE;

/// The same table when a pending transfer is posted, voided or expired.
pub static TRANSFER_RESOLVED: Table = Table { write: Write::Upsert, ..TRANSFER_TABLE };

const TRANSFER_TABLE: Table = Table {
    name: "transfer",
    columns: &[
        text("id"),
        int("version"),
        int("position"),
        text("debit"),
        text("credit"),
        int("amount_fen").check("amount_fen > 0"),
        text("body"),
    ],
    key: &["id"],
    write: Write::Insert,
    indexes: &[],
    checks: &["debit <> credit"],
};

/// What waits for a person. `application_id` is the number of what a task belongs to: an application's, mostly.
pub static TASK: Table = Table {
    name: "task",
    columns: &[text("task_id"), text("application_id"), text("role"), int("due_at"), text("body")],
    key: &["task_id"],
    write: Write::Upsert,
    indexes: &[("task_by_role", "role, due_at, task_id")],
    checks: &[],
};

/// What went wrong and has an owner.
pub static INCIDENT: Table = Table {
    name: "incident",
    columns: &[text("incident_id"), text("application_id"), text("owner"), text("body")],
    key: &["incident_id"],
    write: Write::Upsert,
    indexes: &[],
    checks: &[],
};

/// Every change of key, of both sides of each channel: who signs with the new key, from which number on, and the statement
/// that both keys signed. A channel whose first keys are still in force has none.
pub static KEY_CHANGE: Table = Table {
    name: "key_change",
    columns: &[text("partner"), text("signer"), int("from_seq"), int("position"), text("body")],
    key: &["partner", "signer", "from_seq"],
    write: Write::Insert,
    indexes: &[],
    checks: &["from_seq > 1"],
};

/// Every numbered frame that was sent: the outbox, and for ever after what this organisation signed.
pub static FRAME_OUT: Table = Table {
    name: "frame_out",
    columns: &[text("partner"), int("last_seq"), int("first_seq"), int("position"), blob("bytes")],
    key: &["partner", "last_seq"],
    write: Write::Insert,
    indexes: &[],
    checks: &["first_seq <= last_seq"],
};

/// Every numbered frame that was taken: what the partner signed.
pub static FRAME_IN: Table = Table {
    name: "frame_in",
    columns: &[text("partner"), int("last_seq"), int("first_seq"), int("position"), blob("bytes")],
    key: &["partner", "last_seq"],
    write: Write::Insert,
    indexes: &[],
    checks: &["first_seq <= last_seq"],
};

/// Inputs that could not be decided, and those that wait behind them.
pub static PARKED: Table = Table {
    name: "parked",
    columns: &[
        int("position"),
        text("application_id").null(),
        text("source"),
        text("why"),
        text("input"),
        int("at"),
        text("state").check("state IN ('parked', 'held', 'retried', 'dropped')"),
    ],
    key: &["position"],
    write: Write::Upsert,
    indexes: &[("parked_by_application", "application_id, position) WHERE (state IN ('parked', 'held')")],
    checks: &[],
};

/// Answers that were given under an Idempotency-Key; `id` is person, route and key.
pub static ANSWER: Table = Table {
    name: "answer",
    columns: &[text("id"), int("position"), text("body")],
    key: &["id"],
    write: Write::Insert,
    indexes: &[],
    checks: &[],
};

/// Orders to ports that are not answered yet.
pub static PORT_ORDER: Table = Table {
    name: "port_order",
    columns: &[text("id"), int("position"), text("body")],
    key: &["id"],
    write: Write::Upsert,
    indexes: &[],
    checks: &[],
};

/// Personal data and papers, each record sealed under a key of its own, which is sealed under the organisation's vault key. A
/// `part` of a paper is as a partner sealed it, and opens with the key of its letterbox. A record whose key is NULL is erased.
pub static VAULT: Table = VAULT_TABLE;

const VAULT_TABLE: Table = Table {
    name: "vault",
    columns: &[text("token"), text("application_id"), blob("sealed"), blob("key_sealed").null(), text("kind")],
    key: &["token"],
    write: Write::Insert,
    indexes: &[("vault_by_application", "application_id")],
    checks: &[],
};

/// The same table when an application's records are erased, or a part of a paper comes, be it again.
pub static VAULT_ANEW: Table = Table { write: Write::Upsert, ..VAULT_TABLE };

/// Bearer tokens, hashed.
pub static TOKEN: Table = Table {
    name: "token",
    // `until`, Unix ms of the wall clock: a session ends then; 0: an access token, which does not. `made`: journal position.
    columns: &[blob("hash"), text("account"), text("person"), text("roles"), int("until"), int("made")],
    key: &["hash"],
    write: Write::Upsert,
    indexes: &[],
    checks: &[],
};

/// A token's row: of a session until a time of the wall clock, Unix ms, or for good (0); made at this journal position.
pub fn token(hash: &[u8], account: String, person: String, roles: &[String], until: i64, made: u64) -> [Value; 6] {
    let made = i64::try_from(made).unwrap_or(i64::MAX);
    let hash = Value::Blob(hash.to_vec());
    [hash, account.into(), person.into(), roles.join(" ").into(), Value::Int(until), Value::Int(made)]
}

/// Accounts as they were last opened, closed or given a password. Access tokens made before `tokens_from`, and sessions before
/// `sessions_from`, count no more; nothing of a closed one does.
pub static LOGIN: Table = Table {
    name: "login",
    columns: &[
        text("account"),
        text("person"),
        text("roles"),
        text("password").null(),
        int("closed").check("closed IN (0, 1)"),
        int("tokens_from"),
        int("sessions_from"),
    ],
    key: &["account"],
    write: Write::Upsert,
    indexes: &[],
    checks: &[],
};

/// Who is away and who acts for whom, both days included; `ended`, if somebody ended it before its time.
pub static ABSENCE: Table = Table {
    name: "absence",
    columns: &[
        int("number"),
        text("person"),
        text("deputy"),
        text("from_day"),
        text("to_day"),
        int("ended").check("ended IN (0, 1)"),
        text("because"),
    ],
    key: &["number"],
    write: Write::Upsert,
    indexes: &[],
    checks: &["person <> deputy", "from_day <= to_day"],
};

/// What one person wants and a second one has not confirmed: `about` what, one of each; `what` exactly. One that was not
/// confirmed in time stays until another takes its place, and counts for nothing.
pub static PROPOSAL: Table = Table {
    name: "proposal",
    columns: &[text("about"), text("what"), text("person"), text("because"), int("at")],
    key: &["about"],
    write: Write::Upsert,
    indexes: &[],
    checks: &[],
};

/// Who saw an application's personal data unmasked, when and why.
pub static DISCLOSURE: Table = Table {
    name: "disclosure",
    columns: &[int("position"), int("at"), text("application_id"), text("person"), text("because")],
    key: &["position"],
    write: Write::Insert,
    indexes: &[("disclosure_by_application", "application_id")],
    checks: &[],
};

/// How far the journal's notices have gone out: one row.
pub static NOTIFIER: Table = Table {
    name: "notifier",
    columns: &[int("id").check("id = 1"), int("through")],
    key: &["id"],
    write: Write::Upsert,
    indexes: &[],
    checks: &[],
};

/// Frames that were refused, some of each day, and pairs of frames that contradict each other: evidence.
pub static AUDIT: Table = Table {
    name: "audit",
    columns: &[int("id").numbered(), int("at"), text("partner"), text("reason"), text("why"), blob("bytes")],
    key: &["id"],
    write: Write::Insert,
    indexes: &[("audit_by_day", "at, partner, reason")],
    checks: &[],
};

/// A change of the schema.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// A new table with its indexes, without the columns that later versions add.
    Table(&'static Table),
    /// A new column of a table, and what the rows have there that are there already, as SQL.
    Column(&'static Table, &'static str, &'static str),
}

/// What the writer's row holds at first.
pub fn first_row(dialect: Dialect) -> String {
    let zeros = match dialect {
        Dialect::Sqlite => "zeroblob(32)",
        Dialect::Postgres => "decode(repeat('00', 32), 'hex')",
    };
    format!(
        "INSERT INTO writer (id, epoch, holder, address, renewed_at, position, link, at, exported, channels) \
         VALUES (1, 0, '', '', 0, 0, {zeros}, 0, 0, '{{}}');\n"
    )
}

/// The schema's history: what each version changes in the one before it. A version that was released stays as it is.
pub static HISTORY: &[&[Change]] = &[
    &[
        Change::Table(&WRITER),
        Change::Table(&JOURNAL),
        Change::Table(&STATE),
        Change::Table(&ACCOUNT),
        Change::Table(&TRANSFER),
        Change::Table(&TASK),
        Change::Table(&INCIDENT),
        Change::Table(&KEY_CHANGE),
        Change::Table(&FRAME_OUT),
        Change::Table(&FRAME_IN),
        Change::Table(&PARKED),
        Change::Table(&ANSWER),
        Change::Table(&PORT_ORDER),
        Change::Table(&VAULT),
        Change::Table(&TOKEN),
        Change::Table(&AUDIT),
    ],
    &[Change::Table(&PROPOSAL)],
    &[Change::Table(&DISCLOSURE)],
    &[Change::Column(&VAULT, "kind", "'record'")],
    &[Change::Table(&LOGIN), Change::Column(&TOKEN, "until", "0"), Change::Column(&TOKEN, "made", "0")],
    &[Change::Table(&ABSENCE)],
    &[Change::Table(&NOTIFIER)],
];

/// The database that SQL is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// What leads to a version of this history (from 1) from the one before it, as SQL statements.
pub fn step(history: &[&[Change]], version: usize, dialect: Dialect) -> String {
    let mut sql = String::new();
    for change in history.get(version.saturating_sub(1)).copied().unwrap_or_default() {
        match change {
            Change::Table(table) => {
                let later = history.iter().skip(version).copied().flatten();
                let is_later = |name: &str| {
                    later.clone().any(|change| {
                        matches!(change, Change::Column(of, column, _) if of.name == table.name && *column == name)
                    })
                };
                table.create(dialect, |column| !is_later(column.name), &mut sql);
            }
            Change::Column(table, name, default) => {
                let column = table.columns.iter().filter(|column| column.name == *name);
                for column in column {
                    let _ = write!(sql, "ALTER TABLE {} ADD COLUMN ", table.name);
                    column.define(dialect, &mut sql);
                    let _ = writeln!(sql, " DEFAULT {default};");
                }
            }
        }
    }
    sql
}

impl Column {
    fn define(&self, dialect: Dialect, sql: &mut String) {
        let kind = match (dialect, self.kind) {
            (Dialect::Sqlite, Type::Int) => "INTEGER",
            (Dialect::Sqlite, Type::Text) => "TEXT",
            (Dialect::Sqlite, Type::Blob) => "BLOB",
            (Dialect::Postgres, Type::Int) if self.numbered => "BIGINT GENERATED ALWAYS AS IDENTITY",
            (Dialect::Postgres, _) => self.kind.postgres(),
        };
        let _ = write!(sql, "{} {kind}", self.name);
        if (dialect, self.kind) == (Dialect::Postgres, Type::Text) {
            sql.push_str(" COLLATE \"C\"");
        }
        if !self.nullable && !self.numbered {
            sql.push_str(" NOT NULL");
        }
        if !self.check.is_empty() {
            let _ = write!(sql, " CHECK ({})", self.check);
        }
    }
}

impl Type {
    const fn postgres(self) -> &'static str {
        match self {
            Type::Int => "BIGINT",
            Type::Text => "TEXT",
            Type::Blob => "BYTEA",
        }
    }
}

impl Table {
    /// How many values a row has.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// `CREATE TABLE` with these columns, and its indexes.
    fn create(&self, dialect: Dialect, is_there: impl Fn(&Column) -> bool, sql: &mut String) {
        let _ = write!(sql, "CREATE TABLE {} (", self.name);
        for column in self.columns.iter().filter(|column| is_there(column)) {
            column.define(dialect, sql);
            sql.push_str(", ");
        }
        for check in self.checks {
            let _ = write!(sql, "CHECK ({check}), ");
        }
        // Not WITHOUT ROWID: most rows carry a body of kilobytes, and such rows would fill the inner pages of the tree.
        let _ = writeln!(sql, "PRIMARY KEY ({}));", self.key.join(", "));
        for (name, on) in self.indexes {
            let _ = writeln!(sql, "CREATE INDEX {name} ON {} ({on});", self.name);
        }
    }

    /// `INSERT` of that many rows for SQLite, with `?` for each value.
    pub(super) fn insert_sqlite(&self, rows: usize, sql: &mut String) {
        // A constraint that fails ends the whole transaction, so SQLite need not keep each page that a statement of many rows
        // is about to change: that would be half of what it copies.
        let _ = write!(sql, "INSERT OR ROLLBACK INTO {} (", self.name);
        for (at, column) in self.columns.iter().enumerate() {
            let _ = write!(sql, "{}{}", if at == 0 { "" } else { "," }, column.name);
        }
        sql.push_str(") VALUES ");
        for row in 0..rows {
            sql.push_str(if row == 0 { "(" } else { ",(" });
            for at in 0..self.columns.len() {
                sql.push_str(if at == 0 { "?" } else { ",?" });
            }
            sql.push(')');
        }
        self.on_conflict(sql);
        sql.push(';');
    }

    /// Columns whose values PostgreSQL is given: an array each.
    pub(super) fn given(&self) -> impl Iterator<Item = &'static Column> + use<> {
        self.columns.iter().filter(|column| !column.numbered)
    }

    /// `INSERT` for PostgreSQL of the rows in the arrays from `$first` on, once the common table expression `after` has been
    /// evaluated.
    pub(super) fn insert_postgres(&self, after: &str, first: usize, sql: &mut String) {
        let names: Vec<&str> = self.given().map(|column| column.name).collect();
        let _ = write!(sql, "INSERT INTO {} ({}) SELECT u.* FROM {after}, UNNEST(", self.name, names.join(","));
        for (at, column) in self.given().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let _ = write!(sql, "{comma}${}::{}[]", first + at, column.kind.postgres());
        }
        sql.push_str(") u");
        self.on_conflict(sql);
    }

    fn on_conflict(&self, sql: &mut String) {
        if self.write == Write::Upsert {
            let _ = write!(sql, " ON CONFLICT ({}) DO UPDATE SET ", self.key.join(","));
            let mut first = true;
            for column in self.columns.iter().filter(|column| !self.key.contains(&column.name)) {
                let _ = write!(sql, "{}{1}=excluded.{1}", if first { "" } else { "," }, column.name);
                first = false;
            }
        }
    }

    /// `DELETE` of that many keys for SQLite; tables with one key column only.
    pub(super) fn delete_sqlite(&self, keys: usize, sql: &mut String) {
        let _ = write!(sql, "DELETE FROM {} WHERE {} IN (", self.name, self.key[0]);
        for at in 0..keys {
            sql.push_str(if at == 0 { "?" } else { ",?" });
        }
        sql.push_str(");");
    }

    /// `DELETE` for PostgreSQL of the keys in the array `$keys`, once the common table expression `after` has been evaluated;
    /// tables with one key column only.
    pub(super) fn delete_postgres(&self, after: &str, keys: usize, sql: &mut String) {
        let _ = write!(sql, "DELETE FROM {} USING {after} WHERE {} = ANY(${keys}::TEXT[])", self.name, self.key[0]);
    }
}
