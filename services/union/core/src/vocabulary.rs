//! The union's words: roles, reasons, refusals at filing. Closed lists of DOMAIN.md sections 2, 4 and 5.

use contracts::{CreditDecline, GuaranteeDecline, NotPaid, NotPosted, NotSwitched, ReliefDecline, SubsidyRejection};
use organisation::{Refusal, RefusalKind};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who acts for the union.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Checks eligibility and membership (受理岗).
    IntakeOfficer,
    /// Keeps the guarantee fund, and answers for what a pay-out leaves open (资金管理岗).
    FundManager,
    /// Checks claims for subsidies (贴息核验岗).
    SubsidyChecker,
    /// The second pair of eyes on what concerns the programme as a whole, and on subsidies (复核岗).
    Approver,
    /// Takes the calls of the hotline, dispatches them, and asks how the reply was found (热线坐席).
    HotlineAgent,
    /// Repairs what is stuck, decides nothing of business (运维).
    Operator,
    /// Who signs a relief plan: the borrower, no officer of the union (申请人).
    Applicant,
}

impl Role {
    /// Every role of the union's own people.
    pub const ALL: &'static [Role] = &[
        Role::IntakeOfficer,
        Role::FundManager,
        Role::SubsidyChecker,
        Role::Approver,
        Role::HotlineAgent,
        Role::Operator,
    ];

    /// The code under which accounts hold it.
    pub const fn code(self) -> &'static str {
        match self {
            Role::IntakeOfficer => "intake_officer",
            Role::FundManager => "fund_manager",
            Role::SubsidyChecker => "subsidy_checker",
            Role::Approver => "approver",
            Role::HotlineAgent => "hotline_agent",
            Role::Operator => "operator",
            Role::Applicant => "applicant",
        }
    }

    /// Its name for people.
    pub const fn zh(self) -> &'static str {
        match self {
            Role::IntakeOfficer => "受理岗",
            Role::FundManager => "担保金管理岗",
            Role::SubsidyChecker => "贴息核验岗",
            Role::Approver => "复核岗",
            Role::HotlineAgent => "热线坐席",
            Role::Operator => "运维",
            Role::Applicant => "申请人",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why an application goes through the green channel (DOMAIN.md section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GreenReason {
    /// The firm's industry is one that the relief policy in force counts as hit.
    HitIndustry,
    /// An intake officer says so.
    OfficerFlag,
}

/// INTAKE_REJECTED: why the union turns an application down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IntakeRejection {
    /// The register does not know number, name, identity and union together on the day.
    Membership,
    /// The beneficiary group is not proven.
    GroupNotProven,
    /// The firm does not operate.
    NotOperating,
    /// The purpose is not supported.
    PurposeUnsupported,
    /// The papers contradict each other.
    DocumentsInconsistent,
}

/// WITHDRAWN: why the applicant withdraws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Withdrawal {
    /// Found the money elsewhere.
    OtherFunds,
    /// Does not need it any more.
    NoNeed,
    /// Does not like the terms.
    Terms,
}

/// What a partner said that excludes what it said before, or does not fit what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Contradiction {
    /// Money left under a key that was not ordered, or that the bank had closed.
    PostedUnasked,
    /// Money left a second time, or by another receipt.
    PostedTwice,
    /// Another amount left than was agreed.
    AmountDiffers,
    /// The money that left did not leave.
    PostedDenied,
    /// The key of an order that stands is closed, and nobody asked for it.
    ClosedUnasked,
    /// More was approved than was asked.
    AmountAboveAsked,
    /// The letter's hash is not that of its fields.
    LetterHash,
    /// The letter is not for the approved amount.
    LetterAmount,
    /// The answer is given under another charter than the application was filed under.
    OtherCharter,
    /// The relief plan's hash is not that of its measures.
    PlanHash,
}

impl Contradiction {
    /// For a reader, in Chinese.
    pub const fn zh(self) -> &'static str {
        match self {
            Contradiction::PostedUnasked => "银行称已放款，但该编号未下达或已关闭",
            Contradiction::PostedTwice => "银行称再次放款，或凭证前后不同",
            Contradiction::AmountDiffers => "银行称已放款，但金额与约定不符",
            Contradiction::PostedDenied => "银行先称已放款，后又否认",
            Contradiction::ClosedUnasked => "银行称编号已关闭，但未曾要求关闭",
            Contradiction::AmountAboveAsked => "批准金额高于申请金额",
            Contradiction::LetterHash => "保函哈希与内容不符",
            Contradiction::LetterAmount => "保函金额与批准金额不符",
            Contradiction::OtherCharter => "答复所依章程与申请所依章程不同",
            Contradiction::PlanHash => "纾困方案的哈希与内容不符",
        }
    }
}

/// Why a step of origination was refused, or the whole withdrawn, or a person called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", content = "code", rename_all = "snake_case")]
pub enum Reason {
    /// The union's intake officer.
    Intake(IntakeRejection),
    /// The guarantor.
    Guarantor(GuaranteeDecline),
    /// The bank's credit decision.
    Bank(CreditDecline),
    /// The bank's precondition for paying out.
    NotPosted(NotPosted),
    /// Why there is no relief.
    Relief(ReliefDecline),
    /// Why a relief plan did not come into force.
    NotSwitched(NotSwitched),
    /// Why a claim for a subsidy is rejected.
    Subsidy(SubsidyRejection),
    /// Why a subsidy was not paid.
    NotPaid(NotPaid),
    /// The applicant.
    Applicant(Withdrawal),
    /// A partner contradicts itself or what was agreed.
    Contradiction(Contradiction),
    /// A partner that cannot undo, in its words.
    Partner(String),
}

impl Reason {
    /// The code of DOMAIN.md section 4.
    pub fn code(&self) -> String {
        let coded = match self {
            Reason::Intake(reason) => serde_json::to_value(reason),
            Reason::Guarantor(reason) => serde_json::to_value(reason),
            Reason::Bank(reason) => serde_json::to_value(reason),
            Reason::NotPosted(reason) => serde_json::to_value(reason),
            Reason::Relief(reason) => serde_json::to_value(reason),
            Reason::NotSwitched(reason) => serde_json::to_value(reason),
            Reason::Subsidy(reason) => serde_json::to_value(reason),
            Reason::NotPaid(reason) => serde_json::to_value(reason),
            Reason::Applicant(reason) => serde_json::to_value(reason),
            Reason::Contradiction(reason) => serde_json::to_value(reason),
            Reason::Partner(words) => return words.clone(),
        };
        match coded {
            Ok(serde_json::Value::String(code)) => code,
            _ => String::new(),
        }
    }

    /// For a reader, in Chinese.
    pub fn zh(&self) -> String {
        match self {
            Reason::Intake(IntakeRejection::Membership) => "会员身份未通过核验".into(),
            Reason::Intake(IntakeRejection::GroupNotProven) => "人群类别证明不足".into(),
            Reason::Intake(IntakeRejection::NotOperating) => "企业未正常经营".into(),
            Reason::Intake(IntakeRejection::PurposeUnsupported) => "资金用途不符合要求".into(),
            Reason::Intake(IntakeRejection::DocumentsInconsistent) => "申请材料不一致".into(),
            Reason::Guarantor(reason) => reason.zh().into(),
            Reason::Bank(reason) => reason.zh().into(),
            Reason::NotPosted(reason) => reason.zh().into(),
            Reason::Relief(reason) => reason.zh().into(),
            Reason::NotSwitched(reason) => reason.zh().into(),
            Reason::Subsidy(reason) => reason.zh().into(),
            Reason::NotPaid(reason) => reason.zh().into(),
            Reason::Applicant(Withdrawal::OtherFunds) => "已有其他资金来源".into(),
            Reason::Applicant(Withdrawal::NoNeed) => "不再需要资金".into(),
            Reason::Applicant(Withdrawal::Terms) => "不接受贷款条件".into(),
            Reason::Contradiction(reason) => reason.zh().into(),
            Reason::Partner(words) => words.clone(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code())
    }
}

/// Refused at filing, in order of precedence (DOMAIN.md section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FilingRefusal {
    /// Outside the charter's amounts or step.
    Amount,
    /// Longer than the charter allows, or none.
    Term,
    /// A purpose that the programme does not serve.
    Purpose,
    /// The legal representative is too young or too old, today or at the loan's maturity.
    Age,
    /// The licence is not valid on the day.
    Licence,
    /// The business is not in Beijing.
    Area,
    /// What it says it tries again is no application of this firm that ended unpaid.
    Identifier,
    /// The firm has an application under way.
    OpenApplication,
    /// The firm has a live loan.
    LiveLoan,
    /// The firm has had as many loans as the programme grants.
    LoanCount,
    /// The renewal of no loan, of one that is overdue, or outside its window.
    RenewalWindow,
    /// The green channel, or a reason for a renewal, outside of a relief policy, or for an industry that it does not count as hit.
    PolicyNotInForce,
}

/// Why a loan is renewed under a relief policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RenewalReason {
    /// The firm's industry is hit.
    HitIndustry,
    /// The firm is promising.
    Promising,
}

impl FilingRefusal {
    /// Stable code, title and advice.
    pub const fn parts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            FilingRefusal::Amount => ("AMOUNT", "申请金额不符合规定", "请按规定的最低、最高金额和步长填写申请金额。"),
            FilingRefusal::Term => ("TERM", "申请期限不符合规定", "请按规定的最长期限填写贷款月数。"),
            FilingRefusal::Purpose => ("PURPOSE", "资金用途不符合规定", "资金不得用于购房、证券投资或转贷。"),
            FilingRefusal::Age => (
                "AGE",
                "法定代表人年龄不符合规定",
                "请由申请时和贷款到期时均符合年龄条件的法定代表人申请，或缩短期限。",
            ),
            FilingRefusal::Licence => ("LICENCE", "营业执照无效", "请更新营业执照后再申请。"),
            FilingRefusal::Area => ("AREA", "经营地址不在本市", "本项目仅面向在北京经营的企业。"),
            FilingRefusal::OpenApplication => {
                ("OPEN_APPLICATION", "该企业已有在办申请", "请等待在办申请结束，或先撤回。")
            }
            FilingRefusal::LiveLoan => ("LIVE_LOAN", "该企业有未结清贷款", "请在贷款结清后再申请，或申请续贷。"),
            FilingRefusal::PolicyNotInForce => (
                "POLICY_NOT_IN_FORCE",
                "纾困政策未施行或不适用",
                "绿色通道与纾困续贷仅在纾困政策施行期间，向受影响行业或经认定的企业开放，请以 STANDARD 提交，续贷理由填 null。",
            ),
            FilingRefusal::RenewalWindow => (
                "RENEWAL_WINDOW",
                "不能续贷",
                "续贷须在本企业最近一笔贷款结清（未结清的为最终到期日）前 60 日至后 30 日内提出，且该笔贷款没有逾期。",
            ),
            FilingRefusal::Identifier => {
                ("IDENTIFIER", "再次申请的编号不符", "再次申请须填写本企业此前未获放款即终止的申请编号。")
            }
            FilingRefusal::LoanCount => ("LOAN_COUNT", "该企业贷款次数已满", "每家企业最多享受规定次数的贷款。"),
        }
    }
}

impl From<FilingRefusal> for Refusal {
    fn from(refusal: FilingRefusal) -> Self {
        let (code, title, detail) = refusal.parts();
        let kind = match refusal {
            FilingRefusal::OpenApplication | FilingRefusal::LiveLoan | FilingRefusal::LoanCount => {
                RefusalKind::Conflict
            }
            _ => RefusalKind::Invalid,
        };
        Refusal::new(kind, code, title, detail)
    }
}
