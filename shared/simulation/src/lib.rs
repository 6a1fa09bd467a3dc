//! The simulation shell: the cores of several organisations in one thread, under virtual time, on a network that does
//! what it is told.
//!
//! A [`World`] holds the organisations with what they have stored ([`Shell`]), the messages under way between them
//! ([`Parcel`]) and the orders to their ports. [`World::turn`] lets the next thing happen: one organisation decides a
//! batch and commits it. What follows is data until the next turn, so whoever drives the world plays the network and
//! the ports by changing it: a parcel that is copied comes twice, one that is held comes late, one that is removed never
//! comes; an order that nobody answers is asked about. [`World::crash`] kills an organisation at its next commit.
//!
//! Order (DESIGN.md, "Time"): within one instant messages, then timers by (due, organisation, row), then what people and
//! ports do; time moves to the next event only when all of that has come to rest. Equal worlds driven alike stay equal.
//!
//! Pure: no clock, no IO, no randomness but a seed that is given. It knows no organisation's rules. What a core refuses it
//! keeps to be looked at; what no core may come to it returns as a [`Defect`].

mod network;
mod shell;
mod world;

pub use network::{Order, Parcel};
pub use shell::{Mark, Shell, Stored, body, typed};
pub use world::{Act, Crash, Defect, Mirror, Refused, Reply, Took, World};
