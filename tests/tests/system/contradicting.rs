//! A bank that contradicts itself about money, over its own channel and with its own signature: the union keeps the
//! statement, believes neither, calls its fund manager, orders nothing more for that application, and goes on with others.

use crate::{
    defective::text,
    forge::{bank_says, heads, texts},
    house::{House, Setup, first_day},
};
use bank_core::command::PaymentCheck;
use contracts::{About, DisbursementReceipt, DisbursementReport, DisbursementReported, Message};
use domain::{Amount, ApplicationId, Date, Fen, Party, Ppm};
use serde_json::Value;
use union_core::{
    Command,
    command::{Repair, RepairAction},
    vocabulary::Withdrawal,
};

const ASKED_FEN: i64 = 48_000_000;

/// Checker by hand, and an application that waits for him.
async fn ordered() -> (House, ApplicationId) {
    let mut setup = Setup::default();
    setup.bank.automatic.remove(&bank_core::Role::PaymentChecker);
    let house = House::with(setup).await;
    let id = house.file(1, ASKED_FEN, 0).await.unwrap();
    house.bank.until(&format!("case/{id}"), "DISBURSING").await;
    house.union.until(&format!("application/{id}"), "READY").await;
    house.idle().await;
    (house, id)
}

/// The bank signs that it paid so much out under the application's first key.
async fn says_posted(house: &mut House, id: &ApplicationId, fen: i64) {
    let charter = house.setup.bank.charters.hash_in_force_on(first_day()).unwrap();
    let about = About { application_id: id.clone(), charter, key: format!("disb:{id}:1") };
    let receipt = DisbursementReceipt {
        posting_no: "FK-9".into(),
        amount_fen: Amount::new(Fen::new(fen)).unwrap(),
        rate_ppm: Ppm::new(45_500).unwrap(),
        value_date: first_day(),
        maturity_on: Date::constant(2019, 8, 1),
    };
    let report = DisbursementReport::Posted { receipt };
    let seq = heads(house, Party::Bank, Party::Union).await.sent.seq + 1;
    let said = text(&Message::DisbursementReported(DisbursementReported { about, report }), seq);
    bank_says(house, Party::Union, &[said.into_bytes()]).await;
    house.idle().await;
}

/// Owner and text of the union's open incidents.
async fn incidents(house: &House) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let bodies = house.union.incidents().await;
    let rows = bodies.iter().map(|body| serde_json::from_str::<Value>(body).unwrap());
    rows.map(|row| (text(&row["owner"]), text(&row["what"]))).collect()
}

async fn repair(house: &House, id: &ApplicationId, action: RepairAction) -> Result<Value, String> {
    let action = Repair { action, because: "银行更正：凭证 FK-9 作废".into() };
    let command = Command::Repair { application_id: id.clone(), step: "disburse".into(), action };
    house.union.tell("wang", &["fund_manager"], command).await
}

async fn timeline(house: &House, id: &ApplicationId) -> String {
    let rows = house.union.handle.readers.journal(&id.to_string()).await.unwrap();
    format!("{rows:?}")
}

#[tokio::test]
async fn money_said_to_have_left_under_a_closed_key_ends_nothing_and_is_settled_by_a_person() {
    let (mut house, id) = ordered().await;
    let withdraw = Command::Withdraw { application_id: id.clone(), reason: Withdrawal::NoNeed };
    house.union.tell("applicant", &["applicant"], withdraw).await.unwrap();
    house.union.until(&format!("application/{id}"), "WITHDRAWN").await;
    house.idle().await;

    says_posted(&mut house, &id, ASKED_FEN).await;
    let expected = "说法矛盾，待查明：银行称已放款，但该编号未下达或已关闭".to_owned();
    assert_eq!(incidents(&house).await, [("fund_manager".to_owned(), expected)]);
    let row = house.union.until(&format!("application/{id}"), "WITHDRAWN").await;
    let application = &row["application"];
    assert_eq!(application["disputed"][0]["report"]["receipt"]["posting_no"], "FK-9", "{row:#}");
    assert_eq!(application["receipt"], Value::Null);
    // What the bank signed is kept byte for byte.
    let kept = "SELECT hex(bytes) FROM frame_in WHERE partner = 'bank' ORDER BY last_seq DESC LIMIT 1";
    assert!(texts(&house, Party::Union, kept).await[0].contains(&hex::encode_upper("FK-9")));
    assert!(timeline(&house, &id).await.contains("report_disputed"));
    for code in ["U9001", "U9002"] {
        assert_eq!(house.union.balance(code).await, 0, "{code}");
    }

    repair(&house, &id, RepairAction::Settle).await.unwrap();
    assert_eq!(incidents(&house).await, []);
    assert_eq!(house.union.status(&format!("application/{id}")).await, "WITHDRAWN");
    assert!(timeline(&house, &id).await.contains("凭证 FK-9 作废"));
    // The firm files again, and the channel is what it was.
    let again = house.file(1, ASKED_FEN, 0).await.unwrap();
    house.union.until(&format!("application/{again}"), "READY").await;
    house.close().await;
}

#[tokio::test]
async fn a_receipt_of_another_amount_calls_the_order_back_and_the_next_one_is_a_persons() {
    let (mut house, id) = ordered().await;
    says_posted(&mut house, &id, ASKED_FEN - 1).await;
    let row = house.until_order_closed(&id).await;
    assert_eq!(row["application"]["receipt"], Value::Null);
    let open = incidents(&house).await;
    assert!(open.len() == 2 && open.iter().all(|(owner, _)| owner == "fund_manager"), "{open:?}");
    assert!(open.iter().any(|(_, what)| what == "说法矛盾，待查明：银行称已放款，但金额与约定不符"), "{open:?}");
    // The checker has nothing to release any more, and nothing is ordered before it is settled.
    let release = async |house: &House| {
        let command = bank_core::Command::CheckPayment { application_id: id.clone(), verdict: PaymentCheck::Release };
        house.bank.tell("checker", &["payment_checker"], command).await
    };
    assert_eq!(release(&house).await, Err("NO_TASK".to_owned()));
    assert_eq!(repair(&house, &id, RepairAction::RetryAsk).await, Err("CONTRADICTED".to_owned()));
    repair(&house, &id, RepairAction::Settle).await.unwrap();
    repair(&house, &id, RepairAction::RetryAsk).await.unwrap();
    house.bank.until(&format!("case/{id}"), "DISBURSING").await;
    house.idle().await;
    release(&house).await.unwrap();
    let row = house.union.until(&format!("application/{id}"), "DISBURSED").await;
    assert_eq!(row["application"]["receipt"]["amount_fen"], ASKED_FEN);
    house.idle().await;
    assert_eq!(house.bank.balance("B1301").await, ASKED_FEN);
    assert_eq!(house.guarantor.balance("G9001").await, ASKED_FEN);
    assert_eq!(incidents(&house).await, []);
    house.close().await;
}
