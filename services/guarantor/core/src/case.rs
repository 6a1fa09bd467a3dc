//! An application as the guarantor keeps it: what it was asked, what its people owe, what it decided and stands for.

use crate::{Duty, Role, Step};
use contracts::{
    AskRefusal, DisbursementReceipt, Firm, GuaranteeDecline, GuaranteeOpinion, Letter, LoanLife, ReliefConsent,
    ReliefPlan, Wish,
};
use domain::{Amount, ApplicationId, CharterHash, Date, Fen, Moment};
use organisation::{
    Person,
    participant::{Asked, IncidentRecord, Trouble},
};
use saga::{IllegalTransition, Task};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One application. It begins with the first thing that a partner says about it, be that an undo that overtook its ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Number given by the union.
    pub id: ApplicationId,
    /// What it was asked to guarantee; none before the ask was taken up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<File>,
    /// Everything that the union asked, by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, Asked<Step, Said>>,
    /// What people owe.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<Duty, Task<Role>>,
    /// The opinion, while it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opinion: Option<Opinion>,
    /// The signing of the contracts that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<Signing>,
    /// The contracts, while they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contracts: Option<Contracts>,
    /// The letter that is being made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drafting: Option<Drafting>,
    /// The letter issued last, whatever became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter: Option<LetterRecord>,
    /// How many letters were issued for this application.
    #[serde(default)]
    pub letters_issued: u32,
    /// The loan that the bank paid out under the letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loan: Option<DisbursementReceipt>,
    /// The day on which the bank reversed that pay-out: there is no loan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversed_on: Option<Date>,
    /// What the bank has reported of the loan since.
    #[serde(default, skip_serializing_if = "LoanLife::is_empty")]
    pub life: LoanLife,
    /// The union's ask to make the letter effective, while the bank's word is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// The relief plan that it was asked to consent to, until it is recorded or over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relief: Option<Relief>,
    /// What this case takes of the guarantor's limits, fen.
    #[serde(default)]
    pub exposure_fen: Fen,
    /// What a person had or has to look at, in the order raised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<IncidentRecord<IncidentKind>>,
}

impl Case {
    /// A case of which nothing is known yet.
    pub fn new(id: ApplicationId) -> Self {
        Case {
            id,
            file: None,
            requests: BTreeMap::new(),
            tasks: BTreeMap::new(),
            opinion: None,
            signing: None,
            contracts: None,
            drafting: None,
            letter: None,
            letters_issued: 0,
            loan: None,
            reversed_on: None,
            life: LoanLife::default(),
            activation: None,
            relief: None,
            exposure_fen: Fen::ZERO,
            incidents: Vec::new(),
        }
    }

    /// The letter, if it binds the guarantor or may yet: ISSUED or EFFECTIVE.
    pub fn live_letter(&self) -> Option<&LetterRecord> {
        self.letter.as_ref().filter(|letter| matches!(letter.state, LetterState::Issued | LetterState::Effective))
    }
}

/// What the union asked for, to which the case is pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The charter of the application.
    pub charter: CharterHash,
    /// The firm.
    pub firm: Firm,
    /// The loan; the amount as asked.
    pub wish: Wish,
    /// The union's evidence of eligibility.
    pub recommendation: String,
    /// The union's reservation behind it.
    pub reservation_id: String,
    /// Share of the fund that is reserved, fen.
    pub reserved_fen: Fen,
    /// When it was taken up.
    pub taken_up_at: Moment,
}

/// What was answered under a key, to be repeated to whoever asks again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// The opinion.
    Opinion(GuaranteeOpinion),
    /// The contracts are signed.
    Signed {
        /// When.
        at: Moment,
    },
    /// The letter is issued.
    Issued(Letter),
    /// The letter is effective.
    Activated {
        /// When.
        at: Moment,
    },
    /// The consent to a relief plan, or that it is withheld.
    Relief(ReliefConsent),
    /// The relief plan is recorded.
    Recorded {
        /// When.
        at: Moment,
    },
    /// The ask was not taken up.
    NotTakenUp(AskRefusal),
    /// It cannot be undone, and why.
    CannotUndo(String),
}

/// A relief plan that the guarantor was asked to consent to (S7 step 4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relief {
    /// Counts the requests of this loan, from 1.
    pub no: u32,
    /// Key of the ask.
    pub key: String,
    /// The plan.
    pub plan: ReliefPlan,
    /// Last day of the guarantee period under it, once the guarantor has consented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guaranteed_until: Option<Date>,
    /// Who consented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// Key of the ask to record it, while the bank's word is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_record: Option<String>,
}

/// The opinion (S1 step 4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    /// What was decided.
    pub decision: OpinionDecision,
    /// Who decided.
    pub by: Person,
    /// On which day.
    pub on: Date,
}

/// What the opinion says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpinionDecision {
    /// Yes.
    Agreed {
        /// Principal, fen.
        amount_fen: Amount,
        /// Conditions, in words.
        conditions: Vec<String>,
        /// What has to back the guarantee.
        counter_guarantee: Demand,
    },
    /// No.
    Declined {
        /// Why.
        reason: GuaranteeDecline,
    },
}

/// Contracts that are to be signed (S1 step 6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signing {
    /// Key of the ask.
    pub key: String,
    /// Principal, fen.
    pub amount_fen: Amount,
}

/// The entrusted-guarantee and the counter-guarantee contract, signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contracts {
    /// Principal, fen.
    pub amount_fen: Amount,
    /// What backs the guarantee.
    pub counter_guarantee: CounterGuarantee,
    /// Who recorded the signatures.
    pub by: Person,
    /// On which day.
    pub on: Date,
}

/// What has to back the guarantee: a part of the opinion, so that whoever gives it is the named approver of a waiver (DOMAIN.md
/// section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Demand {
    /// Nothing: it is waived.
    None,
    /// A person.
    Person,
    /// A pledge.
    Pledge,
}

impl Demand {
    /// The demand as people read it.
    pub const fn zh(self) -> &'static str {
        match self {
            Demand::None => "免反担保",
            Demand::Person => "自然人反担保",
            Demand::Pledge => "质押或抵押反担保",
        }
    }
}

/// What backs the guarantee (反担保, DOMAIN.md section 1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CounterGuarantee {
    /// Nothing: the opinion waived it, and names who did.
    None {},
    /// A person.
    Person {
        /// Token of name, identity and relation in the vault.
        vault_token: String,
    },
    /// A pledge.
    Pledge {
        /// What is pledged, without personal data.
        pledge: String,
    },
}

impl CounterGuarantee {
    /// The demand that it meets.
    pub const fn meets(&self) -> Demand {
        match self {
            CounterGuarantee::None {} => Demand::None,
            CounterGuarantee::Person { .. } => Demand::Person,
            CounterGuarantee::Pledge { .. } => Demand::Pledge,
        }
    }
}

/// A letter in the making: DRAFT (S1 step 7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drafting {
    /// Key of the ask.
    pub key: String,
    /// Principal, fen.
    pub amount_fen: Amount,
    /// Until when maker and checker together should be done.
    pub due_at: Moment,
    /// What the maker prepared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<Draft>,
}

/// A prepared letter. Its day of issue, and so its last day and hash, are the checker's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Its number.
    pub letter_no: String,
    /// Guarantee period: months after maturity.
    pub period_months: u16,
    /// Who prepared it.
    pub maker: Person,
}

/// A letter that was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterRecord {
    /// Key of the ask that it answers.
    pub key: String,
    /// As presented to the bank.
    pub letter: Letter,
    /// What has become of it.
    pub state: LetterState,
    /// Who prepared it.
    pub maker: Person,
    /// Who released it.
    pub checker: Person,
    /// Counts its versions: a consented change makes another one.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub version: u32,
    /// Last day of the guarantee period, once a plan has changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guaranteed_until: Option<Date>,
    /// The plan that changed it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<ChangedBy>,
    /// Where its revocation stands, if the union asked for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation: Option<Revocation>,
}

/// A relief plan that the letter covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedBy {
    /// Hash of the plan.
    pub plan_hash: String,
    /// Key of the ask for the consent to it.
    pub consent_key: String,
}

const fn first() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_first(version: &u32) -> bool {
    *version == 1
}

/// State of a letter (DOMAIN.md section 4); DRAFT is [`Drafting`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LetterState {
    /// Presented to the bank.
    Issued,
    /// A loan is paid out under it: the liability is on.
    Effective,
    /// Taken back before its last day was over; the bank stated that nothing was paid out.
    Revoked,
    /// Taken back after its last day was over; the bank stated that nothing was paid out.
    Expired,
    /// Let go after it was effective: everything is paid, or the pay-out was reversed.
    Released,
}

/// What happens to a letter until its loan lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterInput {
    /// A loan was paid out under it, and the union asked for it to be made effective.
    PaidOut,
    /// It is taken back, the bank having paid nothing out.
    Revoke,
    /// The same, after its last day was over.
    Expire,
    /// Its loan is none any more.
    Release,
    /// The guarantor consented to a change of the loan: another version.
    Change,
}

impl LetterInput {
    /// Every input.
    pub const ALL: [LetterInput; 5] =
        [LetterInput::PaidOut, LetterInput::Revoke, LetterInput::Expire, LetterInput::Release, LetterInput::Change];
}

impl LetterState {
    /// Every state.
    pub const ALL: [LetterState; 5] = [
        LetterState::Issued,
        LetterState::Effective,
        LetterState::Revoked,
        LetterState::Expired,
        LetterState::Released,
    ];

    /// The state after this input; the only place that knows.
    ///
    /// # Errors
    /// The input does not fit the state; the error names both.
    pub fn on(self, input: LetterInput) -> Result<LetterState, IllegalTransition> {
        match (self, input) {
            (LetterState::Issued, LetterInput::PaidOut) => Ok(LetterState::Effective),
            (LetterState::Issued, LetterInput::Revoke) => Ok(LetterState::Revoked),
            (LetterState::Issued, LetterInput::Expire) => Ok(LetterState::Expired),
            (LetterState::Effective, LetterInput::Release) => Ok(LetterState::Released),
            (LetterState::Effective, LetterInput::Change) => Ok(LetterState::Effective),
            (state, input) => Err(IllegalTransition { state: format!("{state:?}"), input: format!("{input:?}") }),
        }
    }
}

/// A letter binds until its holder has said that it paid nothing out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// The bank is asked whether anything was paid out.
    Asked,
    /// The bank has stated it.
    Stated {
        /// Nothing was and nothing will be paid out.
        not_disbursed: bool,
    },
    /// Settled by the bank's notice of the pay-out before it answered.
    Overtaken,
}

/// The letter is to become effective (S1 step 10) as soon as the bank itself has said that the loan is paid out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// Key of the ask.
    pub key: String,
    /// Until when the bank should have said so.
    pub due_at: Moment,
    /// A person was told that it has not.
    #[serde(default)]
    pub alarmed: bool,
}

/// What the bank says that cannot be booked, in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IncidentKind {
    /// A pay-out under a letter that was never issued here.
    UnknownLetter,
    /// A second pay-out under one letter.
    SecondLoan,
    /// A pay-out under a letter that is not ISSUED any more.
    LetterNotIssued,
    /// A pay-out of another amount than the letter's.
    AmountDiffers,
    /// A pay-out before the letter's day of issue or after its last day.
    OutsideValidity,
    /// Two statements of the bank that exclude each other.
    BankContradicts,
    /// The union says that the loan is paid out, and the bank has not said so in time.
    PayOutNotHeard,
}

impl Trouble for IncidentKind {
    type Step = Step;
    type Role = Role;

    /// Each of these is a question of liability.
    fn owner(self) -> Role {
        Role::RiskManager
    }

    fn step(self) -> Step {
        match self {
            IncidentKind::BankContradicts => Step::Issue,
            _ => Step::Activate,
        }
    }

    fn zh(self) -> &'static str {
        match self {
            IncidentKind::UnknownLetter => "银行称已放款，但本公司没有该编号的保函",
            IncidentKind::SecondLoan => "银行称同一保函项下再次放款",
            IncidentKind::LetterNotIssued => "银行称已放款，但保函已失效",
            IncidentKind::AmountDiffers => "放款金额与保函金额不符",
            IncidentKind::OutsideValidity => "放款日不在保函有效期内",
            IncidentKind::BankContradicts => "银行前后说法矛盾",
            IncidentKind::PayOutNotHeard => "工会要求保函生效，但银行放款通知逾期未到",
        }
    }
}
