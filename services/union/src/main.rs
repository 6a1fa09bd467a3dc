//! The union's service as a process of its own: `union CONFIG.toml [--print-config]`.

use party::{config::Config, process};
use std::path::PathBuf;

// A saga makes thousands of short-lived allocations; with the system's allocator they cost a fifth of all CPU.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments.iter().find(|argument| !argument.starts_with('-')).map(PathBuf::from);
    let path = path.or_else(|| std::env::var_os("NUAN_CONFIG").map(PathBuf::from));
    let Some(path) = path else { anyhow::bail!("usage: union CONFIG.toml [--print-config]") };
    let config = Config::load(&path, std::env::vars())?;
    if arguments.iter().any(|argument| argument == "--print-config") {
        println!("{}", config.print()?);
        return Ok(());
    }
    Ok(process::serve(config, union_service::run)?)
}
