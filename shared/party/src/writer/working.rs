//! The working set of a batch: rows out of the cache or the database, and what changed of them back into both.

use super::cache::{Cache, Kept};
use crate::{
    handle::{Changes, CommittedRow},
    store::{
        Batch, From, LoadedRow, Store, StoreError, integer,
        read::StateRow,
        tables::{ACCOUNT, INCIDENT, STATE, STATE_NEW, TASK, TRANSFER, TRANSFER_RESOLVED, Value},
    },
};
use ledger::{TransferId, Voucher};
use organisation::{Changed, Incident, Index, Key, OpenTask, Organisation, Row, Rows, StatesHash};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Rows of a batch, with what the shell keeps beside them.
#[derive(Debug)]
pub(super) struct Working<'a, O: Organisation> {
    pub rows: Rows<O::Row>,
    /// Trace context of the last change of each application's row.
    pub traces: BTreeMap<Key, String>,
    /// Answers stored under an Idempotency-Key, by scope and key.
    pub answers: BTreeMap<String, Option<String>>,
    /// What is listed of each row in the database.
    listed: BTreeMap<Key, Arc<Index>>,
    /// At which journal position each transfer was decided.
    booked: BTreeMap<TransferId, u64>,
    cache: &'a mut Cache<O::Row>,
}

/// What saving the working set came to.
#[derive(Debug)]
pub(super) struct Saved {
    /// Hash over all changed rows.
    pub states: [u8; 32],
    /// The earliest time at which one of them wants to be woken.
    pub earliest: Option<i64>,
    /// The organisation's own rows among them.
    pub rows: Vec<CommittedRow>,
    indexes: BTreeMap<Key, Arc<Index>>,
}

/// A body in the database cannot be read by this build.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("row `{key}` cannot be read by this build: {source}")]
    Body { key: Key, source: serde_json::Error },
}

impl<'a, O: Organisation> Working<'a, O> {
    pub fn new(cache: &'a mut Cache<O::Row>) -> Self {
        Working {
            rows: Rows::default(),
            traces: BTreeMap::new(),
            answers: BTreeMap::new(),
            listed: BTreeMap::new(),
            booked: BTreeMap::new(),
            cache,
        }
    }

    /// Brings the wanted rows and answers that are not here yet: out of the cache, else by one statement. Whether any came.
    pub async fn load(
        &mut self,
        store: &mut Store,
        keys: &BTreeSet<Key>,
        answers: &BTreeSet<String>,
    ) -> Result<bool, LoadError> {
        let mut came = false;
        let mut missing = Vec::new();
        for key in keys.iter().filter(|key| !self.rows.is_loaded(key)).cloned().collect::<Vec<_>>() {
            came = true;
            match self.cache.get(&key) {
                Some(kept) => self.bring(key, kept),
                None => missing.push(key),
            }
        }
        let mut wanted: BTreeSet<(From, String)> = missing.iter().map(place).collect();
        wanted.extend(answers.iter().filter(|id| !self.answers.contains_key(*id)).map(|id| (From::Answer, id.clone())));
        if wanted.is_empty() {
            return Ok(came);
        }
        let mut found: BTreeMap<(From, String), LoadedRow> =
            store.load(&wanted).await?.into_iter().map(|(from, id, row)| ((from, id), row)).collect();
        for id in answers {
            if !self.answers.contains_key(id) {
                self.answers.insert(id.clone(), found.remove(&(From::Answer, id.clone())).map(|row| row.body));
            }
        }
        for key in missing {
            let kept = match found.remove(&place(&key)) {
                None => Kept { row: None, version: 0, trace: None, index: None },
                Some(loaded) => read::<O>(&key, loaded)?,
            };
            self.bring(key, kept);
        }
        Ok(true)
    }

    fn bring(&mut self, key: Key, kept: Kept<O::Row>) {
        if let Some(index) = kept.index {
            self.listed.insert(key.clone(), index);
        }
        if let Some(trace) = kept.trace {
            self.traces.insert(key.clone(), trace);
        }
        self.rows.share(key, kept.row, kept.version);
    }

    /// Notes where a voucher's transfers were decided.
    pub fn booked(&mut self, voucher: &Voucher, position: u64) {
        self.booked.extend(voucher.transfers.iter().map(|transfer| (transfer.id.clone(), position)));
    }

    /// Writes every changed row into the batch; `position` is that of its last journal row.
    pub fn save(&self, batch: &mut Batch, position: u64, changes: &Changes) -> Result<Saved, serde_json::Error> {
        let mut hash = StatesHash::default();
        let mut saved = Saved { states: [0; 32], earliest: None, rows: Vec::new(), indexes: BTreeMap::new() };
        for Changed { key, row, version, is_new } in self.rows.changed() {
            let name = key.to_string();
            match row {
                Row::Own(own) => {
                    let body = serde_json::to_string(own)?;
                    hash.row(key, &body);
                    let index = O::index(own);
                    let wake_at = index.wake_at.map(domain::Moment::millis);
                    saved.earliest = [saved.earliest, wake_at].into_iter().flatten().min();
                    let trace = self.traces.get(key).cloned();
                    let row = changes.is_awaited(&name, index.ended).then(|| {
                        Arc::new(StateRow {
                            key: name.clone(),
                            version,
                            status: index.status.to_owned(),
                            ended: index.ended,
                            trace: trace.clone(),
                            body: body.clone(),
                        })
                    });
                    saved.rows.push(CommittedRow { key: name.clone(), ended: index.ended, row });
                    self.list(batch, key, &index)?;
                    batch.put(
                        if is_new { &STATE_NEW } else { &STATE },
                        [
                            name.into(),
                            integer(version).into(),
                            index.status.into(),
                            index.uscc.clone().into(),
                            i64::from(index.ended).into(),
                            wake_at.into(),
                            trace.into(),
                            body.into(),
                        ],
                    );
                    saved.indexes.insert(key.clone(), Arc::new(index));
                }
                Row::Account(account) => {
                    let body = serde_json::to_string(account)?;
                    hash.row(key, &body);
                    let code = account.code().to_string();
                    let balance = account.balance().get();
                    batch.put(&ACCOUNT, [code.into(), integer(version).into(), balance.into(), body.into()]);
                }
                Row::Transfer(transfer) => {
                    let body = serde_json::to_string(transfer)?;
                    hash.row(key, &body);
                    let table = if is_new { &TRANSFER } else { &TRANSFER_RESOLVED };
                    // One that an own voucher does not name was resolved by another: it stands where that one does.
                    let position = self.booked.get(&transfer.transfer.id).copied().unwrap_or(position);
                    batch.put(table, transfer_row(transfer, version, position, body));
                }
            }
        }
        saved.states = hash.finish();
        Ok(saved)
    }

    /// After the commit: what it wrote and read is what the database has.
    pub fn keep(mut self, mut saved: Saved) {
        for (key, row, version) in self.rows.into_shared() {
            // A posted line is never read again by the decisions that follow it.
            if matches!(key, Key::Transfer(_)) {
                continue;
            }
            let index = saved.indexes.remove(&key).or_else(|| self.listed.remove(&key));
            let trace = self.traces.remove(&key);
            self.cache.put(key, Kept { row, version, trace, index });
        }
    }

    /// Tasks and incidents follow from the row: new and changed ones are written, closed ones deleted.
    fn list(&self, batch: &mut Batch, key: &Key, index: &Index) -> Result<(), serde_json::Error> {
        static NONE: Index = Index {
            status: "",
            uscc: String::new(),
            ended: false,
            wake_at: None,
            tasks: Vec::new(),
            incidents: Vec::new(),
        };
        let before = self.listed.get(key).map_or(&NONE, |index| index.as_ref());
        for closed in before.tasks.iter().filter(|old| !index.tasks.iter().any(|task| task.task_id == old.task_id)) {
            batch.delete(&TASK, closed.task_id.clone());
        }
        for task in index.tasks.iter().filter(|task| !before.tasks.contains(task)) {
            batch.put(&TASK, task_row(task)?);
        }
        let is_open = |old: &Incident| index.incidents.iter().any(|one| one.incident_id == old.incident_id);
        for closed in before.incidents.iter().filter(|old| !is_open(old)) {
            batch.delete(&INCIDENT, closed.incident_id.clone());
        }
        for incident in index.incidents.iter().filter(|incident| !before.incidents.contains(incident)) {
            batch.put(&INCIDENT, incident_row(incident)?);
        }
        Ok(())
    }
}

fn read<O: Organisation>(key: &Key, loaded: LoadedRow) -> Result<Kept<O::Row>, LoadError> {
    let unreadable = |source| LoadError::Body { key: key.clone(), source };
    let row: Row<O::Row> = match key {
        Key::Row(_) => Row::Own(serde_json::from_str(&loaded.body).map_err(unreadable)?),
        Key::Account(_) => Row::Account(serde_json::from_str(&loaded.body).map_err(unreadable)?),
        Key::Transfer(_) => Row::Transfer(serde_json::from_str(&loaded.body).map_err(unreadable)?),
    };
    let index = match &row {
        Row::Own(own) => Some(Arc::new(O::index(own))),
        _ => None,
    };
    Ok(Kept { row: Some(Arc::new(row)), version: loaded.version, trace: loaded.trace, index })
}

fn place(key: &Key) -> (From, String) {
    match key {
        Key::Row(key) => (From::State, key.clone()),
        Key::Account(code) => (From::Account, code.to_string()),
        Key::Transfer(id) => (From::Transfer, id.to_string()),
    }
}

fn task_row(task: &OpenTask) -> Result<[Value; 5], serde_json::Error> {
    Ok([
        task.task_id.clone().into(),
        task.matter().to_owned().into(),
        task.role.clone().into(),
        task.due_at.millis().into(),
        serde_json::to_string(task)?.into(),
    ])
}

fn incident_row(incident: &Incident) -> Result<[Value; 4], serde_json::Error> {
    Ok([
        incident.incident_id.clone().into(),
        incident.application_id.to_string().into(),
        incident.owner.clone().into(),
        serde_json::to_string(incident)?.into(),
    ])
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
