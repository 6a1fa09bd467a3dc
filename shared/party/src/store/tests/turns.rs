//! Several processes on one PostgreSQL database: one has the writer's seat, and it is free when its lease has run out.

use super::*;

async fn connect(fresh: &Fresh) -> Store {
    Store::connect(fresh.location.clone()).await.unwrap()
}

/// As if the writer had said nothing for longer than its lease.
async fn let_the_lease_run_out(store: &mut Store) {
    let sql = "UPDATE writer SET renewed_at = renewed_at - $1 WHERE id = 1";
    store.ask("pass time", sql, [integer(2 * lease::LEASE_MS).into()]).await.unwrap();
}

fn taken(seat: Seat) -> Tip {
    match seat {
        Seat::Taken(tip) => tip,
        Seat::Held { address } => panic!("{address} writes"),
    }
}

#[tokio::test]
async fn the_seat_is_one_processes_until_its_lease_runs_out_and_then_its_commits_are_fenced() {
    let fresh = Fresh::postgres().await;
    let (mut one, mut other) = (connect(&fresh).await, connect(&fresh).await);
    let mut tip = taken(one.seize("http://one").await.unwrap());
    put(&mut one, &mut tip, batch([(&STATE_NEW, state("a", 1, "1"))])).await.unwrap();
    let held = Seat::Held { address: "http://one".into() };
    assert_eq!(other.seize("http://other").await.unwrap(), held);
    one.confirm().await.unwrap();

    let_the_lease_run_out(&mut other).await;
    assert_eq!(taken(other.seize("http://other").await.unwrap()), tip);
    let outcome = one.commit(batch([]), &tip, &after(&tip, 1)).await;
    assert!(matches!(outcome, Err(StoreError::Fenced)), "{outcome:?}");
    assert!(matches!(one.confirm().await, Err(StoreError::Fenced)));
    assert!(matches!(one.reopen().await, Err(StoreError::Fenced)));
    assert_eq!(one.seize("http://one").await.unwrap(), Seat::Held { address: "http://other".into() });
    put(&mut other, &mut tip, batch([(&STATE, state("a", 2, "2"))])).await.unwrap();
}

#[tokio::test]
async fn a_lease_in_the_future_of_a_clock_that_was_set_back_holds_nobody_up() {
    let fresh = Fresh::postgres().await;
    let (mut one, mut other) = (connect(&fresh).await, connect(&fresh).await);
    taken(one.seize("http://one").await.unwrap());
    let sql = "UPDATE writer SET renewed_at = renewed_at + $1 WHERE id = 1";
    other.ask("set the clock back", sql, [600_000.into()]).await.unwrap();
    taken(other.seize("http://other").await.unwrap());
}

#[tokio::test]
async fn a_writer_commits_synchronously_whatever_the_database_has_for_a_default() {
    let fresh = Fresh::postgres().await;
    let Location::Server(url) = &fresh.location else { panic!("a server") };
    let mut admin = outages::connect(secrecy::ExposeSecret::expose_secret(url)).await;
    let sql =
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$";
    sqlx::Executor::execute(&mut admin, sql).await.unwrap();
    let mut store = connect(&fresh).await;
    let rows = store.ask("read", "SELECT current_setting('synchronous_commit')", []).await.unwrap();
    assert_eq!(rows[0].get::<String>(0), "on");
}

#[tokio::test]
async fn of_many_that_want_a_free_seat_one_gets_it() {
    let fresh = Fresh::postgres().await;
    // They also create the schema at once.
    let mut stores = futures::future::join_all((0..5).map(|_| connect(&fresh))).await;
    let seats = stores.iter_mut().map(|store| store.seize("http://one"));
    let seats = futures::future::join_all(seats).await;
    let taken = seats.iter().filter(|seat| matches!(seat, Ok(Seat::Taken(_)))).count();
    assert_eq!(taken, 1, "{seats:?}");
}

#[tokio::test]
async fn a_seat_that_is_released_is_free_at_once_and_one_that_was_lost_is_not_released() {
    let fresh = Fresh::postgres().await;
    let (mut one, mut other) = (connect(&fresh).await, connect(&fresh).await);
    taken(one.seize("http://one").await.unwrap());
    one.release().await;
    taken(other.seize("http://other").await.unwrap());
    one.release().await;
    assert_eq!(one.seize("http://one").await.unwrap(), Seat::Held { address: "http://other".into() });
}

#[tokio::test]
async fn an_epoch_that_its_holder_takes_again_renews_the_lease() {
    let fresh = Fresh::postgres().await;
    let (mut one, mut other) = (connect(&fresh).await, connect(&fresh).await);
    taken(one.seize("http://one").await.unwrap());
    let_the_lease_run_out(&mut other).await;
    one.reopen().await.unwrap();
    assert_eq!(other.seize("http://other").await.unwrap(), Seat::Held { address: "http://one".into() });
}

#[tokio::test]
async fn a_lease_is_kept_until_another_takes_over() {
    let fresh = Fresh::postgres().await;
    let (mut one, mut other) = (connect(&fresh).await, connect(&fresh).await);
    taken(one.seize("http://one").await.unwrap());
    let_the_lease_run_out(&mut other).await;
    let (held, mut holds) = tokio::sync::watch::channel(None);
    let asked = tokio::time::Instant::now();
    let lease = tokio::spawn(one.lease().unwrap().keep(move |until| held.send_modify(|held| *held = Some(until))));
    let until = holds.wait_for(Option::is_some).await.unwrap().unwrap();
    assert!(until >= asked + lease::LEASE);
    assert!(matches!(other.seize("http://other").await.unwrap(), Seat::Held { .. }));
    assert!(!lease.is_finished());
    // Taken by force, as `open` does.
    let (_store, _) = fresh.open().await;
    lease.await.unwrap();
}

#[tokio::test]
async fn on_sqlite_nobody_stands_by_and_the_last_to_come_writes() {
    let fresh = Fresh::sqlite();
    let mut one = connect(&fresh).await;
    assert!(one.lease().is_none());
    taken(one.seize("http://one").await.unwrap());
    one.confirm().await.unwrap();
    // The later process fences the one before it off, without asking.
    taken(connect(&fresh).await.seize("http://other").await.unwrap());
    assert!(matches!(one.confirm().await, Err(StoreError::Fenced)));
}
