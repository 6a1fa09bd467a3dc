//! The field of a campaign: broker, services and applicants as real processes, a seed, and a count of what struck them.
//!
//! It starts them, lets more applicants in, and waits until everything has come to rest. It decides on no fault and judges
//! nothing.

use super::{
    check::Violation,
    clients::Clients,
    clock,
    disk::{self, SmallDisks},
    evidence::{Evidence, named, unrest},
    proxy::Proxies,
    random::Random,
};
use crate::{
    api::Api,
    broker::Broker,
    cluster::{self, Options, Service},
    databases::Databases,
    firms::{self, DAY},
};
use anyhow::{Context, bail};
use domain::{Moment, Party};
use party::fault;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::time::sleep;
use tools::postgres::Server;

/// What is not at rest after this has waited for ever: longer than the longest time between two resends (5 min).
const FOR_EVER: Duration = Duration::from_secs(330);
/// How long a service may take until it takes requests.
const PATIENCE: Duration = Duration::from_secs(60);
/// An organisation whose journal has not grown for so long has nothing to do.
const QUIET: Duration = Duration::from_millis(300);
/// How often a wait looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a campaign stands on besides the three services as they are started anywhere.
#[derive(Default)]
pub struct Ground {
    /// A proxy between each service and the broker.
    pub has_proxies: bool,
    /// Business time is the system's, and can be set.
    pub has_wall_clocks: bool,
    /// Small file systems for the databases and the broker.
    pub has_small_disks: bool,
    /// The services can be forbidden to let their files grow.
    pub has_limits: bool,
    /// The three databases on a PostgreSQL server.
    pub databases: Option<Arc<Databases>>,
    /// That server, if it is ours.
    pub server: Option<Server>,
    /// The folder of its small file system, if it has one.
    pub server_disk: Option<PathBuf>,
}

/// Broker, services, applicants.
pub struct Field {
    /// Where everything lies.
    pub folder: PathBuf,
    /// The broker.
    pub broker: Broker,
    /// The three.
    pub services: BTreeMap<Party, Service>,
    /// The applicants.
    pub clients: Clients,
    /// The schedule of faults.
    pub random: Random,
    /// The union's database was set back to an older copy.
    pub union_set_back: bool,
    /// What it stands on.
    pub ground: Ground,
    /// Between the services and the broker, if the campaign wants them there.
    pub proxies: Option<Proxies>,
    /// The round, from 0.
    pub round: usize,
    /// What the services' clocks were ahead by at first, and at most so far, ms.
    pub first_ahead_ms: i64,
    pub highest_ahead_ms: i64,
    next_share: u32,
    /// Something has struck since everything was at rest.
    is_struck: bool,
    course: Course,
    /// Behind all that use them.
    _disks: SmallDisks,
}

/// How a campaign went, but for what is wrong.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// Faults that struck while applications were under way, by kind.
    pub struck: BTreeMap<String, u64>,
    /// Faults that found nothing under way.
    pub missed: u32,
    /// The fewest applications that were under way when a fault struck.
    pub fewest_under_way: Option<usize>,
    /// Times from healing to the last end.
    pub healings: Vec<Duration>,
    /// What went wrong on the way.
    pub wrong: Vec<Violation>,
}

impl Field {
    /// Starts everything under `folder`, for at most `firms` applications.
    ///
    /// # Errors
    /// A process does not come up, or a service refuses what it needs to begin.
    pub async fn start(folder: &Path, ground: Ground, firms: u32, random: Random) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let folder = fs::canonicalize(folder)?;
        let mut disks = SmallDisks::default();
        if ground.has_small_disks {
            disks.mount(&folder.join("broker/store"))?;
            for party in Party::ALL {
                disks.mount(&folder.join(party.as_str()).join("data"))?;
            }
        }
        let broker = Broker::start(&folder.join("broker"))?;
        let proxies = if ground.has_proxies { Some(Proxies::start(&broker.url(), &random.split(2))?) } else { None };
        let begin = Moment::start_of(DAY).plus_hours(9);
        // Nothing in a form is from after the earliest time that a clock will be set back to.
        let begin = if ground.has_wall_clocks { begin.plus_hours(24 * (clock::BACK_DAYS + 1)) } else { begin };
        let first_ahead_ms = begin.millis() - system_ms()?;
        let options = Options {
            driven_from: (!ground.has_wall_clocks).then_some(begin),
            automatic: firms::every_role(),
            charter: Some(firms::charter(&folder)?),
            databases: ground.databases.as_ref().map(|databases| databases.urls()).unwrap_or_default(),
            nats_urls: proxies.as_ref().map(Proxies::urls).unwrap_or_default(),
            ..Options::default()
        };
        let files = cluster::prepare(&folder, &broker, &options)?;
        let mut program = std::env::current_exe().context("cannot find this program")?;
        if ground.has_limits {
            program = disk::without_signal(&program, &folder)?;
        }
        let mut services = BTreeMap::new();
        for party in Party::ALL {
            let mut environment = BTreeMap::new();
            if ground.has_wall_clocks {
                write_clock(&folder, party, first_ahead_ms)?;
                environment.insert(fault::CLOCK, clock_file(&folder, party).display().to_string());
            }
            services.insert(party, Service::start_in(environment, &program, party, &files[&party])?);
        }
        let applicants = firms::open(&services, firms).await?;
        let union = folder.join(Party::Union.as_str());
        let clients = Clients::start(&union, &applicants.token, firms, random.split(1))?;
        Ok(Field {
            folder,
            broker,
            services,
            clients,
            random,
            union_set_back: false,
            ground,
            proxies,
            round: 0,
            first_ahead_ms,
            highest_ahead_ms: first_ahead_ms,
            next_share: 0,
            is_struck: false,
            course: Course::default(),
            _disks: disks,
        })
    }

    /// This round begins, the one up to whose end so many applications may be filed; [`Field::let_file`] lets them.
    pub fn begin_round(&mut self, round: u32, share: u32) {
        self.round = usize::try_from(round).unwrap_or_default();
        self.next_share = share;
    }

    /// Lets the applications of the round be filed.
    pub fn let_file(&self) {
        self.clients.let_file(self.next_share);
    }

    /// Lets the first half of the applications of the round be filed.
    pub fn let_half_file(&self) {
        self.clients.let_file(self.clients.allowed().midpoint(self.next_share));
    }

    /// Something did not happen that must, or the other way round.
    pub fn wrong(&mut self, rule: &'static str, what: String) {
        self.course.wrong.push(Violation { rule, what });
    }

    /// Where an organisation's files lie.
    pub fn home(&self, party: Party) -> PathBuf {
        self.folder.join(party.as_str())
    }

    /// The service of that organisation.
    ///
    /// # Errors
    /// There is none.
    pub fn service(&mut self, party: Party) -> anyhow::Result<&mut Service> {
        self.services.get_mut(&party).with_context(|| format!("no service of the {party}"))
    }

    /// Its operator's access; made anew, because a service's address changes with each start.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn operator(&self, party: Party) -> anyhow::Result<Api> {
        let service = self.services.get(&party).with_context(|| format!("no service of the {party}"))?;
        Api::new(&service.url, &service.operator_token)
    }

    /// One of the three.
    pub fn any_party(&mut self) -> Party {
        self.random.pick(&Party::ALL).copied().unwrap_or(Party::Union)
    }

    /// Waits for a moment that nobody knows before, shorter than `most`.
    pub async fn pause(&mut self, most: Duration) {
        let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        sleep(Duration::from_micros(self.random.below(most))).await;
    }

    /// Counts a fault that strikes now: by its kind if applications are under way, else as one that missed.
    pub fn strike(&mut self, kind: impl Into<String>) {
        self.struck(kind, self.clients.under_way());
    }

    /// Counts a fault that struck while so many applications were under way.
    pub fn struck(&mut self, kind: impl Into<String>, under_way: usize) {
        self.struck_times(kind, 1, under_way);
    }

    /// Counts a fault that struck so many times.
    pub fn struck_times(&mut self, kind: impl Into<String>, times: u64, under_way: usize) {
        if under_way > 0 {
            self.is_struck |= times > 0;
            *self.course.struck.entry(kind.into()).or_default() += times;
            let fewest = self.course.fewest_under_way.get_or_insert(under_way);
            *fewest = under_way.min(*fewest);
        } else {
            self.course.missed += 1;
        }
    }

    /// How long an organisation's log is now.
    pub fn log_length(&self, party: Party) -> usize {
        self.log_since(party, 0).len()
    }

    /// What an organisation's log says after so many bytes.
    pub fn log_since(&self, party: Party, bytes: usize) -> String {
        let log = fs::read(self.home(party).join("service.log")).unwrap_or_default();
        String::from_utf8_lossy(log.get(bytes..).unwrap_or_default()).into_owned()
    }

    /// Waits until all who may file have an answer.
    ///
    /// # Errors
    /// They wait for ever.
    pub async fn filed(&self) -> anyhow::Result<()> {
        let until = Instant::now() + FOR_EVER;
        while !self.clients.has_filed_all() {
            if Instant::now() > until {
                bail!("{} of {} filings are answered after {FOR_EVER:?}", self.clients.filed(), self.clients.allowed());
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Waits until a service has decided everything it was told and can only wait for its partners.
    ///
    /// # Errors
    /// It does not answer, or goes on for ever.
    pub async fn said_all_it_can(&self, party: Party) -> anyhow::Result<()> {
        let (operator, until) = (self.operator(party)?, Instant::now() + FOR_EVER);
        let mut before = Value::Null;
        loop {
            let backlog = operator.get("backlog").await?;
            if backlog["queued"] == 0 && backlog["position"] == before {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("the {party} goes on after {FOR_EVER:?}");
            }
            before = backlog["position"].clone();
            sleep(QUIET).await;
        }
    }

    /// Waits until everything that a service has to say is receipted.
    ///
    /// # Errors
    /// It does not answer, or it is not receipted for ever.
    pub async fn said(&self, party: Party) -> anyhow::Result<()> {
        let (operator, until) = (self.operator(party)?, Instant::now() + FOR_EVER);
        while operator.get("backlog").await?["unreceipted"] != 0 {
            if Instant::now() > until {
                bail!("what the {party} says is not receipted after {FOR_EVER:?}");
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Waits until a service takes requests.
    ///
    /// # Errors
    /// It does not in time.
    pub async fn ready(&self, party: Party) -> anyhow::Result<()> {
        let (operator, until) = (self.operator(party)?, Instant::now() + PATIENCE);
        let url = format!("{}/readyz", operator.url);
        while !reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
            if Instant::now() > until {
                bail!("the {party}'s service is not ready after {PATIENCE:?}");
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Everything is healed: waits until every application has ended or waits for a named person, and nothing is said any
    /// more. What is not at rest after [`FOR_EVER`] stays so; the check will find it.
    ///
    /// # Errors
    /// A service does not answer.
    pub async fn settle(&mut self) -> anyhow::Result<()> {
        self.settle_since(Instant::now()).await
    }

    /// As [`Field::settle`], of what was healed then.
    ///
    /// # Errors
    /// As [`Field::settle`].
    pub async fn settle_since(&mut self, begun: Instant) -> anyhow::Result<()> {
        for party in Party::ALL {
            self.ready(party).await?;
        }
        self.comes_to_rest(FOR_EVER).await?;
        if std::mem::take(&mut self.is_struck) {
            self.course.healings.push(begun.elapsed());
        }
        Ok(())
    }

    /// Waits for so long at most until everything is at rest; whether it is.
    ///
    /// # Errors
    /// A service does not answer.
    pub async fn comes_to_rest(&self, within: Duration) -> anyhow::Result<bool> {
        let begun = Instant::now();
        while begun.elapsed() < within {
            match self.is_at_rest().await {
                Ok(true) => return Ok(true),
                // A service whose database was gone says so for a while.
                Err(error) if begun.elapsed() > PATIENCE => return Err(error),
                Ok(false) | Err(_) => sleep(LOOK_EVERY).await,
            }
        }
        Ok(false)
    }

    async fn is_at_rest(&self) -> anyhow::Result<bool> {
        if !self.clients.has_filed_all() {
            return Ok(false);
        }
        for party in Party::ALL {
            if unrest(&self.operator(party)?).await?.is_some() {
                return Ok(false);
            }
        }
        let union = self.operator(Party::Union)?;
        let mut open = union.get("applications?ended=false&limit=200").await?;
        let Value::Array(open) = open["items"].take() else { return Ok(false) };
        if open.is_empty() {
            return Ok(true);
        }
        let mut waiting = BTreeMap::new();
        for party in Party::ALL {
            waiting.extend(named(party, &self.operator(party)?).await?);
        }
        Ok(open.iter().all(|one| one["application_id"].as_str().is_some_and(|id| waiting.contains_key(id))))
    }

    /// Everything that is said and was told, and how it went; then all processes stop.
    ///
    /// # Errors
    /// A service does not answer, or the applicants gave up.
    pub async fn end(mut self) -> anyhow::Result<(Evidence, Course)> {
        self.clients.end()?;
        let mut operators = BTreeMap::new();
        for party in Party::ALL {
            operators.insert(party, self.operator(party)?);
        }
        let mut evidence = Evidence::read(&operators, self.clients.history()).await?;
        evidence.time_jumped = self.ground.has_wall_clocks;
        evidence.union_set_back = self.union_set_back;
        for service in self.services.values_mut() {
            service.stop()?;
            let log = fs::read_to_string(&service.log).unwrap_or_default();
            let panics = log.lines().filter(|line| line.contains("panicked at")).count();
            if panics > 0 {
                evidence.unrest.push((service.party, format!("panicked {panics} times")));
            }
        }
        Ok((evidence, self.course))
    }
}

/// Sets a service's clock so far ahead of this machine's.
///
/// # Errors
/// Its file cannot be written.
pub fn write_clock(folder: &Path, party: Party, ahead_ms: i64) -> anyhow::Result<()> {
    let file = clock_file(folder, party);
    let new = file.with_extension("new");
    fs::write(&new, ahead_ms.to_string())?;
    // Whoever reads it reads the old time or the new one.
    Ok(fs::rename(new, file)?)
}

fn clock_file(folder: &Path, party: Party) -> PathBuf {
    folder.join(format!("{party}.clock"))
}

/// What this machine's clock shows.
///
/// # Errors
/// It stands before 1970.
pub fn system_ms() -> anyhow::Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}
