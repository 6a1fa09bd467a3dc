//! The programme played on one machine: what people did, read from lines of its history, and the driver that does it again at three
//! running services. `demo` plays a few lines of it, `history` all.

pub(crate) mod driver;
pub(crate) mod people;
pub(crate) mod script;
pub(crate) mod stage;
