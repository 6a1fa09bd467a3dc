//! What is kept of frames that were refused or that contradict each other.
//!
//! A refused frame proves nothing: anybody with a way to the broker can send any number. Some of each day are kept, to see
//! what goes on; the rest is counted, and costs no commit. Frames that contradict each other are kept whole and always, and so are
//! our own of a history that was given up.

use crate::store::{Batch, Store, StoreError, tables::AUDIT};
use domain::{Date, Moment, Party};
use std::collections::BTreeMap;

/// Refused frames that are kept a day, for each partner and reason.
pub(crate) const KEPT_A_DAY: u64 = 64;
/// What is kept of a refused frame.
const KEPT_BYTES: usize = 4096;
/// The reason under which contradictions are kept.
const CONTRADICTION: &str = "contradiction";
/// The reason under which frames of our own are kept that the partner's history does not have.
const FORKED: &str = "forked";

/// How much was kept today.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    day: Date,
    kept: BTreeMap<(Party, String), u64>,
}

impl Evidence {
    /// As the database has it at this business time.
    pub async fn load(store: &mut Store, at: Moment) -> Result<Self, StoreError> {
        let day = at.date();
        let mut kept = BTreeMap::new();
        for (partner, reason, count) in store.evidence_since(Moment::start_of(day).millis()).await? {
            if let Ok(partner) = partner.parse() {
                kept.insert((partner, reason), count);
            }
        }
        Ok(Evidence { day, kept })
    }

    /// Keeps a refused frame in the batch while there is room for its reason today. Says how many are kept with it; `None`:
    /// this one is not.
    pub fn refused(
        &mut self,
        batch: &mut Batch,
        at: i64,
        partner: Party,
        reason: &str,
        why: &str,
        bytes: &[u8],
    ) -> Option<u64> {
        let day = Moment::from_millis(at).date();
        if day != self.day {
            *self = Evidence { day, kept: BTreeMap::new() };
        }
        let kept = self.kept.entry((partner, reason.to_owned())).or_default();
        if *kept >= KEPT_A_DAY {
            return None;
        }
        *kept += 1;
        let bytes = &bytes[..bytes.len().min(KEPT_BYTES)];
        put(batch, at, partner, reason, why, bytes);
        Some(*kept)
    }
}

/// Keeps a frame that contradicts what its sender signed.
pub(super) fn contradiction(batch: &mut Batch, at: i64, partner: Party, why: &str, bytes: &[u8]) {
    put(batch, at, partner, CONTRADICTION, why, bytes);
}

/// Keeps a frame of ours that left the outbox: we have signed it, whoever has seen it.
pub(super) fn forked(batch: &mut Batch, at: i64, partner: Party, why: &str, bytes: &[u8]) {
    put(batch, at, partner, FORKED, why, bytes);
}

fn put(batch: &mut Batch, at: i64, partner: Party, reason: &str, why: &str, bytes: &[u8]) {
    use crate::store::tables::Value;
    batch.put(
        &AUDIT,
        [Value::Null, at.into(), partner.to_string().into(), reason.into(), why.into(), bytes.to_vec().into()],
    );
}
