//! A collector that is not ours: rotel as a process of its own, and what it prints of the spans that it is sent.

use std::{
    collections::BTreeMap,
    fs::File,
    net::TcpStream,
    path::PathBuf,
    time::{Duration, Instant},
};
use tools::{
    child::Child,
    free_ports,
    tool::{Tool, Version, wheel::Wheel},
};

static ROTEL: Tool = Tool {
    name: "rotel",
    variable: "NUAN_ROTEL",
    folders: &[],
    oldest: Version { major: 0, minor: 0, patch: 1 },
    says: "rotel ",
    releases: "github.com/streamfold/rotel/releases",
    wheel: Wheel {
        package: "rotel",
        version: "0.0.1a15",
        requirements: include_str!("rotel/requirements.txt"),
        python: Some("3.11"),
        program: "rotel/rotel-agent",
    },
};

/// How long rotel may take to listen.
const PATIENCE: Duration = Duration::from_secs(15);

/// A running rotel; it ends with this value.
pub struct Rotel {
    endpoint: String,
    printed: PathBuf,
    _child: Child,
    _folder: tempfile::TempDir,
}

/// A span as rotel prints it.
#[derive(Clone, Debug, Default)]
pub struct PrintedSpan {
    pub service: String,
    pub trace_id: String,
    pub span_id: String,
    /// Empty if it has none.
    pub parent: String,
    pub name: String,
    pub kind: String,
    pub attributes: BTreeMap<String, String>,
}

impl Rotel {
    /// Starts it on free ports of this machine and waits until it listens.
    pub fn start() -> Self {
        let binary = ROTEL.obtain().unwrap_or_else(|error| panic!("{error}"));
        let folder = tempfile::tempdir().unwrap();
        let printed = folder.path().join("printed");
        let until = Instant::now() + PATIENCE;
        let mut ports = free_ports();
        loop {
            let (http, grpc) = (ports.next().unwrap(), ports.next().unwrap());
            let endpoint = format!("127.0.0.1:{http}");
            let out = File::create(&printed).unwrap();
            let mut child = Child::spawn(&binary.path, |command| {
                command.args(["start", "--exporter", "blackhole"]);
                command.args(["--debug-log", "traces", "--debug-log-verbosity", "detailed"]);
                command.args(["--otlp-http-endpoint", &endpoint]);
                command.args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")]);
                command.arg("--pid-file").arg(folder.path().join("pid"));
                command.arg("--log-file").arg(folder.path().join("log"));
                command.stderr(out.try_clone().unwrap()).stdout(out);
            })
            .unwrap();
            // One that ends at once found a port taken in between: the next two.
            while child.ended().unwrap().is_none() {
                assert!(Instant::now() < until, "rotel does not listen: {}", said(&printed));
                if TcpStream::connect(&endpoint).is_ok() {
                    return Rotel { endpoint, printed, _child: child, _folder: folder };
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            assert!(Instant::now() < until, "rotel ends at once: {}", said(&printed));
        }
    }

    /// The value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.endpoint)
    }

    /// Waits until it has printed enough, and returns the spans.
    pub async fn until(&self, within: Duration, enough: impl Fn(&[PrintedSpan]) -> bool) -> Vec<PrintedSpan> {
        let until = Instant::now() + within;
        loop {
            let spans = spans(&said(&self.printed));
            if enough(&spans) {
                return spans;
            }
            let names: Vec<_> = spans.iter().map(|span| (&span.service, &span.name)).collect();
            assert!(Instant::now() < until, "not enough spans: {names:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn said(printed: &PathBuf) -> String {
    String::from_utf8_lossy(&std::fs::read(printed).unwrap()).into_owned()
}

/// The spans in rotel's detailed debug log.
fn spans(text: &str) -> Vec<PrintedSpan> {
    let mut spans: Vec<PrintedSpan> = Vec::new();
    let (mut service, mut part) = (String::new(), "");
    for line in text.lines() {
        match line.split_once(" #").map_or(line, |(head, _)| head) {
            head @ ("ResourceSpans" | "ScopeSpans" | "SpanLink") => part = head,
            "Span" => {
                part = "Span";
                spans.push(PrintedSpan { service: service.clone(), ..PrintedSpan::default() });
            }
            "Attributes:" if part == "Span" => part = "attributes",
            "Links:" | "Events:" => part = "",
            _ => {}
        }
        if let Some((key, value)) = line.strip_prefix("     -> ").and_then(|line| line.split_once(": ")) {
            let value = value.split_once('(').map_or(value, |(_, value)| value.trim_end_matches(')')).to_owned();
            match (part, spans.last_mut()) {
                ("attributes", Some(span)) => drop(span.attributes.insert(key.to_owned(), value)),
                ("ResourceSpans", _) if key == "service.name" => service = value,
                _ => {}
            }
        } else if part == "Span"
            && let (Some((key, value)), Some(span)) = (line.split_once(" : "), spans.last_mut())
        {
            let field = match key.trim() {
                "Trace ID" => &mut span.trace_id,
                "Parent ID" => &mut span.parent,
                "ID" => &mut span.span_id,
                "Name" => &mut span.name,
                "Kind" => &mut span.kind,
                _ => continue,
            };
            *field = value.trim().to_owned();
        }
    }
    spans
}
