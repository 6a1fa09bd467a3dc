//! Log lines: JSON for machines or text for people, on standard error, so that a command's standard output stays its own.
//!
//! A JSON line has `timestamp`, `level`, `target` and `message`, then what the task is [`about`], the fields of the spans
//! around it from the outermost inwards and its own, all on one level: `trace_id`, `span_id` and `saga_id` are found in the
//! same place wherever they were given. The inner value wins. It refuses to decide what is personal: that must never reach it.

use std::{
    fmt,
    future::Future,
    io::{self, IsTerminal, Write},
    str::FromStr,
};

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{
    EnvFilter, Layer,
    fmt::{MakeWriter, format::Writer, time::FormatTime, time::SystemTime},
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

/// What a log line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A JSON object a line.
    #[default]
    Json,
    /// For a person at a terminal.
    Text,
}

impl FromStr for LogFormat {
    type Err = LoggingError;

    fn from_str(text: &str) -> Result<Self, LoggingError> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(LoggingError::Format(text.to_owned())),
        }
    }
}

/// Why logging was not set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// Neither `json` nor `text`.
    #[error("{0:?} is no log format: json or text")]
    Format(String),
    /// A filter that is none.
    #[error("{filter:?} is no log filter (such as `info,party=debug`)")]
    Filter {
        /// What was offered.
        filter: String,
        /// Why.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logging was set up before.
    #[error("logging is already set up")]
    Already(#[from] tracing_subscriber::util::TryInitError),
}

/// Sets up logging for the whole process, once.
///
/// # Errors
/// When the filter is none (`info,party=debug`), or logging is already set up.
pub fn init_logging(format: LogFormat, filter: &str) -> Result<(), LoggingError> {
    let parsed =
        EnvFilter::try_new(filter).map_err(|source| LoggingError::Filter { filter: filter.to_owned(), source })?;
    let registry = tracing_subscriber::registry().with(parsed);
    match format {
        LogFormat::Json => registry.with(json_lines(io::stderr)).try_init()?,
        LogFormat::Text => {
            let text = tracing_subscriber::fmt::layer().with_writer(io::stderr);
            registry.with(text.with_ansi(io::stderr().is_terminal())).try_init()?;
        }
    }
    Ok(())
}

tokio::task_local! {
    static ABOUT: Box<dyn Fn() -> Vec<(&'static str, String)> + Send>;
}

/// Runs `work`; every JSON line that it writes carries these fields too. They are asked for line by line, so that work which
/// writes none does not pay for them.
pub fn about<F: Future>(
    fields: impl Fn() -> Vec<(&'static str, String)> + Send + 'static,
    work: F,
) -> impl Future<Output = F::Output> {
    ABOUT.scope(Box::new(fields), work)
}

/// The layer that writes JSON lines, for a process that builds its own subscriber.
pub fn json_lines<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    JsonLines { writer }
}

struct JsonLines<W> {
    writer: W,
}

/// The fields of a span, kept with it.
struct SpanFields(Map<String, Value>);

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut fields = Map::new();
        attributes.record(&mut Fields(&mut fields));
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(fields));
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(SpanFields(fields)) = span.extensions_mut().get_mut()
        {
            values.record(&mut Fields(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Map::new();
        // Outside of `about` there is nothing to add.
        let _ = ABOUT.try_with(|fields| {
            line.extend(fields().into_iter().map(|(name, value)| (name.to_owned(), value.into())));
        });
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(SpanFields(fields)) = span.extensions().get() {
                line.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
        }
        event.record(&mut Fields(&mut line));
        let mut time = String::new();
        // Writing into a string does not fail, and a line without its time is better than no line.
        let _ = SystemTime.format_time(&mut Writer::new(&mut time));
        let metadata = event.metadata();
        // Last, so that no field can pass itself off as one of these.
        line.insert("timestamp".to_owned(), time.into());
        line.insert("level".to_owned(), metadata.level().as_str().into());
        line.insert("target".to_owned(), metadata.target().into());
        let mut bytes = Value::Object(line).to_string().into_bytes();
        bytes.push(b'\n');
        // Nobody is left to tell when the log itself cannot be written.
        let _ = self.writer.make_writer_for(metadata).write_all(&bytes);
    }
}

struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }
}
