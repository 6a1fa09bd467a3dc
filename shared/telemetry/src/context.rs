//! Where a span stands: trace and span id, written as W3C `traceparent`, and how both derive from what is committed.
//! It refuses randomness: two processes that know the same rows arrive at the same ids.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Id of a trace: 16 bytes, never all zero.
pub type TraceId = [u8; 16];

/// Id of a span: 8 bytes, never all zero.
pub type SpanId = [u8; 8];

/// A span's place. As text and in serde a `traceparent` of W3C Trace Context, version 00:
/// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
///
/// Written it is always sampled: every saga is traced or none is. Read it may be either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span in it.
    pub span_id: SpanId,
}

impl TraceContext {
    /// Reads a `traceparent` strictly: version 00, lower-case hexadecimal, no id all zero, nothing before or after.
    ///
    /// # Errors
    /// Whatever else it is.
    pub fn parse(text: &str) -> Result<Self, TraceContextError> {
        let [b'0', b'0', b'-', rest @ ..] = text.as_bytes() else { return Err(TraceContextError::Version) };
        if rest.len() != 32 + 1 + 16 + 1 + 2 || rest[32] != b'-' || rest[49] != b'-' {
            return Err(TraceContextError::Form);
        }
        let mut flags = [0_u8; 1];
        let mut context = Self { trace_id: [0; 16], span_id: [0; 8] };
        read_hex(&rest[..32], &mut context.trace_id)?;
        read_hex(&rest[33..49], &mut context.span_id)?;
        read_hex(&rest[50..], &mut flags)?;
        if context.trace_id == [0; 16] || context.span_id == [0; 8] {
            return Err(TraceContextError::Zero);
        }
        Ok(context)
    }

    /// Another span of the same trace.
    #[must_use]
    pub const fn with_span(self, span_id: SpanId) -> Self {
        Self { trace_id: self.trace_id, span_id }
    }

    /// The trace id in hexadecimal, as log lines carry it.
    pub fn trace_id_hex(&self) -> String {
        hex::encode(self.trace_id)
    }

    /// The span id in hexadecimal, as log lines carry it.
    pub fn span_id_hex(&self) -> String {
        hex::encode(self.span_id)
    }
}

fn read_hex(text: &[u8], into: &mut [u8]) -> Result<(), TraceContextError> {
    if text.iter().any(u8::is_ascii_uppercase) {
        return Err(TraceContextError::Form);
    }
    hex::decode_to_slice(text, into).map_err(|_| TraceContextError::Form)
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("00-{}-{}-01", self.trace_id_hex(), self.span_id_hex()))
    }
}

impl FromStr for TraceContext {
    type Err = TraceContextError;

    fn from_str(text: &str) -> Result<Self, TraceContextError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for TraceContext {
    type Error = TraceContextError;

    fn try_from(text: String) -> Result<Self, TraceContextError> {
        Self::parse(&text)
    }
}

impl From<TraceContext> for String {
    fn from(context: TraceContext) -> Self {
        context.to_string()
    }
}

/// Why a text is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceContextError {
    /// It does not begin with `00-`.
    #[error("a traceparent of another version than 00")]
    Version,
    /// It is no `00-`, 32 hexadecimal digits, `-`, 16, `-`, 2, in lower case.
    #[error("a traceparent of another form than 00-<32 hex>-<16 hex>-<2 hex>")]
    Form,
    /// Its trace or span id is all zero.
    #[error("a traceparent with an id of zeros")]
    Zero,
}

/// The trace of one automatic leg of a saga: the same in every organisation that takes part, and after every restart.
pub fn trace_id(saga_id: &str, leg: u32) -> TraceId {
    let mut id = [0; 16];
    derive(&mut id, "trace", &[saga_id.as_bytes(), &leg.to_be_bytes()]);
    id
}

/// The span number `index` of what a party committed at that journal position.
pub fn span_id(party: &str, position: u64, index: u32) -> SpanId {
    let mut id = [0; 8];
    derive(&mut id, "span", &[party.as_bytes(), &position.to_be_bytes(), &index.to_be_bytes()]);
    id
}

/// Fills the id from the beginning of a SHA-256 over the parts; numbers have fixed width and only the first part is a text,
/// so no two different inputs are hashed as the same bytes.
fn derive(id: &mut [u8], what: &str, parts: &[&[u8]]) {
    let mut hash = Sha256::new_with_prefix(format!("nuan-{what}-1\n"));
    for part in parts {
        hash.update(part);
    }
    for (byte, hashed) in id.iter_mut().zip(hash.finalize()) {
        *byte = hashed;
    }
    // An id of zeros means 'none'; the chance is nil, but the promise is cheap.
    if id.iter().all(|byte| *byte == 0)
        && let Some(last) = id.last_mut()
    {
        *last = 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_reads_and_writes_the_same() {
        let context = TraceContext::parse(TEXT).unwrap();
        assert_eq!(context.trace_id[..2], [0x4b, 0xf9]);
        assert_eq!(context.span_id, [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]);
        assert_eq!(context.to_string(), TEXT);
        assert_eq!(context.trace_id_hex(), TEXT[3..35]);
        assert_eq!(context.span_id_hex(), TEXT[36..52]);
        let json = serde_json::to_string(&context).unwrap();
        assert_eq!(json, format!("\"{TEXT}\""));
        assert_eq!(serde_json::from_str::<TraceContext>(&json).unwrap(), context);
        let unsampled = TEXT.replace("-01", "-00");
        assert_eq!(TraceContext::parse(&unsampled).unwrap(), context);
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        use TraceContextError::{Form, Version, Zero};
        for (text, error) in [
            ("", Version),
            ("0", Version),
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Version),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Version),
            (" 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Version),
            ("00-", Form),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", Form),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ", Form),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", Form),
            ("00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Form),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902B7-01", Form),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0X", Form),
            ("00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", Form),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01", Form),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01", Form),
            ("00-4bf92f3577b34da6a3ce929d0e0e47-3600f067aa0ba902b7-01", Form),
            ("00-4bf92f3577b34da6a3ce929d0e0é4736-00f067aa0ba902b7-01", Form),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", Zero),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", Zero),
        ] {
            assert_eq!(TraceContext::parse(text), Err(error), "{text:?}");
        }
    }

    /// Pinned: another release must emit a saga's spans under the ids that this one used.
    #[test]
    fn ids_derive_from_what_is_committed_and_from_nothing_else() {
        assert_eq!(hex::encode(trace_id("saga", 1)), "cab5239a241759d97e321501900b2983");
        assert_eq!(hex::encode(span_id("bank", 7, 0)), "1bbbbde05df43fd3");
    }

    #[test]
    fn another_saga_leg_party_position_or_index_is_another_id() {
        let traces = [trace_id("saga", 1), trace_id("saga", 2), trace_id("saga-2", 1), trace_id("", 1)];
        let spans = [
            span_id("bank", 1, 0),
            span_id("union", 1, 0),
            span_id("bank", 2, 0),
            span_id("bank", 1, 1),
            span_id("bank", 1 << 32, 0),
        ];
        let distinct: std::collections::BTreeSet<Vec<u8>> =
            traces.iter().map(|id| id.to_vec()).chain(spans.iter().map(|id| id.to_vec())).collect();
        assert_eq!(distinct.len(), traces.len() + spans.len());
    }
}
