//! What takes two persons, and other orders to the shell: proposed, journaled and answered in one commit, and remembered by
//! whoever writes next.

use crate::{
    forge::texts,
    house::{House, Running, Setup},
};
use channel::{PublicKey, SigningKey};
use domain::{Moment, Party};
use organisation::Organisation;
use party::{
    handle::{Account, Idempotency, Maintenance, Said, Told, Wish},
    keys::new_signing_key,
};
use serde_json::{Value, json};

fn under(person: &str, key: &str, body: u8) -> Option<Idempotency> {
    Some(Idempotency { scope: person.into(), key: key.into(), body_hash: [body; 32] })
}

/// Status and whether it was said before; of a refusal its code.
fn said(told: &Told) -> (u16, bool, String) {
    match told {
        Told::Done { said, before } => (said.status, *before, String::new()),
        Told::Refused(refusal) => (409, false, refusal.code.clone()),
        other => (0, false, format!("{other:?}")),
    }
}

async fn is<O: Organisation>(running: &Running<O>, person: &str, wish: Wish, status: u16) {
    let told = running.want(person, wish, None).await;
    assert_eq!(said(&told).0, status, "{told:?}");
}

/// Public half of a next key of the union's that is at hand from the next start on.
fn next_key(house: &House) -> PublicKey {
    let path = house.files[&Party::Union].with_file_name("next.key");
    let key = new_signing_key(&path, Party::Union).unwrap();
    let path = path.display().to_string();
    house.configure(Party::Union, |config| drop(config.insert("next_signing_key_file".into(), path.into())));
    *key.public()
}

fn officer(token: u8, role: &str) -> Wish {
    let roles = vec![role.to_owned()];
    Wish::Account(Account { hash: [token; 32], account: "wang".into(), person: "person:wang".into(), roles })
}

async fn holder(house: &House, token: u8) -> Option<String> {
    let held = house.union.handle.readers.account_holder(&[token; 32], 1).await.unwrap();
    held.map(|holder| format!("{} {:?}", holder.person, holder.roles))
}

async fn a_successor_knows(setup: Setup) {
    let mut house = House::with(setup).await;
    let key = next_key(&house);
    house.union.stop().await;
    house.start_union().await;
    let first = house.union.want("person:a", Wish::ChangeKey { key }, under("a", "1", 1)).await;
    let body = json!({ "key": key, "state": "proposed", "by": "person:a" });
    assert_eq!(first, Told::Done { said: Said { status: 202, body }, before: false });

    // Whoever writes next has only the database.
    house.union.crash().await;
    house.start_union().await;
    let again = house.union.want("person:a", Wish::ChangeKey { key }, under("a", "1", 1)).await;
    let Told::Done { said: first, .. } = first else { panic!() };
    assert_eq!(again, Told::Done { said: first, before: true });
    assert_eq!(house.union.want("person:a", Wish::ChangeKey { key }, under("a", "1", 2)).await, Told::KeyReused);
    let done = house.union.want("person:b", Wish::ChangeKey { key }, under("b", "1", 1)).await;
    assert_eq!(done, Told::done());
    let again = house.union.want("person:b", Wish::ChangeKey { key }, under("b", "1", 1)).await;
    assert_eq!(again, Told::done_before());
    // It was carried out once; to do it again takes two again.
    is(&house.union, "person:b", Wish::ChangeKey { key }, 202).await;

    if house.postgres.is_some() {
        return house.close().await;
    }
    let journal = "SELECT kind || ' ' || source || ' ' || input FROM journal WHERE kind IN ('proposed', 'repair') ORDER BY position";
    let journal = texts(&house, Party::Union, journal).await;
    assert_eq!(journal.len(), 3, "{journal:?}");
    assert!(journal[0].starts_with("proposed person:a {\"about\":\"signing-key\""), "{journal:?}");
    assert!(journal[1].contains("\"decided_by\":{\"first\":\"person:a\",\"second\":\"person:b\"}"), "{journal:?}");
    house.close().await;
}

#[tokio::test]
async fn what_one_proposed_a_successor_has_another_confirm() {
    a_successor_knows(Setup::default()).await;
}

#[tokio::test]
async fn what_one_proposed_a_successor_on_postgres_has_another_confirm() {
    a_successor_knows(Setup::default().on_postgres()).await;
}

#[tokio::test]
async fn one_person_or_two_who_want_different_things_or_too_late_do_nothing() {
    let house = House::open().await;
    for (person, wish, status) in [
        ("person:a", officer(1, "intake_officer"), 202),
        ("person:a", officer(1, "intake_officer"), 202),
        ("person:b", officer(2, "operator"), 202),
        ("person:a", officer(3, "intake_officer"), 202),
    ] {
        is(&house.union, person, wish, status).await;
    }
    for token in [1, 2, 3] {
        assert_eq!(holder(&house, token).await, None);
    }
    let hour = house.union.handle.clock.now().plus_minutes(60);
    house.drive(hour.plus_minutes(1));
    is(&house.union, "person:b", officer(4, "intake_officer"), 202).await;
    assert_eq!(holder(&house, 4).await, None);
    house.drive(hour.plus_minutes(61));
    let done = house.union.want("person:a", officer(5, "intake_officer"), None).await;
    // The token is no part of the answer that is kept: its own request makes it again.
    let body = json!({ "account": "wang", "person": "person:wang", "roles": ["intake_officer"] });
    assert_eq!(done, Told::Done { said: Said { status: 201, body }, before: false });
    assert_eq!(holder(&house, 5).await.as_deref(), Some("person:wang [\"intake_officer\"]"));
    let journal =
        texts(&house, Party::Union, "SELECT source || ' ' || input FROM journal WHERE kind = 'account'").await;
    let record = "{\"account\":\"wang\",\"decided_by\":{\"first\":\"person:b\",\"second\":\"person:a\"},\"person\":\"person:wang\",\
                  \"roles\":[\"intake_officer\"]}";
    assert_eq!(journal, [format!("person:a {record}")]);
    house.close().await;
}

#[tokio::test]
async fn a_freeze_has_to_be_there_and_a_refused_order_leaves_the_proposal() {
    let house = House::open().await;
    let unfreeze = || Wish::Unfreeze { partner: Party::Bank, resolution: channel::Resolution::KeepOurHeads };
    let told = house.union.want("person:a", unfreeze(), under("a", "1", 1)).await;
    assert_eq!(said(&told), (409, false, "CHANNEL".into()));
    // No private half of it is at hand here.
    let key = *SigningKey::from_seed([7; 32]).public();
    is(&house.union, "person:a", Wish::ChangeKey { key }, 202).await;
    for _ in 0..2 {
        let told = house.union.want("person:b", Wish::ChangeKey { key }, under("b", "1", 1)).await;
        assert_eq!(said(&told), (409, false, "SIGNING_KEY".into()), "nothing was kept under the key either");
    }
    house.close().await;
}

#[tokio::test]
async fn a_driven_clock_is_in_the_journal_and_a_restart_goes_on_from_it() {
    let mut house = House::open().await;
    let to = Moment::start_of(crate::house::first_day()).plus_hours(30);
    let drive = |to| Maintenance::Drive { to, by: "person:a".into() };
    let told = house.union.order(drive(to), under("a", "1", 1)).await;
    let body = json!({ "now": to.to_string(), "now_ms": to.millis(), "driven": true });
    assert_eq!(told, Told::Done { said: Said { status: 200, body: body.clone() }, before: false });
    house.union.crash().await;
    house.start_union().await;
    assert_eq!(house.union.handle.clock.now(), to);
    let later = to.plus_hours(1);
    assert_eq!(said(&house.union.order(drive(later), under("a", "2", 1)).await), (200, false, String::new()));
    // Asked again, it is what was said then; nothing runs back.
    let told = house.union.order(drive(to), under("a", "1", 1)).await;
    assert_eq!(told, Told::Done { said: Said { status: 200, body }, before: true });
    assert_eq!(house.union.order(drive(to), under("a", "1", 2)).await, Told::KeyReused);
    assert_eq!(said(&house.union.order(drive(to), None).await), (409, false, "CLOCK_BACK".into()));
    assert_eq!(house.union.handle.clock.now(), later);
    let journal = texts(&house, Party::Union, "SELECT input FROM journal WHERE kind = 'clock' ORDER BY position").await;
    let journal: Vec<Value> = journal.iter().map(|input| serde_json::from_str(input).unwrap()).collect();
    assert_eq!(journal, [json!({ "to": to.millis() }), json!({ "to": later.millis() })]);
    house.close().await;
}
