//! The command `nuan`; see the library.

fn main() {}
