//! The guarantee fund: reserve, shrink, commit, release; admission by I3 and I4 (DOMAIN.md section 3).
//!
//! Books are memo pairs: `U9001` what is held, `U9002` what is committed, each against `U9000`, the fund's capacity.
//! It refuses a reservation that would break an invariant, and queues it; it never moves money.

use crate::{
    Fact, Reason, Row, Union,
    application::{Reservation, ReservationState, beyond},
    living,
    origination::Origination,
    programme, renewal,
    rows::{self, FundRow},
    subsidy::saga::Subsidising,
};
use domain::{Amount, ApplicationId, Fen};
use ledger::{Account, AccountCode, Limit, Normal, Transfer, Voucher};
use organisation::{Desk, Key, Refusal, RefusalKind, Stop};
use saga::{Here, Must};

/// Deposit account at the bank.
pub const DEPOSIT: AccountCode = AccountCode::constant("U1001");
/// Fund capital.
pub const CAPITAL: AccountCode = AccountCode::constant("U3001");
/// Memo: counter-account of what is held and committed.
pub const CAPACITY: AccountCode = AccountCode::constant("U9000");
/// Memo: held for applications.
pub const HELD: AccountCode = AccountCode::constant("U9001");
/// Memo: committed behind loans.
pub const COMMITTED: AccountCode = AccountCode::constant("U9002");

/// Subsidy account at the bank.
pub const SUBSIDIES: AccountCode = AccountCode::constant("U1002");
/// Appropriation for subsidies.
pub const APPROPRIATION: AccountCode = AccountCode::constant("U3002");
/// Subsidies paid.
pub const SUBSIDIES_PAID: AccountCode = AccountCode::constant("U5001");
/// Memo: encumbered for claims that are passed.
pub const ENCUMBERED: AccountCode = AccountCode::constant("U9003");
/// Memo: counter-account of what is encumbered.
pub const ENCUMBRANCE: AccountCode = AccountCode::constant("U9004");

const ACCOUNTS: [AccountCode; 10] =
    [DEPOSIT, CAPITAL, CAPACITY, HELD, COMMITTED, SUBSIDIES, APPROPRIATION, SUBSIDIES_PAID, ENCUMBERED, ENCUMBRANCE];

/// The rows that any decision about the fund reads.
pub(crate) fn keys() -> impl Iterator<Item = Key> {
    ACCOUNTS.into_iter().map(Key::Account).chain([rows::fund(), rows::programme()])
}

/// Opens the books: the union's deposit stands at the bank against the fund's capital. Once.
pub(crate) fn open_books(desk: &mut Desk<Union>, deposit: Fen) -> Result<(), Stop> {
    let amount = Amount::new(deposit)
        .map_err(|error| Refusal::new(RefusalKind::Invalid, "AMOUNT", "金额无效", error.to_string()))?;
    if desk.account(&DEPOSIT)?.is_some() {
        return Err(Refusal::new(RefusalKind::Conflict, "BOOKS_OPEN", "账簿已启用", "账簿只能启用一次。").into());
    }
    for (code, normal) in [
        (DEPOSIT, Normal::Debit),
        (CAPITAL, Normal::Credit),
        (CAPACITY, Normal::MemoCredit),
        (HELD, Normal::MemoDebit),
        (COMMITTED, Normal::MemoDebit),
    ] {
        desk.open_account(Account::new(code, normal, Limit::NotBelowZero))?;
    }
    let opening =
        Voucher::new("open_books", "programme").with(Transfer::posted("open:deposit", &DEPOSIT, &CAPITAL, amount));
    book(desk, opening)
}

fn book(desk: &mut Desk<Union>, voucher: Voucher) -> Result<(), Stop> {
    desk.book(voucher)?.map_err(|refusal| Stop::Illegal(format!("the union's books refuse: {refusal}")))
}

fn balance(desk: &Desk<Union>, code: &AccountCode) -> Result<Fen, Stop> {
    match desk.account(code)? {
        Some(account) => Ok(account.balance()),
        None => Err(Refusal::new(
            RefusalKind::Conflict,
            "BOOKS_NOT_OPEN",
            "账簿尚未启用",
            "请先由运维启用账簿（POST /api/v1/books）。",
        )
        .into()),
    }
}

fn fund(desk: &Desk<Union>) -> Result<FundRow, Stop> {
    Ok(match desk.own(&rows::fund())? {
        Some(Row::Fund(fund)) => fund.clone(),
        _ => FundRow::default(),
    })
}

fn overflow() -> Stop {
    Stop::Illegal("an amount of the fund exceeds what can be counted".into())
}

/// S1 step 3. Reserves the fund's share of the amount asked, or waits: for those before it, for the fund, or for the
/// programme to be resumed.
pub(crate) fn reserve(w: &mut Origination) -> Result<Here<Reason>, Stop> {
    let exposure = w.application()?.wish.amount_fen;
    let multiple = w.charter.leverage_multiple;
    let rolls = renewal::stands_behind(w)?;
    let more = beyond(exposure.fen(), rolls);
    let share = more.ceil_div(multiple).ok_or_else(overflow)?;
    let fund = fund(&w.desk)?;
    let in_line = fund.queue.iter().position(|id| *id == w.id);
    // First in, first out: whoever waits goes before whoever comes.
    let is_next = in_line.map_or(fund.queue.is_empty(), |place| place == 0);
    let is_suspended = programme::is_suspended(&w.desk)?;
    if w.application()?.waits_for_programme != is_suspended {
        w.desk.record(Fact::WaitsForProgramme { id: w.id.clone(), suspended: is_suspended })?;
    }
    if !is_next || is_suspended || !admits(&w.desk, &fund, more, share, multiple)? {
        if in_line.is_none() {
            w.desk.record(Fact::Queued { id: w.id.clone() })?;
        }
        return Ok(Here::Wait);
    }
    if in_line.is_some() {
        w.desk.record(Fact::LeftQueue { id: w.id.clone() })?;
    }
    // A renewal that is not above the loan that it repays holds nothing of its own.
    if let Ok(amount) = Amount::new(share) {
        let name = format!("reserve:{}", w.id);
        book(&mut w.desk, Voucher::new("reserve", &w.id).with(Transfer::posted(name, &HELD, &CAPACITY, amount)))?;
    }
    let reservation = Reservation {
        id: format!("YL-{}", w.id),
        exposure_fen: exposure,
        reserved_fen: share,
        rolls,
        outstanding_fen: None,
        covers_until: None,
        state: ReservationState::Held,
    };
    w.desk.record(Fact::Reserved { id: w.id.clone(), reservation })?;
    next_in_line(w)?;
    Ok(Here::Done)
}

/// I3: what is held and committed stays within the deposit. I4: what is guaranteed stays within its multiple.
fn admits(desk: &Desk<Union>, fund: &FundRow, exposure: Fen, share: Fen, multiple: u32) -> Result<bool, Stop> {
    let deposit = balance(desk, &DEPOSIT)?;
    let bound = Fen::sum([balance(desk, &HELD)?, balance(desk, &COMMITTED)?, share]).ok_or_else(overflow)?;
    let guaranteed = fund.guaranteed_fen.checked_add(exposure).ok_or_else(overflow)?;
    let capacity = deposit.checked_mul(i64::from(multiple)).ok_or_else(overflow)?;
    Ok(bound <= deposit && guaranteed <= capacity)
}

/// A smaller amount was approved at step 4 or 5: the reservation shrinks in the same saga.
pub(crate) fn shrink(w: &mut Origination, approved: Amount) -> Result<(), Stop> {
    let Some(reservation) = w.application()?.reservation.clone() else { return Ok(()) };
    if reservation.state != ReservationState::Held || approved.fen() >= reservation.exposure_fen.fen() {
        return Ok(());
    }
    let more = beyond(approved.fen(), reservation.rolls);
    let share = more.ceil_div(w.charter.leverage_multiple).ok_or_else(overflow)?;
    let freed = reservation.reserved_fen.checked_sub(share).ok_or_else(overflow)?;
    if let Ok(freed) = Amount::new(freed) {
        // An approval only ever lowers the amount, so the new one names the voucher.
        let id = format!("shrink:{}:{}", w.id, approved.fen().get());
        let voucher = Voucher::new("shrink", &w.id).with(Transfer::posted(id, &CAPACITY, &HELD, freed));
        book(&mut w.desk, voucher)?;
    }
    w.desk.record(Fact::ReservationShrunk { id: w.id.clone(), exposure_fen: approved, reserved_fen: share })?;
    next_in_line(w)
}

/// The undo of [`reserve`]: leaves the queue, or gives the reservation back.
pub(crate) fn release(w: &mut Origination) -> Result<(), Stop> {
    if fund(&w.desk)?.queue.contains(&w.id) {
        w.desk.record(Fact::LeftQueue { id: w.id.clone() })?;
    }
    let held = w.application()?.reservation.clone().filter(|reservation| reservation.state == ReservationState::Held);
    if let Some(reservation) = held {
        if let Ok(amount) = Amount::new(reservation.reserved_fen) {
            let name = format!("release:{}", w.id);
            book(&mut w.desk, Voucher::new("release", &w.id).with(Transfer::posted(name, &CAPACITY, &HELD, amount)))?;
        }
        w.desk.record(Fact::ReservationReleased { id: w.id.clone() })?;
    }
    next_in_line(w)
}

/// S1 step 11: the reservation stands behind a loan from now on. What repaid another waits here for the bank's word of that one's
/// settlement, with which its share comes over.
pub(crate) fn commit(w: &mut Origination) -> Result<Must, Stop> {
    let Some(reservation) = w.application()?.reservation.clone() else {
        return Err(Stop::Illegal(format!("{} has no reservation to commit", w.id)));
    };
    if reservation.rolls.is_some_and(|rolls| rolls > Fen::ZERO) {
        return Ok(Must::Wait);
    }
    reservation.state.on(reservation.commitment()).map_err(|error| Stop::Illegal(format!("{}: {error}", w.id)))?;
    let amount = Amount::new(reservation.reserved_fen).map_err(|_| overflow())?;
    let voucher =
        Voucher::new("commit", &w.id).with(Transfer::posted(format!("commit:{}", w.id), &COMMITTED, &HELD, amount));
    book(&mut w.desk, voucher)?;
    w.desk.record(Fact::ReservationCommitted { id: w.id.clone() })?;
    let_go(w)?;
    living::advance(w)?;
    Ok(Must::Done)
}

/// S5: principal was paid back, or a receipt reversed. The reservation is `ceil(outstanding / multiple)` from now on.
///
/// A reversal may take more than the fund has left, as others were let in meanwhile: I3 and I4 admit, they do not undo. Nobody else is
/// let in until they hold again.
pub(crate) fn recut(w: &mut Origination, seq: u32) -> Result<(), Stop> {
    let application = w.application()?;
    let (Some(reservation), Some(receipt)) = (application.reservation.clone(), &application.receipt) else {
        return Err(Stop::Illegal(format!("{} has no reservation behind a loan", w.id)));
    };
    let outstanding_fen = application.life.outstanding(receipt.amount_fen.fen()).ok_or_else(overflow)?;
    let reserved_fen = outstanding_fen.ceil_div(w.charter.leverage_multiple).ok_or_else(overflow)?;
    let name = format!("recut:{}:{seq}", w.id);
    let mut transfers = Vec::from_iter(moved(&name, &COMMITTED, reservation.reserved_fen, reserved_fen)?);
    let roll = rolls_over(w, outstanding_fen, &seq.to_string(), &mut transfers)?;
    if !transfers.is_empty() {
        let voucher = transfers.into_iter().fold(Voucher::new("recut", &w.id), Voucher::with);
        book(&mut w.desk, voucher)?;
    }
    w.desk.record(Fact::ReservationRecut { id: w.id.clone(), outstanding_fen, reserved_fen })?;
    if let Some(roll) = roll {
        w.desk.record(roll)?;
    }
    next_in_line(w)
}

/// What this loan lets go of, the one that is to repay it holds in the same voucher: never twice, and never nothing between.
fn rolls_over(w: &Origination, still: Fen, because: &str, transfers: &mut Vec<Transfer>) -> Result<Option<Fact>, Stop> {
    let Some((id, roll)) = renewal::roll_of(w)? else { return Ok(None) };
    let more = beyond(roll.exposure_fen.fen(), Some(still));
    let reserved_fen = more.ceil_div(w.charter.leverage_multiple).ok_or_else(overflow)?;
    transfers.extend(moved(&format!("roll:{id}:{because}"), &HELD, roll.reserved_fen, reserved_fen)?);
    Ok(Some(Fact::ReservationRolls { id, rolls: still, reserved_fen }))
}

/// The transfer that brings a memo account from one sum of a reservation to another, if they differ.
fn moved(name: &str, account: &AccountCode, before: Fen, after: Fen) -> Result<Option<Transfer>, Stop> {
    let less = Amount::new(before.checked_sub(after).ok_or_else(overflow)?);
    let more = Amount::new(after.checked_sub(before).ok_or_else(overflow)?);
    Ok(match (less, more) {
        (Ok(less), _) => Some(Transfer::posted(name, &CAPACITY, account, less)),
        (_, Ok(more)) => Some(Transfer::posted(name, account, &CAPACITY, more)),
        _ => None,
    })
}

/// S5: everything is paid, and nothing is reserved behind it any more.
pub(crate) fn settled(w: &mut Origination) -> Result<(), Stop> {
    w.desk.record(Fact::ReservationReleased { id: w.id.clone() })?;
    renewal::looks_again(w)?;
    next_in_line(w)
}

/// The loan behind which the reservation stands is none any more: the bank has reversed its pay-out.
pub(crate) fn let_go(w: &mut Origination) -> Result<(), Stop> {
    let application = w.application()?;
    let committed = application.reservation.clone().filter(|one| one.state.stands());
    let Some(reservation) = committed.filter(|_| application.reversed_on.is_some()) else { return Ok(()) };
    let amount = Amount::new(reservation.reserved_fen).map_err(|_| overflow())?;
    let id = format!("let-go:{}", w.id);
    let mut transfers = vec![Transfer::posted(id, &CAPACITY, &COMMITTED, amount)];
    let roll = rolls_over(w, Fen::ZERO, "let-go", &mut transfers)?;
    let voucher = transfers.into_iter().fold(Voucher::new("let_go", &w.id), Voucher::with);
    book(&mut w.desk, voucher)?;
    w.desk.record(Fact::ReservationReleased { id: w.id.clone() })?;
    if let Some(roll) = roll {
        w.desk.record(roll)?;
    }
    renewal::looks_again(w)?;
    next_in_line(w)
}

/// S13: more money stands at the bank against the fund's capital; who waits for the fund looks again.
pub(crate) fn top_up(desk: &mut Desk<Union>, number: u32, amount: Amount) -> Result<(), Stop> {
    let voucher = Voucher::new("top_up", "programme").with(Transfer::posted(
        format!("topup:{number}"),
        &DEPOSIT,
        &CAPITAL,
        amount,
    ));
    book(desk, voucher)?;
    head_looks_again(desk, None)
}

/// S13: money for subsidies stands at the bank; claims that wait for it look again.
pub(crate) fn appropriate(desk: &mut Desk<Union>, number: u32, amount: Amount) -> Result<(), Stop> {
    for (code, normal) in [
        (SUBSIDIES, Normal::Debit),
        (APPROPRIATION, Normal::Credit),
        (SUBSIDIES_PAID, Normal::Debit),
        (ENCUMBERED, Normal::MemoDebit),
        (ENCUMBRANCE, Normal::MemoCredit),
    ] {
        desk.open_account(Account::new(code, normal, Limit::NotBelowZero))?;
    }
    let id = format!("appropriate:{number}");
    book(
        desk,
        Voucher::new("appropriate", "programme").with(Transfer::posted(id, &SUBSIDIES, &APPROPRIATION, amount)),
    )?;
    for waiting in fund(desk)?.subsidies_wait {
        desk.follow(rows::application(&waiting));
    }
    Ok(())
}

fn balance_or_zero(desk: &Desk<Union>, code: &AccountCode) -> Result<Fen, Stop> {
    Ok(desk.account(code)?.map_or(Fen::ZERO, Account::balance))
}

fn amount_of(s: &Subsidising) -> Result<Amount, Stop> {
    let amount = s.claim()?.amount_fen;
    amount.ok_or_else(|| Stop::Illegal(format!("{}: nothing is passed for {}", s.w.id, s.period)))
}

/// One claim's voucher at this stage, for the so-many-th time.
fn subsidy_voucher(s: &Subsidising, what: &'static str) -> Result<(Voucher, String), Stop> {
    let nth = s.claim()?.runs.len();
    Ok((Voucher::new(what, &s.w.id), format!("{what}:{}:{}:{nth}", s.w.id, s.period)))
}

/// S6 step 3: the account holds so much for this claim, or it waits for more money.
pub(crate) fn encumber(s: &mut Subsidising) -> Result<Here<Reason>, Stop> {
    let amount = amount_of(s)?;
    let (id, waits) = (s.w.id.clone(), fund(&s.w.desk)?.subsidies_wait.contains(&s.w.id));
    let bound = balance_or_zero(&s.w.desk, &ENCUMBERED)?.checked_add(amount.fen()).ok_or_else(overflow)?;
    if bound > balance_or_zero(&s.w.desk, &SUBSIDIES)? {
        if !waits {
            s.w.desk.record(Fact::SubsidyWaits { id, waits: true })?;
        }
        return Ok(Here::Wait);
    }
    if waits {
        s.w.desk.record(Fact::SubsidyWaits { id, waits: false })?;
    }
    let (voucher, name) = subsidy_voucher(s, "encumber")?;
    book(&mut s.w.desk, voucher.with(Transfer::posted(name, &ENCUMBERED, &ENCUMBRANCE, amount)))?;
    s.w.desk.record(Fact::SubsidyEncumbered { id: s.w.id.clone(), period: s.period, encumbered: true })?;
    Ok(Here::Done)
}

/// The undo of [`encumber`].
pub(crate) fn release_subsidy(s: &mut Subsidising) -> Result<(), Stop> {
    let id = s.w.id.clone();
    if fund(&s.w.desk)?.subsidies_wait.contains(&id) {
        s.w.desk.record(Fact::SubsidyWaits { id: id.clone(), waits: false })?;
    }
    if !s.claim()?.encumbered {
        return Ok(());
    }
    let amount = amount_of(s)?;
    let (voucher, name) = subsidy_voucher(s, "disencumber")?;
    book(&mut s.w.desk, voucher.with(Transfer::posted(name, &ENCUMBRANCE, &ENCUMBERED, amount)))?;
    Ok(s.w.desk.record(Fact::SubsidyEncumbered { id, period: s.period, encumbered: false })?)
}

/// S6 step 6: the borrower has it: Dr 5001 Cr 1002, and nothing is encumbered for it any more.
pub(crate) fn book_subsidy(s: &mut Subsidising) -> Result<Must, Stop> {
    let amount = amount_of(s)?;
    let (voucher, name) = subsidy_voucher(s, "subsidise")?;
    book(&mut s.w.desk, voucher.with(Transfer::posted(name, &SUBSIDIES_PAID, &SUBSIDIES, amount)))?;
    release_subsidy(s)?;
    Ok(Must::Done)
}

/// It came back: Dr 1002 Cr 5001, once a payment.
pub(crate) fn subsidy_back(w: &mut Origination, key: &str, amount: Amount) -> Result<(), Stop> {
    let transfer = Transfer::posted(format!("subsidy-back:{key}"), &SUBSIDIES, &SUBSIDIES_PAID, amount);
    book(&mut w.desk, Voucher::new("subsidy_back", &w.id).with(transfer))
}

/// Refuses what needs books before they are open.
pub(crate) fn must_be_open(desk: &Desk<Union>) -> Result<(), Stop> {
    balance(desk, &DEPOSIT).map(drop)
}

/// Something became free, or the place at the head of the queue did: whoever is next looks again.
fn next_in_line(w: &mut Origination) -> Result<(), Stop> {
    head_looks_again(&mut w.desk, Some(&w.id))
}

/// Lending was suspended or resumed: all that wait look again, first in, first out, and say what they wait for.
pub(crate) fn all_look_again(desk: &mut Desk<Union>) -> Result<(), Stop> {
    for waiting in fund(desk)?.queue {
        desk.follow(rows::application(&waiting));
    }
    Ok(())
}

/// The first in the queue, but for this one, looks whether it can go on.
pub(crate) fn head_looks_again(desk: &mut Desk<Union>, but: Option<&ApplicationId>) -> Result<(), Stop> {
    let next = fund(desk)?.queue.into_iter().find(|id| Some(id) != but);
    if let Some(next) = next {
        desk.follow(rows::application(&next));
    }
    Ok(())
}
