//! The closed lists of reason codes of DOMAIN.md section 4, as they travel between the organisations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal $zh:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $code)] $variant,)+
        }

        impl $name {
            /// Every code of the list, in the order of DOMAIN.md.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The code as it stands in DOMAIN.md and on the wire.
            pub const fn code(self) -> &'static str {
                match self { $($name::$variant => $code,)+ }
            }

            /// The reason as an applicant or officer reads it.
            pub const fn zh(self) -> &'static str {
                match self { $($name::$variant => $zh,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}

codes! {
    /// Why the guarantor declines (GUARANTEE_DECLINED).
    GuaranteeDecline {
        /// The firm's cash flow does not carry the loan.
        CashFlow = "CASH_FLOW" "现金流不足",
        /// The firm owes too much already.
        DebtTooHigh = "DEBT_TOO_HIGH" "负债过高",
        /// The counter-guarantee asked for was not given.
        CounterGuaranteeLacking = "COUNTER_GUARANTEE_LACKING" "反担保措施不足",
        /// The figures cannot be relied on.
        FinancialsUnreliable = "FINANCIALS_UNRELIABLE" "财务数据不可靠",
        /// The guarantor's own limits are exhausted.
        Limit = "LIMIT" "担保额度已满",
    }
}

codes! {
    /// Why the bank declines (CREDIT_DECLINED).
    CreditDecline {
        /// The credit record speaks against it.
        CreditRecord = "CREDIT_RECORD" "征信记录不符合要求",
        /// No sufficient source of repayment.
        RepaymentSource = "REPAYMENT_SOURCE" "还款来源不足",
        /// Debts of the firm or of related parties.
        RelatedDebt = "RELATED_DEBT" "关联负债过高",
    }
}

codes! {
    /// Why a disbursement was not posted, in order of precedence.
    NotPosted {
        /// No contract is signed for it.
        NoContract = "NO_CONTRACT" "未签订借款合同",
        /// The guarantor presented no such letter, or it is not ISSUED any more.
        LetterNotIssued = "LETTER_NOT_ISSUED" "保函未出具或已失效",
        /// The letter's last day has passed.
        LetterExpired = "LETTER_EXPIRED" "保函已过有效期",
        /// It names another reservation than the ask under which the credit was approved.
        ReservationDiffers = "RESERVATION_DIFFERS" "担保金预留编号与审批时不符",
        /// The amount differs from the contract's or exceeds the letter's.
        AmountDiffers = "AMOUNT_DIFFERS" "金额与合同或保函不符",
        /// The membership evidence is too old.
        MembershipStale = "MEMBERSHIP_STALE" "会员身份核验已过期",
        /// The rate exceeds the charter's cap on the day.
        RateAboveCap = "RATE_ABOVE_CAP" "合同利率高于当日上限",
        /// The old loan that it would repay does not live, or is another firm's.
        NothingToRoll = "NOTHING_TO_ROLL" "没有可以新还旧的贷款",
        /// The old loan's last day has passed without a posting.
        RollDayPassed = "ROLL_DAY_PASSED" "旧贷款到期日已过",
        /// The bank's core system refused the posting.
        RefusedByCore = "REFUSED_BY_CORE" "核心系统未入账",
    }
}

codes! {
    /// Why there is no relief: by the union, the bank or the guarantor, as the step says.
    ReliefDecline {
        /// The firm is not hit.
        NotAffected = "NOT_AFFECTED" "未受影响",
        /// What falls due is not covered by the policy.
        NotCovered = "NOT_COVERED" "到期款项不在政策范围",
        /// It could not repay under any plan either.
        NoAbility = "NO_ABILITY" "调整后仍无还款能力",
        /// A renewal serves the firm better: it may apply for one under the policy.
        RenewInstead = "RENEW_INSTEAD" "建议改按续贷办理",
        /// The guarantor does not stand behind the plan.
        ConsentWithheld = "CONSENT_WITHHELD" "担保公司不同意变更",
    }
}

codes! {
    /// Why a plan did not come into force, in order of precedence.
    NotSwitched {
        /// The bank proposed no such plan, or it does not stand any more.
        NoPlan = "NO_PLAN" "没有此方案或已失效",
        /// The loan does not live any more.
        NotLiving = "NOT_LIVING" "贷款已结清",
        /// A day has come that the plan would move, or what falls due has changed since it was proposed.
        TooLate = "TOO_LATE" "方案须在拟调整的到期日之前生效",
    }
}

codes! {
    /// Why a subsidy was not paid, in order of precedence.
    NotPaid {
        /// The loan is in no released list of that period.
        NotListed = "NOT_LISTED" "该期贴息清单中没有此笔贷款",
        /// It was paid before.
        PaidBefore = "PAID_BEFORE" "该期贴息已支付",
        /// More than the interest of the row.
        AboveInterest = "ABOVE_INTEREST" "金额高于已付利息",
        /// The subsidy account does not hold so much.
        NoFunds = "NO_FUNDS" "贴息账户余额不足",
    }
}

codes! {
    /// Why a claim for a subsidy is rejected.
    SubsidyRejection {
        /// Whoever claims is no member any more.
        MembershipLapsed = "MEMBERSHIP_LAPSED" "会员身份已失效",
        /// The primary union does not stand any more.
        UnionDissolved = "UNION_DISSOLVED" "基层工会已撤销",
        /// It came after the cut-off.
        LateClaim = "LATE_CLAIM" "逾期申请，未列入清单",
        /// Vouchers of the interest are missing.
        NoVouchers = "NO_VOUCHERS" "付息凭证不齐",
        /// The same interest was claimed before.
        Duplicate = "DUPLICATE" "重复申请",
        /// The loan was overdue.
        Overdue = "OVERDUE" "贷款曾逾期",
    }
}
