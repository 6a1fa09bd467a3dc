//! What is under way between the organisations, and in which order it arrives. It loses, doubles and delays nothing by
//! itself.

use contracts::Message;
use domain::{Moment, Party};
use std::collections::BTreeSet;

/// A message under way.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Numbers the parcels of a world in the order sent, from 1; a copy keeps its number.
    pub no: u64,
    /// Who sent it.
    pub from: Party,
    /// To whom.
    pub to: Party,
    /// When it arrives; none: it is held until somebody says when.
    pub arrives_at: Option<Moment>,
    /// What it says, to look at; what arrives are the bytes.
    pub message: Message,
    pub(crate) bytes: Vec<u8>,
}

/// In which order parcels arrive that could arrive in the same instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As sent. Like a channel: what is held or delayed holds up everything behind it between the same two.
    AsSent,
    /// Between the same two as sent, like a channel; which two are next is drawn from this seed.
    Shuffled(u64),
    /// The newest first, between the same two as well: worse than any channel.
    NewestFirst,
}

impl Order {
    /// The place of the next parcel that arrives at `now`, if one does.
    pub(crate) fn next(&mut self, parcels: &[Parcel], now: Moment) -> Option<usize> {
        let here: Vec<usize> = arrivals(*self, parcels).filter(|(_, at)| *at <= now).map(|(place, _)| place).collect();
        match self {
            Order::AsSent => here.first().copied(),
            Order::NewestFirst => here.last().copied(),
            Order::Shuffled(seed) => {
                let choices = u64::try_from(here.len()).ok().filter(|choices| *choices > 0)?;
                let drawn = usize::try_from(draw(seed) % choices).ok()?;
                here.get(drawn).copied()
            }
        }
    }

    /// When the next parcel arrives after `now`.
    pub(crate) fn next_arrival(self, parcels: &[Parcel], now: Moment) -> Option<Moment> {
        arrivals(self, parcels).map(|(_, at)| at).filter(|at| *at > now).min()
    }
}

/// The parcels that nothing holds up, with their places and the times at which they arrive.
fn arrivals(order: Order, parcels: &[Parcel]) -> impl Iterator<Item = (usize, Moment)> {
    let mut behind = BTreeSet::new();
    parcels.iter().enumerate().filter_map(move |(place, parcel)| {
        let first = behind.insert((parcel.from, parcel.to)) || order == Order::NewestFirst;
        Some((place, parcel.arrives_at?)).filter(|_| first)
    })
}

/// The next number of a sequence that only its seed determines (SplitMix64).
fn draw(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut drawn = *seed;
    drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    drawn ^ (drawn >> 31)
}
