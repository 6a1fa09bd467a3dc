//! Three years of a programme of two hundred firms: they file, draw, pay or do not, renew, ask for relief, claim subsidies, call the
//! hotline; officers of every mood decide. What holds, holds after every input, and at the end everything has come to its end.

use crate::{
    cast::{self, Channel, FAR, Mood, Setup, actor, decide, file, kindly},
    core_banking::CoreBanking,
    firms::{form, member, unit},
    invariants::{self, Watch, applications},
};
use bank_core::command::RepaymentKind;
use domain::{ApplicationId, Date, Moment, Party};
use simulation::{Act, World};
use std::collections::BTreeMap;
use union_core::{command::MemberEntry, programme::Control, renewal::RenewalMode, ticket::Category};

/// Numbers that look drawn at random, the same in every run of a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, sides: u64) -> u64 {
        self.throw() % sides
    }

    /// So many times of a hundred.
    fn is(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        let sides = u64::try_from(of.len()).ok().filter(|sides| *sides > 0)?;
        of.get(usize::try_from(self.below(sides)).ok()?).cloned()
    }
}

struct Years {
    world: World,
    core_banking: CoreBanking,
    watch: Watch,
    dice: Dice,
    firms: u32,
    /// The firm of each application.
    of: BTreeMap<ApplicationId, u32>,
    inputs: usize,
}

impl Years {
    fn new(seed: u64, firms: u32) -> Self {
        let mut world = cast::world(Setup::default());
        cast::loans_live(&mut world);
        let from = cast::first_morning().date();
        let members = (10..=firms).map(|n| MemberEntry { member: member(n), union_org: Some(unit(n)), from, to: None });
        let members = members.collect();
        world.act(cast::by_operator(Party::Union, &union_core::Command::LoadMembers { members })).unwrap();
        let (core_banking, watch, dice) = (CoreBanking::default(), Watch::default(), Dice(seed));
        Years { world, core_banking, watch, dice, firms, of: BTreeMap::new(), inputs: 0 }
    }

    fn act(&mut self, act: Act) {
        self.world.act(act).unwrap();
        self.holds();
    }

    fn holds(&mut self) {
        self.inputs += 1;
        if let Err(why) = self.watch.hold(&self.world) {
            panic!("after {} inputs, on {}: {why}", self.inputs, self.world.now());
        }
    }

    /// Who filed what, by the firms' codes.
    fn remember(&mut self) {
        let new: Vec<_> = applications(&self.world).filter(|one| !self.of.contains_key(&one.id)).collect();
        let firm = |uscc: &domain::Uscc| (1..=self.firms).find(|n| form(*n, 1, 0).firm.uscc == *uscc);
        let new: Vec<_> = new.into_iter().filter_map(|one| Some((one.id.clone(), firm(&one.firm.uscc)?))).collect();
        self.of.extend(new);
    }

    /// What comes from outside in a week.
    fn outside(&mut self) {
        for _ in 0..self.dice.below(4) {
            let firm = 1 + u32::try_from(self.dice.below(self.firms.into())).unwrap();
            let amount = 5_000_000 + i64::try_from(self.dice.below(46)).unwrap() * 1_000_000;
            let channel = if self.dice.is(20) { Channel::Green } else { Channel::Standard };
            self.act(file(firm, amount, channel));
        }
        self.remember();
        let today = self.world.now().date();
        let soon = Moment::start_of(today).plus_hours(24 * 45).date();
        let mut acts = Vec::new();
        let loans: Vec<_> = cast::loans(&self.world).cloned().collect();
        for loan in &loans {
            let id = &loan.application_id;
            let matures = loan.receipt.as_ref().is_some_and(|receipt| receipt.maturity_on <= soon);
            if loan.state.is_living() && matures && self.dice.is(10) {
                acts.extend(self.renewal(id));
            }
            if loan.state.is_living() && self.dice.is(1) {
                acts.push(cast::ask_for_relief(id));
            }
            if loan.state.is_living() && self.dice.is(1) {
                acts.push(cast::pay(&self.world, loan, cast::whole(&self.world, loan), RepaymentKind::Early));
            }
            let settled = cast::application(&self.world, id).life.settled;
            let lately = settled.is_some_and(|settled| week_of(settled.on) + 1 >= week_of(today));
            if lately && self.dice.is(80) {
                acts.push(cast::claim(&self.world, id, None));
            }
        }
        if self.dice.is(30) {
            let ids: Vec<_> = self.of.keys().cloned().collect();
            let about = self.dice.one(&ids).filter(|_| self.dice.is(50));
            acts.extend(self.dice.one(&Category::ALL).map(|category| cast::call(category, about)));
        }
        let open: Vec<_> =
            applications(&self.world).filter(|one| one.run.ending().is_none()).map(|one| one.id.clone()).collect();
        if self.dice.is(5) {
            acts.extend(self.dice.one(&open).map(|id| cast::withdraw(&id)));
        }
        acts.into_iter().for_each(|act| self.act(act));
    }

    fn renewal(&mut self, id: &ApplicationId) -> Option<Act> {
        let firm = *self.of.get(id)?;
        let mode = if self.dice.is(50) { RenewalMode::RepayFirst } else { RenewalMode::NewRepaysOld };
        Some(cast::renewal(&self.world, id, firm, mode))
    }

    /// A week goes by: officers decide what they have, in every mood; most borrowers pay. Whoever does not this week may the next.
    fn week(&mut self, until: Moment) {
        let tardy = u32::try_from(self.dice.below(20)).unwrap();
        loop {
            let Years { world, core_banking, dice, of, .. } = self;
            let mut outside = |world: &World| {
                let (of, dice) = (&*of, &mut *dice);
                core_banking.act(world).or_else(|| moody(world, dice)).or_else(|| pays(world, of, tardy))
            };
            if !world.turn(until, &mut outside).unwrap() {
                return self.world.pass_to(until);
            }
            self.holds();
        }
    }

    fn lists(&mut self) {
        let open = cast::lists(&self.world).filter(|list| list.released.is_none()).map(|list| list.period);
        for period in open.collect::<Vec<_>>() {
            self.act(cast::list(&period.to_string(), false));
            self.act(cast::list(&period.to_string(), true));
        }
    }

    fn appropriate(&mut self) {
        let control = Control::Appropriate { amount_fen: cast::amount(500_000_000) };
        for (person, role) in [("wang", "fund_manager"), ("he", "approver")] {
            let command = union_core::Command::Control { control, because: "年度预算".into() };
            self.act(Act::command(Party::Union, actor(person, role), &command));
        }
        let command = bank_core::Command::ReceiveDeposit {
            reference: "TX-1".into(),
            amount_fen: cast::amount(500_000_000),
            purpose: bank_core::command::DepositPurpose::Subsidy,
        };
        self.act(Act::command(Party::Bank, actor("olga", "operations"), &command));
    }

    /// Everybody does what is asked and pays, until nothing more happens.
    fn finish(&mut self) {
        for lists in [true, false] {
            loop {
                let Years { world, core_banking, .. } = self;
                let mut outside = |world: &World| {
                    core_banking.act(world).or_else(|| kindly(world, |_| false)).or_else(|| cast::borrowers_pay(world))
                };
                if !world.turn(FAR, &mut outside).unwrap() {
                    break;
                }
                self.holds();
            }
            if lists {
                self.lists();
            }
        }
        invariants::hold_at_rest(&self.world).unwrap();
    }
}

/// Weeks since 1970.
fn week_of(day: Date) -> i64 {
    Moment::start_of(day).millis() / (7 * 24 * 3_600_000)
}

/// The first task, in a mood that falls as it falls.
fn moody(world: &World, dice: &mut Dice) -> Option<Act> {
    let (party, task) = world.tasks().next()?;
    let mood = match dice.below(20) {
        0 => Mood::Unkind,
        1 => Mood::Sparing,
        _ => Mood::Kind,
    };
    Some(decide(world, party, task, &task.role, mood))
}

/// Whoever owes something pays it, but one firm in twenty, another one each week.
fn pays(world: &World, of: &BTreeMap<ApplicationId, u32>, tardy: u32) -> Option<Act> {
    let pays = |id: &ApplicationId| of.get(id).is_none_or(|firm| firm % 20 != tardy);
    let owing = cast::loans(world).filter(|loan| pays(&loan.application_id));
    let (loan, fen) = owing.map(|loan| (loan, cast::owed(world, loan))).find(|(_, fen)| *fen > 0)?;
    Some(cast::pay(world, loan, fen, RepaymentKind::Scheduled))
}

fn live(seed: u64, firms: u32, weeks: i64) -> Years {
    let mut years = Years::new(seed, firms);
    years.appropriate();
    for week in 1..=weeks {
        years.outside();
        if week % 4 == 0 {
            years.lists();
        }
        years.week(cast::first_morning().plus_hours(week * 7 * 24));
    }
    years.finish();
    years
}

#[test]
fn three_years_of_two_hundred_firms_break_nothing_that_holds() {
    let years = live(2_018, 200, 156);
    let count = |is: fn(&union_core::application::Application) -> bool| {
        applications(&years.world).filter(|one| is(one)).count()
    };
    let said = format!(
        "{} inputs, {} applications, {} paid out, {} renewals of them, {} relieved, {} subsidised, {} late, {} tickets",
        years.inputs,
        count(|_| true),
        count(|one| one.receipt.is_some()),
        count(|one| one.renewal.is_some() && one.receipt.is_some()),
        count(|one| one.reliefs.iter().any(|relief| relief.in_force_on.is_some())),
        count(|one| one.claims.iter().any(|claim| claim.paid().is_some())),
        count(|one| one.life.was_overdue),
        invariants::tickets(&years.world).count(),
    );
    assert!(count(|_| true) >= 200 && count(|one| one.receipt.is_some()) >= 100, "{said}");
}
