//! What whoever gave a command is told, and told again under its key.

use crate::{
    defective::{approve, spoil},
    firms::form,
    forge::{heads, state_of, texts, union_says},
    house::{House, Setup},
};
use bank_core::command::Finding;
use contracts::CreditDecline;
use domain::{ApplicationId, Charter, Charters, Party};
use party::handle::{Maintenance, Reply, Told};
use std::sync::Arc;
use telemetry::Captured;
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

/// The log has one line about the input that could not be decided: of which application, why, and under which trace.
fn is_logged(captured: &Captured, application_id: &ApplicationId, why: &str, trace_id: Option<&str>) {
    let lines = captured.lines();
    let lines: Vec<_> = lines.iter().filter(|line| line["message"] == "an input cannot be decided").collect();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(line["application_id"], application_id.to_string());
    assert_eq!(line["saga_id"], organisation::saga_id(application_id));
    assert!(line["why"].as_str().unwrap().contains(why), "{line}");
    if let Some(trace_id) = trace_id {
        assert_eq!(line["trace_id"], trace_id);
    }
}

/// Commands given to the bank so far, as its journal has them.
const COMMANDS: &str = "SELECT input FROM journal WHERE source = 'investigator' ORDER BY position";

#[tokio::test]
async fn a_command_on_an_application_that_stands_still_is_refused_and_not_kept_until_it_moves_again() {
    let mut setup = Setup::default();
    setup.bank.automatic.remove(&bank_core::Role::CreditInvestigator);
    let mut house = House::with(setup).await;
    let application_id = house.file(1, 48_000_000, 0).await.unwrap();
    let case = format!("case/{application_id}");
    house.bank.until(&case, "CREDIT_REVIEW").await;
    house.idle().await;

    let finding = Finding::Advise { decline: CreditDecline::CreditRecord };
    let investigate =
        || bank_core::Command::Investigate { application_id: application_id.clone(), finding: finding.clone() };
    let stranger = house.bank.reply("investigator", &[], investigate(), Some("before")).await;
    assert!(matches!(&stranger, Reply::Decided { status: 403, replayed: false, .. }), "{stranger:?}");

    // A message of a later build about this very application: it cannot be read, and everything waits behind it.
    let captured = Captured::begin();
    let seq = heads(&house, Party::Union, Party::Bank).await.sent.seq + 1;
    let unknown = spoil(&approve(&house, 1, seq), ".v2\"", ".v99\"");
    union_says(&mut house, Party::Bank, &[unknown.into_bytes()]).await;
    house.idle().await;
    let parked = house.bank.parked().await;
    assert_eq!(parked.len(), 1, "{parked:?}");

    is_logged(&captured, &application_id, "unknown message type", None);

    let before = state_of(&house, Party::Bank).await;
    let roles = ["credit_investigator"];
    for _ in 0..2 {
        assert_eq!(house.bank.reply("investigator", &roles, investigate(), Some("now")).await, Reply::Parked);
    }
    assert_eq!(state_of(&house, Party::Bank).await, before);
    assert_eq!(texts(&house, Party::Bank, COMMANDS).await.len(), 1, "only the first is in the journal");
    assert_eq!(house.bank.parked().await, parked, "it is not kept");
    let again = house.bank.reply("investigator", &[], investigate(), Some("before")).await;
    assert!(matches!(&again, Reply::Decided { status: 403, replayed: true, .. }), "{again:?}");

    let drop = Maintenance::Drop { position: parked[0].position, because: "程序版本不识别此消息".into() };
    assert_eq!(house.bank.order(drop, None).await, Told::done());
    let decided = house.bank.reply("investigator", &roles, investigate(), Some("now")).await;
    assert!(matches!(&decided, Reply::Decided { status: 200, replayed: false, .. }), "{decided:?}");
    house.bank.until(&case, "CREDIT_DECLINED").await;
    house.close().await;
}

#[tokio::test]
async fn a_command_that_cannot_be_decided_changes_nothing_is_not_parked_and_is_decided_once_the_cause_is_mended() {
    let mut setup = Setup::default();
    setup.union.automatic.clear();
    let mut house = House::with(setup).await;
    let application_id = house.file(1, 48_000_000, 0).await.unwrap();
    house.idle().await;

    // The union forgets the charter that the application is pinned to.
    let mut other = Charter::programme_2017();
    other.version += 1;
    let mut charters = Charters::default();
    charters.accept(other).unwrap();
    let mended = std::mem::replace(&mut house.setup.union.charters, Arc::new(charters));
    house.union.stop().await;
    house.start_union().await;

    let before = state_of(&house, Party::Union).await;
    let (person, roles) = APPLICANT;
    let withdraw = || Command::Withdraw { application_id: application_id.clone(), reason: Withdrawal::NoNeed };
    let captured = Captured::begin();
    let reply = house.union.reply(person, roles, withdraw(), Some("withdraw")).await;
    let Reply::Undecidable { trace_id } = reply else { panic!("{reply:?}") };
    is_logged(&captured, &application_id, "charter", Some(&trace_id));
    assert_eq!(state_of(&house, Party::Union).await, before);
    assert!(house.union.parked().await.is_empty());

    house.setup.union.charters = mended;
    house.union.stop().await;
    house.start_union().await;
    let reply = house.union.reply(person, roles, withdraw(), Some("withdraw")).await;
    assert!(matches!(&reply, Reply::Decided { status: 200, replayed: false, .. }), "{reply:?}");
    house.close().await;
}
