//! What the charter asks of an application at filing. Pure rules, in the order of DOMAIN.md section 4.

use crate::{command::Form, rows::FirmRow, vocabulary::FilingRefusal};
use domain::{Charter, Date};

/// Checks a form on the day of filing; the first rule that it breaks.
///
/// # Errors
/// [`FilingRefusal`], in order of precedence.
pub fn check(form: &Form, firm: &FirmRow, charter: &Charter, on: Date) -> Result<(), FilingRefusal> {
    if !charter.amount_allowed(form.wish.amount_fen.fen()) {
        return Err(FilingRefusal::Amount);
    }
    if form.wish.term_months == 0 || form.wish.term_months > charter.max_term_months {
        return Err(FilingRefusal::Term);
    }
    if form.wish.purpose.trim().is_empty() || !charter.purpose_allowed(&form.wish.purpose) {
        return Err(FilingRefusal::Purpose);
    }
    if form.legal_rep_age < charter.age_min
        || form.legal_rep_age > charter.age_max
        || form.legal_rep_age_at_maturity > charter.age_max_at_maturity
    {
        return Err(FilingRefusal::Age);
    }
    if form.firm.registered_on > on || form.licence_valid_to.is_some_and(|last| last < on) {
        return Err(FilingRefusal::Licence);
    }
    if !form.in_beijing {
        return Err(FilingRefusal::Area);
    }
    if firm.open.is_some() {
        return Err(FilingRefusal::OpenApplication);
    }
    if firm.live_loan.is_some() {
        return Err(FilingRefusal::LiveLoan);
    }
    if firm.loans >= charter.max_loans {
        return Err(FilingRefusal::LoanCount);
    }
    Ok(())
}
