//! A collector for tests: takes OTLP over HTTP, keeps the spans, and can be told to refuse or not to answer.
//! It refuses to be one for production: it keeps everything in memory, and forgets it with itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value},
    trace::v1::{Span, span, status},
};
use prost::Message;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};

use crate::{SpanId, SpanKind, TraceContext, TraceId, Value, names};

/// Bytes of one request, at most.
const MAX_REQUEST: usize = 64 << 20;

/// `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK` of the protocol.
const REMOTE: u32 = 0x200;

/// A span as a collector sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedSpan {
    /// `service.name` of the process that sent it.
    pub service: String,
    /// All attributes of that process.
    pub resource: Arc<BTreeMap<String, Value>>,
    /// Its trace and its id.
    pub context: TraceContext,
    /// Its parent in the same trace.
    pub parent: Option<SpanId>,
    /// Whether the parent is said to be of another process.
    pub parent_is_remote: bool,
    /// Its links.
    pub links: Vec<TraceContext>,
    /// Its name.
    pub name: String,
    /// Its kind; none if it was not said.
    pub kind: Option<SpanKind>,
    /// When it began, Unix nanoseconds.
    pub start_ns: u64,
    /// When it ended, Unix nanoseconds.
    pub end_ns: u64,
    /// What went wrong, if it ended by a fault.
    pub error: Option<String>,
    /// Its attributes; a value of a kind that this crate does not write is its debug text.
    pub attributes: BTreeMap<String, Value>,
}

impl ReceivedSpan {
    /// An attribute that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The saga that it belongs to.
    pub fn saga_id(&self) -> Option<&str> {
        self.text(names::SAGA_ID)
    }
}

/// A collector that listens on a free port of this machine, until it is dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    // Aborts the listener and its connections when dropped.
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    spans: Mutex<Vec<ReceivedSpan>>,
    arrived: Notify,
    requests: AtomicU64,
    /// Answer everything with this status; 0: take it; [`SILENT`]: do not answer.
    status: AtomicU16,
}

const SILENT: u16 = u16::MAX;

impl Receiver {
    /// Listens, on the runtime of the caller.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, _tasks: tasks })
    }

    /// The value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on refuses every request with this HTTP status.
    pub fn refuse(&self, status: u16) {
        self.shared.status.store(status, Ordering::SeqCst);
    }

    /// From now on reads every request and never answers.
    pub fn fall_silent(&self) {
        self.refuse(SILENT);
    }

    /// From now on takes spans again.
    pub fn take(&self) {
        self.refuse(0);
    }

    /// How many requests came so far, refused ones included.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Every span taken so far, in the order of arrival; emitted twice, it is here twice.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.shared.lock().clone()
    }

    /// Waits until the spans are enough, and returns them.
    ///
    /// # Errors
    /// The spans that came, when they were not enough within that time.
    pub async fn until(
        &self,
        within: Duration,
        enough: impl Fn(&[ReceivedSpan]) -> bool,
    ) -> Result<Vec<ReceivedSpan>, Vec<ReceivedSpan>> {
        let waiting = async {
            loop {
                let arrived = self.shared.arrived.notified();
                tokio::pin!(arrived);
                // Listen before looking, so that what arrives between the two is not missed.
                arrived.as_mut().enable();
                // Looked at in place: copying everything at every arrival would make long tests slow.
                if let Some(spans) = self.shared.enough(&enough) {
                    return spans;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(within, waiting).await.map_err(|_| self.spans())
    }
}

/// The parents and links that lead to no span among these. Empty: the spans hang together.
pub fn dangling(spans: &[ReceivedSpan]) -> Vec<(String, TraceContext)> {
    let known: BTreeSet<TraceContext> = spans.iter().map(|span| span.context).collect();
    spans
        .iter()
        .flat_map(|span| {
            let parent = span.parent.map(|parent| span.context.with_span(parent));
            parent.into_iter().chain(span.links.iter().copied()).map(|to| (span.name.clone(), to))
        })
        .filter(|(_, to)| !known.contains(to))
        .collect()
}

impl Shared {
    fn enough(&self, enough: impl Fn(&[ReceivedSpan]) -> bool) -> Option<Vec<ReceivedSpan>> {
        let spans = self.lock();
        enough(&spans).then(|| spans.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ReceivedSpan>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Owned by this task, so that the connections end with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // A connection that breaks is the sender's business: it has no answer and will try again.
            let _ = serve(&stream, &shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Serves requests on one connection until the other side ends it.
async fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let Some(head_length) = read_until(stream, &mut bytes, end_of_head).await? else { return Ok(()) };
        let (path, length) = match read_head(&bytes[..head_length]) {
            Ok(head) => head,
            Err(status) => return answer(stream, status).await,
        };
        let end = head_length + length;
        if read_until(stream, &mut bytes, |bytes| (bytes.len() >= end).then_some(end)).await?.is_none() {
            return Ok(());
        }
        let body: Vec<u8> = bytes.drain(..end).skip(head_length).collect();
        shared.requests.fetch_add(1, Ordering::SeqCst);
        let status = match shared.status.load(Ordering::SeqCst) {
            0 if path != "/v1/traces" => 404,
            0 => match ExportTraceServiceRequest::decode(body.as_slice()).ok().and_then(received) {
                Some(spans) => {
                    shared.lock().extend(spans);
                    shared.arrived.notify_waiters();
                    200
                }
                None => 400,
            },
            SILENT => std::future::pending().await,
            status => status,
        };
        answer(stream, status).await?;
    }
}

/// Reads until `found` finds what it looks for; none: the other side ended before.
async fn read_until<T>(
    stream: &TcpStream,
    bytes: &mut Vec<u8>,
    found: impl Fn(&[u8]) -> Option<T>,
) -> io::Result<Option<T>> {
    let mut chunk = vec![0; 64 << 10];
    loop {
        if let Some(found) = found(bytes) {
            return Ok(Some(found));
        }
        if bytes.len() > MAX_REQUEST {
            return Err(io::Error::other("request too large"));
        }
        stream.readable().await?;
        match stream.try_read(&mut chunk) {
            Ok(0) => return Ok(None),
            Ok(read) => bytes.extend_from_slice(chunk.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// Path and length of the body, or the status that refuses the request.
fn read_head(head: &[u8]) -> Result<(String, usize), u16> {
    let head = std::str::from_utf8(head).map_err(|_| 400_u16)?;
    let mut lines = head.split("\r\n");
    let mut request = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (request.next().unwrap_or_default(), request.next().unwrap_or_default());
    if method != "POST" {
        return Err(405);
    }
    let mut length = None;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match (name.to_ascii_lowercase().as_str(), value.trim()) {
            ("content-length", value) => length = Some(value.parse().map_err(|_| 400_u16)?),
            ("content-type", value) if value != "application/x-protobuf" => return Err(415),
            ("content-encoding", value) if value != "identity" => return Err(415),
            _ => {}
        }
    }
    match length {
        None => Err(411),
        Some(length) if length > MAX_REQUEST => Err(413),
        Some(length) => Ok((path.to_owned(), length)),
    }
}

/// An empty body is an `ExportTraceServiceResponse` that took everything.
async fn answer(stream: &TcpStream, status: u16) -> io::Result<()> {
    let text = format!("HTTP/1.1 {status} .\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n");
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        stream.writable().await?;
        match stream.try_write(rest) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The spans of a request; none if one has ids of a wrong length.
fn received(request: ExportTraceServiceRequest) -> Option<Vec<ReceivedSpan>> {
    let mut spans = Vec::new();
    for of_resource in request.resource_spans {
        let resource =
            Arc::new(attributes(of_resource.resource.map(|resource| resource.attributes).unwrap_or_default()));
        let service = match resource.get(names::SERVICE_NAME) {
            Some(Value::Text(name)) => name.to_string(),
            _ => String::new(),
        };
        for span in of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans) {
            spans.push(received_span(&service, &resource, span)?);
        }
    }
    Some(spans)
}

fn received_span(service: &str, resource: &Arc<BTreeMap<String, Value>>, span: Span) -> Option<ReceivedSpan> {
    let parent = match span.parent_span_id.as_slice() {
        [] => None,
        bytes => Some(SpanId::try_from(bytes).ok()?),
    };
    let links = span.links.iter().map(|link| context(&link.trace_id, &link.span_id)).collect::<Option<_>>()?;
    let kind = match span.kind() {
        span::SpanKind::Unspecified => None,
        span::SpanKind::Internal => Some(SpanKind::Internal),
        span::SpanKind::Server => Some(SpanKind::Server),
        span::SpanKind::Client => Some(SpanKind::Client),
        span::SpanKind::Producer => Some(SpanKind::Producer),
        span::SpanKind::Consumer => Some(SpanKind::Consumer),
    };
    let error = span.status.filter(|status| status.code() == status::StatusCode::Error).map(|status| status.message);
    Some(ReceivedSpan {
        service: service.to_owned(),
        resource: Arc::clone(resource),
        context: context(&span.trace_id, &span.span_id)?,
        parent,
        parent_is_remote: span.flags & REMOTE != 0,
        links,
        name: span.name,
        kind,
        start_ns: span.start_time_unix_nano,
        end_ns: span.end_time_unix_nano,
        error,
        attributes: attributes(span.attributes),
    })
}

fn context(trace_id: &[u8], span_id: &[u8]) -> Option<TraceContext> {
    Some(TraceContext { trace_id: TraceId::try_from(trace_id).ok()?, span_id: SpanId::try_from(span_id).ok()? })
}

fn attributes(all: Vec<KeyValue>) -> BTreeMap<String, Value> {
    all.into_iter()
        .map(|KeyValue { key, value, .. }| {
            let value = match value.and_then(|value| value.value) {
                Some(any_value::Value::StringValue(text)) => text.into(),
                Some(any_value::Value::IntValue(number)) => number.into(),
                Some(any_value::Value::BoolValue(yes)) => yes.into(),
                other => format!("{other:?}").into(),
            };
            (key, value)
        })
        .collect()
}
