//! The command `nuan`, one file per subcommand, and what its longer-running parts share with the integration tests: the
//! [`broker`] and [`child`] processes.
//!
//! It holds no rule of the programme: those are in `domain` and in the cores.

pub mod broker;
pub mod child;
