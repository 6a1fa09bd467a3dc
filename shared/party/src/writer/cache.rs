//! Committed rows that were used lately, so that an open application is not read from the database for each of its inputs.
//!
//! Nobody but the writer changes rows, so what it committed last is what the database has. Absent rows are kept too: that a
//! firm is not known yet is asked again and again. Dropped as a whole when the outcome of a commit is unknown.

use organisation::{Index, Key, Row};
use std::{collections::HashMap, sync::Arc};

/// Rows of one generation; two are kept. Some hundred bytes to some kilobytes each.
const GENERATION: usize = 8_192;

/// A committed row with what the shell keeps beside it.
#[derive(Debug)]
pub(super) struct Kept<R> {
    /// The row; none if the database has none under this key.
    pub row: Option<Arc<Row<R>>>,
    /// How often it was changed.
    pub version: u64,
    /// Trace context of its last change.
    pub trace: Option<String>,
    /// What is listed of it.
    pub index: Option<Arc<Index>>,
}

impl<R> Clone for Kept<R> {
    fn clone(&self) -> Self {
        Kept { row: self.row.clone(), version: self.version, trace: self.trace.clone(), index: self.index.clone() }
    }
}

/// Two generations: what is used moves into the young one, and when that is full the old one is forgotten.
#[derive(Debug)]
pub(super) struct Cache<R> {
    // Never iterated. Long keys that differ at their ends only cost a tree twice what a row's decision does.
    young: HashMap<Key, Kept<R>>,
    old: HashMap<Key, Kept<R>>,
}

impl<R> Default for Cache<R> {
    fn default() -> Self {
        Cache { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<R> Cache<R> {
    /// The row as it was committed last, if it is here.
    pub fn get(&self, key: &Key) -> Option<Kept<R>> {
        self.young.get(key).or_else(|| self.old.get(key)).cloned()
    }

    /// Keeps a row as it was just committed, or just read. One whose application has ended is not needed again soon.
    pub fn put(&mut self, key: Key, kept: Kept<R>) {
        if kept.index.as_ref().is_some_and(|index| index.ended) {
            self.young.remove(&key);
            self.old.remove(&key);
            return;
        }
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, kept);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Cache::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(version: u64, ended: bool) -> Kept<()> {
        let index = Index { ended, ..Index::default() };
        Kept { row: Some(Arc::new(Row::Own(()))), version, trace: None, index: Some(Arc::new(index)) }
    }

    fn version(cache: &Cache<()>, n: usize) -> Option<u64> {
        cache.get(&Key::row("case", n)).map(|kept| kept.version)
    }

    #[test]
    fn the_last_commit_of_a_row_is_the_one_that_is_found() {
        let mut cache = Cache::default();
        for n in 0..=GENERATION {
            cache.put(Key::row("case", n), kept(1, false));
        }
        // Row 0 is of the old generation by now.
        assert_eq!(version(&cache, 0), Some(1));
        cache.put(Key::row("case", 0), kept(2, false));
        assert_eq!(version(&cache, 0), Some(2));
        cache.clear();
        assert_eq!(version(&cache, 0), None);
    }

    #[test]
    fn what_was_not_used_for_two_generations_is_forgotten() {
        let mut cache = Cache::default();
        for n in 0..=2 * GENERATION {
            cache.put(Key::row("case", n), kept(1, false));
        }
        assert_eq!(version(&cache, 0), None);
        assert_eq!(version(&cache, GENERATION), Some(1));
        assert!(cache.young.len() + cache.old.len() <= 2 * GENERATION);
    }

    #[test]
    fn an_ended_application_leaves_both_generations() {
        let mut cache = Cache::default();
        for n in 0..=GENERATION {
            cache.put(Key::row("case", n), kept(1, false));
        }
        cache.put(Key::row("case", 0), kept(2, true));
        cache.put(Key::row("case", GENERATION), kept(2, true));
        assert_eq!((version(&cache, 0), version(&cache, GENERATION)), (None, None));
    }
}
