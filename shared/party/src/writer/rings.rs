//! The keys on a channel as the database has them.
//!
//! The pairing has the first keys, the database every change since, each with the signatures of both keys: they are verified
//! again at each load, so a row that was tampered with, or put in by hand, counts only if it is true.

use crate::{
    key_change::unbelievable,
    store::{
        Batch, Store, StoreError, integer,
        tables::{KEY_CHANGE, Value},
    },
};
use channel::{KeyChange, Rings};
use contracts::wire::Unreadable;
use domain::Party;

/// A change of key as it is kept.
pub(crate) struct Kept {
    /// Whose.
    pub signer: Party,
    /// From which number on it is in force.
    pub from_seq: u64,
    pub change: KeyChange,
}

/// The changes of key on the channel with a partner, oldest first.
pub(crate) async fn changes(store: &mut Store, partner: Party) -> Result<Vec<Kept>, StoreError> {
    let wrong = |why: String| StoreError::Unreadable { what: "change of key", why };
    let rows = store.key_changes(partner).await?;
    let kept = rows.into_iter().map(|(signer, from_seq, body)| {
        let change: KeyChange = serde_json::from_str(&body).map_err(|error| wrong(error.to_string()))?;
        let signer: Party = signer.parse().map_err(|_| wrong(format!("nobody is called {signer}")))?;
        Ok(Kept { signer, from_seq, change })
    });
    kept.collect()
}

/// The same channel with all changes that the database has.
pub(crate) async fn load(rings: &Rings, store: &mut Store) -> Result<Rings, StoreError> {
    let mut loaded = rings.at_first();
    for Kept { signer, from_seq, change } in changes(store, rings.partner()).await? {
        let wrong = |why: String| StoreError::Unreadable { what: "change of key", why };
        loaded.apply(&change, signer, from_seq).map_err(|refusal| wrong(refusal.to_string()))?;
    }
    Ok(loaded)
}

/// Takes a change in, in force from that number on, with its row in the batch.
///
/// # Errors
/// It is not believed; nothing is changed.
pub(super) fn take(
    rings: &mut Rings,
    change: &KeyChange,
    signer: Party,
    from_seq: u64,
    position: u64,
    batch: &mut Batch,
) -> Result<(), Unreadable> {
    rings.apply(change, signer, from_seq).map_err(|refusal| unbelievable(&refusal))?;
    let body = serde_json::to_string(change).map_err(|error| unbelievable(&error))?;
    let row: [Value; 5] = [
        rings.partner().to_string().into(),
        signer.to_string().into(),
        integer(from_seq).into(),
        integer(position).into(),
        body.into(),
    ];
    batch.put(&KEY_CHANGE, row);
    Ok(())
}
