//! Definitions that break a rule do not build, and the message names step and rule. (What does not even compile is in the
//! builder's documentation.)

use domain::Party;
use saga::{After, AgainPolicy, Before, Definitions, Flow, Retry, Rule, Since, UnknownDefinition, UnknownPolicy, saga};

use crate::all::toy::{Role, Toy, ask, close, days_3, order, post, query, release, reserve, undo};

fn begin() -> Flow<Toy, Before> {
    saga::<Toy>("x", 1).incidents_to(Role::Operator)
}

fn pivot(flow: Flow<Toy, Before>) -> Flow<Toy, After> {
    flow.point_of_no_return("pay", Party::Bank, ask).if_unknown(query).close_with(close)
}

#[test]
fn a_definition_that_breaks_a_rule_does_not_build() {
    fn check<P>(flow: Flow<Toy, P>, step: &str, rule: &Rule)
    where
        Flow<Toy, P>: Build,
    {
        let error = flow.build_it().expect_err(&format!("{rule:?}"));
        assert_eq!((error.step.as_str(), &error.rule), (step, rule));
        assert!(error.to_string().contains(&rule.to_string()) && error.to_string().contains(step));
    }
    let a = || begin().ask("a", Party::Bank, ask).undo(undo);
    let s = |name: &str| name.to_owned();

    check(saga::<Toy>("", 1), "", &Rule::Unnamed);
    check(saga::<Toy>("x", 0), "", &Rule::Unnamed);
    check(begin(), "", &Rule::NoSteps);
    check(pivot(saga::<Toy>("x", 1)), "", &Rule::NoIncidentOwner);
    let key = |_: &Toy| Ok(String::new());
    check(pivot(begin().only_one_open_per(key).only_one_open_per(key)), "", &Rule::TwoLocks);
    check(pivot(begin().ask("pay", Party::Bank, ask).undo(undo)), "pay", &Rule::DuplicateStep);
    check(begin().ask("a:b", Party::Bank, ask).undo(undo), "a:b", &Rule::BadStepName);
    check(begin().ask("", Party::Bank, ask).undo(undo), "", &Rule::BadStepName);
    check(begin().parallel(|p| p.branch(|b| b.here("r", reserve).undo(release))), "r", &Rule::TooFewBranches);
    check(begin().parallel(|p| p.branch(|b| b.here("r", reserve).undo(release)).branch(|b| b)), "", &Rule::EmptyBranch);
    check(begin().ask("a", Party::Bank, ask).no_undo("  "), "a", &Rule::NoUndoReason);
    check(begin().decide("d", Role::Clerk).no_undo("why"), "d", &Rule::NoDeadline);
    check(pivot(begin()).must_decide("d", Role::Clerk), "d", &Rule::NoDeadline);
    check(pivot(begin()).must_here("h", post).within(days_3), "h", &Rule::DeadlineOnLocal);
    check(pivot(begin()).must_here("h", post).key(key), "h", &Rule::KeyOnLocal);
    let day = Retry { first_ms: 86_400_000, longest_ms: 86_400_000 };
    check(pivot(begin()).must_here("h", post).retry(day), "h", &Rule::RetryOnLocal);
    let shrinking = Retry { first_ms: 2_000, longest_ms: 1_000 };
    check(pivot(begin()).must("m", Party::Bank, ask).retry(shrinking), "m", &Rule::BadRetry);
    check(pivot(begin()).retry_all(Retry { first_ms: 0, longest_ms: 1_000 }), "", &Rule::BadRetry);
    let never = UnknownPolicy { waits_ms: vec![], person_after_ms: 1 };
    check(pivot(begin()).unknown(never), "", &Rule::BadUnknownPolicy);
    let at_once = AgainPolicy { wait: Retry { first_ms: 0, longest_ms: 0 }, attempts: 1 };
    check(pivot(begin()).again(at_once), "", &Rule::BadAgainPolicy);
    check(pivot(begin()).again(AgainPolicy { attempts: 0, ..AgainPolicy::default() }), "", &Rule::BadAgainPolicy);
    let decide_after = |other| begin().decide("d", Role::Clerk).within(days_3).other_than(other).no_undo("why");
    check(decide_after("nobody"), "d", &Rule::BadOtherThan(s("nobody")));
    check(decide_after("d"), "d", &Rule::BadOtherThan(s("d")));
    check(pivot(a()).expire("E", "a", "pay", days_3).expire("E", "a", "pay", days_3), "E", &Rule::DuplicateExpiry);
    check(pivot(a()).expire("E", "b", "pay", days_3), "E", &Rule::ExpiryOfUnknownStep(s("b")));
    check(pivot(a()).expire("E", "a", "b", days_3), "E", &Rule::ExpiryOfUnknownStep(s("b")));
    check(pivot(a()).expire("E", "pay", "a", days_3), "E", &Rule::ExpiryOutOfOrder(s("pay")));
    check(pivot(a()).expire("E", "a", "a", days_3), "E", &Rule::ExpiryOutOfOrder(s("a")));
    check(pivot(a()).must("m", Party::Bank, ask).expire("E", "a", "m", days_3), "E", &Rule::ExpiryPastPivot);
    check(pivot(a()).expire("E", Since::Waiting("a"), "pay", days_3), "E", &Rule::ExpirySinceNeverWaits(s("a")));
    // Parallel branches have no order between them.
    let parallel = begin().parallel(|p| {
        p.branch(|b| b.ask("a", Party::Bank, ask).undo(undo)).branch(|b| b.ask("b", Party::Bank, ask).undo(undo))
    });
    check(parallel.expire("E", "a", "b", days_3), "E", &Rule::ExpiryOutOfOrder(s("a")));
}

/// `build` on either side of the pivot.
trait Build {
    fn build_it(self) -> Result<(), saga::DefinitionError>;
}
impl Build for Flow<Toy, Before> {
    fn build_it(self) -> Result<(), saga::DefinitionError> {
        self.build().map(|_| ())
    }
}
impl Build for Flow<Toy, After> {
    fn build_it(self) -> Result<(), saga::DefinitionError> {
        self.build().map(|_| ())
    }
}

#[test]
fn versions_live_side_by_side_and_a_run_is_driven_by_its_own() {
    let version = |n| {
        let flow = saga::<Toy>("x", n).incidents_to(Role::Operator);
        flow.ask("a", Party::Bank, ask).undo(undo).build().unwrap()
    };
    let definitions = Definitions::new([version(2), order().unwrap(), version(1)]).unwrap();
    assert_eq!(definitions.latest("x").unwrap().version(), 2);
    let mut toy = Toy::default();
    let first = definitions.get("x", 1).unwrap();
    assert_eq!(first.start(&mut toy).unwrap(), saga::Reaction::Moved);
    assert_eq!(definitions.of(&toy.run).unwrap().version(), 1);
    let wrong = toy.on(definitions.latest("x").unwrap(), saga::Event::Tick);
    let saga::Reaction::Refused(refusal) = wrong else { panic!("{wrong:?}") };
    assert_eq!(refusal.to_string(), "the case runs under x v1, not under x v2");
    toy.run.version = 3;
    let unknown = UnknownDefinition { name: "x".to_owned(), version: 3 };
    assert_eq!(definitions.of(&toy.run).err(), Some(unknown));
    assert!(definitions.latest("y").is_err());
    let Err(twice) = Definitions::new([version(1), version(1)]) else { panic!("twice") };
    assert_eq!(twice.to_string(), "definition x version 1 is given twice");
}

#[test]
fn a_definition_without_a_pivot_or_with_a_local_one_runs_to_its_end() {
    let local = saga::<Toy>("book", 1)
        .incidents_to(Role::Operator)
        .point_of_no_return_here("reserve stock", reserve)
        .must_here("post sale", post)
        .build()
        .unwrap();
    let none = begin().here("reserve stock", reserve).undo(release).build().unwrap();
    for definition in [local, none] {
        let mut toy = Toy::default();
        assert_eq!(definition.start(&mut toy).unwrap(), saga::Reaction::Moved);
        assert_eq!(toy.run.ending(), Some(&saga::Ending::Completed));
        let mut refused = Toy { refusing: Some("reserve stock"), ..Toy::default() };
        assert_eq!(definition.start(&mut refused).unwrap(), saga::Reaction::Moved);
        assert!(matches!(refused.run.ending(), Some(saga::Ending::Refused { .. })));
        assert_eq!(refused.local, Vec::<&str>::new());
    }
}
