//! Two processes of the union's service on one PostgreSQL database. The one that writes is killed, or frozen and thawed,
//! while people file at the other one: each is answered rightly or told to ask again, and nothing is filed twice.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use domain::Party;
use nuan::api::Api;
use nuan::broker::Broker;
use nuan::cluster::{Service, prepare_replica};
use nuan::databases::Databases;
use serde_json::Value;
use tokio::time::{sleep, timeout};
use tools::postgres::Server;

use crate::kill::{Cluster, PATIENCE, form};

/// The three services, and a second process of the union's that stands by.
struct Pair {
    cluster: Cluster,
    second: Service,
    token: String,
    client: reqwest::Client,
}

impl Pair {
    async fn start(folder: &Path, broker: &Broker, server: &Server) -> Self {
        let databases = Databases::create(&server.url("postgres").into()).await.unwrap();
        let cluster = Cluster::start(folder, broker, databases.urls());
        let token = cluster.set_up().await;
        let config = prepare_replica(&folder.join("union/config.toml"), 2).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_nuan"));
        let second = Service::start(program, Party::Union, &config).unwrap();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let pair = Pair { cluster, second, token, client };
        assert!(pair.writes(&pair.first().url).await && !pair.writes(&pair.second.url).await);
        pair
    }

    fn first(&self) -> &Service {
        &self.cluster.services[&Party::Union]
    }

    fn first_mut(&mut self) -> &mut Service {
        self.cluster.services.get_mut(&Party::Union).unwrap()
    }

    /// Whether the process at this address says that it writes.
    async fn writes(&self, url: &str) -> bool {
        let metrics = self.client.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
        metrics.lines().any(|line| line == "nuan_role_writer 1")
    }

    async fn until(&self, url: &str, writes: bool) {
        let became = timeout(PATIENCE, async {
            while self.writes(url).await != writes {
                sleep(Duration::from_millis(20)).await;
            }
        });
        became.await.unwrap();
    }

    /// Files for a firm until there is a number.
    async fn file_for_sure(&self, url: &str, n: u32) -> String {
        let filed = timeout(PATIENCE, async {
            loop {
                if let Some(id) = file(&self.client, &self.token, url, n).await {
                    return id;
                }
                sleep(Duration::from_millis(20)).await;
            }
        });
        filed.await.unwrap()
    }

    /// The numbers that the union knows, as this address tells them.
    async fn numbers(&self, url: &str) -> BTreeSet<String> {
        let page = Api::new(url, &self.first().operator_token).unwrap().get("applications?limit=100").await.unwrap();
        let items = page["items"].as_array().unwrap();
        items.iter().map(|item| item["application_id"].as_str().unwrap().to_owned()).collect()
    }

    async fn all_are_paid_out(&self, url: &str, ids: &BTreeSet<String>) {
        let union = Api::new(url, &self.first().operator_token).unwrap();
        for id in ids {
            let end = union.get(&format!("applications/{id}?until=end&wait_ms=60000")).await.unwrap();
            assert_eq!(end["state"], "DISBURSED", "{id}: {end:#}");
        }
        assert_eq!(&self.numbers(url).await, ids, "nothing was filed twice");
    }
}

/// Files for a firm at this address under its key: the number, or that one is to ask again. Nothing else is an answer.
async fn file(client: &reqwest::Client, token: &str, url: &str, n: u32) -> Option<String> {
    let sent = client
        .post(format!("{url}/api/v1/applications"))
        .bearer_auth(token)
        .header("Idempotency-Key", format!("firm-{n}"))
        .json(&form(n))
        .send()
        .await
        .unwrap();
    let status = sent.status().as_u16();
    let answer: Value = sent.json().await.unwrap();
    match status {
        201 => Some(answer["application_id"].as_str().unwrap().to_owned()),
        503 => None,
        _ => panic!("{status}: {answer:#}"),
    }
}

#[tokio::test]
async fn a_writer_that_is_killed_is_replaced_and_what_was_asked_of_the_other_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let (broker, server) = (Broker::start(&folder.path().join("broker")).unwrap(), Server::shared().unwrap());
    let mut pair = Pair::start(folder.path(), &broker, &server).await;
    let mut ids = BTreeSet::new();
    // Forwarded to the one that writes.
    for n in 0..4 {
        ids.insert(pair.file_for_sure(&pair.second.url, n).await);
    }
    assert_eq!(pair.numbers(&pair.second.url).await, ids, "the one that stands by reads what is committed");
    pair.first_mut().kill().unwrap();
    for n in 0..8 {
        // Those of before get the answer of before.
        ids.insert(pair.file_for_sure(&pair.second.url, n).await);
    }
    assert_eq!(ids.len(), 8);
    assert!(pair.writes(&pair.second.url).await);
    // The killed one comes back and stands by for its successor.
    pair.first_mut().restart().unwrap();
    let first = pair.first().url.clone();
    ids.insert(pair.file_for_sure(&first, 8).await);
    assert!(!pair.writes(&first).await && pair.writes(&pair.second.url).await);
    pair.all_are_paid_out(&first, &ids).await;
}

#[tokio::test]
async fn a_writer_that_freezes_is_replaced_and_stands_by_when_it_thaws() {
    let folder = tempfile::tempdir().unwrap();
    let (broker, server) = (Broker::start(&folder.path().join("broker")).unwrap(), Server::shared().unwrap());
    let mut pair = Pair::start(folder.path(), &broker, &server).await;
    let (first, second) = (pair.first().url.clone(), pair.second.url.clone());
    let mut ids = BTreeSet::from([pair.file_for_sure(&first, 0).await]);
    pair.first_mut().freeze().unwrap();
    for n in 1..4 {
        ids.insert(pair.file_for_sure(&second, n).await);
    }
    pair.until(&second, true).await;
    // What the frozen one is asked it finds when it thaws, and must not do by itself any more.
    let asked = tokio::spawn({
        let (client, token, first) = (pair.client.clone(), pair.token.clone(), first.clone());
        async move { file(&client, &token, &first, 4).await }
    });
    tokio::task::yield_now().await;
    pair.first_mut().thaw().unwrap();
    ids.extend(asked.await.unwrap());
    pair.until(&first, false).await;
    assert!(pair.writes(&second).await);
    ids.insert(pair.file_for_sure(&first, 4).await);
    ids.insert(pair.file_for_sure(&first, 5).await);
    assert_eq!(ids.len(), 6);
    pair.all_are_paid_out(&first, &ids).await;
}
