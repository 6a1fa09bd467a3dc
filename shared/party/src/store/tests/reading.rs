//! What people and operators look up, on both databases.

use super::*;
use domain::Date;
use read::{Filter, StateRow};
use tables::{ABSENCE, LOGIN, PROPOSAL, TOKEN};

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

#[tokio::test]
async fn absences_read_by_day_person_and_deputy() {
    on_both(async |fresh| {
        let (mut store, mut tip) = fresh.open().await;
        let row = |number: i64, person: &str, from: &str, to: &str, ended: i64| {
            let deputy = "person:li".into();
            (&ABSENCE, vec![number.into(), person.into(), deputy, from.into(), to.into(), ended.into(), "休假".into()])
        };
        let login = |account: &str, person: &str, roles: &str, closed: i64| {
            let row = vec![account.into(), person.into(), roles.into(), Value::Null, closed.into(), 0.into(), 0.into()];
            (&LOGIN, row)
        };
        let proposal = |about: &str, person: &str| {
            (&PROPOSAL, vec![about.into(), "{}".into(), person.into(), "x".into(), 0.into()])
        };
        let rows = [
            row(1, "person:wang", "2020-02-20", "2020-02-28", 0),
            row(2, "person:wang", "2020-03-02", "2020-03-02", 1),
            row(3, "person:zhao", "2020-02-28", "2020-03-31", 0),
            login("wang", "person:wang", "maker checker", 0),
            login("wang2", "person:wang", "auditor", 0),
            login("wang3", "person:wang", "operator", 1),
            proposal("a", "person:li"),
            proposal("b", "person:li for person:wang"),
            proposal("c", "person:li2"),
            proposal("d", "person:wang"),
        ];
        put(&mut store, &mut tip, batch(rows)).await.unwrap();
        let readers = store.readers();
        let day = |text: &str| text.parse::<Date>().unwrap();
        for (on, people) in [
            ("2020-02-19", &[][..]),
            ("2020-02-20", &["person:wang"]),
            ("2020-02-28", &["person:wang", "person:zhao"]),
            ("2020-03-02", &["person:zhao"]),
        ] {
            assert_eq!(readers.absent_on("person:li", day(on)).await.unwrap(), people, "{on}");
        }
        assert_eq!(readers.absent_on("person:wang", day("2020-02-20")).await.unwrap(), [] as [&str; 0]);
        let between = async |from: &str, to: &str| {
            let found = readers.absences_between("person:wang", day(from), day(to)).await.unwrap();
            found.iter().map(|absence| absence.number).collect::<Vec<_>>()
        };
        assert_eq!(between("2020-02-01", "2020-02-20").await, [1]);
        assert_eq!(between("2020-02-28", "2020-03-31").await, [1]);
        assert_eq!(between("2020-02-29", "2020-03-31").await, [] as [u64; 0]);
        let numbers: Vec<u64> = readers.absences().await.unwrap().iter().map(|absence| absence.number).collect();
        assert_eq!(numbers, [3, 2, 1]);
        assert!(readers.absence(2).await.unwrap().unwrap().ended);
        assert_eq!(readers.absence(9).await.unwrap(), None);
        let roles = readers.roles_of("person:wang").await.unwrap();
        assert_eq!(roles.into_iter().collect::<Vec<_>>(), ["auditor", "checker", "maker"]);
        assert_eq!(readers.proposals_of("person:li").await.unwrap(), ["a", "b"], "as a deputy too, and nobody else's");
    })
    .await;
}
