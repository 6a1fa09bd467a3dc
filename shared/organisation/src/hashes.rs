//! The hashes of the journal: each row's link to the one before it, and over the rows of the state that a commit changes, so
//! that a replay can tell what the state became.

use crate::Key;
use sha2::{Digest, Sha256};

/// The hash of changed rows, in the order of their keys.
#[derive(Clone, Debug, Default)]
pub struct StatesHash(Sha256);

impl StatesHash {
    /// Takes in a row: its key, and its body as it is stored.
    pub fn row(&mut self, key: &Key, body: &str) {
        for text in [key.to_string().as_str(), body] {
            self.0.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            self.0.update(text.as_bytes());
        }
    }

    /// The hash of all that was taken in.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The hash link of a journal row: over the link before it, and what of the row is linked: application, kind, source, input,
/// what was recorded, refusal, messages sent. What is absent counts as empty. `states`: on the last row of a commit.
pub fn journal_link(
    before: &[u8; 32],
    position: u64,
    at: i64,
    texts: [&str; 7],
    states: Option<&[u8; 32]>,
) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"nuan-journal-1");
    hash.update(before);
    hash.update(position.to_be_bytes());
    hash.update(at.to_be_bytes());
    for text in texts {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.update(states.unwrap_or(&[0; 32]));
    hash.finalize().into()
}
