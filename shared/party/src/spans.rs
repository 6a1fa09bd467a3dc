//! Spans from committed journal rows: one for the input (HTTP server, consumer or internal), one a step decided, one
//! producer a message sent. Ids derive from saga, party and journal position, so that emitting again is harmless.
//!
//! A partner's message continues its trace. Everything else (a person, a timer) begins a new trace, linked to the last
//! one of the application.
//!
//! A row keeps what its spans need beside what it records ([`Spanned::kept`]), and the writer's row how far a collector has
//! taken them: a start emits the rest again. Only how long the commit took is lost with a process.

use crate::{config::Address, store::read::TracedRow, writer::item::Item};
use domain::{ApplicationId, Party};
use organisation::{Input, Organisation, Outcome, Recorded, Refusal};
use std::collections::VecDeque;
use telemetry::{Guard, SpanKind, SpanRecord, Spans, Status, TraceContext, names};

/// A span in W3C terms: `00-<trace id>-<span id>-01`.
type Context = String;

/// What one journal row will say in spans once it is committed. Plain data, so that a batch that fails drops it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned {
    /// The span of the row itself.
    pub context: Context,
    /// Its parent, if it continues a trace.
    pub parent: Option<Context>,
    /// What it is linked to: the last span of the application, when a new trace begins.
    pub link: Option<Context>,
    /// Saga id; empty if the row concerns no application.
    pub saga_id: String,
    /// Journal position.
    pub position: u64,
    /// `message`, `command`, `due`, `follow`, `port`.
    pub kind: &'static str,
    /// What the input is called.
    pub name: String,
    /// Who sent it.
    pub partner: Option<Party>,
    /// Code of the refusal, if it was refused.
    pub refusal: Option<String>,
    /// Steps decided: step, event, text.
    pub steps: Vec<(String, &'static str)>,
    /// Messages sent: type, receiver.
    pub sent: Vec<(String, Party)>,
    /// Unix nanoseconds at which deciding began.
    pub started_ns: u64,
    /// Unix nanoseconds at which deciding ended.
    pub decided_ns: u64,
    party: Party,
}

impl Spanned {
    /// Begins the span of the row at `position`.
    #[allow(clippy::too_many_arguments, reason = "one row with where it comes from, used once")]
    pub fn new<C>(
        party: Party,
        saga_id: &str,
        position: u64,
        kind: &'static str,
        input: &Input<C>,
        parent: Option<Context>,
        before: Option<Context>,
        started_ns: u64,
    ) -> Self {
        let parent = parent.filter(|context| is_context(context));
        let trace_id = match &parent {
            Some(parent) => parent[3..35].to_owned(),
            // A leg is named by the journal position at which it begins.
            None => hex::encode(telemetry::trace_id(
                &format!("{saga_id}/{party}"),
                u32::try_from(position).unwrap_or(u32::MAX),
            )),
        };
        // A new trace says where the application came from; a continued one has its parent.
        let link = if parent.is_none() { before } else { None };
        let (name, partner) = match input {
            Input::Message(received) => (received.message.kind().name().to_owned(), Some(received.from)),
            _ => (name_of(kind).to_owned(), None),
        };
        Spanned {
            context: format!("00-{trace_id}-{}-01", span_id(party, position, 0)),
            parent,
            link,
            saga_id: saga_id.to_owned(),
            position,
            kind,
            name,
            partner,
            refusal: None,
            steps: Vec::new(),
            sent: Vec::new(),
            started_ns,
            decided_ns: started_ns,
            party,
        }
    }

    /// The context of the row's own span.
    pub fn context(&self) -> Context {
        self.context.clone()
    }

    /// The context of the producer span of the `n`-th message of this row.
    pub fn producer(&self, n: usize) -> Context {
        let index = 1_000 + u32::try_from(n).unwrap_or_default();
        format!("00-{}-{}-01", &self.context[3..35], span_id(self.party, self.position, index))
    }

    /// The context of the span of the `n`-th step of this row.
    pub fn step(&self, n: usize) -> Context {
        let index = 1 + u32::try_from(n).unwrap_or_default();
        format!("00-{}-{}-01", &self.context[3..35], span_id(self.party, self.position, index))
    }

    /// Completes it with what was decided.
    #[must_use]
    pub fn finish<O: Organisation>(mut self, outcome: &Outcome<O::Fact>, refusal: Option<&Refusal>) -> Self {
        self.steps = steps::<O>(&outcome.recorded);
        self.sent = outcome
            .messages
            .iter()
            .map(|message| (message.kind().name().to_owned(), message.kind().route().1))
            .collect();
        self.refusal = refusal.map(|refusal| refusal.code.clone());
        self.decided_ns = crate::clock::unix_ns();
        self
    }

    /// What the journal row keeps: the context, and what its spans cannot be built from otherwise, with blanks between:
    /// kind, beginning and end of deciding, the parent's span in the same trace, the link; `-` for none.
    pub fn kept(&self) -> String {
        let Spanned { context, kind, started_ns, decided_ns, .. } = self;
        let parent = self.parent.as_deref().map_or("-", |parent| &parent[36..52]);
        let link = self.link.as_deref().unwrap_or("-");
        format!("{context} {kind} {started_ns} {decided_ns} {parent} {link}")
    }

    /// The row's spans from what was committed. `None`: they were not wanted then, or this build cannot read it.
    fn of<O: Organisation>(row: TracedRow) -> Option<Self> {
        let mut kept = row.trace.split(' ');
        let mut next = || kept.next();
        let (context, kind, started_ns, decided_ns) = (next()?, next()?, next()?.parse().ok()?, next()?.parse().ok()?);
        let (parent, link) = (next()?, next()?);
        let kind = *KINDS.iter().find(|known| **known == kind)?;
        TraceContext::parse(context).ok()?;
        let input: serde_json::Value = serde_json::from_str(&row.input).ok()?;
        let (name, partner) = match kind {
            "message" => (input["type"].as_str()?, Some(row.source.parse().ok()?)),
            _ => (name_of(kind), None),
        };
        let recorded: Vec<Recorded<O::Fact>> = serde_json::from_str(&row.recorded).ok()?;
        let said = recorded.iter().filter_map(|recorded| match recorded {
            Recorded::Said { kind, .. } => Some(kind.clone()),
            _ => None,
        });
        let receivers = row.sent.split_whitespace().filter_map(|sent| sent.split_once(':')?.0.parse().ok());
        let refusal = row.refusal.as_deref().and_then(|refusal| serde_json::from_str::<Refusal>(refusal).ok());
        let saga_id = row.application_id.as_deref().and_then(|id| ApplicationId::parse(id).ok());
        Some(Spanned {
            context: context.to_owned(),
            parent: (parent != "-").then(|| format!("00-{}-{parent}-01", &context[3..35])),
            link: (link != "-").then(|| link.to_owned()),
            saga_id: saga_id.as_ref().map(organisation::saga_id).unwrap_or_default(),
            position: row.position,
            kind,
            name: name.to_owned(),
            partner,
            refusal: refusal.map(|refusal| refusal.code),
            steps: steps::<O>(&recorded),
            sent: said.zip(receivers).collect(),
            started_ns,
            decided_ns,
            party: O::PARTY,
        })
    }
}

/// The kinds of input that have spans.
const KINDS: [&str; 5] = ["message", "command", "due", "follow", "port"];

/// What an input is called that is no message.
fn name_of(kind: &str) -> &'static str {
    match kind {
        "command" => "command",
        "due" => "timer",
        "follow" => "look again",
        _ => "port answer",
    }
}

/// The steps that facts tell of, each with what became of it.
fn steps<O: Organisation>(recorded: &[Recorded<O::Fact>]) -> Vec<(String, &'static str)> {
    let lines = recorded.iter().filter_map(|recorded| match recorded {
        Recorded::Fact(fact) => O::line(fact),
        _ => None,
    });
    lines.filter(|line| !line.step.is_empty()).map(|line| (line.step, line.event)).collect()
}

/// Whether text is a W3C `traceparent` of version 00.
pub fn is_context(text: &str) -> bool {
    TraceContext::parse(text).is_ok()
}

fn span_id(party: Party, position: u64, index: u32) -> String {
    hex::encode(telemetry::span_id(party.as_str(), position, index))
}

/// The trace that an input continues: a partner's message, or what the caller of HTTP sent along.
pub(crate) fn parent_of<O: Organisation>(item: &Item<O>) -> Option<Context> {
    match item {
        Item::Message(received) | Item::KnownBefore(received) => received.traceparent.clone(),
        Item::Command(work) => work.caller.clone(),
        _ => None,
    }
}

/// The trace that a line about this input in the log is found by. A command is always found, because it leaves nothing but
/// that line if it cannot be decided.
pub(crate) fn trace_of<O: Organisation>(item: &Item<O>) -> Option<String> {
    let sent = parent_of(item).and_then(|context| TraceContext::parse(&context).ok());
    match (sent, item) {
        (Some(context), _) => Some(context.trace_id_hex()),
        (None, Item::Command(work)) => {
            let arrival = format!("{}/arrived/{}", O::PARTY, work.arrived_ns);
            Some(hex::encode(telemetry::trace_id(&arrival, 0)))
        }
        (None, _) => None,
    }
}

/// Where spans go; costs nothing when nobody listens.
#[derive(Debug, Default)]
pub struct Exporter {
    spans: Spans,
    /// Spans emitted so far.
    emitted: u64,
    /// Rows whose spans were emitted and are not known to be taken: after how many spans, up to which position.
    under_way: VecDeque<(u64, u64)>,
    /// The position up to which all were taken.
    exported: u64,
}

/// Starts the exporter of an organisation. A wrong endpoint is logged and nothing is exported: traces never stop a service.
pub fn exporter(party: &str, endpoint: Option<&Address>) -> (Exporter, Option<Guard>) {
    let service = format!("nuan-{party}");
    let instance = format!("{party}-{}", std::process::id());
    match Spans::new(&service, &instance, endpoint.map(Address::whole)).or_else(|error| {
        // Not the error itself: it quotes the address, credentials and all.
        tracing::error!(endpoint = endpoint.map(tracing::field::display), error = error.reason, "spans go nowhere");
        Spans::new(&service, &instance, None)
    }) {
        Ok((spans, guard)) => (Exporter { spans, ..Exporter::default() }, Some(guard)),
        Err(_) => (Exporter::default(), None),
    }
}

impl Exporter {
    /// Whether anybody listens.
    pub fn enabled(&self) -> bool {
        self.spans.enabled()
    }

    /// Emits what was committed at `committed_ns`.
    pub fn emit(&mut self, rows: Vec<Spanned>, committed_ns: u64) {
        let records = rows.iter().flat_map(|row| row.records(committed_ns)).collect();
        self.hand_over(records, rows.last());
    }

    /// Emits what was committed before, by a process that may have died before a collector took it.
    pub fn emit_again<O: Organisation>(&mut self, rows: Vec<TracedRow>) {
        let rows: Vec<Spanned> = rows.into_iter().filter_map(Spanned::of::<O>).collect();
        let records = rows.iter().flat_map(|row| row.records(row.decided_ns)).collect();
        self.hand_over(records, rows.last());
    }

    fn hand_over(&mut self, records: Vec<SpanRecord>, last: Option<&Spanned>) {
        let Some(last) = last.filter(|_| self.enabled()) else { return };
        self.emitted += u64::try_from(records.len()).unwrap_or_default();
        if self.spans.dropped() == 0 {
            self.under_way.push_back((self.emitted, last.position));
        } else {
            self.under_way.clear();
        }
        self.spans.emit(records);
    }

    /// All spans up to here were taken before this process began.
    pub fn begin(&mut self, exported: u64) {
        self.exported = exported;
    }

    /// The journal position up to which a collector has taken all spans. A span that was lost holds it back until the next
    /// start, which emits it again.
    pub fn exported(&mut self) -> u64 {
        let taken = self.spans.exported();
        // Asked after it: nothing was lost, so those that were taken are the first ones.
        if self.spans.dropped() == 0 {
            while let Some((_, position)) = self.under_way.pop_front_if(|(emitted, _)| *emitted <= taken) {
                self.exported = self.exported.max(position);
            }
        }
        self.exported
    }

    /// How many spans were dropped because nobody took them.
    pub fn dropped(&self) -> u64 {
        self.spans.dropped()
    }
}

impl Spanned {
    /// The spans of one committed row.
    fn records(&self, committed_ns: u64) -> Vec<SpanRecord> {
        let Ok(context) = TraceContext::parse(&self.context) else { return Vec::new() };
        let kind = match self.kind {
            "message" => SpanKind::Consumer,
            "command" => SpanKind::Server,
            _ => SpanKind::Internal,
        };
        let name = if self.partner.is_some() { format!("process {}", self.name) } else { self.name.clone() };
        let mut own = self.record(context, name, kind, self.started_ns, committed_ns);
        own.parent = self.parent.as_deref().and_then(|parent| TraceContext::parse(parent).ok());
        own.links = self.link.iter().filter_map(|link| TraceContext::parse(link).ok()).collect();
        if let Some(partner) = self.partner {
            own = own
                .with(names::MESSAGING_SYSTEM, names::NATS)
                .with(names::MESSAGING_OPERATION_NAME, names::PROCESS)
                .with(names::MESSAGING_OPERATION_TYPE, names::PROCESS)
                .with(names::MESSAGING_DESTINATION_NAME, crate::nats::subject(partner, self.party))
                .with(names::MESSAGING_MESSAGE_CONVERSATION_ID, self.saga_id.clone());
        }
        if let Some(code) = &self.refusal {
            own.status = Status::Error(code.clone().into());
        }
        let mut records = vec![own];
        for (n, (step, event)) in self.steps.iter().enumerate() {
            if let Ok(id) = TraceContext::parse(&self.step(n)) {
                let mut record =
                    self.record(id, format!("{step}: {event}"), SpanKind::Internal, self.started_ns, self.decided_ns);
                record.parent = Some(context);
                records.push(record.with(names::SAGA_STEP, step.clone()).with(names::SAGA_EVENT, *event));
            }
        }
        for (n, (kind, to)) in self.sent.iter().enumerate() {
            if let Ok(id) = TraceContext::parse(&self.producer(n)) {
                let mut record =
                    self.record(id, format!("send {kind}"), SpanKind::Producer, self.decided_ns, committed_ns);
                record.parent = Some(context);
                records.push(
                    record
                        .with(names::MESSAGING_SYSTEM, names::NATS)
                        .with(names::MESSAGING_OPERATION_NAME, names::SEND)
                        .with(names::MESSAGING_OPERATION_TYPE, names::SEND)
                        .with(names::MESSAGING_DESTINATION_NAME, crate::nats::subject(self.party, *to))
                        .with(names::MESSAGING_MESSAGE_CONVERSATION_ID, self.saga_id.clone()),
                );
            }
        }
        records
    }

    fn record(&self, context: TraceContext, name: String, kind: SpanKind, from_ns: u64, to_ns: u64) -> SpanRecord {
        SpanRecord::new(context, name, kind, from_ns, to_ns)
            .with(names::SAGA_ID, self.saga_id.clone())
            .with(names::PARTY, self.party.as_str())
            .with(names::JOURNAL_POSITION, self.position)
    }
}

#[cfg(test)]
mod tests;
