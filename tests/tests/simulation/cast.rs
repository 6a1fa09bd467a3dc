//! The three organisations with their people: what everybody does who does what is asked.

use crate::firms::{form, member, unit};
use bank_core::{
    Bank,
    case::DecisionOutcome,
    command::{CreditVerdict, Finding, ListCheck, PaymentCheck, ReliefVerdict, RepaymentKind, ReversalCheck},
};
use contracts::{GuaranteeDecline, ReliefDecline, SubsidyRejection};
use domain::{
    Amount, ApplicationId, Charter, Charters, Date, Fen, Moment, Party, Ppm,
    charter::{DeferralWindow, ReliefPolicy},
    loan::Measure,
};
use guarantor_core::{
    Guarantor,
    case::{CounterGuarantee, Demand},
    command::{Assessment, LetterCheck},
};
use organisation::{Actor, OpenTask, Person};
use simulation::{Act, Reply, World};
use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};
use union_core::{
    Union,
    command::{EligibilityVerdict, Form, MemberEntry},
    hotline::tasks,
    renewal::{Renewal, RenewalMode},
    subsidy::CheckVerdict,
    ticket::{self, Call, Category, Satisfaction, TicketId},
    vocabulary::{GreenReason, IntakeRejection, Withdrawal},
};

/// 480,000 yuan.
pub const ASKED_FEN: i64 = 48_000_000;
/// Long after everything has ended.
pub const FAR: Moment = Moment::from_millis(4_000_000_000_000);

static CHARTERS: LazyLock<Arc<Charters>> = LazyLock::new(|| {
    let mut charter = Charter::programme_2017();
    // Under which the firms of these tests count as hit, on all their days.
    charter.relief_policies.insert(
        0,
        ReliefPolicy {
            from: Date::constant(2018, 1, 1),
            to: Date::constant(2019, 12, 31),
            windows: vec![DeferralWindow {
                due_to: Date::constant(2019, 12, 31),
                moved_to: Date::constant(2021, 12, 31),
            }],
            hit_industries: BTreeSet::from(["I".into()]),
        },
    );
    let mut charters = Charters::default();
    charters.accept(charter).unwrap();
    Arc::new(charters)
});

/// The programme as a test begins it.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub deposit_fen: i64,
    pub core_banking: bank_core::CoreBanking,
}

impl Default for Setup {
    /// Nobody is short of anything; payments are posted by a core-banking system.
    fn default() -> Self {
        Setup { deposit_fen: 900_000_000, core_banking: bank_core::CoreBanking::Port }
    }
}

/// A Wednesday, nine o'clock.
pub fn first_morning() -> Moment {
    Moment::start_of(Date::constant(2018, 8, 1)).plus_hours(9)
}

/// The three, nothing decided by rule.
pub fn organisations(setup: Setup) -> (Union, Guarantor, Bank) {
    let (charters, net_assets_fen) = (|| Arc::clone(&*CHARTERS), Fen::new(10_000_000_000));
    (
        Union { charters: charters(), automatic: BTreeSet::new() },
        Guarantor { charters: charters(), automatic: BTreeSet::new(), net_assets_fen },
        Bank { charters: charters(), automatic: BTreeSet::new(), core_banking: setup.core_banking },
    )
}

/// The three before their first morning.
///
/// They end with the pay-out: nothing falls due on a loan until [`loans_live`].
pub fn empty(setup: Setup) -> World {
    let (union, guarantor, bank) = organisations(setup);
    let mut world = World::new(first_morning()).with(union).with(guarantor).with(bank);
    world.asleep = |key| key.to_string().starts_with("loan/");
    world
}

/// From now on loans live: what falls due is owed.
pub fn loans_live(world: &mut World) {
    world.asleep = |_| false;
}

/// The loans that the bank keeps, by application.
pub fn loans(world: &World) -> impl Iterator<Item = &bank_core::rows::Loan> {
    world.shell::<Bank>().unwrap().owns().filter_map(|(_, row)| match row {
        bank_core::Row::Loan(loan) => Some(&**loan),
        _ => None,
    })
}

/// The bank's lists for subsidies.
pub fn lists(world: &World) -> impl Iterator<Item = &bank_core::rows::SubsidyList> {
    world.shell::<Bank>().unwrap().owns().filter_map(|(_, row)| match row {
        bank_core::Row::SubsidyList(list) => Some(&**list),
        _ => None,
    })
}

/// The loan of an application, if it has one.
pub fn loan<'w>(world: &'w World, id: &ApplicationId) -> Option<&'w bank_core::rows::Loan> {
    loans(world).find(|loan| loan.application_id == *id)
}

/// What is owed on a loan today, fen.
pub fn owed(world: &World, loan: &bank_core::rows::Loan) -> i64 {
    let living = loan.life.as_ref().filter(|_| loan.state.is_living());
    let lines = living.and_then(|life| life.loan.owed(world.now().date())).unwrap_or_default();
    lines.iter().map(|line| line.amount_fen.get()).sum()
}

/// What the whole loan costs today, fen.
pub fn whole(world: &World, loan: &bank_core::rows::Loan) -> i64 {
    owed_after(world, loan, |life, today| life.fall_due(today).is_ok())
}

/// What it costs today to repay this part of the principal before its day, fen.
pub fn part(world: &World, loan: &bank_core::rows::Loan, principal: i64) -> i64 {
    owed_after(world, loan, |life, today| life.part_falls_due(today, amount(principal)).is_ok())
}

fn owed_after(
    world: &World,
    loan: &bank_core::rows::Loan,
    change: impl FnOnce(&mut domain::loan::Loan, Date) -> bool,
) -> i64 {
    let today = world.now().date();
    let mut after = loan.life.as_ref().unwrap().loan.clone();
    let _fits = change(&mut after, today);
    after.owed(today).unwrap_or_default().iter().map(|line| line.amount_fen.get()).sum::<i64>().max(1)
}

/// A receipt of today, under a reference of its own.
pub fn pay(world: &World, loan: &bank_core::rows::Loan, fen: i64, kind: RepaymentKind) -> Act {
    let so_far = loan.life.as_ref().map_or(0, |life| life.entries.len());
    let command = bank_core::Command::ReceiveRepayment {
        application_id: loan.application_id.clone(),
        reference: format!("HK-{}-{}", loan.application_id, so_far + 1),
        value_date: world.now().date(),
        amount_fen: amount(fen),
        kind,
    };
    Act::command(Party::Bank, actor("olga", "operations"), &command)
}

/// What can be done for the borrower of a loan: the next interest in two parts, if it can wait; else the end a month later, if there
/// is time; else nothing.
pub fn measures(world: &World, loan: &bank_core::rows::Loan) -> Vec<Measure> {
    let today = world.now().date();
    let days_after = |day: Date, days: i64| Moment::start_of(day).plus_hours(24 * days).date();
    let Some(life) = loan.life.as_ref().filter(|_| loan.state.is_living()) else { return Vec::new() };
    // The policy of the day on which it is asked for, today if nobody has asked yet.
    let asked = credit(world, &loan.application_id).and_then(|case| case.relief.as_ref());
    let charter = CHARTERS.iter().next().unwrap().1;
    let Some(policy) = charter.relief_in_force(asked.map_or(today, |relief| relief.requested_on)) else {
        return Vec::new();
    };
    let life = &life.loan;
    let mut dues: Vec<Date> = life.current().map(|(_, due)| due.on).filter(|on| *on > days_after(today, 1)).collect();
    dues.sort_unstable();
    let deferred = dues.iter().map(|due_on| {
        let parts_on = vec![days_after(*due_on, 20), days_after(*due_on, 40)];
        Measure::DeferInterest { due_on: *due_on, parts_on }
    });
    let extended = life.maturity().map(|last| Measure::Extend { to: days_after(last, 30) });
    let fits =
        |measure: &Measure| life.clone().relieve(days_after(today, 1), std::slice::from_ref(measure), policy).is_ok();
    deferred.chain(extended).find(fits).into_iter().collect()
}

/// The borrower of an application asks for relief.
pub fn ask_for_relief(id: &ApplicationId) -> Act {
    let (via, reason) = ("WECHAT".into(), "未能开工，还款还息困难".into());
    let command = union_core::Command::RequestRelief { application_id: id.clone(), via, reason };
    Act::command(Party::Union, actor("applicant", "applicant"), &command)
}

/// A borrower pays what is owed today, if one owes anything.
pub fn borrowers_pay(world: &World) -> Option<Act> {
    let (loan, fen) = loans(world).map(|loan| (loan, owed(world, loan))).find(|(_, fen)| *fen > 0)?;
    Some(pay(world, loan, fen, RepaymentKind::Scheduled))
}

/// The three by hand, with their books open; the firms 1 to 9 have members in the union.
pub fn world(setup: Setup) -> World {
    opened(setup, empty(setup))
}

/// The same in this world.
pub fn opened(setup: Setup, mut world: World) -> World {
    let deposit_fen = Fen::new(setup.deposit_fen);
    let capital_fen = Fen::new(10_000_000_000);
    let members = (1..10)
        .map(|n| MemberEntry { member: member(n), union_org: Some(unit(n)), from: first_morning().date(), to: None })
        .collect();
    for act in [
        by_operator(Party::Union, &union_core::Command::OpenBooks { deposit_fen }),
        by_operator(Party::Bank, &bank_core::Command::OpenBooks { deposit_fen }),
        by_operator(Party::Guarantor, &guarantor_core::Command::OpenBooks { capital_fen }),
        by_operator(Party::Union, &union_core::Command::LoadMembers { members }),
    ] {
        world.act(act).unwrap();
    }
    assert!(world.refused().is_empty(), "{:?}", world.refused());
    world
}

pub fn actor(person: &str, role: &str) -> Actor {
    Actor { person: Person::new(person), roles: BTreeSet::from([role.to_owned()]) }
}

pub fn by_operator(to: Party, command: &impl serde::Serialize) -> Act {
    Act::command(to, actor("operator", "operator"), command)
}

/// What the operator of the union does about a step.
pub fn repair(id: &ApplicationId, step: &str, action: union_core::command::RepairAction) -> Act {
    let action = union_core::command::Repair { action, because: "查明后重试".into() };
    let command = union_core::Command::Repair { application_id: id.clone(), step: step.into(), action };
    by_operator(Party::Union, &command)
}

pub fn withdraw(id: &ApplicationId) -> Act {
    let command = union_core::Command::Withdraw { application_id: id.clone(), reason: Withdrawal::NoNeed };
    Act::command(Party::Union, actor("applicant", "applicant"), &command)
}

/// The channel that an application is filed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Standard,
    Green,
}

impl Channel {
    pub const BOTH: [Channel; 2] = [Channel::Standard, Channel::Green];
}

pub fn file(n: u32, amount_fen: i64, channel: Channel) -> Act {
    let green = (channel == Channel::Green).then_some(GreenReason::HitIndustry);
    let command = union_core::Command::Submit(Box::new(Form { green, ..form(n, amount_fen, 0) }));
    Act::command(Party::Union, actor("applicant", "applicant"), &command)
}

/// The firm of this application asks for another loan after that, as much as before.
pub fn renew(world: &World, id: &ApplicationId, mode: RenewalMode) -> Act {
    let n = (1..10).find(|n| form(*n, 1, 0).firm.uscc == application(world, id).firm.uscc).unwrap();
    renewal(world, id, n, mode)
}

/// The same, of the `n`-th firm, whose application it is.
pub fn renewal(world: &World, id: &ApplicationId, n: u32, mode: RenewalMode) -> Act {
    let old = application(world, id);
    let renewal = Some(Renewal { of: id.clone(), mode, reason: None });
    let wish = form(n, old.wish.amount_fen.fen().get(), 0);
    let command = union_core::Command::Submit(Box::new(Form { renewal, ..wish }));
    Act::command(Party::Union, actor("applicant", "applicant"), &command)
}

/// Files for the `n`-th firm and returns the application's number.
pub fn filed(world: &mut World, n: u32, amount_fen: i64, channel: Channel) -> ApplicationId {
    match reply(world, file(n, amount_fen, channel)) {
        Reply::Done(body) => ApplicationId::parse(body["application_id"].as_str().unwrap()).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// What whoever gives this command hears.
pub fn reply(world: &mut World, command: Act) -> Reply {
    let Act::Command { to, actor, command } = command else { panic!("it is no command: {command:?}") };
    world.command(to, actor, command).unwrap()
}

/// The same in a word: `done`, the code of the refusal, or `killed`.
pub fn told(world: &mut World, command: Act) -> String {
    match reply(world, command) {
        Reply::Done(_) => "done".into(),
        Reply::Refused(refusal) => refusal.code,
        Reply::Nothing => "killed".into(),
    }
}

/// What the member of the `n`-th firm holds from and to in the register.
pub fn register(n: u32, to: Option<Date>) -> Act {
    let members = vec![MemberEntry { member: member(n), union_org: Some(unit(n)), from: first_morning().date(), to }];
    by_operator(Party::Union, &union_core::Command::LoadMembers { members })
}

pub fn amount(fen: i64) -> Amount {
    Amount::new(Fen::new(fen)).unwrap()
}

pub fn application<'w>(world: &'w World, id: &ApplicationId) -> &'w union_core::application::Application {
    match world.shell::<Union>().unwrap().own(&union_core::rows::application(id)) {
        Some(union_core::Row::Application(application)) => application,
        other => panic!("no application but {other:?}"),
    }
}

/// A case of the guarantor, if it has heard of the application.
pub fn guarantee<'w>(world: &'w World, id: &ApplicationId) -> Option<&'w guarantor_core::case::Case> {
    match world.shell::<Guarantor>().unwrap().own(&guarantor_core::rows::case(id))? {
        guarantor_core::Row::Case(case) => Some(case),
        other => panic!("no case but {other:?}"),
    }
}

/// A case of the bank, if it has heard of the application.
pub fn credit<'w>(world: &'w World, id: &ApplicationId) -> Option<&'w bank_core::case::Case> {
    match world.shell::<Bank>().unwrap().own(&bank_core::rows::case(id))? {
        bank_core::Row::Case(case) => Some(case),
        other => panic!("no case but {other:?}"),
    }
}

/// How somebody decides what is to be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Yes, to the whole of it.
    Kind,
    /// Yes, to a little less.
    Sparing,
    /// No, where a person may say so; else back to whoever prepared it; else yes.
    Unkind,
}

/// The step of the definition that a task belongs to.
pub fn step_of(task: &OpenTask) -> &'static str {
    match duty(task) {
        "check-eligibility" => "check eligibility",
        "due-diligence" => "assess guarantee",
        "sign-contracts" => "sign contracts",
        "prepare-letter" | "check-letter" => "issue letter",
        "investigate" | "decide-credit" => "approve credit",
        "sign-loan-contract" => "sign loan contract",
        "prepare-payment" | "check-payment" => "disburse",
        "triage-relief" => "triage relief",
        "propose-relief" => "propose plan",
        "consent-relief" => "consent to plan",
        "sign-plan" => "sign plan",
        "check-subsidy" => "check subsidy",
        "approve-subsidy" => "approve subsidy",
        _ if task.application_id.is_none() => "",
        other => panic!("what is `{other}`?"),
    }
}

fn duty(task: &OpenTask) -> &str {
    task.task_id.rsplit('/').next().unwrap()
}

/// What the person of this name does about a task, holding its role.
pub fn decide(world: &World, party: Party, task: &OpenTask, person: &str, mood: Mood) -> Act {
    let by = actor(person, &task.role);
    match party {
        Party::Union => Act::command(party, by, &in_the_union(world, task, mood)),
        Party::Guarantor => Act::command(party, by, &at_the_guarantor(world, task, mood)),
        Party::Bank => Act::command(party, by, &in_the_bank(world, task, mood)),
    }
}

/// The first task that is not left alone, decided kindly; each role is another person.
pub fn kindly(world: &World, left_alone: impl Fn(&OpenTask) -> bool) -> Option<Act> {
    let (party, task) = world.tasks().find(|(_, task)| !left_alone(task))?;
    Some(decide(world, party, task, &task.role, Mood::Kind))
}

/// The application that a task belongs to.
fn about(task: &OpenTask) -> ApplicationId {
    task.application_id.clone().unwrap_or_else(|| panic!("{} is of no application", task.task_id))
}

/// What is done with a ticket, on its way to its end.
fn with_ticket(task: &OpenTask, ticket_id: TicketId, mood: Mood) -> union_core::Command {
    let because = "情况属实".to_owned();
    let act = match (duty(task), mood) {
        (tasks::DISPATCH, Mood::Sparing) => ticket::Act::AnswerAtOnce { reply: "可以".into() },
        (tasks::DISPATCH, _) => ticket::Act::Dispatch { unit: "代办处".into() },
        (tasks::SIGN_FOR, _) => ticket::Act::SignFor,
        (tasks::BEGIN, _) => ticket::Act::Begin,
        (tasks::REPLY | tasks::SUPERVISE, _) => ticket::Act::Reply { reply: "已核实".into() },
        (tasks::EXTENSION, mood) => ticket::Act::DecideExtension { granted: mood == Mood::Kind, because },
        (tasks::VISIT, Mood::Unkind) => visit(Satisfaction::Dissatisfied),
        (tasks::VISIT, _) => visit(Satisfaction::Satisfied),
        (tasks::CLOSE, _) => ticket::Act::Close,
        (other, _) => panic!("what is `{other}`?"),
    };
    union_core::Command::ActOnTicket { ticket_id, act }
}

fn visit(satisfaction: Satisfaction) -> ticket::Act {
    ticket::Act::Visit { satisfaction, because: None }
}

/// Somebody calls the hotline.
pub fn call(category: Category, about: Option<ApplicationId>) -> Act {
    let call = Call { category, matter: "询问进度".into(), application_id: about };
    Act::command(Party::Union, actor("hotline_agent", "hotline_agent"), &union_core::Command::TakeCall(call))
}

fn in_the_union(world: &World, task: &OpenTask, mood: Mood) -> union_core::Command {
    if let Ok(ticket) = TicketId::parse(task.matter()) {
        return with_ticket(task, ticket, mood);
    }
    let application_id = about(task);
    match duty(task) {
        "triage-relief" => {
            let declined = (mood == Mood::Unkind).then_some(ReliefDecline::NotAffected);
            return union_core::Command::TriageRelief { application_id, declined };
        }
        "sign-plan" if mood == Mood::Unkind => return union_core::Command::WithdrawRelief { application_id },
        "sign-plan" => return union_core::Command::SignRelief { application_id },
        "check-subsidy" => return checked(world, application_id, mood),
        "approve-subsidy" => {
            let rejected = (mood == Mood::Unkind).then_some(SubsidyRejection::Duplicate);
            return union_core::Command::ApproveSubsidy { application_id, rejected };
        }
        _ => {}
    }
    let application = application(world, &application_id);
    let register = world.shell::<Union>().unwrap();
    let is_member = match register.own(&union_core::rows::member(&application.member)) {
        Some(union_core::Row::Member(member)) => member.span_on(world.now().date()).is_some(),
        _ => false,
    };
    let suspended = application.run.open_tasks().any(|(_, task)| task.suspended.is_some());
    let verdict = match mood {
        Mood::Sparing if !suspended => EligibilityVerdict::AskForPapers,
        _ if suspended => EligibilityVerdict::PapersSupplied,
        Mood::Unkind => EligibilityVerdict::Reject { reason: IntakeRejection::GroupNotProven },
        _ if is_member => EligibilityVerdict::Approve,
        _ => EligibilityVerdict::Reject { reason: IntakeRejection::Membership },
    };
    union_core::Command::DecideEligibility { application_id, verdict }
}

/// What the checker says to the claim that is checked: what is wrong with it, if anything is.
fn checked(world: &World, application_id: ApplicationId, mood: Mood) -> union_core::Command {
    let application = application(world, &application_id);
    let claim = application.claims.iter().rev().find(|claim| claim.run().is_some_and(|run| run.ending().is_none()));
    let claim = claim.unwrap();
    let receipts = &claim.row.as_ref().unwrap().receipts;
    let is_complete = receipts.iter().all(|receipt| claim.vouchers.contains(receipt));
    let register = world.shell::<Union>().unwrap();
    let is_member = match register.own(&union_core::rows::member(&application.member)) {
        Some(union_core::Row::Member(member)) => member.span_on(world.now().date()).is_some(),
        _ => false,
    };
    let reject = |reason| CheckVerdict::Reject { reason };
    let verdict = match mood {
        _ if !is_member => reject(SubsidyRejection::MembershipLapsed),
        Mood::Unkind => reject(SubsidyRejection::NoVouchers),
        _ if application.life.was_overdue => reject(SubsidyRejection::Overdue),
        _ if !is_complete && claim.query.is_none() => CheckVerdict::Query { because: "请补交付息凭证".into() },
        _ if !is_complete => reject(SubsidyRejection::NoVouchers),
        _ => CheckVerdict::Pass,
    };
    union_core::Command::CheckSubsidy { application_id, verdict }
}

/// A borrower claims back its interest, with these receipts, or all it knows of.
pub fn claim(world: &World, id: &ApplicationId, vouchers: Option<&[u32]>) -> Act {
    let known = application(world, id).life.receipts.iter().map(|known| known.receipt.no);
    let vouchers = vouchers.map_or_else(|| known.collect(), |vouchers| vouchers.iter().copied().collect());
    let command = union_core::Command::ClaimSubsidy { application_id: id.clone(), period: None, vouchers };
    Act::command(Party::Union, actor("applicant", "applicant"), &command)
}

/// Maker or checker of the bank's cut-off list of a period.
pub fn list(period: &str, checks: bool) -> Act {
    let period = period.parse().unwrap();
    if checks {
        let command = bank_core::Command::CheckSubsidyList { period, verdict: ListCheck::Release };
        return Act::command(Party::Bank, actor("payment_checker", "payment_checker"), &command);
    }
    let command = bank_core::Command::PrepareSubsidyList { period };
    Act::command(Party::Bank, actor("payment_maker", "payment_maker"), &command)
}

fn at_the_guarantor(world: &World, task: &OpenTask, mood: Mood) -> guarantor_core::Command {
    use guarantor_core::Command as C;
    let application_id = about(task);
    let because = "填写有误".to_owned();
    match (duty(task), mood) {
        ("due-diligence", Mood::Unkind) => {
            C::Assess { application_id, verdict: Assessment::Decline { reason: GuaranteeDecline::CashFlow } }
        }
        ("due-diligence", _) => {
            let asked = guarantee(world, &application_id).unwrap().file.as_ref().unwrap().wish.amount_fen;
            let conditions = vec!["追加法定代表人连带责任".into()];
            let amount_fen = some_of(asked, mood);
            let verdict = Assessment::Agree { amount_fen, conditions, counter_guarantee: Demand::Person };
            C::Assess { application_id, verdict }
        }
        ("sign-contracts", _) => {
            let counter_guarantee = CounterGuarantee::Person { vault_token: "counter-guarantor".into() };
            C::SignContracts { application_id, counter_guarantee }
        }
        ("prepare-letter", _) => C::PrepareLetter { application_id },
        ("check-letter", Mood::Unkind) => C::CheckLetter { application_id, verdict: LetterCheck::Return { because } },
        ("check-letter", _) => C::CheckLetter { application_id, verdict: LetterCheck::Release },
        ("consent-relief", Mood::Unkind) => {
            let verdict = guarantor_core::command::ReliefVerdict::Withhold { reason: ReliefDecline::ConsentWithheld };
            C::ConsentRelief { application_id, verdict }
        }
        ("consent-relief", _) => {
            C::ConsentRelief { application_id, verdict: guarantor_core::command::ReliefVerdict::Consent }
        }
        (other, _) => panic!("what is `{other}`?"),
    }
}

fn in_the_bank(world: &World, task: &OpenTask, mood: Mood) -> bank_core::Command {
    use bank_core::Command as C;
    let application_id = about(task);
    let case = credit(world, &application_id).unwrap();
    let file = case.file.as_ref().unwrap();
    let rate_ppm = cap(world, file.wish.term_months);
    let (because, decline) = ("材料有误".to_owned(), contracts::CreditDecline::CreditRecord);
    let method = file.wish.method;
    match (duty(task), mood) {
        ("investigate", Mood::Unkind) => C::Investigate { application_id, finding: Finding::Advise { decline } },
        ("investigate", _) => {
            let amount_fen = some_of(file.wish.amount_fen, mood);
            C::Investigate { application_id, finding: Finding::Recommend { amount_fen, rate_ppm, method } }
        }
        ("decide-credit", mood) => {
            let recommended = match &case.report.as_ref().unwrap().outcome {
                DecisionOutcome::Approved(terms) if mood != Mood::Unkind => Some(terms.amount_fen),
                _ => None,
            };
            let verdict = match recommended {
                Some(amount_fen) => CreditVerdict::Approve { amount_fen: some_of(amount_fen, mood), rate_ppm, method },
                None => CreditVerdict::Decline { reason: decline },
            };
            C::DecideCredit { application_id, verdict }
        }
        ("sign-loan-contract", _) => C::SignLoanContract { application_id },
        ("prepare-payment", _) => C::PreparePayment { application_id },
        ("check-payment", Mood::Unkind) => {
            C::CheckPayment { application_id, verdict: PaymentCheck::Return { because } }
        }
        ("check-payment", _) => C::CheckPayment { application_id, verdict: PaymentCheck::Release },
        ("check-reversal", Mood::Unkind) => {
            C::CheckReversal { application_id, verdict: ReversalCheck::Return { because } }
        }
        // What cannot be reversed any more is not.
        ("check-reversal", _) if loan(world, &application_id).is_some_and(|loan| !is_untouched(loan)) => {
            C::CheckReversal { application_id, verdict: ReversalCheck::Return { because } }
        }
        ("check-reversal", _) => C::CheckReversal { application_id, verdict: ReversalCheck::Release },
        ("propose-relief", mood) => {
            let measures = loan(world, &application_id).map(|loan| measures(world, loan)).unwrap_or_default();
            let verdict = if mood == Mood::Unkind || measures.is_empty() {
                ReliefVerdict::Decline { reason: ReliefDecline::NoAbility }
            } else {
                ReliefVerdict::Propose { measures }
            };
            C::ProposeRelief { application_id, verdict }
        }
        (other, _) => panic!("what is `{other}`?"),
    }
}

/// Whether nothing was paid and no plan came into force.
fn is_untouched(loan: &bank_core::rows::Loan) -> bool {
    loan.life.as_ref().is_none_or(|life| life.loan.counted().next().is_none() && life.relief.is_none())
}

fn cap(world: &World, months: u16) -> Ppm {
    let today = world.now().date();
    CHARTERS.in_force_on(today).unwrap().rate_cap(today, months)
}

/// All of it, or 10,000 yuan less.
fn some_of(whole: Amount, mood: Mood) -> Amount {
    match mood {
        Mood::Sparing => Amount::new(whole.fen().checked_sub(Fen::new(1_000_000)).unwrap()).unwrap_or(whole),
        _ => whole,
    }
}
