//! What may fail under a running programme and must cost nobody a fen: the broker killed, the broker's whole disk lost, a
//! partner absent, each service stopped and started in mid-run. Every application ends, and money moves once.

use crate::house::{House, Setup};
use domain::{Amount, ApplicationId, Fen};
use guarantor_core::{Role, command::Assessment};

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
        let verdict =
            Assessment::Agree { amount_fen: Amount::new(Fen::new(ASKED_FEN)).unwrap(), conditions: Vec::new() };
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
