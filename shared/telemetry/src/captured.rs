//! The JSON lines that one thread writes, for tests to look at. It filters nothing.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::json_lines;
use serde_json::Value;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;

/// Takes every line that its thread writes until it is dropped, instead of whoever would have.
pub struct Captured {
    lines: Lines,
    _guard: DefaultGuard,
}

impl Captured {
    /// Begins to take lines.
    pub fn begin() -> Self {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::registry().with(json_lines(move || writer.clone()));
        Captured { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// The lines so far.
    ///
    /// # Panics
    /// One is no JSON.
    #[allow(clippy::expect_used, reason = "a test fails by panicking")]
    pub fn lines(&self) -> Vec<Value> {
        let bytes = self.lines.lock().clone();
        bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("a line is JSON"))
            .collect()
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
