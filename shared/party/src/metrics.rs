//! What this organisation counts, in the Prometheus text format.

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use std::sync::Mutex;

/// Counters and gauges of one organisation.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    /// Inputs decided.
    pub inputs: Counter,
    /// Commits.
    pub commits: Counter,
    /// Numbered frames sent.
    pub frames_sent: Counter,
    /// Messages sent.
    pub messages_sent: Counter,
    /// Frames sent again.
    pub frames_resent: Counter,
    /// Empty frames sent: receipts, gap requests, greetings.
    pub frames_empty: Counter,
    /// Frames taken.
    pub frames_taken: Counter,
    /// Messages taken.
    pub messages_taken: Counter,
    /// Frames that were duplicates.
    pub frames_duplicate: Counter,
    /// Frames refused.
    pub frames_refused: Counter,
    /// Frames dropped because others have to come before them.
    pub frames_beyond_gap: Counter,
    /// Refused frames of which nothing was kept.
    pub evidence_dropped: Counter,
    /// Messages that were refused and audited.
    pub messages_refused: Counter,
    /// Inputs parked or held.
    pub inputs_parked: Counter,
    /// Commits that failed.
    pub commits_failed: Counter,
    /// Publishes without acknowledgement by the broker.
    pub publishes_failed: Counter,
    /// Commands refused because the queue was full.
    pub commands_rejected: Counter,
    /// Notices to applicants that went out.
    pub notices_sent: Counter,
    /// Notices that did not: no consent to SMS, or the applicant's data are erased.
    pub notices_withheld: Counter,
    /// Notices that the adapter will never take.
    pub notices_refused: Counter,
    /// Requests that were handed to the writer, by a process that stands by.
    pub forwarded: Counter,
    /// 1 if this process writes, 0 if it stands by.
    pub is_writer: Gauge,
    /// Channels that are frozen.
    pub channels_frozen: Gauge,
    /// Messages that were sent and not receipted.
    pub unreceipted: Gauge,
    /// Spans dropped because their queue was full.
    pub spans_dropped: Gauge,
    /// The first year of which working days are not known, if it is this one or the next; else 0.
    pub calendar_missing_year: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("nuan");
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let inputs = counter("inputs", "Inputs decided");
        let commits = counter("commits", "Commits");
        let frames_sent = counter("frames_sent", "Numbered frames sent");
        let messages_sent = counter("messages_sent", "Messages sent");
        let frames_resent = counter("frames_resent", "Frames sent again");
        let frames_empty = counter("frames_empty", "Empty frames sent: receipts, gap requests, greetings");
        let frames_taken = counter("frames_taken", "Numbered frames taken");
        let messages_taken = counter("messages_taken", "Messages taken");
        let frames_duplicate = counter("frames_duplicate", "Frames that were duplicates");
        let frames_refused = counter("frames_refused", "Frames refused");
        let frames_beyond_gap = counter("frames_beyond_gap", "Frames dropped because others have to come before them");
        let evidence_dropped =
            counter("evidence_dropped", "Refused frames of which nothing was kept: enough were today");
        let messages_refused = counter("messages_refused", "Messages refused and audited");
        let inputs_parked = counter("inputs_parked", "Inputs parked or held");
        let commits_failed = counter("commits_failed", "Commits that failed");
        let publishes_failed = counter("publishes_failed", "Publishes that the broker did not acknowledge");
        let notices_sent = counter("notices_sent", "Notices to applicants that went out");
        let notices_withheld = counter("notices_withheld", "Notices without consent to SMS, or to whom is erased");
        let notices_refused = counter("notices_refused", "Notices that the adapter will never take");
        let commands_rejected = counter("commands_rejected", "Commands refused because the queue was full");
        let forwarded = counter("requests_forwarded", "Requests handed to the writer by this process, which stands by");
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let is_writer = gauge("role_writer", "1 if this process writes, 0 if it stands by");
        let channels_frozen = gauge("channels_frozen", "Channels that are frozen");
        let unreceipted = gauge("messages_unreceipted", "Messages that were sent and not receipted");
        let spans_dropped = gauge("spans_dropped", "Spans dropped because their queue was full");
        let calendar_missing_year =
            gauge("calendar_missing_year", "This year or the next, if its working days are not known; else 0");
        Metrics {
            registry: Mutex::new(registry),
            inputs,
            commits,
            frames_sent,
            messages_sent,
            frames_resent,
            frames_empty,
            frames_taken,
            messages_taken,
            frames_duplicate,
            frames_refused,
            frames_beyond_gap,
            evidence_dropped,
            messages_refused,
            inputs_parked,
            commits_failed,
            publishes_failed,
            commands_rejected,
            notices_sent,
            notices_withheld,
            notices_refused,
            forwarded,
            is_writer,
            channels_frozen,
            unreceipted,
            spans_dropped,
            calendar_missing_year,
        }
    }
}

impl Metrics {
    /// Everything in the Prometheus text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Writing into a String cannot fail.
        let _ = encode(&mut text, &registry);
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn every_metric_that_the_readme_names_is_there_under_that_name() {
        let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
        let named: Vec<&str> = readme.split('`').filter(|word| word.starts_with("nuan_")).collect();
        assert!(named.len() >= 4, "{named:?}");
        let text = Metrics::default().text();
        for name in named {
            assert!(text.lines().any(|line| line.starts_with(&format!("{name} "))), "{name} is not in\n{text}");
        }
    }
}
