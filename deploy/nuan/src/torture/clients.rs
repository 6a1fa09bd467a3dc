//! The applicants: they file over HTTP, ask again under the same key until somebody answers, withdraw now and then, and
//! watch for the end. What they are told is the history that everything is held against.
//!
//! They run in a thread of their own, so that no wait for a process holds them up. They know nothing of faults: a service
//! that does not answer is asked again, wherever it has come up.

use super::{evidence::Told, random::Random};
use crate::firms::{self, DEBT_LIMIT_FEN};
use anyhow::Context;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet, time::sleep};

/// Applicants that file at once.
const FILING: u32 = 16;
/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an applicant waits before asking again.
const PAUSE: Duration = Duration::from_millis(25);
/// How long one look for the end waits at the union, ms.
const LOOK_MS: u64 = 5_000;

/// The applicants of a campaign.
pub struct Clients {
    shared: Arc<Shared>,
    may_file: watch::Sender<u32>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

struct Shared {
    /// Home of the union, where its address stands while it serves.
    union: PathBuf,
    token: String,
    random: Random,
    next: AtomicU32,
    told: Mutex<BTreeMap<u32, Told>>,
    over: watch::Sender<bool>,
}

impl Clients {
    /// Lets them begin; the first `firms` firms file once they may.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(union: &Path, token: &str, firms: u32, random: Random) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            union: union.to_owned(),
            token: token.to_owned(),
            random,
            next: AtomicU32::new(0),
            told: Mutex::default(),
            over: watch::channel(false).0,
        });
        let (may_file, allowed) = watch::channel(0);
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("applicants".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(file_all(theirs, allowed, firms))
        })?;
        Ok(Clients { shared, may_file, thread: Some(thread) })
    }

    /// From now on the first `firms` firms may file.
    pub fn let_file(&self, firms: u32) {
        self.may_file.send_replace(firms);
    }

    /// Firms that may file by now.
    pub fn allowed(&self) -> u32 {
        *self.may_file.borrow()
    }

    /// Firms whose filing was answered.
    pub fn filed(&self) -> usize {
        self.shared.told().values().filter(|told| !told.numbers.is_empty()).count()
    }

    /// Whether everybody who may file has an answer.
    pub fn has_filed_all(&self) -> bool {
        usize::try_from(self.allowed()).is_ok_and(|allowed| self.filed() >= allowed)
    }

    /// Applications that are asked for, whose end nobody has seen yet, and of which nobody was told that they are not there.
    pub fn under_way(&self) -> usize {
        self.shared.told().values().filter(|told| told.ended_as.is_empty() && !told.gone).count()
    }

    /// What everybody was told until now.
    pub fn history(&self) -> Vec<Told> {
        self.shared.told().values().cloned().collect()
    }

    /// Sends them home and waits until they are gone.
    ///
    /// # Errors
    /// One of them gave up.
    pub fn end(&mut self) -> anyhow::Result<()> {
        self.shared.over.send_replace(true);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(_)) => anyhow::bail!("the applicants' thread panicked"),
            None => Ok(()),
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

impl Shared {
    fn told(&self) -> MutexGuard<'_, BTreeMap<u32, Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, firm: u32, change: impl FnOnce(&mut Told)) {
        if let Some(told) = self.told().get_mut(&firm) {
            change(told);
        }
    }

    fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// Sends a request until it is answered with something other than *try again*; `None` when everything is over.
    async fn ask(&self, client: &Client, path: &str, post: Option<(&str, &str)>) -> Option<(StatusCode, Value)> {
        while !self.is_over() {
            // While the service is down the file is stale or gone.
            let address = fs::read_to_string(self.union.join("data/http.addr")).unwrap_or_default();
            let url = format!("http://{address}/api/v1/{path}");
            let request = match post {
                None => client.get(url),
                Some((key, body)) => client
                    .post(url)
                    .header("Idempotency-Key", key)
                    .header("Content-Type", "application/json")
                    .body(body.to_owned()),
            };
            if let Ok(response) = request.bearer_auth(&self.token).send().await {
                let status = response.status();
                let body = response.text().await.ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
                if let Some(body) = body.filter(|body| !asks_to_try_again(status, body)) {
                    return Some((status, body));
                }
            }
            sleep(PAUSE).await;
        }
        None
    }
}

/// The service, or whoever repairs it, says that the same request may be sent again: it has changed nothing, or nobody knows.
fn asks_to_try_again(status: StatusCode, body: &Value) -> bool {
    let code = body["code"].as_str().unwrap_or_default();
    matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
        || matches!(code, "PARKED" | "UNDECIDABLE")
}

async fn file_all(shared: Arc<Shared>, allowed: watch::Receiver<u32>, firms: u32) -> anyhow::Result<()> {
    let mut applicants = JoinSet::new();
    for _ in 0..FILING {
        applicants.spawn(file_some(Arc::clone(&shared), allowed.clone(), firms));
    }
    while let Some(ended) = applicants.join_next().await {
        ended.context("an applicant")??;
    }
    Ok(())
}

/// Files one application after the other; each is watched until its end.
async fn file_some(shared: Arc<Shared>, mut allowed: watch::Receiver<u32>, firms: u32) -> anyhow::Result<()> {
    let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let mut watched = JoinSet::new();
    let mut over = shared.over.subscribe();
    loop {
        let firm = shared.next.fetch_add(1, Ordering::Relaxed);
        let may = tokio::select! {
            may = allowed.wait_for(|allowed| *allowed > firm), if firm < firms => may.is_ok(),
            _ = over.wait_for(|over| *over) => false,
        };
        if !may {
            break;
        }
        let mut random = shared.random.split(u64::from(firm));
        let owes_too_much = random.one_in(10);
        let form = firms::form(firm, if owes_too_much { 2 * DEBT_LIMIT_FEN } else { 0 })?.to_string();
        let uscc = firms::uscc(firm)?.to_string();
        shared.told().insert(firm, Told { firm, uscc, owes_too_much, ..Told::default() });
        if let Some(id) = file(&shared, &client, &mut random, firm, &form).await {
            watched.spawn(watch(Arc::clone(&shared), client.clone(), random, firm, id));
        }
    }
    while let Some(ended) = watched.join_next().await {
        ended.context("an applicant who waits")?;
    }
    Ok(())
}

/// Files under the firm's key, now and then twice; returns the number that was answered.
async fn file(shared: &Shared, client: &Client, random: &mut Random, firm: u32, form: &str) -> Option<String> {
    let mut number = None;
    let times = if random.one_in(4) { 2 } else { 1 };
    for _ in 0..times {
        let (status, body) = shared.ask(client, "applications", Some((&format!("firm-{firm}"), form))).await?;
        match body["application_id"].as_str() {
            Some(id) if status == StatusCode::CREATED => {
                shared.note(firm, |told| told.numbers.push(id.to_owned()));
                number = Some(id.to_owned());
            }
            _ => shared.note(firm, |told| told.refused.push(format!("{status} {body}"))),
        }
    }
    number
}

/// Withdraws now and then, and looks until the application has ended.
async fn watch(shared: Arc<Shared>, client: Client, mut random: Random, firm: u32, id: String) {
    if random.one_in(10) {
        sleep(Duration::from_millis(random.below(150))).await;
        // Whatever becomes of it, from now on the application may end so.
        shared.note(firm, |told| told.withdrew = true);
        let (path, body) = (format!("applications/{id}/withdrawal"), json!({ "reason": "NO_NEED" }).to_string());
        // A refusal says that it was too late: then the end is another one.
        let _ = shared.ask(&client, &path, Some((&format!("withdrawal-{firm}"), &body))).await;
    }
    let path = format!("applications/{id}?until=end&wait_ms={LOOK_MS}");
    while let Some((status, body)) = shared.ask(&client, &path, None).await {
        if status.is_success() && body["ended"] == json!(true) {
            let state = body["state"].as_str().unwrap_or_default().to_owned();
            shared.note(firm, |told| told.ended_as.push(state));
            return;
        }
        if status == StatusCode::NOT_FOUND {
            return shared.note(firm, |told| told.gone = true);
        }
        if !status.is_success() {
            sleep(PAUSE).await;
        }
    }
}
