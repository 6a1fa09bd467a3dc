//! Every way in which an application ends without money: declined by each of the three, withdrawn, expired; and the wait
//! for the fund. Each time nothing of it is left behind in any ledger, and the firm may file again.

use crate::{
    firms::{form, member},
    house::{House, Setup, first_day},
};
use bank_core::command::PaymentCheck;
use contracts::GuaranteeDecline;
use domain::{Amount, ApplicationId, Charter, Date, Fen, Moment, Party};
use guarantor_core::{case::Demand, command::Assessment};
use serde_json::Value;
use union_core::{command::MemberEntry, vocabulary::Withdrawal};

const ASKED_FEN: i64 = 48_000_000;

/// Nothing is held, committed, guaranteed or lent: every compensation was made.
async fn nothing_is_left(house: &House) {
    house.idle().await;
    for (code, fen) in [
        ("held", house.union.balance("U9001").await),
        ("committed", house.union.balance("U9002").await),
        ("guaranteed", house.guarantor.balance("G9001").await),
        ("lent", house.bank.balance("B1301").await),
        ("paid out", house.bank.balance("B2011").await),
    ] {
        assert_eq!(fen, 0, "{code}");
    }
    for running in [house.union.parked().await, house.guarantor.parked().await, house.bank.parked().await] {
        assert!(running.is_empty(), "{running:?}");
    }
}

/// The firm may file again, and this time the money comes.
async fn the_firm_may_file_again(house: &House, n: u32, amount_fen: i64) {
    let id = house.file(n, amount_fen, 0).await.unwrap();
    house.union.until(&application(&id), "DISBURSED").await;
    house.idle().await;
    assert_eq!(house.bank.balance("B1301").await, amount_fen);
    assert_eq!(house.guarantor.balance("G9001").await, amount_fen);
    assert_eq!((house.union.balance("U9001").await, house.union.balance("U9002").await), (0, amount_fen / 5));
}

fn application(id: &ApplicationId) -> String {
    format!("application/{id}")
}

fn case(id: &ApplicationId) -> String {
    format!("case/{id}")
}

/// How the union's saga ended.
fn ending(row: &Value) -> String {
    row["application"]["run"]["phase"].to_string()
}

async fn tasks(house: &House, id: &ApplicationId) -> usize {
    house.guarantor.handle.readers.tasks(None, Some(&id.to_string()), (0, ""), 10).await.unwrap().len()
}

#[tokio::test]
async fn who_is_no_member_is_rejected_at_intake_and_no_partner_hears_of_it() {
    let house = House::open().await;
    let mut stranger = form(1, ASKED_FEN, 0);
    stranger.member = "nobody".into();
    let id = house.submit(stranger).await.unwrap();
    let row = house.union.until(&application(&id), "INTAKE_REJECTED").await;
    assert!(ending(&row).contains("MEMBERSHIP"), "{}", ending(&row));
    nothing_is_left(&house).await;
    assert_eq!(house.guarantor.status(&case(&id)).await, "");
    assert_eq!(house.bank.status(&case(&id)).await, "");
    the_firm_may_file_again(&house, 1, ASKED_FEN).await;
    house.close().await;
}

#[tokio::test]
async fn guarantor_that_has_reached_its_limit_declines_and_the_reservation_is_released() {
    let mut setup = Setup::default();
    // One client may take a tenth of it: 400,000 yuan.
    setup.guarantor.net_assets_fen = Fen::new(400_000_000);
    let house = House::with(setup).await;
    let id = house.file(1, ASKED_FEN, 0).await.unwrap();
    let row = house.union.until(&application(&id), "GUARANTEE_DECLINED").await;
    assert!(ending(&row).contains("LIMIT"), "{}", ending(&row));
    nothing_is_left(&house).await;
    assert_eq!(house.guarantor.status(&case(&id)).await, "GUARANTEE_DECLINED");
    assert_eq!(house.bank.status(&case(&id)).await, "", "the bank is not asked what the guarantor declined");
    the_firm_may_file_again(&house, 1, 40_000_000).await;
    house.close().await;
}

#[tokio::test]
async fn bank_that_finds_too_much_debt_declines_and_the_guarantor_takes_its_opinion_back() {
    is_declined_by_the_bank(Setup::under(little_debt())).await;
}

#[tokio::test]
async fn bank_that_declines_on_postgres_has_the_guarantor_take_its_opinion_back() {
    is_declined_by_the_bank(Setup::under(little_debt()).on_postgres()).await;
}

fn little_debt() -> Charter {
    let mut charter = Charter::programme_2017();
    charter.automatic.credit_max_debt_fen = Some(Fen::new(100_000_000));
    charter
}

async fn is_declined_by_the_bank(setup: Setup) {
    let house = House::with(setup).await;
    let id = house.file(1, ASKED_FEN, 100_000_001).await.unwrap();
    let row = house.union.until(&application(&id), "CREDIT_DECLINED").await;
    assert!(ending(&row).contains("RELATED_DEBT"), "{}", ending(&row));
    nothing_is_left(&house).await;
    assert_eq!(house.guarantor.status(&case(&id)).await, "WITHDRAWN");
    assert_eq!(house.bank.status(&case(&id)).await, "CREDIT_DECLINED");
    the_firm_may_file_again(&house, 1, ASKED_FEN).await;
    house.close().await;
}

#[tokio::test]
async fn withdrawal_during_due_diligence_takes_the_task_away_from_the_risk_manager() {
    let house = House::with(Setup::default().by_hand(guarantor_core::Role::RiskManager)).await;
    let id = house.file(1, ASKED_FEN, 0).await.unwrap();
    house.guarantor.until(&case(&id), "GUARANTEE_REVIEW").await;
    assert_eq!(house.union.balance("U9001").await, ASKED_FEN / 5);
    assert_eq!(tasks(&house, &id).await, 1);
    let withdraw = union_core::Command::Withdraw { application_id: id.clone(), reason: Withdrawal::NoNeed };
    house.union.tell("applicant", &["applicant"], withdraw).await.unwrap();
    let row = house.union.until(&application(&id), "WITHDRAWN").await;
    assert!(ending(&row).contains("NO_NEED"), "{}", ending(&row));
    nothing_is_left(&house).await;
    assert_eq!(house.guarantor.status(&case(&id)).await, "WITHDRAWN");
    assert_eq!(tasks(&house, &id).await, 0);
    assert_eq!(agree(&house, &id).await, Err("NO_TASK".to_owned()));
    let again = house.file(1, ASKED_FEN, 0).await.unwrap();
    house.guarantor.until(&case(&again), "GUARANTEE_REVIEW").await;
    agree(&house, &again).await.unwrap();
    house.union.until(&application(&again), "DISBURSED").await;
    house.close().await;
}

async fn agree(house: &House, id: &ApplicationId) -> Result<Value, String> {
    let amount_fen = Amount::new(Fen::new(ASKED_FEN)).unwrap();
    assess(house, id, Assessment::Agree { amount_fen, conditions: Vec::new(), counter_guarantee: Demand::None }).await
}

async fn assess(house: &House, id: &ApplicationId, verdict: Assessment) -> Result<Value, String> {
    let command = guarantor_core::Command::Assess { application_id: id.clone(), verdict };
    house.guarantor.tell("risk", &["risk_manager"], command).await
}

#[tokio::test]
async fn contracts_not_signed_by_the_last_day_expire_the_application_and_undo_both_approvals() {
    let house = House::with(Setup::default().by_hand(guarantor_core::Role::ContractOfficer)).await;
    let id = house.file(1, ASKED_FEN, 0).await.unwrap();
    house.guarantor.until(&case(&id), "CONTRACTING").await;
    house.union.until(&application(&id), "CONTRACTING").await;
    house.idle().await;
    // Approved on 2018-08-01, a Wednesday: the 15th working day after it is 2018-08-22.
    assert_eq!(first_day(), Date::constant(2018, 8, 1));
    house.drive(Moment::end_of(Date::constant(2018, 8, 21)));
    house.idle().await;
    assert_eq!(house.union.status(&application(&id)).await, "CONTRACTING", "the last day has not come");
    assert_eq!(house.union.balance("U9001").await, ASKED_FEN / 5);
    house.drive(Moment::end_of(Date::constant(2018, 8, 22)));
    let row = house.union.until(&application(&id), "EXPIRED").await;
    assert!(ending(&row).contains("\"CONTRACT\""), "{}", ending(&row));
    nothing_is_left(&house).await;
    assert_eq!(house.guarantor.status(&case(&id)).await, "WITHDRAWN");
    assert_eq!(house.bank.status(&case(&id)).await, "CANCELLED");
    assert_eq!(tasks(&house, &id).await, 0);
    house.file(1, ASKED_FEN, 0).await.unwrap();
    house.close().await;
}

#[tokio::test]
async fn who_waits_for_the_fund_goes_on_as_soon_as_the_one_before_is_declined() {
    let mut setup = Setup::default().by_hand(guarantor_core::Role::RiskManager);
    // Carries one application of 480,000 yuan (96,000 reserved), not two.
    setup.deposit_fen = 10_000_000;
    let house = House::with(setup).await;
    let first = house.file(1, ASKED_FEN, 0).await.unwrap();
    house.guarantor.until(&case(&first), "GUARANTEE_REVIEW").await;
    let second = house.file(2, ASKED_FEN, 0).await.unwrap();
    house.union.until(&application(&second), "QUEUED").await;
    assert_eq!(house.union.balance("U9001").await, ASKED_FEN / 5, "only one of them is reserved for");
    house.idle().await;
    assert_eq!(house.guarantor.status(&case(&second)).await, "");

    let verdict = Assessment::Decline { reason: GuaranteeDecline::CashFlow };
    assess(&house, &first, verdict).await.unwrap();
    house.union.until(&application(&first), "GUARANTEE_DECLINED").await;
    house.guarantor.until(&case(&second), "GUARANTEE_REVIEW").await;
    assert_eq!(house.union.balance("U9001").await, ASKED_FEN / 5);
    agree(&house, &second).await.unwrap();
    house.union.until(&application(&second), "DISBURSED").await;
    house.idle().await;
    assert_eq!(house.bank.balance("B1301").await, ASKED_FEN);
    assert_eq!((house.union.balance("U9001").await, house.union.balance("U9002").await), (0, ASKED_FEN / 5));
    house.close().await;
}

async fn withdraw(house: &House, id: &ApplicationId) -> Result<Value, String> {
    let command = union_core::Command::Withdraw { application_id: id.clone(), reason: Withdrawal::Terms };
    house.union.tell("applicant", &["applicant"], command).await
}

#[tokio::test]
async fn withdrawal_before_the_loan_contract_revokes_the_letter_on_the_banks_word_and_undoes_every_step() {
    let mut setup = Setup::default();
    setup.bank.automatic.remove(&bank_core::Role::Operations);
    let house = House::with(setup).await;
    let id = house.file(1, ASKED_FEN, 0).await.unwrap();
    house.guarantor.until(&case(&id), "ISSUED").await;
    house.idle().await;
    assert_eq!(house.bank.handle.readers.tasks(Some("operations"), None, (0, ""), 10).await.unwrap().len(), 1);
    withdraw(&house, &id).await.unwrap();
    let row = house.union.until(&application(&id), "WITHDRAWN").await;
    assert!(ending(&row).contains("TERMS"), "{}", ending(&row));
    nothing_is_left(&house).await;
    let row = house.guarantor.until(&case(&id), "WITHDRAWN").await;
    assert_eq!(row["case"]["letter"]["state"], "REVOKED", "{row:#}");
    assert_eq!(house.bank.status(&case(&id)).await, "CANCELLED");
    assert!(house.bank.handle.readers.tasks(None, None, (0, ""), 10).await.unwrap().is_empty());
    // The guarantor asked the bank itself, and the bank told the guarantor itself.
    let heard = house.guarantor.handle.readers.journal(&id.to_string()).await.unwrap();
    assert_eq!(heard.iter().filter(|row| row.source == "bank").count(), 1);
    house.close().await;
}

#[tokio::test]
async fn withdrawal_that_races_with_the_pay_out_is_decided_by_the_bank() {
    let mut setup = Setup::default();
    setup.bank.automatic.remove(&bank_core::Role::PaymentChecker);
    let house = House::with(setup).await;
    let release = async |id: &ApplicationId| {
        let command = bank_core::Command::CheckPayment { application_id: id.clone(), verdict: PaymentCheck::Release };
        house.bank.tell("checker", &["payment_checker"], command).await
    };
    let prepared = async |n| {
        let id = house.file(n, ASKED_FEN, 0).await.unwrap();
        house.bank.until(&case(&id), "DISBURSING").await;
        house.union.until(&application(&id), "READY").await;
        house.idle().await;
        id
    };
    // Not released yet: the bank closes the key, and a later release finds nothing to release.
    let first = prepared(1).await;
    withdraw(&house, &first).await.unwrap();
    house.union.until(&application(&first), "WITHDRAWN").await;
    assert_eq!(release(&first).await, Err("NO_TASK".to_owned()));
    nothing_is_left(&house).await;
    // Released: the money has left, and the applicant is told so.
    let second = prepared(2).await;
    release(&second).await.unwrap();
    house.union.until(&application(&second), "DISBURSED").await;
    house.idle().await;
    assert_eq!(withdraw(&house, &second).await, Err("ENDED".to_owned()));
    assert_eq!(house.bank.balance("B1301").await, ASKED_FEN);
    assert_eq!(house.guarantor.balance("G9001").await, ASKED_FEN);
    assert_eq!((house.union.balance("U9001").await, house.union.balance("U9002").await), (0, ASKED_FEN / 5));
    house.close().await;
}

#[tokio::test]
async fn a_pay_out_whose_checker_came_too_late_is_ordered_again_on_membership_confirmed_anew() {
    let mut setup = Setup::default();
    setup.bank.automatic.remove(&bank_core::Role::PaymentChecker);
    let house = House::with(setup).await;
    let release = async |id: &ApplicationId| {
        let command = bank_core::Command::CheckPayment { application_id: id.clone(), verdict: PaymentCheck::Release };
        house.bank.tell("checker", &["payment_checker"], command).await.unwrap();
    };
    let (stays, leaves) = (house.file(1, ASKED_FEN, 0).await.unwrap(), house.file(2, ASKED_FEN, 0).await.unwrap());
    for id in [&stays, &leaves] {
        house.bank.until(&case(id), "DISBURSING").await;
    }
    house.idle().await;
    // One of the two is no member any more when the checker comes, on the sixth working day after 2018-08-01.
    let member =
        MemberEntry { member: member(2), union_org: None, from: first_day(), to: Some(Date::constant(2018, 8, 8)) };
    let members = union_core::Command::LoadMembers { members: vec![member] };
    house.union.tell("op", &["operator"], members).await.unwrap();
    let sixth = Moment::start_of(Date::constant(2018, 8, 9)).plus_hours(9);
    house.drive(sixth);
    for id in [&stays, &leaves] {
        release(id).await;
        house.until_order_closed(id).await;
    }
    house.idle().await;
    assert_eq!(house.bank.balance("B1301").await, 0);
    house.drive(sixth.plus_minutes(6));
    let row = house.union.until(&application(&leaves), "INTAKE_REJECTED").await;
    assert!(ending(&row).contains("MEMBERSHIP"), "{}", ending(&row));
    assert_eq!(house.bank.status(&case(&leaves)).await, "CANCELLED");
    house.bank.until(&case(&stays), "DISBURSING").await;
    house.idle().await;
    release(&stays).await;
    let row = house.union.until(&application(&stays), "DISBURSED").await;
    assert_eq!(row["application"]["recommendation"]["membership_verified_on"], "2018-08-09");
    house.idle().await;
    assert_eq!(house.bank.balance("B1301").await, ASKED_FEN);
    assert_eq!(house.guarantor.balance("G9001").await, ASKED_FEN);
    assert_eq!((house.union.balance("U9001").await, house.union.balance("U9002").await), (0, ASKED_FEN / 5));
    house.close().await;
}

#[tokio::test]
async fn the_journal_says_by_which_build_each_start_was() {
    let house = House::open().await;
    let started = "SELECT input FROM journal WHERE kind = 'started' ORDER BY position";
    let started = crate::forge::texts(&house, Party::Bank, started).await;
    let started: serde_json::Value = serde_json::from_str(&started[0]).unwrap();
    assert_eq!(started["build"], env!("CARGO_PKG_VERSION"));
    // None only where the linker gives programs none.
    let id = &started["build_id"];
    assert!(id.is_null() || id.as_str().unwrap().len() >= 32, "{started}");
    house.close().await;
}
