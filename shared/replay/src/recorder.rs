//! Makes a recording of a journal that is given row by row, from its first: what lies before the recording is folded into the
//! rows from which it starts, by the facts that were recorded and without deciding anything again.

use crate::{
    decision::kept,
    recording::{End, Row, Snapshot, State},
};
use domain::{Charters, Moment};
use organisation::{Organisation, Recorded, Settings, StatesHash};
use simulation::Shell;
use std::{collections::BTreeMap, sync::Arc};

/// Folds a journal and writes the part of it that is recorded.
#[derive(Debug)]
pub struct Recorder<O: Organisation> {
    shell: Shell<O>,
    settings: Settings,
    position: u64,
    link: String,
    commits_that_differ: usize,
}

/// Where a recording starts.
#[derive(Debug)]
pub struct Start {
    /// What the organisation was set up with there.
    pub settings: Settings,
    /// Position and hash of the row before it.
    pub after: (u64, String),
    /// The rows of the state.
    pub rows: Vec<State>,
    /// Their number and hash.
    pub snapshot: Snapshot,
}

impl<O: Organisation> Recorder<O> {
    /// A recorder before the first row.
    ///
    /// # Errors
    /// In words: the organisation cannot be set up so.
    pub fn new(charters: Charters, settings: Settings) -> Result<Self, String> {
        let shell = Shell::new(O::set_up(Arc::new(charters), &settings)?).without_journal();
        Ok(Recorder { shell, settings, position: 0, link: hex::encode([0; 32]), commits_that_differ: 0 })
    }

    /// Takes the journal's next row, and notes in it how it left the rows that it changed.
    ///
    /// # Errors
    /// In words: this build cannot read or apply what it recorded.
    pub fn take(&mut self, row: &mut Row) -> Result<(), String> {
        let failed = |why: String| format!("row {}: {why}", row.position);
        if row.kind == "started" {
            self.settings = serde_json::from_str(row.input.get()).map_err(|error| failed(error.to_string()))?;
        }
        let recorded: Vec<Recorded<O::Fact>> =
            serde_json::from_str(row.recorded.get()).map_err(|error| failed(format!("what it recorded: {error}")))?;
        row.kept = BTreeMap::new();
        if !recorded.is_empty() {
            self.shell.fold(&recorded, Moment::from_millis(row.at)).map_err(failed)?;
            let changed = self.shell.last_changed();
            row.kept = changed.map(|(key, own)| (key.to_string(), kept(&O::index(own)))).collect();
        }
        if let Some(states) = &row.states {
            let written = hex::encode(self.shell.commit().map_err(failed)?);
            // A build from before an upgrade may have written a row otherwise than this one writes it.
            self.commits_that_differ += usize::from(written != *states && row.kind != "started");
        }
        (self.position, self.link) = (row.position, row.link.clone());
        Ok(())
    }

    /// What a recording holds that starts here.
    ///
    /// # Errors
    /// In words: a row does not write as JSON.
    pub fn start(&self) -> Result<Start, String> {
        let mut hash = StatesHash::default();
        let mut rows = Vec::new();
        for (key, stored) in self.shell.stored() {
            let body = simulation::body(&stored.row)?;
            hash.row(key, &body);
            rows.push(State::new(key, stored.version, body).map_err(|error| error.to_string())?);
        }
        let snapshot = Snapshot { rows: rows.len(), sha256: hex::encode(hash.finish()) };
        Ok(Start { settings: self.settings.clone(), after: (self.position, self.link.clone()), rows, snapshot })
    }

    /// The last line of a recording that ends here.
    ///
    /// # Errors
    /// In words: a row does not write as JSON.
    pub fn end(&self) -> Result<End, String> {
        let (position, commits_that_differ) = (self.position, self.commits_that_differ);
        Ok(End { position, states: hex::encode(self.shell.states()?), commits_that_differ })
    }
}
