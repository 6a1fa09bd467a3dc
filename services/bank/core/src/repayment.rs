//! S5: what the borrower pays, from the pay-out to the last fen. Money is taken for what is owed on its value date, in the order of
//! DOMAIN.md; a wrong receipt is reversed by name and never taken away; what has fallen due and was not paid is overdue from the next
//! day on. Each event is reported to union and guarantor under the loan's own number.
//!
//! How a sum is split and what is owed [`domain::loan`] knows. It refuses a receipt that is dated ahead, comes twice or is more than is
//! owed, and a reversal once everything is paid: letter, reservation and counter-guarantee are gone then.

use crate::{
    Fact, Row, books,
    command::RepaymentKind,
    contract,
    life::{self, EntryReversed, Life, OFF_BALANCE_AFTER},
    relief,
    requests::World,
    rows::{self, Loan, LoanInput, LoanState},
    subsidy,
};
use contracts::{LoanDue, LoanReceipt, LoanReport, LoanReported, LoanSchedule, Message};
use domain::{
    Amount, Date, Fen, Mode, Party,
    loan::{self, ChangeError, Part, Receipt, ReceiptError},
    schedule::{self, End, ScheduleError, Terms},
};
use organisation::{Person, Refusal, RefusalKind, Stop, participant::refused};

/// Money that was received for a loan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Money<'a> {
    /// The bank's reference of it: once in all its books.
    pub reference: &'a str,
    /// The day on which it counts.
    pub value_date: Date,
    /// How much.
    pub amount_fen: Amount,
    /// What it is for.
    pub kind: RepaymentKind,
}

fn invalid(code: &str, title: &str, detail: impl Into<String>) -> Stop {
    Refusal::new(RefusalKind::Invalid, code, title, detail).into()
}

pub(crate) fn overflow() -> Stop {
    Stop::Illegal("a sum of the loan is too large".into())
}

fn row<'w>(w: &'w World<'_>) -> Result<Option<&'w Loan>, Stop> {
    Ok(match w.desk.own(&rows::loan(&w.id))? {
        Some(Row::Loan(loan)) => Some(loan),
        _ => None,
    })
}

/// The loan, while it lives.
pub(crate) fn living<'w>(w: &'w World<'_>) -> Result<Option<&'w Life>, Stop> {
    Ok(row(w)?.filter(|loan| loan.state.is_living()).and_then(|loan| loan.life.as_deref()))
}

pub(crate) fn must_live<'w>(w: &'w World<'_>) -> Result<&'w Life, Stop> {
    if let Some(life) = living(w)? {
        return Ok(life);
    }
    Err(match row(w)?.map(|loan| loan.state) {
        Some(LoanState::Settled | LoanState::Prepaid) => {
            refused("SETTLED", "贷款已结清", "此笔贷款已结清，保函、预留与反担保已解除，不能再收款或冲正。")
        }
        _ => refused("NOT_PAID_OUT", "没有在贷", "此申请没有已放款的贷款。"),
    })
}

fn record(w: &mut World<'_>, fact: life::Fact) -> Result<(), Stop> {
    w.record(Fact::Loan(fact))
}

/// The loan is paid out.
pub(crate) fn begin(w: &mut World<'_>) -> Result<(), Stop> {
    let loan = row(w)?.ok_or_else(|| Stop::Illegal(format!("{} has no loan", w.id)))?;
    let receipt = loan.receipt.as_ref().ok_or_else(|| Stop::Illegal(format!("{} is not paid out", w.id)))?;
    let terms = Terms {
        method: loan.method,
        principal: receipt.amount_fen,
        rate: receipt.rate_ppm,
        from: receipt.value_date,
        end: End::On(receipt.maturity_on),
        mode: Mode::Month,
    };
    let penalty_rate = schedule::penalty_rate(terms.rate, w.charter()?.penalty_percent).ok_or_else(overflow)?;
    let id = w.id.clone();
    record(w, life::Fact::Begun { id, terms, penalty_rate })
}

/// Money that waited in suspense was for this loan.
pub(crate) fn assign(w: &mut World<'_>, by: &Person, money: &Money<'_>) -> Result<(), Stop> {
    receive_from(w, by, money, books::From::Suspense)
}

/// The bank has received money for the loan.
pub(crate) fn receive(w: &mut World<'_>, by: &Person, money: &Money<'_>) -> Result<(), Stop> {
    if books::is_booked(w.desk, &books::repayment(money.reference))? {
        must_live(w)?;
        return Err(refused("REFERENCE_USED", "此凭证号已入账", "同一凭证号只入账一次，请核对凭证号。"));
    }
    receive_from(w, by, money, books::From::Outside)
}

fn receive_from(w: &mut World<'_>, by: &Person, money: &Money<'_>, from: books::From) -> Result<(), Stop> {
    let Money { reference, value_date, amount_fen, kind } = *money;
    let (today, mut after) = (w.desk.at().date(), must_live(w)?.loan.clone());
    if value_date > today {
        return Err(invalid("VALUE_DATE", "起息日无效", format!("起息日 {value_date} 晚于今日 {today}。")));
    }
    if kind != RepaymentKind::Scheduled {
        if value_date != today {
            return Err(invalid("VALUE_DATE", "起息日无效", "提前还款只能以当日为起息日入账。"));
        }
        let (falls_due, what) = match kind {
            RepaymentKind::Part { principal_fen } => (after.part_falls_due(today, principal_fen), "部分提前还款"),
            _ => (after.fall_due(today), "提前结清"),
        };
        falls_due.map_err(|error| cannot_fall_due(&error))?;
        let owed = owed(&after, today)?;
        if owed != amount_fen.fen() {
            let detail = format!("当日{what}应还 {owed} 元。");
            return Err(invalid("NOT_WHOLE", "金额与应还不符", detail));
        }
        record(w, life::Fact::Rescheduled { id: w.id.clone(), loan: Box::new(after.clone()) })?;
        if matches!(kind, RepaymentKind::Part { .. }) {
            report_schedule(w, None)?;
        }
    }
    let taken = take(w, after, value_date, amount_fen)?;
    books::repaid(w, reference, &taken, from)?;
    enter(w, taken, reference, by)
}

/// Money that is taken for a loan, split, and not booked yet.
pub(crate) struct Taken {
    receipt: Receipt,
    /// How it is booked.
    pub split: Split,
    /// How much of its principal leaves B1303.
    pub from_overdue_fen: Fen,
    /// How much of its interest leaves B9132.
    pub from_off_balance_fen: Fen,
}

/// Everything that is owed on a day.
pub(crate) fn take_all(w: &mut World<'_>, on: Date) -> Result<Taken, Stop> {
    let after = must_live(w)?.loan.clone();
    let owed = Amount::new(owed(&after, on)?).map_err(|_| Stop::Illegal(format!("{} owes nothing", w.id)))?;
    take(w, after, on, owed)
}

fn take(w: &mut World<'_>, mut after: loan::Loan, value_date: Date, amount_fen: Amount) -> Result<Taken, Stop> {
    let today = w.desk.at().date();
    let receipt = after.receive(value_date, amount_fen).map_err(not_taken)?.clone();
    accrue(w)?;
    let (life, split) = (must_live(w)?, split(&receipt)?);
    let from_overdue_fen = leaves(life.overdue_fen, after.overdue_principal(today), split.principal_fen)?;
    let long_overdue = after.interest_overdue_for(OFF_BALANCE_AFTER, today);
    let from_off_balance_fen = leaves(life.off_balance_fen, long_overdue, split.interest_fen)?;
    Ok(Taken { receipt, split, from_overdue_fen, from_off_balance_fen })
}

/// What was taken is booked: it counts, and everybody hears of it.
pub(crate) fn enter(w: &mut World<'_>, taken: Taken, reference: &str, by: &Person) -> Result<(), Stop> {
    let Taken { receipt, from_overdue_fen, from_off_balance_fen, .. } = taken;
    let value_date = receipt.on;
    let (id, reference, by) = (w.id.clone(), reference.to_owned(), by.clone());
    record(w, life::Fact::Received { id, receipt, from_overdue_fen, from_off_balance_fen, reference, by })?;
    let receipt = last_receipt(w)?;
    if receipt.interest_fen > Fen::ZERO {
        subsidy::note(w, value_date, false)?;
    }
    report(w, LoanReport::Received { receipt })?;
    look(w)
}

/// Whether money was received that was not reversed.
pub(crate) fn has_come(w: &World<'_>) -> Result<bool, Stop> {
    Ok(living(w)?.is_some_and(|life| life.loan.counted().next().is_some()))
}

/// What is owed on a day, in all.
fn owed(loan: &loan::Loan, on: Date) -> Result<Fen, Stop> {
    let lines = loan.owed(on).ok_or_else(overflow)?;
    Fen::sum(lines.iter().map(|line| line.amount_fen)).ok_or_else(overflow)
}

fn cannot_fall_due(error: &ChangeError) -> Stop {
    let detail = match error {
        ChangeError::TooLate { .. } => "当日或以后的应还款项已有收款，不能再提前还款。",
        ChangeError::Deferred => "尚有延期的利息未还，不能部分提前还款；可以提前结清。",
        ChangeError::Schedule(ScheduleError::NoPart { .. }) => "部分提前还款须少于剩余本金；全部归还请按提前结清办理。",
        _ => "提前还款须在放款日之后、最终到期日之前；到期日请按期还款。",
    };
    refused("NOT_EARLY", "不能提前还款", detail)
}

fn not_taken(error: ReceiptError) -> Stop {
    match error {
        ReceiptError::TooEarly { on, earliest } => {
            invalid("VALUE_DATE", "起息日无效", format!("起息日 {on} 早于 {earliest}（放款日或上一笔收款的起息日）。"))
        }
        ReceiptError::MoreThanOwed { owed } => {
            let detail = format!("该日应还 {owed} 元；提前结清请注明，多余款项请退回或另行登记。");
            invalid("MORE_THAN_OWED", "金额超过应还", detail)
        }
        ReceiptError::NoReceipt { seq } => {
            Refusal::new(RefusalKind::NotFound, "NO_RECEIPT", "没有此笔收款", format!("没有第 {seq} 笔收款。")).into()
        }
        ReceiptError::Superseded { seq } => {
            let detail = format!("第 {seq} 笔收款提前归还了本金，此后还款计划又有变更或收款，不能冲正。");
            refused("SUPERSEDED", "不能冲正", detail)
        }
        ReceiptError::Reversed { seq } => refused("REVERSED", "已经冲正", format!("第 {seq} 笔收款已经冲正。")),
        ReceiptError::Overflow => overflow(),
    }
}

/// How a receipt is booked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Split {
    /// Principal.
    pub principal_fen: Fen,
    /// Contract interest.
    pub interest_fen: Fen,
    /// Penalty and compound interest.
    pub penalty_fen: Fen,
}

fn split(receipt: &Receipt) -> Result<Split, Stop> {
    let sum = |of: fn(Part) -> bool| receipt.sum(of).ok_or_else(overflow);
    Ok(Split {
        principal_fen: sum(Part::is_principal)?,
        interest_fen: sum(Part::is_contract_interest)?,
        penalty_fen: sum(Part::is_penalty)?,
    })
}

/// How much of what a receipt pays leaves an account: what is there and will not be any more.
fn leaves(there: Fen, left: Option<Fen>, paid: Fen) -> Result<Fen, Stop> {
    let freed = left.and_then(|left| there.checked_sub(left)).ok_or_else(overflow)?;
    Ok(freed.max(Fen::ZERO).min(paid))
}

fn receipt_of(life: &Life, receipt: &Receipt) -> Result<LoanReceipt, Stop> {
    let Split { principal_fen, interest_fen, penalty_fen } = split(receipt)?;
    Ok(LoanReceipt {
        no: receipt.seq,
        value_date: receipt.on,
        principal_fen,
        interest_fen,
        penalty_fen,
        outstanding_fen: life.loan.outstanding().ok_or_else(overflow)?,
    })
}

fn last_receipt(w: &World<'_>) -> Result<LoanReceipt, Stop> {
    let life = must_live(w)?;
    let last = life.loan.receipts().last();
    receipt_of(life, last.ok_or_else(|| Stop::Illegal(format!("{} has no receipt", w.id)))?)
}

/// A receipt was wrong: counter-entries, and it is owed again from its day on.
pub(crate) fn reverse(w: &mut World<'_>, by: &Person, no: u32, because: &str) -> Result<(), Stop> {
    let on = w.desk.at().date();
    let life = must_live(w)?;
    life.loan.clone().reverse(no).map_err(not_taken)?;
    let found = life.loan.receipts().iter().find(|receipt| receipt.seq == no);
    let receipt = found.ok_or_else(|| not_taken(ReceiptError::NoReceipt { seq: no }))?.clone();
    books::repayment_reversed(w, no, &split(&receipt)?)?;
    let version = must_live(w)?.loan.version();
    let reversed = EntryReversed { by: by.clone(), on, because: because.to_owned() };
    record(w, life::Fact::Reversed { id: w.id.clone(), no, reversed })?;
    if must_live(w)?.loan.version() != version {
        report_schedule(w, None)?;
    }
    accrue(w)?;
    let receipt = receipt_of(must_live(w)?, &receipt)?;
    report(w, LoanReport::Reversed { receipt, on })?;
    look(w)
}

/// The day of something that falls due, or the day after it, has begun.
pub(crate) fn tick(w: &mut World<'_>) -> Result<(), Stop> {
    let today = w.desk.at().date();
    if w.case()?.is_none_or(|case| case.paid_out.is_none()) {
        return Ok(());
    }
    let is_due = living(w)?.and_then(Life::next_look).is_some_and(|day| day <= today);
    if !is_due {
        return Ok(());
    }
    accrue(w)?;
    look(w)?;
    record(w, life::Fact::Looked { id: w.id.clone(), on: today })
}

/// What has fallen due is income, paid or not: Dr 1132 Cr 6011. Back, where a reversal makes that it has not.
fn accrue(w: &mut World<'_>) -> Result<(), Stop> {
    let life = must_live(w)?;
    let (fallen, number) = (life.loan.interest_fallen_due(w.desk.at().date()), life.accruals);
    let interest_fen = fallen.and_then(|fallen| fallen.checked_sub(life.accrued_fen)).ok_or_else(overflow)?;
    if interest_fen == Fen::ZERO {
        return Ok(());
    }
    books::accrue(w, number, interest_fen)?;
    record(w, life::Fact::Accrued { id: w.id.clone(), interest_fen })
}

/// Where the loan stands today: what of it is overdue and for how long, and whether it is paid in full.
fn look(w: &mut World<'_>) -> Result<(), Stop> {
    let today = w.desk.at().date();
    let life = must_live(w)?;
    let overdue_fen = life.loan.overdue_principal(today).ok_or_else(overflow)?;
    let off_balance_fen = life.loan.interest_overdue_for(OFF_BALANCE_AFTER, today).ok_or_else(overflow)?;
    let (moved, shifted) = (life.moved, life.shifted);
    let more = overdue_fen.checked_sub(life.overdue_fen).ok_or_else(overflow)?;
    let more_off_balance = off_balance_fen.checked_sub(life.off_balance_fen).ok_or_else(overflow)?;
    if more != Fen::ZERO {
        books::overdue(w, moved, more)?;
        record(w, life::Fact::Moved { id: w.id.clone(), overdue_fen })?;
    }
    if more_off_balance != Fen::ZERO {
        books::shift(w, shifted, more_off_balance)?;
        record(w, life::Fact::Shifted { id: w.id.clone(), off_balance_fen })?;
    }
    relief::look(w, today)?;
    let life = must_live(w)?;
    if life.loan.is_settled() {
        return paid_in_full(w);
    }
    let state = row(w)?.map(|loan| loan.state);
    // A plan in force is broken by what it moved, not by what was overdue before.
    if state == Some(LoanState::Relief) {
        return Ok(());
    }
    let is_overdue = state == Some(LoanState::Overdue);
    match life.loan.overdue_since(today) {
        Some(since) if !is_overdue && life.not_called_overdue_until(since).is_some_and(|until| today <= until) => {
            Ok(())
        }
        Some(since) if !is_overdue => goes(w, LoanInput::FellOverdue, LoanReport::Overdue { since }),
        None if is_overdue => goes(w, LoanInput::BroughtCurrent, LoanReport::Current {}),
        _ => Ok(()),
    }
}

/// What kept the loan from being called overdue is gone, or another schedule holds.
pub(crate) fn look_again(w: &mut World<'_>) -> Result<(), Stop> {
    if living(w)?.is_none() {
        return Ok(());
    }
    accrue(w)?;
    look(w)
}

/// Union and guarantor are told what falls due from now on.
pub(crate) fn report_schedule(w: &mut World<'_>, relief: Option<u32>) -> Result<(), Stop> {
    let loan = &must_live(w)?.loan;
    let mut dues: Vec<LoanDue> = loan
        .current()
        .map(|(_, due)| LoanDue {
            on: due.on,
            principal_fen: due.principal_fen,
            interest_fen: due.interest_fen,
            deferred: due.deferred,
        })
        .collect();
    dues.sort_by_key(|due| (due.on, !due.deferred));
    let maturity_on = loan.maturity().ok_or_else(overflow)?;
    let schedule = LoanSchedule { version: loan.version(), maturity_on, relief, dues };
    report(w, LoanReport::Rescheduled { schedule })
}

fn paid_in_full(w: &mut World<'_>) -> Result<(), Stop> {
    let life = must_live(w)?;
    let maturity = life.loan.terms().maturity().map_err(|error| Stop::Illegal(format!("{}: {error}", w.id)))?;
    let on = life.loan.counted().map(|receipt| receipt.on).max();
    let on = on.ok_or_else(|| Stop::Illegal(format!("{} is paid by nothing", w.id)))?;
    let prepaid = on < maturity;
    let input = if prepaid { LoanInput::Prepaid } else { LoanInput::Settled };
    subsidy::note(w, on, true)?;
    goes(w, input, LoanReport::Settled { on, prepaid })
}

pub(crate) fn goes(w: &mut World<'_>, input: LoanInput, what: LoanReport) -> Result<(), Stop> {
    contract::loan_may(w, input)?;
    record(w, life::Fact::Went { id: w.id.clone(), input })?;
    report(w, what)
}

/// Union and guarantor are told, under the loan's next number.
pub(crate) fn report(w: &mut World<'_>, report: LoanReport) -> Result<(), Stop> {
    record(w, life::Fact::Reported { id: w.id.clone(), report: report.clone() })?;
    let seq = row(w)?.and_then(|loan| loan.life.as_ref()).map_or(0, |life| life.reports.len());
    for message in said(w, u32::try_from(seq).unwrap_or(u32::MAX), report)? {
        w.desk.say(message);
    }
    Ok(())
}

fn said(w: &World<'_>, seq: u32, report: LoanReport) -> Result<[Message; 2], Stop> {
    let about = w.about(&format!("loan:{}:{seq}", w.id))?;
    let said = LoanReported { about, seq, report };
    Ok([Message::LoanReportedToGuarantor(said.clone()), Message::LoanReportedToUnion(said)])
}

/// A partner lacks reports: it hears them again.
pub(crate) fn asked(w: &mut World<'_>, partner: Party, from: u32) -> Result<(), Stop> {
    let reports = row(w)?.and_then(|loan| loan.life.as_ref()).map(|life| life.reports.clone()).unwrap_or_default();
    for (seq, report) in (1_u32..).zip(reports).filter(|(seq, _)| *seq >= from) {
        for message in said(w, seq, report)?.into_iter().filter(|message| message.kind().route().1 == partner) {
            w.desk.say(message);
        }
    }
    Ok(())
}
