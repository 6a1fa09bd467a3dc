//! An organisation changes its signing key while applications are under way: the partners take the new key from the number on
//! that the old key named, whatever crashes in between, and believe no other change.

use crate::{
    faults::copy_database,
    forge::{Attacker, at_least, database, frames, header, heads, key, state_of, stranger, texts, union_says},
    house::{House, PATIENCE, Running, Setup},
};
use channel::{ChainHash, KeyChange, KeyRing, Limits, PublicKey, Resolution, SigningKey, genesis, open, seal};
use domain::{ApplicationId, Moment, Party};
use organisation::Organisation;
use party::{
    config::Config,
    handle::{Told, Wish},
    key_change::encode,
    keys::new_signing_key,
    pairing::Pairing,
    run::RunError,
    writer::WriterError,
};
use std::time::Duration;

const ASKED_FEN: i64 = 40_000_000;

/// Loan contracts are signed when a person says so: the middle of the run, with the bank at the word.
async fn house_with_a_middle() -> House {
    let mut setup = Setup::default();
    setup.bank.automatic.remove(&bank_core::Role::Operations);
    House::with(setup).await
}

/// Files applications and waits until the bank's people are at each.
async fn reach_the_bank(house: &House, firms: std::ops::Range<u32>) -> Vec<ApplicationId> {
    let mut ids = Vec::new();
    for n in firms {
        ids.push(house.file(n, ASKED_FEN, 0).await.unwrap());
    }
    for id in &ids {
        let task = format!("{id}/sign-loan-contract");
        let waited = tokio::time::timeout(PATIENCE, async {
            while house.bank.handle.readers.task(&task).await.unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("{task} is not open"));
    }
    ids
}

async fn sign(house: &House, ids: &[ApplicationId]) {
    for id in ids {
        let command = bank_core::Command::SignLoanContract { application_id: id.clone() };
        house.bank.tell("zhou", &["operations"], command).await.unwrap();
    }
}

async fn all_are_paid_out_once(house: &House, ids: &[ApplicationId]) {
    for id in ids {
        house.union.until(&format!("application/{id}"), "DISBURSED").await;
        house.guarantor.until(&format!("case/{id}"), "EFFECTIVE").await;
    }
    house.idle().await;
    let lent = ASKED_FEN * i64::try_from(ids.len()).unwrap();
    assert_eq!(house.bank.balance("B1301").await, lent);
    assert_eq!(house.guarantor.balance("G9001").await, lent);
}

/// The bank's next key, in a file that its configuration names from the next start on.
fn make_next_key(house: &House) -> PublicKey {
    let path = house.files[&Party::Bank].with_file_name("next.key");
    let key = new_signing_key(&path, Party::Bank).unwrap();
    let path = path.display().to_string();
    house.configure(Party::Bank, |config| drop(config.insert("next_signing_key_file".into(), path.into())));
    *key.public()
}

/// What an operator does after the change: the next key's file is the signing key's from the next start on.
fn swap_files(house: &House) {
    house.configure(Party::Bank, |config| {
        let next = config.remove("next_signing_key_file").unwrap();
        config.insert("signing_key_file".into(), next);
    });
}

async fn restart_bank(house: &mut House) {
    house.bank.stop().await;
    house.start_bank().await;
}

/// What two operators have done.
async fn change_key<O: Organisation>(running: &Running<O>, key: PublicKey) -> Result<(), String> {
    match running.together(|| Wish::ChangeKey { key }).await {
        Told::Done { .. } => Ok(()),
        Told::Refused(refusal) => {
            let why = refusal.detail.trim_start_matches("签名密钥未更换：").trim_end_matches('。');
            Err(why.to_owned())
        }
        other => panic!("{other:?}"),
    }
}

fn refused(house: &House) -> u64 {
    let each = [&house.union.handle.metrics, &house.guarantor.handle.metrics, &house.bank.handle.metrics];
    each.iter().map(|metrics| metrics.frames_refused.get()).sum()
}

#[tokio::test]
async fn the_bank_changes_its_key_under_way_and_frames_by_the_old_one_are_refused_from_then_on() {
    let mut house = house_with_a_middle().await;
    let mut ids = reach_the_bank(&house, 1..5).await;
    let old = key(&house, Party::Bank);
    let next = make_next_key(&house);
    restart_bank(&mut house).await;
    sign(&house, &ids[..2]).await;
    change_key(&house.bank, next).await.unwrap();
    sign(&house, &ids[2..3]).await;
    swap_files(&house);
    restart_bank(&mut house).await;
    sign(&house, &ids[3..]).await;
    let later = reach_the_bank(&house, 5..6).await;
    sign(&house, &later).await;
    ids.extend(later);
    all_are_paid_out_once(&house, &ids).await;
    assert_eq!(refused(&house), 0, "nobody said anything wrong");
    for party in [Party::Union, Party::Guarantor] {
        let changes = texts(&house, party, "SELECT body FROM key_change WHERE signer = 'bank'").await;
        let changes: Vec<KeyChange> = changes.iter().map(|body| serde_json::from_str(body).unwrap()).collect();
        assert!(changes.len() == 1 && changes[0].new_key == next && changes[0].old_key == *old.public());
        let told = texts(&house, party, "SELECT source FROM journal WHERE kind = 'key_changed'").await;
        assert_eq!(told, ["bank"]);
    }

    // Whoever has the old key can say nothing new with it.
    let attacker = Attacker::of(&house, Party::Bank).await;
    let now = heads(&house, Party::Bank, Party::Union).await;
    let stolen = seal(&header(Party::Bank, Party::Union, now.sent, now.received), &["{}"], &old).unwrap().bytes;
    let before = state_of(&house, Party::Union).await;
    attacker.publish(Party::Union, stolen).await;
    let why = at_least(&house, Party::Union, 1, "SELECT why FROM audit WHERE reason = 'unknown_key'").await;
    assert_eq!(why, [format!("key {} is not the sender's key in force at this number", old.id())]);
    // What it said before still holds: it was signed by the key that was in force there.
    let said = frames(&house, Party::Bank, Party::Union).await;
    let ring = KeyRing::new(*old.public());
    let by_old = |bytes: &&Vec<u8>| open(bytes, &Limits::RECEIVE, &ring, Party::Bank, Party::Union).is_ok();
    assert!(said.iter().any(|bytes| by_old(&bytes)) && !said.iter().all(|bytes| by_old(&bytes)));
    let duplicates = house.union.handle.metrics.frames_duplicate.get();
    for bytes in &said {
        attacker.publish(Party::Union, bytes.clone()).await;
    }
    let all = duplicates + u64::try_from(said.len()).unwrap();
    let waited = tokio::time::timeout(PATIENCE, async {
        while house.union.handle.metrics.frames_duplicate.get() < all {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap();
    assert_eq!(house.union.handle.metrics.frames_refused.get(), 1);
    assert_eq!(state_of(&house, Party::Union).await, before);
    house.close().await;
}

#[tokio::test]
async fn a_change_of_key_survives_crashes_on_both_sides_and_a_broker_that_lost_everything() {
    let mut house = house_with_a_middle().await;
    let ids = reach_the_bank(&house, 1..5).await;
    let next = make_next_key(&house);
    restart_bank(&mut house).await;
    // The union hears nothing of it: what the bank says by either key lies in the broker alone, and then nowhere.
    house.union.crash().await;
    sign(&house, &ids[..1]).await;
    change_key(&house.bank, next).await.unwrap();
    house.bank.crash().await;
    house.broker.wipe().unwrap();
    house.broker.restart().unwrap();
    house.start_bank().await;
    sign(&house, &ids[1..2]).await;
    // The files are swapped, and the guarantor, which has heard of it, forgets everything but its database.
    swap_files(&house);
    tokio::join!(house.bank.crash(), house.guarantor.crash());
    house.start_guarantor().await;
    house.start_bank().await;
    sign(&house, &ids[2..3]).await;
    house.start_union().await;
    sign(&house, &ids[3..]).await;
    all_are_paid_out_once(&house, &ids).await;
    // And once more, now that all have heard: the change is in every database.
    house.stop().await;
    house.start().await;
    let later = reach_the_bank(&house, 5..6).await;
    sign(&house, &later).await;
    all_are_paid_out_once(&house, &[ids, later].concat()).await;
    assert_eq!(refused(&house), 0);
    house.close().await;
}

#[tokio::test]
async fn a_key_that_is_not_at_hand_or_was_used_or_a_channel_that_is_not_open_changes_nothing() {
    let mut house = House::open().await;
    let id = house.file(1, ASKED_FEN, 0).await.unwrap();
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    house.idle().await;
    let next = make_next_key(&house);
    let not_at_hand = "no signing key file of this service holds this key";
    // The running service has not read the file yet.
    assert_eq!(change_key(&house.bank, next).await, Err(not_at_hand.into()));
    let first = key(&house, Party::Bank);
    restart_bank(&mut house).await;
    assert_eq!(change_key(&house.bank, *stranger().public()).await, Err(not_at_hand.into()));
    let used = Err("towards union this key signs already, or has signed".into());
    assert_eq!(change_key(&house.bank, *first.public()).await, used);

    // One channel is frozen: not even the other partner is told.
    let union = key(&house, Party::Union);
    let said = frames(&house, Party::Union, Party::Bank).await.remove(0);
    let ring = KeyRing::new(*union.public());
    let said = open(&said, &Limits::RECEIVE, &ring, Party::Union, Party::Bank).unwrap();
    let other = seal(&said.preamble().header, &["{}"], &union).unwrap().bytes;
    Attacker::of(&house, Party::Union).await.publish(Party::Bank, other).await;
    let mut backlog = house.bank.handle.backlog.clone();
    tokio::time::timeout(PATIENCE, backlog.wait_for(|backlog| backlog.frozen == 1)).await.unwrap().unwrap();
    assert_eq!(change_key(&house.bank, next).await, Err("the channel to union is not open".into()));
    for party in [Party::Bank, Party::Guarantor] {
        assert_eq!(texts(&house, party, "SELECT body FROM key_change").await, Vec::<String>::new());
    }
    house.close().await;
}

/// Where the log from one to the other begins.
fn chain(house: &House, from: Party, to: Party) -> ChainHash {
    let config = Config::load(&house.files[&from], std::iter::empty()).unwrap();
    let pairing = Pairing::read(&config.pairing_file).unwrap();
    let key = |party| pairing.key(party).unwrap();
    genesis(&config.programme, &config.environment, from, to, &key(from), &key(to))
}

#[tokio::test]
async fn a_change_of_key_that_does_not_prove_itself_is_refused_and_the_old_key_stays_in_force() {
    let mut house = House::open().await;
    let first = house.file(1, ASKED_FEN, 0).await.unwrap();
    house.union.until(&format!("application/{first}"), "DISBURSED").await;
    house.idle().await;
    let union = key(&house, Party::Union);
    let other = SigningKey::from_seed([8; 32]);
    let (to_bank, to_guarantor) =
        (chain(&house, Party::Union, Party::Bank), chain(&house, Party::Union, Party::Guarantor));
    let start = heads(&house, Party::Union, Party::Bank).await.sent.seq;
    let at = Moment::start_of(crate::house::first_day());
    let message = |change: KeyChange, n: u64| encode(change, Party::Union, Party::Bank, start + n, at).unwrap();
    let good = KeyChange::create(&to_bank, Party::Union, &union, &other);
    let of_a_stranger = KeyChange::create(&to_bank, Party::Union, &stranger(), &other);
    let cases = [
        (KeyChange { signed_by_old: [0; 64], ..good.clone() }, "the old key did not sign this change"),
        (KeyChange { signed_by_new: good.signed_by_old, ..good.clone() }, "the new key did not sign this change"),
        (of_a_stranger, "the key to be replaced is not the key in force"),
        (KeyChange::create(&to_guarantor, Party::Union, &union, &other), "the old key did not sign this change"),
        (KeyChange::create(&to_bank, Party::Union, &union, &union), "old and new key are the same"),
    ];
    // Each alone in its frame, as a change has to be; then a good one that is not the last of its frame.
    for (n, (change, _)) in (1..).zip(&cases) {
        union_says(&mut house, Party::Bank, &[message(change.clone(), n)]).await;
        house.idle().await;
    }
    union_says(&mut house, Party::Bank, &[message(good, 6), b"{}".to_vec()]).await;
    house.idle().await;
    let sql = "SELECT refusal FROM journal WHERE source = 'union' AND refusal IS NOT NULL ORDER BY position";
    let refused = texts(&house, Party::Bank, sql).await;
    let expected =
        cases.iter().map(|(_, why)| *why).chain(["it is not the last message of its frame", "not a CloudEvent"]);
    assert_eq!(refused.len(), cases.len() + 2, "{refused:#?}");
    for (expected, why) in expected.zip(&refused) {
        assert!(why.contains(expected), "{why} does not say {expected}");
    }
    assert_eq!(texts(&house, Party::Bank, "SELECT body FROM key_change").await, Vec::<String>::new());
    let second = house.file(2, ASKED_FEN, 0).await.unwrap();
    house.union.until(&format!("application/{second}"), "DISBURSED").await;
    house.close().await;
}

#[tokio::test]
async fn a_service_without_the_key_in_force_or_with_a_change_that_nobody_signed_does_not_start() {
    let mut house = House::open().await;
    let next = make_next_key(&house);
    restart_bank(&mut house).await;
    change_key(&house.bank, next).await.unwrap();
    house.idle().await;
    house.bank.stop().await;
    let start = async |house: &House, party: Party| {
        let config = Config::load(&house.files[&party], std::iter::empty()).unwrap();
        let app = |_, _| axum::Router::new();
        let stop = tokio_util::sync::CancellationToken::new();
        match party {
            Party::Bank => party::run::run(house.setup.bank.clone(), &config, app, stop).await.unwrap_err(),
            _ => panic!("{party} is not started here"),
        }
    };
    // The old file alone.
    let old = key(&house, Party::Bank).id();
    house.configure(Party::Bank, |config| drop(config.remove("next_signing_key_file")));
    let error = start(&house, Party::Bank).await;
    assert!(matches!(error, RunError::Writer(WriterError::Key(_))), "{error}");
    let line = error.to_string();
    assert!(line.contains(&next.id().to_string()) && line.contains(&old.to_string()), "{line}");

    let file = house.files[&Party::Bank].with_file_name("next.key").display().to_string();
    house.configure(Party::Bank, |config| drop(config.insert("signing_key_file".into(), file.into())));
    let spoil = "UPDATE key_change SET body = replace(body, substr(body, -20, 8), '00000000') WHERE partner = 'union'";
    sqlx::query(spoil).execute(&mut database(&house, Party::Bank).await).await.unwrap();
    let line = start(&house, Party::Bank).await.to_string();
    assert!(line.contains("the stored change of key cannot be read: the new key did not sign this change"), "{line}");
    house.close().await;
}

/// As the README's table of repairs has it.
#[tokio::test]
async fn a_bank_restored_from_before_its_change_of_key_goes_on_when_it_is_given_the_statements_back() {
    let mut house = House::open().await;
    let disbursed = async |house: &House, n: u32| {
        let id = house.file(n, ASKED_FEN, 0).await.unwrap();
        house.union.until(&format!("application/{id}"), "DISBURSED").await;
        house.idle().await;
    };
    disbursed(&house, 1).await;
    let data = house.files[&Party::Bank].parent().unwrap().join("data");
    let backup = tempfile::tempdir().unwrap();
    house.bank.stop().await;
    copy_database(&data, backup.path());
    let next = make_next_key(&house);
    house.start_bank().await;
    change_key(&house.bank, next).await.unwrap();
    disbursed(&house, 2).await;

    house.bank.stop().await;
    copy_database(backup.path(), &data);
    for partner in [Party::Union, Party::Guarantor] {
        let statement = texts(&house, partner, "SELECT body FROM key_change WHERE signer = 'bank'").await.remove(0);
        let from_seq = texts(&house, partner, "SELECT CAST(from_seq AS TEXT) FROM key_change").await.remove(0);
        sqlx::query("INSERT INTO key_change (partner, signer, from_seq, position, body) VALUES (?, 'bank', ?, 0, ?)")
            .bind(partner.to_string())
            .bind(from_seq.parse::<i64>().unwrap())
            .bind(statement)
            .execute(&mut database(&house, Party::Bank).await)
            .await
            .unwrap();
    }
    house.start_bank().await;
    house.bank.until_frozen(2).await;
    for partner in [Party::Union, Party::Guarantor] {
        house.bank.unfreeze(partner, Resolution::AdoptTheirReceipt).await;
    }
    house.union.until_frozen(1).await;
    house.guarantor.until_frozen(1).await;
    house.union.unfreeze(Party::Bank, Resolution::ResendToPartner).await;
    house.guarantor.unfreeze(Party::Bank, Resolution::ResendToPartner).await;
    disbursed(&house, 3).await;
    assert_eq!(refused(&house), 0);
    let said = frames(&house, Party::Bank, Party::Union).await.pop().unwrap();
    assert_eq!(said[10..18], *next.id().as_bytes(), "what it says is signed by the key that it had changed to");
    house.close().await;
}
