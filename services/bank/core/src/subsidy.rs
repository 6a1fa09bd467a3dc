//! S6 at the bank: the cut-off list of what borrowers have paid, by maker and checker; the payment of a row, once the union orders it;
//! and its return, where the borrower's account does not take it.
//!
//! A receipt is listed once, whatever period its list is for. It refuses to pay what no released list holds, more than the interest of
//! the row, or the same row twice, and it never decides who gets a subsidy: that is the union's.

use crate::{
    Bank, Fact, Row, Step, books,
    case::{Released, Returned, Said, SubsidyPaid},
    command::ListCheck,
    life::{self, Life},
    repayment,
    requests::World,
    rows::{self, ListRow, Loan, PreparedList, SubsidyList},
};
use contracts::{About, Message, NotPaid, PaySubsidy, SubsidyListed, SubsidyReport, SubsidyReturned, SubsidyRow};
use domain::{
    Date, Fen,
    charter::SubsidyTrigger,
    loan::{Part, Receipt},
    subsidy::Period,
};
use organisation::{
    Desk, Key, Person, Refusal, RefusalKind, Rows, Stop, charters,
    participant::{self, Cases, refused},
};
use saga::participant::{Input, Response, Work};

fn list(desk: &Desk<Bank>, period: Period) -> Result<Option<&SubsidyList>, Stop> {
    Ok(match desk.own(&rows::subsidy_list(period))? {
        Some(Row::SubsidyList(list)) => Some(list),
        _ => None,
    })
}

/// Interest was received, or the loan is settled: it belongs into the next list that is still open, from that of this day on.
pub(crate) fn note(w: &mut World<'_>, on: Date, settled: bool) -> Result<(), Stop> {
    let trigger = w.charter()?.subsidy.trigger;
    if (trigger == SubsidyTrigger::OnSettlement) != settled {
        return Ok(());
    }
    let mut period = Period::of(trigger, on);
    while list(w.desk, period)?.is_some_and(|list| list.prepared.is_some()) {
        let next = period.last_day().tomorrow().map_err(|error| Stop::Illegal(error.to_string()))?;
        period = Period::of(trigger, next);
    }
    let is_in_it = list(w.desk, period)?.is_some_and(|list| list.loans.contains(&w.id));
    if is_in_it { Ok(()) } else { w.record(Fact::SubsidyDue { id: w.id.clone(), period }) }
}

/// The lists in which interest of a day may be noted, as far as the rows here tell. Where a charter lists by the year, its list is
/// loaded in a second round.
pub(crate) fn keys_of(rows: &Rows<Row>, day: Date) -> Vec<Key> {
    let mut period = Period::of(SubsidyTrigger::OnSettlement, day);
    let mut keys = vec![rows::subsidy_list(period)];
    while let Ok(Some(Row::SubsidyList(list))) = rows.own(&rows::subsidy_list(period))
        && list.prepared.is_some()
        && let Ok(next) = period.last_day().tomorrow()
    {
        period = Period::of(SubsidyTrigger::OnSettlement, next);
        keys.push(rows::subsidy_list(period));
    }
    keys
}

/// The rows that preparing a list reads, as far as its own row is here.
pub(crate) fn keys(rows: &Rows<Row>, period: Period) -> Vec<Key> {
    let key = rows::subsidy_list(period);
    let loans = match rows.own(&key) {
        Ok(Some(Row::SubsidyList(list))) => list.loans.iter().flat_map(|id| [rows::loan(id), rows::case(id)]).collect(),
        _ => Vec::new(),
    };
    [key].into_iter().chain(loans).collect()
}

fn not_prepared(period: Period) -> Stop {
    Refusal::new(RefusalKind::NotFound, "NO_LIST", "没有此清单", format!("{period} 的贴息清单尚未编制。")).into()
}

/// The maker prepares the list of a period, on its cut-off day or later.
pub(crate) fn prepare(bank: &Bank, desk: &mut Desk<Bank>, by: &Person, period: Period) -> Result<(), Stop> {
    let today = desk.at().date();
    let Some((_, charter)) = charters::in_force(bank, desk, today)? else {
        return Err(refused("POLICY_NOT_IN_FORCE", "当日无有效章程", "当日没有三方均已接受的有效章程。"));
    };
    let cut_off = charter.subsidy.cut_off(period, &charter.calendar)?;
    if today < cut_off {
        return Err(refused("TOO_EARLY", "未到截止日", format!("{period} 的贴息清单自截止日 {cut_off} 起编制。")));
    }
    let found = list(desk, period)?.ok_or_else(|| {
        let detail = format!("{period} 没有应列入贴息清单的贷款。");
        Refusal::new(RefusalKind::NotFound, "NOTHING_TO_LIST", "无可列入的贷款", detail)
    })?;
    if found.released.is_some() {
        return Err(refused("LIST_RELEASED", "清单已放行", "该期贴息清单已放行，不再变更。"));
    }
    if found.prepared.is_some() {
        return Err(refused("PROPOSAL_OPEN", "清单待复核", "该期贴息清单已编制，待另一人复核。"));
    }
    let mut listed = Vec::new();
    for id in &found.loans {
        let Some(Row::Loan(loan)) = desk.own(&rows::loan(id))? else { continue };
        listed.extend(row_of(loan)?);
    }
    let rows = listed.iter().map(|row| (row.application_id.to_string(), row.interest_fen, row.receipts.as_slice()));
    let hash = SubsidyRow::list_digest(period, rows);
    let prepared = PreparedList { by: by.clone(), on: today, rows: listed, hash };
    Ok(desk.record(Fact::SubsidyListPrepared { period, prepared })?)
}

/// What of a loan's interest was received and not listed before.
fn row_of(loan: &Loan) -> Result<Option<ListRow>, Stop> {
    let Some(life) = loan.life.as_deref() else { return Ok(None) };
    let interest = |receipt: &Receipt| receipt.sum(Part::is_contract_interest);
    let fresh = |receipt: &&Receipt| !life.listed.contains(&receipt.seq);
    let counted: Vec<&Receipt> = life.loan.counted().filter(fresh).collect();
    let sums = counted.iter().map(|receipt| interest(receipt)).collect::<Option<Vec<Fen>>>();
    let interest_fen = sums.and_then(Fen::sum).ok_or_else(repayment::overflow)?;
    let receipts = counted.iter().filter(|receipt| interest(receipt) > Some(Fen::ZERO)).map(|receipt| receipt.seq);
    let row = ListRow { application_id: loan.application_id.clone(), interest_fen, receipts: receipts.collect() };
    Ok((interest_fen > Fen::ZERO).then_some(row))
}

/// The checker releases the list: the union hears of every row; or sends it back.
pub(crate) fn check(desk: &mut Desk<Bank>, by: &Person, period: Period, verdict: &ListCheck) -> Result<(), Stop> {
    let prepared = list(desk, period)?.filter(|list| list.released.is_none()).and_then(|list| list.prepared.clone());
    let prepared = prepared.ok_or_else(|| not_prepared(period))?;
    if prepared.by.is_also(by) {
        return Err(refused("FOUR_EYES", "须由另一人复核", "清单的编制人不得复核。"));
    }
    if let ListCheck::Return { because } = verdict {
        participant::must_say_why(because)?;
        let (by, because) = (by.clone(), because.clone());
        return Ok(desk.record(Fact::SubsidyListReturned { period, by, because })?);
    }
    let on = desk.at().date();
    desk.record(Fact::SubsidyListReleased { period, released: Released { by: by.clone(), on } })?;
    let of = u32::try_from(prepared.rows.len()).unwrap_or(u32::MAX);
    for (no, row) in (1..).zip(prepared.rows) {
        let ListRow { application_id: id, interest_fen, receipts } = row;
        let charter = match desk.own(&rows::case(&id))?.and_then(Bank::case).and_then(Bank::file) {
            Some((_, charter)) => charter,
            None => return Err(Stop::Illegal(format!("{id} is listed and was never taken up"))),
        };
        desk.record(Fact::Loan(life::Fact::Listed { id: id.clone(), receipts: receipts.clone() }))?;
        let about = About { application_id: id, charter, key: format!("sub:{period}:{no}") };
        let list_hash = prepared.hash.clone();
        let row = SubsidyRow { period, no, of, list_hash, interest_fen, receipts };
        desk.say(Message::SubsidyListed(SubsidyListed { about, row }));
    }
    Ok(())
}

/// The union orders the payment of a row.
pub(crate) fn ordered(w: &mut World<'_>, ask: &PaySubsidy) -> Result<(), Stop> {
    participant::ask(w, &ask.about, Step::PaySubsidy, |w| {
        let report = match precondition(w, ask)? {
            Ok(()) => pay(w, ask)?,
            Err(why) => SubsidyReport::NotPaid { why },
        };
        let paid = matches!(report, SubsidyReport::Paid { .. });
        let said = Said::Subsidy(report);
        let input = if paid { Input::Finished(said) } else { Input::Declined(said) };
        w.settle(&ask.about, Step::PaySubsidy, &input)?;
        Ok(Ok(()))
    })
}

fn precondition(w: &World<'_>, ask: &PaySubsidy) -> Result<Result<(), NotPaid>, Stop> {
    let released = list(w.desk, ask.period)?.filter(|list| list.released.is_some());
    let rows = released.and_then(|list| list.prepared.as_ref()).map(|prepared| &prepared.rows);
    let Some(row) = rows.and_then(|rows| rows.iter().find(|row| row.application_id == w.id)) else {
        return Ok(Err(NotPaid::NotListed));
    };
    let stands = |paid: &SubsidyPaid| paid.period == ask.period && paid.returned.is_none();
    if w.open_case()?.subsidies.iter().any(stands) {
        return Ok(Err(NotPaid::PaidBefore));
    }
    Ok(if ask.amount_fen.fen() > row.interest_fen { Err(NotPaid::AboveInterest) } else { Ok(()) })
}

fn pay(w: &mut World<'_>, ask: &PaySubsidy) -> Result<SubsidyReport, Stop> {
    let on = w.desk.at().date();
    let posting_no = format!("TX-{}-{}", w.id, w.open_case()?.subsidies.len().saturating_add(1));
    if books::subsidise(w, &ask.about.key, ask.amount_fen)?.is_err() {
        return Ok(SubsidyReport::NotPaid { why: NotPaid::NoFunds });
    }
    let paid = SubsidyPaid {
        key: ask.about.key.clone(),
        period: ask.period,
        amount_fen: ask.amount_fen,
        on,
        posting_no: posting_no.clone(),
        returned: None,
    };
    w.record(Fact::SubsidyPaid { id: w.id.clone(), paid })?;
    Ok(SubsidyReport::Paid { on, posting_no })
}

/// The union asks what became of the key.
pub(crate) fn queried(w: &mut World<'_>, about: &About) -> Result<(), Stop> {
    w.settle(about, Step::PaySubsidy, &Input::Query)
}

/// The union closes the key.
pub(crate) fn closed(w: &mut World<'_>, about: &About) -> Result<(), Stop> {
    let Response { work, reply } = w.turn(&about.key, Step::PaySubsidy, &Input::Close)?;
    match work {
        // An order is settled in the decision that takes it.
        None => w.reply(about, Step::PaySubsidy, reply),
        Some(Work::Cancel | Work::Begin | Work::Undo) => {
            Err(Stop::Illegal(format!("closing `{}` finds work under way", about.key)))
        }
    }
}

/// The borrower's account does not take it (退汇): Dr 2011 Cr 2013, and the union hears so.
pub(crate) fn come_back(w: &mut World<'_>, by: &Person, period: Period, because: &str) -> Result<(), Stop> {
    let stands = |paid: &&SubsidyPaid| paid.period == period && paid.returned.is_none();
    let paid = w.case()?.and_then(|case| case.subsidies.iter().find(stands)).cloned();
    let paid = paid.ok_or_else(|| {
        Refusal::new(
            RefusalKind::NotFound,
            "NO_SUBSIDY",
            "没有此笔贴息",
            format!("{} 没有 {period} 已付的贴息。", w.id),
        )
    })?;
    if books::subsidy_returned(w, &paid.key, paid.amount_fen)?.is_err() {
        return Err(refused("MONEY_GONE", "款项已动用", "借款企业账户余额不足，贴息不能退回。"));
    }
    let on = w.desk.at().date();
    let returned = Returned { by: by.clone(), on, because: because.to_owned() };
    w.record(Fact::SubsidyReturned { id: w.id.clone(), key: paid.key.clone(), returned })?;
    let about = w.about(&paid.key)?;
    w.desk.say(Message::SubsidyReturned(SubsidyReturned { about, on, because: because.to_owned() }));
    Ok(())
}

impl Life {
    /// Notes that these receipts are in a list.
    pub(crate) fn list(&mut self, receipts: &[u32]) {
        self.listed.extend(receipts);
    }
}
