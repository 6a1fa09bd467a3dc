//! Each service is killed where it stands (SIGKILL), three times in mid-run, as a process of its own over HTTP. Whoever got
//! an answer can rely on it, whoever got none asks again under the same key, and money moves once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::{CardNumber, Date, Moment, Party, ResidentId, Uscc};
use nuan::api::Api;
use nuan::broker::Broker;
use nuan::cluster::{self, Options, Service};
use nuan::databases::Databases;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tools::postgres::Server;

const FIRMS: u32 = 36;
const CLIENTS: u32 = 3;
const ASKED_FEN: i64 = 5_000_000;
const DAY: Date = Date::constant(2019, 6, 3);
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The three services, killed and started again under their clients.
pub struct Cluster {
    pub services: BTreeMap<Party, Service>,
    folder: PathBuf,
}

impl Cluster {
    pub fn start(folder: &Path, broker: &Broker, databases: BTreeMap<Party, SecretString>) -> Self {
        let decided_by_rule = |roles: &[&str]| roles.iter().map(|role| (*role).to_owned()).collect();
        let options = Options {
            driven_from: Some(Moment::start_of(DAY).plus_hours(9)),
            automatic: BTreeMap::from([
                (Party::Union, decided_by_rule(&["intake_officer"])),
                (
                    Party::Guarantor,
                    decided_by_rule(&["risk_manager", "contract_officer", "letter_maker", "letter_checker"]),
                ),
                (
                    Party::Bank,
                    decided_by_rule(&[
                        "credit_investigator",
                        "credit_approver",
                        "operations",
                        "payment_maker",
                        "payment_checker",
                    ]),
                ),
            ]),
            databases,
            ..Options::default()
        };
        let files = cluster::prepare(folder, broker, &options).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_nuan"));
        let services =
            files.iter().map(|(party, file)| (*party, Service::start(program, *party, file).unwrap())).collect();
        Cluster { services, folder: folder.to_owned() }
    }

    fn operator(&self, party: Party) -> Api {
        let service = &self.services[&party];
        Api::new(&service.url, &service.operator_token).unwrap()
    }

    /// Opens the books, loads the register, and makes the applicants' account; returns its token.
    pub async fn set_up(&self) -> String {
        let deposit = json!({ "deposit_fen": 900_000_000 });
        post_when_ready(&self.operator(Party::Union), "books", &deposit).await;
        post_when_ready(&self.operator(Party::Bank), "books", &deposit).await;
        let capital = json!({ "capital_fen": 10_000_000_000_i64 });
        post_when_ready(&self.operator(Party::Guarantor), "books", &capital).await;
        let members: Vec<Value> = (0..FIRMS).map(member).collect();
        let union = self.operator(Party::Union);
        union.post("members", &json!({ "members": members })).await.unwrap();
        let account = json!({ "account": "applicants", "person": "person:applicants", "roles": ["applicant"] });
        union.post("tokens", &account).await.unwrap()["token"].as_str().unwrap().to_owned()
    }

    async fn balance(&self, party: Party, code: &str) -> i64 {
        let page = self.operator(party).get(&format!("balances?prefix={code}")).await.unwrap();
        page["items"].as_array().unwrap().iter().map(|account| account["balance_fen"].as_i64().unwrap()).sum()
    }

    /// Applications at the union that have not ended.
    async fn under_way(&self) -> usize {
        let page = self.operator(Party::Union).get("applications?ended=false&limit=100").await.unwrap();
        page["items"].as_array().unwrap().len()
    }
}

async fn post_when_ready(api: &Api, path: &str, body: &Value) {
    let tried = timeout(PATIENCE, async {
        while let Err(error) = api.post(path, body).await {
            assert!(error.to_string().contains("503"), "{error:#}");
            sleep(Duration::from_millis(50)).await;
        }
    });
    tried.await.unwrap();
}

/// Files for one firm, under one key, until there is an answer; the service may be killed meanwhile and come back elsewhere.
async fn file(client: &reqwest::Client, home: &Path, token: &str, n: u32) -> String {
    let body = form(n).to_string();
    loop {
        // While the service is down the file is stale or gone.
        let address = std::fs::read_to_string(home.join("data/http.addr")).unwrap_or_default();
        let sent = client
            .post(format!("http://{address}/api/v1/applications"))
            .bearer_auth(token)
            .header("Idempotency-Key", format!("firm-{n}"))
            .header("Content-Type", "application/json")
            .body(body.clone())
            .send()
            .await;
        if let Ok(response) = sent
            && response.status() != 503
        {
            let status = response.status();
            let text = response.text().await.unwrap_or_default();
            if let Ok(answer) = serde_json::from_str::<Value>(&text) {
                assert_eq!(status, 201, "firm {n}: {text}");
                return answer["application_id"].as_str().unwrap().to_owned();
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Kills the party's service three times while applications are under way.
async fn survives(victim: Party) {
    survives_with(victim, BTreeMap::new()).await;
}

/// The same on PostgreSQL.
async fn survives_on_postgres(victim: Party) {
    let server = Server::shared().unwrap();
    let databases = Databases::create(&server.url("postgres").into()).await.unwrap();
    survives_with(victim, databases.urls()).await;
}

async fn survives_with(victim: Party, databases: BTreeMap<Party, SecretString>) {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker")).unwrap();
    let mut cluster = Cluster::start(folder.path(), &broker, databases);
    let token = cluster.set_up().await;
    let next = Arc::new(AtomicU32::new(0));
    let filed = Arc::new(AtomicU32::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (next, filed, token) = (Arc::clone(&next), Arc::clone(&filed), token.clone());
        let home = cluster.folder.join(Party::Union.as_str());
        clients.spawn(async move {
            let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
            let mut ids = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::SeqCst);
                if n >= FIRMS {
                    return ids;
                }
                ids.push(file(&client, &home, &token, n).await);
                filed.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    let mut interrupted = 0;
    for kill in 1..=3 {
        let reached = timeout(PATIENCE, async {
            while filed.load(Ordering::SeqCst) < FIRMS / 4 * kill {
                sleep(Duration::from_millis(1)).await;
            }
        });
        reached.await.unwrap();
        interrupted += cluster.under_way().await;
        let service = cluster.services.get_mut(&victim).unwrap();
        service.kill().unwrap();
        service.restart().unwrap();
    }
    assert!(interrupted > 0, "nothing was under way when the {victim} was killed");

    let mut ids = Vec::new();
    while let Some(client) = timeout(PATIENCE, clients.join_next()).await.unwrap() {
        ids.extend(client.unwrap());
    }
    let union = cluster.operator(Party::Union);
    for id in &ids {
        let end = union.get(&format!("applications/{id}?until=end&wait_ms=60000")).await.unwrap();
        assert_eq!(end["state"], "DISBURSED", "{id}: {end:#}");
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), usize::try_from(FIRMS).unwrap(), "every firm has a number of its own");
    let all = union.get("applications?limit=100").await.unwrap();
    assert_eq!(all["items"].as_array().unwrap().len(), ids.len(), "nothing was filed twice");
    let lent = i64::from(FIRMS) * ASKED_FEN;
    for (party, code, fen) in [
        (Party::Bank, "B1301", lent),
        (Party::Bank, "B2011", lent),
        (Party::Guarantor, "G9001", lent),
        (Party::Union, "U9002", lent / 5),
        (Party::Union, "U9001", 0),
    ] {
        assert_eq!(cluster.balance(party, code).await, fen, "{code}");
    }
    for party in Party::ALL {
        for what in ["incidents", "parked"] {
            let page = cluster.operator(party).get(what).await.unwrap();
            assert_eq!(page["items"], json!([]), "{what} of the {party}");
        }
    }
    for service in cluster.services.values_mut() {
        service.stop().unwrap();
    }
}

#[tokio::test]
async fn union_killed_in_mid_run_loses_no_application_and_takes_none_twice() {
    survives(Party::Union).await;
}

#[tokio::test]
async fn guarantor_killed_in_mid_run_guarantees_each_loan_once() {
    survives(Party::Guarantor).await;
}

#[tokio::test]
async fn bank_killed_in_mid_run_pays_each_loan_out_once() {
    survives(Party::Bank).await;
}

#[tokio::test]
async fn union_on_postgres_killed_in_mid_run_loses_no_application_and_takes_none_twice() {
    survives_on_postgres(Party::Union).await;
}

#[tokio::test]
async fn guarantor_on_postgres_killed_in_mid_run_guarantees_each_loan_once() {
    survives_on_postgres(Party::Guarantor).await;
}

#[tokio::test]
async fn bank_on_postgres_killed_in_mid_run_pays_each_loan_out_once() {
    survives_on_postgres(Party::Bank).await;
}

fn member(n: u32) -> Value {
    json!({
        "member_no": format!("{:012}", 199_000_000_000_u64 + u64::from(n)),
        "name": "样例",
        "legal_rep_id": with_check(&format!("1199001970010{}{:03}", 1 + n % 9, n), |id| ResidentId::parse(id).is_ok()),
        "union_org_id": format!("GH{n:06}"),
        "union_name": format!("样例{n}号工会委员会"),
        "valid_from": "2015-01-01",
        "valid_to": null,
    })
}

/// The text with the check character that makes it valid.
fn with_check(stem: &str, valid: impl Fn(&str) -> bool) -> String {
    let candidates = "0123456789ABCDEFGHJKLMNPQRTUWXY".chars().map(|check| format!("{stem}{check}"));
    candidates.into_iter().find(|text| valid(text)).unwrap()
}

fn uscc(n: u32) -> String {
    let stem = format!("91119900X{n:07}");
    let checks = "0123456789X".chars().map(|check| format!("{stem}{check}"));
    let all = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    checks
        .flat_map(|stem| all.chars().map(move |check| format!("{stem}{check}")))
        .find(|text| Uscc::parse(text).is_ok())
        .unwrap()
}

pub fn form(n: u32) -> Value {
    let member = member(n);
    let consents = ["PERSONAL_DATA_UNION", "PERSONAL_DATA_GUARANTOR", "PERSONAL_DATA_BANK", "CREDIT_QUERY"]
        .into_iter()
        .chain(["CREDIT_REPORTING", "SHARING"])
        .map(|kind| json!({ "type": kind, "text_version": "2019-1", "given_at": "2019-06-03T08:00:00+08:00" }));
    json!({
        "enterprise_name": format!("北京样例{n}号有限公司"),
        "uscc": uscc(n),
        "registered_on": "2015-01-28",
        "licence_valid_to": null,
        "industry_code": "I65",
        "district": "海淀",
        "address": format!("北京市海淀区样例路{n}号"),
        "size_class": "MICRO",
        "employees": 9,
        "turnover_fen": 100_000_000,
        "tax_fen": 2_000_000,
        "debt_fen": 0,
        "jobs_kept": 9,
        "jobs_created": 1,
        "legal_rep_name": member["name"],
        "legal_rep_id": member["legal_rep_id"],
        "mobile": format!("199{n:08}"),
        "settle_account": with_check(&format!("991199{n:012}"), |number| CardNumber::parse(number).is_ok()),
        "union_org_id": member["union_org_id"],
        "union_name": member["union_name"],
        "member_no": member["member_no"],
        "beneficiary_group": "GRADUATE",
        "amount_fen": ASKED_FEN,
        "term_months": 12,
        "method": "BULLET",
        "purpose": "采购原材料",
        "intake_channel": "APP",
        "channel": "STANDARD",
        "consents": consents.collect::<Vec<_>>(),
    })
}
