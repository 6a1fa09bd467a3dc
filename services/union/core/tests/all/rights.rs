//! Who may do what in which state: every cell of the union's table, asked of its core.

use super::{hotline, not_posted::refuse, office::*, papers::supply, relief, subsidy};
use crate::tables::table;
use contracts::{CharterAnswer, NotPosted, PaperKind};
use domain::{Charter, Date, Fen};
use organisation::{
    Person, Stop,
    charters::{Motion, SIGNATORY},
    people::{Handover, SUPERVISOR, To},
};
use std::{collections::BTreeMap, sync::LazyLock};
use union_core::{
    Command, Role,
    command::{EligibilityVerdict, MemberEntry},
    programme::Control,
    subsidy::CheckVerdict,
    ticket::{Act, Category, Satisfaction},
    vocabulary::{IntakeRejection, Withdrawal},
};

const MANAGER: &str = "fund_manager";
const APPROVER: &str = "approver";

type Way = fn(&mut Office);

/// Every state in which the union's people differ, a way that leads there, and who went its last step.
const STATES: [(&str, Way, &str); 24] = [
    ("nothing filed", |_| (), "a"),
    ("under check", filed, "a"),
    ("under check, claimed", claimed, "i"),
    (
        "waiting for papers",
        |office| {
            filed(office);
            office.verdict(1, EligibilityVerdict::AskForPapers);
        },
        "i",
    ),
    (
        "rejected",
        |office| {
            filed(office);
            office.verdict(1, REJECT);
        },
        "i",
    ),
    (
        "opinion asked for",
        |office| {
            office.eligible(1, AMOUNT);
        },
        "i",
    ),
    (
        "pay-out ordered",
        |office| {
            office.eligible(1, AMOUNT);
            office.until(1, AMOUNT, "disburse");
        },
        "i",
    ),
    (
        "pay-out refused, an incident open",
        |office| {
            office.eligible(1, AMOUNT);
            office.until(1, AMOUNT, "disburse");
            refuse(office, 1, NotPosted::RateAboveCap);
        },
        "i",
    ),
    (
        "withdrawn",
        |office| {
            filed(office);
            office.withdraw(1);
        },
        "a",
    ),
    ("relief asked for", relief_asked, "a"),
    (
        "relief to be signed",
        |office| {
            relief_asked(office);
            office.act("i", INTAKE, relief::triage(None));
            office.tell(relief::proposed(office));
            office.tell(relief::consented(office));
        },
        "i",
    ),
    ("loan settled", |office| *office = subsidy::settled(), "a"),
    ("subsidy to be checked", |office| *office = subsidy::checking(&[1]), "a"),
    (
        "subsidy queried",
        |office| {
            *office = subsidy::checking(&[]);
            office.act("c", subsidy::CHECKER, subsidy::check(subsidy::query()));
        },
        "c",
    ),
    (
        "subsidy to be approved",
        |office| {
            *office = subsidy::checking(&[1]);
            office.act("c", subsidy::CHECKER, subsidy::check(CheckVerdict::Pass));
        },
        "c",
    ),
    (
        "suspension proposed",
        |office| {
            filed(office);
            office.act("w", MANAGER, suspend());
        },
        "w",
    ),
    (
        "suspended",
        |office| {
            filed(office);
            office.act("w", MANAGER, suspend());
            office.act("h", APPROVER, suspend());
        },
        "h",
    ),
    ("ticket received", |office| *office = hotline::called(Category::Help), "agent"),
    ("ticket dispatched", |office| *office = ticket(1), "agent"),
    ("ticket signed for", |office| *office = ticket(2), "officer"),
    ("ticket being handled", |office| *office = ticket(3), "officer"),
    ("more time asked for", |office| *office = ticket(4), "officer"),
    ("ticket replied to", |office| *office = ticket(5), "officer"),
    ("caller visited", |office| *office = ticket(6), "agent"),
];

/// A ticket with so many of its acts done.
fn ticket(acts: usize) -> Office {
    let all = [
        hotline::dispatch(),
        Act::SignFor,
        Act::Begin,
        hotline::ask_extension(),
        hotline::reply(),
        hotline::visit(Satisfaction::Satisfied),
    ];
    hotline::after(Category::Help, all.into_iter().take(acts))
}

const REJECT: EligibilityVerdict = EligibilityVerdict::Reject { reason: IntakeRejection::NotOperating };

fn filed(office: &mut Office) {
    office.submit(1, AMOUNT);
}

fn relief_asked(office: &mut Office) {
    office.eligible(1, AMOUNT);
    office.until(1, AMOUNT, "");
    office.act("a", APPLICANT, relief::request());
}

fn claimed(office: &mut Office) {
    filed(office);
    office.act("i", INTAKE, hand(To::Me));
}

fn hand(to: To) -> Command {
    Command::HandTask(Handover { application_id: id(1), task: "check-eligibility".into(), to })
}

fn suspend() -> Command {
    Command::Control { control: Control::Suspend, because: "工会决定".into() }
}

const COMMANDS: [&str; 45] = [
    "open-books",
    "load-members",
    "submit",
    "approve",
    "reject",
    "need-papers",
    "papers-came",
    "flag-green",
    "withdraw",
    "ask-relief",
    "triage-relief",
    "refuse-relief",
    "sign-relief",
    "withdraw-relief",
    "claim-subsidy",
    "pass-subsidy",
    "query-subsidy",
    "answer-subsidy",
    "approve-subsidy",
    "pay-subsidy-again",
    "appropriate",
    "answer-charter",
    "claim",
    "give-back",
    "reassign",
    "supply-paper",
    "suspend",
    "resume",
    "top-up",
    "drop-proposal",
    "repair-opinion",
    "repair-pay-out",
    "take-call",
    "answer-at-once",
    "dispatch",
    "return",
    "sign-for",
    "begin",
    "reply",
    "ask-extension",
    "grant-extension",
    "visit",
    "close",
    "start-relief",
    "consult",
];

fn to_do(what: &str) -> Command {
    let application_id = id(1);
    let decide = |verdict| Command::DecideEligibility { application_id: id(1), verdict };
    let control = |control| Command::Control { control, because: "工会决定".into() };
    let repair =
        |step: &str| Command::Repair { application_id: id(1), step: step.into(), action: retry_ask("对方已恢复") };
    match what {
        "open-books" => Command::OpenBooks { deposit_fen: Fen::new(900_000_000) },
        "load-members" => {
            let from = domain::Date::constant(2019, 1, 1);
            Command::LoadMembers {
                members: vec![MemberEntry { member: "m-2".into(), union_org: None, from, to: None }],
            }
        }
        "submit" => Command::Submit(Box::new(form(2, AMOUNT))),
        "approve" => decide(EligibilityVerdict::Approve),
        "reject" => decide(REJECT),
        "need-papers" => decide(EligibilityVerdict::AskForPapers),
        "papers-came" => decide(EligibilityVerdict::PapersSupplied),
        "flag-green" => decide(EligibilityVerdict::FlagGreen),
        "withdraw" => Command::Withdraw { application_id, reason: Withdrawal::NoNeed },
        "ask-relief" => relief::request(),
        "triage-relief" => relief::triage(None),
        "refuse-relief" => relief::triage(Some(contracts::ReliefDecline::NotAffected)),
        "sign-relief" => relief::sign(),
        "withdraw-relief" => relief::give_up(),
        "claim-subsidy" => subsidy::claim(&[1]),
        "pass-subsidy" => subsidy::check(CheckVerdict::Pass),
        "query-subsidy" => subsidy::check(subsidy::query()),
        "answer-subsidy" => subsidy::answer(),
        "approve-subsidy" => subsidy::approve(None),
        "pay-subsidy-again" => subsidy::pay_again(),
        "appropriate" => control(Control::Appropriate { amount_fen: amount(1) }),
        "answer-charter" => Command::Charter(charter()),
        "claim" => hand(To::Me),
        "give-back" => hand(To::Nobody),
        "reassign" => hand(To::Other { person: Person::new("new"), because: "休假".into() }),
        "supply-paper" => supply(PaperKind::Lease, 1),
        "suspend" => suspend(),
        "resume" => control(Control::Resume),
        "top-up" => control(Control::TopUp { amount_fen: amount(1) }),
        "drop-proposal" => Command::DropProposal { because: "工会决定".into() },
        "repair-opinion" => repair("assess guarantee"),
        "repair-pay-out" => repair("disburse"),
        "take-call" => hotline::call(Category::Help),
        "answer-at-once" => hotline::on_ticket(Act::AnswerAtOnce { reply: "可以".into() }),
        "dispatch" => hotline::on_ticket(hotline::dispatch()),
        "return" => hotline::on_ticket(Act::Return { because: "属银行事项".into() }),
        "sign-for" => hotline::on_ticket(Act::SignFor),
        "begin" => hotline::on_ticket(Act::Begin),
        "reply" => hotline::on_ticket(hotline::reply()),
        "ask-extension" => hotline::on_ticket(hotline::ask_extension()),
        "grant-extension" => hotline::on_ticket(hotline::decide_extension(true)),
        "visit" => hotline::on_ticket(hotline::visit(Satisfaction::Satisfied)),
        "close" => hotline::on_ticket(Act::Close),
        "start-relief" => hotline::on_ticket(hotline::start_relief()),
        "consult" => hotline::consult(),
        other => panic!("what is `{other}`?"),
    }
}

/// Next year's rules, accepted.
fn charter() -> Motion {
    let charter = Charter { version: 2, effective_from: Date::constant(2026, 1, 1), ..Charter::programme_2017() };
    let (hash, charter) = (charter.hash(), Some(Box::new(charter)));
    Motion::Answer { hash, charter, answer: CharterAnswer::Accepted {}, because: "会议".into() }
}

/// An office in each state, and who went its last step.
static OFFICES: LazyLock<BTreeMap<&str, (Office, &str)>> = LazyLock::new(|| {
    let lead = |(state, way, own): (&'static str, Way, &'static str)| {
        let mut office = Office::open(900_000_000);
        way(&mut office);
        (state, (office, own))
    };
    STATES.into_iter().map(lead).collect()
});

fn cell(state: &str, what: &str, person: &str, role: &str) -> String {
    let (mut office, own) = OFFICES[state].clone();
    let person = if person == "own" { own } else { "new" };
    let before = office.store.clone();
    match office.command(person, role, to_do(what)) {
        Ok(_) => "yes".into(),
        Err(Stop::Refused(refusal)) => {
            assert_eq!(office.store, before, "{state}: {what}: a refusal changes nothing");
            refusal.code
        }
        Err(other) => panic!("{state}: {what} by {role}: {other:?}"),
    }
}

#[test]
fn every_role_may_do_in_every_state_what_the_table_says() {
    let mut roles: Vec<&str> = Role::ALL.iter().map(|role| role.code()).collect();
    roles.extend([SUPERVISOR, SIGNATORY, "auditor", APPLICANT]);
    let states = STATES.map(|(state, ..)| state);
    insta::assert_snapshot!(table(&states, &COMMANDS, &roles, cell));
}
