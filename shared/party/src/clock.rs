//! Business time: the system's, or driven by a test or a history run.
//!
//! Core timers and everything a core decides use this clock; leases, resends and network timeouts use the monotonic one.

use crate::fault;
use domain::Moment;
use serde::Serialize;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::sync::Notify;
use web::utoipa;

/// How often a wait for the system's clock looks at it: it may be set meanwhile.
const LOOK_EVERY_MS: i64 = 1_000;

/// Business time of one organisation.
#[derive(Clone, Debug)]
pub struct BusinessClock {
    driven: Option<Arc<AtomicI64>>,
    moved: Arc<Notify>,
}

/// Business time.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Clock)]
pub struct ClockView {
    /// Now, ISO 8601.
    now: String,
    /// Now, Unix ms.
    now_ms: i64,
    /// Whether somebody drives it.
    driven: bool,
}

/// A driven clock was asked to run back, or a system clock to be driven.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DriveError {
    /// The clock is the system's.
    #[error("business time is the system's and cannot be driven")]
    NotDriven,
    /// Time never runs back.
    #[error("business time is already {now}, it cannot go back to {to}")]
    Back {
        /// Where it stands.
        now: Moment,
        /// Where it was to go.
        to: Moment,
    },
}

impl BusinessClock {
    /// The system's clock.
    pub fn system() -> Self {
        BusinessClock { driven: None, moved: Arc::default() }
    }

    /// A clock that stands at `start` until it is driven on.
    pub fn driven(start: Moment) -> Self {
        BusinessClock { driven: Some(Arc::new(AtomicI64::new(start.millis()))), moved: Arc::default() }
    }

    /// Whether somebody drives it.
    pub fn is_driven(&self) -> bool {
        self.driven.is_some()
    }

    /// Now.
    pub fn now(&self) -> Moment {
        match &self.driven {
            Some(at) => Moment::from_millis(at.load(Ordering::SeqCst)),
            None => Moment::from_millis(unix_ms()),
        }
    }

    /// Now, as people are shown it.
    pub fn view(&self) -> ClockView {
        let now = self.now();
        ClockView { now: now.to_string(), now_ms: now.millis(), driven: self.is_driven() }
    }

    /// Drives the clock on.
    ///
    /// # Errors
    /// [`DriveError`].
    pub fn drive(&self, to: Moment) -> Result<(), DriveError> {
        let at = self.driven.as_ref().ok_or(DriveError::NotDriven)?;
        let before = at.fetch_max(to.millis(), Ordering::SeqCst);
        if before > to.millis() {
            return Err(DriveError::Back { now: Moment::from_millis(before), to });
        }
        self.moved.notify_waiters();
        self.moved.notify_one();
        Ok(())
    }

    /// Returns when business time may have reached `at`: after the span of real time for the system's clock, at the next
    /// drive for a driven one. It may return early; look again.
    pub async fn reached(&self, at: Option<Moment>) {
        match (&self.driven, at) {
            (Some(_), _) => self.moved.notified().await,
            (None, Some(at)) => {
                let wait = at.millis().saturating_sub(unix_ms()).clamp(0, LOOK_EVERY_MS);
                tokio::time::sleep(std::time::Duration::from_millis(u64::try_from(wait).unwrap_or_default())).await;
            }
            (None, None) => std::future::pending().await,
        }
    }
}

fn unix_ms() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX).saturating_add(fault::wall_clock_ahead_ms())
}

/// Real time in Unix nanoseconds, for spans.
pub fn unix_ns() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}
