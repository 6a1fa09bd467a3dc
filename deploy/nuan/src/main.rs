//! The command `nuan`; everything is in the library.

use std::process::ExitCode;

// A saga makes thousands of short-lived allocations; with the system's allocator they cost a fifth of all CPU.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    nuan::run(std::env::args_os())
}
