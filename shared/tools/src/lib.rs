//! Programs that run beside the services in demo, bench and tests: found or fetched ([`tool`]), started so that none is
//! left behind ([`child`]), and a PostgreSQL server of one's own ([`postgres`]).
//!
//! It knows nothing of the programme, and no service imports it.

pub mod child;
pub mod postgres;
pub mod tool;

use std::net::TcpListener;
use std::time::SystemTime;

/// Ports to choose from: below the range of outgoing connections (from 32768 on Linux). A client that tries to come back
/// while the server is down could otherwise be given the server's own port, and connect to itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Ports on which nobody listens now, beginning somewhere, so that processes that look at once do not all see the same.
pub fn free_ports() -> impl Iterator<Item = u16> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    let width = u32::from(PORTS.end - PORTS.start);
    let offset = (now ^ std::process::id().wrapping_mul(2_654_435_761)) % width;
    let ports = (0..width).map(move |n| u32::from(PORTS.start) + (offset + n) % width);
    ports.filter_map(|port| u16::try_from(port).ok()).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
}
