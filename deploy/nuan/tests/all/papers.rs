//! Papers between three real services: handed in at the union, sealed to whoever asks and may, opened with a reason, erased.

use super::three::Three;
use domain::Party;
use nuan::{
    api::Api,
    broker::Broker,
    cluster::{Options, Service},
    firms,
};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A PDF of so many bytes that nobody else has.
fn pdf(canary: &str, size: usize) -> Vec<u8> {
    let mut bytes = format!("%PDF-1.7\n{canary}\n").into_bytes();
    bytes.resize(size, b'.');
    bytes
}

/// A list that comes whole.
async fn list(api: &Api, path: &str) -> Vec<Value> {
    api.get(path).await.unwrap()["items"].as_array().unwrap().clone()
}

struct Answer {
    status: StatusCode,
    media_type: String,
    bytes: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    #[track_caller]
    fn is(&self, status: u16, code: &str) {
        let body = self.json();
        let found = body["code"].as_str().unwrap_or_default();
        assert_eq!((self.status.as_u16(), found), (status, code), "{body}");
    }
}

struct House {
    _folder: tempfile::TempDir,
    broker: Option<Broker>,
    configurations: BTreeMap<Party, PathBuf>,
    services: BTreeMap<Party, Service>,
    applicant: Api,
    http: Client,
    requests: u32,
}

impl House {
    async fn open() -> House {
        let Three { services, configurations, broker, folder } = Three::start(|_| Options::default());
        let applicant = firms::open(&services, 3).await.unwrap();
        let http = Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        House { _folder: folder, broker: Some(broker), configurations, services, applicant, http, requests: 0 }
    }

    async fn officer(&self, party: Party, person: &str, roles: &[&str]) -> Api {
        let service = &self.services[&party];
        let account = json!({ "account": person, "person": format!("person:{person}"), "roles": roles });
        let first = Api::new(&service.url, &service.operator_token).unwrap();
        first.post("tokens", &account).await.unwrap();
        let made = first.with_token(&service.second_operator_token).post("tokens", &account).await.unwrap();
        first.with_token(made["token"].as_str().unwrap())
    }

    async fn post(&mut self, api: &Api, path: &str, media_type: &str, body: Vec<u8>) -> Answer {
        self.requests += 1;
        let request = self.http.post(format!("{}/api/v1/{path}", api.url)).bearer_auth(&api.token);
        let request = request.header("Idempotency-Key", format!("papers-{}", self.requests));
        let response = request.header("Content-Type", media_type).body(body).send().await.unwrap();
        let media_type = response.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
        Answer { status: response.status(), media_type, bytes: response.bytes().await.unwrap().to_vec() }
    }

    async fn supply(&mut self, api: &Api, id: &str, kind: &str, bytes: Vec<u8>) -> Answer {
        self.post(api, &format!("applications/{id}/papers?kind={kind}&pages=2"), "application/pdf", bytes).await
    }

    async fn because(&mut self, api: &Api, path: &str, why: &str) -> Answer {
        self.post(api, path, "application/json", json!({ "because": why }).to_string().into_bytes()).await
    }

    async fn decide(&self, officer: &Api, id: &str, task: &str, body: Value) {
        let until = Instant::now() + PATIENCE;
        loop {
            let tasks = officer.all(&format!("tasks?application_id={id}")).await.unwrap();
            if tasks.iter().any(|open| open["task_id"] == format!("{id}/{task}")) {
                break;
            }
            assert!(Instant::now() < until, "{task} of {id} is never opened");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (_, tag) = officer.get_tagged(&format!("applications/{id}")).await.unwrap();
        officer.decide(&format!("tasks/{id}/{task}/decision"), &body, &tag.unwrap()).await.unwrap();
    }

    /// Waits until so many papers are whole here; by kind, their addresses.
    async fn whole(&self, api: &Api, id: &str, count: usize) -> BTreeMap<String, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let papers = list(api, &format!("applications/{id}/papers")).await;
            let whole: Vec<&Value> = papers.iter().filter(|paper| paper["whole"] == true).collect();
            if whole.len() == count {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                return whole.iter().map(|paper| (text(&paper["kind"]), text(&paper["address"]))).collect();
            }
            assert!(Instant::now() < until, "{count} papers, not {papers:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `nuan verify` of each organisation.
    fn verify(&self) {
        for (party, file) in &self.configurations {
            let done =
                Command::new(env!("CARGO_BIN_EXE_nuan")).arg("verify").arg("--config").arg(file).output().unwrap();
            let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
            assert!(done.status.success() && said.contains("all hold"), "{party}: {said}");
        }
    }
}

#[tokio::test]
async fn papers_reach_who_needs_them_sealed_and_are_opened_with_a_reason() {
    let mut house = House::open().await;
    let applicant = house.applicant.clone();
    let li = house.officer(Party::Union, "li", &["intake_officer"]).await;
    let zhao = house.officer(Party::Guarantor, "zhao", &["risk_manager"]).await;
    let wu = house.officer(Party::Bank, "wu", &["credit_investigator"]).await;
    let filed = applicant.post("applications", &firms::form(0, 0).unwrap()).await.unwrap();
    let id = filed["application_id"].as_str().unwrap().to_owned();

    // Handed in by the applicant; one of them of several parts.
    let licence = pdf("licence of a canary", 300_000);
    house.supply(&applicant, &id, "LICENCE", licence.clone()).await.is(200, "");
    house.supply(&applicant, &id, "GROUP_PROOF", pdf("hardship of a canary", 900)).await.is(200, "");
    house.supply(&applicant, &id, "COUNTER_GUARANTEE", pdf("backing of a canary", 900)).await.is(200, "");
    house.supply(&applicant, &id, "LICENCE", licence.clone()).await.is(409, "ALREADY_SUPPLIED");

    // Before a partner is asked for a decision it has nothing to ask for.
    house.because(&zhao, &format!("applications/{id}/papers/request"), "尽职调查").await.is(404, "NOT_FOUND");
    house.decide(&li, &id, "check-eligibility", json!({ "verdict": "approve" })).await;
    let tasks = |api: Api| async move { api.all("tasks").await.unwrap().len() };
    let until = Instant::now() + PATIENCE;
    while tasks(zhao.clone()).await == 0 {
        assert!(Instant::now() < until, "the guarantor is never asked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(list(&zhao, &format!("applications/{id}/papers")).await.is_empty(), "nothing goes unasked");
    house.because(&zhao, &format!("applications/{id}/papers/request"), "尽职调查").await.is(200, "");
    house.because(&zhao, &format!("applications/{id}/papers/request"), "尽职调查").await.is(409, "ALREADY_ASKED");

    // The guarantor has the licence and what backs the guarantee, not what proves the group.
    let at_guarantor = house.whole(&zhao, &id, 3).await;
    let kinds: Vec<&str> = at_guarantor.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["COUNTER_GUARANTEE", "LICENCE", "PERSON"]);
    let path = format!("applications/{id}/papers/{}/disclosure", at_guarantor["LICENCE"]);
    house.because(&zhao, &path, " ").await.is(422, "INVALID");
    let shown = house.because(&zhao, &path, "核对经营范围").await;
    assert_eq!((shown.status.as_u16(), shown.media_type.as_str()), (200, "application/pdf"));
    assert!(shown.bytes == licence, "{} bytes of {}", shown.bytes.len(), licence.len());
    let auditor = Api::new(&zhao.url, &house.services[&Party::Guarantor].operator_token).unwrap();
    let looked = auditor.all("disclosures").await.unwrap();
    assert_eq!(looked[0]["person"], "person:zhao");
    assert_eq!(looked[0]["because"], "营业执照：核对经营范围");
    let masked = zhao.get(&format!("applications/{id}/personal-data")).await.unwrap();
    assert_eq!(masked["items"][0]["legal_rep_id"].as_str().unwrap().len(), 18, "{masked}");
    assert!(masked["items"][0]["legal_rep_id"].as_str().unwrap().contains("****"), "{masked}");

    // A paper that comes later goes to whoever has asked; then the bank asks, and gets its own minimum.
    house.supply(&li, &id, "LEASE", pdf("lease of a canary", 130_000)).await.is(200, "");
    house.whole(&zhao, &id, 4).await;
    let agree =
        json!({ "verdict": "agree", "amount_fen": firms::ASKED_FEN, "conditions": [], "counter_guarantee": "NONE" });
    house.decide(&zhao, &id, "due-diligence", agree).await;
    let until = Instant::now() + PATIENCE;
    while tasks(wu.clone()).await == 0 {
        assert!(Instant::now() < until, "the bank is never asked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    house.because(&wu, &format!("applications/{id}/papers/request"), "贷前调查").await.is(200, "");
    let at_bank = house.whole(&wu, &id, 3).await;
    assert_eq!(at_bank.keys().map(String::as_str).collect::<Vec<_>>(), ["LEASE", "LICENCE", "PERSON"]);
    let record = house.because(&wu, &format!("applications/{id}/personal-data/disclosure"), "核实身份").await.json();
    let fields = &record["items"][0];
    assert_eq!(fields["legal_rep_id"], firms::form(0, 0).unwrap()["legal_rep_id"]);
    assert!(fields["beneficiary_group"].is_null() && fields["member_no"].is_null(), "{record}");

    // Sealed, they stand in no file in clear.
    for service in house.services.values_mut() {
        service.stop().unwrap();
    }
    house.broker = None;
    house.verify();
    for file in house.configurations.values() {
        let data = file.parent().unwrap().join("data");
        for entry in std::fs::read_dir(data).unwrap().flatten().filter(|entry| entry.path().is_file()) {
            let bytes = std::fs::read(entry.path()).unwrap();
            let clear = bytes.windows(11).any(|window| window == b"of a canary");
            assert!(!clear, "a paper stands in {}", entry.path().display());
        }
    }
}

#[tokio::test]
async fn what_is_no_paper_is_refused_and_changes_nothing() {
    let mut house = House::open().await;
    let applicant = house.applicant.clone();
    let filed = applicant.post("applications", &firms::form(0, 0).unwrap()).await.unwrap();
    let id = filed["application_id"].as_str().unwrap().to_owned();
    let account = json!({ "account": "other", "person": "person:other", "roles": ["applicant"] });
    let operator = Api::new(&applicant.url, &house.services[&Party::Union].operator_token).unwrap();
    let made = operator.post("tokens", &account).await.unwrap();
    let other = applicant.with_token(made["token"].as_str().unwrap());

    house
        .supply(&applicant, &id, "LICENCE", b"<script>alert(1)</script>".to_vec())
        .await
        .is(415, "UNSUPPORTED_MEDIA_TYPE");
    house.supply(&applicant, &id, "LICENCE", Vec::new()).await.is(415, "UNSUPPORTED_MEDIA_TYPE");
    house.supply(&applicant, &id, "LICENCE", pdf("", 2 * 1024 * 1024 + 1)).await.is(413, "TOO_LARGE");
    house.supply(&applicant, &id, "LICENCE", pdf("", 3 * 1024 * 1024)).await.is(413, "TOO_LARGE");
    house.supply(&applicant, &id, "POEM", pdf("", 100)).await.is(400, "INVALID_QUERY");
    house.supply(&applicant, &id, "PERSON", pdf("", 100)).await.is(400, "INVALID_QUERY");
    let path = format!("applications/{id}/papers?kind=LICENCE&pages=0");
    house.post(&applicant, &path, "application/pdf", pdf("", 100)).await.is(400, "INVALID_QUERY");
    house.supply(&other, &id, "LICENCE", pdf("", 100)).await.is(404, "NOT_FOUND");
    house.supply(&applicant, "NCD-2019-9999", "LICENCE", pdf("", 100)).await.is(404, "NOT_FOUND");
    assert!(list(&applicant, &format!("applications/{id}/papers")).await.is_empty());
    assert!(other.get(&format!("applications/{id}/papers")).await.is_err());

    applicant.post(&format!("applications/{id}/withdrawal"), &json!({ "reason": "NO_NEED" })).await.unwrap();
    house.supply(&applicant, &id, "LICENCE", pdf("", 100)).await.is(409, "NOT_NOW");
}

#[tokio::test]
async fn two_persons_erase_what_came_to_nothing_and_every_hash_still_holds() {
    let mut house = House::open().await;
    let applicant = house.applicant.clone();
    let li = house.officer(Party::Union, "li", &["intake_officer"]).await;
    let liu = house.officer(Party::Union, "liu", &["intake_officer"]).await;
    let zhao = house.officer(Party::Guarantor, "zhao", &["risk_manager", "contract_officer"]).await;
    let qian = house.officer(Party::Guarantor, "qian", &["contract_officer"]).await;
    let filed = applicant.post("applications", &firms::form(0, 0).unwrap()).await.unwrap();
    let id = filed["application_id"].as_str().unwrap().to_owned();
    house.supply(&applicant, &id, "ID_FRONT", pdf("identity of a canary", 2_000)).await.is(200, "");
    house.decide(&li, &id, "check-eligibility", json!({ "verdict": "approve" })).await;
    let until = Instant::now() + PATIENCE;
    while zhao.all("tasks").await.unwrap().is_empty() {
        assert!(Instant::now() < until, "the guarantor is never asked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    house.because(&zhao, &format!("applications/{id}/papers/request"), "尽职调查").await.is(200, "");
    let papers = house.whole(&zhao, &id, 2).await;
    let erasure = format!("applications/{id}/erasure");
    house.because(&li, &erasure, "申请人要求").await.is(409, "NOT_ENDED");

    applicant.post(&format!("applications/{id}/withdrawal"), &json!({ "reason": "NO_NEED" })).await.unwrap();
    applicant.get(&format!("applications/{id}?until=end&wait_ms=30000")).await.unwrap();
    let union_data = format!("applications/{id}/personal-data");
    assert_eq!(list(&li, &union_data).await.len(), 1);
    // One person alone erases nothing, and the same one twice is one.
    assert_eq!(house.because(&li, &erasure, "申请人要求").await.status.as_u16(), 202);
    assert_eq!(house.because(&li, &erasure, "申请人要求").await.status.as_u16(), 202);
    assert_eq!(list(&li, &union_data).await.len(), 1);
    assert_eq!(house.because(&liu, &erasure, "申请人要求").await.status.as_u16(), 204);
    assert!(list(&li, &union_data).await.is_empty());
    let shown = format!("applications/{id}/papers/{}/disclosure", papers["ID_FRONT"]);
    house.because(&li, &shown, "查看").await.is(409, "PAPER_NOT_HERE");
    house.because(&liu, &erasure, "再次").await;
    house.because(&li, &erasure, "再次").await.is(409, "NOTHING_KEPT");

    // The guarantor keeps its own copy until it erases it.
    let until = Instant::now() + PATIENCE;
    while zhao.get(&format!("applications/{id}")).await.unwrap()["ended"] != true {
        assert!(Instant::now() < until, "the guarantor's case never ends");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(house.because(&zhao, &shown, "查看").await.status.as_u16(), 200);
    assert_eq!(house.because(&zhao, &erasure, "申请人要求").await.status.as_u16(), 202);
    assert_eq!(house.because(&qian, &erasure, "申请人要求").await.status.as_u16(), 204);
    house.because(&zhao, &shown, "查看").await.is(409, "PAPER_NOT_HERE");
    for service in house.services.values_mut() {
        service.stop().unwrap();
    }
    house.verify();
}
