//! What holds of the three together: after every input, and once all applications have ended (DOMAIN.md section 3, as far
//! as origination goes).

use crate::cast::{self, application, credit, guarantee};
use bank_core::{Bank, rows::LoanState};
use domain::{ApplicationId, Charter, Date, Fen, Party};
use guarantor_core::{
    Guarantor,
    case::{LetterState, OpinionDecision, Revocation},
};
use ledger::{AccountCode, TransferId, TransferRecord, trial_balance};
use organisation::{
    Key, OpenTask, Organisation, Row,
    charters::{self, Kept},
};
use saga::{Ending, Phase, State};
use simulation::World;
use std::collections::BTreeMap;
use union_core::{
    Union,
    application::{Application, ApplicationState, ReservationState},
    relief::{How, ReliefState},
    renewal::RenewalMode,
    rows::{Drawn, FirmRow, FundRow, ProgrammeRow},
    statistics::{By, Figure, Statistics},
    ticket::{Ticket, TicketState},
};

/// Leverage, largest loan and number of loans of the charter of 2017.
const MULTIPLE: i64 = 5;
const CAP_FEN: i64 = 50_000_000;
const LOANS: u16 = 3;

macro_rules! ensure {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err(format!($($why)+));
        }
    };
}

/// Looks at the world after every input: what holds of it, and that each application has gone where it may go.
#[derive(Debug, Default)]
pub struct Watch {
    states: BTreeMap<ApplicationId, ApplicationState>,
    reliefs: BTreeMap<(ApplicationId, u32), ReliefState>,
}

impl Watch {
    /// What holds after every input.
    ///
    /// # Errors
    /// The first thing that does not.
    pub fn hold(&mut self, world: &World) -> Result<(), String> {
        hold(world)?;
        for application in applications(world) {
            let id = &application.id;
            let stored =
                world.shell::<Union>().and_then(|union| union.stored().get(&union_core::rows::application(id)));
            let status = stored.map_or("", |stored| stored.index.status);
            let Some(now) = ApplicationState::ALL.into_iter().find(|state| state.code() == status) else {
                return Err(format!("{id} is {status}"));
            };
            let before = self.states.insert(id.clone(), now).unwrap_or(ApplicationState::IntakeReview);
            ensure!(before.leads_to(now), "{id} went from {before:?} to {now:?}");
            for relief in &application.reliefs {
                let (no, now) = (relief.no, relief.state());
                let before = self.reliefs.insert((id.clone(), no), now).unwrap_or(now);
                ensure!(before == now || before.on(now).is_ok(), "{id}/R{no} went from {before:?} to {now:?}");
            }
        }
        Ok(())
    }
}

/// What holds after every input.
pub fn hold(world: &World) -> Result<(), String> {
    books_balance(world)?;
    fund_is_what_the_reservations_say(world)?;
    nobody_waits_for_what_goes_on(world)?;
    limits_are_what_the_cases_say(world)?;
    subsidies_are_what_the_claims_say(world)?;
    firms_are_what_their_applications_say(world)?;
    tickets_are_what_applications_say(world)?;
    let fund = fund(world);
    let mut tasks: BTreeMap<&ApplicationId, Vec<(Party, &OpenTask)>> = BTreeMap::new();
    for (party, task) in world.tasks() {
        if let Some(id) = &task.application_id {
            tasks.entry(id).or_default().push((party, task));
        }
    }
    for application in applications(world) {
        let tasks = tasks.get(&application.id).map(Vec::as_slice).unwrap_or_default();
        let queued = fund.queue.contains(&application.id);
        one_application(world, application, tasks, queued).map_err(|why| format!("{}: {why}", application.id))?;
    }
    Ok(())
}

/// What holds besides once nothing more will happen: every application has ended, and nothing is left of those without a
/// loan.
pub fn hold_at_rest(world: &World) -> Result<(), String> {
    statistics_are_what_the_bank_booked(world)?;
    hold(world)?;
    ensure!(world.parcels.is_empty(), "under way: {:?}", world.parcels);
    ensure!(world.orders.is_empty(), "ordered: {:?}", world.orders);
    let tasks: Vec<_> = world.tasks().collect();
    ensure!(tasks.is_empty(), "open tasks: {tasks:?}");
    let incidents: Vec<_> = world.incidents().collect();
    ensure!(incidents.is_empty(), "open incidents: {incidents:?}");
    // A loan that lives always has something that falls due.
    let timers: Vec<_> = world.timers().filter(|(.., key)| !key.to_string().starts_with("loan/")).collect();
    ensure!(timers.is_empty(), "timers: {timers:?}");
    ensure!(fund(world).queue.is_empty(), "in the queue: {:?}", fund(world).queue);
    let [union, bank] = [balance::<Union>(world, "U1002"), balance::<Bank>(world, "B2013")];
    ensure!(union == bank, "I2: U1002 is {union}, B2013 {bank}");
    for application in applications(world) {
        settled(world, application).map_err(|why| format!("{}: {why}", application.id))?;
    }
    world.shell::<Union>().unwrap().follows_from_its_facts()?;
    world.shell::<Guarantor>().unwrap().follows_from_its_facts()?;
    world.shell::<Bank>().unwrap().follows_from_its_facts()
}

pub fn applications(world: &World) -> impl Iterator<Item = &Application> {
    world.shell::<Union>().unwrap().owns().filter_map(|(_, row)| match row {
        union_core::Row::Application(application) => Some(&**application),
        _ => None,
    })
}

/// The hotline's tickets.
pub fn tickets(world: &World) -> impl Iterator<Item = &Ticket> {
    world.shell::<Union>().unwrap().owns().filter_map(|(_, row)| match row {
        union_core::Row::Ticket(ticket) => Some(&**ticket),
        _ => None,
    })
}

/// An application names the tickets that are about it, and no other; a reply alone has closed none.
fn tickets_are_what_applications_say(world: &World) -> Result<(), String> {
    for ticket in tickets(world) {
        let about = applications(world).filter(|one| one.tickets.contains(&ticket.id)).map(|one| &one.id);
        let about: Vec<_> = about.collect();
        ensure!(about == Vec::from_iter(&ticket.call.application_id), "{}: about {about:?}", ticket.id);
        let was_visited = ticket.satisfaction().is_some();
        ensure!(ticket.state != TicketState::Closed || was_visited, "{} closed unvisited", ticket.id);
        ensure!(ticket.tasks.is_empty() == ticket.state.is_final(), "{}: {:?}", ticket.id, ticket.tasks);
    }
    Ok(())
}

/// The balance of all accounts of a party under this code, fen.
pub fn balance<O: Organisation>(world: &World, code: &str) -> i64 {
    let of = |account: &AccountCode| account.as_str() == code || account.main() == code;
    let accounts = world.shell::<O>().unwrap().accounts();
    accounts.filter(|account| of(account.code())).map(|account| account.balance().get()).sum()
}

/// The balance of one account of a party, fen. Nothing else is looked at: this is asked for every application after every input.
fn balance_at<O: Organisation>(world: &World, code: &AccountCode) -> i64 {
    match world.shell::<O>().unwrap().stored().get(&Key::Account(code.clone())).map(|stored| &stored.row) {
        Some(Row::Account(account)) => account.balance().get(),
        _ => 0,
    }
}

fn fund(world: &World) -> FundRow {
    match world.shell::<Union>().unwrap().own(&union_core::rows::fund()) {
        Some(union_core::Row::Fund(fund)) => fund.clone(),
        _ => FundRow::default(),
    }
}

/// The programme as a whole.
pub fn programme(world: &World) -> ProgrammeRow {
    match world.shell::<Union>().unwrap().own(&union_core::rows::programme()) {
        Some(union_core::Row::Programme(row)) => row.clone(),
        _ => ProgrammeRow::default(),
    }
}

/// Who waits before the pay-out waits because lending is suspended (S13), or a contradiction is not settled.
fn nobody_waits_for_what_goes_on(world: &World) -> Result<(), String> {
    let suspended = programme(world).suspended;
    for application in applications(world) {
        let waits = ["confirm membership", "disburse"]
            .into_iter()
            .find(|step| matches!(application.run.state(step), Some(State::Waiting)));
        let held_back = suspended || application.run.is_contradicted() || old_loan_is_in_the_way(world, application);
        ensure!(held_back || waits.is_none(), "{} waits at {waits:?}, and lending goes on", application.id);
    }
    Ok(())
}

/// Whether it renews a loan that is not settled, or its timer for the day after the settlement has not fired.
fn old_loan_is_in_the_way(world: &World, renewal: &Application) -> bool {
    let old = renewal.renewal.as_ref().map(|renewal| application(world, &renewal.of));
    let lives = old.is_some_and(|old| old.receipt.is_some() && old.life.settled.is_none());
    renewal.waits_for_old.is_some_and(|waits| lives || waits.until().is_some())
}

/// I1, and the deposit is at the bank what it is in the union's books (I2).
fn books_balance(world: &World) -> Result<(), String> {
    for (party, holds) in [
        (Party::Union, trial_balance(world.shell::<Union>().unwrap().accounts()).holds()),
        (Party::Guarantor, trial_balance(world.shell::<Guarantor>().unwrap().accounts()).holds()),
        (Party::Bank, trial_balance(world.shell::<Bank>().unwrap().accounts()).holds()),
    ] {
        ensure!(holds, "debits differ from credits in the books of the {party}");
    }
    let (here, there) = (balance::<Union>(world, "U1001"), balance::<Bank>(world, "B2012"));
    ensure!(here == there, "the deposit is {here} in the union's books and {there} in the bank's");
    let (all, each) = (balance::<Guarantor>(world, "G9000"), balance::<Guarantor>(world, "G9001"));
    ensure!(all == each, "liabilities of {all} in all, of {each} one by one");
    let paid_out = |loan: &&bank_core::rows::Loan| loan.life.is_some() && loan.state != LoanState::Reversed;
    let lent: i64 = cast::loans(world).filter(paid_out).map(|loan| loan.amount_fen.fen().get()).sum();
    let cases = cast::loans(world).filter_map(|loan| credit(world, &loan.application_id));
    let subsidies = cases.flat_map(|case| &case.subsidies).filter(|paid| paid.returned.is_none());
    let subsidised: i64 = subsidies.map(|paid| paid.amount_fen.fen().get()).sum();
    // What a new loan repaid of an old one went from there too.
    let of_old = |record: &&TransferRecord| {
        record.transfer.id.as_str().starts_with("roll:") && record.transfer.debit.main() == "B2011"
    };
    let rolled: i64 =
        world.shell::<Bank>().unwrap().transfers().filter(of_old).map(|one| one.transfer.amount.fen().get()).sum();
    let paid = balance::<Bank>(world, "B2011");
    ensure!(
        lent + subsidised - rolled == paid,
        "lent {lent}, subsidised {subsidised}, rolled {rolled}, and {paid} is in the borrowers' accounts: what they paid back came in"
    );
    Ok(())
}

/// I3 and I4, and the books say what the reservations say.
fn fund_is_what_the_reservations_say(world: &World) -> Result<(), String> {
    let (mut held, mut committed, mut exposed) = (0, 0, 0);
    for reservation in applications(world).filter_map(|application| application.reservation.as_ref()) {
        let (exposure, reserved) = (reservation.exposed().get(), reservation.reserved_fen.get());
        ensure!(reserved == share(exposure), "{exposure} is exposed and {reserved} reserved");
        match reservation.state {
            ReservationState::Held => held += reserved,
            ReservationState::Committed | ReservationState::Rolled => committed += reserved,
            ReservationState::Released => continue,
        }
        exposed += exposure;
    }
    let booked = (balance::<Union>(world, "U9001"), balance::<Union>(world, "U9002"));
    ensure!(booked == (held, committed), "held and committed {booked:?} are booked, not {:?}", (held, committed));
    let deposit = balance::<Union>(world, "U1001");
    // They admit: a receipt that is reversed makes up for nothing that was let in meanwhile.
    let reversed = |application: &Application| application.life.receipts.iter().any(|one| one.reversed_on.is_some());
    if !applications(world).any(reversed) {
        ensure!(held + committed <= deposit, "I3: {held} held and {committed} committed of {deposit}");
        ensure!(exposed <= MULTIPLE * deposit, "I4: {exposed} exposed on {deposit}");
    }
    let FundRow { guaranteed_fen, queue, .. } = fund(world);
    ensure!(guaranteed_fen.get() == exposed, "{guaranteed_fen} counts as guaranteed, {exposed} is");
    // Nobody waits for what is there, but while lending is suspended.
    if let Some(first) = queue.first().filter(|_| !programme(world).suspended) {
        let asks = beyond_the_old_loan(world, application(world, first));
        let room = held + committed + share(asks) <= deposit && exposed + asks <= MULTIPLE * deposit;
        ensure!(!room, "{first} waits, and there is room for {asks}");
    }
    Ok(())
}

/// What an application asks for beyond what the fund stands behind already.
fn beyond_the_old_loan(world: &World, waits: &Application) -> i64 {
    let rolls = waits.renewal.as_ref().filter(|renewal| renewal.mode == RenewalMode::NewRepaysOld);
    let old = rolls.and_then(|renewal| application(world, &renewal.of).reservation.as_ref());
    let stands = old.filter(|old| old.state.stands()).map_or(0, |old| old.exposed().get());
    (waits.wish.amount_fen.fen().get() - stands).max(0)
}

fn share(exposure: i64) -> i64 {
    (exposure + MULTIPLE - 1) / MULTIPLE
}

fn limits_are_what_the_cases_say(world: &World) -> Result<(), String> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    let mut stored: BTreeMap<String, i64> = BTreeMap::new();
    for (key, row) in world.shell::<Guarantor>().unwrap().owns() {
        match row {
            guarantor_core::Row::Case(case) => {
                let exposure = case.exposure_fen.get();
                *sums.entry("limits".into()).or_default() += exposure;
                if let Some(file) = &case.file {
                    *sums.entry(format!("client/{}", file.firm.uscc)).or_default() += exposure;
                }
            }
            guarantor_core::Row::Limits(sum) | guarantor_core::Row::Client(sum) => {
                stored.insert(key.to_string(), sum.exposure_fen.get());
            }
            guarantor_core::Row::Papers(_) | guarantor_core::Row::Charters(_) => {}
        }
    }
    sums.retain(|_, sum| *sum != 0);
    stored.retain(|_, sum| *sum != 0);
    ensure!(sums == stored, "exposures are {sums:?}, kept as {stored:?}");
    Ok(())
}

/// I10 and I12; a firm's lock is held by its open application and by no other.
fn maturity_of(application: &Application) -> Option<Date> {
    let schedule = application.life.schedule.as_ref().map(|schedule| schedule.maturity_on);
    schedule.or(application.receipt.as_ref().map(|receipt| receipt.maturity_on))
}

fn firms_are_what_their_applications_say(world: &World) -> Result<(), String> {
    let mut firms: BTreeMap<String, FirmRow> = BTreeMap::new();
    let mut loans = 0;
    for application in applications(world) {
        let firm = firms.entry(application.firm.uscc.to_string()).or_default();
        if application.run.ending().is_none() {
            ensure!(firm.open.is_none(), "{} and {:?} are open together", application.id, firm.open);
            firm.open = Some(application.id.clone());
        }
        if application.receipt.is_some() && application.reversed_on.is_none() {
            if application.life.settled.is_none() {
                // The word of what a new loan has repaid may come after that of the new one.
                let rolls = application.renewal.as_ref().filter(|renewal| renewal.mode == RenewalMode::NewRepaysOld);
                let repaid = firm.live_loan.take_if(|old| rolls.is_some_and(|renewal| renewal.of == *old));
                let settled =
                    repaid.is_none_or(|old| cast::loan(world, &old).is_some_and(|old| !old.state.is_living()));
                ensure!(settled && firm.live_loan.is_none(), "I10: {} and another live together", application.id);
                firm.live_loan = Some(application.id.clone());
            }
            firm.loans += 1;
            firm.drawn.push(Drawn {
                id: application.id.clone(),
                maturity_on: maturity_of(application).unwrap_or_default(),
                overdue: application.life.overdue_since.is_some(),
                settled_on: application.life.settled.map(|settled| settled.on),
            });
            loans += 1;
        }
        ensure!(firm.loans <= LOANS, "I10: {} loans", firm.loans);
    }
    let filed = applications(world).count();
    let borrowers = firms.values().filter(|firm| firm.loans > 0).count();
    ensure!(borrowers <= loans && loans <= filed, "I12: {borrowers} borrowers, {loans} loans, {filed} applications");
    for (key, row) in world.shell::<Union>().unwrap().owns() {
        match row {
            union_core::Row::Firm(stored) => {
                let firm = firms.remove(key.to_string().trim_start_matches("firm/")).unwrap_or_default();
                ensure!(*stored == firm, "{key} is {stored:?}, by its applications {firm:?}");
            }
            union_core::Row::Numbers(numbers) => {
                let applications = applications(world).filter(|one| one.id.year() == numbers.year).count();
                let tickets = tickets(world).filter(|one| one.id.year() == numbers.year).count();
                let is_tickets = *key == union_core::rows::ticket_numbers();
                let this_year = if is_tickets { tickets } else { applications };
                ensure!(this_year == numbers.last as usize, "I12: not as many as numbered");
            }
            _ => {}
        }
    }
    ensure!(firms.is_empty(), "not stored: {firms:?}");
    Ok(())
}

/// Of the charter that the bank has accepted for it.
fn largest_loan(world: &World, application: &Application) -> i64 {
    match world.shell::<Bank>().and_then(|bank| bank.own(&charters::key(&application.charter))) {
        Some(bank_core::Row::Charters(Kept::Version(version))) => version.charter.amount_max_fen.get(),
        _ => CAP_FEN,
    }
}

/// One application at all three. What one of them says that the others have not heard yet is under way, never denied.
fn one_application(
    world: &World,
    application: &Application,
    tasks: &[(Party, &OpenTask)],
    queued: bool,
) -> Result<(), String> {
    let id = &application.id;
    let run = &application.run;
    let paid_out = credit(world, id).and_then(|case| case.paid_out.as_ref());
    let letter = guarantee(world, id).and_then(|case| case.letter.as_ref());
    let reservation = application.reservation.as_ref();

    // I5, I11: lent is what was posted, once; nobody has heard of anything else.
    let receipt = paid_out.map(|paid_out| &paid_out.receipt);
    let lent = balance_of(world, id);
    let is_reversed = paid_out.is_some_and(bank_core::case::PaidOut::is_reversed);
    let standing = receipt.filter(|_| !is_reversed);
    let loan = cast::loan(world, id);
    let outstanding = loan.filter(|_| standing.is_some()).and_then(|loan| loan.life.as_ref()?.loan.outstanding());
    ensure!(lent == outstanding.map_or(0, Fen::get), "I5: {lent} is lent, {outstanding:?} is owed, on {receipt:?}");
    let paid_in_full = loan.is_some_and(|loan| matches!(loan.state, LoanState::Settled | LoanState::Prepaid));
    let key = |behind: char| Key::Transfer(TransferId::new(format!("disb:{id}{behind}")));
    let postings = world.shell::<Bank>().unwrap().stored().range(key(':')..key(';'));
    ensure!(postings.count() == usize::from(paid_out.is_some()), "I11: not posted once");
    let known = [application.receipt.as_ref(), guarantee(world, id).and_then(|case| case.loan.as_ref())];
    ensure!(known.into_iter().flatten().all(|known| Some(known) == receipt), "I11: {known:?} is known of {receipt:?}");
    let most = largest_loan(world, application);
    ensure!(lent <= most, "I10: {lent} is lent, at most {most} may be");

    // I6: the liability is on with the letter, and equal to the loan.
    let effective = letter.is_some_and(|letter| letter.state == LetterState::Effective);
    let liability = liability_of(world, id)?;
    // Between the bank's reversal and its word of it, the liability is still on.
    let carried = receipt.filter(|_| effective).and_then(|receipt| {
        let heard = guarantee(world, id).map(|case| case.life.outstanding(receipt.amount_fen.fen()));
        heard.flatten().map(Fen::get)
    });
    let carried = carried.unwrap_or_default();
    ensure!(liability == carried, "I6: liability {liability}, lent {lent}, {letter:?}");
    ensure!(!effective || paid_out.is_some(), "I7: effective without a loan");

    // I7: what was paid out rests on the one letter and on a reservation of the same amount.
    if let Some(paid_out) = paid_out {
        let bound = letter.is_some_and(|letter| {
            letter.letter.letter_no == paid_out.letter_no
                && (matches!(letter.state, LetterState::Issued | LetterState::Effective)
                    || ((is_reversed || paid_in_full) && letter.state == LetterState::Released))
        });
        ensure!(bound, "I7: paid out under {}, and the letter is {letter:?}", paid_out.letter_no);
        let backed = reservation.is_some_and(|reservation| {
            reservation.exposure_fen == paid_out.receipt.amount_fen
                && (is_reversed || paid_in_full || reservation.state != ReservationState::Released)
        });
        ensure!(backed, "I7: paid out on {reservation:?}");
        ensure!(paid_out.maker != paid_out.checker, "four eyes on the payment");
        ensure!(!matches!(run.phase, Phase::Unwinding { .. }), "paid out and unwinding");
        ensure!(run.ending().is_none_or(|ending| *ending == Ending::Completed), "paid out and {:?}", run.ending());
    }
    if let Some(letter) = letter {
        ensure!(letter.maker != letter.checker, "four eyes on the letter");
        let stated = letter.revocation == Some(Revocation::Stated { not_disbursed: true });
        ensure!(!stated || paid_out.is_none(), "stated not disbursed, and paid out");
    }
    if let Some(decision) = credit(world, id).and_then(|case| case.decision.as_ref()) {
        ensure!(decision.investigator != decision.approver, "four eyes on the credit");
    }
    let committed = reservation.is_some_and(|reservation| reservation.state.stands());
    let was_effective = effective || is_reversed || paid_in_full;
    ensure!(!committed || (was_effective && run.pivot_passed), "committed without an effective letter");
    // But for the bank's reversal, on the day of the pay-out, for relief and for subsidies.
    let reverses = |task: &organisation::OpenTask| {
        let of_a_loan = ["/check-reversal", "-relief", "/sign-plan", "-subsidy"];
        of_a_loan.iter().any(|name| task.task_id.ends_with(name))
    };
    let at_work = tasks.iter().find(|(_, task)| !reverses(task));
    ensure!(run.ending().is_none() || at_work.is_none(), "ended, and somebody is at {at_work:?}");
    ensure!(queued == matches!(run.state("reserve fund"), Some(State::Waiting)), "in the queue: {queued}");
    Ok(())
}

/// One application that has ended, when nothing is under way any more.
fn settled(world: &World, application: &Application) -> Result<(), String> {
    let id = &application.id;
    let ending = application.run.ending().ok_or_else(|| format!("waits for {:?}", application.run.waiting_for()))?;
    let (guarantee, credit) = (guarantee(world, id), credit(world, id));
    let reservation = application.reservation.as_ref().map(|reservation| reservation.state);
    let letter = guarantee.and_then(|case| case.letter.as_ref()).map(|letter| letter.state);
    let loan = world.shell::<Bank>().unwrap().own(&bank_core::rows::loan(id)).map(|row| match row {
        bank_core::Row::Loan(loan) => loan.state,
        other => panic!("no loan but {other:?}"),
    });
    let paid_out = credit.is_some_and(|case| case.paid_out.is_some());
    if application.reversed_on.is_some() {
        ensure!(
            *ending == Ending::Completed && loan == Some(LoanState::Reversed),
            "reversed, and the loan is {loan:?}"
        );
        ensure!(letter == Some(LetterState::Released), "reversed, and the letter is {letter:?}");
        ensure!(reservation == Some(ReservationState::Released), "reversed, and the reservation is {reservation:?}");
        let exposure = guarantee.map(|case| case.exposure_fen);
        ensure!(exposure == Some(Fen::ZERO), "reversed, and exposed to {exposure:?}");
        return Ok(());
    }
    relief_is_at_rest(world, application)?;
    if matches!(loan, Some(LoanState::Settled | LoanState::Prepaid)) {
        ensure!(letter == Some(LetterState::Released), "paid in full, and the letter is {letter:?}");
        ensure!(
            reservation == Some(ReservationState::Released),
            "paid in full, and the reservation is {reservation:?}"
        );
        let left = (guarantee.map(|case| case.exposure_fen.get()), liability_of(world, id)?, balance_of(world, id));
        ensure!(left == (Some(0), 0, 0), "paid in full, and {left:?} is left");
        return Ok(());
    }
    if *ending == Ending::Completed {
        ensure!(paid_out && loan.is_some_and(LoanState::is_living), "completed, and the loan is {loan:?}");
        ensure!(letter == Some(LetterState::Effective), "completed, and the letter is {letter:?}");
        ensure!(reservation.is_some_and(ReservationState::stands), "completed, and the reservation is {reservation:?}");
        let exposure = guarantee.map(|case| case.exposure_fen.get());
        ensure!(exposure == Some(balance_of(world, id)), "completed, and exposed to {exposure:?}");
        ensure!(exposure == Some(liability_of(world, id)?), "I6: exposed to {exposure:?}");
        return Ok(());
    }
    ensure!(!paid_out && matches!(loan, None | Some(LoanState::Terminated)), "{ending:?}, and the loan is {loan:?}");
    let revoked = matches!(letter, None | Some(LetterState::Revoked | LetterState::Expired));
    ensure!(revoked, "{ending:?}, and the letter is {letter:?}");
    let released = matches!(reservation, None | Some(ReservationState::Released));
    ensure!(released, "{ending:?}, and the reservation is {reservation:?}");
    ensure!(application.recommendation.is_none(), "{ending:?}, and the recommendation stands");
    if let Some(case) = guarantee {
        ensure!(case.exposure_fen == Fen::ZERO, "{ending:?}, and the guarantor is exposed to {}", case.exposure_fen);
        let agreed = |decision: &OpinionDecision| matches!(decision, OpinionDecision::Agreed { .. });
        let stands = case.opinion.as_ref().is_some_and(|opinion| agreed(&opinion.decision));
        ensure!(!stands && case.contracts.is_none(), "{ending:?}, and the guarantor is bound");
        ensure!(case.signing.is_none() && case.drafting.is_none(), "{ending:?}, and the guarantor is at work");
        ensure!(case.activation.is_none(), "{ending:?}, and the guarantor waits for a pay-out");
    }
    if let Some(case) = credit {
        ensure!(case.approval().is_none() && case.contract.is_none(), "{ending:?}, and the bank is bound");
        ensure!(case.signing.is_none() && case.payment.is_none(), "{ending:?}, and the bank is at work");
        ensure!(case.letter.is_none() && case.statements.is_empty(), "{ending:?}, and the bank holds a letter");
    }
    Ok(())
}

/// I9: what is paid is not more than the interest, once a loan and period; what is encumbered is there; U5001 is what was credited and
/// did not come back.
fn subsidies_are_what_the_claims_say(world: &World) -> Result<(), String> {
    let (mut paid, mut encumbered) = (0, 0);
    for application in applications(world) {
        let interest: i64 = application
            .life
            .receipts
            .iter()
            .filter(|known| known.reversed_on.is_none())
            .map(|known| known.receipt.interest_fen.get())
            .sum();
        let mut of_loan = 0;
        for claim in &application.claims {
            let standing: Vec<i64> = claim
                .payments
                .iter()
                .filter(|payment| payment.returned.is_none())
                .map(|payment| payment.amount_fen.fen().get())
                .collect();
            ensure!(standing.len() <= 1, "{}: {} is paid {} times", application.id, claim.period, standing.len());
            of_loan += standing.iter().sum::<i64>();
            encumbered += claim.amount_fen.filter(|_| claim.encumbered).map_or(0, |amount| amount.fen().get());
        }
        ensure!(of_loan <= interest, "I9: {} got {of_loan} back of {interest}", application.id);
        paid += of_loan;
    }
    let booked = [balance::<Union>(world, "U5001"), balance::<Union>(world, "U9003"), balance::<Union>(world, "U1002")];
    ensure!(booked[0] == paid, "I9: {paid} were credited, and U5001 is {}", booked[0]);
    ensure!(booked[1] == encumbered && encumbered <= booked[2], "I9: {encumbered} are encumbered: {booked:?}");
    Ok(())
}

/// What the union counts is what the bank has booked.
fn statistics_are_what_the_bank_booked(world: &World) -> Result<(), String> {
    let mut statistics = Statistics::by(By::Year);
    let calendar = Charter::programme_2017().calendar;
    applications(world).for_each(|application| statistics.count(application, &calendar));
    let lent = balance::<Bank>(world, "B1301") + balance::<Bank>(world, "B1303");
    let standing = cast::loans(world).filter(|loan| loan.life.is_some() && loan.state != LoanState::Reversed);
    let disbursed: i64 = standing.map(|loan| loan.amount_fen.fen().get()).sum();
    for (figure, booked) in [
        (Figure::Outstanding, lent),
        (Figure::Disbursed, disbursed),
        (Figure::PrincipalCollected, disbursed - lent),
        (Figure::Subsidised, balance::<Union>(world, "U5001")),
    ] {
        let counted = [&statistics.total].into_iter().chain(statistics.groups.values());
        let counted: Vec<i64> = counted.map(|group| group.figure(figure, false).unwrap_or_default()).collect();
        let (total, groups) = (counted[0], counted[1..].iter().sum::<i64>());
        ensure!(total == booked && groups == booked, "{}: {total}, {groups} by year, {booked}", figure.name());
    }
    Ok(())
}

/// Requests for relief are over, and what is in force is in force with all three.
fn relief_is_at_rest(world: &World, application: &Application) -> Result<(), String> {
    let id = &application.id;
    for relief in &application.reliefs {
        ensure!(relief.has_ended(), "R{} waits for {:?}", relief.no, relief.run.waiting_for());
    }
    let (guarantee, credit) = (guarantee(world, id), credit(world, id));
    let under_way =
        [guarantee.is_some_and(|case| case.relief.is_some()), credit.is_some_and(|case| case.relief.is_some())];
    ensure!(under_way == [false, false], "guarantor and bank are at relief: {under_way:?}");
    let life = cast::loan(world, id).filter(|loan| loan.state.is_living()).and_then(|loan| loan.life.as_ref());
    let in_force = application.reliefs.iter().find(|relief| relief.state() == ReliefState::InForce);
    ensure!(
        life.and_then(|life| life.relief).map(|relief| relief.no) == in_force.map(|relief| relief.no),
        "the plan in force is {:?} at the bank",
        life.and_then(|life| life.relief)
    );
    let switched = application.reliefs.iter().filter(|relief| relief.in_force_on.is_some()).count();
    let version = guarantee.and_then(|case| case.letter.as_ref()).map_or(1, |letter| letter.version);
    ensure!(usize::try_from(version) == Ok(switched + 1), "{switched} plans, and the letter's version is {version}");
    let superseded = |how: Option<How>| how == Some(How::Superseded);
    let last = application.reliefs.iter().rfind(|relief| relief.in_force_on.is_some());
    ensure!(!superseded(last.and_then(|relief| relief.over).map(|over| over.how)), "the last plan is superseded");
    Ok(())
}

/// What is lent on an application, overdue or not.
fn balance_of(world: &World, id: &ApplicationId) -> i64 {
    let of = |main: &str| AccountCode::parse(&format!("{main}/{id}")).unwrap();
    ["B1301", "B1303"].map(|main| balance_at::<Bank>(world, &of(main))).iter().sum()
}

fn liability_of(world: &World, id: &ApplicationId) -> Result<i64, String> {
    let account = guarantor_core::books::liability_of(id).map_err(|error| error.to_string())?;
    Ok(balance_at::<Guarantor>(world, &account))
}

/// How many applications ended how.
pub fn endings(world: &World) -> BTreeMap<&'static str, usize> {
    let mut endings = BTreeMap::new();
    for application in applications(world) {
        let word = match application.run.ending() {
            None => "open",
            Some(Ending::Completed) => "completed",
            Some(Ending::Refused { .. }) => "refused",
            Some(Ending::Withdrawn { .. }) => "withdrawn",
            Some(Ending::Expired { .. }) => "expired",
        };
        *endings.entry(word).or_default() += 1;
    }
    endings
}
