//! Whether what an organisation keeps is what it wrote and what its partners signed: the journal's links and every channel's
//! frames, from the first to the last. It repairs nothing and takes no epoch: the service may go on beside it.
//!
//! No personal data and no key of the vault is needed for it, so it comes to the same before and after an erasure.

use super::tape::{Broken, Tape};
use crate::{config::Config, pairing::Pairing, store::Direction};
use domain::Party;

/// What was looked at and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Journal rows.
    pub rows: u64,
    /// Frames that this organisation signed.
    pub frames_sent: u64,
    /// Frames that partners signed.
    pub frames_received: u64,
}

/// Verifies the database of a configuration.
///
/// # Errors
/// The first thing that does not hold, or the database cannot be read.
pub async fn verify(config: &Config, pairing: &Pairing) -> Result<Verified, Broken> {
    let mut tape = Tape::open(config, pairing).await?;
    let mut verified = Verified::default();
    loop {
        let rows = tape.rows().await?.len();
        verified.rows += u64::try_from(rows).unwrap_or_default();
        if rows == 0 {
            break;
        }
    }
    let partners: Vec<Party> = tape.channels().keys().copied().collect();
    for partner in partners {
        verified.frames_sent += tape.verify_frames(Direction::Out, partner).await?;
        verified.frames_received += tape.verify_frames(Direction::In, partner).await?;
    }
    tape.close().await;
    Ok(verified)
}
