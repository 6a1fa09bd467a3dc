//! HTTP basics that every service shares: problem details, strict bodies and queries, preconditions, cursors, fallbacks.
//!
//! It knows no party, no route and no store. It refuses what it cannot read to the last field: an unknown field or
//! parameter, a doubled key, a second header. A refusal is always a [`Problem`] with a stable code and a Chinese title, and
//! never shows what is inside the service.

mod bearer;
mod cursor;
mod fields;
mod headers;
mod json;
mod layers;
pub mod openapi;
mod problem;
mod query;

pub use bearer::BearerToken;
pub use cursor::{decode as decode_cursor, encode as encode_cursor, next_link};
pub use fields::Fields;
pub use headers::{IdempotencyKey, IfMatch, IfNoneMatch, etag, media_type};
pub use json::{Json, body, from_slice};
pub use layers::{BODY_LIMIT, finish};
pub use problem::{FieldError, Problem};
pub use query::Query;
pub use utoipa;
