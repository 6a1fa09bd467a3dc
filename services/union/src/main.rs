//! The union's service as a process of its own: `union CONFIG.toml [--print-config]`.

use party::config::Config;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    // Before anything speaks TLS; a second installation would be a defect of this file.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments.iter().find(|argument| !argument.starts_with('-')).map(PathBuf::from);
    let path = path.or_else(|| std::env::var_os("NUAN_CONFIG").map(PathBuf::from));
    let Some(path) = path else { anyhow::bail!("usage: union CONFIG.toml [--print-config]") };
    let config = Config::load(&path, std::env::vars())?;
    if arguments.iter().any(|argument| argument == "--print-config") {
        println!("{}", config.print()?);
        return Ok(());
    }
    let shutdown = CancellationToken::new();
    tokio::spawn(stop_on_signal(shutdown.clone()));
    Ok(union_service::run(config, shutdown).await?)
}

async fn stop_on_signal(shutdown: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
    shutdown.cancel();
}
