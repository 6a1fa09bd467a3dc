//! The messages (DOMAIN.md section 2), those of origination first, each a struct of domain types with a fixed route.
//!
//! An *ask* carries the idempotency key of the step and attempt that sent it; its *answer* repeats the key. Undoing an
//! ask is a message of its own under the same key, so that it can overtake its original.

use crate::{
    charter::CharterAnswered,
    loan::{LoanReported, LoanReportsAsked},
    papers::{PaperSealed, PapersAsked},
    reader::{Reader, readers},
    reason::{CreditDecline, GuaranteeDecline, NotPosted},
    relief::{
        ConsentPresented, ConsentToRelief, ProposeRelief, ReliefAnswered, ReliefProposed, ScheduleSwitched, SignedPlan,
    },
    subsidy::{PaySubsidy, SubsidyListed, SubsidyReported, SubsidyReturned},
};
use domain::{Amount, ApplicationId, CharterHash, Date, Fen, Moment, Party, Ppm, Uscc, schedule::Method};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What every message is about: the application, its saga, the charter it was filed under, the step's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The application that the union numbered.
    pub application_id: ApplicationId,
    /// The charter to which the application is pinned; a party that has not accepted it refuses the step.
    pub charter: CharterHash,
    /// Idempotency key of the step and attempt, e.g. `disb:NCD-2018-0052`.
    #[schemars(length(min = 1, max = 120))]
    pub key: String,
}

/// What guarantor and bank learn of the firm and its wish. No personal data, no hardship evidence (DOMAIN.md section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Firm {
    /// Registered name (企业名称).
    pub enterprise_name: String,
    /// Unified social credit code.
    pub uscc: Uscc,
    /// GB/T 4754 section and division, e.g. `I65`.
    pub industry_code: String,
    /// Beijing district without 区.
    pub district: String,
    /// Day of registration.
    #[schemars(with = "String")]
    pub registered_on: Date,
    /// People employed.
    pub employees: u32,
    /// Turnover of the last year, fen.
    pub turnover_fen: Fen,
    /// Tax paid in the last year, fen.
    pub tax_fen: Fen,
    /// Debt at filing, fen.
    pub debt_fen: Fen,
}

/// The loan that is asked for, or, once approved, to be granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Principal, fen.
    pub amount_fen: Amount,
    /// Months to maturity.
    pub term_months: u16,
    /// Repayment method.
    pub method: Method,
    /// What the money is for.
    pub purpose: String,
}

/// Union → guarantor: assess the guarantee for this application (S1 step 4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssessGuarantee {
    /// Application, charter and key.
    pub about: About,
    /// The firm.
    pub firm: Firm,
    /// What it asks for.
    pub wish: Wish,
    /// Dated evidence of membership and eligibility that the union keeps.
    pub recommendation: String,
    /// The union's reservation behind it.
    pub reservation_id: String,
    /// Share of the fund that is reserved, fen.
    pub reserved_fen: Fen,
}

/// Guarantor → union: the opinion on [`AssessGuarantee`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuaranteeAssessed {
    /// Repeats the ask.
    pub about: About,
    /// The opinion.
    pub opinion: GuaranteeOpinion,
}

/// The guarantor's opinion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum GuaranteeOpinion {
    /// It will guarantee, for an amount not above the one asked, under conditions.
    Agreed {
        /// Principal it will guarantee, fen.
        amount_fen: Amount,
        /// Conditions the applicant has to meet, in words.
        conditions: Vec<String>,
    },
    /// It will not.
    Declined {
        /// Why.
        reason: GuaranteeDecline,
    },
}

/// Union → bank: decide on the credit (S1 step 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveCredit {
    /// Application, charter and key.
    pub about: About,
    /// The firm.
    pub firm: Firm,
    /// The loan, its amount already lowered to what the guarantor agreed.
    pub wish: Wish,
    /// Conditions of the guarantor, in words.
    pub conditions: Vec<String>,
    /// Version of the consent to a credit-registry query that the applicant gave.
    pub credit_query_consent: String,
    /// The union's reservation behind it, which its order to pay out has to name; none in what version 1 said.
    pub reservation_id: Option<String>,
}

/// Version 1 of [`ApproveCredit`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveCreditV1 {
    /// Application, charter and key.
    pub about: About,
    /// The firm.
    pub firm: Firm,
    /// The loan, its amount already lowered to what the guarantor agreed.
    pub wish: Wish,
    /// Conditions of the guarantor, in words.
    pub conditions: Vec<String>,
    /// Version of the consent to a credit-registry query that the applicant gave.
    pub credit_query_consent: String,
}

impl From<ApproveCreditV1> for ApproveCredit {
    fn from(before: ApproveCreditV1) -> Self {
        let ApproveCreditV1 { about, firm, wish, conditions, credit_query_consent } = before;
        ApproveCredit { about, firm, wish, conditions, credit_query_consent, reservation_id: None }
    }
}

/// Bank → union: the decision on [`ApproveCredit`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditDecided {
    /// Repeats the ask.
    pub about: About,
    /// The decision.
    pub decision: CreditDecision,
}

/// The bank's credit decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum CreditDecision {
    /// The bank will lend.
    Approved {
        /// Principal, fen; not above the one asked.
        amount_fen: Amount,
        /// Contract rate, ppm a year; not above the charter's cap on the day of pay-out.
        rate_ppm: Ppm,
        /// Repayment method.
        method: Method,
    },
    /// The bank will not lend.
    Declined {
        /// Why.
        reason: CreditDecline,
    },
}

/// Union → guarantor: have the entrusted-guarantee and counter-guarantee contracts signed (S1 step 6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignContracts {
    /// Application, charter and key.
    pub about: About,
    /// Principal both sides approved, fen.
    pub amount_fen: Amount,
}

/// Union → guarantor: issue the letter of guarantee (S1 step 7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueLetter {
    /// Application, charter and key.
    pub about: About,
    /// Principal to be guaranteed, fen.
    pub amount_fen: Amount,
    /// Months to maturity of the loan.
    pub term_months: u16,
}

/// A letter of guarantee as its issuer states it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Letter {
    /// Number of the letter, e.g. `BH-NCD-2018-0052-1`.
    pub letter_no: String,
    /// Principal guaranteed in full, fen.
    pub amount_fen: Amount,
    /// Day of issue.
    #[schemars(with = "String")]
    pub issued_on: Date,
    /// Last day on which a loan may be paid out under it.
    #[schemars(with = "String")]
    pub valid_until: Date,
    /// Guarantee period: months after maturity.
    pub period_months: u16,
    /// SHA-256 over the fields above in canonical JSON, hex.
    pub hash: String,
}

/// Guarantor → bank: a letter of guarantee (the bank takes it from nobody else).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PresentLetter {
    /// Application, charter and key.
    pub about: About,
    /// The letter.
    pub letter: Letter,
}

/// Guarantor → union: the letter that [`IssueLetter`] asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LetterIssued {
    /// Repeats the ask.
    pub about: About,
    /// The letter.
    pub letter: Letter,
}

/// Guarantor → bank: state that nothing was and will be paid out under this letter, so that it can be revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskNotDisbursed {
    /// Application, charter and key.
    pub about: About,
    /// The letter to be revoked.
    pub letter_no: String,
}

/// Bank → guarantor: the answer to [`AskNotDisbursed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotDisbursedStated {
    /// Repeats the ask.
    pub about: About,
    /// The letter asked about.
    pub letter_no: String,
    /// True: nothing was paid out and nothing will be, the bank has closed the letter. False: the loan is paid out.
    pub not_disbursed: bool,
}

/// Union → bank: sign the loan contract (S1 step 8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignLoanContract {
    /// Application, charter and key.
    pub about: About,
    /// Number of the letter it rests on.
    pub letter_no: String,
    /// Principal, fen.
    pub amount_fen: Amount,
    /// Months to maturity.
    pub term_months: u16,
    /// Conditions of the guarantor, in words: in the green channel the bank decided before they were known. None in what
    /// version 1 said.
    pub conditions: Vec<String>,
}

/// Version 1 of [`SignLoanContract`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignLoanContractV1 {
    /// Application, charter and key.
    pub about: About,
    /// Number of the letter it rests on.
    pub letter_no: String,
    /// Principal, fen.
    pub amount_fen: Amount,
    /// Months to maturity.
    pub term_months: u16,
}

impl From<SignLoanContractV1> for SignLoanContract {
    fn from(before: SignLoanContractV1) -> Self {
        let SignLoanContractV1 { about, letter_no, amount_fen, term_months } = before;
        SignLoanContract { about, letter_no, amount_fen, term_months, conditions: Vec::new() }
    }
}

/// Bank → union: the loan contract is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoanContractSigned {
    /// Repeats the ask.
    pub about: About,
    /// Contract number.
    pub contract_no: String,
}

/// Union → bank: pay out (S1 step 9, the point of no return), with what the union vouches for in that moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disburse {
    /// Application, charter and key `disb:{application}`.
    pub about: About,
    /// Principal, fen.
    pub amount_fen: Amount,
    /// Number of the letter; the bank checks it against the one the guarantor presented.
    pub letter_no: String,
    /// The reservation that is HELD; the bank checks it against the one under which it approved the credit.
    pub reservation_id: String,
    /// Day on which membership was last verified.
    #[schemars(with = "String")]
    pub membership_verified_on: Date,
    /// The application of the old loan that the new one repays on its last day, in one posting (S3, NEW_REPAYS_OLD); none in what version 1
    /// said.
    pub rolls: Option<ApplicationId>,
}

/// Version 1 of [`Disburse`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DisburseV1 {
    /// Application, charter and key `disb:{application}`.
    pub about: About,
    /// Principal, fen.
    pub amount_fen: Amount,
    /// Number of the letter; the bank checks it against the one the guarantor presented.
    pub letter_no: String,
    /// The reservation that is HELD; the bank checks it against the one under which it approved the credit.
    pub reservation_id: String,
    /// Day on which membership was last verified.
    #[schemars(with = "String")]
    pub membership_verified_on: Date,
}

impl From<DisburseV1> for Disburse {
    fn from(before: DisburseV1) -> Self {
        let DisburseV1 { about, amount_fen, letter_no, reservation_id, membership_verified_on } = before;
        Disburse { about, amount_fen, letter_no, reservation_id, membership_verified_on, rolls: None }
    }
}

/// Union → bank: what became of this key? (S4: an unknown outcome is asked by the same key.)
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryDisbursement {
    /// Repeats the ask of [`Disburse`].
    pub about: About,
}

/// Union → bank: close this key, so that a late original is refused; the answer is the truth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseDisbursement {
    /// Repeats the ask of [`Disburse`].
    pub about: About,
}

/// Bank → union: what became of a disbursement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DisbursementReported {
    /// Repeats the ask.
    pub about: About,
    /// What the bank's books say.
    pub report: DisbursementReport,
}

/// What the bank's books say of a disbursement key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum DisbursementReport {
    /// Money has left: the receipt.
    Posted {
        /// The receipt.
        receipt: DisbursementReceipt,
    },
    /// Not posted, for a reason; final only once the key is closed.
    NotPosted {
        /// Why, in a stable code.
        why: NotPosted,
    },
    /// The bank's core system has not said.
    Unknown,
    /// The key is closed: it never was posted and never will be.
    Closed,
}

/// Proof of a pay-out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DisbursementReceipt {
    /// Number of the posting in the bank's books.
    pub posting_no: String,
    /// Principal paid out, fen.
    pub amount_fen: Amount,
    /// Contract rate, ppm a year.
    pub rate_ppm: Ppm,
    /// Value date.
    #[schemars(with = "String")]
    pub value_date: Date,
    /// Last day of the loan.
    #[schemars(with = "String")]
    pub maturity_on: Date,
}

/// Bank → guarantor: the loan under your letter is paid out (the guarantor takes it from nobody else).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoanDisbursed {
    /// Application, charter and key.
    pub about: About,
    /// The letter it rests on.
    pub letter_no: String,
    /// The receipt.
    pub receipt: DisbursementReceipt,
}

/// Bank → union and guarantor: the pay-out was reversed on its own day. There is no loan, and nothing stands behind it any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PayoutReversed {
    /// Application, charter and key.
    pub about: About,
    /// The receipt of the pay-out, as it was given.
    pub receipt: DisbursementReceipt,
    /// The day on which it was reversed: its value date.
    #[schemars(with = "String")]
    pub on: Date,
}

/// Union → guarantor: make the letter effective (S1 step 10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivateLetter {
    /// Application, charter and key.
    pub about: About,
    /// The letter.
    pub letter_no: String,
}

/// An ask, an undo or a confirmation that carries nothing but what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plain {
    /// Application, charter and key.
    pub about: About,
}

/// The answer to an undo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoAnswered {
    /// Repeats the undo.
    pub about: About,
    /// Empty when it is undone; otherwise why it cannot be, in words for the officer who must act.
    pub refused: Option<String>,
}

/// The answer to an ask that says nothing but that it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmed {
    /// Repeats the ask.
    pub about: About,
    /// Business time at which it was done.
    pub at: Moment,
}

/// An ask that the asked party does not take up at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskRefused {
    /// Repeats the ask.
    pub about: About,
    /// Why.
    pub why: AskRefusal,
}

/// Why an ask is not taken up, in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AskRefusal {
    /// The asked party has not accepted the charter of the application.
    CharterNotAccepted,
    /// The ask does not follow from what the asked party knows, e.g. a letter for an amount nobody agreed to.
    OutOfOrder,
}

macro_rules! about {
    ($payload:ident) => {
        Some(&$payload.about)
    };
    ($payload:ident, $whole:ident) => {{
        let _ = $payload;
        None
    }};
}

macro_rules! charter {
    ($payload:ident) => {{
        let _ = $payload;
        None
    }};
    ($payload:ident, charter) => {
        Some($payload)
    };
}

/// One line a message: its variant and payload, its type on the wire, who says it, who hears it, what it says. A version
/// that follows another names the payload of the one before: `v 2 after SignContractsV1`. What is about no application says what
/// else it is `of`.
macro_rules! messages {
    ($($(#[doc = $doc:literal])+ $variant:ident($payload:ty) = $name:literal v $version:literal $(after $before:ty)?,
       $from:ident => $to:ident $(of $whole:ident)?;)+) => {
        /// Everything that one organisation may say to another.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Message {
            $($(#[doc = $doc])+ $variant($payload),)+
        }

        /// The type of a [`Message`] without its content.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Kind {
            /// Every type of message, in the order of origination.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant),+];

            /// Name without version, e.g. `guarantee.assess`.
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name,)+ }
            }

            /// The version that this build writes.
            pub const fn version(self) -> u16 {
                match self { $(Kind::$variant => $version,)+ }
            }

            /// The versions that this build reads, the one that it writes first.
            pub const fn readers(self) -> &'static [Reader] {
                match self { $(Kind::$variant => readers!($variant($payload) v $version $(after $before)?),)+ }
            }

            /// The only organisation that may say it, and the only one it is said to.
            pub const fn route(self) -> (Party, Party) {
                match self { $(Kind::$variant => (Party::$from, Party::$to),)+ }
            }

            /// JSON Schema of the payload that this build writes.
            pub fn schema(self) -> schemars::Schema {
                match self { $(Kind::$variant => schemars::schema_for!($payload),)+ }
            }

            /// What the message says, in one sentence for integrators.
            pub fn summary(self) -> &'static str {
                match self { $(Kind::$variant => concat!($($doc),+),)+ }
            }
        }

        impl Message {
            /// The type of this message.
            pub const fn kind(&self) -> Kind {
                match self { $(Message::$variant(_) => Kind::$variant,)+ }
            }

            /// What it is about; none: the programme as a whole.
            pub const fn about(&self) -> Option<&About> {
                match self { $(Message::$variant(payload) => about!(payload $(, $whole)?),)+ }
            }

            /// What is said of a charter, if it is about one.
            pub const fn charter(&self) -> Option<&CharterAnswered> {
                match self { $(Message::$variant(payload) => charter!(payload $(, $whole)?),)+ }
            }

            pub(crate) fn write(&self) -> Result<Box<serde_json::value::RawValue>, serde_json::Error> {
                match self { $(Message::$variant(payload) => serde_json::value::to_raw_value(payload),)+ }
            }
        }
    };
}

messages! {
    /// Assess the guarantee of this application.
    AssessGuarantee(AssessGuarantee) = "guarantee.assess" v 1, Union => Guarantor;
    /// The guarantor's opinion.
    GuaranteeAssessed(GuaranteeAssessed) = "guarantee.assessed" v 1, Guarantor => Union;
    /// Withdraw your opinion, or do not give one.
    WithdrawOpinion(Plain) = "guarantee.withdraw_opinion" v 1, Union => Guarantor;
    /// The guarantor does not take up an ask.
    GuarantorRefused(AskRefused) = "guarantor.ask_refused" v 1, Guarantor => Union;
    /// The opinion is withdrawn.
    OpinionWithdrawn(UndoAnswered) = "guarantee.opinion_withdrawn" v 1, Guarantor => Union;

    /// Decide on the credit.
    ApproveCredit(ApproveCredit) = "credit.approve" v 2 after ApproveCreditV1, Union => Bank;
    /// The bank's credit decision.
    CreditDecided(CreditDecided) = "credit.decided" v 1, Bank => Union;
    /// Cancel your approval, or do not give one.
    CancelApproval(Plain) = "credit.cancel_approval" v 1, Union => Bank;
    /// The bank does not take up an ask.
    BankRefused(AskRefused) = "bank.ask_refused" v 1, Bank => Union;
    /// The approval is cancelled.
    ApprovalCancelled(UndoAnswered) = "credit.approval_cancelled" v 1, Bank => Union;

    /// Have the guarantee contracts signed.
    SignContracts(SignContracts) = "contracts.sign" v 1, Union => Guarantor;
    /// The guarantee contracts are signed by applicant and guarantor.
    ContractsSigned(Confirmed) = "contracts.signed" v 1, Guarantor => Union;
    /// Terminate the guarantee contracts.
    TerminateContracts(Plain) = "contracts.terminate" v 1, Union => Guarantor;
    /// The guarantee contracts are terminated.
    ContractsTerminated(UndoAnswered) = "contracts.terminated" v 1, Guarantor => Union;

    /// Issue the letter of guarantee.
    IssueLetter(IssueLetter) = "letter.issue" v 1, Union => Guarantor;
    /// The letter is issued.
    LetterIssued(LetterIssued) = "letter.issued" v 1, Guarantor => Union;
    /// A letter of guarantee, presented to the lender by its issuer.
    PresentLetter(PresentLetter) = "letter.present" v 1, Guarantor => Bank;
    /// Revoke the letter of guarantee.
    RevokeLetter(Plain) = "letter.revoke" v 1, Union => Guarantor;
    /// The letter is revoked, or cannot be.
    LetterRevoked(UndoAnswered) = "letter.revoked" v 1, Guarantor => Union;
    /// State that nothing was and will be paid out under this letter.
    AskNotDisbursed(AskNotDisbursed) = "disbursement.ask_not_disbursed" v 1, Guarantor => Bank;
    /// Whether anything was paid out under a letter.
    NotDisbursedStated(NotDisbursedStated) = "disbursement.not_disbursed_stated" v 1, Bank => Guarantor;

    /// Sign the loan contract.
    SignLoanContract(SignLoanContract) = "loan_contract.sign" v 2 after SignLoanContractV1, Union => Bank;
    /// The loan contract is signed.
    LoanContractSigned(LoanContractSigned) = "loan_contract.signed" v 1, Bank => Union;
    /// Terminate the unused loan contract.
    TerminateLoanContract(Plain) = "loan_contract.terminate" v 1, Union => Bank;
    /// The unused loan contract is terminated.
    LoanContractTerminated(UndoAnswered) = "loan_contract.terminated" v 1, Bank => Union;

    /// Pay out the loan.
    Disburse(Disburse) = "disbursement.disburse" v 2 after DisburseV1, Union => Bank;
    /// Say what became of this disbursement key.
    QueryDisbursement(QueryDisbursement) = "disbursement.query" v 1, Union => Bank;
    /// Close this disbursement key for ever, and say what became of it.
    CloseDisbursement(CloseDisbursement) = "disbursement.close" v 1, Union => Bank;
    // Version 3 may give two reasons more (NOTHING_TO_ROLL, ROLL_DAY_PASSED); what version 2 said reads the same.
    /// What became of a disbursement.
    DisbursementReported(DisbursementReported) = "disbursement.reported" v 3 after DisbursementReported, Bank => Union;
    /// The loan under your letter is paid out.
    LoanDisbursed(LoanDisbursed) = "disbursement.loan_disbursed" v 1, Bank => Guarantor;
    /// The loan under your letter never was: its pay-out is reversed.
    LoanReversed(PayoutReversed) = "disbursement.loan_reversed" v 1, Bank => Guarantor;
    /// The pay-out is reversed.
    PayoutReversed(PayoutReversed) = "disbursement.payout_reversed" v 1, Bank => Union;

    /// Make the letter effective.
    ActivateLetter(ActivateLetter) = "letter.activate" v 1, Union => Guarantor;
    /// The letter is effective.
    LetterActivated(Confirmed) = "letter.activated" v 1, Guarantor => Union;

    // Version 2 may report other events (another schedule, the end of a relief plan); what version 1 said reads the same.
    /// An event in the life of the loan under your letter.
    LoanReportedToGuarantor(LoanReported) = "loan.reported_to_guarantor" v 2 after LoanReported, Bank => Guarantor;
    /// An event in the life of the loan.
    LoanReportedToUnion(LoanReported) = "loan.reported_to_union" v 2 after LoanReported, Bank => Union;
    /// The guarantor lacks reports on this loan.
    GuarantorAsksLoanReports(LoanReportsAsked) = "loan.reports_asked_by_guarantor" v 1, Guarantor => Bank;
    /// The union lacks reports on this loan.
    UnionAsksLoanReports(LoanReportsAsked) = "loan.reports_asked_by_union" v 1, Union => Bank;

    /// Propose a relief plan for this loan.
    ProposeRelief(ProposeRelief) = "relief.propose" v 1, Union => Bank;
    /// The bank's relief plan, or that it has none.
    ReliefProposed(ReliefProposed) = "relief.proposed" v 1, Bank => Union;
    /// Withdraw your relief plan, or do not propose one.
    WithdrawReliefPlan(Plain) = "relief.withdraw_plan" v 1, Union => Bank;
    /// The relief plan is withdrawn.
    ReliefPlanWithdrawn(UndoAnswered) = "relief.plan_withdrawn" v 1, Bank => Union;
    /// Consent in writing to this relief plan.
    ConsentToRelief(ConsentToRelief) = "relief.consent" v 1, Union => Guarantor;
    /// The guarantor's consent to a relief plan, or that it withholds it.
    ReliefAnswered(ReliefAnswered) = "relief.answered" v 1, Guarantor => Union;
    /// Rescind your consent to the relief plan, or do not give it.
    RescindConsent(Plain) = "relief.rescind_consent" v 1, Union => Guarantor;
    /// The consent to the relief plan is rescinded.
    ConsentRescinded(UndoAnswered) = "relief.consent_rescinded" v 1, Guarantor => Union;
    /// The guarantor's written consent to a relief plan, presented to the lender by whoever gave it, or taken back.
    ConsentPresented(ConsentPresented) = "relief.consent_presented" v 1, Guarantor => Bank;
    /// Put the signed relief plan into force.
    SwitchSchedule(SignedPlan) = "relief.switch_schedule" v 1, Union => Bank;
    /// Say what became of this switch of the schedule.
    QuerySwitch(Plain) = "relief.query_switch" v 1, Union => Bank;
    /// Close the key of this switch for ever, and say what became of it.
    CloseSwitch(Plain) = "relief.close_switch" v 1, Union => Bank;
    /// What became of the switch of the schedule.
    ScheduleSwitched(ScheduleSwitched) = "relief.schedule_switched" v 1, Bank => Union;
    /// Record the relief plan that is in force: the letter covers it.
    RecordRelief(SignedPlan) = "relief.record" v 1, Union => Guarantor;
    /// The relief plan is recorded.
    ReliefRecorded(Confirmed) = "relief.recorded" v 1, Guarantor => Union;

    /// A row of a cut-off list of interest subsidies.
    SubsidyListed(SubsidyListed) = "subsidy.listed" v 1, Bank => Union;
    /// Pay this subsidy to the borrower.
    PaySubsidy(PaySubsidy) = "subsidy.pay" v 1, Union => Bank;
    /// Say what became of this order to pay a subsidy.
    QuerySubsidy(Plain) = "subsidy.query" v 1, Union => Bank;
    /// Close the key of this order for ever, and say what became of it.
    CloseSubsidy(Plain) = "subsidy.close" v 1, Union => Bank;
    /// What became of an order to pay a subsidy.
    SubsidyReported(SubsidyReported) = "subsidy.reported" v 1, Bank => Union;
    /// A subsidy came back from the borrower's bank.
    SubsidyReturned(SubsidyReturned) = "subsidy.returned" v 1, Bank => Union;

    /// Seal to this letterbox of the guarantor's what it may have of the application.
    GuarantorAsksPapers(PapersAsked) = "papers.asked_by_guarantor" v 1, Guarantor => Union;
    /// Seal to this letterbox of the bank's what it may have of the application.
    BankAsksPapers(PapersAsked) = "papers.asked_by_bank" v 1, Bank => Union;
    /// A part of a paper, sealed to the guarantor's letterbox.
    PaperForGuarantor(PaperSealed) = "papers.for_guarantor" v 1, Union => Guarantor;
    /// A part of a paper, sealed to the bank's letterbox.
    PaperForBank(PaperSealed) = "papers.for_bank" v 1, Union => Bank;

    /// The union accepts a charter, or declines it, to the guarantor.
    UnionTellsGuarantor(CharterAnswered) = "charter.union_to_guarantor" v 1, Union => Guarantor of charter;
    /// The union accepts a charter, or declines it, to the bank.
    UnionTellsBank(CharterAnswered) = "charter.union_to_bank" v 1, Union => Bank of charter;
    /// The guarantor accepts a charter, or declines it, to the union.
    GuarantorTellsUnion(CharterAnswered) = "charter.guarantor_to_union" v 1, Guarantor => Union of charter;
    /// The guarantor accepts a charter, or declines it, to the bank.
    GuarantorTellsBank(CharterAnswered) = "charter.guarantor_to_bank" v 1, Guarantor => Bank of charter;
    /// The bank accepts a charter, or declines it, to the union.
    BankTellsUnion(CharterAnswered) = "charter.bank_to_union" v 1, Bank => Union of charter;
    /// The bank accepts a charter, or declines it, to the guarantor.
    BankTellsGuarantor(CharterAnswered) = "charter.bank_to_guarantor" v 1, Bank => Guarantor of charter;
}

impl Message {
    /// The application that it is about; none: the programme as a whole.
    pub fn application_id(&self) -> Option<&ApplicationId> {
        self.about().map(|about| &about.application_id)
    }

    /// The idempotency key under which it is said.
    pub fn key(&self) -> String {
        match (self.about(), self.charter()) {
            (Some(about), _) => about.key.clone(),
            (None, Some(said)) => said.subject(),
            (None, None) => String::new(),
        }
    }

    /// What it is about, as the subject of its CloudEvent: the application's number, or the charter's.
    pub fn subject(&self) -> String {
        match (self.about(), self.charter()) {
            (Some(about), _) => about.application_id.to_string(),
            (None, Some(said)) => said.subject(),
            (None, None) => String::new(),
        }
    }
}

impl Letter {
    /// SHA-256 over the letter's fields but its hash, hex: what issuer and holder compare.
    pub fn digest(
        letter_no: &str,
        amount_fen: Amount,
        issued_on: Date,
        valid_until: Date,
        period_months: u16,
    ) -> String {
        use sha2::{Digest, Sha256};
        let text = format!(
            "nuan-letter-1\n{letter_no}\n{}\n{issued_on}\n{valid_until}\n{period_months}\n",
            amount_fen.fen().get()
        );
        hex::encode(Sha256::digest(text.as_bytes()))
    }

    /// Whether the hash that the letter carries is the hash of its fields.
    pub fn is_intact(&self) -> bool {
        self.hash
            == Letter::digest(&self.letter_no, self.amount_fen, self.issued_on, self.valid_until, self.period_months)
    }
}
