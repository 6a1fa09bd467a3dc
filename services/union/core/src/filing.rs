//! What the charter asks of an application at filing. Pure rules, in the order of DOMAIN.md section 4.

use crate::{
    command::Form,
    renewal,
    rows::FirmRow,
    vocabulary::{FilingRefusal, GreenReason, RenewalReason},
};
use domain::{ApplicationId, Charter, Date};

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
    let renews = |live: &ApplicationId| form.renewal.as_ref().is_some_and(|renewal| renewal.of == *live);
    if firm.live_loan.as_ref().is_some_and(|live| !renews(live)) {
        return Err(FilingRefusal::LiveLoan);
    }
    if firm.loans >= charter.max_loans {
        return Err(FilingRefusal::LoanCount);
    }
    if let Some(renewal) = &form.renewal {
        if !renewal::may_be_filed(renewal, firm, charter, on) {
            return Err(FilingRefusal::RenewalWindow);
        }
        if renewal.reason.is_some_and(|reason| !reason_allowed(reason, &form.firm.industry_code, charter, on)) {
            return Err(FilingRefusal::PolicyNotInForce);
        }
    }
    match form.green {
        Some(reason) if !green_allowed(reason, &form.firm.industry_code, charter, on) => {
            Err(FilingRefusal::PolicyNotInForce)
        }
        _ => Ok(()),
    }
}

/// Whether a relief policy is in force, and if it is asked for, counts the industry as hit.
fn relief_covers(as_hit: bool, industry_code: &str, charter: &Charter, on: Date) -> bool {
    charter.relief_in_force(on).is_some_and(|policy| !as_hit || policy.is_hit(industry_code))
}

/// S3: a renewal is one of the four measures while a relief policy is in force, for hit industries and for promising firms.
fn reason_allowed(reason: RenewalReason, industry_code: &str, charter: &Charter, on: Date) -> bool {
    relief_covers(reason == RenewalReason::HitIndustry, industry_code, charter, on)
}

/// S2: the green channel is open while a relief policy is in force, to the industries that it counts as hit, or to whom an
/// officer flags.
pub fn green_allowed(reason: GreenReason, industry_code: &str, charter: &Charter, filed_on: Date) -> bool {
    relief_covers(reason == GreenReason::HitIndustry, industry_code, charter, filed_on)
}
