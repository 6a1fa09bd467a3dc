//! Notices to applicants: to a file and to an adapter that fails, refuses and comes back; on the applicant's page; and to nobody who did not
//! consent.

use super::three::Three;
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use domain::Party;
use nuan::{api::Api, cluster::Options, firms};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(30);

struct House {
    three: Three,
    applicant: Api,
}

impl House {
    async fn open(notices: impl FnOnce(&Path) -> String) -> House {
        let three = Three::start(|folder| Options { notices: Some(notices(folder)), ..Options::default() });
        let applicant = firms::open(&three.services, 10).await.unwrap();
        House { three, applicant }
    }

    async fn file(&self, n: u32, change: impl FnOnce(&mut Value)) -> String {
        let mut form = firms::form(n, 0).unwrap();
        change(&mut form);
        let filed = self.applicant.post("applications", &form).await.unwrap();
        filed["application_id"].as_str().unwrap().to_owned()
    }

    /// How often the union has counted this.
    async fn counted(&self, metric: &str) -> u64 {
        let url = format!("{}/metrics", self.three.services[&Party::Union].url);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let metrics = client.get(url).send().await.unwrap().text().await.unwrap();
        let line = metrics.lines().find(|line| line.starts_with(&format!("nuan_{metric}_total")));
        line.and_then(|line| line.rsplit(' ').next()).and_then(|count| count.parse().ok()).unwrap_or_default()
    }
}

async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < until, "{what} never happens");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn each_step_is_told_in_a_file_and_on_the_applicants_page_and_names_nobody() {
    let house = House::open(|folder| format!("file:{}", folder.join("notices.jsonl").display())).await;
    let id = house.file(0, |_| ()).await;
    let withdraw = json!({ "reason": "NO_NEED" });
    house.applicant.post(&format!("applications/{id}/withdrawal"), &withdraw).await.unwrap();
    let file = house.three.folder.path().join("notices.jsonl");
    let lines = until("the withdrawal is told", async || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.contains("WITHDRAWN").then_some(text)
    })
    .await;
    let told: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let codes: Vec<&str> = told.iter().map(|notice| notice["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["FILED", "WITHDRAWN"]);
    assert!(told.iter().all(|notice| notice["application_id"] == id.as_str() && notice["to"].is_null()), "{lines}");
    let form = firms::form(0, 0).unwrap();
    for personal in ["legal_rep_name", "legal_rep_id", "mobile", "settle_account", "member_no", "enterprise_name"] {
        assert!(!lines.contains(form[personal].as_str().unwrap()), "{personal}: {lines}");
    }
    let page = house.applicant.get(&format!("applications/{id}/notices")).await.unwrap();
    let listed: Vec<&Value> = page["items"].as_array().unwrap().iter().map(|notice| &notice["text"]).collect();
    assert_eq!(listed, told.iter().rev().map(|notice| &notice["text"]).collect::<Vec<_>>(), "the last one first");
}

/// An adapter that answers as it is scripted, then 204; and what it was sent.
#[derive(Clone, Default)]
struct Adapter {
    script: Arc<Mutex<VecDeque<u16>>>,
    heard: Arc<Mutex<Vec<(String, Value, u16)>>>,
}

impl Adapter {
    async fn start(script: &[u16]) -> (Adapter, String) {
        let adapter = Adapter::default();
        adapter.script.lock().unwrap().extend(script);
        let hear = async |State(adapter): State<Adapter>, headers: HeaderMap, Json(body): Json<Value>| {
            let status = adapter.script.lock().unwrap().pop_front().unwrap_or(204);
            let key = headers["idempotency-key"].to_str().unwrap().to_owned();
            adapter.heard.lock().unwrap().push((key, body, status));
            StatusCode::from_u16(status).unwrap()
        };
        let app = Router::new().route("/notices", post(hear)).with_state(adapter.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/notices", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (adapter, url)
    }

    /// Codes of what it took, in order.
    fn took(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let taken = heard.iter().filter(|(.., status)| *status == 204);
        taken.map(|(_, body, _)| body["code"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn an_adapter_gets_each_notice_under_one_key_until_it_takes_it_and_one_that_it_refuses_holds_up_none() {
    let (adapter, url) = Adapter::start(&[500, 429, 204, 422]).await;
    let house = House::open(|_| url).await;
    let id = house.file(0, |_| ()).await;
    until("the first is taken", async || (!adapter.took().is_empty()).then_some(())).await;
    house.applicant.post(&format!("applications/{id}/withdrawal"), &json!({ "reason": "NO_NEED" })).await.unwrap();
    until("the second is refused", async || (house.counted("notices_refused").await == 1).then_some(())).await;
    // Whoever did not consent is sent nothing, and reads it on its page.
    let silent = house
        .file(1, |form| {
            let consents = form["consents"].as_array_mut().unwrap();
            consents.retain(|consent| consent["type"] != "SMS");
        })
        .await;
    until("one is withheld", async || (house.counted("notices_withheld").await >= 1).then_some(())).await;
    let third = house.file(2, |_| ()).await;
    until("the next one is taken", async || (adapter.took().len() == 2).then_some(())).await;
    let heard = adapter.heard.lock().unwrap().clone();
    let first: Vec<_> = heard.iter().take(3).collect();
    assert!(first.iter().all(|(key, body, _)| *key == first[0].0 && body["notice_id"] == key.as_str()), "{heard:?}");
    assert_eq!(first[0].1["to"]["mobile"], firms::form(0, 0).unwrap()["mobile"]);
    assert!(heard.iter().all(|(_, body, _)| body["application_id"] != silent.as_str()), "{heard:?}");
    assert_eq!(heard.last().unwrap().1["application_id"], third.as_str());
    let page = house.applicant.get(&format!("applications/{silent}/notices")).await.unwrap();
    assert_eq!(page["items"][0]["code"], "FILED");
}
