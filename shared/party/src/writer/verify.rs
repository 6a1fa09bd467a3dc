//! Whether what an organisation keeps is what it wrote and what its partners signed: the journal's links and every channel's
//! frames, from the first to the last. It repairs nothing and takes no epoch: the service may go on beside it.
//!
//! No personal data and no key of the vault is needed for it, so it comes to the same before and after an erasure.

use super::rings::Rings;
use crate::{
    config::Config,
    journal::{self, Linked},
    pairing::Pairing,
    store::{Direction, Store, StoreError},
};
use channel::{Head, frame::Limits};
use domain::Party;

/// Journal rows that are read at once.
const PAGE: u32 = 1_000;
/// Bytes of frames that are read at once.
const FRAMES: usize = 4 * 1024 * 1024;

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

/// What does not hold.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A journal row.
    #[error("journal row {position}: {why}")]
    Row {
        /// Its position.
        position: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A frame.
    #[error("frame behind message {seq} {direction} the {partner}: {why}")]
    Frame {
        /// The last message before it.
        seq: u64,
        /// `to` or `from`.
        direction: &'static str,
        /// The other end of the channel.
        partner: Party,
        /// What is wrong with it.
        why: String,
    },
}

/// Verifies the database of a configuration.
///
/// # Errors
/// The first thing that does not hold, or the database cannot be read.
pub async fn verify(config: &Config, pairing: &Pairing) -> Result<Verified, Broken> {
    let mut store = Store::connect(config.database()).await?;
    let mut verified = Verified { rows: rows(&store).await?, ..Verified::default() };
    let us = config.party;
    for partner in pairing.partners(us) {
        let Some((own, theirs)) = pairing.key(us).zip(pairing.key(partner)) else { continue };
        let names = (config.programme.as_str(), config.environment.as_str());
        let rings = Rings::new(names, (us, own), (partner, theirs)).load(&mut store).await?;
        verified.frames_sent += frames(&mut store, &rings, (us, partner), Direction::Out).await?;
        verified.frames_received += frames(&mut store, &rings, (us, partner), Direction::In).await?;
    }
    store.close().await;
    Ok(verified)
}

async fn rows(store: &Store) -> Result<u64, Broken> {
    let readers = store.readers();
    // Read first: the service may write on meanwhile.
    let tip = readers.tip().await?;
    let (mut position, mut link) = (0, [0_u8; 32]);
    while position < tip.0 {
        let rows = readers.journal_links(position, PAGE).await?;
        if rows.is_empty() {
            return Err(Broken::Row { position: position + 1, why: "it is missing" });
        }
        for row in rows.into_iter().take_while(|row| row.position <= tip.0) {
            position += 1;
            if row.position != position {
                return Err(Broken::Row { position, why: "it is missing" });
            }
            let linked = Linked {
                at: row.at,
                application_id: row.application_id.as_deref().unwrap_or_default(),
                kind: &row.kind,
                source: &row.source,
                input: &row.input,
                recorded: &row.recorded,
                refusal: row.refusal.as_deref().unwrap_or_default(),
                sent: &row.sent,
            };
            let states = row.states.as_deref().map(<[u8; 32]>::try_from).transpose();
            let states = states.map_err(|_| Broken::Row { position, why: "its hash of states is no hash" })?;
            link = journal::link(&link, position, &linked, states.as_ref());
            if row.link != link {
                return Err(Broken::Row { position, why: "its hash is not that of its content and the row before it" });
            }
        }
    }
    if link.as_slice() == tip.1 {
        Ok(position)
    } else {
        Err(Broken::Row { position, why: "it is not what the writer wrote last" })
    }
}

async fn frames(
    store: &mut Store,
    rings: &Rings,
    (us, partner): (Party, Party),
    direction: Direction,
) -> Result<u64, Broken> {
    let first = rings.first_heads();
    let (ring, from, to, mut head, word) = match direction {
        Direction::Out => (&rings.own, us, partner, first.sent, "to"),
        Direction::In => (&rings.theirs, partner, us, first.received, "from"),
    };
    let broken = |head: Head, why: String| Broken::Frame { seq: head.seq, direction: word, partner, why };
    let mut count = 0;
    loop {
        let page = store.frames_from(direction, partner, head.seq.saturating_add(1), FRAMES).await?;
        if page.is_empty() {
            return Ok(count);
        }
        for bytes in page {
            let opened = channel::open(&bytes, &Limits::RECEIVE, ring, from, to);
            let opened = opened.map_err(|refusal| broken(head, refusal.to_string()))?;
            if opened.preamble().header.before != head {
                return Err(broken(head, "it does not continue what was said before it".to_owned()));
            }
            head = opened.preamble().after;
            count += 1;
        }
    }
}
