//! Names and values of attributes, so that every service writes the same: OpenTelemetry's semantic conventions where they
//! have a word (DESIGN.md "Conventions"), ours under `nuan.` where they have none.

pub use opentelemetry_semantic_conventions::attribute::{
    ERROR_TYPE, HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE, MESSAGING_BATCH_MESSAGE_COUNT,
    MESSAGING_DESTINATION_NAME, MESSAGING_MESSAGE_CONVERSATION_ID, MESSAGING_MESSAGE_ID, MESSAGING_OPERATION_NAME,
    MESSAGING_OPERATION_TYPE, MESSAGING_SYSTEM, SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION, URL_PATH,
};

/// Value of [`MESSAGING_SYSTEM`].
pub const NATS: &str = "nats";
/// Value of [`MESSAGING_OPERATION_TYPE`] and, for publishing a frame, [`MESSAGING_OPERATION_NAME`]: a producer span.
pub const SEND: &str = "send";
/// Value of [`MESSAGING_OPERATION_TYPE`] and [`MESSAGING_OPERATION_NAME`]: a consumer span.
pub const PROCESS: &str = "process";

/// The saga that a span belongs to; on every span, and as [`MESSAGING_MESSAGE_CONVERSATION_ID`] on those of messages.
pub const SAGA_ID: &str = "nuan.saga.id";
/// The step, in the words of the saga's definition.
pub const SAGA_STEP: &str = "nuan.saga.step";
/// What became of the step: `asked`, `done`, `refused`, `undone` …
pub const SAGA_EVENT: &str = "nuan.saga.event";
/// The organisation: `union`, `guarantor`, `bank`.
pub const PARTY: &str = "nuan.party";
/// The journal row that the span was built from.
pub const JOURNAL_POSITION: &str = "nuan.journal.position";
