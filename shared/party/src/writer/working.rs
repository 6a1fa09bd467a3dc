//! The working set of a batch: rows out of the database, and what changed of them back into it.

use crate::store::{
    Batch, From, LoadedRow, Store, StoreError, integer,
    tables::{ACCOUNT, INCIDENT, STATE, STATE_NEW, TASK, TRANSFER, TRANSFER_RESOLVED, Value},
};
use organisation::{Changed, Index, Key, Organisation, Row, Rows};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of a batch, with what the shell keeps beside them.
#[derive(Debug)]
pub(super) struct Working<O: Organisation> {
    pub rows: Rows<O::Row>,
    /// Trace context of the last change of each application's row.
    pub traces: BTreeMap<Key, String>,
    /// Answers stored under an Idempotency-Key, by scope and key.
    pub answers: BTreeMap<String, Option<String>>,
    /// Tasks and incidents as they stand in the database, by row.
    listed: BTreeMap<Key, (BTreeSet<String>, BTreeSet<String>)>,
}

/// A body in the database cannot be read by this build.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("row `{key}` cannot be read by this build: {source}")]
    Body { key: Key, source: serde_json::Error },
}

impl<O: Organisation> Working<O> {
    pub fn new() -> Self {
        Working { rows: Rows::default(), traces: BTreeMap::new(), answers: BTreeMap::new(), listed: BTreeMap::new() }
    }

    /// Loads the wanted rows and answers that are not here yet; one statement.
    pub async fn load(
        &mut self,
        store: &mut Store,
        keys: &BTreeSet<Key>,
        answers: &BTreeSet<String>,
    ) -> Result<bool, LoadError> {
        let mut wanted: BTreeSet<(From, String)> =
            keys.iter().filter(|key| !self.rows.is_loaded(key)).map(place).collect();
        wanted.extend(answers.iter().filter(|id| !self.answers.contains_key(*id)).map(|id| (From::Answer, id.clone())));
        if wanted.is_empty() {
            return Ok(false);
        }
        let mut found: BTreeMap<(From, String), LoadedRow> =
            store.load(&wanted).await?.into_iter().map(|(from, id, row)| ((from, id), row)).collect();
        for id in answers {
            if !self.answers.contains_key(id) {
                self.answers.insert(id.clone(), found.remove(&(From::Answer, id.clone())).map(|row| row.body));
            }
        }
        for key in keys {
            if self.rows.is_loaded(key) {
                continue;
            }
            match found.remove(&place(key)) {
                None => self.rows.load(key.clone(), None, 0),
                Some(loaded) => self.take(key, loaded)?,
            }
        }
        Ok(true)
    }

    fn take(&mut self, key: &Key, loaded: LoadedRow) -> Result<(), LoadError> {
        let unreadable = |source| LoadError::Body { key: key.clone(), source };
        let row: Row<O::Row> = match key {
            Key::Row(_) => Row::Own(serde_json::from_str(&loaded.body).map_err(unreadable)?),
            Key::Account(_) => Row::Account(serde_json::from_str(&loaded.body).map_err(unreadable)?),
            Key::Transfer(_) => Row::Transfer(serde_json::from_str(&loaded.body).map_err(unreadable)?),
        };
        if let Row::Own(own) = &row {
            self.listed.insert(key.clone(), ids(&O::index(own)));
        }
        if let Some(trace) = loaded.trace {
            self.traces.insert(key.clone(), trace);
        }
        self.rows.load(key.clone(), Some(row), loaded.version);
        Ok(())
    }

    /// Writes every changed row into the batch. Returns the hash over all of them and the earliest time at which one of
    /// them wants to be woken.
    pub fn save(&self, batch: &mut Batch, position: u64) -> Result<([u8; 32], Option<i64>), serde_json::Error> {
        let mut hash = Sha256::new();
        let mut earliest: Option<i64> = None;
        for Changed { key, row, version, is_new } in self.rows.changed() {
            let (name, body) = match row {
                Row::Own(own) => {
                    let body = serde_json::to_string(own)?;
                    let index = O::index(own);
                    let wake_at = index.wake_at.map(domain::Moment::millis);
                    earliest = [earliest, wake_at].into_iter().flatten().min();
                    batch.put(
                        if is_new { &STATE_NEW } else { &STATE },
                        [
                            key.to_string().into(),
                            integer(version).into(),
                            index.status.into(),
                            index.uscc.clone().into(),
                            i64::from(index.ended).into(),
                            wake_at.into(),
                            self.traces.get(key).cloned().into(),
                            body.clone().into(),
                        ],
                    );
                    self.list(batch, key, &index)?;
                    (key.to_string(), body)
                }
                Row::Account(account) => {
                    let body = serde_json::to_string(account)?;
                    batch.put(
                        &ACCOUNT,
                        [
                            account.code().to_string().into(),
                            integer(version).into(),
                            account.balance().get().into(),
                            body.clone().into(),
                        ],
                    );
                    (key.to_string(), body)
                }
                Row::Transfer(transfer) => {
                    let body = serde_json::to_string(transfer)?;
                    let table = if is_new { &TRANSFER } else { &TRANSFER_RESOLVED };
                    batch.put(table, transfer_row(transfer, version, position, body.clone()));
                    (key.to_string(), body)
                }
            };
            for text in [&name, &body] {
                hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
                hash.update(text.as_bytes());
            }
        }
        Ok((hash.finalize().into(), earliest))
    }

    /// Tasks and incidents follow from the row: new ones are written, closed ones deleted.
    fn list(&self, batch: &mut Batch, key: &Key, index: &Index) -> Result<(), serde_json::Error> {
        let (tasks, incidents) = ids(index);
        if let Some((old_tasks, old_incidents)) = self.listed.get(key) {
            for closed in old_tasks.difference(&tasks) {
                batch.delete(&TASK, closed.clone());
            }
            for closed in old_incidents.difference(&incidents) {
                batch.delete(&INCIDENT, closed.clone());
            }
        }
        for task in &index.tasks {
            batch.put(
                &TASK,
                [
                    task.task_id.clone().into(),
                    task.application_id.to_string().into(),
                    task.role.clone().into(),
                    task.due_at.millis().into(),
                    serde_json::to_string(task)?.into(),
                ],
            );
        }
        for incident in &index.incidents {
            batch.put(
                &INCIDENT,
                [
                    incident.incident_id.clone().into(),
                    incident.application_id.to_string().into(),
                    incident.owner.clone().into(),
                    serde_json::to_string(incident)?.into(),
                ],
            );
        }
        Ok(())
    }
}

fn ids(index: &Index) -> (BTreeSet<String>, BTreeSet<String>) {
    (
        index.tasks.iter().map(|task| task.task_id.clone()).collect(),
        index.incidents.iter().map(|incident| incident.incident_id.clone()).collect(),
    )
}

fn place(key: &Key) -> (From, String) {
    match key {
        Key::Row(key) => (From::State, key.clone()),
        Key::Account(code) => (From::Account, code.to_string()),
        Key::Transfer(id) => (From::Transfer, id.to_string()),
    }
}

fn transfer_row(record: &ledger::TransferRecord, version: u64, position: u64, body: String) -> [Value; 7] {
    let transfer = &record.transfer;
    [
        transfer.id.to_string().into(),
        integer(version).into(),
        integer(position).into(),
        transfer.debit.to_string().into(),
        transfer.credit.to_string().into(),
        transfer.amount.fen().get().into(),
        body.into(),
    ]
}
