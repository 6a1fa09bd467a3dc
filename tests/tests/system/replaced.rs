//! A writer that another process has replaced, before it knows: what it may still say.

use crate::house::{House, PATIENCE, Setup};
use domain::Party;
use party::{
    config::Config,
    handle::{Reply, Role},
    store::Store,
};
use tokio::time::timeout;

const ASKED_FEN: i64 = 5_000_000;

/// Another process takes the union's epoch, and does nothing.
async fn replace_the_union(house: &House) -> Store {
    let config = Config::load(&house.files[&Party::Union], std::iter::empty()).unwrap();
    Store::open(config.database()).await.unwrap().0
}

async fn is_paid_out(house: &House, n: u32) {
    let id = house.file(n, ASKED_FEN, 0).await.unwrap();
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    house.idle().await;
}

#[tokio::test]
async fn writer_that_was_replaced_without_knowing_it_shows_no_partner_its_heads() {
    let mut house = House::open().await;
    is_paid_out(&house, 1).await;
    let said = house.union.handle.metrics.frames_empty.get();
    let _other = replace_the_union(&house).await;
    // It wants to be shown heads of now, and takes them at their word: what is behind was set back.
    house.bank.stop().await;
    house.start_bank().await;
    let mut backlog = house.union.handle.backlog.clone();
    let ended = timeout(PATIENCE, async { while backlog.changed().await.is_ok() {} });
    ended.await.expect("on SQLite it ends");
    assert_eq!(house.union.handle.metrics.frames_empty.get(), said);
    house.union.crash().await;
    house.close().await;
}

#[tokio::test]
async fn writer_that_was_replaced_acknowledges_nothing_stands_by_and_has_its_turn_again() {
    let house = House::with(Setup::default().on_postgres()).await;
    is_paid_out(&house, 1).await;
    let mut other = replace_the_union(&house).await;
    let lease = tokio::spawn(other.lease().unwrap().keep(|_| ()));
    let submit = union_core::Command::Submit(Box::new(crate::firms::form(2, ASKED_FEN, 0)));
    let reply = house.union.reply("applicant", &["applicant"], submit, Some("key")).await;
    assert_eq!(reply, Reply::Unavailable);
    let mut role = house.union.handle.role.clone();
    let stands_by = role.wait_for(|role| matches!(role, Role::StandBy { writer: Some(_) }));
    drop(timeout(PATIENCE, stands_by).await.unwrap().unwrap());
    assert!(!house.union.handle.writes() && !*house.union.handle.ready.borrow());

    lease.abort();
    let _ = lease.await;
    other.release().await;
    drop(timeout(PATIENCE, role.wait_for(Role::writes)).await.unwrap().unwrap());
    is_paid_out(&house, 2).await;
    let all = house.union.handle.readers.list("application/", &Default::default(), "", 10).await.unwrap();
    assert_eq!(all.len(), 2, "nothing was done of what was not acknowledged");
    house.close().await;
}

#[tokio::test]
async fn where_somebody_relies_on_it_a_server_that_does_not_sync_is_refused_before_anything_is_written() {
    let mut house = House::with(Setup::default().on_postgres()).await;
    house.union.stop().await;
    house.configure(Party::Union, |config| {
        config.insert("environment".into(), "production".into());
        config.remove("business_time");
        // Whatever they were paired for, to be the one thing that is wrong.
        let pairing = config["pairing_file"].as_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&pairing).unwrap().replace("\"local\"", "\"production\"");
        std::fs::write(format!("{pairing}.production"), text).unwrap();
        config.insert("pairing_file".into(), format!("{pairing}.production").into());
    });
    let config = Config::load(&house.files[&Party::Union], std::iter::empty()).unwrap();
    let app = |_, _| axum::Router::new();
    let stop = tokio_util::sync::CancellationToken::new();
    let refused = party::run::run(house.setup.union.clone(), &config, app, stop).await.unwrap_err().to_string();
    assert!(refused.contains("fsync=off"), "{refused}");
    house.close().await;
}
