//! A database that goes away under the store: what was under way is unknown, and a new epoch makes it known.

use super::*;
use sqlx::{Connection, Executor, PgConnection};
use std::{future::Future, pin::pin, task::Poll};

pub async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

fn is_unavailable<T>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Unavailable { .. }))
}

/// Polls a future once and drops it.
async fn begin(future: impl Future) {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        let _ = future.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn whoever_lost_its_connection_goes_on_with_a_new_epoch_from_what_was_committed() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        put(&mut store, &mut tip, batch([(&STATE_NEW, state("a", 1, "1"))])).await.unwrap();
        let epoch = store.epoch;
        assert_eq!(store.reopen().await.unwrap(), tip);
        assert!(store.epoch > epoch);
        put(&mut store, &mut tip, batch([(&STATE, state("a", 2, "2"))])).await.unwrap();
        assert_eq!(bodies(&mut store, &["a"]).await, [("a".into(), "2".into())]);
        assert_eq!(store.readers().state("a").await.unwrap().unwrap().version, 2);
    })
    .await;
}

#[tokio::test]
async fn a_cut_connection_makes_the_outcome_unknown_until_the_store_is_opened_again() {
    let fresh = Fresh::postgres().await;
    let (mut store, mut tip) = fresh.open().await;
    let own = store.ask("ask", "SELECT CAST(pg_backend_pid() AS BIGINT)", []).await.unwrap()[0].get::<i64>(0);
    let Location::Server(url) = &fresh.location else { panic!("no server") };
    let mut other = connect(secrecy::ExposeSecret::expose_secret(url)).await;
    let cut = sqlx::query("SELECT pg_terminate_backend($1::INT)").bind(own);
    cut.execute(&mut other).await.unwrap();
    let outcome = store.commit(batch([(&STATE_NEW, state("a", 1, "1"))]), &tip, &after(&tip, 1)).await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    assert_eq!(store.reopen().await.unwrap(), tip);
    put(&mut store, &mut tip, batch([(&STATE_NEW, state("a", 1, "1"))])).await.unwrap();
}

#[tokio::test]
async fn a_commit_whose_caller_is_dropped_is_whole_or_not_there_and_the_store_asks_to_be_opened_again() {
    let fresh = Fresh::postgres().await;
    let (mut store, tip) = fresh.open().await;
    let rows = || batch([(&STATE_NEW, state("a", 1, "1")), (&TRANSFER, transfer("t", 1, 5))]);
    begin(store.commit(rows(), &tip, &after(&tip, 1))).await;
    assert!(is_unavailable(&store.commit(rows(), &tip, &after(&tip, 1)).await));
    assert!(is_unavailable(&store.load(&wanted([(From::State, "a")])).await));

    let found = store.reopen().await.unwrap();
    let is_there = found == after(&tip, 1);
    assert!(is_there || found == tip, "{found:?}");
    let rows = store.load(&wanted([(From::State, "a"), (From::Transfer, "t")])).await.unwrap();
    assert_eq!(rows.len(), if is_there { 2 } else { 0 });
}

#[tokio::test]
async fn nobody_waits_for_ever_behind_a_lock_that_another_holds() {
    let fresh = Fresh::postgres().await;
    let (mut store, mut tip) = fresh.open().await;
    let Location::Server(url) = &fresh.location else { panic!("no server") };
    let mut other = connect(secrecy::ExposeSecret::expose_secret(url)).await;
    let mut held = other.begin().await.unwrap();
    held.execute("SELECT 1 FROM writer FOR UPDATE").await.unwrap();
    let outcome = store.commit(batch([]), &tip, &after(&tip, 1)).await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    held.rollback().await.unwrap();
    assert_eq!(store.reopen().await.unwrap(), tip);
    put(&mut store, &mut tip, batch([])).await.unwrap();
}

#[tokio::test]
async fn a_server_that_stops_and_comes_back_loses_nothing_that_was_committed() {
    let mut server = Server::start().unwrap();
    let (mut store, mut tip) = Store::open(new_database(&server).await).await.unwrap();
    let readers = store.readers();
    for (end, key) in [(Server::stop as fn(&mut Server) -> _, "a"), (Server::kill, "b")] {
        put(&mut store, &mut tip, batch([(&STATE_NEW, state(key, 1, key))])).await.unwrap();
        assert!(readers.state(key).await.unwrap().is_some());
        end(&mut server).unwrap();
        let outcome = store.commit(batch([(&STATE_NEW, state("lost", 1, ""))]), &tip, &after(&tip, 1)).await;
        assert!(is_unavailable(&outcome), "{outcome:?}");
        assert!(is_unavailable(&store.reopen().await));
        let read = readers.state(key).await;
        assert!(is_unavailable(&read), "{read:?}");
        server.restart().unwrap();
        assert_eq!(store.reopen().await.unwrap(), tip);
        assert!(readers.state(key).await.unwrap().is_some());
        assert!(readers.state("lost").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn what_goes_wrong_on_the_way_to_a_server_names_no_password() {
    let secret = "correct-horse";
    for url in [
        format!("postgres://nuan:{secret}@127.0.0.1:1/none"),
        format!("postgres://nuan:{secret}@[::1:bad/none"),
        format!("http://nuan:{secret}@127.0.0.1/none"),
        Server::shared().unwrap().url("postgres").replacen("nuan:", &format!("nuan:{secret}"), 1),
    ] {
        let location = Location::Server(url.clone().into());
        let refused = Store::open(location.clone()).await.unwrap_err();
        for text in [refused.to_string(), format!("{refused:?}"), format!("{location:?}")] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
