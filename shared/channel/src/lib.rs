//! The protocol between two organisations: numbered, hash-chained, signed, and resent until it is receipted.
//!
//! Between each ordered pair of organisations runs one log of messages. This crate says what a *frame* on the wire is
//! ([`frame`]), whose key signed it ([`keys`]), what either side must remember across a crash ([`heads`]) and what it does
//! on each event ([`state`]). It is a state machine: events in, verdicts and actions out. It refuses to know a broker, a
//! database, a clock, a source of randomness or JSON: the monotonic time is passed in as milliseconds, the one random
//! number a start needs is passed in, and a message is a run of bytes.
//!
//! How a shell drives it, in this order and no other:
//!
//! 1. [`Channel::start`] with the [`Heads`] from the database; carry out the actions.
//! 2. For a batch: clone the channel. For each arrived frame [`open`] it (size, signature, chain), answer what
//!    [`Channel::needs`] asks from the stored frames, and give it to [`Channel::on_frame`]; deliver what is accepted.
//! 3. Number what the organisation has to say with [`Channel::next_frames`]. Its frames carry the receipt for all that the
//!    same batch accepted.
//! 4. Commit the clone's [`Heads`], the built frames (the outbox) and the effects of the messages in one transaction. If it
//!    fails, drop the clone: nothing has happened.
//! 5. Put the clone in the channel's place and call [`Channel::on_committed`]. Only now are there sends to perform.
//! 6. At [`Channel::next_wake`], call [`Channel::on_tick`] and carry out its actions.

pub mod frame;
pub mod hash;
pub mod heads;
pub mod keys;
mod link;
mod rings;
pub mod state;

pub use frame::{FrameRefusal, Header, Limits, Opened, Preamble, Purpose, SealRefusal, Sealed, open, seal};
pub use hash::{ChainHash, genesis};
pub use heads::{Freeze, Head, Heads, Resolution, TwoPersons, UnfreezeRefusal, Unfrozen};
pub use keys::{KeyChange, KeyChangeRefusal, KeyId, KeyRefusal, KeyRing, PublicKey, SigningKey};
pub use link::Settings;
pub use rings::Rings;
pub use state::{Action, BuiltFrame, Channel, Empty, FrameMeta, Known, Needs, NumberRefusal, Phase, Verdict};
