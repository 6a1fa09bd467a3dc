//! S7 at the union: who may ask and when, what each partner's answer leads to, and the states of a request.

use super::{office::*, states};
use contracts::{
    About, LoanDue, LoanReport, LoanSchedule, Message, NotSwitched, ReliefAnswered, ReliefConsent, ReliefDecline,
    ReliefPlan, ReliefProposal, ReliefProposed, ScheduleSwitched, SwitchReport, UndoAnswered,
};
use domain::{Date, Fen, loan::Measure};
use union_core::{
    Command,
    relief::{How, Relief, ReliefState},
};

pub fn request() -> Command {
    Command::RequestRelief { application_id: id(1), via: "WECHAT".into(), reason: "未能开工".into() }
}

pub fn triage(declined: Option<ReliefDecline>) -> Command {
    Command::TriageRelief { application_id: id(1), declined }
}

pub fn sign() -> Command {
    Command::SignRelief { application_id: id(1) }
}

pub fn give_up() -> Command {
    Command::WithdrawRelief { application_id: id(1) }
}

fn plan() -> ReliefPlan {
    let to = Date::constant(2021, 8, 31);
    ReliefPlan::new(&format!("{}/R1", id(1)), vec![Measure::Extend { to }], to)
}

fn about(office: &Office, step: &str) -> About {
    About { key: format!("{}:{}/R1:1", step.replace(' ', "-"), id(1)), ..office.about("disburse", 1) }
}

pub fn proposed(office: &Office) -> Message {
    let proposal = ReliefProposal::Plan { plan: plan() };
    Message::ReliefProposed(ReliefProposed { about: about(office, "propose plan"), proposal })
}

pub fn consented(office: &Office) -> Message {
    let consent = ReliefConsent::Given { guaranteed_until: Date::constant(2022, 2, 28) };
    Message::ReliefAnswered(ReliefAnswered { about: about(office, "consent to plan"), consent })
}

fn switch(office: &Office, report: SwitchReport) -> Message {
    Message::ScheduleSwitched(ScheduleSwitched { about: about(office, "switch schedule"), report })
}

pub fn switched(office: &Office) -> Message {
    switch(office, SwitchReport::Switched { on: office.at.date() })
}

pub fn recorded(office: &Office) -> Message {
    Message::ReliefRecorded(contracts::Confirmed { about: about(office, "record plan"), at: office.at })
}

/// What the bank reports of the plan in force.
pub fn rescheduled() -> LoanReport {
    let due = LoanDue {
        on: plan().maturity_on,
        principal_fen: Fen::new(AMOUNT),
        interest_fen: Fen::new(1_000),
        deferred: false,
    };
    let schedule = LoanSchedule { version: 2, maturity_on: plan().maturity_on, relief: Some(1), dues: vec![due] };
    LoanReport::Rescheduled { schedule }
}

pub fn ended(kept: bool) -> LoanReport {
    LoanReport::ReliefEnded { no: 1, on: Date::constant(2021, 8, 31), kept }
}

/// A loan that is paid out and lives.
pub fn lent() -> Office {
    let mut office = Office::open(10_000_000);
    office.eligible(1, AMOUNT);
    office.until(1, AMOUNT, "");
    office
}

fn relief(office: &Office) -> &Relief {
    office.application(1).reliefs.last().unwrap()
}

fn state(office: &Office) -> ReliefState {
    relief(office).state()
}

fn kinds(messages: &[Message]) -> Vec<&'static str> {
    messages.iter().map(|message| message.kind().name()).collect()
}

#[test]
fn each_pair_of_states_is_in_the_table_or_illegal() {
    for from in ReliefState::ALL {
        assert_eq!(from.is_final(), ReliefState::ALL.iter().all(|to| from.on(*to).is_err()), "{from:?}");
    }
    insta::assert_snapshot!(states::table(&ReliefState::ALL, ReliefState::on, ReliefState::code));
}

#[test]
fn a_request_goes_from_hand_to_hand_and_ends_with_the_plan_kept() {
    let mut office = lent();
    office.act("a", APPLICANT, request());
    assert_eq!(state(&office), ReliefState::Requested);
    let outcome = office.act("i", INTAKE, triage(None));
    assert_eq!((kinds(&outcome.messages), state(&office)), (vec!["relief.propose"], ReliefState::Triaged));
    assert_eq!(kinds(&office.tell(proposed(&office))), ["relief.consent"]);
    assert_eq!(state(&office), ReliefState::Proposed);
    assert!(office.tell(consented(&office)).is_empty(), "the borrower signs first");
    assert_eq!(state(&office), ReliefState::Consented);
    let covers = |office: &Office| office.application(1).reservation.as_ref().unwrap().covers_until;
    assert_eq!(covers(&office), Some(plan().maturity_on));
    let outcome = office.act("a", APPLICANT, sign());
    assert_eq!((kinds(&outcome.messages), state(&office)), (vec!["relief.switch_schedule"], ReliefState::Signed));
    office.tell(office.reports(1, 1, rescheduled()));
    assert_eq!(kinds(&office.tell(switched(&office))), ["relief.record"]);
    office.tell(recorded(&office));
    assert_eq!((state(&office), relief(&office).has_ended()), (ReliefState::InForce, true));
    assert_eq!(office.application(1).life.standing(Fen::new(AMOUNT)).state, "RELIEF");
    office.tell(office.reports(1, 2, ended(true)));
    assert_eq!((state(&office), relief(&office).over.unwrap().how), (ReliefState::Kept, How::Kept));
}

#[test]
fn only_while_a_policy_is_in_force_and_the_loan_lives_and_one_at_a_time() {
    let mut office = Office::open(10_000_000);
    office.submit(1, AMOUNT);
    assert_eq!(office.refused("a", APPLICANT, request()).code, "NO_LOAN");
    let mut office = lent();
    for command in [triage(None), sign(), give_up()] {
        let role = if matches!(command, Command::TriageRelief { .. }) { INTAKE } else { APPLICANT };
        assert_eq!(office.refused("x", role, command).code, "NO_RELIEF");
    }
    office.act("a", APPLICANT, request());
    assert_eq!(office.refused("a", APPLICANT, request()).code, "RELIEF_OPEN");
    // Nothing to sign yet.
    assert_eq!(office.refused("a", APPLICANT, sign()).code, "ILLEGAL_TRANSITION");
    let mut after = lent();
    after.at = moment("2021-01-01T09:00:00+08:00");
    assert_eq!(after.refused("a", APPLICANT, request()).code, "POLICY_NOT_IN_FORCE");
    let mut repaid_in_full = lent();
    repaid_in_full.tell(repaid_in_full.reports(1, 1, repaid(1, AMOUNT, 0)));
    repaid_in_full.tell(repaid_in_full.reports(1, 2, paid_in_full()));
    assert_eq!(repaid_in_full.refused("a", APPLICANT, request()).code, "NO_LOAN");
}

#[test]
fn what_the_bank_does_not_switch_is_undone_with_both() {
    let mut office = lent();
    office.act("a", APPLICANT, request());
    office.act("i", INTAKE, triage(None));
    office.tell(proposed(&office));
    office.tell(consented(&office));
    office.act("a", APPLICANT, sign());
    let why = NotSwitched::TooLate;
    // A no about the point of no return is final once its key is closed.
    assert_eq!(kinds(&office.tell(switch(&office, SwitchReport::NotSwitched { why }))), ["relief.close_switch"]);
    assert_eq!(kinds(&office.tell(switch(&office, SwitchReport::Closed))), ["relief.rescind_consent"]);
    assert_eq!(state(&office), ReliefState::Refused);
    assert_eq!(office.application(1).reservation.as_ref().unwrap().covers_until, None);
    let undone = |step| UndoAnswered { about: about(&office, step), refused: None };
    let (consent, plan) = (undone("consent to plan"), undone("propose plan"));
    assert_eq!(kinds(&office.tell(Message::ConsentRescinded(consent))), ["relief.withdraw_plan"]);
    office.tell(Message::ReliefPlanWithdrawn(plan));
    assert!(relief(&office).has_ended());
    assert_eq!(office.refused("a", APPLICANT, sign()).code, "NO_RELIEF");
}

#[test]
fn a_plan_that_is_not_what_its_hash_says_calls_a_person_and_goes_nowhere() {
    let mut office = lent();
    office.act("a", APPLICANT, request());
    office.act("i", INTAKE, triage(None));
    let Message::ReliefProposed(mut said) = proposed(&office) else { unreachable!("it proposes") };
    let ReliefProposal::Plan { plan } = &mut said.proposal else { unreachable!("a plan") };
    plan.maturity_on = Date::constant(2031, 1, 1);
    assert!(office.tell(Message::ReliefProposed(said)).is_empty());
    assert_eq!((state(&office), relief(&office).plan.is_none()), (ReliefState::Triaged, true));
    assert_eq!(relief(&office).run.incidents().count(), 1);
}

#[test]
fn a_task_of_relief_changes_hands_like_any_other() {
    let mut office = lent();
    office.act("a", APPLICANT, request());
    let hand = |to| {
        Command::HandTask(organisation::people::Handover { application_id: id(1), task: "triage-relief".into(), to })
    };
    office.act("i", INTAKE, hand(organisation::people::To::Me));
    assert_eq!(office.refused("j", INTAKE, triage(None)).code, "CLAIMED");
    office.act("i", INTAKE, triage(None));
    assert_eq!(state(&office), ReliefState::Triaged);
}
