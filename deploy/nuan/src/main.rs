//! The command `nuan`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    nuan::run(std::env::args_os())
}
