//! How papers and personal data go from one organisation to another: sealed to a letterbox that the asking one made for
//! this one application, in parts that each fit a frame.
//!
//! What is sealed nobody opens but who made the letterbox, and nobody at all once its key is destroyed; every hash of what was
//! said stays valid. Which kinds of paper an organisation may have is decided here, so that sender and receiver agree.

use crate::message::About;
use domain::Party;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a paper is (DOMAIN.md section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaperKind {
    /// No paper: the personal data of the form, as far as the receiver needs them.
    Person,
    /// Business licence (营业执照).
    Licence,
    /// Identity card, front.
    IdFront,
    /// Identity card, back.
    IdBack,
    /// Certificate of the primary union.
    UnionCertificate,
    /// Proof of membership.
    MembershipProof,
    /// Proof of the beneficiary group.
    GroupProof,
    /// Lease of the premises.
    Lease,
    /// Bank statement of six months.
    BankStatement,
    /// Tax return.
    TaxReturn,
    /// Financial statements.
    Financials,
    /// Business plan.
    BusinessPlan,
    /// Papers of the counter-guarantee.
    CounterGuarantee,
}

impl PaperKind {
    /// Every kind that an applicant hands in, in the order of DOMAIN.md section 5.
    pub const SUPPLIED: [Self; 12] = [
        Self::Licence,
        Self::IdFront,
        Self::IdBack,
        Self::UnionCertificate,
        Self::MembershipProof,
        Self::GroupProof,
        Self::Lease,
        Self::BankStatement,
        Self::TaxReturn,
        Self::Financials,
        Self::BusinessPlan,
        Self::CounterGuarantee,
    ];

    /// The code on the wire and in the interface.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Person => "PERSON",
            Self::Licence => "LICENCE",
            Self::IdFront => "ID_FRONT",
            Self::IdBack => "ID_BACK",
            Self::UnionCertificate => "UNION_CERTIFICATE",
            Self::MembershipProof => "MEMBERSHIP_PROOF",
            Self::GroupProof => "GROUP_PROOF",
            Self::Lease => "LEASE",
            Self::BankStatement => "BANK_STATEMENT",
            Self::TaxReturn => "TAX_RETURN",
            Self::Financials => "FINANCIALS",
            Self::BusinessPlan => "BUSINESS_PLAN",
            Self::CounterGuarantee => "COUNTER_GUARANTEE",
        }
    }

    /// The kind as people read it.
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Person => "个人信息",
            Self::Licence => "营业执照",
            Self::IdFront => "身份证正面",
            Self::IdBack => "身份证反面",
            Self::UnionCertificate => "基层工会证明",
            Self::MembershipProof => "会员证明",
            Self::GroupProof => "人群类别证明",
            Self::Lease => "经营场所租赁合同",
            Self::BankStatement => "六个月银行流水",
            Self::TaxReturn => "纳税申报表",
            Self::Financials => "财务报表",
            Self::BusinessPlan => "经营计划",
            Self::CounterGuarantee => "反担保材料",
        }
    }

    /// Whether this organisation may have it (DOMAIN.md section 5, the minimum): what proves membership and the beneficiary
    /// group stays with the union, and what backs the guarantee is the guarantor's.
    pub const fn may_go_to(self, party: Party) -> bool {
        match (self, party) {
            (_, Party::Union) => true,
            (Self::UnionCertificate | Self::MembershipProof | Self::GroupProof, _)
            | (Self::CounterGuarantee, Party::Bank) => false,
            (_, Party::Guarantor | Party::Bank) => true,
        }
    }
}

/// Guarantor or bank → union: seal to this letterbox what you may show us of the application, now and later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PapersAsked {
    /// Application, charter and key.
    pub about: About,
    /// Public key of the letterbox, made for this application alone: X25519 (RFC 9180), hex.
    #[schemars(length(equal = 64))]
    pub letterbox: String,
}

/// Union → guarantor or bank: a part of a paper, sealed to the receiver's letterbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaperSealed {
    /// Application, charter and key.
    pub about: About,
    /// Which paper.
    pub paper: Paper,
    /// The letterbox that it is sealed to.
    #[schemars(length(equal = 64))]
    pub letterbox: String,
    /// Which part of the paper, from 1.
    pub part: u16,
    /// How many parts it has.
    pub of: u16,
    /// The sealed bytes: encapsulated key, then ciphertext (RFC 9180); base64.
    pub sealed: String,
}

/// What everybody who has a paper may know of it without opening it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Paper {
    /// Its address: SHA-256 over a salt of the application, which stays sealed, and its bytes; hex. Of personal data: a token.
    #[schemars(length(min = 32, max = 64))]
    pub address: String,
    /// What it is.
    pub kind: PaperKind,
    /// Its media type, e.g. `application/pdf`.
    pub media_type: String,
    /// Pages, as the uploader counted them.
    pub pages: u16,
    /// Its size in bytes.
    pub bytes: u32,
}
