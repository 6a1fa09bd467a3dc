//! The charter: the programme rules that the three organisations accepted, with effective dates (DOMAIN section 1).
//!
//! A rule that may change is a field here and nowhere else. An application keeps the charter it was filed under, named by
//! its hash, so that a later version changes nothing that is under way. A charter states rules; it decides nothing and knows
//! no application. What it does not hold is the organisations' own: the guarantor's net assets, a bank's internal limits.

mod accepted;
mod changes;
mod hash;
mod hotline;
mod programme;
mod rate;
mod relief;
mod validate;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use accepted::Charters;
pub use changes::CharterChange;
pub use hash::{CharterHash, CharterHashError};
pub use hotline::HotlineRules;
pub use rate::{LprRow, RateRules};
pub use relief::{DeferralWindow, ReliefPolicy, ReliefRules};
pub use validate::{CharterError, CharterFlaw};

use crate::calendar::Calendar;
use crate::money::{Fen, Ppm};
use crate::time::{Date, Term};

/// The rules of a programme from a day on. As JSON an object with exactly these fields; an unknown one is refused.
///
/// The fields are open, so that a test or a benchmark can write a charter of its own; [`Charter::validate`] says whether it
/// holds together, and [`Charters::accept`] takes no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charter {
    /// Name of the programme, in ASCII: part of what channels are bound to.
    pub programme: String,
    /// Counts the versions, from 1.
    pub version: u32,
    /// First day on which it can be filed under.
    pub effective_from: Date,

    /// Smallest loan, fen.
    pub amount_min_fen: Fen,
    /// Largest loan, fen.
    pub amount_max_fen: Fen,
    /// A loan is a multiple of this, fen.
    pub amount_step_fen: Fen,
    /// Longest term, months.
    pub max_term_months: u16,
    /// Youngest legal representative, full years on the day of filing.
    pub age_min: u16,
    /// Oldest legal representative, full years on the day of filing.
    pub age_max: u16,
    /// Oldest legal representative, full years on the day of maturity.
    pub age_max_at_maturity: u16,
    /// Words that a purpose must not contain: property, securities, re-lending.
    pub purposes_refused: BTreeSet<String>,
    /// Subsidised loans that one enterprise may draw in all, renewals among them.
    pub max_loans: u16,
    /// A renewal may be filed from so many days before the old loan's settlement …
    pub renewal_opens_days_before: u16,
    /// … until so many days after it.
    pub renewal_closes_days_after: u16,

    /// Guarantee deposit of the union at the opening, fen.
    pub deposit_fen: Fen,
    /// The fund stands behind so many times its balance (放大倍数).
    pub leverage_multiple: u32,
    /// What a rate may be at most.
    pub rate: RateRules,
    /// Penalty rate in per cent of the contract rate (罚息): 150 for × 1.5.
    pub penalty_percent: u32,
    /// Policies under which due dates may move, by date.
    pub relief_policies: Vec<ReliefPolicy>,
    /// The terms of a request for relief. Absent from a text: those of the programme, which it is named by the same hash with.
    #[serde(default, skip_serializing_if = "ReliefRules::are_the_programmes")]
    pub relief: ReliefRules,
    /// How soon the hotline answers. Absent from a text: as the programme does.
    #[serde(default, skip_serializing_if = "HotlineRules::are_the_programmes")]
    pub hotline: HotlineRules,

    /// S1-1: a draft that was not submitted expires.
    pub draft_expiry: Term,
    /// S1-2: the union decides on eligibility.
    pub intake_deadline: Term,
    /// S1-2: papers that were asked for and did not come expire the application.
    pub need_docs_expiry: Term,
    /// S1-3: a reservation that led to no pay-out expires.
    pub reservation_expiry: Term,
    /// S1-3: a wait for the fund expires.
    pub queue_expiry: Term,
    /// S1-4: the guarantor decides.
    pub assess_deadline: Term,
    /// S1-5: the bank decides.
    pub credit_deadline: Term,
    /// S1-6: contracts should be signed.
    pub contracts_aim: Term,
    /// S1-6: contracts that were not signed expire the application, counted from the approval.
    pub contracts_expiry: Term,
    /// S1-7: the guarantor issues the letter.
    pub letter_deadline: Term,
    /// S1-8: the bank signs the loan contract.
    pub loan_contract_deadline: Term,
    /// S1-9: a letter that led to no pay-out expires.
    pub letter_expiry: Term,
    /// S1-10 and 11: the letter is made effective and the reservation committed.
    pub activation_deadline: Term,
    /// S2: the union decides on eligibility in the green channel.
    pub green_intake_deadline: Term,
    /// S2: a green application is paid out from its filing, or goes on as STANDARD.
    pub green_payout_deadline: Term,
    /// S4: how old the last check of membership may be at the pay-out.
    pub membership_valid_for: Term,
    /// S4: an unknown outcome is asked about after each of these in turn …
    pub unknown_asks: Vec<Term>,
    /// … and given to a person after this.
    pub unknown_escalation: Term,

    /// 保证期间: months after maturity.
    pub guarantee_period_months: u16,
    /// In which order losses are borne.
    pub loss_waterfall: LossWaterfall,
    /// The union fund's share of a loss, ppm.
    pub union_share: Ppm,
    /// 代偿: a claim may be filed from this day overdue on.
    pub claim_from_day_overdue: u16,
    /// Share overdue or compensated at which new lending is warned about, suspended, stopped.
    pub stop_lending: StopLending,
    /// Where subsidies are paid from, and how much of the contract interest.
    pub subsidy: SubsidyRules,

    /// The guarantor's liability is at most so many times its net assets (国务院令683号).
    pub guarantor_net_assets_multiple: u32,
    /// One client's part of the guarantor's net assets at most, ppm (国务院令683号).
    pub guarantor_one_client: Ppm,

    /// Inside which a role configured as `auto` may decide alone.
    pub automatic: AutomaticLimits,
    /// Working days.
    pub calendar: Calendar,
}

/// In which order the fund and the guarantor bear a loss. Published nowhere (DOMAIN section 0), hence a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LossWaterfall {
    /// Side by side, from the first fen, by the union's share.
    ProRata,
}

/// Shares in ppm at which lending is slowed; a person lifts what was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopLending {
    /// Overdue share at which people are warned.
    pub warn: Ppm,
    /// Compensated share at which no new loan is paid out.
    pub suspend_new: Ppm,
    /// Compensated share of a year at which everything stops.
    pub hard_stop: Ppm,
}

/// The interest subsidy, 贴息.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubsidyRules {
    /// Which money it is paid from.
    pub source: SubsidySource,
    /// When it becomes claimable.
    pub trigger: SubsidyTrigger,
    /// Part of the contract interest, ppm; never of penalty or compound interest.
    pub share: Ppm,
    /// When claims are listed, checked and paid. Absent from a text: as the programme does.
    #[serde(default, skip_serializing_if = "SubsidyTerms::are_the_programmes")]
    pub terms: SubsidyTerms,
}

/// When subsidies are listed, checked and paid (DOMAIN section 2, S6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubsidyTerms {
    /// Claims are listed by the last working day up to this day of the month after their period.
    pub cut_off_day: i8,
    /// They are paid in the so-many-th month after it …
    pub pay_month: u8,
    /// … on this day, or the next working day.
    pub pay_day: i8,
    /// The union checks a row, counted from the cut-off.
    pub check_deadline: Term,
}

impl SubsidyTerms {
    /// The programme's.
    pub const PROGRAMME: Self =
        Self { cut_off_day: 20, pay_month: 2, pay_day: 18, check_deadline: Term::WorkingDays(10) };

    /// Whether they are [`Self::PROGRAMME`]: then a charter's text does not hold them, as none did before they were a rule.
    pub fn are_the_programmes(&self) -> bool {
        *self == Self::PROGRAMME
    }
}

impl Default for SubsidyTerms {
    fn default() -> Self {
        Self::PROGRAMME
    }
}

/// Which money subsidies are paid from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SubsidySource {
    /// An appropriation of their own.
    Separate,
    /// The deposit or its interest.
    Deposit,
}

/// When a subsidy becomes claimable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SubsidyTrigger {
    /// Once the loan is settled.
    OnSettlement,
    /// Every quarter.
    Quarterly,
    /// Every year.
    Annual,
}

/// Inside which a role that an organisation configured as `auto` may decide without a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutomaticLimits {
    /// Largest amount of one decision, fen; above it a person decides. Zero: always a person.
    pub max_amount_fen: Fen,
    /// Debt above which the bank declines with RELATED_DEBT, fen; absent: debt alone declines nobody.
    pub credit_max_debt_fen: Option<Fen>,
}

impl Charter {
    /// Whether the amount lies within the limits, in whole steps.
    pub fn amount_allowed(&self, amount: Fen) -> bool {
        let whole_steps = amount.get().checked_rem(self.amount_step_fen.get()) == Some(0);
        (self.amount_min_fen..=self.amount_max_fen).contains(&amount) && whole_steps
    }

    /// Whether the purpose contains none of the words refused. Letters count in either case.
    pub fn purpose_allowed(&self, purpose: &str) -> bool {
        let purpose = purpose.to_uppercase();
        !self.purposes_refused.iter().any(|word| purpose.contains(&word.to_uppercase()))
    }

    /// What the rate of a loan paid out on that day may be at most. See [`RateRules::cap`].
    pub fn rate_cap(&self, paid_out_on: Date, months: u16) -> Ppm {
        self.rate.cap(paid_out_on, months)
    }

    /// The relief policy in force on a day.
    pub fn relief_in_force(&self, day: Date) -> Option<&ReliefPolicy> {
        self.relief_policies.iter().find(|policy| policy.in_force_on(day))
    }
}
