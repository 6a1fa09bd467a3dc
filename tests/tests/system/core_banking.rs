//! The bank's core-banking system over HTTP, played by a double that answers late, wrongly, not at all, or moves the money
//! after it had said that it did not. Whatever it does, the money moves at most once, under one key.

use crate::house::{House, Setup, first_day};
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
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};
use telemetry::Captured;

/// What the double does with the next request.
#[derive(Clone, Copy, Debug)]
enum Does {
    /// Moves the money and says so.
    PostsAndSays,
    /// Moves the money and breaks before it says so.
    PostsAndBreaks,
    /// Breaks before it does anything.
    Breaks,
    /// Says something that is no answer.
    Babbles,
    /// Says that it does not know the key, or did not post.
    SaysNotPosted,
    /// Does what a correct system does: what the books say.
    Tells,
}

#[derive(Default)]
struct Books {
    script: VecDeque<Does>,
    /// By key: how often money moved.
    posted: BTreeMap<String, u32>,
    closed: Vec<String>,
    heard: Vec<String>,
}

type Double = Arc<Mutex<Books>>;

/// Starts a double that does these things in this order, and then tells what its books say.
async fn double(script: &[Does]) -> (Double, String) {
    let books = Arc::new(Mutex::new(Books { script: script.iter().copied().collect(), ..Books::default() }));
    let app = Router::new()
        .route("/postings", post(order))
        .route("/postings/{key}", get(ask))
        .route("/postings/{key}/close", post(close))
        .with_state(Arc::clone(&books));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (books, url)
}

async fn order(State(books): State<Double>, Json(body): Json<Value>) -> Response {
    act(&books, "post", body["key"].as_str().unwrap())
}

async fn ask(State(books): State<Double>, Path(key): Path<String>) -> Response {
    act(&books, "ask", &key)
}

async fn close(State(books): State<Double>, Path(key): Path<String>) -> Response {
    act(&books, "close", &key)
}

fn act(books: &Double, what: &str, key: &str) -> Response {
    let mut books = books.lock().unwrap();
    books.heard.push(format!("{what} {key}"));
    let does = books.script.pop_front().unwrap_or(Does::Tells);
    let broken = || StatusCode::INTERNAL_SERVER_ERROR.into_response();
    let posted = |books: &Books| books.posted.contains_key(key);
    let yes = || Json(json!({ "outcome": "posted", "posting_no": "CB-1" })).into_response();
    match does {
        Does::Breaks => broken(),
        Does::Babbles => "<html>maintenance</html>".into_response(),
        Does::SaysNotPosted => Json(json!({ "outcome": "not_posted", "why": "unknown key" })).into_response(),
        Does::PostsAndSays | Does::PostsAndBreaks => {
            // Idempotent by key, as every real one is.
            if !posted(&books) && !books.closed.iter().any(|closed| closed == key) {
                *books.posted.entry(key.to_owned()).or_default() += 1;
            }
            if matches!(does, Does::PostsAndSays) { yes() } else { broken() }
        }
        Does::Tells if posted(&books) => yes(),
        Does::Tells if what == "post" => {
            *books.posted.entry(key.to_owned()).or_default() += 1;
            yes()
        }
        Does::Tells if what == "close" => {
            books.closed.push(key.to_owned());
            Json(json!({ "outcome": "closed" })).into_response()
        }
        Does::Tells => Json(json!({ "outcome": "unknown" })).into_response(),
    }
}

async fn house(script: &[Does]) -> (House, Double) {
    let (books, url) = double(script).await;
    let mut setup = Setup { core_banking_url: Some(url), ..Setup::default() };
    setup.bank.core_banking = bank_core::CoreBanking::Port;
    (House::with(setup).await, books)
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
async fn moved(house: &House, books: &Double, times: u32) {
    house.idle().await;
    let posted: Vec<u32> = books.lock().unwrap().posted.values().copied().collect();
    assert_eq!(posted, vec![1; times as usize]);
    let expected = i64::from(times) * 20_000_000;
    assert_eq!(house.bank.balance("B1301").await, expected);
    assert_eq!(house.guarantor.balance("G9001").await, expected);
}

#[tokio::test]
async fn a_posting_over_the_port_disburses() {
    let (house, books) = house(&[Does::PostsAndSays]).await;
    let id = house.file(1, 20_000_000, 0).await.unwrap();
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    moved(&house, &books, 1).await;
    house.close().await;
}

#[tokio::test]
async fn an_answer_that_got_lost_is_asked_for_under_the_same_key_and_the_money_moves_once() {
    for lost in [Does::PostsAndBreaks, Does::Babbles, Does::Breaks] {
        let (house, books) = house(&[lost, Does::PostsAndSays]).await;
        let captured = Captured::begin();
        let id = house.file(1, 20_000_000, 0).await.unwrap();
        let key = format!("case/{id}");
        house.bank.until(&key, "UNKNOWN").await;
        is_logged(&captured, &id, "the core-banking system did not say");
        assert_ne!(house.union.status(&format!("application/{id}")).await, "DISBURSED", "{lost:?}");
        // After a minute of business time the bank asks by the same key.
        house.drive(Moment::start_of(first_day()).plus_hours(9).plus_minutes(2));
        house.union.until(&format!("application/{id}"), "DISBURSED").await;
        moved(&house, &books, 1).await;
        let keys: std::collections::BTreeSet<String> =
            books.lock().unwrap().heard.iter().map(|heard| heard.split_once(' ').unwrap().1.to_owned()).collect();
        assert_eq!(keys.len(), 1, "{lost:?}: {keys:?}");
        house.close().await;
    }
}

#[tokio::test]
async fn money_that_moved_after_it_was_denied_is_the_truth() {
    // Not posted, says the first answer; asked to close the key, the system finds that it has posted after all.
    let (house, books) = house(&[Does::SaysNotPosted, Does::PostsAndSays]).await;
    let id = house.file(1, 20_000_000, 0).await.unwrap();
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    moved(&house, &books, 1).await;
    house.close().await;
}

/// An application whose first pay-out the core-banking system refused and closed.
async fn refused_once() -> (House, Double, ApplicationId) {
    let (house, books) = house(&[Does::SaysNotPosted, Does::Tells]).await;
    let id = house.file(1, 20_000_000, 0).await.unwrap();
    house.union.until(&format!("application/{id}"), "READY").await;
    moved(&house, &books, 0).await;
    assert_eq!(books.lock().unwrap().closed, [format!("disb:{id}:1")]);
    assert_eq!(house.union.balance("U9001").await, 4_000_000, "approved and reserved for as before");
    (house, books, id)
}

#[tokio::test]
async fn a_no_about_money_is_final_once_the_key_is_closed_and_the_next_order_comes_under_the_next_key() {
    let (house, books, id) = refused_once().await;
    // After five minutes, not at once.
    house.drive(Moment::start_of(first_day()).plus_hours(9).plus_minutes(4));
    moved(&house, &books, 0).await;
    assert_eq!(house.union.status(&format!("application/{id}")).await, "READY");
    house.drive(Moment::start_of(first_day()).plus_hours(9).plus_minutes(6));
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    moved(&house, &books, 1).await;
    assert!(books.lock().unwrap().posted.contains_key(&format!("disb:{id}:2")));
    assert_eq!(house.union.handle.readers.incidents().await.unwrap(), Vec::<String>::new());
    house.close().await;
}

#[tokio::test]
async fn an_application_that_is_ready_again_can_be_withdrawn_and_everything_is_undone() {
    let (house, books, id) = refused_once().await;
    let reason = union_core::vocabulary::Withdrawal::OtherFunds;
    let withdraw = union_core::Command::Withdraw { application_id: id.clone(), reason };
    house.union.tell("applicant", &["applicant"], withdraw).await.unwrap();
    house.union.until(&format!("application/{id}"), "WITHDRAWN").await;
    house.drive(Moment::start_of(first_day()).plus_hours(12));
    moved(&house, &books, 0).await;
    assert_eq!((house.union.balance("U9001").await, house.union.balance("U9002").await), (0, 0));
    house.close().await;
}
