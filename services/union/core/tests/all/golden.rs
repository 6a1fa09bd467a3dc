//! What is written today is read for ever: the JSON of facts and rows, pinned; and facts alone lead to the rows.

use super::{hotline, office::*, papers, relief, renewal, subsidy};
use contracts::{CharterAnswer, CharterAnswered, PaperKind};
use domain::{Charter, Date, Party};
use organisation::{
    Input, Organisation, Recorded, Row as AnyRow, Rows,
    charters::{Motion, SIGNATORY},
};
use std::collections::BTreeMap;
use union_core::{
    Command, Fact, Row, Union,
    command::{EligibilityVerdict, Form},
    programme::Control,
    renewal::{Renewal, RenewalMode},
    rows,
    ticket::{Act, Category, Satisfaction},
};

/// One application paid out after a cut (and then said to be paid out again, for more), one that waited, was reserved and
/// withdrew, one filed after that, for which more was agreed to than was asked;
/// and the programme suspended with one that waits for its pay-out, and another suspension taken back; and one put into the green channel, and out of it in time.
fn lives() -> Office {
    let mut office = Office::open(10_000_000);
    office.load("m-2", Date::constant(2018, 1, 1), Some(Date::constant(2019, 12, 31)));
    office.eligible(1, AMOUNT);
    papers_are_handed_in_and_sent(&mut office);
    office.eligible(2, AMOUNT);
    office.tell(office.agreed(1, 20_000_000));
    office.until_from(1, 20_000_000, "approve credit", "");
    office.withdraw(2);
    office.tell(office.opinion_withdrawn(2));
    office.eligible(3, AMOUNT);
    office.tell(office.agreed(3, AMOUNT + 1));
    office.tell(office.posted(1, AMOUNT));
    office.tell(office.reversed(1, 20_000_000));
    let control = |control| Command::Control { control, because: "工会决定".into() };
    let top_up = Control::TopUp { amount_fen: amount(10_000_000) };
    office.act("w", "fund_manager", control(top_up));
    office.act("h", "approver", control(top_up));
    // The next one is paid out and paid back.
    office.eligible(4, 10_000_000);
    office.until(4, 10_000_000, "");
    office.tell(office.reports(4, 1, repaid(1, 10_000_000, 0)));
    let prepaid = contracts::LoanReport::Settled { on: office.at.date(), prepaid: true };
    office.tell(office.reports(4, 2, prepaid));
    // Its renewal is ready on the same day, and waits for the next one.
    let renewal = Some(Renewal { of: id(4), mode: RenewalMode::RepayFirst, reason: None });
    let form_4 = Form { renewal, ..form(4, 10_000_000) };
    office.act("a", APPLICANT, Command::Submit(Box::new(form_4)));
    office.verdict(5, EligibilityVerdict::Approve);
    office.until(5, 10_000_000, "disburse");
    office.eligible(6, AMOUNT);
    office.until(6, AMOUNT, "sign loan contract");
    office.act("w", "fund_manager", control(Control::Suspend));
    office.act("h", "approver", control(Control::Suspend));
    office.tell(office.loan_contract(6));
    office.act("w", "fund_manager", control(Control::Resume));
    office.act("h", "approver", Command::DropProposal { because: "再议".into() });
    office.act("l", "intake_officer", Command::Submit(Box::new(form(7, AMOUNT))));
    office.act(
        "l",
        "intake_officer",
        Command::DecideEligibility { application_id: id(7), verdict: EligibilityVerdict::FlagGreen },
    );
    while office.application(7).is_green() {
        office.pass(7);
    }
    a_charter_comes_to_nothing(&mut office);
    office
}

/// A claim is asked about, short of money, passed, paid, sent back and paid again.
fn a_life_with_a_subsidy() -> Office {
    let mut office = subsidy::settled();
    office.act("a", APPLICANT, subsidy::claim(&[]));
    office.tell(subsidy::listed(&office, subsidy::INTEREST));
    office.act("c", subsidy::CHECKER, subsidy::check(subsidy::query()));
    office.act("a", APPLICANT, subsidy::answer());
    office.act("c", subsidy::CHECKER, subsidy::check(union_core::subsidy::CheckVerdict::Pass));
    let mut turned_down = office.clone();
    subsidy::appropriate(&mut office, 100_000);
    office.act("h", subsidy::APPROVER, subsidy::approve(None));
    subsidy::until_paid(&mut office);
    office.tell(subsidy::paid(&office, "sub:2020Q3:1:1"));
    office.tell(subsidy::back(&office, "sub:2020Q3:1:1"));
    office.act("a", APPLICANT, subsidy::pay_again());
    subsidy::appropriate(&mut turned_down, 100_000);
    turned_down.act("h", subsidy::APPROVER, subsidy::approve(Some(contracts::SubsidyRejection::Duplicate)));
    office.journal.extend(turned_down.journal);
    office
}

/// A ticket is reopened after somebody was reminded, and starts relief; a consultation; and an older copy.
fn a_ticket() -> Office {
    let mut office = relief::lent();
    office.act("agent", hotline::AGENT, hotline::call(Category::Help));
    office.act("agent", hotline::AGENT, hotline::on_ticket(hotline::dispatch()));
    office.at = office.at.plus_hours(1);
    office.decide(&Input::Due(rows::ticket(&hotline::ticket_id(1)))).unwrap();
    for act in [Act::SignFor, Act::Begin, hotline::start_relief(), hotline::reply()] {
        office.act("officer", INTAKE, hotline::on_ticket(act));
    }
    office.act("agent", hotline::AGENT, hotline::on_ticket(hotline::visit(Satisfaction::Dissatisfied)));
    office.act("agent", hotline::AGENT, hotline::consult());
    office.decide(&Input::SetBack).unwrap();
    office
}

/// A borrower asks for relief and keeps its plan.
fn a_life_with_relief() -> Office {
    let mut relieved = relief::lent();
    relieved.act("a", APPLICANT, relief::request());
    relieved.act("i", INTAKE, relief::triage(None));
    relieved.tell(relief::proposed(&relieved));
    relieved.tell(relief::consented(&relieved));
    relieved.act("a", APPLICANT, relief::sign());
    relieved.tell(relieved.reports(1, 1, relief::rescheduled()));
    relieved.tell(relief::switched(&relieved));
    relieved.tell(relief::recorded(&relieved));
    relieved.tell(relieved.reports(1, 2, relief::ended(true)));
    relieved
}

fn next() -> Charter {
    Charter { version: 2, effective_from: Date::constant(2026, 1, 1), ..Charter::programme_2017() }
}

/// A charter is brought forward, taken back, brought forward again, accepted, and declined by the bank.
fn a_charter_comes_to_nothing(office: &mut Office) {
    let charter = next();
    let (hash, because) = (charter.hash(), "三方会议".to_owned());
    let yes = |charter| Motion::Answer { hash, charter, answer: CharterAnswer::Accepted {}, because: because.clone() };
    office.act("s", SIGNATORY, Command::Charter(yes(Some(Box::new(charter.clone())))));
    office.act("t", SIGNATORY, Command::Charter(Motion::Drop { hash, because: because.clone() }));
    office.act("s", SIGNATORY, Command::Charter(yes(None)));
    office.act("t", SIGNATORY, Command::Charter(yes(None)));
    let answer = CharterAnswer::Declined { because: "额度过高".into() };
    let said = CharterAnswered { charter_hash: hash, charter: Box::new(charter), answer };
    office.tell(said.said(Party::Bank, Party::Union).unwrap());
}

/// Of the first application.
fn papers_are_handed_in_and_sent(office: &mut Office) {
    office.act("a", APPLICANT, papers::supply(PaperKind::Lease, 1));
    let ask = papers::asks(office, Party::Guarantor, "5a");
    let orders = office.hear(ask).unwrap().orders;
    for (order, parts) in orders.iter().zip([1, 0]) {
        office.decide(&papers::sealed(order, parts)).unwrap();
    }
}

/// The JSON, whatever rules the programme's charter contains today.
fn pinned(value: &impl serde::Serialize) -> String {
    let charter = Office::closed().charter.to_hex();
    let text = serde_json::to_string_pretty(value).unwrap().replace(&charter, "CHARTER");
    text.replace(&next().hash().to_hex(), "NEXT")
}

fn facts(office: &Office) -> Vec<&Fact> {
    let mut facts = Vec::new();
    for recorded in &office.journal {
        if let Recorded::Fact(fact) = recorded {
            facts.push(fact);
        }
    }
    facts
}

#[test]
fn each_kind_of_fact_is_written_as_pinned() {
    let offices = [lives(), a_life_with_relief(), a_life_with_a_subsidy(), renewal::rolled(), a_ticket()];
    let mut first = BTreeMap::new();
    for fact in offices.iter().flat_map(facts) {
        let mut json = serde_json::to_value(fact).unwrap();
        assert_eq!(&serde_json::from_value::<Fact>(json.clone()).unwrap(), fact);
        let mut kind = json.as_object().unwrap().keys().next().unwrap().clone();
        // What is recorded of charters is common to the three, and pinned here.
        if let Fact::Charters(_) = fact {
            let inner = json["charters"].as_object_mut().unwrap();
            kind = format!("{kind}: {}", inner.keys().next().unwrap());
            if let Some(known) = inner.get_mut("known") {
                known["charter"] = "its text".into();
            }
        }
        first.entry(kind).or_insert(json);
    }
    // A new kind of fact belongs into one of them and here.
    assert_eq!(first.len(), 67, "{:#?}", first.keys());
    insta::assert_snapshot!("facts", pinned(&first.into_values().collect::<Vec<_>>()));
}

#[test]
fn each_kind_of_row_is_written_as_pinned() {
    let mut office = lives();
    office.eligible(8, AMOUNT);
    let hotline = a_ticket();
    let of_hotline =
        |key: &&organisation::Key| ["ticket/", "consultations/"].iter().any(|kind| key.to_string().starts_with(kind));
    let more: Vec<_> = hotline.store.keys().filter(of_hotline).cloned().collect();
    office.store.extend(more.into_iter().map(|key| (key.clone(), hotline.store[&key].clone())));
    let mut rows = BTreeMap::new();
    for (key, (row, _)) in &office.store {
        let AnyRow::Own(own) = row else { continue };
        let mut json = serde_json::to_value(own).unwrap();
        assert_eq!(&serde_json::from_value::<Row>(json.clone()).unwrap(), own);
        if let Some(version) = json.pointer_mut("/charters/version") {
            version["charter"] = "its text".into();
        }
        rows.insert(key.to_string(), json);
    }
    let kinds: std::collections::BTreeSet<_> =
        rows.values().filter_map(|row| row.as_object()?.keys().next().cloned()).collect();
    assert_eq!(kinds.len(), 11, "{kinds:?}");
    insta::assert_snapshot!("rows", pinned(&rows));
}

#[test]
fn facts_alone_rebuild_the_rows() {
    let office = lives();
    let mut rebuilt: Rows<Row> = Rows::default();
    for (key, (row, _)) in &office.store {
        if matches!(row, AnyRow::Own(_)) {
            rebuilt.load(key.clone(), None, 0);
        }
    }
    for fact in facts(&office) {
        Union::apply(&mut rebuilt, fact).unwrap();
    }
    for (key, (row, _)) in &office.store {
        if matches!(row, AnyRow::Own(_)) {
            assert_eq!(rebuilt.get(key).unwrap(), Some(row), "{key}");
        }
    }
}

#[test]
fn the_timeline_reads_as_pinned() {
    let office = lives();
    let lines: Vec<String> = facts(&office)
        .into_iter()
        .filter_map(|fact| Union::line(fact).map(|line| format!("{:22} {:10} {}", line.step, line.event, line.text)))
        .collect();
    insta::assert_snapshot!("timeline", lines.join("\n"));
}

/// One is rejected, one never hands in its papers, one falls overdue and catches up.
fn troubles() -> Office {
    let mut office = relief::lent();
    let since = Date::constant(2020, 6, 21);
    office.tell(office.reports(1, 1, contracts::LoanReport::Overdue { since }));
    office.tell(office.reports(1, 2, contracts::LoanReport::Current {}));
    office.submit(2, AMOUNT);
    let reason = union_core::vocabulary::IntakeRejection::NotOperating;
    office.verdict(2, EligibilityVerdict::Reject { reason });
    office.submit(3, AMOUNT);
    office.verdict(3, EligibilityVerdict::AskForPapers);
    office.pass(3);
    office
}

#[test]
fn applicants_are_told_at_each_step_as_pinned_and_nobody_is_named() {
    let offices = [lives(), a_life_with_relief(), a_life_with_a_subsidy(), renewal::rolled(), a_ticket(), troubles()];
    let mut first = BTreeMap::new();
    for notice in offices.iter().flat_map(facts).filter_map(Union::notice) {
        assert!(
            ["m-1", "tok-1", "样例", "person:"].iter().all(|personal| !notice.text.contains(personal)),
            "{notice:?}"
        );
        first.entry(notice.code).or_insert(notice.text);
    }
    let lines: Vec<String> = first.into_iter().map(|(code, text)| format!("{code:20} {text}")).collect();
    insta::assert_snapshot!("notices", lines.join("\n"));
}
