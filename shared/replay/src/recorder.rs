//! Makes a recording of a journal that is given row by row, from its first: what lies before the recording is folded into the
//! rows from which it starts, by the facts that were recorded and without deciding anything again.

use crate::{
    decision::kept,
    recording::{End, Row, Snapshot, State},
};
use domain::{Charters, Moment};
use organisation::{Organisation, Recorded, Settings, StatesHash};
use simulation::Shell;
use std::sync::Arc;

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
        if row.kind == "started" {
            let settings = serde_json::from_str(row.input.get());
            self.settings = settings.map_err(|error| format!("row {}: {error}", row.position))?;
        }
        let written = fold(&mut self.shell, row)?;
        // A build from before an upgrade may have written a row otherwise than this one writes it.
        let differs = written.is_some_and(|written| row.states.as_ref() != Some(&hex::encode(written)));
        self.commits_that_differ += usize::from(differs && row.kind != "started");
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

/// Does to the state what a row has recorded, and notes in the row how it left the rows that it changed. The hash of what its commit
/// changed, if it is the last of one.
///
/// # Errors
/// In words: this build cannot read or apply what it recorded.
pub(crate) fn fold<O: Organisation>(shell: &mut Shell<O>, row: &mut Row) -> Result<Option<[u8; 32]>, String> {
    let has_recorded = apply(shell, row)?;
    let changed = shell.last_changed().filter(|_| has_recorded);
    row.kept = changed.map(|(key, own)| (key.to_string(), kept(&O::index(own)))).collect();
    commit(shell, row)
}

/// The same without a note.
///
/// # Errors
/// As [`fold`].
pub(crate) fn fold_recorded<O: Organisation>(shell: &mut Shell<O>, row: &Row) -> Result<(), String> {
    apply(shell, row)?;
    commit(shell, row).map(drop)
}

/// Whether anything was recorded.
fn apply<O: Organisation>(shell: &mut Shell<O>, row: &Row) -> Result<bool, String> {
    let failed = |why: String| format!("row {}: {why}", row.position);
    let recorded: Vec<Recorded<O::Fact>> =
        serde_json::from_str(row.recorded.get()).map_err(|error| failed(format!("what it recorded: {error}")))?;
    if !recorded.is_empty() {
        shell.fold(&recorded, Moment::from_millis(row.at)).map_err(failed)?;
    }
    Ok(!recorded.is_empty())
}

fn commit<O: Organisation>(shell: &mut Shell<O>, row: &Row) -> Result<Option<[u8; 32]>, String> {
    let written = row.states.as_ref().map(|_| shell.commit()).transpose();
    written.map_err(|why| format!("row {}: {why}", row.position))
}
