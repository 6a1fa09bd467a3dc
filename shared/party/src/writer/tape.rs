//! An organisation's tape, read from its database: the journal row by row, each link verified, and the stored frames, each
//! signature verified. It takes no epoch and changes nothing: the service may go on beside it.

use super::rings::{self, Kept};
use crate::{
    config::Config,
    journal::{self, Linked},
    pairing::Pairing,
    store::{Direction, Store, StoreError, read::JournalLink},
};
use channel::{Head, KeyRing, Limits, Opened, PublicKey, Rings, open};
use domain::Party;
use std::{collections::BTreeMap, sync::Arc};

/// Journal rows that are read at once.
const PAGE: u32 = 1_000;
/// Bytes of frames that are read at once.
const FRAMES: usize = 4 * 1024 * 1024;

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

/// The tape of one organisation, as far as it was written when it was opened.
pub struct Tape {
    us: Party,
    store: Store,
    channels: BTreeMap<Party, Rings>,
    tip: (u64, Vec<u8>),
    position: u64,
    link: [u8; 32],
    /// Frames read ahead, by the number of their last message.
    ahead: BTreeMap<(Direction, Party), BTreeMap<u64, Arc<Opened>>>,
}

impl Tape {
    /// Opens the tape of the organisation with this configuration.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn open(config: &Config, pairing: &Pairing) -> Result<Self, Broken> {
        let us = config.party;
        let mut store = Store::connect(config.database()).await?;
        // Read first: the service may write on meanwhile.
        let tip = store.readers().tip().await?;
        let mut channels = BTreeMap::new();
        for partner in pairing.partners(us) {
            let Some((own, theirs)) = pairing.key(us).zip(pairing.key(partner)) else { continue };
            let names = (config.programme.as_str(), config.environment.as_str());
            let first = Rings::new(names, (us, own), (partner, theirs));
            channels.insert(partner, rings::load(&first, &mut store).await?);
        }
        Ok(Tape { us, store, channels, tip, position: 0, link: [0; 32], ahead: BTreeMap::new() })
    }

    /// The channels to the partners, with the keys that sign on them.
    pub fn channels(&self) -> &BTreeMap<Party, Rings> {
        &self.channels
    }

    /// Every change of key on the channel with a partner, oldest first: whose, from which number on, the statement.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn key_changes(&mut self, partner: Party) -> Result<Vec<(Party, u64, channel::KeyChange)>, Broken> {
        let changes = rings::changes(&mut self.store, partner).await?;
        Ok(changes.into_iter().map(|Kept { signer, from_seq, change }| (signer, from_seq, change)).collect())
    }

    /// The key that a party had first.
    pub fn first_key(&self, party: Party) -> Option<PublicKey> {
        let rings = if party == self.us { self.channels.values().next()? } else { self.channels.get(&party)? };
        Some(*if party == self.us { rings.own.first() } else { rings.theirs.first() })
    }

    /// The next rows, in order; none at the end.
    ///
    /// # Errors
    /// The first row that is not what was written, or the database cannot be read.
    pub async fn rows(&mut self) -> Result<Vec<JournalLink>, Broken> {
        if self.position >= self.tip.0 {
            let whole = self.link.as_slice() == self.tip.1;
            return if whole { Ok(Vec::new()) } else { Err(self.broken("it is not what the writer wrote last")) };
        }
        let mut rows = self.store.readers().journal_links(self.position, PAGE).await?;
        rows.retain(|row| row.position <= self.tip.0);
        for row in &rows {
            self.position += 1;
            if row.position != self.position {
                return Err(self.broken("it is missing"));
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
            let states = states.map_err(|_| self.broken("its hash of states is no hash"))?;
            self.link = journal::link(&self.link, self.position, &linked, states.as_ref());
            if row.link != self.link {
                return Err(self.broken("its hash is not that of its content and the row before it"));
            }
        }
        if rows.is_empty() {
            self.position += 1;
            return Err(self.broken("it is missing"));
        }
        Ok(rows)
    }

    const fn broken(&self, why: &'static str) -> Broken {
        Broken::Row { position: self.position, why }
    }

    /// The stored frame that carries this message, its signature verified; none if there is none.
    ///
    /// # Errors
    /// Its signature does not hold, or the database cannot be read.
    pub async fn frame(
        &mut self,
        direction: Direction,
        partner: Party,
        seq: u64,
    ) -> Result<Option<Arc<Opened>>, Broken> {
        let Some(rings) = self.channels.get(&partner) else { return Ok(None) };
        let Way { ring, from, to, word, .. } = way(rings, self.us, direction);
        let ahead = self.ahead.entry((direction, partner)).or_default();
        if ahead.range(seq..).next().is_none() {
            // What was read before is behind, and would else stay for ever.
            ahead.clear();
            for bytes in self.store.frames_from(direction, partner, seq, FRAMES).await? {
                let opened = open(&bytes, &Limits::RECEIVE, ring, from, to);
                let broken = |why: String| Broken::Frame { seq: seq.saturating_sub(1), direction: word, partner, why };
                let opened = opened.map_err(|refusal| broken(refusal.to_string()))?;
                ahead.insert(opened.preamble().last(), Arc::new(opened));
            }
        }
        let found = ahead.range(seq..).next().map(|(_, frame)| Arc::clone(frame));
        Ok(found.filter(|frame| frame.preamble().first() <= seq))
    }

    /// All stored frames of one direction, from the first to the last.
    ///
    /// # Errors
    /// The first that does not continue what was said before it or whose signature does not hold; or the database cannot be
    /// read.
    pub async fn verify_frames(&mut self, direction: Direction, partner: Party) -> Result<u64, Broken> {
        let Some(rings) = self.channels.get(&partner) else { return Ok(0) };
        let Way { ring, from, to, word, begins } = way(rings, self.us, direction);
        let mut head = begins;
        let mut count = 0;
        loop {
            let page = self.store.frames_from(direction, partner, head.seq.saturating_add(1), FRAMES).await?;
            if page.is_empty() {
                return Ok(count);
            }
            for bytes in page {
                let broken = |why: String| Broken::Frame { seq: head.seq, direction: word, partner, why };
                let opened = open(&bytes, &Limits::RECEIVE, ring, from, to);
                let opened = opened.map_err(|refusal| broken(refusal.to_string()))?;
                if opened.preamble().header.before != head {
                    return Err(broken("it does not continue what was said before it".to_owned()));
                }
                head = opened.preamble().after;
                count += 1;
            }
        }
    }

    /// Closes the connections.
    pub async fn close(self) {
        self.store.close().await;
    }
}

/// One direction of a channel: who signs with which keys, and where its log begins.
struct Way<'a> {
    ring: &'a KeyRing,
    from: Party,
    to: Party,
    word: &'static str,
    begins: Head,
}

const fn way(rings: &Rings, us: Party, direction: Direction) -> Way<'_> {
    let (partner, first) = (rings.partner(), rings.first_heads());
    match direction {
        Direction::Out => Way { ring: &rings.own, from: us, to: partner, word: "to", begins: first.sent },
        Direction::In => Way { ring: &rings.theirs, from: partner, to: us, word: "from", begins: first.received },
    }
}
