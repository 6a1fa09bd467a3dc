//! What whoever gave a command is told, and told again under its key.

use crate::house::{House, Setup, form};
use domain::ApplicationId;
use party::handle::Reply;
use union_core::{Command, vocabulary::Withdrawal};

const APPLICANT: (&str, &[&str]) = ("applicant", &["applicant"]);

#[tokio::test]
async fn an_answer_has_the_version_that_it_shows_and_has_it_again_when_the_case_has_moved_on() {
    let mut setup = Setup::default();
    setup.union.automatic.clear();
    let house = House::with(setup).await;
    let (person, roles) = APPLICANT;
    let submit = || Command::Submit(Box::new(form(1, 48_000_000, 0)));
    let first = house.union.reply(person, roles, submit(), Some("file")).await;
    let Reply::Decided { status: 201, body: Ok(body), version: Some(filed), replayed: false } = first else {
        panic!("{first:?}")
    };
    let application_id = ApplicationId::parse(body["application_id"].as_str().unwrap()).unwrap();
    let key = format!("application/{application_id}");
    let version = async || house.union.handle.readers.state(&key).await.unwrap().unwrap().version;
    assert_eq!(version().await, filed);

    let withdraw = Command::Withdraw { application_id, reason: Withdrawal::NoNeed };
    let second = house.union.reply(person, roles, withdraw, Some("withdraw")).await;
    let Reply::Decided { status: 200, version: Some(withdrawn), .. } = second else { panic!("{second:?}") };
    assert!(withdrawn > filed);
    assert_eq!(version().await, withdrawn);

    let again = house.union.reply(person, roles, submit(), Some("file")).await;
    assert_eq!(again, Reply::Decided { status: 201, body: Ok(body), version: Some(filed), replayed: true });
    house.close().await;
}
