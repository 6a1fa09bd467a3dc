//! Charters as they are committed: those that the organisation was set up with, and those that came after, which are rows.
//!
//! It only reads. Who may bring one forward and answer it is the core's.

use crate::store::{StoreError, read::Readers};
use domain::{Charter, CharterHash, Charters, Date};
use organisation::{
    Key, Organisation,
    charters::{Book, Kept, Version, book_key, hash_in_force, key},
};
use std::sync::Arc;

/// The list of those that came after.
///
/// # Errors
/// The database cannot be read.
pub(crate) async fn book<O: Organisation>(readers: &Readers) -> Result<Book, StoreError> {
    Ok(match kept::<O>(readers, &book_key()).await? {
        Some(Kept::Book(book)) => book,
        _ => Book::default(),
    })
}

/// One of those that came after, accepted or not.
///
/// # Errors
/// The database cannot be read.
pub(crate) async fn version<O: Organisation>(
    readers: &Readers,
    hash: &CharterHash,
) -> Result<Option<Version>, StoreError> {
    Ok(match kept::<O>(readers, &key(hash)).await? {
        Some(Kept::Version(version)) => Some(*version),
        _ => None,
    })
}

/// The charter that an application filed on that day falls under.
///
/// # Errors
/// The database cannot be read.
pub(crate) async fn in_force<O: Organisation>(
    readers: &Readers,
    founding: &Charters,
    day: Date,
) -> Result<Option<Arc<Charter>>, StoreError> {
    let Some(hash) = hash_in_force(founding, &book::<O>(readers).await?, day) else { return Ok(None) };
    if let Some(charter) = founding.get(&hash) {
        return Ok(Some(charter));
    }
    Ok(version::<O>(readers, &hash).await?.map(|version| version.charter))
}

/// A row that this build cannot read is none: whoever decides on it stumbles over it and says so.
async fn kept<O: Organisation>(readers: &Readers, key: &Key) -> Result<Option<Kept>, StoreError> {
    let row = readers.state(&key.to_string()).await?;
    let row = row.and_then(|row| serde_json::from_str::<O::Row>(&row.body).ok());
    Ok(row.as_ref().and_then(O::kept_charter).cloned())
}
