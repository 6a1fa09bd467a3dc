//! The guarantor's words: who acts, what they owe, which step of origination it belongs to.

use organisation::participant;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who acts for the guarantor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Does the due diligence and gives the opinion (风险经理).
    RiskManager,
    /// Has the entrusted-guarantee and counter-guarantee contracts signed (合同岗).
    ContractOfficer,
    /// Prepares letters (保函经办).
    LetterMaker,
    /// Releases letters, never one that the same person prepared (保函复核).
    LetterChecker,
    /// Repairs what is stuck, decides nothing of business (运维).
    Operator,
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Role] =
        &[Role::RiskManager, Role::ContractOfficer, Role::LetterMaker, Role::LetterChecker, Role::Operator];

    /// The code under which accounts hold it.
    pub const fn code(self) -> &'static str {
        match self {
            Role::RiskManager => "risk_manager",
            Role::ContractOfficer => "contract_officer",
            Role::LetterMaker => "letter_maker",
            Role::LetterChecker => "letter_checker",
            Role::Operator => "operator",
        }
    }

    /// Its name for people.
    pub const fn zh(self) -> &'static str {
        match self {
            Role::RiskManager => "风险经理",
            Role::ContractOfficer => "合同岗",
            Role::LetterMaker => "保函经办",
            Role::LetterChecker => "保函复核",
            Role::Operator => "运维",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A step that the guarantor is asked for: of origination (DOMAIN.md section 2, S1 steps 4, 6, 7 and 10), and of relief (S7 steps 4 and 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Due diligence and opinion.
    Assess,
    /// Entrusted-guarantee and counter-guarantee contracts.
    Sign,
    /// The letter of guarantee.
    Issue,
    /// The letter becomes effective.
    Activate,
    /// The consent to a relief plan (S7).
    Consent,
    /// The letter covers the plan.
    Record,
}

impl Step {
    /// The step as people read it.
    pub const fn zh(self) -> &'static str {
        match self {
            Step::Assess => "担保尽调",
            Step::Sign => "签订担保合同",
            Step::Issue => "出具保函",
            Step::Activate => "保函生效",
            Step::Consent => "同意纾困方案",
            Step::Record => "保函变更",
        }
    }
}

impl participant::Step for Step {
    fn name(self) -> &'static str {
        match self {
            Step::Assess => "assess guarantee",
            Step::Sign => "sign contracts",
            Step::Issue => "issue letter",
            Step::Activate => "make letter effective",
            Step::Consent => "consent to plan",
            Step::Record => "record plan",
        }
    }

    fn repeats(self) -> bool {
        matches!(self, Step::Consent | Step::Record)
    }
}

/// A decision that a person (or a service identity) owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// The opinion.
    DueDiligence,
    /// The record that the contracts are signed.
    SignContracts,
    /// The letter's draft.
    PrepareLetter,
    /// The letter's release.
    CheckLetter,
    /// The consent to a relief plan.
    ConsentRelief,
}

impl participant::Duty for Duty {
    type Step = Step;
    type Role = Role;

    fn role(self) -> Role {
        match self {
            Duty::DueDiligence | Duty::ConsentRelief => Role::RiskManager,
            Duty::SignContracts => Role::ContractOfficer,
            Duty::PrepareLetter => Role::LetterMaker,
            Duty::CheckLetter => Role::LetterChecker,
        }
    }

    fn step(self) -> Step {
        match self {
            Duty::DueDiligence => Step::Assess,
            Duty::SignContracts => Step::Sign,
            Duty::PrepareLetter | Duty::CheckLetter => Step::Issue,
            Duty::ConsentRelief => Step::Consent,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Duty::DueDiligence => "due-diligence",
            Duty::SignContracts => "sign-contracts",
            Duty::PrepareLetter => "prepare-letter",
            Duty::CheckLetter => "check-letter",
            Duty::ConsentRelief => "consent-relief",
        }
    }

    fn zh(self) -> &'static str {
        match self {
            Duty::DueDiligence => "担保尽调",
            Duty::SignContracts => "签订委托担保及反担保合同",
            Duty::PrepareLetter => "拟制保函",
            Duty::CheckLetter => "复核保函",
            Duty::ConsentRelief => "同意纾困方案",
        }
    }
}
