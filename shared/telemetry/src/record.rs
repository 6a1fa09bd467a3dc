//! A span as plain data, before anything of OpenTelemetry knows of it.

use std::borrow::Cow;

use crate::TraceContext;

/// A finished span. Times are Unix nanoseconds and explicit; there is no span that is still running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanRecord {
    /// Its trace and its id.
    pub context: TraceContext,
    /// The span that caused it, in the same trace. A parent in another trace cannot be one: it is exported as a link.
    pub parent: Option<TraceContext>,
    /// What else led here: the last leg before a human decision, the other branches of a join.
    pub links: Vec<TraceContext>,
    /// What it is, with few different values: `decide assess guarantee`, `send x.union.bank`.
    pub name: Cow<'static, str>,
    /// Its role between services.
    pub kind: SpanKind,
    /// When it began, Unix nanoseconds.
    pub start_ns: u64,
    /// When it ended, Unix nanoseconds.
    pub end_ns: u64,
    /// How it ended.
    pub status: Status,
    /// Attributes under the names of [`names`](crate::names). No personal data.
    pub attributes: Vec<(Cow<'static, str>, Value)>,
}

impl SpanRecord {
    /// A span without parent, links and attributes that went well.
    pub fn new(
        context: TraceContext,
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        start_ns: u64,
        end_ns: u64,
    ) -> Self {
        Self {
            context,
            parent: None,
            links: Vec::new(),
            name: name.into(),
            kind,
            start_ns,
            end_ns,
            status: Status::Ok,
            attributes: Vec::new(),
        }
    }

    /// The span with an attribute more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push((Cow::Borrowed(name), value.into()));
        self
    }
}

/// The role of a span between services, as OpenTelemetry names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpanKind {
    /// Answers a request from outside.
    Server,
    /// Happens inside.
    Internal,
    /// Publishes a message.
    Producer,
    /// Processes a message.
    Consumer,
    /// Asks another service and waits for it.
    Client,
}

/// How a span ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Well; a refusal by the rules is well, too.
    Ok,
    /// By a fault, and which.
    Error(Cow<'static, str>),
}

/// The value of an attribute. No floating point: nothing here is measured in fractions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A text.
    Text(Cow<'static, str>),
    /// A whole number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u64> for Value {
    /// Above `i64::MAX`, which OTLP cannot carry, the greatest number that it can.
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}
