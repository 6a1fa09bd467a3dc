//! The saga of a claim (DOMAIN.md section 2, S6): the definitions first, their steps below in the same order.

use super::Claim;
use crate::{Fact, Reason, Role, fund, origination::Origination};
use contracts::{About, Message, PaySubsidy, Plain};
use domain::{Calendar, Moment, Party, subsidy::Period};
use organisation::Stop;
use saga::{
    After, Ask, Before, Definition, DefinitionError, Definitions, Event, FactOf, Flow, Here, Reaction, RunOf, World,
    saga,
};
use std::sync::{Arc, LazyLock};

/// Name of the saga of a claim.
pub const SUBSIDY: &str = "subsidy";
/// Name of the saga of its payment after one came back.
pub const AGAIN: &str = "subsidy-again";
/// The checker looks at the row.
pub const CHECK: &str = "check subsidy";
/// The account holds so much for it.
pub const ENCUMBER: &str = "encumber subsidy";
/// Another person approves it.
pub const APPROVE: &str = "approve subsidy";
/// The day of payment has come.
pub const DAY: &str = "await payment day";
/// The bank pays.
pub const PAY: &str = "pay subsidy";

/// A claim, version 1.
///
/// # Errors
/// The definition breaks a rule of the engine; the error names step and rule. A test keeps this from happening.
pub fn definition() -> Result<Definition<Subsidising>, DefinitionError> {
    let passed = begin(SUBSIDY)
        .decide(CHECK, Role::SubsidyChecker)
        .within(|s| s.w.term(|charter| charter.subsidy.terms.check_deadline))
        .undo(void_check)
        .here(ENCUMBER, fund::encumber)
        .undo(fund::release_subsidy)
        .decide(APPROVE, Role::Approver)
        .within(|s| s.w.term(|charter| charter.subsidy.terms.check_deadline))
        .other_than(CHECK)
        .no_undo("it moves nothing")
        .check(DAY, day_has_come);
    pay(passed).build()
}

/// The payment of a claim after one came back, version 1.
///
/// # Errors
/// As [`definition`].
pub fn again() -> Result<Definition<Subsidising>, DefinitionError> {
    pay(begin(AGAIN).here(ENCUMBER, fund::encumber).undo(fund::release_subsidy)).build()
}

fn begin(name: &'static str) -> Flow<Subsidising, Before> {
    saga::<Subsidising>(name, 1)
        .only_one_open_per(|s| Ok(format!("{}/{}", s.w.id, s.period)))
        .incidents_to(Role::FundManager)
        .retry_all(crate::origination::RETRY)
}

fn pay(flow: Flow<Subsidising, Before>) -> Flow<Subsidising, After> {
    flow.point_of_no_return(PAY, Party::Bank, order)
        .if_unknown(query)
        .close_with(close)
        .key(key)
        .owner(Role::FundManager)
        .must_here("book subsidy", fund::book_subsidy)
}

/// Every version that may still be running.
///
/// # Errors
/// A definition breaks a rule of the engine.
pub fn definitions() -> Result<&'static Definitions<Subsidising>, Stop> {
    static DEFINITIONS: LazyLock<Result<Definitions<Subsidising>, String>> = LazyLock::new(|| {
        let first = definition().map_err(|error| error.to_string())?;
        let again = again().map_err(|error| error.to_string())?;
        Definitions::new([first, again]).map_err(|error| error.to_string())
    });
    DEFINITIONS.as_ref().map_err(|error| Stop::Illegal(error.clone()))
}

/// One claim inside one decision.
#[derive(Debug)]
pub struct Subsidising {
    /// The application inside the same decision.
    pub(crate) w: Origination,
    /// The claim's period.
    pub(crate) period: Period,
}

impl Subsidising {
    pub(crate) fn claim(&self) -> Result<&Claim, Stop> {
        let found = super::claim(self.w.application()?, self.period);
        found.ok_or_else(|| Stop::Illegal(format!("{} has no claim for {}", self.w.id, self.period)))
    }

    fn about(&self, ask: &Ask) -> Result<About, Stop> {
        let charter = self.w.application()?.charter;
        Ok(About { application_id: self.w.id.clone(), charter, key: ask.key.clone() })
    }
}

impl World for Subsidising {
    type Role = Role;
    type Reason = Reason;
    type Fault = Stop;

    fn now(&self) -> Moment {
        self.w.desk.at()
    }

    fn calendar(&self) -> &Calendar {
        &self.w.charter.calendar
    }

    fn case(&self) -> Result<String, Stop> {
        Ok(format!("{}/{}", self.w.id, self.period))
    }

    fn run(&self) -> Result<&RunOf<Self>, Stop> {
        let run = self.claim()?.run();
        run.ok_or_else(|| Stop::Illegal(format!("{} is not checked for {}", self.w.id, self.period)))
    }

    fn record(&mut self, fact: FactOf<Self>) -> Result<(), Stop> {
        Ok(self.w.desk.record(Fact::SubsidySaga { id: self.w.id.clone(), period: self.period, fact })?)
    }

    /// There is one claim a loan and period, and its row holds its sagas in order.
    fn lock(&mut self, _: &str) -> Result<bool, Stop> {
        let runs = &self.claim()?.runs;
        Ok(runs.iter().rev().skip(1).all(|run| run.ending().is_some()))
    }

    fn unlock(&mut self, _: &str) -> Result<(), Stop> {
        Ok(())
    }
}

/// Starts a saga of a claim.
pub(crate) fn start(w: &mut Origination, period: Period, name: &str) -> Result<(), Stop> {
    let definition = definitions()?.latest(name).map_err(|error| Stop::Illegal(error.to_string()))?;
    w.desk.record(Fact::SubsidyBegun { id: w.id.clone(), period })?;
    settled(&inside(w, period, |s| definition.start(s))?)
}

/// Feeds one event to the saga of a claim.
pub(crate) fn drive(w: &mut Origination, period: Period, event: Event<Reason>) -> Result<(), Stop> {
    let reaction = inside(w, period, |s| {
        let definition = definitions()?.of(s.run()?).map_err(|error| Stop::Illegal(error.to_string()))?;
        definition.on(s, event)
    })?;
    settled(&reaction)
}

fn settled(reaction: &Reaction) -> Result<(), Stop> {
    match reaction {
        Reaction::Refused(refusal) => Err(crate::decide::saga_refused(refusal)),
        Reaction::Moved | Reaction::Nothing(_) => Ok(()),
    }
}

/// Moves the decision into the world of one claim, and back, whatever comes of it.
fn inside<T>(
    w: &mut Origination,
    period: Period,
    act: impl FnOnce(&mut Subsidising) -> Result<T, Stop>,
) -> Result<T, Stop> {
    let inner =
        Origination { desk: w.desk.take(), id: w.id.clone(), key: w.key.clone(), charter: Arc::clone(&w.charter) };
    let mut subsidising = Subsidising { w: inner, period };
    let result = act(&mut subsidising);
    w.desk.put_back(subsidising.w.desk);
    result
}

/// The checker's pass does not stand any more.
fn void_check(s: &mut Subsidising) -> Result<(), Stop> {
    Ok(s.w.desk.record(Fact::SubsidyVoided { id: s.w.id.clone(), period: s.period })?)
}

fn day_has_come(s: &mut Subsidising) -> Result<Here<Reason>, Stop> {
    let today = s.w.desk.at().date();
    Ok(if s.claim()?.pay_on.is_some_and(|day| today < day) { Here::Wait } else { Here::Done })
}

/// `sub:{period}:{row}`, and for a payment after one came back how many came before.
fn key(s: &Subsidising) -> Result<String, Stop> {
    let claim = s.claim()?;
    let row = claim.row.as_ref().map_or(0, |row| row.no);
    let stem = format!("sub:{}:{row}", s.period);
    Ok(match claim.runs.len() {
        0 | 1 => stem,
        n => format!("{stem}/{n}"),
    })
}

fn order(s: &mut Subsidising, ask: &Ask) -> Result<(), Stop> {
    let amount = s.claim()?.amount_fen;
    let amount_fen = amount.ok_or_else(|| Stop::Illegal(format!("{} pays nothing for {}", s.w.id, s.period)))?;
    let message = PaySubsidy { about: s.about(ask)?, period: s.period, amount_fen };
    s.w.desk.say(Message::PaySubsidy(message));
    Ok(())
}

fn query(s: &mut Subsidising, ask: &Ask) -> Result<(), Stop> {
    let about = s.about(ask)?;
    s.w.desk.say(Message::QuerySubsidy(Plain { about }));
    Ok(())
}

fn close(s: &mut Subsidising, ask: &Ask) -> Result<(), Stop> {
    let about = s.about(ask)?;
    s.w.desk.say(Message::CloseSubsidy(Plain { about }));
    Ok(())
}
