//! One application through three organisations: to disbursement, on either kind of database.

use crate::house::{House, Setup};

async fn travels_to_disbursement(setup: Setup) {
    let house = House::with(setup).await;
    let id = house.file(1, 48_000_000, 0).await.unwrap();
    house.union.until(&format!("application/{id}"), "DISBURSED").await;
    house.idle().await;
    assert_eq!(house.bank.balance("B1301").await, 48_000_000);
    assert_eq!(house.guarantor.balance("G9001").await, 48_000_000);
    assert_eq!(house.union.balance("U9001").await, 0);
    assert_eq!(house.union.balance("U9002").await, 9_600_000);
    house.close().await;
}

#[tokio::test]
async fn an_application_travels_to_disbursement_and_the_three_ledgers_agree() {
    travels_to_disbursement(Setup::default()).await;
}

#[tokio::test]
async fn an_application_travels_to_disbursement_on_postgres() {
    travels_to_disbursement(Setup::default().on_postgres()).await;
}
