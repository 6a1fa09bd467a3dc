//! The bank's words: who acts, what they owe, which step of origination it belongs to, what cannot be settled by rule.

use organisation::participant;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who acts for the bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Investigates and reports (信贷调查岗).
    CreditInvestigator,
    /// Decides on the report, never on the own one (信贷审批岗).
    CreditApprover,
    /// Signs loan contracts; answers for what the core-banking system leaves open (运营岗).
    Operations,
    /// Prepares payments (放款经办).
    PaymentMaker,
    /// Releases payments, never one that the same person prepared (放款复核).
    PaymentChecker,
    /// Opens the books and closes incidents, decides nothing of business (运维).
    Operator,
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Role] = &[
        Role::CreditInvestigator,
        Role::CreditApprover,
        Role::Operations,
        Role::PaymentMaker,
        Role::PaymentChecker,
        Role::Operator,
    ];

    /// The code under which accounts hold it.
    pub const fn code(self) -> &'static str {
        match self {
            Role::CreditInvestigator => "credit_investigator",
            Role::CreditApprover => "credit_approver",
            Role::Operations => "operations",
            Role::PaymentMaker => "payment_maker",
            Role::PaymentChecker => "payment_checker",
            Role::Operator => "operator",
        }
    }

    /// Its name for people.
    pub const fn zh(self) -> &'static str {
        match self {
            Role::CreditInvestigator => "贷前调查岗",
            Role::CreditApprover => "信贷审批岗",
            Role::Operations => "运营岗",
            Role::PaymentMaker => "放款经办",
            Role::PaymentChecker => "放款复核",
            Role::Operator => "运维",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A step that the bank is asked for: of origination (DOMAIN.md section 2, S1 steps 5, 8 and 9), of relief (S7 steps 3 and 7) and
/// of subsidies (S6 step 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The credit decision.
    Credit,
    /// The loan contract.
    Contract,
    /// The pay-out: the point of no return.
    Disburse,
    /// A relief plan (S7).
    ProposeRelief,
    /// The switch to it: the point of no return of relief.
    SwitchSchedule,
    /// The payment of an interest subsidy (S6): the point of no return of its row.
    PaySubsidy,
}

impl Step {
    /// The step as people read it.
    pub const fn zh(self) -> &'static str {
        match self {
            Step::Credit => "信贷审批",
            Step::Contract => "签订借款合同",
            Step::Disburse => "放款",
            Step::ProposeRelief => "提出纾困方案",
            Step::SwitchSchedule => "变更还款计划",
            Step::PaySubsidy => "支付贴息",
        }
    }
}

impl participant::Step for Step {
    fn name(self) -> &'static str {
        match self {
            Step::Credit => "approve credit",
            Step::Contract => "sign loan contract",
            Step::Disburse => "disburse",
            Step::ProposeRelief => "propose plan",
            Step::SwitchSchedule => "switch schedule",
            Step::PaySubsidy => "pay subsidy",
        }
    }

    fn repeats(self) -> bool {
        matches!(self, Step::ProposeRelief | Step::SwitchSchedule | Step::PaySubsidy)
    }
}

/// A decision that a person (or a service identity) owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// The investigator's report.
    Investigate,
    /// The approver's decision.
    DecideCredit,
    /// The loan contract's signature.
    SignLoanContract,
    /// The payment's preparation.
    PreparePayment,
    /// The payment's release.
    CheckPayment,
    /// Another account for money in suspense.
    PrepareCorrection,
    /// Its release.
    CheckCorrection,
    /// The release of a pay-out's reversal.
    CheckReversal,
    /// A relief plan.
    ProposeRelief,
}

impl participant::Duty for Duty {
    type Step = Step;
    type Role = Role;

    fn role(self) -> Role {
        match self {
            Duty::Investigate | Duty::ProposeRelief => Role::CreditInvestigator,
            Duty::DecideCredit => Role::CreditApprover,
            Duty::SignLoanContract => Role::Operations,
            Duty::PreparePayment | Duty::PrepareCorrection => Role::PaymentMaker,
            Duty::CheckPayment | Duty::CheckCorrection | Duty::CheckReversal => Role::PaymentChecker,
        }
    }

    fn step(self) -> Step {
        match self {
            Duty::Investigate | Duty::DecideCredit => Step::Credit,
            Duty::SignLoanContract => Step::Contract,
            Duty::PreparePayment
            | Duty::CheckPayment
            | Duty::PrepareCorrection
            | Duty::CheckCorrection
            | Duty::CheckReversal => Step::Disburse,
            Duty::ProposeRelief => Step::ProposeRelief,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Duty::Investigate => "investigate",
            Duty::DecideCredit => "decide-credit",
            Duty::SignLoanContract => "sign-loan-contract",
            Duty::PreparePayment => "prepare-payment",
            Duty::CheckPayment => "check-payment",
            Duty::PrepareCorrection => "prepare-correction",
            Duty::CheckCorrection => "check-correction",
            Duty::CheckReversal => "check-reversal",
            Duty::ProposeRelief => "propose-relief",
        }
    }

    fn zh(self) -> &'static str {
        match self {
            Duty::Investigate => "贷前调查",
            Duty::DecideCredit => "信贷审批",
            Duty::SignLoanContract => "签订借款合同",
            Duty::PreparePayment => "放款经办",
            Duty::CheckPayment => "放款复核",
            Duty::PrepareCorrection => "挂账更正经办",
            Duty::CheckCorrection => "挂账更正复核",
            Duty::CheckReversal => "放款冲正复核",
            Duty::ProposeRelief => "提出纾困方案",
        }
    }
}

/// What the core-banking system says, or does not say, that only a person can settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IncidentKind {
    /// Money left under a key that was never ordered, or that is closed.
    PostedUnasked,
    /// Money left a second time under one key.
    PostedTwice,
    /// The key of a posting is said to be closed.
    CoreContradicts,
    /// The outcome has been unknown for longer than the charter allows (S4).
    UnknownTooLong,
}

impl participant::Trouble for IncidentKind {
    type Step = Step;
    type Role = Role;

    fn owner(self) -> Role {
        Role::Operations
    }

    fn step(self) -> Step {
        Step::Disburse
    }

    fn zh(self) -> &'static str {
        match self {
            IncidentKind::PostedUnasked => "核心系统称已入账，但该编号未下达或已关闭",
            IncidentKind::PostedTwice => "核心系统称同一编号再次入账",
            IncidentKind::CoreContradicts => "核心系统前后说法矛盾",
            IncidentKind::UnknownTooLong => "放款结果长时间不明，请人工核实",
        }
    }
}
