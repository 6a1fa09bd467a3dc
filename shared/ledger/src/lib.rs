//! Double entry: what an organisation's accounts are, and whether a voucher may be booked on them.
//!
//! A [`Voucher`] is one business event: several [`Transfer`]s that stand or fall together, each from one account to
//! another, so that debits equal credits by construction (DOMAIN.md I1). A transfer is posted at once, or pending until it
//! is posted (whole or in part), voided, or expires. What is posted is never changed: a mistake is corrected by a reversal,
//! a counter-entry that names the original. Ids make everything idempotent: the same voucher again changes nothing.
//!
//! Pure: no clock, no IO. The caller brings the accounts and transfers that a voucher names ([`Voucher::accounts`],
//! [`Voucher::transfer_ids`]) as [`Books`]; [`Books::decide`] answers with the rows to write, or a [`Refusal`] that left
//! everything as it was. It refuses to open accounts by itself and knows no business rule but an account's [`Limit`].
//!
//! ```
//! use domain::{Amount, Fen, Moment};
//! use ledger::{Account, AccountCode, Booking, Books, Limit, Normal, Refusal, Transfer, Voucher};
//!
//! const LOANS: AccountCode = AccountCode::constant("B1301");
//! const BORROWERS: AccountCode = AccountCode::constant("B2011");
//! let mut books = Books::default();
//! books.open(Account::new(LOANS, Normal::Debit, Limit::NotBelowZero));
//! books.open(Account::new(BORROWERS, Normal::Credit, Limit::NotBelowZero));
//!
//! let amount = Amount::new(Fen::new(48_000_000))?;
//! let voucher = Voucher::new("disburse", "NCD-2018-0052")
//!     .with(Transfer::posted("disb:NCD-2018-0052", &LOANS, &BORROWERS, amount));
//! let at = Moment::from_millis(1_536_105_600_000);
//! assert!(matches!(books.post(&voucher, at), Ok(Booking::Booked { .. })));
//! assert_eq!(books.post(&voucher, at), Ok(Booking::Already));
//! assert_eq!(books.account(&LOANS).map(Account::balance), Some(amount.fen()));
//! # Ok::<(), domain::money::AmountError>(())
//! ```

mod account;
mod books;
mod draft;
mod refusal;
mod transfer;
mod trial;

pub use account::{Account, AccountCode, AccountCodeError, Limit, Normal, Side};
pub use books::{Booking, Books};
pub use refusal::Refusal;
pub use transfer::{Kind, Resolution, Transfer, TransferId, TransferRecord, Voucher};
pub use trial::{Totals, TrialBalance, trial_balance};
