//! A service as a process: configuration, logging, signals, one runtime thread.

use crate::{config::Config, run::RunError};
use std::{future::Future, io};
use telemetry::{LogFormat, init_logging};
use tokio_util::sync::CancellationToken;

/// Runs a service until it is asked to stop (SIGTERM, Ctrl-C) or fails for good.
///
/// One thread drives everything but the database and the spans' export: the writer decides one batch after the other, so
/// a second thread would only make them wait for each other.
///
/// # Errors
/// The runtime cannot be made, or the service's own error.
pub fn serve<F: Future<Output = Result<(), RunError>>>(
    config: Config,
    run: impl FnOnce(Config, CancellationToken) -> F,
) -> Result<(), RunError> {
    // Someone may have installed a provider before: then theirs is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let filter = std::env::var("NUAN_LOG").unwrap_or_else(|_| "info".into());
    if let Err(error) = init_logging(LogFormat::Json, &filter) {
        tracing::warn!(%error, "logging goes on as it was");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Runtime)?;
    let shutdown = CancellationToken::new();
    let result = runtime.block_on(async {
        let signals = tokio::spawn(stop_on_signal(shutdown.clone()));
        let result = run(config, shutdown).await;
        signals.abort();
        result
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}

async fn stop_on_signal(shutdown: CancellationToken) {
    match wait_for_signal().await {
        Ok(()) => tracing::info!("asked to stop"),
        Err(error) => tracing::error!(%error, "signals cannot be heard: stop the process by force"),
    }
    shutdown.cancel();
}

#[cfg(unix)]
async fn wait_for_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        heard = tokio::signal::ctrl_c() => heard,
    }
}

#[cfg(not(unix))]
async fn wait_for_signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
