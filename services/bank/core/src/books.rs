//! The bank's books (DOMAIN.md section 3), as far as the programme touches them.
//!
//! | Code | Account | Side |
//! |---|---|---|
//! | B1003 | clearing: where the union's deposit came in | debit |
//! | B2012 | the union's deposit (I2: equal to U1001) | credit |
//! | B2013 | the union's money for subsidies (I2: equal to U1002) | credit |
//! | B1301/*application* | the principal of one loan that is not overdue | debit |
//! | B1303/*application* | its principal that is overdue | debit |
//! | B1132/*application* | its interest that has fallen due and is not paid | debit |
//! | B9132/*application* | memo: its interest that has been overdue for more than 90 days, and is income once it is paid | debit |
//! | B9000 | memo: counter-account of that | credit |
//! | B6011 | income of interest, penalty and compound interest | credit |
//! | B2011/*uscc* | the account of one borrower | credit |
//! | B2241/*application* | money paid out that waits for another account of the borrower's | credit |
//! | B2241/UM-*reference* | money that came and of which nobody knows for which loan | credit |
//!
//! Loans are booked one by one, because I5 and I6 hold loan by loan. Posted in a core-banking system of its own, a pay-out
//! is booked here too, once that system has said so: these books follow it, by the same key.

use crate::{
    Bank,
    command::DepositPurpose,
    payment::To,
    repayment::{Split, Taken},
    requests::World,
    roll,
};
use domain::{Amount, ApplicationId, Fen};
use ledger::{Account, AccountCode, Limit, Normal, Transfer, TransferId, Voucher};
use organisation::{Desk, Key, Refusal, RefusalKind, Stop};

/// Clearing.
pub const CLEARING: AccountCode = AccountCode::constant("B1003");
/// Deposit of the union.
pub const UNION_DEPOSIT: AccountCode = AccountCode::constant("B2012");
/// Money of the union for subsidies.
pub const UNION_SUBSIDY: AccountCode = AccountCode::constant("B2013");
/// Loans, below it by application.
pub const LOANS: AccountCode = AccountCode::constant("B1301");
/// Overdue loans, below it by application.
pub const OVERDUE: AccountCode = AccountCode::constant("B1303");
/// Interest receivable, below it by application.
pub const RECEIVABLE: AccountCode = AccountCode::constant("B1132");
/// Memo: interest off the balance, below it by application.
pub const OFF_BALANCE: AccountCode = AccountCode::constant("B9132");
/// Memo: counter-account of the interest off the balance.
pub const OFF_BALANCE_OF_ALL: AccountCode = AccountCode::constant("B9000");
/// Interest income.
pub const INTEREST: AccountCode = AccountCode::constant("B6011");
/// Suspense, below it by application: paid out, and the borrower's account closed.
pub const SUSPENSE: AccountCode = AccountCode::constant("B2241");
/// Borrowers' accounts, below it by unified social credit code.
pub const BORROWERS: AccountCode = AccountCode::constant("B2011");

/// The rows that opening the books reads.
pub(crate) fn opening_keys() -> [Key; 3] {
    [CLEARING, UNION_DEPOSIT, UNION_SUBSIDY].map(Key::Account)
}

/// The rows that are booked below one loan.
pub(crate) fn loan_keys(id: &ApplicationId, uscc: &str) -> impl Iterator<Item = Key> {
    [LOANS.sub(id), OVERDUE.sub(id), RECEIVABLE.sub(id), OFF_BALANCE.sub(id), BORROWERS.sub(uscc), SUSPENSE.sub(id)]
        .into_iter()
        .flatten()
        .map(Key::Account)
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

/// The transfer that a payment of the union's is booked as, into its deposit or for subsidies.
pub(crate) fn receipt(reference: &str) -> TransferId {
    TransferId::new(format!("deposit:{reference}"))
}

/// The union paid in: Dr 1003 Cr 2012 for its deposit, Cr 2013 for subsidies, once a reference.
pub(crate) fn receive_deposit(
    desk: &mut Desk<Bank>,
    reference: &str,
    amount: Amount,
    purpose: DepositPurpose,
) -> Result<(), Stop> {
    let conflict = |code: &str, title: &str, detail: &str| Refusal::new(RefusalKind::Conflict, code, title, detail);
    if desk.account(&UNION_DEPOSIT)?.is_none() {
        return Err(conflict("BOOKS_NOT_OPEN", "账簿尚未启用", "请先由运维启用账簿（POST /api/v1/books）。").into());
    }
    if is_booked(desk, &receipt(reference))? {
        return Err(conflict("REFERENCE_USED", "此凭证号已入账", "同一凭证号只入账一次，请核对凭证号。").into());
    }
    let credited = match purpose {
        DepositPurpose::Guarantee => UNION_DEPOSIT,
        DepositPurpose::Subsidy => UNION_SUBSIDY,
    };
    desk.open_account(Account::new(credited.clone(), Normal::Credit, Limit::NotBelowZero))?;
    let transfer = Transfer::posted(receipt(reference), &CLEARING, &credited, amount);
    book(desk, Voucher::new("receive_deposit", "programme").with(transfer))
}

/// A subsidy goes to the borrower: Dr 2013 Cr 2011, once a key. Whether the books took it.
pub(crate) fn subsidise(w: &mut World<'_>, key: &str, amount: Amount) -> Result<Result<(), ledger::Refusal>, Stop> {
    w.desk.open_account(Account::new(UNION_SUBSIDY, Normal::Credit, Limit::NotBelowZero))?;
    let borrower = credited(w, To::Borrower)?;
    let transfer = Transfer::posted(format!("subsidy:{key}"), &UNION_SUBSIDY, &borrower, amount);
    Ok(w.desk.book(Voucher::new("subsidise", &w.id).with(transfer))?)
}

/// It came back: Dr 2011 Cr 2013, once a payment. Whether the books took it.
pub(crate) fn subsidy_returned(
    w: &mut World<'_>,
    key: &str,
    amount: Amount,
) -> Result<Result<(), ledger::Refusal>, Stop> {
    let borrower = credited(w, To::Borrower)?;
    let transfer = Transfer::posted(format!("subsidy-returned:{key}"), &borrower, &UNION_SUBSIDY, amount);
    Ok(w.desk.book(Voucher::new("subsidy_returned", &w.id).with(transfer))?)
}

/// The transfer by which the money of a repayment comes in.
pub(crate) fn repayment(reference: &str) -> TransferId {
    TransferId::new(format!("repayment:{reference}"))
}

/// Whether a transfer was booked before.
pub(crate) fn is_booked(desk: &Desk<Bank>, id: &TransferId) -> Result<bool, Stop> {
    Ok(desk.rows().get(&Key::Transfer(id.clone()))?.is_some())
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

/// The accounts of one loan's collection, open from now on.
struct Collection {
    loan: AccountCode,
    overdue: AccountCode,
    receivable: AccountCode,
    off_balance: AccountCode,
    borrower: AccountCode,
}

fn collection(w: &mut World<'_>) -> Result<Collection, Stop> {
    let of = |main: AccountCode| main.sub(&w.id).map_err(malformed);
    let (loan, overdue, receivable, off_balance) = (of(LOANS)?, of(OVERDUE)?, of(RECEIVABLE)?, of(OFF_BALANCE)?);
    for code in [&overdue, &receivable] {
        w.desk.open_account(Account::new(code.clone(), Normal::Debit, Limit::NotBelowZero))?;
    }
    w.desk.open_account(Account::new(off_balance.clone(), Normal::MemoDebit, Limit::NotBelowZero))?;
    w.desk.open_account(Account::new(OFF_BALANCE_OF_ALL, Normal::MemoCredit, Limit::NotBelowZero))?;
    w.desk.open_account(Account::new(INTEREST, Normal::Credit, Limit::None))?;
    w.desk.open_account(Account::new(CLEARING, Normal::Debit, Limit::None))?;
    Ok(Collection { loan, overdue, receivable, off_balance, borrower: credited(w, To::Borrower)? })
}

/// The legs that are not of zero, each under a name of its own; one of less than zero goes the other way.
fn legs(mut voucher: Voucher, name: &str, parts: &[(&str, &AccountCode, &AccountCode, Fen)]) -> Result<Voucher, Stop> {
    for &(part, debit, credit, fen) in parts {
        let (debit, credit, fen) = match Fen::ZERO.checked_sub(fen) {
            Some(back) if fen.is_negative() => (credit, debit, back),
            _ => (debit, credit, fen),
        };
        if fen != Fen::ZERO {
            let amount = Amount::new(fen).map_err(|_| too_much())?;
            voucher = voucher.with(Transfer::posted(format!("{name}:{part}"), debit, credit, amount));
        }
    }
    Ok(voucher)
}

/// Interest has fallen due: Dr 1132 Cr 6011, or, where it is less than was booked, back. `number`: how often that was done before.
pub(crate) fn accrue(w: &mut World<'_>, number: u32, interest: Fen) -> Result<(), Stop> {
    let Collection { receivable, .. } = collection(w)?;
    let parts = [("interest", &receivable, &INTEREST, interest)];
    let name = format!("accrue:{}:{number}", w.id);
    book(w.desk, legs(Voucher::new("accrue", &w.id), &name, &parts)?)
}

/// A repayment: the money comes in, Dr 1003 Cr 2011, and goes to the loan, Dr 2011 Cr 1301 or 1303, Cr 1132, Cr 6011.
/// Of that, interest from off the balance is income now.
///
/// Money that waited in suspense comes from there, Dr 2241: that it came was booked under its reference then.
pub(crate) fn repaid(w: &mut World<'_>, reference: &str, taken: &Taken, from: From) -> Result<(), Stop> {
    let Split { principal_fen, interest_fen, penalty_fen } = taken.split;
    let id = repayment(reference);
    let all = Fen::sum([principal_fen, interest_fen, penalty_fen]).and_then(|all| Amount::new(all).ok());
    let borrower = credited(w, To::Borrower)?;
    let all = all.ok_or_else(too_much)?;
    let comes_in = match from {
        From::Outside => Transfer::posted(id.clone(), &CLEARING, &borrower, all),
        From::Suspense => Transfer::posted(format!("assigned:{reference}"), &in_suspense(reference)?, &borrower, all),
    };
    w.desk.open_account(Account::new(CLEARING, Normal::Debit, Limit::None))?;
    let voucher = Voucher::new("repaid", &w.id).with(comes_in);
    let voucher = goes_to_the_loan(w, voucher, id.as_str(), taken)?;
    book(w.desk, voucher)
}

/// Where the money of a repayment comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// From outside.
    Outside,
    /// It had come before, and waited in suspense.
    Suspense,
}

fn in_suspense(reference: &str) -> Result<AccountCode, Stop> {
    SUSPENSE.sub(format!("{}{reference}", crate::unidentified::PREFIX)).map_err(malformed)
}

/// The account in which money of this reference waits.
pub(crate) fn suspense_key(reference: &str) -> Option<Key> {
    in_suspense(reference).ok().map(Key::Account)
}

/// Money came whose loan is not known: Dr 1003 Cr 2241, under the transfer of a repayment, so that a reference is used once.
pub(crate) fn unidentified(desk: &mut Desk<Bank>, reference: &str, amount: Amount) -> Result<(), Stop> {
    let suspense = in_suspense(reference)?;
    desk.open_account(Account::new(CLEARING, Normal::Debit, Limit::None))?;
    desk.open_account(Account::new(suspense.clone(), Normal::Credit, Limit::NotBelowZero))?;
    let transfer = Transfer::posted(repayment(reference), &CLEARING, &suspense, amount);
    book(desk, Voucher::new("unidentified", "programme").with(transfer))
}

/// It goes back: Dr 2241 Cr 1003.
pub(crate) fn given_back(desk: &mut Desk<Bank>, reference: &str, amount: Amount) -> Result<(), Stop> {
    let transfer = Transfer::posted(format!("given-back:{reference}"), &in_suspense(reference)?, &CLEARING, amount);
    book(desk, Voucher::new("given_back", "programme").with(transfer))
}

/// From the borrower's account to the loan: its principal, overdue or not, its interest, on the balance or off it, and penalties.
fn goes_to_the_loan(w: &mut World<'_>, voucher: Voucher, id: &str, taken: &Taken) -> Result<Voucher, Stop> {
    let Taken { split, from_overdue_fen: from_overdue, from_off_balance_fen: from_off_balance, .. } = *taken;
    let Collection { loan, overdue, receivable, off_balance, borrower } = collection(w)?;
    let current = split.principal_fen.checked_sub(from_overdue).ok_or_else(too_much)?;
    let parts = [
        ("overdue", &borrower, &overdue, from_overdue),
        ("principal", &borrower, &loan, current),
        ("interest", &borrower, &receivable, split.interest_fen.checked_sub(from_off_balance).ok_or_else(too_much)?),
        ("off-balance", &borrower, &INTEREST, from_off_balance),
        ("off-balance-memo", &OFF_BALANCE_OF_ALL, &off_balance, from_off_balance),
        ("penalty", &borrower, &INTEREST, split.penalty_fen),
    ];
    legs(voucher, id, &parts)
}

/// A new loan repays an old one, in one voucher: Dr 1301 of the new one Cr 2011, and from there to the old one, as a repayment goes. Whether
/// the books took it: what the new loan falls short of has to be in the borrower's account.
pub(crate) fn roll(
    w: &mut World<'_>,
    key: &str,
    amount: Amount,
    old: &ApplicationId,
    taken: &Taken,
) -> Result<Result<(), ledger::Refusal>, Stop> {
    let loan = LOANS.sub(&w.id).map_err(malformed)?;
    w.desk.open_account(Account::new(loan.clone(), Normal::Debit, Limit::NotBelowZero))?;
    let borrower = credited(w, To::Borrower)?;
    let voucher = Voucher::new("roll", &w.id).with(Transfer::posted(key, &loan, &borrower, amount));
    let voucher = roll::of_old(w, old, |w| goes_to_the_loan(w, voucher, &format!("roll:{key}"), taken))?;
    Ok(w.desk.book(voucher)?)
}

/// A receipt was wrong: the counter-entries. What is overdue then is moved by [`overdue`].
pub(crate) fn repayment_reversed(w: &mut World<'_>, no: u32, split: &Split) -> Result<(), Stop> {
    let Collection { loan, receivable, borrower, .. } = collection(w)?;
    let name = format!("repayment-reversed:{}:{no}", w.id);
    let all = Fen::sum([split.principal_fen, split.interest_fen, split.penalty_fen]).ok_or_else(too_much)?;
    let parts = [
        ("principal", &loan, &borrower, split.principal_fen),
        ("interest", &receivable, &borrower, split.interest_fen),
        ("penalty", &INTEREST, &borrower, split.penalty_fen),
        ("money", &borrower, &CLEARING, all),
    ];
    book(w.desk, legs(Voucher::new("repayment_reversed", &w.id), &name, &parts)?)
}

/// Another part of the principal is overdue: Dr 1303 Cr 1301, or back. `number`: how often that was done before.
pub(crate) fn overdue(w: &mut World<'_>, number: u32, more: Fen) -> Result<(), Stop> {
    let Collection { loan, overdue, .. } = collection(w)?;
    let parts = [("principal", &overdue, &loan, more)];
    let name = format!("overdue:{}:{number}", w.id);
    book(w.desk, legs(Voucher::new("overdue", &w.id), &name, &parts)?)
}

/// Another part of the interest has been overdue for too long: Dr 6011 Cr 1132 and the memo on, or back. `number`: how often that was
/// done before.
pub(crate) fn shift(w: &mut World<'_>, number: u32, more: Fen) -> Result<(), Stop> {
    let Collection { receivable, off_balance, .. } = collection(w)?;
    let parts = [("interest", &INTEREST, &receivable, more), ("memo", &off_balance, &OFF_BALANCE_OF_ALL, more)];
    let name = format!("off-balance:{}:{number}", w.id);
    book(w.desk, legs(Voucher::new("off_balance", &w.id), &name, &parts)?)
}

fn too_much() -> Stop {
    Stop::Illegal("an amount of the bank's books is too large".into())
}
