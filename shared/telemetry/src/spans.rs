//! The handle that a service emits spans through, and the thread behind it.
//!
//! The queue is counted in spans and never grows beyond its bound; emitting holds its lock only to move records into it. The
//! thread takes what is there when a batch is full or a moment has passed, keeps a batch that was not taken and tries it
//! again later and later, and gives it up after some attempts: a collector must not be able to hold one batch, or memory,
//! for ever.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    SpanRecord,
    export::{EndpointError, Exporter},
};

/// Bounds of the queue and pace of the export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many spans may wait, at most.
    pub queue: usize,
    /// How many spans one request carries, at most.
    pub batch: usize,
    /// How long a span waits for others to share its request, at most.
    pub linger: Duration,
    /// How long the collector may take to answer.
    pub timeout: Duration,
    /// The pause after a first failure; each further one doubles it.
    pub pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// How often one batch is tried before it is given up.
    pub attempts: u32,
}

impl Default for Settings {
    /// 32,768 spans waiting (some 20 MiB), 512 a request, 200 ms; 2 s for an answer; pauses of 100 ms to 5 s, 8 attempts.
    fn default() -> Self {
        Self {
            queue: 32_768,
            batch: 512,
            linger: Duration::from_millis(200),
            timeout: Duration::from_secs(2),
            pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(5),
            attempts: 8,
        }
    }
}

/// Where spans are emitted. Cheap to clone; without an endpoint it takes nothing and costs nothing.
#[derive(Clone, Default)]
pub struct Spans {
    shared: Option<Arc<Shared>>,
}

/// Keeps the export alive. [`shutdown`](Guard::shutdown) sends what still waits; dropping it lets the thread do the same
/// without waiting for it.
#[derive(Debug)]
pub struct Guard {
    shared: Option<Arc<Shared>>,
    done: mpsc::Receiver<()>,
}

struct Shared {
    settings: Settings,
    queue: Mutex<Queue>,
    /// Something happened that the thread may wait for: a first span, a full batch, the end.
    wake: Condvar,
    dropped: AtomicU64,
    exported: AtomicU64,
}

#[derive(Default)]
struct Queue {
    spans: VecDeque<SpanRecord>,
    closed: bool,
}

impl Spans {
    /// Spans of this service, sent below that endpoint (`http://collector:4318`); without one, or with an empty one, a handle
    /// that takes nothing. Exports on a thread of its own until the guard is shut down or dropped.
    ///
    /// `service` is `service.name`; `instance` tells processes of one service apart.
    ///
    /// # Errors
    /// When the endpoint is none, or the exporter or its thread cannot be made. That nobody answers there is no error.
    pub fn new(service: &str, instance: &str, endpoint: Option<&str>) -> Result<(Self, Guard), EndpointError> {
        Self::with_settings(service, instance, endpoint, Settings::default())
    }

    /// As [`new`](Spans::new), with other bounds.
    ///
    /// # Errors
    /// As [`new`](Spans::new).
    pub fn with_settings(
        service: &str,
        instance: &str,
        endpoint: Option<&str>,
        settings: Settings,
    ) -> Result<(Self, Guard), EndpointError> {
        let (done_sender, done) = mpsc::channel();
        let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.is_empty()) else {
            return Ok((Self::disabled(), Guard { shared: None, done }));
        };
        let exporter = Exporter::new(service, instance, endpoint, settings.timeout)?;
        let shared = Arc::new(Shared {
            settings,
            queue: Mutex::default(),
            wake: Condvar::new(),
            dropped: AtomicU64::new(0),
            exported: AtomicU64::new(0),
        });
        let worker = Worker { shared: Arc::clone(&shared), exporter, pause: None };
        thread::Builder::new()
            .name("spans".to_owned())
            .spawn(move || {
                worker.run();
                // Nobody may be waiting any more.
                let _ = done_sender.send(());
            })
            .map_err(|error| EndpointError { endpoint: endpoint.to_owned(), reason: format!("no thread: {error}") })?;
        Ok((Self { shared: Some(Arc::clone(&shared)) }, Guard { shared: Some(shared), done }))
    }

    /// A handle that takes nothing.
    pub const fn disabled() -> Self {
        Self { shared: None }
    }

    /// Whether spans are wanted. Ask before building records.
    pub const fn enabled(&self) -> bool {
        self.shared.is_some()
    }

    /// Hands spans over. Never waits for the collector and never fails: what does not fit into the queue is dropped and
    /// counted.
    pub fn emit(&self, records: Vec<SpanRecord>) {
        let Some(shared) = &self.shared else { return };
        if records.is_empty() {
            return;
        }
        let mut queue = shared.lock();
        let before = queue.spans.len();
        let room = if queue.closed { 0 } else { shared.settings.queue.saturating_sub(before) };
        let lost = records.len().saturating_sub(room);
        queue.spans.extend(records.into_iter().take(room));
        let after = queue.spans.len();
        drop(queue);
        shared.drop_spans(lost);
        // The thread sleeps without a limit only while there is nothing, and for a moment only while a batch is not full.
        let batch = shared.settings.batch;
        if (before == 0 && after > 0) || (before < batch && after >= batch) {
            shared.wake.notify_one();
        }
    }

    /// How many spans were lost so far: to a full queue, to a collector that did not take them, or after the end.
    pub fn dropped(&self) -> u64 {
        self.shared.as_ref().map_or(0, |shared| shared.dropped.load(Ordering::Relaxed))
    }

    /// How many spans the collector has taken so far.
    ///
    /// If none is [`dropped`](Spans::dropped) when asked after this, it was the first ones so many that were taken.
    pub fn exported(&self) -> u64 {
        self.shared.as_ref().map_or(0, |shared| shared.exported.load(Ordering::Acquire))
    }

    /// How many spans wait for the thread now.
    pub fn waiting(&self) -> usize {
        self.shared.as_ref().map_or(0, |shared| shared.lock().spans.len())
    }
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spans")
            .field("enabled", &self.enabled())
            .field("waiting", &self.waiting())
            .field("exported", &self.exported())
            .field("dropped", &self.dropped())
            .finish()
    }
}

impl Guard {
    /// Takes no more spans, sends what waits, each batch tried once, and blocks until that is done, at most so long. Says
    /// whether it was done; if not, the thread is left behind and what it still had is lost with the process.
    pub fn shutdown(mut self, within: Duration) -> bool {
        let Some(shared) = self.shared.take() else { return true };
        shared.close();
        self.done.recv_timeout(within).is_ok()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.close();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic under the lock leaves the queue whole: every change to it is one call.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    fn drop_spans(&self, count: usize) {
        if count > 0 {
            self.dropped.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// The next batch; waits until one is full, the first span in it has waited long enough, or the end has come. Empty only
    /// at the end.
    fn next_batch(&self) -> Vec<SpanRecord> {
        let mut queue = self.lock();
        let mut since: Option<Instant> = None;
        while !queue.closed && queue.spans.len() < self.settings.batch {
            if queue.spans.is_empty() {
                queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let waited = since.get_or_insert_with(Instant::now).elapsed();
            let Some(left) = self.settings.linger.checked_sub(waited).filter(|left| !left.is_zero()) else { break };
            queue = self.wake.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let count = queue.spans.len().min(self.settings.batch);
        queue.spans.drain(..count).collect()
    }

    /// Waits so long, or until the end has come; says whether it has.
    fn pause(&self, how_long: Duration) -> bool {
        let until = Instant::now() + how_long;
        let mut queue = self.lock();
        while !queue.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            queue = self.wake.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.closed
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("settings", &self.settings).finish_non_exhaustive()
    }
}

struct Worker {
    shared: Arc<Shared>,
    exporter: Exporter,
    /// While the collector does not answer: the pause that comes after the next failure.
    pause: Option<Duration>,
}

impl Worker {
    fn run(mut self) {
        loop {
            let batch = self.shared.next_batch();
            if batch.is_empty() {
                return;
            }
            if !self.send(&batch) {
                self.shared.drop_spans(batch.len());
            }
        }
    }

    /// Says whether the collector took the batch, after as many attempts as that takes and the settings allow.
    fn send(&mut self, batch: &[SpanRecord]) -> bool {
        for attempt in 1..=self.shared.settings.attempts.max(1) {
            match self.exporter.export(batch) {
                Ok(()) => {
                    // Whoever sees this also sees what was dropped before it.
                    self.shared.exported.fetch_add(u64::try_from(batch.len()).unwrap_or(u64::MAX), Ordering::Release);
                    if self.pause.take().is_some() {
                        tracing::info!(
                            dropped = self.shared.dropped.load(Ordering::Relaxed),
                            "collector takes spans again"
                        );
                    }
                    return true;
                }
                Err(error) => {
                    let Settings { pause, longest_pause, attempts, .. } = self.shared.settings;
                    let now = self.pause.unwrap_or_else(|| {
                        // Said once a failure, not once an attempt: a dead collector must not fill the log.
                        tracing::warn!(%error, "collector takes no spans; trying again, later and later");
                        pause
                    });
                    self.pause = Some(now.saturating_mul(2).min(longest_pause));
                    if attempt == attempts || self.shared.pause(now) {
                        return false;
                    }
                }
            }
        }
        false
    }
}
