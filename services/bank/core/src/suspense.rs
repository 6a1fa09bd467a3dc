//! S4: the borrower's account was closed when the money left. It is a loan like any other, its money waits in B2241, and
//! maker and checker move it to the account that the borrower names instead: once, and never back to the bank.
//!
//! In a core-banking system of its own people move it there; what is released here is booked here.

use crate::{
    Duty, Fact, books,
    case::{InSuspense, Released},
    requests::World,
};
use domain::Term;
use organisation::{Person, Stop};
use std::collections::BTreeSet;

/// As for other money whose owner's account is not known (DOMAIN.md S5).
const DEADLINE: Term = Term::WorkingDays(5);

/// The money waits: somebody has to ask the borrower.
pub(crate) fn open(w: &mut World<'_>) -> Result<(), Stop> {
    let due_at = w.due(DEADLINE)?;
    w.open_task(Duty::PrepareCorrection, due_at, BTreeSet::new())
}

/// The maker enters the account; the core knows it by its token in the vault.
pub(crate) fn prepare(w: &mut World<'_>, by: &Person, account: &str) -> Result<(), Stop> {
    w.task_done(Duty::PrepareCorrection, by)?;
    w.record(Fact::CorrectionPrepared { id: w.id.clone(), by: by.clone(), account: account.to_owned() })?;
    let due_at = w.due(DEADLINE)?;
    w.open_task(Duty::CheckCorrection, due_at, BTreeSet::from([by.clone()]))
}

/// The checker sends it back.
pub(crate) fn send_back(w: &mut World<'_>, by: &Person, because: &str) -> Result<(), Stop> {
    w.task_done(Duty::CheckCorrection, by)?;
    w.record(Fact::CorrectionReturned { id: w.id.clone(), by: by.clone(), because: because.to_owned() })?;
    open(w)
}

/// The checker releases it: Dr B2241 Cr B2011, under the payment's key.
pub(crate) fn release(w: &mut World<'_>, by: &Person) -> Result<(), Stop> {
    let waits = w
        .open_case()?
        .paid_out
        .as_ref()
        .filter(|paid_out| matches!(&paid_out.in_suspense, Some(InSuspense { prepared: Some(_), released: None })));
    let Some(paid_out) = waits else {
        return Err(Stop::Illegal(format!("{} has nothing in suspense that was prepared", w.id)));
    };
    let (key, amount) = (paid_out.key.clone(), paid_out.receipt.amount_fen);
    w.task_done(Duty::CheckCorrection, by)?;
    books::correct(w, &key, amount)?;
    let released = Released { by: by.clone(), on: w.desk.at().date() };
    w.record(Fact::Corrected { id: w.id.clone(), released })
}
