//! Plays one application to its end with one fault of the matrix: everybody does what is asked, but for that.
//!
//! A refusal that no person can give (a partner that does not take an ask up, or cannot undo) is given in the partner's
//! name, and the partner hears of nothing: the first time only.

use crate::{
    cast::{self, Channel, FAR, Setup, application, filed, kindly, repair, step_of},
    core_banking::{CoreBanking, Does},
    invariants::Watch,
};
use contracts::{AskRefusal, AskRefused, DisbursementReport, Message, UndoAnswered};
use domain::{ApplicationId, Moment, Party};
use organisation::OpenTask;
use saga::{
    Class, State, Who,
    testing::{Fault, Scenario},
};
use simulation::{Act, Order, Parcel, World};
use union_core::command::RepairAction;

pub struct Play {
    pub world: World,
    pub id: ApplicationId,
    cast: Cast,
    watch: Watch,
}

/// Who makes the fault happen.
struct Cast {
    id: ApplicationId,
    row: Scenario,
    /// The class of the row's step.
    class: Class,
    /// The network delivers the newest first, and what is held comes after the end.
    reversed: bool,
    core_banking: CoreBanking,
    /// The fault has happened.
    happened: bool,
    /// The operator has asked again.
    asked_again: bool,
    /// When the union's word on membership is too old, since the pay-out was asked for.
    stale_at: Option<Moment>,
    /// The applicant has withdrawn, or tried to.
    withdrew: bool,
    /// The step that is refused in this row was.
    said_no: bool,
    /// Number of the last parcel that was looked at.
    seen: u64,
}

/// The steps that a partner's person cannot refuse.
const NOT_TAKEN_UP: [&str; 4] = ["sign contracts", "issue letter", "sign loan contract", "make letter effective"];
/// Working days after which the bank does not take the union's word on membership any more.
const STALE_AFTER_DAYS: i64 = 9;

impl Play {
    /// `empty` makes the world that it is played in.
    pub fn new(row: &Scenario, class: Class, reversed: bool, channel: Channel, empty: &dyn Fn(Setup) -> World) -> Self {
        // Too small a deposit: the fund never says no, it lets wait.
        let starved = row.step == "reserve fund" && row.fault == Fault::Refused;
        let setup = Setup { deposit_fen: if starved { 5_000_000 } else { 900_000_000 }, ..Setup::default() };
        let mut world = cast::opened(setup, empty(setup));
        world.order = if reversed { Order::NewestFirst } else { Order::AsSent };
        let mut core_banking = CoreBanking::default();
        if row.step == "disburse" {
            core_banking.script.extend(match row.fault {
                Fault::Refused => Some(Does::SaysNotPosted),
                Fault::Unknown => Some(Does::Mumbles),
                _ => None,
            });
        }
        let id = filed(&mut world, 1, cast::ASKED_FEN, channel);
        let cast = Cast {
            id: id.clone(),
            row: row.clone(),
            class,
            reversed,
            core_banking,
            happened: false,
            asked_again: false,
            stale_at: None,
            withdrew: false,
            said_no: false,
            seen: 0,
        };
        Play { world, id, cast, watch: Watch::default() }
    }

    /// Plays until nothing more happens: it is over, or waits for a repair.
    pub fn play(&mut self) -> Result<(), String> {
        let Play { world, cast, watch, .. } = self;
        loop {
            cast.tamper(world);
            watch.hold(world)?;
            if let Some(act) = cast.between_turns(world) {
                world.act(act).map_err(|defect| defect.to_string())?;
                continue;
            }
            let turned = world.turn(FAR, &mut |world| cast.act(world)).map_err(|defect| defect.to_string())?;
            if !turned && !release(world) {
                return Ok(());
            }
        }
    }

    /// Whether the fault was made to happen.
    pub fn has_played(&self) -> bool {
        self.cast.has_played(&self.world)
    }

    /// The operator tries again whatever is stuck.
    pub fn repair(&mut self) {
        let run = &application(&self.world, &self.id).run;
        let stuck = run.steps.iter().filter_map(|(step, run)| match run.state {
            State::UndoFailed { .. } => Some((step, RepairAction::RetryUndo)),
            State::Stuck { .. } => Some((step, RepairAction::RetryAsk)),
            _ => None,
        });
        let acts: Vec<Act> = stuck.map(|(step, action)| repair(&self.id, step, action)).collect();
        assert!(!acts.is_empty(), "nothing is stuck");
        for act in acts {
            self.world.act(act).unwrap();
        }
    }
}

/// What was held comes at last.
fn release(world: &mut World) -> bool {
    let now = world.now();
    let held = world.parcels.iter_mut().filter(|parcel| parcel.arrives_at.is_none());
    held.map(|parcel| parcel.arrives_at = Some(now)).count() > 0
}

/// What a message is to the step under whose key it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Ask,
    Answer,
    Undo,
    Undone,
    /// Questions about a key, and what guarantor and bank say to each other.
    Else,
}

fn part(message: &Message) -> Part {
    use Message as M;
    match message {
        M::WithdrawOpinion(_)
        | M::CancelApproval(_)
        | M::TerminateContracts(_)
        | M::RevokeLetter(_)
        | M::TerminateLoanContract(_) => Part::Undo,
        M::OpinionWithdrawn(_)
        | M::ApprovalCancelled(_)
        | M::ContractsTerminated(_)
        | M::LetterRevoked(_)
        | M::LoanContractTerminated(_) => Part::Undone,
        M::QueryDisbursement(_) | M::CloseDisbursement(_) => Part::Else,
        _ => match message.kind().route() {
            (Party::Union, _) => Part::Ask,
            (_, Party::Union) => Part::Answer,
            _ => Part::Else,
        },
    }
}

/// The partner's no to an ask or to an undo.
fn no(message: &Message) -> Option<Message> {
    use Message as M;
    let about = message.about()?.clone();
    let undo = UndoAnswered { about: about.clone(), refused: Some("系统维护".into()) };
    let ask = AskRefused { about, why: AskRefusal::OutOfOrder };
    Some(match message {
        M::WithdrawOpinion(_) => M::OpinionWithdrawn(undo),
        M::CancelApproval(_) => M::ApprovalCancelled(undo),
        M::TerminateContracts(_) => M::ContractsTerminated(undo),
        M::RevokeLetter(_) => M::LetterRevoked(undo),
        M::TerminateLoanContract(_) => M::LoanContractTerminated(undo),
        M::SignContracts(_) | M::IssueLetter(_) | M::ActivateLetter(_) => M::GuarantorRefused(ask),
        M::SignLoanContract(_) => M::BankRefused(ask),
        _ => return None,
    })
}

fn reports_unknown(message: &Message) -> bool {
    matches!(message, Message::DisbursementReported(said) if said.report == DisbursementReport::Unknown)
}

impl Cast {
    /// Whether the row was played; where the ending does not tell, it has to be asked.
    fn has_played(&self, world: &World) -> bool {
        match self.row.fault {
            Fault::Refused | Fault::UndoFailed | Fault::ExpiredThere => true,
            Fault::Blocked if !self.asked_again => false,
            Fault::NotDone | Fault::Blocked => {
                application(world, &self.id).run.step(self.row.step).is_some_and(|step| step.attempt == 2)
            }
            Fault::AnswerLost => self.happened && self.asked_again,
            Fault::AnswerDoubled => self.happened,
            Fault::AnswerLate => self.happened && (self.withdrew || self.class == Class::Retriable),
            Fault::Unknown => self.happened || self.asked_again,
            Fault::CancelledThere => self.withdrew,
        }
    }

    /// How often the row's step was asked under its key.
    fn sendings(&self, world: &World) -> u32 {
        self.state(world, self.row.step).and_then(State::call).map_or(0, |call| call.sendings)
    }

    fn is(&self, fault: Fault) -> bool {
        self.row.fault == fault
    }

    /// The step that is refused in this row.
    fn refused(&self) -> Option<&'static str> {
        match self.row.fault {
            Fault::Refused => Some(self.row.step),
            Fault::UndoFailed => self.row.with.first().copied(),
            _ => None,
        }
    }

    fn state<'w>(&self, world: &'w World, step: &str) -> Option<&'w State<union_core::Role, union_core::Reason>> {
        application(world, &self.id).run.state(step)
    }

    /// Does to what was just sent what the row says.
    fn tamper(&mut self, world: &mut World) {
        let new: Vec<u64> = world.parcels.iter().map(|parcel| parcel.no).filter(|no| *no > self.seen).collect();
        self.seen = world.parcels_so_far();
        for no in new {
            self.tamper_with(world, no);
        }
        // Over the orderly network late means: after the withdrawal and before that is answered; after the point of no
        // return: after it was asked again. Over the reversed one, after the end.
        let turned_back = self.withdrew || self.sendings(world) > 1;
        let late = self.is(Fault::AnswerLate) && turned_back && !self.reversed;
        let found_out = self.is(Fault::Unknown) && self.asked_again;
        if late || found_out {
            release(world);
        }
    }

    fn tamper_with(&mut self, world: &mut World, no: u64) {
        let place = world.parcels.iter().position(|parcel| parcel.no == no).unwrap();
        let parcel = world.parcels[place].clone();
        let step = application(world, &self.id)
            .run
            .steps
            .iter()
            .find_map(|(name, step)| (step.key == Some(parcel.message.key())).then_some(name.clone()));
        let part = part(&parcel.message);
        let here = step.as_deref() == Some(self.row.step);
        let hold = |parcel: &mut Parcel| parcel.arrives_at = None;
        match self.row.fault {
            Fault::Refused | Fault::UndoFailed
                if part == Part::Ask
                    && !self.said_no
                    && step.as_deref() == self.refused()
                    && step.as_deref().is_some_and(|step| NOT_TAKEN_UP.contains(&step)) =>
            {
                self.said_no = true;
                self.say_no(world, place);
            }
            Fault::UndoFailed if here && part == Part::Undo && !self.happened => {
                self.happened = true;
                self.say_no(world, place);
            }
            Fault::AnswerLost if here && part == Part::Answer && !self.happened => {
                self.happened = true;
                world.parcels.remove(place);
            }
            // The order names another amount than the letter: the bank pays nothing, and another order would not help.
            Fault::Blocked if here && part == Part::Ask && !self.happened => {
                self.happened = true;
                let Message::Disburse(mut order) = world.parcels.remove(place).message else { panic!("no pay-out") };
                order.amount_fen = domain::Amount::new(domain::Fen::new(10_000)).unwrap();
                world.send(Message::Disburse(order)).unwrap();
                self.seen = world.parcels_so_far();
            }
            Fault::AnswerDoubled if here && part == Part::Answer => {
                self.happened = true;
                world.parcels.insert(place, parcel);
            }
            Fault::AnswerLate if here && part == Part::Answer && !self.happened => {
                self.happened = true;
                hold(&mut world.parcels[place]);
            }
            Fault::ExpiredThere if here && part == Part::Ask && self.reversed => hold(&mut world.parcels[place]),
            // The guarantor does not know whether the loan is paid out before the bank has said so.
            Fault::Unknown if self.row.step == "make letter effective" && !self.asked_again => {
                if let Message::LoanDisbursed(_) = parcel.message {
                    hold(&mut world.parcels[place]);
                }
            }
            Fault::Unknown => self.happened |= reports_unknown(&parcel.message),
            _ => {}
        }
    }

    fn say_no(&mut self, world: &mut World, place: usize) {
        let parcel = world.parcels.remove(place);
        let answer = no(&parcel.message).unwrap_or_else(|| panic!("who says no to {:?}?", parcel.message));
        world.send(answer).unwrap();
        self.seen = world.parcels_so_far();
    }

    /// What happens whatever else is under way: the withdrawal.
    fn between_turns(&mut self, world: &World) -> Option<Act> {
        let now = match self.row.fault {
            Fault::CancelledThere => {
                let open = self.state(world, self.row.step).is_some_and(|state| !matches!(state, State::Done));
                let asking = world.parcels.iter().any(|parcel| part(&parcel.message) == Part::Ask);
                // Over the reversed network the undo overtakes its original.
                open && (self.reversed || !asking)
            }
            Fault::AnswerLate => self.class != Class::Retriable && self.happened,
            _ => false,
        };
        if !now || self.withdrew {
            return None;
        }
        self.withdrew = true;
        Some(cast::withdraw(&self.id))
    }

    /// What somebody does when all messages and timers of the instant have been seen to.
    fn act(&mut self, world: &World) -> Option<Act> {
        if let Some(act) = self.core_banking.act(world) {
            return Some(act);
        }
        if self.must_ask_again(world) {
            self.asked_again = true;
            return Some(repair(&self.id, self.row.step, RepairAction::RetryAsk));
        }
        if self.refused() == Some("confirm membership")
            && !self.said_no
            && self.state(world, "sign loan contract").is_some()
        {
            self.said_no = true;
            return Some(cast::register(1, Some(world.now().plus_hours(-24).date())));
        }
        if let Some((party, task)) = world.tasks().find(|(_, task)| self.refuses(task)) {
            return Some(cast::decide(world, party, task, &task.role, cast::Mood::Unkind));
        }
        if self.is(Fault::NotDone) && world.tasks().any(|(_, task)| step_of(task) == "disburse") {
            self.happened = true;
            // Whatever else falls due meanwhile, nobody acts before that.
            let stale_at = *self.stale_at.get_or_insert(world.now().plus_hours(24 * STALE_AFTER_DAYS));
            if world.now() < stale_at {
                return Some(Act::Wait(stale_at));
            }
        }
        kindly(world, |task| self.leaves(world, task))
    }

    /// The operator asks again when an answer was lost, or when a partner is silent because it does not know.
    fn must_ask_again(&self, world: &World) -> bool {
        // Who was called sees to it before the letter's last day ends the wait.
        let run = &application(world, &self.id).run;
        let called = |who: Who<union_core::Role>| who == Who::Repairer(union_core::Role::FundManager);
        if self.is(Fault::Blocked) {
            return !self.asked_again && run.waiting_for().iter().any(|w| w.step == self.row.step && called(w.who));
        }
        let silent = self.is(Fault::Unknown) && self.row.step != "disburse";
        let asked = matches!(self.state(world, self.row.step), Some(State::Asked { .. }));
        !self.asked_again && asked && ((self.is(Fault::AnswerLost) && self.happened) || silent)
    }

    fn refuses(&self, task: &OpenTask) -> bool {
        self.refused() == Some(step_of(task))
            && ["check eligibility", "assess guarantee", "approve credit"].contains(&step_of(task))
    }

    /// Nobody decides where an expiry is to pass, or before the operator has asked again.
    fn leaves(&self, world: &World, task: &OpenTask) -> bool {
        let here = step_of(task) == self.row.step;
        // Expiries run while the step is open, and none once one of them has ended the run.
        let running = !application(world, &self.id).run.expiries.is_empty();
        let waits_for_expiry = self.is(Fault::ExpiredThere) && running;
        let does_not_know = self.is(Fault::Unknown) && self.row.step != "disburse" && !self.asked_again;
        here && (waits_for_expiry || does_not_know)
    }
}
