//! The bank's books (DOMAIN.md section 3), as far as the programme touches them.
//!
//! | Code | Account | Side |
//! |---|---|---|
//! | B1003 | clearing: where the union's deposit came in | debit |
//! | B2012 | the union's deposit (I2: equal to U1001) | credit |
//! | B1301/*application* | the principal of one loan | debit |
//! | B2011/*uscc* | the account of one borrower | credit |
//! | B2241/*application* | money paid out that waits for another account of the borrower's | credit |
//!
//! Loans are booked one by one, because I5 and I6 hold loan by loan. Posted in a core-banking system of its own, a pay-out
//! is booked here too, once that system has said so: these books follow it, by the same key.

use crate::{Bank, payment::To, requests::World};
use domain::{Amount, ApplicationId, Fen};
use ledger::{Account, AccountCode, Limit, Normal, Transfer, TransferId, Voucher};
use organisation::{Desk, Key, Refusal, RefusalKind, Stop};

/// Clearing.
pub const CLEARING: AccountCode = AccountCode::constant("B1003");
/// Deposit of the union.
pub const UNION_DEPOSIT: AccountCode = AccountCode::constant("B2012");
/// Loans, below it by application.
pub const LOANS: AccountCode = AccountCode::constant("B1301");
/// Suspense, below it by application: paid out, and the borrower's account closed.
pub const SUSPENSE: AccountCode = AccountCode::constant("B2241");
/// Borrowers' accounts, below it by unified social credit code.
pub const BORROWERS: AccountCode = AccountCode::constant("B2011");

/// The rows that opening the books reads.
pub(crate) fn opening_keys() -> [Key; 2] {
    [Key::Account(CLEARING), Key::Account(UNION_DEPOSIT)]
}

/// The rows that a pay-out books, or its correction.
pub(crate) fn loan_keys(id: &ApplicationId, uscc: &str) -> impl Iterator<Item = Key> {
    [LOANS.sub(id), BORROWERS.sub(uscc), SUSPENSE.sub(id)].into_iter().flatten().map(Key::Account)
}

/// Opens the books with the union's deposit, once.
pub(crate) fn open_books(desk: &mut Desk<Bank>, deposit_fen: Fen) -> Result<(), Stop> {
    let amount = Amount::new(deposit_fen)
        .map_err(|error| Refusal::new(RefusalKind::Invalid, "AMOUNT", "金额无效", format!("存款金额无效：{error}")))?;
    if desk.account(&UNION_DEPOSIT)?.is_some() {
        return Err(Refusal::new(RefusalKind::Conflict, "BOOKS_OPEN", "账簿已启用", "账簿只能启用一次。").into());
    }
    desk.open_account(Account::new(CLEARING, Normal::Debit, Limit::None))?;
    desk.open_account(Account::new(UNION_DEPOSIT, Normal::Credit, Limit::NotBelowZero))?;
    let transfer = Transfer::posted("open:union-deposit", &CLEARING, &UNION_DEPOSIT, amount);
    book(desk, Voucher::new("open_books", "programme").with(transfer))
}

/// The transfer that a payment into the deposit is booked as.
pub(crate) fn receipt(reference: &str) -> TransferId {
    TransferId::new(format!("deposit:{reference}"))
}

/// The union paid into its deposit: Dr 1003 Cr 2012, once a reference.
pub(crate) fn receive_deposit(desk: &mut Desk<Bank>, reference: &str, amount: Amount) -> Result<(), Stop> {
    let conflict = |code: &str, title: &str, detail: &str| Refusal::new(RefusalKind::Conflict, code, title, detail);
    if desk.account(&UNION_DEPOSIT)?.is_none() {
        return Err(conflict("BOOKS_NOT_OPEN", "账簿尚未启用", "请先由运维启用账簿（POST /api/v1/books）。").into());
    }
    if desk.rows().get(&Key::Transfer(receipt(reference)))?.is_some() {
        return Err(conflict("REFERENCE_USED", "此凭证号已入账", "同一凭证号只入账一次，请核对凭证号。").into());
    }
    let transfer = Transfer::posted(receipt(reference), &CLEARING, &UNION_DEPOSIT, amount);
    book(desk, Voucher::new("receive_deposit", "programme").with(transfer))
}

fn book(desk: &mut Desk<Bank>, voucher: Voucher) -> Result<(), Stop> {
    desk.book(voucher)?.map_err(|refusal| Stop::Illegal(format!("the bank's books refuse: {refusal}")))
}

fn malformed(error: ledger::AccountCodeError) -> Stop {
    Stop::Illegal(error.to_string())
}

/// The borrower's account, and the loan's place in suspense; open from now on.
fn credited(w: &mut World<'_>, to: To) -> Result<AccountCode, Stop> {
    let code = match to {
        To::Borrower => BORROWERS.sub(w.file()?.firm.uscc.to_string()),
        To::Suspense => SUSPENSE.sub(&w.id),
    };
    let code = code.map_err(malformed)?;
    w.desk.open_account(Account::new(code.clone(), Normal::Credit, Limit::NotBelowZero))?;
    Ok(code)
}

/// The loan is paid out: Dr 1301 Cr 2011, or Cr 2241, under the payment's key. Whether the books took it.
pub(crate) fn disburse(
    w: &mut World<'_>,
    key: &str,
    amount: Amount,
    to: To,
) -> Result<Result<(), ledger::Refusal>, Stop> {
    let loan = LOANS.sub(&w.id).map_err(malformed)?;
    w.desk.open_account(Account::new(loan.clone(), Normal::Debit, Limit::NotBelowZero))?;
    let credited = credited(w, to)?;
    let voucher = Voucher::new("disburse", &w.id).with(Transfer::posted(key, &loan, &credited, amount));
    Ok(w.desk.book(voucher)?)
}

/// The pay-out is reversed: Dr 2011 Cr 1301, or Dr 2241, once a payment. Whether the books took it.
pub(crate) fn reverse(
    w: &mut World<'_>,
    key: &str,
    amount: Amount,
    from: To,
) -> Result<Result<(), ledger::Refusal>, Stop> {
    let (loan, debited) = (LOANS.sub(&w.id).map_err(malformed)?, credited(w, from)?);
    let transfer = Transfer::posted(format!("reverse:{key}"), &debited, &loan, amount);
    Ok(w.desk.book(Voucher::new("reverse", &w.id).with(transfer))?)
}

/// What waited in suspense is the borrower's: Dr 2241 Cr 2011, once a payment.
pub(crate) fn correct(w: &mut World<'_>, key: &str, amount: Amount) -> Result<(), Stop> {
    let (suspense, borrower) = (credited(w, To::Suspense)?, credited(w, To::Borrower)?);
    let transfer = Transfer::posted(format!("correct:{key}"), &suspense, &borrower, amount);
    book(w.desk, Voucher::new("correct", &w.id).with(transfer))
}
