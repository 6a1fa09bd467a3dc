//! The store on both databases: every claim here holds for SQLite and for PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod outages;
mod reading;
mod schema;
mod turns;

use super::*;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tables::{
    ACCOUNT, ANSWER, FRAME_IN, FRAME_OUT, INCIDENT, JOURNAL, KEY_CHANGE, PARKED, PORT_ORDER, STATE, STATE_NEW, TASK,
    TRANSFER, TRANSFER_RESOLVED, VAULT,
};
use tools::postgres::Server;

/// An empty database of a test, and what keeps it.
struct Fresh {
    location: Location,
    _folder: tempfile::TempDir,
    _server: Option<Arc<Server>>,
}

impl Fresh {
    fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Fresh { location: Location::from(&folder.path().join("test.db")), _folder: folder, _server: None }
    }

    async fn postgres() -> Self {
        let server = Server::shared().unwrap();
        let location = new_database(&server).await;
        Fresh { location, _folder: tempfile::tempdir().unwrap(), _server: Some(server) }
    }

    async fn open(&self) -> (Store, Tip) {
        Store::open(self.location.clone()).await.unwrap()
    }
}

async fn new_database(server: &Server) -> Location {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    Location::Server(server::create_database(&server.url("postgres").into(), &name).await.unwrap())
}

/// Checks a claim on an empty database of each kind.
async fn on_both(check: impl AsyncFn(Fresh)) {
    println!("on SQLite");
    check(Fresh::sqlite()).await;
    println!("on PostgreSQL");
    check(Fresh::postgres().await).await;
}

fn batch(rows: impl IntoIterator<Item = (&'static Table, Vec<Value>)>) -> Batch {
    let mut batch = Batch::default();
    rows.into_iter().for_each(|(table, row)| batch.put(table, row));
    batch
}

/// A tip so many inputs further on.
fn after(tip: &Tip, inputs: u64) -> Tip {
    let byte = u8::try_from(tip.position + inputs).unwrap_or(255);
    Tip { position: tip.position + inputs, link: [byte; 32], at: tip.at + 1, exported: tip.exported }
}

async fn put(store: &mut Store, tip: &mut Tip, batch: Batch) -> Result<(), StoreError> {
    let to = after(tip, 1);
    store.commit(batch, tip, &to).await?;
    *tip = to;
    Ok(())
}

fn state(key: &str, version: i64, body: &str) -> Vec<Value> {
    waking(key, version, None, body)
}

fn waking(key: &str, version: i64, wake_at: Option<i64>, body: &str) -> Vec<Value> {
    vec![key.into(), version.into(), "OPEN".into(), "u".into(), 0.into(), wake_at.into(), Value::Null, body.into()]
}

fn transfer(id: &str, position: i64, amount_fen: i64) -> Vec<Value> {
    vec![id.into(), 1.into(), position.into(), "A".into(), "B".into(), amount_fen.into(), "{}".into()]
}

fn frame(partner: &str, first: i64, last: i64, bytes: &[u8]) -> Vec<Value> {
    vec![partner.into(), last.into(), first.into(), 1.into(), bytes.to_vec().into()]
}

fn parked(position: i64, application_id: Option<&str>, state: &str) -> Vec<Value> {
    let input = format!("\"input {position}\"");
    vec![position.into(), application_id.into(), "bank".into(), "why".into(), input.into(), 5.into(), state.into()]
}

fn journal(position: i64, application_id: &str) -> Vec<Value> {
    let mut row = vec![position.into(), 5.into(), application_id.into(), "command".into(), "person".into()];
    row.extend(["{}".into(), "[]".into(), Value::Null, "".into(), Value::Null, Value::Null, vec![1, 2].into()]);
    row
}

fn wanted<'a>(keys: impl IntoIterator<Item = (From, &'a str)>) -> BTreeSet<(From, String)> {
    keys.into_iter().map(|(from, key)| (from, key.to_owned())).collect()
}

/// The bodies of state rows, by key; what is not there is left out.
async fn bodies(store: &mut Store, keys: &[&str]) -> Vec<(String, String)> {
    let rows = store.load(&wanted(keys.iter().map(|key| (From::State, *key)))).await.unwrap();
    let mut found: Vec<_> = rows.into_iter().map(|(_, key, row)| (key, row.body)).collect();
    found.sort();
    found
}

fn is_rejected(outcome: &Result<(), StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Rejected { .. }))
}

#[tokio::test]
async fn a_batch_that_fails_in_the_middle_leaves_nothing_of_what_comes_before_or_after() {
    on_both(async |fresh| {
        let (mut store, mut tip) = Store::open(fresh.location.clone()).await.unwrap();
        put(&mut store, &mut tip, batch([(&STATE_NEW, state("a", 1, "1"))])).await.unwrap();
        // The key of the second is taken; tables are written in the order in which they first come.
        let rows = [
            (&ANSWER, vec!["before".into(), 1.into(), "{}".into()]),
            (&STATE_NEW, state("a", 1, "2")),
            (&PORT_ORDER, vec!["after".into(), 1.into(), "{}".into()]),
        ];
        let outcome = store.commit(batch(rows), &tip, &after(&tip, 1)).await;
        assert!(matches!(outcome, Err(StoreError::Rejected { .. })), "{outcome:?}");
        assert_eq!(store.readers().answer("before").await.unwrap(), None);
        assert_eq!(store.port_orders().await.unwrap(), Vec::<String>::new());
        put(&mut store, &mut tip, batch([(&STATE, state("a", 2, "2"))])).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_is_committed_is_loaded_with_its_version_and_the_rest_left_out() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        assert_eq!(tip, Tip { position: 0, link: [0; 32], at: 0, exported: 0 });
        let mut own = state("application/中", 3, "{\"姓\":\"王\"}");
        own[6] = "00-trace".into();
        let rows = [
            (&STATE_NEW, own),
            (&ACCOUNT, vec!["U9001".into(), 2.into(), (-7).into(), "{\"a\":1}".into()]),
            (&TRANSFER, transfer("t", 1, 5)),
            (&ANSWER, vec!["person\nkey".into(), 1.into(), "\"answer\"".into()]),
        ];
        put(&mut store, &mut tip, batch(rows)).await.unwrap();

        let keys = [
            (From::State, "application/中"),
            (From::Account, "U9001"),
            (From::Transfer, "t"),
            (From::Answer, "person\nkey"),
            (From::Answer, "another"),
            (From::State, "U9001"),
        ];
        let mut found = store.load(&wanted(keys)).await.unwrap();
        found.sort_by_key(|(from, ..)| *from);
        let row = |version, trace: Option<&str>, body: &str| LoadedRow {
            version,
            trace: trace.map(str::to_owned),
            body: body.to_owned(),
        };
        let expected = [
            (From::State, "application/中", row(3, Some("00-trace"), "{\"姓\":\"王\"}")),
            (From::Account, "U9001", row(2, None, "{\"a\":1}")),
            (From::Transfer, "t", row(1, None, "{}")),
            (From::Answer, "person\nkey", row(1, None, "\"answer\"")),
        ];
        assert_eq!(found, expected.map(|(from, key, row)| (from, key.to_owned(), row)));
        assert_eq!(store.load(&BTreeSet::new()).await.unwrap(), []);

        store.close().await;
        let (_, again) = fresh.open().await;
        assert_eq!(again, tip);
    })
    .await;
}

#[tokio::test]
async fn a_writer_that_was_replaced_changes_nothing_even_where_its_rows_would_collide() {
    on_both(async |fresh| {
        let (mut old, mut old_tip) = fresh.open().await;
        put(&mut old, &mut old_tip, batch([(&STATE_NEW, state("a", 1, "old"))])).await.unwrap();
        let (mut new, mut new_tip) = fresh.open().await;
        assert_eq!(new_tip, old_tip);
        put(&mut new, &mut new_tip, batch([(&TRANSFER, transfer("t", 2, 5)), (&STATE, state("a", 2, "new"))]))
            .await
            .unwrap();

        for rows in [
            batch([]),
            batch([(&STATE, state("a", 2, "stale"))]),
            batch([(&TRANSFER, transfer("t", 2, 6))]),
            batch([(&JOURNAL, journal(1, "x")), (&TRANSFER, transfer("t", 2, -1))]),
        ] {
            let outcome = old.commit(rows, &old_tip, &after(&old_tip, 1)).await;
            assert!(matches!(outcome, Err(StoreError::Fenced)), "{outcome:?}");
        }
        assert!(matches!(old.reopen().await, Err(StoreError::Fenced)), "it does not take the epoch back");
        assert_eq!(bodies(&mut new, &["a"]).await, [("a".into(), "new".into())]);
        put(&mut new, &mut new_tip, batch([(&STATE, state("a", 3, "newer"))])).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_commit_from_another_position_than_the_last_is_fenced() {
    on_both(async |fresh| {
        let (mut store, tip) = fresh.open().await;
        let skipped = after(&tip, 1);
        let outcome = store.commit(batch([]), &skipped, &after(&skipped, 1)).await;
        assert!(matches!(outcome, Err(StoreError::Fenced)), "{outcome:?}");
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_is_refused_leaves_nothing_and_the_next_one_is_taken() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        let first = batch([(&TRANSFER, transfer("t", 1, 5)), (&STATE_NEW, state("a", 1, "first"))]);
        put(&mut store, &mut tip, first).await.unwrap();
        let mut same = transfer("u", 2, 5);
        same[4] = "A".into();
        let mut ended = state("e", 1, "");
        ended[4] = 2.into();
        let mut nameless = state("n", 1, "");
        nameless[0] = Value::Null;
        for (what, table, row) in [
            ("an id that was used", &TRANSFER, transfer("t", 2, 5)),
            ("an amount that is none", &TRANSFER, transfer("u", 2, 0)),
            ("from an account to itself", &TRANSFER, same),
            ("a row that exists", &STATE_NEW, state("a", 1, "twice")),
            ("neither ended nor open", &STATE, ended),
            ("nothing where something has to be", &STATE, nameless),
            ("a state that is none", &PARKED, parked(2, None, "lost")),
            ("frames that end before they begin", &FRAME_OUT, frame("bank", 3, 2, b"")),
        ] {
            let rows = || batch([(&STATE, state("b", 1, "beside it")), (table, row.clone())]);
            let to = after(&tip, 1);
            let rehearsed = store.rehearse(rows(), &tip, &to).await;
            let outcome = store.commit(rows(), &tip, &to).await;
            assert!(is_rejected(&rehearsed) && is_rejected(&outcome), "{what}: {rehearsed:?} {outcome:?}");
            assert_eq!(bodies(&mut store, &["a", "b", "e"]).await, [("a".into(), "first".into())], "{what}");
        }
        put(&mut store, &mut tip, batch([(&STATE, state("b", 1, "taken"))])).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_rehearsal_leaves_nothing_and_does_not_move_the_writer() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        let rows = || batch([(&STATE_NEW, state("a", 1, "once"))]);
        for _ in 0..2 {
            store.rehearse(rows(), &tip, &after(&tip, 1)).await.unwrap();
        }
        assert_eq!(bodies(&mut store, &["a"]).await, []);
        put(&mut store, &mut tip, rows()).await.unwrap();
        let outcome = store.rehearse(rows(), &tip, &after(&tip, 1)).await;
        assert!(is_rejected(&outcome), "{outcome:?}");
    })
    .await;
}

#[tokio::test]
async fn of_rows_under_one_key_the_last_counts_and_a_put_outlives_a_delete() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        let order = |id: &str, position: i64, body: &str| vec![id.into(), position.into(), body.into()];
        let rows = [order("x", 1, "1"), order("y", 1, "2"), order("x", 2, "3")];
        put(&mut store, &mut tip, batch(rows.map(|row| (&PORT_ORDER, row)))).await.unwrap();
        assert_eq!(store.port_orders().await.unwrap(), ["2", "3"]);

        let mut again = batch([(&PORT_ORDER, order("x", 3, "4"))]);
        again.delete(&PORT_ORDER, "x".into());
        again.delete(&PORT_ORDER, "y".into());
        again.delete(&PORT_ORDER, "z".into());
        put(&mut store, &mut tip, again).await.unwrap();
        assert_eq!(store.port_orders().await.unwrap(), ["4"]);
    })
    .await;
}

#[tokio::test]
async fn new_and_changed_rows_of_a_table_go_into_one_commit() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        let rows = [(&STATE_NEW, state("a", 1, "1")), (&TRANSFER, transfer("t", 1, 5))];
        put(&mut store, &mut tip, batch(rows)).await.unwrap();
        let mut resolved = transfer("t", 1, 5);
        resolved[1] = 2.into();
        let rows = [
            (&STATE, state("a", 2, "2")),
            (&STATE_NEW, state("b", 1, "1")),
            (&TRANSFER_RESOLVED, resolved),
            (&TRANSFER, transfer("u", 2, 6)),
        ];
        put(&mut store, &mut tip, batch(rows)).await.unwrap();
        assert_eq!(bodies(&mut store, &["a", "b"]).await, [("a".into(), "2".into()), ("b".into(), "1".into())]);
        let found = store.load(&wanted([(From::Transfer, "t"), (From::Transfer, "u")])).await.unwrap();
        let versions: BTreeMap<_, _> = found.iter().map(|(_, id, row)| (id.as_str(), row.version)).collect();
        assert_eq!(versions, BTreeMap::from([("t", 2), ("u", 1)]));
    })
    .await;
}

#[tokio::test]
async fn a_batch_may_be_larger_than_one_statement_can_bind() {
    on_both(async |fresh| {
        let (mut store, tip) = fresh.open().await;
        let rows = (1..=7_000).map(|position| (&JOURNAL, journal(position, "NCD-2018-0052")));
        store.commit(batch(rows), &tip, &after(&tip, 7_000)).await.unwrap();
        assert_eq!(store.readers().journal("NCD-2018-0052").await.unwrap().len(), 7_000);
    })
    .await;
}

#[tokio::test]
async fn rows_that_are_due_come_earliest_first_and_the_next_time_after_them() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        let rows = [("d", Some(30)), ("b", Some(20)), ("a", Some(20)), ("c", None), ("e", Some(10))];
        let rows = rows.map(|(key, at)| (&STATE_NEW, waking(key, 1, at, "")));
        put(&mut store, &mut tip, batch(rows)).await.unwrap();
        for (now, limit, due, next) in [
            (9, 10, &[][..], Some(10)),
            (10, 10, &["e"], Some(20)),
            (20, 10, &["e", "a", "b"], Some(30)),
            (20, 2, &["e", "a"], Some(20)),
            (99, 10, &["e", "a", "b", "d"], None),
        ] {
            let found = store.due(now, limit).await.unwrap();
            assert_eq!(found, (due.iter().map(|key| (*key).to_owned()).collect(), next), "at {now}, {limit}");
        }
    })
    .await;
}

#[tokio::test]
async fn heads_stay_as_they_are_until_a_commit_writes_them() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        assert_eq!(store.channel(Party::Bank).await.unwrap(), None);
        let mut heads = batch([]);
        heads.channels([(Party::Bank, "{\"sent\":1}".into()), (Party::Guarantor, "[\"甲\"]".into())]);
        put(&mut store, &mut tip, heads).await.unwrap();
        put(&mut store, &mut tip, batch([(&STATE, state("a", 1, ""))])).await.unwrap();
        assert_eq!(store.channel(Party::Bank).await.unwrap().as_deref(), Some("{\"sent\":1}"));
        assert_eq!(store.channel(Party::Guarantor).await.unwrap().as_deref(), Some("[\"甲\"]"));
        assert_eq!(store.channel(Party::Union).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn frames_come_in_order_from_the_one_that_covers_a_number() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        let rows = [
            (&FRAME_OUT, frame("bank", 1, 2, &[1; 10])),
            (&FRAME_OUT, frame("bank", 3, 3, &[2; 10])),
            (&FRAME_OUT, frame("bank", 4, 9, &[0; 300])),
            (&FRAME_OUT, frame("guarantor", 1, 9, &[4])),
            (&FRAME_IN, frame("bank", 1, 9, &[5])),
        ];
        put(&mut store, &mut tip, batch(rows)).await.unwrap();
        let out = Direction::Out;
        for (first, max_bytes, lengths) in [
            (1, 1, &[10][..]),
            (2, 20, &[10, 10]),
            (2, 29, &[10, 10]),
            (3, 1_000, &[10, 300]),
            (5, 1, &[300]),
            (10, 9, &[]),
        ] {
            let frames = store.frames_from(out, Party::Bank, first, max_bytes).await.unwrap();
            assert_eq!(frames.iter().map(Vec::len).collect::<Vec<_>>(), lengths, "from {first}, {max_bytes}");
        }
        assert_eq!(store.frame_covering(out, Party::Bank, 3).await.unwrap(), Some(vec![2; 10]));
        assert_eq!(store.frame_covering(Direction::In, Party::Bank, 3).await.unwrap(), Some(vec![5]));
        assert_eq!(store.frame_covering(Direction::In, Party::Guarantor, 3).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn frames_that_are_taken_out_free_their_numbers_and_leave_the_other_partner_alone() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        let key = |partner: &str, signer: &str, from_seq: i64| {
            vec![partner.into(), signer.into(), from_seq.into(), 1.into(), "{}".into()]
        };
        let rows = [
            (&FRAME_OUT, frame("bank", 1, 2, &[1])),
            (&FRAME_OUT, frame("bank", 3, 5, &[2])),
            (&FRAME_OUT, frame("bank", 6, 6, &[3])),
            (&FRAME_OUT, frame("guarantor", 1, 6, &[4])),
            (&FRAME_IN, frame("bank", 1, 6, &[5])),
            (&KEY_CHANGE, key("bank", "union", 4)),
            (&KEY_CHANGE, key("bank", "union", 9)),
            (&KEY_CHANGE, key("bank", "bank", 4)),
        ];
        put(&mut store, &mut tip, batch(rows)).await.unwrap();
        assert_eq!(store.frames_out_above(Party::Bank, 2).await.unwrap(), [[2], [3]]);
        let mut taken = batch([(&STATE, state("a", 1, ""))]);
        taken.take_out_frames(Party::Bank, 2);
        taken.forget_key_change(Party::Bank, Party::Union, 4);
        store.rehearse(taken.clone(), &tip, &after(&tip, 1)).await.unwrap();
        assert_eq!(store.frames_out_above(Party::Bank, 0).await.unwrap().len(), 3, "a rehearsal takes nothing out");
        put(&mut store, &mut tip, taken).await.unwrap();
        assert_eq!(store.frames_out_above(Party::Bank, 0).await.unwrap(), [[1]]);
        assert_eq!(store.frames_out_above(Party::Guarantor, 0).await.unwrap(), [[4]]);
        assert_eq!(store.frame_covering(Direction::In, Party::Bank, 6).await.unwrap(), Some(vec![5]));
        let changes = store.key_changes(Party::Bank).await.unwrap();
        let changes: Vec<_> = changes.iter().map(|(signer, from_seq, _)| (signer.as_str(), *from_seq)).collect();
        assert_eq!(changes, [("bank", 4), ("union", 9)]);
        put(&mut store, &mut tip, batch([(&FRAME_OUT, frame("bank", 3, 5, &[6]))])).await.unwrap();
        assert_eq!(store.frames_out_above(Party::Bank, 0).await.unwrap(), [[1], [6]]);
    })
    .await;
}

#[tokio::test]
async fn parked_inputs_of_an_application_are_taken_from_the_first_one_only() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        let rows = [
            parked(1, Some("x"), "parked"),
            parked(2, Some("x"), "held"),
            parked(3, Some("y"), "parked"),
            parked(4, None, "parked"),
            parked(5, Some("x"), "dropped"),
        ];
        put(&mut store, &mut tip, batch(rows.map(|row| (&PARKED, row)))).await.unwrap();
        let positions = async |store: &mut Store, from| {
            let found = store.parked_from(from).await.unwrap();
            found.iter().map(|row| row.position).collect::<Vec<_>>()
        };
        let standing = |inputs, follow| Standing { inputs, follow };
        let expected = BTreeMap::from([("x".into(), standing(2, None)), ("y".into(), standing(1, None))]);
        assert_eq!(store.standing_still().await.unwrap(), expected);
        for (from, expected) in [(1, &[1, 2][..]), (2, &[]), (3, &[3]), (4, &[4]), (5, &[]), (9, &[])] {
            assert_eq!(positions(&mut store, from).await, expected, "from {from}");
        }
        let mut follow = parked(6, Some("y"), "held");
        follow[2] = "self".into();
        let mut settled = batch([(&PARKED, follow)]);
        settled.settle_parked(1, "retried");
        settled.settle_parked(3, "dropped");
        put(&mut store, &mut tip, settled).await.unwrap();
        assert_eq!(positions(&mut store, 1).await, [0; 0]);
        assert_eq!(positions(&mut store, 2).await, [2]);
        assert_eq!(positions(&mut store, 6).await, [6]);
        let expected = BTreeMap::from([("x".into(), standing(1, None)), ("y".into(), standing(1, Some(6)))]);
        assert_eq!(store.standing_still().await.unwrap(), expected);
    })
    .await;
}

#[tokio::test]
async fn personal_data_outlive_their_key_and_only_as_sealed() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        let record = |token: &str, key: Value| {
            vec![token.into(), "NCD-2018-0052".into(), vec![1, 2].into(), key, "record".into()]
        };
        let rows = [(&VAULT, record("kept", vec![3].into())), (&VAULT, record("erased", Value::Null))];
        put(&mut store, &mut tip, batch(rows)).await.unwrap();
        let sql = "SELECT token FROM vault WHERE key_sealed IS NOT NULL";
        let with_key = store.ask("look into the vault", sql, []).await.unwrap();
        assert_eq!(with_key.iter().map(|row| row.get::<String>(0)).collect::<Vec<_>>(), ["kept"]);
    })
    .await;
}

#[test]
fn the_text_of_a_commit_does_not_depend_on_how_many_rows_it_has() {
    let tip = Tip { position: 0, link: [0; 32], at: 0, exported: 0 };
    let fence = Fence { epoch: 1, from: &tip, to: &after(&tip, 1) };
    let text = |rows: i64| {
        let transfers = (0..rows).map(|n| (&TRANSFER, transfer(&n.to_string(), n, 5)));
        let mut batch = batch(transfers.chain([(&STATE, state("a", 1, ""))]));
        (0..rows).for_each(|n| batch.delete(&TASK, n.to_string()));
        (0..rows).for_each(|n| batch.settle_parked(n.unsigned_abs(), "retried"));
        postgres::statement(&fence, batch).unwrap().0
    };
    assert_eq!(text(1), text(100));
}

#[test]
fn what_the_server_says_is_told_from_what_the_batch_is() {
    for (code, is_refusal) in [
        ("23505", true),  // unique
        ("23514", true),  // check
        ("22021", true),  // bytes that are no text
        ("21000", true),  // a row twice
        ("54000", true),  // an index row that is too long
        ("40001", false), // serialization
        ("40P01", false), // deadlock
        ("53100", false), // disk full
        ("53300", false), // too many connections
        ("55P03", false), // a lock not granted in time
        ("57P01", false), // shut down
        ("57014", false), // cancelled
        ("42P01", false), // no such table
        ("08006", false), // connection
        ("25006", false), // read only
        ("XX001", false), // corrupt
        ("", false),
    ] {
        assert_eq!(is_refusal_postgres(code), is_refusal, "{code}");
    }
    for (code, is_refusal) in
        [("2067", true), ("275", true), ("1299", true), ("13", false), ("522", false), ("5", false)]
    {
        assert_eq!(is_refusal_sqlite(Some(code)), is_refusal, "{code}");
    }
}
