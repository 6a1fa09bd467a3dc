//! Relief for a loan that is hard to repay, 一企一策 (DOMAIN.md section 2, S7): what the three say to each other about a plan.
//!
//! The bank proposes, the guarantor consents in writing, the borrower signs at the union, and the bank switches the schedule. The
//! consent counts only as the guarantor gives it to the bank itself.

use crate::{
    About,
    reason::{NotSwitched, ReliefDecline},
};
use domain::{Date, loan::Measure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A plan as the bank proposed it: what everybody consents to and signs, named by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReliefPlan {
    /// The measures, in the order in which they are taken.
    pub measures: Vec<Measure>,
    /// Last day of the loan under it.
    #[schemars(with = "String")]
    pub maturity_on: Date,
    /// SHA-256 over number, measures and last day, hex.
    pub hash: String,
}

impl ReliefPlan {
    /// The plan of a request, named by its hash.
    pub fn new(request: &str, measures: Vec<Measure>, maturity_on: Date) -> Self {
        let hash = Self::digest(request, &measures, maturity_on);
        ReliefPlan { measures, maturity_on, hash }
    }

    /// Whether the hash is that of this plan for this request.
    pub fn is_intact(&self, request: &str) -> bool {
        self.hash == Self::digest(request, &self.measures, self.maturity_on)
    }

    fn digest(request: &str, measures: &[Measure], maturity_on: Date) -> String {
        use sha2::{Digest, Sha256};
        let day = |day: &Date| day.to_string();
        let lines = measures.iter().map(|measure| match measure {
            Measure::Extend { to } => format!("extend {to}"),
            Measure::InterestOnly { until, principal_on } => format!("interest_only {until} {principal_on}"),
            Measure::DeferInterest { due_on, parts_on } => {
                format!("defer_interest {due_on} {}", parts_on.iter().map(day).collect::<Vec<_>>().join(" "))
            }
        });
        let lines: Vec<String> = lines.collect();
        let text = format!("nuan-relief-1\n{request}\n{maturity_on}\n{}\n", lines.join("\n"));
        hex::encode(Sha256::digest(text.as_bytes()))
    }

    /// The last day to which it moves something: once everything until then is paid, the plan is kept.
    pub fn last_day(&self) -> Option<Date> {
        self.measures.iter().filter_map(Measure::last_day).max()
    }

    /// The plan as people read it.
    pub fn zh(&self) -> String {
        self.measures.iter().map(Measure::zh).collect::<Vec<_>>().join("；")
    }
}

/// Union → bank: propose a plan for this loan (S7 step 3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposeRelief {
    /// Application, charter and key.
    pub about: About,
    /// Counts the requests of this loan, from 1.
    pub no: u32,
    /// The day on which the borrower asked: what falls due from then on is not called overdue while it is under way.
    #[schemars(with = "String")]
    pub requested_on: Date,
    /// Why the borrower asks.
    pub reason: String,
}

/// Bank → union: the answer to [`ProposeRelief`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReliefProposed {
    /// Repeats the ask.
    pub about: About,
    /// The proposal.
    pub proposal: ReliefProposal,
}

/// What the bank proposes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum ReliefProposal {
    /// A plan.
    Plan {
        /// Which.
        plan: ReliefPlan,
    },
    /// None.
    Declined {
        /// Why.
        reason: ReliefDecline,
    },
}

/// Union → guarantor: consent to this plan (S7 step 4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentToRelief {
    /// Application, charter and key.
    pub about: About,
    /// Counts the requests of this loan, from 1.
    pub no: u32,
    /// The plan.
    pub plan: ReliefPlan,
}

/// Guarantor → union: the answer to [`ConsentToRelief`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReliefAnswered {
    /// Repeats the ask.
    pub about: About,
    /// The consent.
    pub consent: ReliefConsent,
}

/// Whether the guarantor consents in writing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum ReliefConsent {
    /// It does, and stands behind the loan under the plan.
    Given {
        /// Last day of the guarantee period under the plan.
        #[schemars(with = "String")]
        guaranteed_until: Date,
    },
    /// It does not.
    Withheld {
        /// Why.
        reason: ReliefDecline,
    },
}

/// Guarantor → bank: its written consent to a plan, or that it does not stand any more (the bank takes it from nobody else).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentPresented {
    /// Application, charter and key.
    pub about: About,
    /// Hash of the plan.
    pub plan_hash: String,
    /// Last day of the guarantee period under the plan; none: the consent is rescinded.
    #[schemars(with = "Option<String>")]
    pub guaranteed_until: Option<Date>,
}

/// Union → bank, guarantor: the plan that the borrower signed is to be put into force, or to be recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedPlan {
    /// Application, charter and key.
    pub about: About,
    /// Hash of the plan.
    pub plan_hash: String,
}

/// Bank → union: what became of the switch of the schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSwitched {
    /// Repeats the ask.
    pub about: About,
    /// What the bank's record says.
    pub report: SwitchReport,
}

/// What the bank's record says of the switch to a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum SwitchReport {
    /// The plan is in force.
    Switched {
        /// Since when.
        #[schemars(with = "String")]
        on: Date,
    },
    /// It is not, for a reason; final only once the key is closed.
    NotSwitched {
        /// Why.
        why: NotSwitched,
    },
    /// The bank has not said: the guarantor's consent has not come, or nothing was asked under this key.
    Unknown,
    /// The key is closed: the plan never came into force and never will under it.
    Closed,
}
