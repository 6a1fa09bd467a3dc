//! What people and operators look up, on both databases.

use super::*;
use read::{Filter, StateRow};
use tables::TOKEN;

fn application(key: &str, status: &str, uscc: &str, ended: i64) -> (&'static Table, Vec<Value>) {
    let row = [key.into(), 1.into(), status.into(), uscc.into(), ended.into(), Value::Null, Value::Null, "{}".into()];
    (&STATE_NEW, row.into())
}

fn keys(rows: &[StateRow]) -> Vec<&str> {
    rows.iter().map(|row| row.key.as_str()).collect()
}

#[tokio::test]
async fn readers_see_what_is_committed_and_nothing_else() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        let readers = store.readers();
        assert!(readers.state("application/1").await.unwrap().is_none());
        let rows = || batch([application("application/1", "SUBMITTED", "u", 0)]);
        store.rehearse(rows(), &tip, &after(&tip, 1)).await.unwrap();
        assert!(readers.state("application/1").await.unwrap().is_none());
        put(&mut store, &mut tip, rows()).await.unwrap();
        let row = readers.state("application/1").await.unwrap().unwrap();
        assert_eq!((row.status.as_str(), row.version, row.ended, row.trace), ("SUBMITTED", 1, false, None));
    })
    .await;
}

#[tokio::test]
async fn applications_are_listed_by_their_bytes_behind_a_cursor_and_through_filters() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        // No language would sort these so: capitals before small letters, punctuation before both, 中 after all.
        let rows = [
            application("a/中", "OPEN", "u1", 0),
            application("a/B", "OPEN", "u2", 0),
            application("a/a", "DONE", "u1", 1),
            application("a/é", "OPEN", "u1", 0),
            application("a/-", "DONE", "u2", 1),
            application("b/a", "OPEN", "u1", 0),
        ];
        put(&mut store, &mut tip, batch(rows)).await.unwrap();
        let readers = store.readers();
        let list = async |filter: Filter, after, limit| readers.list("a/", &filter, after, limit).await.unwrap();
        let all = Filter::default();
        assert_eq!(keys(&list(all.clone(), "", 10).await), ["a/-", "a/B", "a/a", "a/é", "a/中"]);
        assert_eq!(keys(&list(all.clone(), "a/B", 2).await), ["a/a", "a/é"]);
        assert_eq!(keys(&list(all, "a/中", 2).await), [""; 0]);
        let open = Filter { status: Some("OPEN".into()), uscc: Some("u1".into()), ended: Some(false) };
        assert_eq!(keys(&list(open, "", 10).await), ["a/é", "a/中"]);
        let ended = Filter { ended: Some(true), ..Filter::default() };
        assert_eq!(keys(&list(ended, "", 10).await), ["a/-", "a/a"]);
    })
    .await;
}

#[tokio::test]
async fn tasks_are_listed_earliest_first_of_one_role_or_application_or_all() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        let task = |id: &str, application: &str, role: &str, due_at: i64| {
            (&TASK, vec![id.into(), application.into(), role.into(), due_at.into(), format!("\"{id}\"").into()])
        };
        let rows = [task("1/b", "1", "maker", 20), task("1/a", "1", "checker", 20), task("2/a", "2", "maker", 10)];
        put(&mut store, &mut tip, batch(rows)).await.unwrap();
        let readers = store.readers();
        for (role, application, after, limit, expected) in [
            (None, None, (0, ""), 10, &["\"2/a\"", "\"1/a\"", "\"1/b\""][..]),
            (None, None, (0, ""), 1, &["\"2/a\""]),
            (None, None, (20, "1/a"), 10, &["\"1/b\""]),
            (Some("maker"), None, (0, ""), 10, &["\"2/a\"", "\"1/b\""]),
            (Some("maker"), Some("1"), (0, ""), 10, &["\"1/b\""]),
            (Some("nobody"), None, (0, ""), 10, &[]),
        ] {
            let found = readers.tasks(role, application, after, limit).await.unwrap();
            assert_eq!(found, expected, "{role:?} {application:?} {after:?}");
        }
        assert_eq!(readers.task("1/b").await.unwrap().as_deref(), Some("\"1/b\""));
        assert_eq!(readers.task("3/a").await.unwrap(), None);
        let mut closed = batch([]);
        closed.delete(&TASK, "1/b".into());
        put(&mut store, &mut tip, closed).await.unwrap();
        assert_eq!(readers.task("1/b").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn journal_ledger_incidents_parked_inputs_and_accounts_read_as_they_were_written() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        let account = |code: &str, fen: i64| (&ACCOUNT, vec![code.into(), 1.into(), fen.into(), "{}".into()]);
        let incident = vec!["bank/1".into(), "".into(), "operator".into(), "{\"what\":\"甲\"}".into()];
        let roles = ["maker".to_owned(), "checker".to_owned()];
        let token = tables::token(&[7; 32], "zhang".into(), "person:zhang".into(), &roles, 0, 3).to_vec();
        let rows = [
            (&JOURNAL, journal(1, "x")),
            (&JOURNAL, journal(2, "y")),
            (&JOURNAL, journal(3, "x")),
            account("U9001", 5),
            account("U9002", -5),
            account("V1", 1),
            (&TRANSFER, transfer("t2", 2, 7)),
            (&TRANSFER, transfer("t1", 2, 6)),
            (&TRANSFER, transfer("t0", 1, 5)),
            (&INCIDENT, incident),
            (&PARKED, parked(4, Some("x"), "held")),
            (&PARKED, parked(5, None, "dropped")),
            (&TOKEN, token),
        ];
        put(&mut store, &mut tip, batch(rows)).await.unwrap();
        let readers = store.readers();
        let journal = readers.journal("x").await.unwrap();
        assert_eq!(journal.iter().map(|row| row.position).collect::<Vec<_>>(), [1, 3]);
        assert_eq!((journal[0].kind.as_str(), journal[0].refusal.as_deref()), ("command", None));
        let balances = readers.balances("U", "", 10).await.unwrap();
        let balances: Vec<_> = balances.iter().map(|balance| (balance.code.as_str(), balance.balance_fen)).collect();
        assert_eq!(balances, [("U9001", 5), ("U9002", -5)]);
        for (after, limit, ids) in [(0, 10, &["t0", "t1", "t2"][..]), (1, 10, &["t1", "t2"]), (0, 2, &["t0", "t1"])] {
            let found = readers.transfers(after, limit).await.unwrap();
            assert_eq!(found.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ids, "after {after}");
        }
        let after = readers.balances("U", "U9001", 10).await.unwrap();
        assert_eq!(after.iter().map(|balance| balance.code.as_str()).collect::<Vec<_>>(), ["U9002"]);
        assert_eq!(readers.balances("", "", 1).await.unwrap().len(), 1);
        let incidents = readers.incidents("", 10).await.unwrap();
        assert_eq!(incidents.iter().map(|(_, body)| body.as_str()).collect::<Vec<_>>(), ["{\"what\":\"甲\"}"]);
        assert_eq!(readers.incidents(&incidents[0].0, 10).await.unwrap(), []);
        let waiting = readers.parked(0, 10).await.unwrap();
        assert_eq!(readers.parked(waiting[0].position, 10).await.unwrap(), []);
        assert_eq!(waiting.len(), 1);
        assert_eq!((waiting[0].position, waiting[0].application_id.as_deref()), (4, Some("x")));
        let holder = readers.account_holder(&[7; 32], 1).await.unwrap().unwrap();
        assert_eq!(
            (holder.person.as_str(), holder.roles.clone()),
            ("person:zhang", vec!["maker".into(), "checker".into()])
        );
        assert_eq!(readers.account_holder(&[8; 32], 1).await.unwrap(), None);
        assert!(readers.has_account(&holder.account).await.unwrap());
        assert!(!readers.has_account("nobody").await.unwrap());
    })
    .await;
}
