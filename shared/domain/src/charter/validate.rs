//! Whether a charter holds together. Everything wrong is named at once, so that whoever wrote it mends it in one go.

use std::fmt;

use super::{Charter, RateRules, ReliefPolicy};
use crate::money::{Amount, Fen, Ppm};
use crate::schedule::MAX_MONTHS;
use crate::time::Term;

/// One thing wrong with a charter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CharterFlaw {
    /// The field.
    pub field: &'static str,
    /// What it must be.
    pub must: &'static str,
}

impl fmt::Display for CharterFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must {}", self.field, self.must)
    }
}

/// Why a charter is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CharterError {
    /// It does not hold together.
    #[error("the charter does not hold together: {}", list(.0))]
    Invalid(Vec<CharterFlaw>),
    /// Accepted charters are of another programme.
    #[error("the charter is of another programme, {programme:?}")]
    OtherProgramme {
        /// Its programme.
        programme: String,
    },
    /// Another charter bears the version.
    #[error("version {version} is another charter's")]
    VersionTaken {
        /// The version.
        version: u32,
    },
}

fn list(flaws: &[CharterFlaw]) -> String {
    flaws.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Charter {
    /// Checks that limits are in order, shares and terms make sense, and lists are sorted.
    ///
    /// # Errors
    /// [`CharterError::Invalid`] with every flaw.
    pub fn validate(&self) -> Result<(), CharterError> {
        let mut flaws = Vec::new();
        let mut check = |field: &'static str, holds: bool, must: &'static str| {
            if !holds {
                flaws.push(CharterFlaw { field, must });
            }
        };
        let name = !self.programme.is_empty()
            && self.programme.len() <= 64
            && self.programme.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        check("programme", name, "be 1 to 64 of a-z, 0-9 and hyphen");
        check("version", self.version >= 1, "be at least 1");
        self.check_loans(&mut check);
        check_rate(&self.rate, &mut check);
        let penalty = self.rate_ceiling_fits(self.penalty_percent);
        check(
            "penalty_percent",
            (100..=200).contains(&self.penalty_percent) && penalty,
            "be 100 to 200, and keep rates below 100 %",
        );
        for policy in &self.relief_policies {
            check_relief(policy, &mut check);
        }
        let apart = self.relief_policies.windows(2).all(|pair| matches!(pair, [a, b] if a.to < b.from));
        check("relief_policies", apart, "be ascending and not overlap");
        self.check_terms(&mut check);
        check("guarantee_period_months", (1..=120).contains(&self.guarantee_period_months), "be 1 to 120");
        check("claim_from_day_overdue", self.claim_from_day_overdue >= 1, "be at least 1");
        let stop = self.stop_lending;
        let rising = Ppm::ZERO < stop.warn && stop.warn <= stop.suspend_new && stop.suspend_new <= stop.hard_stop;
        check("stop_lending", rising, "rise from warn over suspend_new to hard_stop");
        check("guarantor_net_assets_multiple", self.guarantor_net_assets_multiple >= 1, "be at least 1");
        check("guarantor_one_client", self.guarantor_one_client > Ppm::ZERO, "be above zero");
        check("automatic.max_amount_fen", !self.automatic.max_amount_fen.is_negative(), "not be negative");
        let debt = self.automatic.credit_max_debt_fen.unwrap_or(Fen::ZERO);
        check("automatic.credit_max_debt_fen", !debt.is_negative(), "not be negative");
        let known = self.calendar.years().any(|year| year == self.effective_from.year());
        check("calendar", known, "hold the year of effective_from");
        if flaws.is_empty() { Ok(()) } else { Err(CharterError::Invalid(flaws)) }
    }

    fn check_loans(&self, check: &mut impl FnMut(&'static str, bool, &'static str)) {
        check("amount_step_fen", self.amount_step_fen > Fen::ZERO, "be above zero");
        check("amount_min_fen", self.amount_min_fen > Fen::ZERO, "be above zero");
        let upper = self.amount_min_fen <= self.amount_max_fen && self.amount_max_fen <= Amount::MAX;
        check("amount_max_fen", upper, "lie between amount_min_fen and 10^15");
        check("max_term_months", (1..=MAX_MONTHS).contains(&self.max_term_months), "be 1 to 600");
        let ages = 0 < self.age_min && self.age_min <= self.age_max && self.age_max <= self.age_max_at_maturity;
        check("age_min", ages, "be above zero, and age_max and age_max_at_maturity not below it");
        let words = self.purposes_refused.iter().all(|word| !word.trim().is_empty());
        check("purposes_refused", words, "not hold an empty word, which every purpose contains");
        check("max_loans", self.max_loans >= 1, "be at least 1");
        // An unbounded deposit times the multiple would overflow where I4 is checked.
        let capacity = self.deposit_fen.checked_mul(i64::from(self.leverage_multiple));
        check("deposit_fen", !self.deposit_fen.is_negative(), "not be negative");
        check("leverage_multiple", self.leverage_multiple >= 1, "be at least 1");
        check("leverage_multiple", capacity.is_some(), "not make deposit × multiple overflow");
    }

    fn check_terms(&self, check: &mut impl FnMut(&'static str, bool, &'static str)) {
        for (field, term) in [
            ("draft_expiry", self.draft_expiry),
            ("intake_deadline", self.intake_deadline),
            ("need_docs_expiry", self.need_docs_expiry),
            ("reservation_expiry", self.reservation_expiry),
            ("queue_expiry", self.queue_expiry),
            ("assess_deadline", self.assess_deadline),
            ("credit_deadline", self.credit_deadline),
            ("contracts_aim", self.contracts_aim),
            ("contracts_expiry", self.contracts_expiry),
            ("letter_deadline", self.letter_deadline),
            ("loan_contract_deadline", self.loan_contract_deadline),
            ("letter_expiry", self.letter_expiry),
            ("activation_deadline", self.activation_deadline),
            ("green_intake_deadline", self.green_intake_deadline),
            ("green_payout_deadline", self.green_payout_deadline),
            ("membership_valid_for", self.membership_valid_for),
            ("unknown_escalation", self.unknown_escalation),
        ] {
            check(field, !is_nothing(term), "not be a term of zero");
        }
        let asks = !self.unknown_asks.is_empty() && !self.unknown_asks.iter().copied().any(is_nothing);
        check("unknown_asks", asks, "hold at least one term, and none of zero");
    }

    /// Whether the highest rate this charter allows, so many per cent of it, is still a rate.
    fn rate_ceiling_fits(&self, percent: u32) -> bool {
        let rate = &self.rate;
        let base = rate.lpr.iter().map(|row| row.rate).chain([rate.benchmark_short, rate.benchmark_long]).max();
        base.and_then(|base| base.checked_add(rate.markup_short.max(rate.markup_long)))
            .is_some_and(|cap| crate::schedule::penalty_rate(cap, percent).is_some())
    }
}

fn check_rate(rate: &RateRules, check: &mut impl FnMut(&'static str, bool, &'static str)) {
    let ascending = rate.lpr.windows(2).all(|pair| matches!(pair, [a, b] if a.from < b.from));
    check("rate.lpr", ascending, "be ascending by day");
}

fn check_relief(policy: &ReliefPolicy, check: &mut impl FnMut(&'static str, bool, &'static str)) {
    check("relief_policies", policy.from <= policy.to, "each end after their beginning");
    let rising =
        policy.windows.windows(2).all(|pair| matches!(pair, [a, b] if a.due_to < b.due_to && a.moved_to <= b.moved_to));
    check("relief_policies", rising, "have ascending windows");
    let later = policy.windows.iter().all(|window| window.due_to < window.moved_to);
    check("relief_policies", later, "move due dates to later days");
    let sections = policy.hit_industries.iter().all(|s| matches!(s.as_bytes(), [b'A'..=b'T']));
    check("relief_policies", sections, "name industries by a section of GB/T 4754, A to T");
}

fn is_nothing(term: Term) -> bool {
    matches!(term, Term::WorkingDays(0) | Term::Days(0) | Term::Hours(0) | Term::Minutes(0))
}
