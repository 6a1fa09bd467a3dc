//! The charter of the programme as it began: every default of DOMAIN section 1 in one place.

use super::{
    AutomaticLimits, Charter, DeferralWindow, HotlineRules, LossWaterfall, LprRow, RateRules, ReliefPolicy,
    ReliefRules, StopLending, SubsidyRules, SubsidySource, SubsidyTerms, SubsidyTrigger,
};
use crate::calendar::Calendar;
use crate::money::{Fen, Ppm};
use crate::time::{Date, Term};

impl Charter {
    /// The rules of the Warm Venture Loan from 2017 on, deposit 9,000,000 yuan, with the calendar up to 2026. Automatic
    /// decisions up to the largest loan, and no debt limit.
    pub fn programme_2017() -> Self {
        Self {
            programme: "warm-venture-loan".to_owned(),
            version: 1,
            effective_from: Date::constant(2017, 1, 1),
            amount_min_fen: Fen::new(5_000_000),
            amount_max_fen: Fen::new(50_000_000),
            amount_step_fen: Fen::new(1_000_000),
            max_term_months: 48,
            age_min: 18,
            age_max: 60,
            age_max_at_maturity: 65,
            purposes_refused: PURPOSES_REFUSED.map(str::to_owned).into(),
            max_loans: 3,
            renewal_opens_days_before: 60,
            renewal_closes_days_after: 30,
            deposit_fen: Fen::new(900_000_000),
            leverage_multiple: 5,
            rate: rate_rules(),
            penalty_percent: 150,
            relief_policies: vec![epidemic()],
            relief: ReliefRules::PROGRAMME,
            hotline: HotlineRules::PROGRAMME,
            draft_expiry: Term::Days(30),
            intake_deadline: Term::WorkingDays(3),
            need_docs_expiry: Term::WorkingDays(10),
            reservation_expiry: Term::Days(90),
            queue_expiry: Term::Days(30),
            assess_deadline: Term::WorkingDays(10),
            credit_deadline: Term::WorkingDays(10),
            contracts_aim: Term::WorkingDays(10),
            contracts_expiry: Term::WorkingDays(15),
            letter_deadline: Term::WorkingDays(2),
            loan_contract_deadline: Term::WorkingDays(5),
            letter_expiry: Term::Days(30),
            activation_deadline: Term::SameDay,
            green_intake_deadline: Term::SameDay,
            green_payout_deadline: Term::WorkingDays(5),
            membership_valid_for: Term::WorkingDays(5),
            unknown_asks: [1, 5, 15, 60].map(Term::Minutes).into(),
            unknown_escalation: Term::Hours(4),
            guarantee_period_months: 6,
            loss_waterfall: LossWaterfall::ProRata,
            union_share: Ppm::literal(800_000),
            claim_from_day_overdue: 91,
            stop_lending: StopLending {
                warn: Ppm::literal(30_000),
                suspend_new: Ppm::literal(50_000),
                hard_stop: Ppm::literal(200_000),
            },
            subsidy: SubsidyRules {
                source: SubsidySource::Separate,
                terms: SubsidyTerms::PROGRAMME,
                trigger: SubsidyTrigger::OnSettlement,
                share: Ppm::WHOLE,
            },
            guarantor_net_assets_multiple: 10,
            guarantor_one_client: Ppm::literal(100_000),
            automatic: AutomaticLimits { max_amount_fen: Fen::new(50_000_000), credit_max_debt_fen: None },
            calendar: Calendar::programme(),
        }
    }
}

/// Property, securities, re-lending: the codes, and the words an applicant would write. Rent (房屋租金) is none of them.
const PURPOSES_REFUSED: [&str; 16] = [
    "PROPERTY",
    "购房",
    "买房",
    "炒房",
    "房地产",
    "购置房产",
    "SECURITIES",
    "证券",
    "股票",
    "炒股",
    "基金投资",
    "期货",
    "RE-LENDING",
    "转贷",
    "放贷",
    "借给他人",
];

fn rate_rules() -> RateRules {
    let lpr = [
        (Date::constant(2019, 8, 20), 42_500),
        (Date::constant(2019, 9, 20), 42_000),
        (Date::constant(2019, 11, 20), 41_500),
        (Date::constant(2020, 2, 20), 40_500),
        (Date::constant(2020, 4, 20), 38_500),
    ];
    RateRules {
        short_months: 12,
        benchmark_short: Ppm::literal(43_500),
        benchmark_long: Ppm::literal(47_500),
        lpr: lpr.map(|(from, ppm)| LprRow { from, rate: Ppm::literal(ppm) }).into(),
        markup_short: Ppm::literal(2_000),
        markup_long: Ppm::literal(6_000),
    }
}

fn epidemic() -> ReliefPolicy {
    ReliefPolicy {
        from: Date::constant(2020, 1, 25),
        to: Date::constant(2020, 12, 31),
        windows: vec![
            DeferralWindow { due_to: Date::constant(2020, 5, 31), moved_to: Date::constant(2020, 6, 30) },
            DeferralWindow { due_to: Date::constant(2020, 12, 31), moved_to: Date::constant(2021, 3, 31) },
        ],
        hit_industries: ["F", "H", "G", "R"].map(str::to_owned).into(),
    }
}
