//! `nuan replay FILE --to URL`: drives one deployed service in a sandbox from outside, and compares what comes back.
//!
//! Its partners are played by [`Puppet`]s on the sandbox's broker, which say what was recorded; recorded commands go to its
//! door (`party::sandbox`), and its driven clock goes to the recorded times, at which its own timers fire. After each
//! step everything has to have come to rest; then what it said to its partners, and whether it refused, is held against what was
//! recorded. It refuses a service and a broker that are not marked as a sandbox, and one that has decided anything before.

use super::puppet::{Heard, Puppet, Say};
use crate::{api::Api, broker::SANDBOX};
use anyhow::{Context, anyhow, bail};
use domain::{Moment, Party};
use organisation::{Actor, Organisation, Person};
use party::{
    config::Config,
    handle::{Arrival, Backlog, CommandWork, Handle, Maintenance, MaintenanceWork, Reply, Told},
    nats,
    sandbox::{ENVIRONMENT, Sandbox},
};
use replay::{Change, Recording, Row};
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    time::{Duration, Instant},
};
use tokio::{sync::oneshot, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// How long a step may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Rows of its own that a journal has at the start: that it was started, and how far notices have gone.
const ROWS_AT_START: u64 = 2;

/// A step after which a deployed service said something else than was recorded.
#[derive(Debug, Serialize)]
pub struct StepDifference {
    /// Position of the recorded row.
    pub position: u64,
    /// The application.
    pub application_id: Option<String>,
    /// Business time.
    pub at: String,
    /// The input in words.
    pub input: String,
    /// What differs.
    pub changes: Vec<Change>,
}

impl fmt::Display for StepDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let case = self.application_id.as_deref().unwrap_or("the programme as a whole");
        writeln!(f, "{case}, row {} at {}: {}", self.position, self.at, self.input)?;
        self.changes.iter().try_for_each(|change| writeln!(f, "    {change}"))
    }
}

/// What a replay against a deployed service came to.
#[derive(Debug, Default, Serialize)]
pub struct Driven {
    /// Messages that were said to it.
    pub messages: usize,
    /// Commands that it was given.
    pub commands: usize,
    /// Times to which its clock was driven.
    pub times: usize,
    /// Messages that it said.
    pub answers: usize,
    /// Steps after which it said something else.
    pub differences: Vec<StepDifference>,
}

/// Drives the service at `url` with the recording, from the sandbox in this folder.
///
/// # Errors
/// It is no fresh sandbox of this party, something of the recording cannot be played from outside, or a step does not come to
/// rest.
pub async fn drive(recording: &Recording, url: &str, folder: &Path) -> anyhow::Result<Driven> {
    let us = recording.header.party;
    for row in &recording.rows {
        if let "port" | "set_back" | "parked" = row.kind.as_str() {
            bail!("row {}: a row of kind `{}` cannot be played from outside", row.position, row.kind);
        }
    }
    if recording.header.after > 0 {
        bail!("the recording does not begin at the beginning: the sandbox has no such state");
    }
    let config = |party: Party| {
        let file = folder.join(format!("{party}/config.toml"));
        Config::load(&file, std::iter::empty()).with_context(|| format!("the sandbox has no {}", file.display()))
    };
    let token = std::fs::read_to_string(config(us)?.operator_token_file).context("the operator's token")?;
    let service = Api::new(url, token.trim())?;
    let sandbox = service.get("sandbox").await.with_context(|| format!("{url} is no sandbox"))?;
    let sandbox: Sandbox = serde_json::from_value(sandbox).with_context(|| format!("{url} is no sandbox"))?;
    if (sandbox.party, sandbox.environment.as_str()) != (us, ENVIRONMENT) {
        bail!("{url} is the {}'s in `{}`, not a sandbox of the {us}", sandbox.party, sandbox.environment);
    }
    if sandbox.position > ROWS_AT_START {
        bail!("{url} has decided {} inputs before: take a fresh sandbox", sandbox.position);
    }
    let mut partners = BTreeMap::new();
    for partner in Party::ALL.into_iter().filter(|partner| *partner != us) {
        let config = config(partner)?;
        must_be_a_sandbox(&config).await?;
        let started = match partner {
            Party::Union => Partner::start::<0>(config).await,
            Party::Guarantor => Partner::start::<1>(config).await,
            Party::Bank => Partner::start::<2>(config).await,
        };
        partners.insert(partner, started?);
    }
    let mut driving =
        Driving { us, service, partners, driven: Driven::default(), step: None, now: Moment::from_millis(0) };
    let played = driving.play(recording).await;
    for partner in driving.partners.values_mut() {
        partner.stop.cancel();
        let _ = tokio::time::timeout(PATIENCE, &mut partner.task).await;
    }
    played.map(|()| driving.driven)
}

/// A broker that does not call itself a sandbox's is none.
async fn must_be_a_sandbox(config: &Config) -> anyhow::Result<()> {
    let (seed, _) = config.nats_seeds();
    let inbox = format!("_INBOX_{}", config.party);
    let client = nats::connect(config.nats_url.whole(), seed, "replay", &inbox).await?;
    tokio::time::timeout(PATIENCE, client.flush()).await.context("the broker does not answer")??;
    let name = client.server_info().server_name;
    if name == SANDBOX { Ok(()) } else { bail!("the broker calls itself `{name}`, not `{SANDBOX}`") }
}

/// Gives a puppet of whatever party its orders.
struct Partner {
    heard: Heard,
    say: Box<dyn Fn(Party, String) -> Order>,
    drive: Box<dyn Fn(Moment) -> Order>,
    backlog: Box<dyn Fn() -> Backlog>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), party::run::RunError>>,
}

type Order = std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>>>>;

impl Partner {
    async fn start<const AT: usize>(config: Config) -> anyhow::Result<Self> {
        let puppet = Puppet::<AT>::default();
        let (heard, stop) = (puppet.heard.clone(), CancellationToken::new());
        let (out, handle) = oneshot::channel();
        let token = stop.clone();
        let task = tokio::task::spawn(async move {
            let app = move |handle, _| {
                drop(out.send(handle));
                axum::Router::new()
            };
            party::run::run(puppet, &config, app, token).await
        });
        let party = Puppet::<AT>::PARTY;
        let gone = || anyhow!("the {party}'s part does not come up");
        let handle: Handle<Puppet<AT>> =
            tokio::time::timeout(PATIENCE, handle).await.map_err(|_| gone())?.map_err(|_| gone())?;
        let mut ready = handle.ready.clone();
        tokio::time::timeout(PATIENCE, ready.wait_for(|ready| *ready))
            .await
            .map_err(|_| gone())?
            .map_err(|_| gone())?;
        let (commands, maintenance, backlog) = (handle.commands, handle.maintenance, handle.backlog);
        let say = move |to: Party, event: String| -> Order {
            let commands = commands.clone();
            Box::pin(async move {
                let (reply, answer) = oneshot::channel();
                let work = CommandWork {
                    actor: Actor { person: Person::new("replay"), roles: Default::default() },
                    command: Say { to, event },
                    expected: None,
                    idempotency: None,
                    sealed: None,
                    arrival: Arrival { at_ns: 0, route: String::new(), caller: None },
                    reply,
                };
                commands.send(work).await.map_err(|_| anyhow!("the {party}'s part has stopped"))?;
                match answer.await? {
                    Reply::Decided { body: Ok(_), .. } => Ok(()),
                    other => bail!("the {party}'s part does not say it: {other:?}"),
                }
            })
        };
        let drive = move |to: Moment| -> Order {
            let maintenance = maintenance.clone();
            Box::pin(async move {
                let (reply, answer) = oneshot::channel();
                let order = Maintenance::Drive { to, by: "replay".into() };
                let work = MaintenanceWork { order, idempotency: None, reply };
                maintenance.send(work).await.map_err(|_| anyhow!("the {party}'s part has stopped"))?;
                match answer.await? {
                    Told::Done { .. } => Ok(()),
                    other => bail!("the {party}'s clock does not go on: {other:?}"),
                }
            })
        };
        let backlog = move || backlog.borrow().clone();
        let (say, drive, backlog) = (Box::new(say), Box::new(drive), Box::new(backlog));
        Ok(Partner { heard, say, drive, backlog, stop, task })
    }
}

/// What was done last, and what it has to have led to.
struct Step {
    position: u64,
    application_id: Option<String>,
    input: String,
    expected: Vec<Value>,
    /// For a command: what it was refused as, then and now.
    refused: Option<(Option<String>, Option<String>)>,
}

struct Driving {
    us: Party,
    service: Api,
    partners: BTreeMap<Party, Partner>,
    driven: Driven,
    step: Option<Step>,
    now: Moment,
}

impl Driving {
    async fn play(&mut self, recording: &Recording) -> anyhow::Result<()> {
        for row in &recording.rows {
            let at = Moment::from_millis(row.at);
            if at > self.now {
                self.rest().await?;
                self.drive_to(at, row).await?;
            }
            let input: Value = serde_json::from_str(row.input.get())?;
            match (row.source.parse::<Party>(), input["seq"].as_u64()) {
                (Ok(from), Some(seq)) => self.say(recording, row, from, seq).await?,
                _ if input["command"].is_object() && replay::was_asked(row) => self.command(row, &input).await?,
                _ => {}
            }
            if let Some(step) = &mut self.step {
                step.expected.extend(replay::said(recording, row));
            }
        }
        self.rest().await
    }

    fn begin(&mut self, row: &Row, input: String) {
        let (position, application_id) = (row.position, row.application_id.clone());
        self.step = Some(Step { position, application_id, input, expected: Vec::new(), refused: None });
    }

    async fn drive_to(&mut self, at: Moment, row: &Row) -> anyhow::Result<()> {
        // The partners first: what they hear is decided at their time.
        for partner in self.partners.values() {
            (partner.drive)(at).await?;
        }
        self.begin(row, format!("its time is {at}"));
        self.service.post("clock", &json!({ "at": at.to_string() })).await?;
        self.driven.times += 1;
        self.now = at;
        Ok(())
    }

    async fn say(&mut self, recording: &Recording, row: &Row, from: Party, seq: u64) -> anyhow::Result<()> {
        let Some(bytes) = recording.message(from, self.us, seq) else { return Ok(()) };
        self.rest().await?;
        self.begin(row, replay::words(row));
        let partner = self.partners.get(&from).with_context(|| format!("a message from the {from}"))?;
        (partner.say)(self.us, String::from_utf8(bytes.to_vec())?).await?;
        self.driven.messages += 1;
        Ok(())
    }

    async fn command(&mut self, row: &Row, input: &Value) -> anyhow::Result<()> {
        self.rest().await?;
        self.begin(row, replay::words(row));
        let body = json!({ "actor": input["actor"], "command": input["command"] });
        let answer = self.service.post("sandbox/commands", &body).await;
        let answer = answer.with_context(|| format!("row {}", row.position))?;
        if let Some(step) = &mut self.step {
            step.refused = Some((replay::refused_as(row), answer["refused"].as_str().map(str::to_owned)));
        }
        self.driven.commands += 1;
        Ok(())
    }

    /// Waits until everything has come to rest, and holds what was heard against what was recorded.
    async fn rest(&mut self) -> anyhow::Result<()> {
        let Some(step) = self.step.take() else { return Ok(()) };
        let until = Instant::now() + PATIENCE;
        loop {
            let ours: Backlog = serde_json::from_value(self.service.get("backlog").await?)?;
            if self.is_at_rest(&ours) {
                break;
            }
            if Instant::now() > until {
                bail!("row {} does not come to rest: {ours:?}", step.position);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let heard: Vec<Value> = self.partners.values().flat_map(|partner| partner.heard.take()).collect();
        self.driven.answers += heard.len();
        // Of one partner in the order said; between partners there is none.
        let of = |all: &[Value], partner: &Party| -> Vec<Value> {
            all.iter().filter(|message| replay::receiver(message) == Some(*partner)).cloned().collect()
        };
        let mut changes: Vec<Change> = self
            .partners
            .keys()
            .flat_map(|partner| replay::messages_that_differ(&of(&step.expected, partner), &of(&heard, partner)))
            .collect();
        if let Some((then, now)) = step.refused.filter(|(then, now)| then != now) {
            let code = |code: Option<String>| code.map(Value::String);
            changes.push(Change { place: "refusal".into(), then: code(then), now: code(now) });
        }
        if !changes.is_empty() {
            self.driven.differences.push(StepDifference {
                position: step.position,
                application_id: step.application_id,
                at: self.now.to_string(),
                input: step.input,
                changes,
            });
        }
        Ok(())
    }

    fn is_at_rest(&self, ours: &Backlog) -> bool {
        let due = ours.next_wake_ms.is_some_and(|at| at <= self.now.millis());
        ours.queued == 0
            && !due
            && self.partners.iter().all(|(party, partner)| {
                let theirs = (partner.backlog)();
                let agree = |sent: Option<&u64>, taken: Option<&u64>| sent.unwrap_or(&0) == taken.unwrap_or(&0);
                theirs.queued == 0
                    && agree(ours.sent.get(party), theirs.taken.get(&self.us))
                    && agree(theirs.sent.get(&self.us), ours.taken.get(party))
            })
    }
}
