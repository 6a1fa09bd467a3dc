//! Programmes drawn at random: several applications, people of every mood, a network and a core-banking system of every
//! kind, crashes and jumps of time. What holds, holds after every input; and once everybody does what is asked, every
//! application comes to an end. A failure prints its programme, as small as it still fails.

use crate::{
    cast::{self, Channel, FAR, Mood, Setup, actor, decide, file, kindly, register, repair, withdraw},
    core_banking::{CoreBanking, Does},
    invariants::{self, Watch, applications, endings},
};
use bank_core::{
    command::{DepositPurpose, RepaymentKind},
    rows::SubsidyList,
};
use domain::{ApplicationId, Moment, Party};
use proptest::prelude::*;
use saga::State;
use simulation::{Act, Crash, Order, Reply, World};
use std::collections::BTreeMap;
use union_core::{command::RepairAction, programme::Control, renewal::RenewalMode, ticket::Category};

/// What is done next. Numbers choose among what is there.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// A firm files, for so many times 10,000 yuan.
    File { firm: u32, amount: i64, channel: Channel },
    /// So many things happen by themselves.
    Turns(u8),
    /// A maker wants one of today's pay-outs reversed.
    Reverse(usize),
    /// A borrower pays: what is owed, a part of it, or the whole loan early.
    Repay(usize, Pays),
    /// Somebody calls the hotline, about one of the applications or about none.
    Call { category: usize, about: usize },
    /// Everybody does what is asked for a week, but pay.
    Work,
    /// A firm asks for another loan after that one.
    Renew(usize, RenewalMode),
    /// A borrower claims back interest, all of it with vouchers or not.
    Claim { loan: usize, complete: bool },
    /// The bank lists what can be listed, by two persons.
    Lists,
    /// A subsidy comes back, or is paid again to another account.
    Subsidy { loan: usize, again: bool },
    /// A borrower asks for relief, or takes that back.
    Relief { loan: usize, back: bool },
    /// Somebody reverses one of a loan's receipts.
    Unpay(usize, u32),
    /// One of two persons decides a task.
    Decide { task: usize, mood: Mood, by: bool },
    /// An applicant withdraws.
    Withdraw(usize),
    /// The union's operator asks again.
    AskAgain(usize),
    /// A parcel comes twice.
    Copy(usize),
    /// A parcel is lost and sent again so many minutes later.
    Lose { parcel: usize, minutes: u16 },
    /// An organisation is killed at its next commit.
    Crash(Party, bool),
    /// Time passes, at most so many hours.
    Pass(u16),
    /// What the core-banking system will do.
    Core(Does),
    /// A firm's member leaves the union, or comes back.
    Member { firm: u32, leaves: bool },
    /// Two persons suspend lending, resume it, or top up the deposit by so many times 10,000 yuan.
    Control(Control),
}

/// How a borrower pays.
#[derive(Clone, Copy, Debug)]
enum Pays {
    /// What is owed today.
    Due,
    /// Every other fen of it, or a fen.
    Part,
    /// All of it, before it is due.
    Early,
    /// 10,000 yuan of the principal, before it is due.
    PartEarly,
}

#[derive(Clone, Debug)]
struct Programme {
    /// Carries two or three of the largest applications, or all.
    rich: bool,
    order: Option<u64>,
    batch: usize,
    ops: Vec<Op>,
    /// What is done once everybody has done what was asked for a week, to whatever was paid out by then.
    later: Vec<Op>,
}

const FIRMS: std::ops::Range<u32> = 1..5;

fn op() -> impl Strategy<Value = Op> {
    let party = prop::sample::select(vec![Party::Union, Party::Guarantor, Party::Bank]);
    let mood = prop::sample::select([&[Mood::Kind; 12][..], &[Mood::Sparing, Mood::Unkind]].concat());
    let does = prop::sample::select(vec![Does::Tells, Does::Mumbles, Does::Breaks, Does::SaysNotPosted]);
    prop_oneof![
        4 => (FIRMS, 5..=50_i64, prop::sample::select(Channel::BOTH.to_vec()))
            .prop_map(|(firm, amount, channel)| Op::File { firm, amount, channel }),
        20 => (1..8_u8).prop_map(Op::Turns),
        40 => (0..20_usize, mood, any::<bool>()).prop_map(|(task, mood, by)| Op::Decide { task, mood, by }),
        2 => (0..8_usize).prop_map(Op::Withdraw),
        2 => (0..4_usize, 0..16_usize).prop_map(|(category, about)| Op::Call { category, about }),
        8 => (0..8_usize).prop_map(Op::Reverse),
        1 => (0..8_usize).prop_map(Op::AskAgain),
        4 => (0..20_usize).prop_map(Op::Copy),
        4 => (0..20_usize, 1..300_u16).prop_map(|(parcel, minutes)| Op::Lose { parcel, minutes }),
        4 => (party, any::<bool>()).prop_map(|(party, before)| Op::Crash(party, before)),
        4 => prop_oneof![8 => 1..30_u16, 1 => 100..900_u16].prop_map(Op::Pass),
        2 => does.prop_map(Op::Core),
        1 => (FIRMS, any::<bool>()).prop_map(|(firm, leaves)| Op::Member { firm, leaves }),
        2 => prop_oneof![
            2 => Just(Control::Suspend),
            4 => Just(Control::Resume),
            1 => (1..10_i64).prop_map(|more| Control::TopUp { amount_fen: cast::amount(more * 1_000_000) }),
        ].prop_map(Op::Control),
    ]
}

/// What happens to loans.
fn later() -> impl Strategy<Value = Op> {
    let pays = prop::sample::select(vec![
        Pays::Due,
        Pays::Due,
        Pays::Part,
        Pays::PartEarly,
        Pays::PartEarly,
        Pays::Early,
        Pays::Early,
    ]);
    prop_oneof![
        8 => (0..8_usize, pays).prop_map(|(loan, pays)| Op::Repay(loan, pays)),
        3 => (0..8_usize, 1..4_u32).prop_map(|(loan, receipt)| Op::Unpay(loan, receipt)),
        3 => (20..2_500_u16).prop_map(Op::Pass),
        8 => (0..8_usize, prop::sample::select(vec![RenewalMode::RepayFirst, RenewalMode::NewRepaysOld])).prop_map(|(loan, mode)| Op::Renew(loan, mode)),
        9 => (0..8_usize, 0..4_u8).prop_map(|(loan, few)| Op::Claim { loan, complete: few > 0 }),
        4 => Just(Op::Lists),
        2 => (0..8_usize, any::<bool>()).prop_map(|(loan, again)| Op::Subsidy { loan, again }),
        1 => (1..100_i64).prop_map(|fen| Op::Control(Control::Appropriate { amount_fen: cast::amount(fen * 100_000) })),
        5 => (0..8_usize, 0..6_u8).prop_map(|(loan, back)| Op::Relief { loan, back: back == 0 }),
        2 => Just(Op::Work),
        4 => op(),
    ]
}

fn programme() -> impl Strategy<Value = Programme> {
    let order = prop_oneof![3 => any::<u64>().prop_map(Some), 1 => Just(None)];
    (any::<bool>(), order, 1..4_usize, prop::collection::vec(op(), 40..240), prop::collection::vec(later(), 0..40))
        .prop_map(|(rich, order, batch, ops, later)| Programme { rich, order, batch, ops, later })
}

struct Play {
    world: World,
    core_banking: CoreBanking,
    watch: Watch,
}

/// Turns after which something goes round in circles.
const TOO_MANY: usize = 5_000;

impl Play {
    fn new(programme: &Programme) -> Self {
        let deposit_fen = if programme.rich { 900_000_000 } else { 25_000_000 };
        let mut world = cast::world(Setup { deposit_fen, ..Setup::default() });
        cast::loans_live(&mut world);
        // Without a seed the newest comes first, which no channel would do.
        world.order = programme.order.map_or(Order::NewestFirst, Order::Shuffled);
        world.batch = programme.batch;
        Play { world, core_banking: CoreBanking::default(), watch: Watch::default() }
    }

    /// Lets the next thing happen until then; nobody acts but the core-banking system.
    fn turn(&mut self, until: domain::Moment) -> Result<bool, String> {
        let Play { world, core_banking, watch } = self;
        let turned = world.turn(until, &mut |world| core_banking.act(world)).map_err(|defect| defect.to_string())?;
        watch.hold(world)?;
        Ok(turned)
    }

    fn act(&mut self, act: Act) -> Result<(), String> {
        self.world.act(act).map_err(|defect| defect.to_string())?;
        self.watch.hold(&self.world)
    }

    fn nth(&self, n: usize) -> Option<ApplicationId> {
        let ids: Vec<_> = applications(&self.world).map(|application| application.id.clone()).collect();
        (!ids.is_empty()).then(|| ids[n % ids.len()].clone())
    }

    fn paid_out_today(&self, n: usize) -> Option<ApplicationId> {
        let today = self.world.now().date();
        let is_todays = |id: &ApplicationId| {
            let paid_out = cast::credit(&self.world, id).and_then(|case| case.paid_out.as_ref());
            paid_out.is_some_and(|paid_out| paid_out.receipt.value_date == today)
        };
        let ids: Vec<_> = applications(&self.world).map(|one| one.id.clone()).filter(is_todays).collect();
        (!ids.is_empty()).then(|| ids[n % ids.len()].clone())
    }

    fn nth_loan(&self, n: usize) -> Option<ApplicationId> {
        let ids: Vec<_> = cast::loans(&self.world).map(|loan| loan.application_id.clone()).collect();
        (!ids.is_empty()).then(|| ids[n % ids.len()].clone())
    }

    fn op(&mut self, op: Op) -> Result<(), String> {
        let parcels = self.world.parcels.len();
        match op {
            Op::File { firm, amount, channel } => self.act(file(firm, amount * 1_000_000, channel)),
            Op::Turns(turns) => {
                for _ in 0..turns {
                    self.turn(self.world.now())?;
                }
                Ok(())
            }
            Op::Decide { task, mood, by } => {
                let tasks: Vec<_> = self.world.tasks().collect();
                let Some((party, task)) = tasks.get(task % tasks.len().max(1)) else { return Ok(()) };
                let act = decide(&self.world, *party, task, if by { "ann" } else { "bob" }, mood);
                self.act(act)
            }
            Op::Reverse(n) => self.paid_out_today(n).map_or(Ok(()), |application_id| {
                let command = bank_core::Command::PrepareReversal { application_id, because: "重复放款".into() };
                self.act(Act::command(Party::Bank, actor("ann", "payment_maker"), &command))
            }),
            Op::Repay(n, pays) => {
                let living: Vec<_> = cast::loans(&self.world).filter(|loan| loan.state.is_living()).collect();
                let Some(loan) = living.get(n % living.len().max(1)) else { return Ok(()) };
                let owed = cast::owed(&self.world, loan);
                let act = match pays {
                    Pays::Due => cast::pay(&self.world, loan, owed.max(1), RepaymentKind::Scheduled),
                    Pays::Part => cast::pay(&self.world, loan, (owed / 2).max(1), RepaymentKind::Scheduled),
                    Pays::Early => cast::pay(&self.world, loan, cast::whole(&self.world, loan), RepaymentKind::Early),
                    Pays::PartEarly => {
                        let kind = RepaymentKind::Part { principal_fen: cast::amount(1_000_000) };
                        cast::pay(&self.world, loan, cast::part(&self.world, loan, 1_000_000), kind)
                    }
                };
                self.act(act)
            }
            Op::Call { category, about } => {
                let about = (about < 8).then(|| self.nth(about)).flatten();
                self.act(cast::call(Category::ALL[category], about))
            }
            Op::Work => self.work(self.world.now().plus_hours(7 * 24), false),
            Op::Renew(n, mode) => self.renew(n, mode),
            Op::Claim { loan, complete } => {
                let Some(id) = self.nth_loan(loan) else { return Ok(()) };
                let act = cast::claim(&self.world, &id, (!complete).then_some(&[1]));
                self.act(act)
            }
            Op::Lists => {
                let open = |list: &&SubsidyList| list.released.is_none();
                let periods: Vec<_> = cast::lists(&self.world).filter(open).map(|list| list.period).collect();
                for period in periods {
                    self.act(cast::list(&period.to_string(), false))?;
                    self.act(cast::list(&period.to_string(), true))?;
                }
                Ok(())
            }
            Op::Subsidy { loan, again } => {
                let Some(application_id) = self.nth_loan(loan) else { return Ok(()) };
                if again {
                    let command = union_core::Command::PaySubsidyAgain { application_id, account: "token".into() };
                    return self.act(Act::command(Party::Union, actor("applicant", "applicant"), &command));
                }
                let paid = cast::credit(&self.world, &application_id).and_then(|case| case.subsidies.last());
                let Some(period) = paid.map(|paid| paid.period) else { return Ok(()) };
                let because = "账户已销户".into();
                let command = bank_core::Command::ReturnSubsidy { application_id, period, because };
                self.act(Act::command(Party::Bank, actor("olga", "operations"), &command))
            }
            Op::Relief { loan, back } => {
                let living: Vec<_> = cast::loans(&self.world).filter(|loan| loan.state.is_living()).collect();
                let Some(loan) = living.get(loan % living.len().max(1)) else { return Ok(()) };
                let application_id = loan.application_id.clone();
                let act = if back {
                    let command = union_core::Command::WithdrawRelief { application_id };
                    Act::command(Party::Union, actor("applicant", "applicant"), &command)
                } else {
                    cast::ask_for_relief(&application_id)
                };
                self.act(act)
            }
            Op::Unpay(n, receipt) => {
                let living: Vec<_> = cast::loans(&self.world).filter(|loan| loan.state.is_living()).collect();
                let Some(loan) = living.get(n % living.len().max(1)) else { return Ok(()) };
                let (application_id, because) = (loan.application_id.clone(), "记错账户".into());
                let command = bank_core::Command::ReverseRepayment { application_id, receipt, because };
                self.act(Act::command(Party::Bank, actor("olga", "operations"), &command))
            }
            Op::Withdraw(n) => self.nth(n).map_or(Ok(()), |id| self.act(withdraw(&id))),
            Op::AskAgain(n) => {
                let Some(id) = self.nth(n) else { return Ok(()) };
                let steps = &cast::application(&self.world, &id).run.steps;
                let asked = steps.iter().find(|(_, step)| step.state.call().is_some()).map(|(name, _)| name.clone());
                asked.map_or(Ok(()), |step| self.act(repair(&id, &step, RepairAction::RetryAsk)))
            }
            Op::Copy(n) if parcels > 0 => {
                let copy = self.world.parcels[n % parcels].clone();
                self.world.parcels.insert(n % parcels, copy);
                Ok(())
            }
            Op::Lose { parcel, minutes } if parcels > 0 => {
                let again = self.world.now().plus_minutes(minutes.into());
                self.world.parcels[parcel % parcels].arrives_at = Some(again);
                Ok(())
            }
            Op::Copy(_) | Op::Lose { .. } => Ok(()),
            Op::Crash(party, before) => {
                self.world.crash(party, if before { Crash::BeforeCommit } else { Crash::AfterCommit });
                Ok(())
            }
            Op::Pass(hours) => {
                let until = self.world.now().plus_hours(hours.into());
                let mut turns = 0;
                while self.turn(until)? {
                    turns += 1;
                    ensure(turns < TOO_MANY, "time does not pass")?;
                }
                self.world.pass_to(until);
                Ok(())
            }
            Op::Core(does) => {
                self.core_banking.script.push_back(does);
                Ok(())
            }
            Op::Member { firm, leaves } => {
                let yesterday = self.world.now().plus_hours(-24).date();
                self.act(register(firm, leaves.then_some(yesterday)))
            }
            Op::Control(control) => self.control(control),
        }
    }

    /// Two persons want it; and what the union pays in comes to the bank. Whoever is killed meanwhile is asked again, as far as it
    /// has not happened.
    fn control(&mut self, control: Control) -> Result<(), String> {
        let decided = |world: &World| invariants::programme(world).decided.len();
        let before = decided(&self.world);
        for (person, role) in [("wang", "fund_manager"), ("he", "approver")] {
            let command = union_core::Command::Control { control, because: "工会决定".into() };
            self.until_answered(Party::Union, person, role, &command, |world| {
                decided(world) > before || (role == "fund_manager" && invariants::programme(world).proposal.is_some())
            })?;
        }
        let paid_in = match control {
            Control::TopUp { amount_fen } => Some((amount_fen, "B2012", DepositPurpose::Guarantee)),
            Control::Appropriate { amount_fen } => Some((amount_fen, "B2013", DepositPurpose::Subsidy)),
            Control::Suspend | Control::Resume => None,
        };
        if let Some((amount_fen, account, purpose)) = paid_in
            && decided(&self.world) > before
        {
            let balance = |world: &World| invariants::balance::<bank_core::Bank>(world, account);
            let before = balance(&self.world);
            let reference = format!("{account}-{}", invariants::programme(&self.world).proposals);
            let command = bank_core::Command::ReceiveDeposit { reference, amount_fen, purpose };
            self.until_answered(Party::Bank, "operations", "operations", &command, |world| balance(world) > before)?;
        }
        self.watch.hold(&self.world)
    }

    fn until_answered(
        &mut self,
        to: Party,
        person: &str,
        role: &str,
        command: &impl serde::Serialize,
        done: impl Fn(&World) -> bool,
    ) -> Result<(), String> {
        for _ in 0..3 {
            let Act::Command { to, actor, command } = Act::command(to, actor(person, role), command) else { break };
            let reply = self.world.command(to, actor, command).map_err(|defect| defect.to_string())?;
            if done(&self.world) || !matches!(reply, Reply::Nothing) {
                return Ok(());
            }
        }
        Err(format!("the {to} does not answer"))
    }

    /// Most of them while they may, some when they may not. Half a month before a loan's last day there is time for all that a new one
    /// takes which is to repay it.
    fn renew(&mut self, n: usize, mode: RenewalMode) -> Result<(), String> {
        let rolls = mode == RenewalMode::NewRepaysOld;
        let soon = self.world.now().plus_hours(24 * 59).date();
        let ends = |loan: &&bank_core::rows::Loan| {
            let matures = loan.receipt.as_ref().is_some_and(|receipt| receipt.maturity_on <= soon);
            loan.life.is_some() && (n == 0 || rolls || !loan.state.is_living() || matures)
        };
        let drawn: Vec<_> = cast::loans(&self.world).filter(ends).collect();
        let Some(loan) = drawn.get(n % drawn.len().max(1)) else { return Ok(()) };
        let id = loan.application_id.clone();
        let last_day =
            loan.life.as_ref().filter(|_| rolls && loan.state.is_living()).and_then(|life| life.loan.maturity());
        if let Some(last_day) = last_day {
            self.work(Moment::start_of(last_day).plus_hours(-24 * 15), true)?;
        }
        let act = cast::renew(&self.world, &id, mode);
        self.act(act)?;
        if let Some(last_day) = last_day.filter(|_| n % 2 == 1) {
            self.work(Moment::end_of(last_day), false)?;
        }
        Ok(())
    }

    /// Everybody does what is asked until then; borrowers pay, or do not.
    fn work(&mut self, until: Moment, they_pay: bool) -> Result<(), String> {
        for turns in 0.. {
            ensure(turns < TOO_MANY, "it never comes to rest")?;
            let Play { world, core_banking, watch } = self;
            let mut outside = |world: &World| {
                let pays = || they_pay.then(|| cast::borrowers_pay(world)).flatten();
                core_banking.act(world).or_else(|| kindly(world, |_| false)).or_else(pays)
            };
            let turned = world.turn(until, &mut outside).map_err(|defect| defect.to_string())?;
            watch.hold(world)?;
            if !turned {
                break;
            }
        }
        Ok(())
    }

    /// From here on everybody does what is asked; operators see to what is still stuck when nothing more happens.
    fn finish(&mut self) -> Result<(), String> {
        self.core_banking.script.clear();
        if invariants::programme(&self.world).suspended {
            self.control(Control::Resume)?;
        }
        // There is money for what is listed.
        self.control(Control::Appropriate { amount_fen: cast::amount(10_000_000) })?;
        let mut listed = false;
        for turns in 0.. {
            ensure(turns < TOO_MANY, "it never comes to rest")?;
            let Play { world, core_banking, watch } = self;
            let mut outside = |world: &World| {
                core_banking.act(world).or_else(|| kindly(world, |_| false)).or_else(|| cast::borrowers_pay(world))
            };
            let turned = world.turn(FAR, &mut outside).map_err(|defect| defect.to_string())?;
            watch.hold(world)?;
            if !turned {
                match see_to_incidents(world) {
                    Some(act) => self.act(act)?,
                    // All quarters are over by now.
                    None if !listed => {
                        self.op(Op::Lists)?;
                        listed = true;
                    }
                    None => break,
                }
            }
        }
        invariants::hold_at_rest(&self.world)
    }
}

/// Operators try again what is stuck and close what they have looked at.
fn see_to_incidents(world: &World) -> Option<Act> {
    let (party, incident) = world.incidents().next()?;
    let id = &incident.application_id;
    let number = incident.incident_id.rsplit('/').next().unwrap().parse().unwrap();
    let because = "已核对".to_owned();
    Some(match party {
        Party::Union => match state_of(world, id, &incident.step) {
            Some(State::UndoFailed { .. } | State::Undoing { .. }) => {
                repair(id, &incident.step, RepairAction::RetryUndo)
            }
            _ => repair(id, &incident.step, RepairAction::RetryAsk),
        },
        Party::Guarantor => {
            let application_id = id.clone();
            let command = guarantor_core::Command::ResolveIncident { application_id, number, because };
            Act::command(party, actor("operator", "operator"), &command)
        }
        Party::Bank => {
            let command = bank_core::Command::ResolveIncident { application_id: id.clone(), number, because };
            Act::command(party, actor("operator", "operator"), &command)
        }
    })
}

/// Where a step of an application is, of its origination or of its last request for relief that came so far.
fn state_of<'w>(
    world: &'w World,
    id: &ApplicationId,
    step: &str,
) -> Option<&'w State<union_core::Role, union_core::Reason>> {
    let application = cast::application(world, id);
    let reliefs = application.reliefs.iter().rev().map(|relief| &relief.run);
    [&application.run].into_iter().chain(reliefs).find_map(|run| run.state(step))
}

fn ensure(holds: bool, why: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why.to_owned()) }
}

fn live(programme: &Programme) -> Result<World, String> {
    let mut play = Play::new(programme);
    for (n, op) in programme.ops.iter().enumerate() {
        play.op(*op).map_err(|why| format!("at {n} {op:?}: {why}"))?;
    }
    play.work(play.world.now().plus_hours(7 * 24), false).map_err(|why| format!("in the week: {why}"))?;
    for (n, op) in programme.later.iter().enumerate() {
        play.op(*op).map_err(|why| format!("later, at {n} {op:?}: {why}"))?;
    }
    play.finish().map_err(|why| format!("at the end: {why}"))?;
    Ok(play.world)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn no_programme_breaks_what_holds_or_comes_to_no_end(programme in programme()) {
        if let Err(why) = live(&programme) {
            return Err(TestCaseError::fail(why));
        }
    }
}

#[test]
fn random_programmes_come_to_every_end() {
    // A generator that never reaches a pay-out would prove nothing: this one must, and everything else too.
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    let mut loans: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut reversed, mut unpaid, mut renewed, mut rolled) = (0, 0, 0, 0);
    let (mut reliefs, mut claims): (BTreeMap<&str, usize>, BTreeMap<&str, usize>) = Default::default();
    let mut tickets: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..60 {
        let programme = programme().new_tree(&mut runner).unwrap().current();
        let world = live(&programme).unwrap_or_else(|why| panic!("{why}\n{programme:#?}"));
        let states = cast::loans(&world).map(|loan| loan.state);
        for state in states {
            *loans.entry(state.code()).or_default() += 1;
        }
        renewed += applications(&world).filter(|one| one.renewal.is_some() && one.receipt.is_some()).count();
        rolled += cast::loans(&world)
            .filter_map(|loan| cast::credit(&world, &loan.application_id)?.paid_out.as_ref())
            .filter(|paid_out| paid_out.rolls.is_some())
            .count();
        unpaid +=
            applications(&world).flat_map(|one| &one.life.receipts).filter(|one| one.reversed_on.is_some()).count();
        for relief in applications(&world).flat_map(|one| &one.reliefs) {
            *reliefs.entry(relief.state().code()).or_default() += 1;
        }
        for claim in applications(&world).flat_map(|one| &one.claims) {
            *claims.entry(claim.state().code()).or_default() += 1;
        }
        for ticket in invariants::tickets(&world) {
            *tickets.entry(ticket.state.code()).or_default() += 1;
        }
        reversed += applications(&world).filter(|one| one.reversed_on.is_some()).count();
        for (end, times) in endings(&world) {
            *ends.entry(end).or_default() += times;
        }
    }
    let often = |end: &str, times| ends.get(end).is_some_and(|found| *found >= times);
    assert!(often("completed", 20) && often("refused", 5) && often("withdrawn", 5) && often("expired", 2), "{ends:?}");
    assert!(tickets.keys().all(|state| ["CLOSED", "ANSWERED_AT_ONCE"].contains(state)), "{tickets:?}");
    assert!(tickets["CLOSED"] >= 10 && tickets.len() == 2, "{tickets:?}");
    assert!(reversed >= 3, "{reversed} pay-outs were reversed, {loans:?}, {unpaid}");
    assert!(loans["SETTLED"] >= 10 && loans["PREPAID"] >= 3, "{loans:?}");
    assert!(renewed >= 1, "no renewal was paid out");
    assert!(rolled >= 1, "none repaid its old loan");
    assert!(unpaid >= 3, "{unpaid} receipts were reversed");
    let relieved = |state: &str| reliefs.get(state).copied().unwrap_or_default();
    assert!(relieved("KEPT") >= 1 && relieved("REFUSED") >= 1, "{reliefs:?}");
    assert!(claims.contains_key("PAID") && claims.contains_key("REJECTED"), "{claims:?}");
}
