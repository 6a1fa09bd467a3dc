//! What may fail under a running programme and must cost nobody a fen: the broker killed, the broker's whole disk lost, a
//! partner absent, each service stopped and started in mid-run. Every application ends, and money moves once.

use crate::{
    firms::form,
    forge::texts,
    house::{House, Running, Setup},
};
use bank_core::command::CreditVerdict;
use channel::Resolution;
use domain::{Amount, ApplicationId, Fen, Party, Ppm};
use guarantor_core::{Role, command::Assessment};
use party::handle::Told;
use std::{fs, path::Path};
use tools::postgres::Server;
use union_core::command::{Repair, RepairAction};

const ASKED_FEN: i64 = 40_000_000;

/// Applications wait at the guarantor until a risk manager decides: the middle of the run.
async fn house_with_a_middle() -> House {
    House::with(Setup::default().by_hand(Role::RiskManager)).await
}

async fn file(house: &House, firms: std::ops::Range<u32>) -> Vec<ApplicationId> {
    let mut ids = Vec::new();
    for n in firms {
        ids.push(house.file(n, ASKED_FEN, 0).await.unwrap());
    }
    ids
}

async fn reach_the_guarantor(house: &House, ids: &[ApplicationId]) {
    for id in ids {
        house.guarantor.until(&format!("case/{id}"), "GUARANTEE_REVIEW").await;
    }
}

async fn agree(house: &House, ids: &[ApplicationId]) {
    for id in ids {
        let verdict = Assessment::Agree {
            amount_fen: Amount::new(Fen::new(ASKED_FEN)).unwrap(),
            conditions: Vec::new(),
            counter_guarantee: guarantor_core::case::Demand::None,
        };
        let command = guarantor_core::Command::Assess { application_id: id.clone(), verdict };
        house.guarantor.tell("risk", &["risk_manager"], command).await.unwrap();
    }
}

/// Every application is paid out, and the three ledgers say so once.
async fn all_are_paid_out_once(house: &House, ids: &[ApplicationId]) {
    for id in ids {
        house.union.until(&format!("application/{id}"), "DISBURSED").await;
    }
    house.idle().await;
    let lent = ASKED_FEN * i64::try_from(ids.len()).unwrap();
    for (what, fen, expected) in [
        ("lent", house.bank.balance("B1301").await, lent),
        ("in the borrowers' accounts", house.bank.balance("B2011").await, lent),
        ("guaranteed", house.guarantor.balance("G9001").await, lent),
        ("committed", house.union.balance("U9002").await, lent / 5),
        ("held", house.union.balance("U9001").await, 0),
    ] {
        assert_eq!(fen, expected, "{what}");
    }
    let refused = house.bank.handle.metrics.frames_refused.get()
        + house.union.handle.metrics.frames_refused.get()
        + house.guarantor.handle.metrics.frames_refused.get();
    assert_eq!(refused, 0, "nobody said anything wrong");
}

#[tokio::test]
async fn broker_killed_in_mid_run_delays_and_loses_nothing() {
    let mut house = house_with_a_middle().await;
    let mut ids = file(&house, 1..5).await;
    reach_the_guarantor(&house, &ids).await;
    house.broker.kill().unwrap();
    // People go on working: what they decide and file is committed, and said when there is somebody to carry it.
    agree(&house, &ids[..2]).await;
    let later = file(&house, 5..7).await;
    house.broker.restart().unwrap();
    reach_the_guarantor(&house, &later).await;
    agree(&house, &ids[2..]).await;
    agree(&house, &later).await;
    ids.extend(later);
    all_are_paid_out_once(&house, &ids).await;
    house.close().await;
}

#[tokio::test]
async fn broker_that_lost_its_whole_disk_is_provisioned_anew_and_everything_is_resent() {
    let mut house = house_with_a_middle().await;
    let mut ids = file(&house, 1..5).await;
    reach_the_guarantor(&house, &ids).await;
    // With nobody to take them, the asks to the bank lie in the broker alone when its disk is lost.
    house.bank.stop().await;
    agree(&house, &ids[..2]).await;
    for id in &ids[..2] {
        house.union.until(&format!("application/{id}"), "CREDIT_REVIEW").await;
    }
    house.broker.wipe().unwrap();
    let later = file(&house, 5..7).await;
    house.broker.restart().unwrap();
    house.start_bank().await;
    reach_the_guarantor(&house, &later).await;
    agree(&house, &ids[2..]).await;
    agree(&house, &later).await;
    ids.extend(later);
    all_are_paid_out_once(&house, &ids).await;
    house.close().await;
}

#[tokio::test]
async fn applications_filed_while_the_bank_is_absent_end_when_it_is_back() {
    let mut house = House::open().await;
    house.bank.stop().await;
    let ids = file(&house, 1..5).await;
    for id in &ids {
        house.union.until(&format!("application/{id}"), "CREDIT_REVIEW").await;
    }
    house.start_bank().await;
    all_are_paid_out_once(&house, &ids).await;
    house.close().await;
}

#[tokio::test]
async fn each_service_stopped_and_started_in_mid_run_goes_on_where_it_was() {
    let mut house = house_with_a_middle().await;
    let ids = file(&house, 1..7).await;
    reach_the_guarantor(&house, &ids).await;
    agree(&house, &ids[..2]).await;
    house.union.stop().await;
    house.start_union().await;
    agree(&house, &ids[2..4]).await;
    house.guarantor.stop().await;
    house.start_guarantor().await;
    agree(&house, &ids[4..]).await;
    house.bank.stop().await;
    house.start_bank().await;
    all_are_paid_out_once(&house, &ids).await;
    house.close().await;
}

/// While its database is gone nobody is told that something was done; afterwards everything goes on.
#[tokio::test]
async fn postgres_stopped_and_killed_in_mid_run_delays_and_loses_nothing() {
    let mut house = House::with(Setup::default().by_hand(Role::RiskManager).on_postgres()).await;
    let mut ids = file(&house, 1..5).await;
    reach_the_guarantor(&house, &ids).await;
    agree(&house, &ids[..2]).await;
    for (end, firm) in [(Server::stop as fn(&mut Server) -> _, 5), (Server::kill, 6)] {
        end(house.postgres.as_mut().unwrap()).unwrap();
        let refused = house.file(firm, ASKED_FEN, 0).await;
        assert_eq!(refused.unwrap_err(), "Unavailable", "no number was given to what is not kept");
        house.postgres.as_mut().unwrap().restart().unwrap();
        // The writer is let in again as soon as it has a new epoch; the firm files again under its key.
        let filed = loop {
            match house.file(firm, ASKED_FEN, 0).await {
                Ok(id) => break id,
                Err(why) => assert_eq!(why, "Unavailable"),
            }
        };
        reach_the_guarantor(&house, std::slice::from_ref(&filed)).await;
        ids.push(filed);
    }
    agree(&house, &ids[2..]).await;
    all_are_paid_out_once(&house, &ids).await;
    house.close().await;
}

/// Makes `to` hold what `from` holds of a database, and nothing else of it.
pub fn copy_database(from: &Path, to: &Path) {
    for name in ["bank.db", "bank.db-wal", "bank.db-shm"] {
        let _ = fs::remove_file(to.join(name));
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

#[tokio::test]
async fn bank_restored_from_an_old_copy_notices_and_says_nothing_new_under_used_numbers() {
    let mut house = House::open().await;
    let first = file(&house, 1..2).await;
    all_are_paid_out_once(&house, &first).await;
    let data = house.files[&Party::Bank].parent().unwrap().join("data");
    let backup = tempfile::tempdir().unwrap();
    house.bank.stop().await;
    copy_database(&data, backup.path());
    house.start_bank().await;
    let second = file(&house, 2..3).await;
    all_are_paid_out_once(&house, &[first.clone(), second.clone()].concat()).await;

    house.bank.stop().await;
    copy_database(backup.path(), &data);
    house.start_bank().await;
    house.bank.until_frozen(2).await;
    let incidents = house.bank.incidents().await;
    assert!(incidents.len() == 2 && incidents.iter().all(|what| what.contains("restored")), "{incidents:?}");
    // The copy does not know of the second loan; nothing makes the bank pay it, or a third one, on that ground.
    let third = file(&house, 3..4).await;
    house.guarantor.until(&format!("case/{}", third[0]), "CREDIT_REVIEW").await;
    house.guarantor.idle().await;
    let parked = house.union.parked().await;
    assert!(parked.len() == 1 && parked[0].why == "the channel to bank is frozen", "{parked:?}");
    assert_eq!(parked[0].application_id, Some(third[0].to_string()));
    for id in [&second[0], &third[0]] {
        assert_eq!(house.bank.status(&format!("case/{id}")).await, "", "{id}");
    }
    assert_eq!(house.bank.balance("B1301").await, ASKED_FEN);

    // The restored side first; then the guarantor, on whose letter the union's asks rest.
    house.union.until_frozen(1).await;
    house.guarantor.until_frozen(1).await;
    house.bank.unfreeze(Party::Union, Resolution::AdoptTheirReceipt).await;
    house.bank.unfreeze(Party::Guarantor, Resolution::AdoptTheirReceipt).await;
    house.guarantor.unfreeze(Party::Bank, Resolution::ResendToPartner).await;
    house.guarantor.idle().await;
    house.union.unfreeze(Party::Bank, Resolution::ResendToPartner).await;
    house.union.idle().await;
    // What it had receipted once it may have decided once: it does not decide it again by itself.
    let parked = house.bank.parked().await;
    assert!(parked[0].why.starts_with("it was receipted before this database was restored"), "{parked:?}");
    assert!(parked.iter().all(|row| row.application_id == Some(second[0].to_string())), "{parked:?}");
    assert_eq!(house.bank.balance("B1301").await, ASKED_FEN);
    // Whoever has compared it with what the partners hold has it decided anew; what was parked at the union goes on too.
    assert_eq!(house.bank.retry(parked[0].position).await, Told::done());
    let parked = house.union.parked().await;
    assert_eq!(house.union.retry(parked[0].position).await, Told::done());
    all_are_paid_out_once(&house, &[first, second, third].concat()).await;
    house.close().await;
}

/// The bank's credit approver decides about the `n`-th firm's application: lends, or does not.
async fn decide_credit(house: &House, n: u32, id: &ApplicationId, lends: bool) {
    let verdict = if lends {
        CreditVerdict::Approve {
            amount_fen: Amount::new(Fen::new(ASKED_FEN)).unwrap(),
            rate_ppm: Ppm::new(30_000).unwrap(),
            method: form(n, ASKED_FEN, 0).wish.method,
        }
    } else {
        CreditVerdict::Decline { reason: contracts::CreditDecline::CreditRecord }
    };
    let command = bank_core::Command::DecideCredit { application_id: id.clone(), verdict };
    house.bank.tell("approver", &["credit_approver"], command).await.unwrap();
}

/// Two persons at each side end the freeze of the channel between bank and union, the restored bank first; and again if frames
/// that were still on their way froze it once more.
async fn mend_bank_and_union(house: &House) {
    for _ in 0..5 {
        house.idle().await;
        if house.bank.handle.backlog.borrow().frozen == 1 {
            house.bank.unfreeze(Party::Union, Resolution::AdoptTheirReceipt).await;
        }
        if house.union.handle.backlog.borrow().frozen == 1 {
            house.union.unfreeze(Party::Bank, Resolution::KeepOurHeads).await;
        }
        let open = house.bank.handle.backlog.borrow().frozen + house.union.handle.backlog.borrow().frozen == 0;
        // A new greeting and its answer have passed before this has arrived.
        if open {
            return;
        }
    }
    panic!("the channel freezes again and again");
}

/// The bank's database is set back, and the union is away for longer than a start waits for it: the bank gives numbers anew
/// under which the union holds something else. `signed`: how many messages the union holds that the copy does not know;
/// `unheard`: how many the bank says on a history of its own.
async fn bank_that_went_on_unheard(signed: usize, unheard: usize) {
    let mut setup = Setup::default();
    setup.bank.automatic.remove(&bank_core::Role::CreditApprover);
    let mut house = House::with(setup).await;
    let ids = file(&house, 1..7).await;
    let numbered: Vec<(u32, &ApplicationId)> = (1..).zip(&ids).collect();
    for id in &ids {
        house.bank.until(&format!("case/{id}"), "CREDIT_REVIEW").await;
    }
    house.idle().await;
    let data = house.files[&Party::Bank].parent().unwrap().join("data");
    let backup = tempfile::tempdir().unwrap();
    house.bank.stop().await;
    copy_database(&data, backup.path());
    house.start_bank().await;
    let (declined, rest) = numbered.split_at(signed);
    for (n, id) in declined {
        decide_credit(&house, *n, id, false).await;
        house.union.until(&format!("application/{id}"), "CREDIT_DECLINED").await;
    }
    house.idle().await;

    house.bank.stop().await;
    house.union.stop().await;
    copy_database(backup.path(), &data);
    house.start_bank().await;
    let (forked, rest) = rest.split_at(unheard);
    for (n, id) in forked {
        decide_credit(&house, *n, id, true).await;
    }
    house.start_union().await;
    house.bank.until_frozen(1).await;
    house.union.until_frozen(1).await;
    house.bank.unfreeze(Party::Union, Resolution::AdoptTheirReceipt).await;
    // Exactly what the union never had is kept as evidence, and people are told of it.
    let kept = texts(&house, Party::Bank, "SELECT why FROM audit WHERE reason = 'forked'").await;
    assert_eq!(kept.len(), unheard, "{kept:?}");
    let incidents = house.bank.incidents().await;
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    for (_, id) in forked {
        assert!(incidents[0].contains(&id.to_string()), "{id}: {incidents:?}");
    }
    for (_, id) in declined.iter().chain(rest) {
        assert!(!incidents[0].contains(&id.to_string()), "{id}: {incidents:?}");
    }
    let parked = house.bank.parked().await;
    assert!(parked.len() == 1 && parked[0].application_id.is_none(), "{parked:?}");
    house.union.unfreeze(Party::Bank, Resolution::KeepOurHeads).await;
    mend_bank_and_union(&house).await;

    // The channel goes on, with what waited and with what is new, also behind a restart.
    for (n, id) in rest {
        decide_credit(&house, *n, id, true).await;
        house.union.until(&format!("application/{id}"), "DISBURSED").await;
    }
    house.bank.stop().await;
    house.start_bank().await;
    let new = house.file(7, ASKED_FEN, 0).await.unwrap();
    house.bank.until(&format!("case/{new}"), "CREDIT_REVIEW").await;
    decide_credit(&house, 7, &new, true).await;
    house.union.until(&format!("application/{new}"), "DISBURSED").await;
    // What was said unheard is not said again by itself; asked again under the same key, the bank says it.
    for (_, id) in forked {
        assert_eq!(house.union.status(&format!("application/{id}")).await, "CREDIT_REVIEW", "{id}");
        let action = Repair { action: RepairAction::RetryAsk, because: "银行数据库恢复后核对一致".into() };
        let command =
            union_core::Command::Repair { application_id: (*id).clone(), step: "approve credit".into(), action };
        house.union.tell("op", &["operator"], command).await.unwrap();
    }
    let paid: Vec<ApplicationId> = forked.iter().chain(rest).map(|(_, id)| (*id).clone()).chain([new]).collect();
    all_are_paid_out_once(&house, &paid).await;
    for (_, id) in declined {
        assert_eq!(house.union.status(&format!("application/{id}")).await, "CREDIT_DECLINED", "{id}");
    }
    let parked = house.bank.parked().await;
    assert_eq!(house.bank.retry(parked[0].position).await, Told::done());
    assert_eq!((house.bank.parked().await, house.bank.incidents().await), (Vec::new(), Vec::new()));
    assert_eq!(house.union.parked().await, []);
    house.close().await;
}

#[tokio::test]
async fn bank_that_gave_more_numbers_anew_than_the_union_holds_goes_on_when_two_persons_have_decided() {
    bank_that_went_on_unheard(1, 4).await;
}

#[tokio::test]
async fn bank_that_gave_fewer_numbers_anew_than_the_union_holds_names_what_the_union_never_had() {
    bank_that_went_on_unheard(3, 2).await;
}

/// What the bank is told while the guarantor is away makes it say something to the guarantor: that waits for the
/// guarantor's heads, and nothing is parked.
#[tokio::test]
async fn what_comes_before_every_partner_has_greeted_is_kept_and_decided_later() {
    use guarantor_core::{Command, command::LetterCheck};
    let mut house = House::with(Setup::default().by_hand(Role::LetterChecker)).await;
    let id = house.file(1, 20_000_000, 0).await.unwrap();
    house.guarantor.until(&format!("case/{id}"), "DRAFT").await;
    house.idle().await;
    house.bank.stop().await;
    let release = Command::CheckLetter { application_id: id.clone(), verdict: LetterCheck::Release };
    house.guarantor.tell("zhou", &["letter_checker"], release).await.unwrap();
    // The union has heard of the letter and asks the bank, which is not there.
    house.union.until(&format!("application/{id}"), "CONTRACTING").await;
    house.guarantor.stop().await;

    house.bank = Running::start(house.setup.bank.clone(), &house.files[&Party::Bank]).await;
    house.bank.until(&format!("case/{id}"), "DISBURSED").await;
    assert_eq!(house.bank.parked().await, []);
    house.guarantor = Running::start(house.setup.guarantor.clone(), &house.files[&Party::Guarantor]).await;
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    house.idle().await;
    assert_eq!(house.bank.balance("B1301").await, 20_000_000);
    assert_eq!(house.guarantor.balance("G9001").await, 20_000_000);
    house.close().await;
}
