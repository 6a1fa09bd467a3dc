//! The bank's core-banking system over HTTP, played by a double that answers late, twice, wrongly, not at all, or moves the
//! money after it had said that it did not. Whatever it does, the money moves at most once, under one key.

use crate::house::{House, PATIENCE, Setup, first_day};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use domain::{ApplicationId, Moment};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};
use telemetry::Captured;
use tokio::sync::{Semaphore, watch};

/// What the double does with the next request.
#[derive(Clone, Copy, Debug)]
enum Does {
    /// Moves the money and says so.
    PostsAndSays,
    /// Moves the money and breaks before it says so.
    PostsAndBreaks,
    /// Moves the money, and says so under this number once the test lets it.
    PostsAndSaysLater(&'static str),
    /// Moves the money once the test lets it, and never says so.
    PostsLaterAndIsSilent,
    /// Holds the connection, does nothing, and never says a word.
    IsSilent,
    /// Breaks before it does anything.
    Breaks,
    /// Says something that is no answer.
    Babbles,
    /// Says that it does not know the key, or did not post.
    SaysNotPosted,
    /// Says that it does not know the key, and then carries out the order that it had all the time.
    SaysNotPostedAndPosts,
    /// Does what a correct system does: what the books say.
    Tells,
}

#[derive(Clone, Default)]
struct Books {
    script: VecDeque<Does>,
    /// By key: how often money moved.
    posted: BTreeMap<String, u32>,
    closed: Vec<String>,
    heard: Vec<String>,
}

impl Books {
    /// Idempotent by key, as every real one is; nothing moves under a closed key.
    fn post(&mut self, key: &str) {
        if !self.posted.contains_key(key) && !self.closed.iter().any(|closed| closed == key) {
            *self.posted.entry(key.to_owned()).or_default() += 1;
        }
    }
}

/// The core-banking system, and the test's hands on it.
#[derive(Clone)]
struct Double {
    books: Arc<watch::Sender<Books>>,
    /// Lets what is to come later come.
    gate: Arc<Semaphore>,
}

impl Double {
    /// Starts one that does these things in this order, and then tells what its books say.
    async fn start(script: &[Does]) -> (Double, String) {
        let books = Books { script: script.iter().copied().collect(), ..Books::default() };
        let double = Double { books: Arc::new(watch::Sender::new(books)), gate: Arc::new(Semaphore::new(0)) };
        let app = Router::new()
            .route("/postings", post(order))
            .route("/postings/{key}", get(ask))
            .route("/postings/{key}/close", post(close))
            .with_state(double.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (double, url)
    }

    fn books(&self) -> Books {
        self.books.borrow().clone()
    }

    /// Waits until its books are so.
    async fn until(&self, so: impl FnMut(&Books) -> bool) {
        let mut books = self.books.subscribe();
        tokio::time::timeout(PATIENCE, books.wait_for(so)).await.unwrap().unwrap();
    }

    fn post(&self, key: &str) {
        self.books.send_modify(|books| books.post(key));
    }

    async fn act(self, what: &str, key: String) -> Response {
        let mut does = Does::Tells;
        self.books.send_modify(|books| {
            books.heard.push(format!("{what} {key}"));
            does = books.script.pop_front().unwrap_or(Does::Tells);
        });
        let broken = || StatusCode::INTERNAL_SERVER_ERROR.into_response();
        let yes = |number: &str| Json(json!({ "outcome": "posted", "posting_no": number })).into_response();
        let no = || Json(json!({ "outcome": "not_posted", "why": "unknown key" })).into_response();
        match does {
            Does::Breaks => broken(),
            Does::Babbles => "<html>maintenance</html>".into_response(),
            Does::IsSilent => std::future::pending().await,
            Does::SaysNotPosted => no(),
            Does::SaysNotPostedAndPosts => {
                self.post(&key);
                no()
            }
            Does::PostsAndSays => {
                self.post(&key);
                yes("CB-1")
            }
            Does::PostsAndBreaks => {
                self.post(&key);
                broken()
            }
            Does::PostsAndSaysLater(number) => {
                self.post(&key);
                self.gate.acquire().await.unwrap().forget();
                yes(number)
            }
            Does::PostsLaterAndIsSilent => {
                // Beside the connection: the caller has hung up by then.
                tokio::spawn(async move {
                    self.gate.acquire().await.unwrap().forget();
                    self.post(&key);
                    self.books.send_modify(|books| books.heard.push(format!("at last {key}")));
                });
                std::future::pending().await
            }
            Does::Tells if self.books().posted.contains_key(&key) => yes("CB-1"),
            Does::Tells if what == "post" => {
                self.post(&key);
                yes("CB-1")
            }
            Does::Tells if what == "close" => {
                self.books.send_modify(|books| books.closed.push(key));
                Json(json!({ "outcome": "closed" })).into_response()
            }
            Does::Tells => Json(json!({ "outcome": "unknown" })).into_response(),
        }
    }
}

async fn order(State(double): State<Double>, Json(body): Json<Value>) -> Response {
    double.act("post", body["key"].as_str().unwrap().to_owned()).await
}

async fn ask(State(double): State<Double>, Path(key): Path<String>) -> Response {
    double.act("ask", key).await
}

async fn close(State(double): State<Double>, Path(key): Path<String>) -> Response {
    double.act("close", key).await
}

async fn house(script: &[Does]) -> (House, Double) {
    house_of(script, None).await
}

/// A bank that has so little patience with its core-banking system.
async fn impatient(script: &[Does]) -> (House, Double) {
    house_of(script, Some(200)).await
}

async fn house_of(script: &[Does], core_banking_timeout_ms: Option<u32>) -> (House, Double) {
    let (double, url) = Double::start(script).await;
    let mut setup = Setup { core_banking_url: Some(url), core_banking_timeout_ms, ..Setup::default() };
    setup.bank.core_banking = bank_core::CoreBanking::Port;
    (House::with(setup).await, double)
}

/// Nine o'clock of the first day and so many minutes.
fn after(minutes: i64) -> Moment {
    Moment::start_of(first_day()).plus_hours(9).plus_minutes(minutes)
}

/// The log has this line, and it says of which application.
fn is_logged(captured: &Captured, id: &ApplicationId, message: &str) {
    let lines = captured.lines();
    let line = lines.iter().find(|line| line["message"] == message).unwrap_or_else(|| panic!("{lines:?}"));
    assert_eq!(line["application_id"], id.to_string());
    assert_eq!(line["saga_id"], organisation::saga_id(id));
}

#[tokio::test]
async fn an_order_that_nobody_can_carry_out_is_logged_with_its_application() {
    let mut setup = Setup::default();
    setup.bank.core_banking = bank_core::CoreBanking::Port;
    let house = House::with(setup).await;
    let captured = Captured::begin();
    let id = house.file(1, 20_000_000, 0).await.unwrap();
    house.bank.until(&format!("case/{id}"), "DISBURSING").await;
    is_logged(&captured, &id, "an order to a port that is not configured");
    house.close().await;
}

/// The money moved so often, under one key, and the three agree on it.
async fn moved(house: &House, double: &Double, times: u32) {
    house.idle().await;
    let posted: Vec<u32> = double.books().posted.values().copied().collect();
    assert_eq!(posted, vec![1; times as usize]);
    let expected = i64::from(times) * 20_000_000;
    assert_eq!(house.bank.balance("B1301").await, expected);
    assert_eq!(house.guarantor.balance("G9001").await, expected);
}

/// The keys that it was ever told, in order of their names.
fn keys(double: &Double) -> Vec<String> {
    let key = |heard: &String| heard.rsplit_once(' ').unwrap().1.to_owned();
    double.books().heard.iter().map(key).collect::<BTreeSet<_>>().into_iter().collect()
}

#[tokio::test]
async fn a_posting_over_the_port_disburses() {
    let (house, double) = house(&[Does::PostsAndSays]).await;
    let id = house.file(1, 20_000_000, 0).await.unwrap();
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    moved(&house, &double, 1).await;
    house.close().await;
}

#[tokio::test]
async fn an_answer_that_got_lost_is_asked_for_under_the_same_key_and_the_money_moves_once() {
    for lost in [Does::PostsAndBreaks, Does::Babbles, Does::Breaks] {
        let (house, double) = house(&[lost, Does::PostsAndSays]).await;
        let captured = Captured::begin();
        let id = house.file(1, 20_000_000, 0).await.unwrap();
        let key = format!("case/{id}");
        house.bank.until(&key, "UNKNOWN").await;
        is_logged(&captured, &id, "the core-banking system did not say");
        assert_ne!(house.union.status(&format!("application/{id}")).await, "DISBURSED", "{lost:?}");
        // After a minute of business time the bank asks by the same key.
        house.drive(after(2));
        house.union.until(&format!("application/{id}"), "DISBURSED").await;
        moved(&house, &double, 1).await;
        assert_eq!(keys(&double), [format!("disb:{id}:1")], "{lost:?}");
        house.close().await;
    }
}

#[tokio::test]
async fn money_that_moved_after_it_was_denied_is_the_truth() {
    // Not posted, says the first answer; asked to close the key, the system finds that it has posted after all.
    let (house, double) = house(&[Does::SaysNotPosted, Does::PostsAndSays]).await;
    let id = house.file(1, 20_000_000, 0).await.unwrap();
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    moved(&house, &double, 1).await;
    house.close().await;
}

/// An application whose first pay-out the core-banking system refused and closed.
async fn refused_once() -> (House, Double, ApplicationId) {
    let (house, double) = house(&[Does::SaysNotPosted, Does::Tells]).await;
    let id = house.file(1, 20_000_000, 0).await.unwrap();
    house.until_order_closed(&id).await;
    moved(&house, &double, 0).await;
    assert_eq!(double.books().closed, [format!("disb:{id}:1")]);
    assert_eq!(house.union.balance("U9001").await, 4_000_000, "approved and reserved for as before");
    (house, double, id)
}

#[tokio::test]
async fn a_no_about_money_is_final_once_the_key_is_closed_and_the_next_order_comes_under_the_next_key() {
    let (house, double, id) = refused_once().await;
    // After five minutes, not at once.
    house.drive(after(4));
    moved(&house, &double, 0).await;
    assert_eq!(house.union.status(&format!("application/{id}")).await, "READY");
    house.drive(after(6));
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    moved(&house, &double, 1).await;
    assert!(double.books().posted.contains_key(&format!("disb:{id}:2")));
    assert_eq!(house.union.incidents().await, Vec::<String>::new());
    house.close().await;
}

#[tokio::test]
async fn an_application_that_is_ready_again_can_be_withdrawn_and_everything_is_undone() {
    let (house, double, id) = refused_once().await;
    let reason = union_core::vocabulary::Withdrawal::OtherFunds;
    let withdraw = union_core::Command::Withdraw { application_id: id.clone(), reason };
    house.union.tell("applicant", &["applicant"], withdraw).await.unwrap();
    house.union.until(&format!("application/{id}"), "WITHDRAWN").await;
    house.drive(after(180));
    moved(&house, &double, 0).await;
    assert_eq!((house.union.balance("U9001").await, house.union.balance("U9002").await), (0, 0));
    house.close().await;
}

#[tokio::test]
async fn money_that_moved_after_the_bank_had_stopped_waiting_is_found_by_the_same_key() {
    let (house, double) = impatient(&[Does::PostsLaterAndIsSilent]).await;
    let id = house.file(1, 20_000_000, 0).await.unwrap();
    house.bank.until(&format!("case/{id}"), "UNKNOWN").await;
    moved(&house, &double, 0).await;
    double.gate.add_permits(1);
    double.until(|books| !books.posted.is_empty()).await;
    // In doubt, and told so: nobody has said yet that the money moved.
    house.union.until(&format!("application/{id}"), "DISBURSING").await;
    house.drive(after(2));
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    moved(&house, &double, 1).await;
    assert_eq!(keys(&double), [format!("disb:{id}:1")]);
    house.close().await;
}

#[tokio::test]
async fn a_system_that_stays_silent_is_asked_on_by_the_same_key_until_it_speaks() {
    let (house, double) = impatient(&[Does::IsSilent, Does::IsSilent, Does::IsSilent, Does::PostsAndSays]).await;
    let id = house.file(1, 20_000_000, 0).await.unwrap();
    house.bank.until(&format!("case/{id}"), "UNKNOWN").await;
    for (heard, minutes) in [(2, 2), (3, 8)] {
        house.drive(after(minutes));
        double.until(|books| books.heard.len() == heard).await;
        // The bank's word that it does not know travels after its own row has it.
        house.union.until(&format!("application/{id}"), "DISBURSING").await;
        assert_eq!(house.bank.status(&format!("case/{id}")).await, "UNKNOWN");
    }
    house.drive(after(30));
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    moved(&house, &double, 1).await;
    let key = format!("disb:{id}:1");
    let heard = [format!("post {key}"), format!("ask {key}"), format!("ask {key}"), format!("ask {key}")];
    assert_eq!(double.books().heard, heard, "told to post once, and asked from then on");
    house.close().await;
}

#[tokio::test]
async fn money_that_moved_after_the_key_was_said_to_be_unknown_is_the_truth() {
    let (house, double) = impatient(&[Does::IsSilent, Does::SaysNotPostedAndPosts]).await;
    let id = house.file(1, 20_000_000, 0).await.unwrap();
    house.bank.until(&format!("case/{id}"), "UNKNOWN").await;
    house.drive(after(2));
    // The key is closed before the *no* counts, and closing it finds the posting.
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    moved(&house, &double, 1).await;
    let key = format!("disb:{id}:1");
    assert_eq!(double.books().heard, [format!("post {key}"), format!("ask {key}"), format!("close {key}")]);
    house.close().await;
}

#[tokio::test]
async fn an_order_that_comes_to_life_after_its_key_was_closed_founders_and_the_next_one_pays_once() {
    let (house, double) = impatient(&[Does::PostsLaterAndIsSilent, Does::SaysNotPosted, Does::Tells]).await;
    let id = house.file(1, 20_000_000, 0).await.unwrap();
    house.bank.until(&format!("case/{id}"), "UNKNOWN").await;
    house.drive(after(2));
    house.until_order_closed(&id).await;
    double.gate.add_permits(1);
    double.until(|books| books.heard.iter().any(|heard| heard.starts_with("at last"))).await;
    moved(&house, &double, 0).await;
    house.drive(after(8));
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    moved(&house, &double, 1).await;
    assert!(double.books().posted.contains_key(&format!("disb:{id}:2")));
    house.close().await;
}

#[tokio::test]
async fn a_system_that_answers_twice_is_believed_once_and_another_posting_number_calls_a_person() {
    for (second, called) in [("CB-1", 0), ("CB-2", 1)] {
        // It takes its time with the order, and meanwhile answers the question about it.
        let (house, double) = house(&[Does::PostsAndSaysLater(second)]).await;
        let id = house.file(1, 20_000_000, 0).await.unwrap();
        double.until(|books| !books.posted.is_empty()).await;
        house.drive(after(2));
        house.union.until(&format!("application/{id}"), "DISBURSED").await;
        moved(&house, &double, 1).await;
        double.gate.add_permits(1);
        answers(&house, &id, 2).await;
        moved(&house, &double, 1).await;
        assert_eq!(house.bank.incidents().await.len(), called, "{second}");
        assert_eq!(keys(&double), [format!("disb:{id}:1")]);
        house.close().await;
    }
}

/// Waits until the bank has decided on so many answers of the core-banking system.
async fn answers(house: &House, id: &ApplicationId, count: usize) {
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            let rows = house.bank.handle.readers.journal(&id.to_string()).await.unwrap();
            if rows.iter().filter(|row| row.kind == "port").count() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("there are not {count} answers"));
}
