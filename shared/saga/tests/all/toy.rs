//! A toy order process in a toy core: every kind of step, two parallel groups, three expiries, a lock.

use std::collections::BTreeSet;
use std::fmt;

use domain::{Calendar, CalendarError, Moment, Party, Term};
use saga::{
    Ask, Definition, DefinitionError, Event, FactOf, Here, Must, Person, Reaction, RepairAction, RunOf, Since, State,
    World, saga,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    Clerk,
    Approver,
    Operator,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    Fine,
    No,
    Later,
    Hopeless,
    CannotUndo,
    ChangedMind,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Fault(#[from] CalendarError);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Ask,
    Query,
    Close,
    Undo,
    Child,
}

/// A message on its way to a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub purpose: Purpose,
    pub ask: Ask,
}

/// One case of the toy core.
pub struct Toy {
    pub now: Moment,
    pub calendar: Calendar,
    pub run: RunOf<Self>,
    pub facts: Vec<FactOf<Self>>,
    pub locks: BTreeSet<String>,
    pub outbox: Vec<Letter>,
    /// What local steps and local undos did, in order.
    pub local: Vec<&'static str>,
    /// Whether the local step with a queue finds something.
    pub stock: bool,
    /// The local step that refuses.
    pub refusing: Option<&'static str>,
    /// Whether there is a price at all; else the check of it waits.
    pub market_open: bool,
}

/// Monday, 2020-03-02, 09:00 in Beijing.
pub const MONDAY: Moment = Moment::from_millis(1_583_110_800_000);
pub const MINUTE: i64 = 60_000;
pub const DAY: i64 = 24 * 60 * MINUTE;

impl Default for Toy {
    fn default() -> Self {
        Self {
            now: MONDAY,
            calendar: Calendar::programme(),
            run: RunOf::<Self>::default(),
            facts: Vec::new(),
            locks: BTreeSet::new(),
            outbox: Vec::new(),
            local: Vec::new(),
            stock: true,
            refusing: None,
            market_open: true,
        }
    }
}

impl World for Toy {
    type Role = Role;
    type Reason = Reason;
    type Fault = Fault;

    fn now(&self) -> Moment {
        self.now
    }
    fn calendar(&self) -> &Calendar {
        &self.calendar
    }
    fn case(&self) -> Result<String, Fault> {
        Ok("case-7".to_owned())
    }
    fn run(&self) -> Result<&RunOf<Self>, Fault> {
        Ok(&self.run)
    }
    fn record(&mut self, fact: FactOf<Self>) -> Result<(), Fault> {
        self.run.apply(&fact);
        self.facts.push(fact);
        Ok(())
    }
    fn lock(&mut self, key: &str) -> Result<bool, Fault> {
        Ok(self.locks.insert(key.to_owned()))
    }
    fn unlock(&mut self, key: &str) -> Result<(), Fault> {
        assert!(self.locks.remove(key), "the lock {key} is given back once");
        Ok(())
    }
}

impl Toy {
    fn send(&mut self, purpose: Purpose, ask: &Ask) -> Result<(), Fault> {
        self.outbox.push(Letter { purpose, ask: ask.clone() });
        Ok(())
    }

    fn here(&mut self, step: &'static str) -> Result<Here<Reason>, Fault> {
        if self.refusing == Some(step) {
            return Ok(Here::Refused(Reason::No));
        }
        self.local.push(step);
        Ok(Here::Done)
    }

    pub fn on(&mut self, definition: &Definition<Self>, event: Event<Reason>) -> Reaction {
        definition.on(self, event).expect("the toy has all its calendar years")
    }

    /// Moves time on by `ms` and ticks.
    pub fn after(&mut self, definition: &Definition<Self>, ms: i64) -> Reaction {
        self.now = Moment::from_millis(self.now.millis() + ms);
        self.on(definition, Event::Tick)
    }

    pub fn state_name(&self, step: &str) -> &'static str {
        self.run.state(step).map_or("not opened", State::name)
    }

    /// The run rebuilt from the stored form of its facts.
    pub fn replayed(&self) -> RunOf<Self> {
        let stored = serde_json::to_string(&self.facts).unwrap();
        let facts: Vec<FactOf<Self>> = serde_json::from_str(&stored).unwrap();
        let mut run = RunOf::<Self>::default();
        facts.iter().for_each(|fact| run.apply(fact));
        run
    }
}

pub fn ask(w: &mut Toy, ask: &Ask) -> Result<(), Fault> {
    w.send(Purpose::Ask, ask)
}
pub fn query(w: &mut Toy, ask: &Ask) -> Result<(), Fault> {
    w.send(Purpose::Query, ask)
}
pub fn close(w: &mut Toy, ask: &Ask) -> Result<(), Fault> {
    w.send(Purpose::Close, ask)
}
pub fn undo(w: &mut Toy, ask: &Ask) -> Result<(), Fault> {
    w.send(Purpose::Undo, ask)
}
pub fn child(w: &mut Toy, ask: &Ask) -> Result<(), Fault> {
    w.send(Purpose::Child, ask)
}
fn void(w: &mut Toy) -> Result<(), Fault> {
    w.local.push("void");
    Ok(())
}
pub fn reserve(w: &mut Toy) -> Result<Here<Reason>, Fault> {
    if w.stock { w.here("reserve stock") } else { Ok(Here::Wait) }
}
pub fn release(w: &mut Toy) -> Result<(), Fault> {
    w.local.push("release stock");
    Ok(())
}
fn price(w: &mut Toy) -> Result<Here<Reason>, Fault> {
    if w.market_open { w.here("check price") } else { Ok(Here::Wait) }
}
fn premium(w: &mut Toy) -> Result<Here<Reason>, Fault> {
    w.here("note premium")
}
fn unpremium(w: &mut Toy) -> Result<(), Fault> {
    w.local.push("drop premium");
    Ok(())
}
pub fn post(w: &mut Toy) -> Result<Must, Fault> {
    w.local.push("post sale");
    Ok(Must::Done)
}
pub fn days_3(_: &Toy) -> Result<Term, Fault> {
    Ok(Term::WorkingDays(3))
}
pub fn days_30(_: &Toy) -> Result<Term, Fault> {
    Ok(Term::Days(30))
}
pub fn days_20(_: &Toy) -> Result<Term, Fault> {
    Ok(Term::Days(20))
}

pub fn order() -> Result<Definition<Toy>, DefinitionError> {
    saga::<Toy>("order", 1)
        .only_one_open_per(|_| Ok("customer 3".to_owned()))
        .incidents_to(Role::Operator)
        .decide("check order", Role::Clerk)
        .within(days_3)
        .undo(void)
        .here("reserve stock", reserve)
        .undo(release)
        .parallel(|p| {
            p.branch(|b| {
                b.ask("insure", Party::Guarantor, ask)
                    .within(Role::Clerk, days_3)
                    .undo(undo)
                    .here("note premium", premium)
                    .undo(unpremium)
            })
            .branch(|b| b.ask("book carrier", Party::Bank, ask).undo(undo))
        })
        .ask("quote rate", Party::Bank, ask)
        .no_undo("a quotation binds nobody")
        .decide("approve order", Role::Approver)
        .within(days_3)
        .other_than("check order")
        .undo(void)
        .check("check price", price)
        .point_of_no_return("charge", Party::Bank, ask)
        .if_unknown(query)
        .close_with(close)
        .key(|_| Ok("charge:order-9".to_owned()))
        .must_parallel(|p| {
            p.branch(|b| b.must("ship", Party::Guarantor, ask)).branch(|b| b.must_here("post sale", post))
        })
        .must_decide("file papers", Role::Clerk)
        .within(days_3)
        .start_child("look after", child)
        .expire("OFFER", "reserve stock", "charge", days_30)
        .expire("QUEUE", Since::Waiting("reserve stock"), "reserve stock", days_20)
        .expire("COVER", Since::AllDone(vec!["insure", "book carrier"]), "approve order", days_20)
        .build()
}

pub fn clerk() -> Person {
    Person::new("p-clerk")
}
pub fn approver() -> Person {
    Person::new("p-approver")
}
pub fn operator() -> Person {
    Person::new("p-operator")
}

/// Why the operator repairs.
pub const BECAUSE: &str = "settled by telephone, reference 17";

pub fn repair(step: &str, action: RepairAction) -> Event<Reason> {
    repair_by(operator(), step, action)
}

pub fn repair_by(by: Person, step: &str, action: RepairAction) -> Event<Reason> {
    Event::Repair { step: step.to_owned(), by, action, because: BECAUSE.to_owned() }
}
