//! The rows that a decision reads and changes: a working set, loaded by the shell, never the whole state.

use ledger::{Account, AccountCode, TransferId, TransferRecord};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// Names a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A row of the organisation's own kinds, e.g. `application/NCD-2018-0052`.
    Row(String),
    /// An account of its ledger.
    Account(AccountCode),
    /// A transfer of its ledger.
    Transfer(TransferId),
}

impl Key {
    /// The row `kind/id`.
    pub fn row(kind: &str, id: impl fmt::Display) -> Key {
        Key::Row(format!("{kind}/{id}"))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Row(key) => f.write_str(key),
            Key::Account(code) => write!(f, "account {code}"),
            Key::Transfer(id) => write!(f, "transfer {id}"),
        }
    }
}

/// A row of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Row<R> {
    /// One of the organisation's own.
    Own(R),
    /// An account.
    Account(Account),
    /// A transfer.
    Transfer(TransferRecord),
}

/// A row was read that the shell has not loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row `{0}` is not loaded")]
pub struct NotLoaded(pub Key);

/// A row that was changed.
#[derive(Clone, Copy, Debug)]
pub struct Changed<'a, R> {
    /// Its key.
    pub key: &'a Key,
    /// The row as it stands now.
    pub row: &'a Row<R>,
    /// How often it was changed.
    pub version: u64,
    /// Whether the store does not have it yet.
    pub is_new: bool,
}

#[derive(Clone, Debug)]
struct Slot<R> {
    row: Option<Arc<Row<R>>>,
    version: u64,
    stored: bool,
    changed: bool,
}

/// A working set of rows. A row that is loaded may be absent; a row that is not loaded may not be read.
///
/// Changes since [`begin`](Rows::begin) can be taken back with [`roll_back`](Rows::roll_back), so that a refused
/// decision leaves nothing behind.
#[derive(Clone, Debug)]
pub struct Rows<R> {
    slots: BTreeMap<Key, Slot<R>>,
    before: BTreeMap<Key, Slot<R>>,
    accepted: Vec<Key>,
}

impl<R> Default for Rows<R> {
    fn default() -> Self {
        Rows { slots: BTreeMap::new(), before: BTreeMap::new(), accepted: Vec::new() }
    }
}

impl<R: Clone> Rows<R> {
    /// Puts a row as it stands in the store; `None`: it does not exist. `version` counts its changes.
    pub fn load(&mut self, key: Key, row: Option<Row<R>>, version: u64) {
        self.share(key, row.map(Arc::new), version);
    }

    /// Puts a row as it stands in the store, shared with whoever keeps it beside the store.
    pub fn share(&mut self, key: Key, row: Option<Arc<Row<R>>>, version: u64) {
        let stored = row.is_some();
        self.slots.insert(key, Slot { row, version, stored, changed: false });
    }

    /// Every loaded row as it stands now, absent ones too, with the number of its changes, to be kept beside the store.
    pub fn into_shared(self) -> impl Iterator<Item = (Key, Option<Arc<Row<R>>>, u64)> {
        self.slots.into_iter().map(|(key, slot)| (key, slot.row, slot.version))
    }

    /// Whether the row may be read.
    pub fn is_loaded(&self, key: &Key) -> bool {
        self.slots.contains_key(key)
    }

    /// The row, if it exists.
    ///
    /// # Errors
    /// It is not loaded.
    pub fn get(&self, key: &Key) -> Result<Option<&Row<R>>, NotLoaded> {
        match self.slots.get(key) {
            Some(slot) => Ok(slot.row.as_deref()),
            None => Err(NotLoaded(key.clone())),
        }
    }

    /// One of the organisation's own rows, if it exists.
    ///
    /// # Errors
    /// It is not loaded.
    pub fn own(&self, key: &Key) -> Result<Option<&R>, NotLoaded> {
        Ok(self.get(key)?.and_then(|row| match row {
            Row::Own(own) => Some(own),
            _ => None,
        }))
    }

    /// One of the organisation's own rows, to be changed, if it exists.
    ///
    /// # Errors
    /// It is not loaded.
    pub fn own_mut(&mut self, key: &Key) -> Result<Option<&mut R>, NotLoaded> {
        let Some(slot) = self.slots.get_mut(key) else {
            return Err(NotLoaded(key.clone()));
        };
        if !self.before.contains_key(key) {
            self.before.insert(key.clone(), slot.clone());
        }
        slot.changed = true;
        Ok(slot.row.as_mut().and_then(|row| match Arc::make_mut(row) {
            Row::Own(own) => Some(own),
            _ => None,
        }))
    }

    /// Writes a row, new or old.
    ///
    /// # Errors
    /// It is not loaded: what is not known to be absent may not be overwritten.
    pub fn put(&mut self, key: Key, row: Row<R>) -> Result<(), NotLoaded> {
        let Some(slot) = self.slots.get_mut(&key) else {
            return Err(NotLoaded(key));
        };
        self.before.entry(key).or_insert_with(|| slot.clone());
        slot.row = Some(Arc::new(row));
        slot.changed = true;
        Ok(())
    }

    /// Writes a row under a key that cannot exist yet, because the organisation has just made it; it need not be loaded.
    /// The database refuses the commit if it exists after all.
    pub fn create(&mut self, key: Key, row: Row<R>) {
        let slot =
            self.slots.entry(key.clone()).or_insert(Slot { row: None, version: 0, stored: false, changed: false });
        self.before.entry(key).or_insert_with(|| slot.clone());
        slot.row = Some(Arc::new(row));
        slot.changed = true;
    }

    /// How often the row was changed in committed decisions; 0 if it does not exist or is not loaded.
    pub fn version(&self, key: &Key) -> u64 {
        self.slots.get(key).map_or(0, |slot| slot.version)
    }

    /// A decision begins: from here changes can be taken back.
    pub fn begin(&mut self) {
        self.before.clear();
        self.accepted.clear();
    }

    /// The decision stands: each row that it changed counts one change more.
    pub fn accept(&mut self) {
        for key in std::mem::take(&mut self.before).into_keys() {
            if let Some(slot) = self.slots.get_mut(&key) {
                slot.version += 1;
            }
            self.accepted.push(key);
        }
    }

    /// Takes back every change since [`begin`](Rows::begin).
    pub fn roll_back(&mut self) {
        for (key, slot) in std::mem::take(&mut self.before) {
            self.slots.insert(key, slot);
        }
    }

    /// The rows that the last accepted decision changed.
    pub fn accepted(&self) -> &[Key] {
        &self.accepted
    }

    /// Every row changed since it was loaded, in the order of keys.
    pub fn changed(&self) -> impl Iterator<Item = Changed<'_, R>> {
        self.slots.iter().filter(|(_, slot)| slot.changed).filter_map(|(key, slot)| {
            let row = slot.row.as_deref()?;
            Some(Changed { key, row, version: slot.version, is_new: !slot.stored })
        })
    }

    /// Every loaded row that exists, in the order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Row<R>)> {
        self.slots.iter().filter_map(|(key, slot)| slot.row.as_deref().map(|row| (key, row)))
    }
}
