//! The saga of a request for relief (DOMAIN.md section 2, S7): the definition first, its steps below in the same order.

use super::Relief;
use crate::{Fact, Reason, Role, origination::Origination};
use contracts::{About, ConsentToRelief, Message, Plain, ProposeRelief, SignedPlan};
use domain::{ApplicationId, Calendar, Date, Moment, Party};
use organisation::Stop;
use saga::{
    Ask, Definition, DefinitionError, Definitions, Event, FactOf, Here, Must, Reaction, RunOf, Since, World, saga,
};
use std::sync::{Arc, LazyLock};

/// Name of the saga.
pub const RELIEF: &str = "relief";
/// The officer looks at the request.
pub const TRIAGE: &str = "triage relief";
/// The bank proposes a plan.
pub const PROPOSE: &str = "propose plan";
/// The guarantor consents to it.
pub const CONSENT: &str = "consent to plan";
/// The borrower signs it.
pub const SIGN: &str = "sign plan";

/// Relief, version 1.
///
/// # Errors
/// The definition breaks a rule of the engine; the error names step and rule. A test keeps this from happening.
pub fn definition() -> Result<Definition<Relieving>, DefinitionError> {
    saga::<Relieving>(RELIEF, 1)
        .only_one_open_per(|r| Ok(r.w.id.to_string()))
        .incidents_to(Role::Operator)
        .retry_all(crate::origination::RETRY)
        .decide(TRIAGE, Role::IntakeOfficer)
        .within(|r| r.w.term(|charter| charter.relief.triage_deadline))
        .no_undo("it changes nothing")
        .ask(PROPOSE, Party::Bank, propose)
        .undo(withdraw_plan)
        .ask(CONSENT, Party::Guarantor, consent)
        .undo(rescind_consent)
        .here("extend reservation", extend_reservation)
        .undo(shorten_reservation)
        .decide(SIGN, Role::Applicant)
        .within(|r| r.w.term(|charter| charter.relief.signature_expiry))
        .no_undo("the plan binds nobody before it is in force")
        .point_of_no_return("switch schedule", Party::Bank, switch)
        .if_unknown(query_switch)
        .close_with(close_switch)
        .owner(Role::FundManager)
        .must("record plan", Party::Guarantor, record_plan)
        .must_here("notify of plan", notify)
        .expire("SIGNATURE", Since::Done("extend reservation"), SIGN, |r| {
            r.w.term(|charter| charter.relief.signature_expiry)
        })
        .build()
}

/// Every version that may still be running.
///
/// # Errors
/// A definition breaks a rule of the engine.
pub fn definitions() -> Result<&'static Definitions<Relieving>, Stop> {
    static DEFINITIONS: LazyLock<Result<Definitions<Relieving>, String>> = LazyLock::new(|| {
        let relief = definition().map_err(|error| error.to_string())?;
        Definitions::new([relief]).map_err(|error| error.to_string())
    });
    DEFINITIONS.as_ref().map_err(|error| Stop::Illegal(error.clone()))
}

/// The name of a request: its application's with its number. The plan's hash covers it.
pub fn name(id: &ApplicationId, no: u32) -> String {
    format!("{id}/R{no}")
}

/// One request for relief inside one decision.
#[derive(Debug)]
pub struct Relieving {
    /// The application inside the same decision.
    pub(crate) w: Origination,
    /// The request's number.
    pub(crate) no: u32,
}

impl Relieving {
    fn relief(&self) -> Result<&Relief, Stop> {
        let found = self.w.application()?.reliefs.iter().find(|relief| relief.no == self.no);
        found.ok_or_else(|| Stop::Illegal(format!("there is no request {}", name(&self.w.id, self.no))))
    }

    fn about(&self, ask: &Ask) -> Result<About, Stop> {
        let charter = self.w.application()?.charter;
        Ok(About { application_id: self.w.id.clone(), charter, key: ask.key.clone() })
    }

    fn say_plain(&mut self, ask: &Ask, message: fn(Plain) -> Message) -> Result<(), Stop> {
        let about = self.about(ask)?;
        self.w.desk.say(message(Plain { about }));
        Ok(())
    }

    fn signed(&self, ask: &Ask) -> Result<SignedPlan, Stop> {
        Ok(SignedPlan { about: self.about(ask)?, plan_hash: self.plan()?.hash.clone() })
    }

    fn plan(&self) -> Result<&contracts::ReliefPlan, Stop> {
        let plan = self.relief()?.plan.as_ref();
        plan.ok_or_else(|| Stop::Illegal(format!("{} has no plan", name(&self.w.id, self.no))))
    }
}

impl World for Relieving {
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
        Ok(name(&self.w.id, self.no))
    }

    fn run(&self) -> Result<&RunOf<Self>, Stop> {
        Ok(&self.relief()?.run)
    }

    fn record(&mut self, fact: FactOf<Self>) -> Result<(), Stop> {
        Ok(self.w.desk.record(Fact::ReliefSaga { id: self.w.id.clone(), no: self.no, fact })?)
    }

    /// The application's own row says whether another request is under way.
    fn lock(&mut self, _: &str) -> Result<bool, Stop> {
        Ok(self.w.application()?.reliefs.iter().all(|relief| relief.no == self.no || relief.has_ended()))
    }

    fn unlock(&mut self, _: &str) -> Result<(), Stop> {
        Ok(())
    }
}

/// Starts the saga of a request that was just recorded.
pub(crate) fn start(w: &mut Origination, no: u32) -> Result<(), Stop> {
    let definition = definitions()?.latest(RELIEF).map_err(|error| Stop::Illegal(error.to_string()))?;
    let reaction = inside(w, no, |r| definition.start(r))?;
    settled(&reaction)
}

/// Feeds one event to the saga of a request.
pub(crate) fn drive(w: &mut Origination, no: u32, event: Event<Reason>) -> Result<(), Stop> {
    let reaction = inside(w, no, |r| {
        let definition = definitions()?.of(r.run()?).map_err(|error| Stop::Illegal(error.to_string()))?;
        definition.on(r, event)
    })?;
    settled(&reaction)
}

fn settled(reaction: &Reaction) -> Result<(), Stop> {
    match reaction {
        Reaction::Refused(refusal) => Err(crate::decide::saga_refused(refusal)),
        Reaction::Moved | Reaction::Nothing(_) => Ok(()),
    }
}

/// Moves the decision into the world of one request, and back, whatever comes of it.
fn inside<T>(w: &mut Origination, no: u32, act: impl FnOnce(&mut Relieving) -> Result<T, Stop>) -> Result<T, Stop> {
    let inner =
        Origination { desk: w.desk.take(), id: w.id.clone(), key: w.key.clone(), charter: Arc::clone(&w.charter) };
    let mut relieving = Relieving { w: inner, no };
    let result = act(&mut relieving);
    w.desk.put_back(relieving.w.desk);
    result
}

fn propose(r: &mut Relieving, ask: &Ask) -> Result<(), Stop> {
    let relief = r.relief()?;
    let (requested_on, reason) = (relief.requested_at.date(), relief.reason.clone());
    let message = ProposeRelief { about: r.about(ask)?, no: r.no, requested_on, reason };
    r.w.desk.say(Message::ProposeRelief(message));
    Ok(())
}

fn withdraw_plan(r: &mut Relieving, ask: &Ask) -> Result<(), Stop> {
    r.say_plain(ask, Message::WithdrawReliefPlan)
}

fn consent(r: &mut Relieving, ask: &Ask) -> Result<(), Stop> {
    let message = ConsentToRelief { about: r.about(ask)?, no: r.no, plan: r.plan()?.clone() };
    r.w.desk.say(Message::ConsentToRelief(message));
    Ok(())
}

fn rescind_consent(r: &mut Relieving, ask: &Ask) -> Result<(), Stop> {
    r.say_plain(ask, Message::RescindConsent)
}

/// The reservation covers the loan until the plan's last day.
fn extend_reservation(r: &mut Relieving) -> Result<Here<Reason>, Stop> {
    let until = r.plan()?.maturity_on;
    covers(r, Some(until))?;
    Ok(Here::Done)
}

/// Back to the day before: that of the plan in force, or of the contract.
fn shorten_reservation(r: &mut Relieving) -> Result<(), Stop> {
    let before = r.w.application()?.reliefs.iter().rev().find(|relief| relief.in_force_on.is_some());
    let until = before.and_then(|relief| relief.plan.as_ref()).map(|plan| plan.maturity_on);
    covers(r, until)
}

fn covers(r: &mut Relieving, until: Option<Date>) -> Result<(), Stop> {
    Ok(r.w.desk.record(Fact::ReservationCovers { id: r.w.id.clone(), until })?)
}

fn switch(r: &mut Relieving, ask: &Ask) -> Result<(), Stop> {
    let message = Message::SwitchSchedule(r.signed(ask)?);
    r.w.desk.say(message);
    Ok(())
}

fn query_switch(r: &mut Relieving, ask: &Ask) -> Result<(), Stop> {
    r.say_plain(ask, Message::QuerySwitch)
}

fn close_switch(r: &mut Relieving, ask: &Ask) -> Result<(), Stop> {
    r.say_plain(ask, Message::CloseSwitch)
}

fn record_plan(r: &mut Relieving, ask: &Ask) -> Result<(), Stop> {
    let message = Message::RecordRelief(r.signed(ask)?);
    r.w.desk.say(message);
    Ok(())
}

/// The applicant finds plan and schedule with the application.
fn notify(_: &mut Relieving) -> Result<Must, Stop> {
    Ok(Must::Done)
}
