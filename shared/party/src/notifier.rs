//! Notices to applicants on their way out. The journal is the outbox: what it has recorded says who is to be told what
//! ([`Organisation::notice`]); here it is read behind a cursor, handed to a port, and the cursor moves on in a commit of the writer's.
//!
//! Each notice goes out at least once and in order. After a crash some may go out again, under the same `notice_id`, by which an
//! adapter tells that it has them. Only the process that writes sends any.
//!
//! Built in: `console` (standard output), and a file, a JSON object a line. Neither gets anything but the notice. An adapter for SMS, WeChat or
//! anything else is a program that takes `POST url` with `{"notice_id", "application_id", "at", "code", "text", "to": {"mobile"}}`
//! and `Idempotency-Key: <notice_id>`: 2xx, it has it; 4xx but 408 and 429, it will never take it, and the next one follows; anything else,
//! it is tried again. It is handed nothing for applicants who did not consent to be told by SMS, or whose data are erased: they read
//! it on their page.

use crate::{
    about,
    config::Address,
    handle::{Maintenance, MaintenanceWork},
    metrics::Metrics,
    store::{
        StoreError,
        read::{Readers, RecordedRow},
    },
    vault::Vault,
};
use domain::{ApplicationId, Moment};
use organisation::{Notice, Organisation, Recorded};
use serde::Serialize;
use serde_json::{Value, json};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    io::AsyncWriteExt,
    sync::{mpsc, oneshot},
};

/// Where notices go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notifier {
    /// To standard output.
    Console,
    /// To the end of this file.
    File(PathBuf),
    /// To an adapter.
    Adapter(Address),
}

/// What is no place for notices.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("notices: {0:?} is neither `console` nor `file:PATH` nor an http:// or https:// address")]
pub struct NotifierError(String);

impl Notifier {
    /// Reads `console`, `file:/var/lib/nuan/notices.jsonl`, or the address of an adapter.
    ///
    /// # Errors
    /// It is none of these.
    pub fn parse(text: &str) -> Result<Self, NotifierError> {
        match text {
            "console" => Ok(Notifier::Console),
            url if url.starts_with("http://") || url.starts_with("https://") => {
                Ok(Notifier::Adapter(Address::from(url)))
            }
            text => match text.strip_prefix("file:").filter(|path| !path.is_empty()) {
                Some(path) => Ok(Notifier::File(path.into())),
                None => Err(NotifierError(Address::from(text).to_string())),
            },
        }
    }
}

/// How often the journal is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Rows that are read at once, and the most notices that one commit says have gone out.
const AT_ONCE: u32 = 200;
/// How long an adapter is waited for.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long after a failure it is tried again: twice as long each time, at most the second.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// A notice on its way.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Outgoing<'n> {
    notice_id: String,
    application_id: &'n str,
    at: String,
    code: &'static str,
    text: &'n str,
}

/// Why a notice has not gone out.
#[derive(Debug, thiserror::Error)]
enum Held {
    #[error("the database cannot be read: {0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Port(String),
    #[error("the writer has stopped")]
    Stopped,
}

/// What a notifier needs of its service.
pub(crate) struct Outbox {
    pub readers: Readers,
    pub vault: Arc<Vault>,
    pub maintenance: mpsc::Sender<MaintenanceWork>,
    pub metrics: Arc<Metrics>,
}

/// Sends notices until it is stopped.
pub(crate) async fn carry_out<O: Organisation>(notifier: Notifier, outbox: Outbox) {
    let client = match reqwest::Client::builder().timeout(TIMEOUT).build() {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "no HTTP client: no notices go out"),
    };
    let (mut pause, mut after) = (AGAIN.0, None);
    loop {
        match send_what_there_is::<O>(&notifier, &client, &outbox, after).await {
            Ok(reached) => {
                (pause, after) = (AGAIN.0, Some(reached));
                tokio::time::sleep(LOOK).await;
            }
            Err(Held::Stopped) => return,
            Err(error) => {
                // From the cursor again: it stands behind what has gone out.
                after = None;
                tracing::warn!(%error, "notices wait");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(AGAIN.1);
            }
        }
    }
}

/// Everything behind this position, or behind the cursor, which moves on behind what has gone out. How far that was.
async fn send_what_there_is<O: Organisation>(
    notifier: &Notifier,
    client: &reqwest::Client,
    outbox: &Outbox,
    looked_through: Option<u64>,
) -> Result<u64, Held> {
    let known = match looked_through {
        Some(after) => Some(after),
        None => outbox.readers.notified().await?,
    };
    let mut after = match known {
        Some(after) => after,
        None => {
            // The first one on this database begins here: whoever was told otherwise before is not told again.
            let (tip, _) = outbox.readers.tip().await?;
            outbox.reach(tip).await?;
            tip
        }
    };
    loop {
        let rows = outbox.readers.recorded_after(after, AT_ONCE).await?;
        let Some(last) = rows.last().map(|row| row.position) else { return Ok(after) };
        let mut sent = 0;
        for row in &rows {
            match send_row::<O>(notifier, client, outbox, row).await {
                Ok(notices) => sent += notices,
                Err(error) => {
                    // What has gone out before it has.
                    if sent > 0 {
                        outbox.reach(row.position.saturating_sub(1)).await?;
                    }
                    return Err(error);
                }
            }
        }
        // What tells nobody anything need not be remembered: it would be a commit a second for nothing.
        if sent > 0 || rows.len() >= usize::try_from(AT_ONCE).unwrap_or(usize::MAX) {
            outbox.reach(last).await?;
        }
        after = last;
    }
}

impl Outbox {
    /// Has the writer remember that everything up to this position has gone out.
    async fn reach(&self, through: u64) -> Result<(), Held> {
        let (reply, told) = oneshot::channel();
        let work = MaintenanceWork { order: Maintenance::Notified { through }, idempotency: None, reply };
        self.maintenance.send(work).await.map_err(|_| Held::Stopped)?;
        told.await.map(drop).map_err(|_| Held::Stopped)
    }
}

async fn send_row<O: Organisation>(
    notifier: &Notifier,
    client: &reqwest::Client,
    outbox: &Outbox,
    row: &RecordedRow,
) -> Result<u32, Held> {
    let notices = notices::<O>(&row.recorded);
    let mut sent = 0;
    for (number, notice) in notices.iter().enumerate() {
        let outgoing = Outgoing {
            notice_id: format!("{}-{}-{number}", O::PARTY, row.position),
            application_id: &row.application_id,
            at: Moment::from_millis(row.at).to_string(),
            code: notice.code,
            text: &notice.text,
        };
        let id = ApplicationId::parse(&row.application_id).ok();
        let span = move || id.as_ref().map_or_else(Default::default, about::application);
        telemetry::about(span, send(notifier, client, outbox, &outgoing)).await?;
        sent += 1;
    }
    Ok(sent)
}

/// The notices of what a journal row has recorded, in order. A row that this build cannot read tells nobody anything.
pub fn notices<O: Organisation>(recorded: &str) -> Vec<Notice> {
    let recorded: Vec<Recorded<O::Fact>> = serde_json::from_str(recorded).unwrap_or_default();
    let notice = |recorded: &Recorded<O::Fact>| match recorded {
        Recorded::Fact(fact) => O::notice(fact),
        _ => None,
    };
    recorded.iter().filter_map(notice).collect()
}

async fn send(
    notifier: &Notifier,
    client: &reqwest::Client,
    outbox: &Outbox,
    notice: &Outgoing<'_>,
) -> Result<(), Held> {
    let line = || json!(notice).to_string();
    match notifier {
        Notifier::Console => println!("{}", line()),
        Notifier::File(path) => {
            let mut file =
                tokio::fs::OpenOptions::new().create(true).append(true).open(path).await.map_err(file_held)?;
            file.write_all(format!("{}\n", line()).as_bytes()).await.map_err(file_held)?;
            file.sync_data().await.map_err(file_held)?;
        }
        Notifier::Adapter(url) => {
            let Some(mobile) = consented(outbox, notice.application_id).await? else {
                outbox.metrics.notices_withheld.inc();
                return Ok(());
            };
            let mut body = json!(notice);
            body["to"] = json!({ "mobile": mobile });
            if !post(client, url, &notice.notice_id, &body).await? {
                outbox.metrics.notices_refused.inc();
                return Ok(());
            }
        }
    }
    outbox.metrics.notices_sent.inc();
    Ok(())
}

fn file_held(error: std::io::Error) -> Held {
    Held::Port(format!("the file of notices cannot be written: {error}"))
}

/// Whether the adapter has it; it is not asked again if it never will.
async fn post(client: &reqwest::Client, url: &Address, notice_id: &str, body: &Value) -> Result<bool, Held> {
    // An address may hold credentials, and an error of this client names it: neither is logged.
    let request = client.post(url.whole()).header("Idempotency-Key", notice_id).json(body);
    let status = match request.send().await {
        Ok(response) => response.status(),
        Err(error) => return Err(Held::Port(format!("the adapter does not answer: {}", error.without_url()))),
    };
    match status.as_u16() {
        200..=299 => Ok(true),
        400..=499 if ![408, 429].contains(&status.as_u16()) => {
            tracing::error!(notice_id, %status, "the adapter refuses a notice: it is not sent again");
            Ok(false)
        }
        _ => Err(Held::Port(format!("the adapter answers {status}"))),
    }
}

/// The applicant's number, if it is to be told by SMS and its data are not erased.
async fn consented(outbox: &Outbox, application_id: &str) -> Result<Option<String>, Held> {
    for sealed in outbox.readers.sealed(application_id).await? {
        let Ok(data) = outbox.vault.open(&sealed) else { continue };
        let record: Value = serde_json::from_slice(&data).unwrap_or_default();
        let consents = record["consents"].as_array().into_iter().flatten();
        let is_to_be_told = consents.into_iter().any(|consent| consent["type"] == "SMS");
        if let Some(mobile) = record["mobile"].as_str().filter(|_| is_to_be_told) {
            return Ok(Some(mobile.to_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
