//! Several processes of one service on one PostgreSQL database. The one that writes is killed, frozen and thawed, or stopped,
//! while people file at all of them: each is answered rightly or told to ask again, and everything ends as it should, once.

use domain::{Moment, Party};
use nuan::{
    api::Api,
    broker::Broker,
    cluster::{self, Options, Service},
    databases::Databases,
    firms,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};
use tools::postgres::Server;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long a change of writers may take on a machine that has much else to do. By itself it takes less than five seconds.
const REPLACED: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The three services, one of them as several processes.
struct Cluster {
    /// The processes of the one that is looked at; the first began as its writer.
    replicas: Vec<Service>,
    /// All three, the processes of one of them being elsewhere.
    union: String,
    operators: BTreeMap<Party, String>,
    applicant: String,
    client: reqwest::Client,
    _others: Vec<Service>,
    _server: Arc<Server>,
    _broker: Broker,
    _folder: tempfile::TempDir,
}

impl Cluster {
    /// Starts `count` processes of this service and one of each other.
    async fn start(party: Party, count: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (broker, server) = (Broker::start(&folder.path().join("broker")).unwrap(), Server::shared().unwrap());
        let options = Options {
            driven_from: Some(Moment::start_of(firms::DAY).plus_hours(9)),
            automatic: firms::every_role(),
            charter: Some(firms::charter(folder.path()).unwrap()),
            databases: Databases::create(&server.url("postgres").into()).await.unwrap().urls(),
            ..Options::default()
        };
        let files = cluster::prepare(folder.path(), &broker, &options).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_nuan"));
        let mut services = BTreeMap::new();
        for party in Party::ALL {
            services.insert(party, Service::start(program, party, &files[&party]).unwrap());
        }
        let applicant = firms::open(&services, 100).await.unwrap().token;
        let union = services[&Party::Union].url.clone();
        let operators = services.iter().map(|(party, service)| (*party, service.operator_token.clone())).collect();
        let mut replicas = vec![services.remove(&party).unwrap()];
        for number in 2..=count {
            let config = cluster::prepare_replica(&files[&party], number).unwrap();
            replicas.push(Service::start(program, party, &config).unwrap());
        }
        let cluster = Cluster {
            replicas,
            union,
            operators,
            applicant,
            client: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap(),
            _others: services.into_values().collect(),
            _server: server,
            _broker: broker,
            _folder: folder,
        };
        let first = cluster.url(0);
        assert_eq!(cluster.ready(&first).await, "ready, writes\n");
        for replica in 1..cluster.replicas.len() {
            let ready = cluster.ready(&cluster.url(replica)).await;
            assert_eq!(ready, format!("ready, stands by for the writer at {first}\n"));
        }
        cluster
    }

    /// Where this process answers.
    fn url(&self, replica: usize) -> String {
        self.replicas[replica].url.clone()
    }

    async fn text(&self, url: String) -> String {
        self.client.get(url).send().await.unwrap().text().await.unwrap()
    }

    async fn ready(&self, url: &str) -> String {
        self.text(format!("{url}/readyz")).await
    }

    async fn metric(&self, replica: usize, name: &str) -> u64 {
        let metrics = self.text(format!("{}/metrics", self.url(replica))).await;
        let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} is not in {metrics}")).parse().unwrap()
    }

    /// The one of these processes that writes; waits until there is one.
    async fn writer_among(&self, replicas: &[usize]) -> usize {
        let found = timeout(PATIENCE, async {
            loop {
                for replica in replicas {
                    if self.metric(*replica, "nuan_role_writer").await == 1 {
                        return *replica;
                    }
                }
                sleep(LOOK_EVERY).await;
            }
        });
        found.await.unwrap()
    }

    /// Files for the `n`-th firm at this address, under its key, until there is a number.
    async fn file_for_sure(&self, url: &str, n: u32) -> String {
        let filed = timeout(PATIENCE, async {
            loop {
                if let Some(id) = file(&self.client, &self.applicant, url, n).await {
                    return id;
                }
                sleep(LOOK_EVERY).await;
            }
        });
        filed.await.unwrap()
    }

    fn at(&self, party: Party, url: &str) -> Api {
        Api::new(url, &self.operators[&party]).unwrap()
    }

    /// Each of these is paid out, there are no others at the union, and the books tell of each once.
    async fn all_are_paid_out(&self, url: &str, ids: &BTreeSet<String>) {
        let union = self.at(Party::Union, url);
        let ended = timeout(PATIENCE, async {
            for id in ids {
                // It is asked again where the writer changes meanwhile.
                while !union
                    .get(&format!("applications/{id}?until=end&wait_ms=5000"))
                    .await
                    .is_ok_and(|end| end["state"] == "DISBURSED")
                {
                    sleep(LOOK_EVERY).await;
                }
            }
        });
        ended.await.unwrap();
        let page = union.get("applications?limit=200").await.unwrap();
        let items = page["items"].as_array().unwrap().iter();
        let found: BTreeSet<String> = items.map(|item| item["application_id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(&found, ids);
        let filed = i64::try_from(ids.len()).unwrap();
        let committed = union.get("balances?prefix=U9002").await.unwrap();
        let fen: i64 =
            committed["items"].as_array().unwrap().iter().map(|one| one["balance_fen"].as_i64().unwrap()).sum();
        assert_eq!(fen, filed * firms::ASKED_FEN / 5);
    }
}

/// Files for a firm at this address under its key: the number, or that one is to ask again. Nothing else is an answer.
async fn file(client: &reqwest::Client, token: &str, url: &str, n: u32) -> Option<String> {
    let request = client.post(format!("{url}/api/v1/applications")).bearer_auth(token);
    let request = request.header("Idempotency-Key", format!("firm-{n}")).json(&firms::form(n, 0).unwrap());
    let Ok(sent) = request.send().await else { return None };
    let status = sent.status().as_u16();
    let has_pause = sent.headers().contains_key("retry-after");
    let answer: Value = sent.json().await.ok()?;
    match status {
        201 => Some(answer["application_id"].as_str().unwrap().to_owned()),
        503 if has_pause => None,
        _ => panic!("{status}: {answer:#}"),
    }
}

#[tokio::test]
async fn a_writer_that_is_killed_is_replaced_and_nothing_that_was_acknowledged_is_lost_or_done_twice() {
    let mut cluster = Cluster::start(Party::Union, 3).await;
    let mut ids = BTreeMap::new();
    for n in 0..12 {
        let url = cluster.url(n as usize % 3);
        ids.insert(n, cluster.file_for_sure(&url, n).await);
    }
    // Those that stand by have handed on, and read what is committed; they have taken, decided and committed nothing.
    for replica in [1, 2] {
        assert!(cluster.metric(replica, "nuan_requests_forwarded_total").await >= 4);
        for counter in ["nuan_commits_total", "nuan_frames_taken_total", "nuan_frames_empty_total"] {
            assert_eq!(cluster.metric(replica, counter).await, 0, "{counter}");
        }
        let operator = cluster.at(Party::Union, &cluster.url(replica));
        for id in ids.values() {
            operator.get(&format!("applications/{id}")).await.unwrap();
            operator.get(&format!("applications/{id}/timeline")).await.unwrap();
        }
    }

    cluster.replicas[0].kill().unwrap();
    let killed = Instant::now();
    let url = cluster.url(1);
    ids.insert(12, cluster.file_for_sure(&url, 12).await);
    let replaced = killed.elapsed();
    println!("killed: the next command was answered after {replaced:?}");
    assert!(replaced < REPLACED);
    let writer = cluster.writer_among(&[1, 2]).await;
    for n in 0..24 {
        let url = cluster.url(1 + n as usize % 2);
        let id = cluster.file_for_sure(&url, n).await;
        // Those of before get the answer of before.
        assert_eq!(ids.entry(n).or_insert_with(|| id.clone()), &id);
    }

    // The killed one comes back and stands by for its successor.
    cluster.replicas[0].restart().unwrap();
    let first = cluster.url(0);
    let ready = cluster.ready(&first).await;
    assert_eq!(ready, format!("ready, stands by for the writer at {}\n", cluster.url(writer)));
    ids.insert(24, cluster.file_for_sure(&first, 24).await);
    cluster.all_are_paid_out(&first, &ids.into_values().collect()).await;
}

#[tokio::test]
async fn a_writer_that_freezes_is_replaced_and_when_it_thaws_it_answers_nothing_wrongly_and_stands_by() {
    let mut cluster = Cluster::start(Party::Union, 2).await;
    let (first, second) = (cluster.url(0), cluster.url(1));
    let mut ids = BTreeSet::from([cluster.file_for_sure(&first, 0).await]);
    cluster.replicas[0].freeze().unwrap();
    let frozen = Instant::now();
    ids.insert(cluster.file_for_sure(&second, 1).await);
    let replaced = frozen.elapsed();
    println!("frozen: the next command was answered after {replaced:?}");
    assert!(replaced < REPLACED);
    assert_eq!(cluster.writer_among(&[1]).await, 1);
    for n in 2..6 {
        ids.insert(cluster.file_for_sure(&second, n).await);
    }
    // What the frozen one is asked it finds when it thaws, and must not do or tell by itself any more.
    let (client, token) = (cluster.client.clone(), cluster.applicant.clone());
    let mut asked = tokio::task::JoinSet::new();
    for n in 6..12 {
        let (client, token, first) = (client.clone(), token.clone(), first.clone());
        asked.spawn(async move { file(&client, &token, &first, n).await });
    }
    let backlog = tokio::spawn({
        let request = client.get(format!("{first}/api/v1/backlog")).bearer_auth(&cluster.operators[&Party::Union]);
        async move { request.send().await.unwrap() }
    });
    sleep(Duration::from_millis(300)).await;
    let position = cluster.at(Party::Union, &second).get("backlog").await.unwrap()["position"].as_u64().unwrap();
    cluster.replicas[0].thaw().unwrap();
    while let Some(answered) = asked.join_next().await {
        ids.extend(answered.unwrap());
    }
    let backlog = backlog.await.unwrap();
    if backlog.status().is_success() {
        let backlog: Value = backlog.json().await.unwrap();
        assert!(backlog["position"].as_u64().unwrap() >= position, "told from memory: {backlog}");
    } else {
        assert_eq!(backlog.status().as_u16(), 503);
    }
    let stands_by = format!("ready, stands by for the writer at {second}\n");
    timeout(PATIENCE, async {
        while cluster.ready(&first).await != stands_by {
            sleep(LOOK_EVERY).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(cluster.writer_among(&[0, 1]).await, 1);
    for n in 0..14 {
        ids.insert(cluster.file_for_sure(&first, n).await);
    }
    assert_eq!(ids.len(), 14);
    cluster.all_are_paid_out(&first, &ids).await;

    // And its turn comes again.
    cluster.replicas[1].kill().unwrap();
    ids.insert(cluster.file_for_sure(&first, 14).await);
    cluster.all_are_paid_out(&first, &ids).await;
}

#[tokio::test]
async fn a_writer_that_is_stopped_gives_way_at_once_and_its_successor_takes_up_what_is_under_way() {
    let mut cluster = Cluster::start(Party::Bank, 2).await;
    let union = cluster.union.clone();
    let mut ids = BTreeSet::new();
    for n in 0..20 {
        ids.insert(cluster.file_for_sure(&union, n).await);
    }
    let stopped = Instant::now();
    cluster.replicas[0].stop().unwrap();
    assert_eq!(cluster.writer_among(&[1]).await, 1);
    println!("stopped: replaced after {:?}", stopped.elapsed());
    for n in 20..30 {
        ids.insert(cluster.file_for_sure(&union, n).await);
    }
    cluster.all_are_paid_out(&union, &ids).await;
    assert!(cluster.metric(1, "nuan_frames_taken_total").await > 0);
}
