//! What the three organisations say to each other: every message as a domain type, its CloudEvent on the wire,
//! its JSON Schema, and who may say it to whom.
//!
//! Cores see [`Message`] and never JSON; the shell turns one into the other with [`wire::encode`] and
//! [`wire::decode`]. A message counts only from its author: [`Kind::route`] fixes sender and receiver of each type,
//! and `decode` refuses anything else before a core sees it.
//!
//! Pure: no IO, no clock. It knows nothing of signatures (that is `channel`) nor of decisions (the cores).

pub mod asyncapi;
pub mod charter;
pub mod loan;
pub mod message;
pub mod papers;
pub mod reader;
pub mod reason;
pub mod relief;
pub mod subsidy;
pub mod wire;

pub use charter::*;
pub use loan::*;
pub use message::*;
pub use papers::*;
pub use reader::Reader;
pub use reason::*;
pub use relief::*;
pub use subsidy::*;
