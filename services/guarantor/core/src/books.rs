//! The guarantor's books (DOMAIN.md section 3): its own money, and the liability that it carries.
//!
//! | Code | Account | Side |
//! |---|---|---|
//! | G1002 | cash | debit |
//! | G3001 | own capital, against which the books are opened | credit |
//! | G9001/*application* | 在保责任 of one loan | memo, debit |
//! | G9000 | counter-account of all liabilities: its balance is what the guarantor carries in all | memo, credit |
//!
//! DOMAIN.md names neither G3001 nor G9000; double entry needs both. The liability is booked per application, because I6
//! compares it loan by loan with the bank's balance.

use crate::{Guarantor, requests::World};
use domain::{Amount, ApplicationId, Fen};
use ledger::{Account, AccountCode, Limit, Normal, Transfer, Voucher};
use organisation::{Desk, Key, Refusal, RefusalKind, Stop};

/// Cash.
pub const CASH: AccountCode = AccountCode::constant("G1002");
/// Own capital.
pub const CAPITAL: AccountCode = AccountCode::constant("G3001");
/// Memo: counter-account of the liabilities.
pub const LIABILITIES: AccountCode = AccountCode::constant("G9000");
/// Memo: the liability for one loan, below it by application.
pub const LIABILITY: AccountCode = AccountCode::constant("G9001");

/// The liability account of one loan.
///
/// # Errors
/// Never for a well-formed application number.
pub fn liability_of(id: &ApplicationId) -> Result<AccountCode, Stop> {
    LIABILITY.sub(id).map_err(|error| Stop::Illegal(error.to_string()))
}

/// The rows that opening the books reads.
pub(crate) fn opening_keys() -> [Key; 2] {
    [CASH, CAPITAL].map(Key::Account)
}

/// The rows that switching a liability on reads.
pub(crate) fn liability_keys(id: &ApplicationId) -> Vec<Key> {
    [Ok(LIABILITIES), liability_of(id)].into_iter().flatten().map(Key::Account).collect()
}

/// Opens the books with the guarantor's own capital, once.
pub(crate) fn open_books(desk: &mut Desk<Guarantor>, capital_fen: Fen) -> Result<(), Stop> {
    let amount = Amount::new(capital_fen)
        .map_err(|error| Refusal::new(RefusalKind::Invalid, "AMOUNT", "金额无效", error.to_string()))?;
    if desk.account(&CASH)?.is_some() {
        return Err(Refusal::new(RefusalKind::Conflict, "BOOKS_OPEN", "账簿已启用", "账簿只能启用一次。").into());
    }
    desk.open_account(Account::new(CASH, Normal::Debit, Limit::NotBelowZero))?;
    desk.open_account(Account::new(CAPITAL, Normal::Credit, Limit::None))?;
    let opening = Transfer::posted("open:capital", &CASH, &CAPITAL, amount);
    book(desk, Voucher::new("open_books", "programme").with(opening))
}

/// The letter is effective: the liability for the loan is on (G9001 + P). Its accounts are opened by the first loan.
pub(crate) fn liability_on(w: &mut World<'_>, letter_no: &str, amount: Amount) -> Result<(), Stop> {
    let account = liability_of(&w.id)?;
    w.desk.open_account(Account::new(LIABILITIES, Normal::MemoCredit, Limit::NotBelowZero))?;
    w.desk.open_account(Account::new(account.clone(), Normal::MemoDebit, Limit::NotBelowZero))?;
    let transfer = Transfer::posted(format!("effective:{letter_no}"), &account, &LIABILITIES, amount);
    book(w.desk, Voucher::new("effective", &w.id).with(transfer))
}

/// The letter is let go: the liability for the loan is off (G9001 − P).
pub(crate) fn liability_off(w: &mut World<'_>, letter_no: &str, amount: Amount) -> Result<(), Stop> {
    let account = liability_of(&w.id)?;
    let transfer = Transfer::posted(format!("released:{letter_no}"), &LIABILITIES, &account, amount);
    book(w.desk, Voucher::new("released", &w.id).with(transfer))
}

/// Principal is paid back: the liability for the loan falls (G9001 − p).
pub(crate) fn repaid(w: &mut World<'_>, receipt: u32, principal: Fen) -> Result<(), Stop> {
    let account = liability_of(&w.id)?;
    move_liability(w, "repaid", receipt, [&LIABILITIES, &account], principal)
}

/// A receipt was reversed: the liability is what it was (G9001 + p).
pub(crate) fn repayment_reversed(w: &mut World<'_>, receipt: u32, principal: Fen) -> Result<(), Stop> {
    let account = liability_of(&w.id)?;
    move_liability(w, "repayment_reversed", receipt, [&account, &LIABILITIES], principal)
}

/// A receipt of interest alone moves nothing.
fn move_liability(
    w: &mut World<'_>,
    event: &'static str,
    receipt: u32,
    [debit, credit]: [&AccountCode; 2],
    principal: Fen,
) -> Result<(), Stop> {
    let Ok(amount) = Amount::new(principal) else { return Ok(()) };
    let transfer = Transfer::posted(format!("{event}:{}:{receipt}", w.id), debit, credit, amount);
    book(w.desk, Voucher::new(event, &w.id).with(transfer))
}

fn book(desk: &mut Desk<Guarantor>, voucher: Voucher) -> Result<(), Stop> {
    desk.book(voucher)?.map_err(|refusal| Stop::Illegal(format!("the guarantor's books refuse: {refusal}")))
}
