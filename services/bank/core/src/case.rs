//! An application as the bank keeps it: what it was asked, what its people owe, what it decided, what left its books.

use crate::vocabulary::{Duty, IncidentKind, Role, Step};
use contracts::{
    About, AskRefusal, CreditDecision, CreditDecline, DisbursementReceipt, DisbursementReport, Firm, Letter,
    ReliefPlan, ReliefProposal, SubsidyReport, SwitchReport, Wish,
};
use domain::{Amount, ApplicationId, CharterHash, Date, Method, Moment, Ppm, subsidy::Period};
use organisation::{
    Person,
    participant::{Asked, IncidentRecord},
};
use saga::Task;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One application. It begins with the first thing that a partner says about it, be that an undo that overtook its ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Number given by the union.
    pub id: ApplicationId,
    /// What it was asked to lend; none before the ask was taken up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<File>,
    /// Everything that the union asked, by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, Asked<Step, Said>>,
    /// What people owe.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<Duty, Task<Role>>,
    /// The investigator's report on the ask that is open or decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// The credit decision, while it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The letter that the guarantor presented and that is not closed: ISSUED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter: Option<Letter>,
    /// Numbers of letters under which nothing will ever be paid out, presented or not.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub closed_letters: BTreeSet<String>,
    /// The signing of the loan contract that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<Signing>,
    /// The loan contract, while it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Contract>,
    /// How many loan contracts were signed for this application.
    #[serde(default)]
    pub contracts_signed: u32,
    /// The payment that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
    /// How many payments were ordered for this application.
    #[serde(default)]
    pub payments_ordered: u32,
    /// What was paid out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_out: Option<PaidOut>,
    /// The request for relief that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relief: Option<Relief>,
    /// The subsidies that were paid, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subsidies: Vec<SubsidyPaid>,
    /// Statements on letters that the guarantor asked for and that wait for the core-banking system, by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub statements: BTreeMap<String, StatementAsked>,
    /// What a person had or has to look at, in the order raised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<IncidentRecord<IncidentKind>>,
}

impl Case {
    /// A case of which nothing is known yet.
    pub const fn new(id: ApplicationId) -> Self {
        Case {
            id,
            file: None,
            requests: BTreeMap::new(),
            tasks: BTreeMap::new(),
            report: None,
            decision: None,
            letter: None,
            closed_letters: BTreeSet::new(),
            signing: None,
            contract: None,
            contracts_signed: 0,
            payment: None,
            payments_ordered: 0,
            paid_out: None,
            relief: None,
            subsidies: Vec::new(),
            statements: BTreeMap::new(),
            incidents: Vec::new(),
        }
    }

    /// The approval, while it stands.
    pub fn approval(&self) -> Option<&Terms> {
        match &self.decision.as_ref()?.outcome {
            DecisionOutcome::Approved(terms) => Some(terms),
            DecisionOutcome::Declined { .. } => None,
        }
    }

    /// The payment, if the core-banking system has it and its outcome is not known.
    pub fn in_flight(&self) -> Option<&AtCore> {
        self.payment.as_ref()?.core.as_ref()
    }
}

/// What the union asked for, to which the case is pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Key of the ask.
    pub key: String,
    /// The charter of the application.
    pub charter: CharterHash,
    /// The firm.
    pub firm: Firm,
    /// The loan; the amount as asked, already lowered to what the guarantor agreed.
    pub wish: Wish,
    /// Conditions of the guarantor, in words.
    pub conditions: Vec<String>,
    /// Version of the consent to a credit-registry query.
    pub credit_query_consent: String,
    /// The union's reservation behind it; none if the ask did not name it yet (version 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation_id: Option<String>,
    /// When it was taken up.
    pub taken_up_at: Moment,
}

/// What was answered under a key, to be repeated to whoever asks again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// The credit decision.
    Decided(CreditDecision),
    /// The loan contract is signed.
    Signed {
        /// Its number.
        contract_no: String,
    },
    /// What became of the payment.
    Reported(DisbursementReport),
    /// The relief plan, or none.
    Relief(ReliefProposal),
    /// What became of the switch to a plan.
    Switched(SwitchReport),
    /// What became of an order to pay a subsidy.
    Subsidy(SubsidyReport),
    /// The ask was not taken up.
    NotTakenUp(AskRefusal),
    /// It cannot be undone, and why.
    CannotUndo(String),
}

/// The terms of a loan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Principal, fen.
    pub amount_fen: Amount,
    /// Contract rate, ppm a year.
    pub rate_ppm: Ppm,
    /// Repayment method.
    pub method: Method,
}

/// The investigator's report (S1 step 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What is recommended.
    pub outcome: DecisionOutcome,
    /// Who investigated.
    pub by: Person,
    /// On which day.
    pub on: Date,
}

/// The approver's decision (S1 step 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What was decided.
    pub outcome: DecisionOutcome,
    /// Who investigated.
    pub investigator: Person,
    /// Who decided.
    pub approver: Person,
    /// On which day.
    pub on: Date,
}

/// Yes or no to a credit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionOutcome {
    /// Yes, on these terms.
    Approved(Terms),
    /// No.
    Declined {
        /// Why.
        reason: CreditDecline,
    },
}

/// A loan contract that is to be signed (S1 step 8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signing {
    /// Key of the ask.
    pub key: String,
    /// The letter it rests on; the task opens once the guarantor has presented it.
    pub letter_no: String,
    /// Principal, fen.
    pub amount_fen: Amount,
    /// The guarantor's conditions, that the contract has to hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
}

/// The loan contract, signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// Its number.
    pub contract_no: String,
    /// The letter it rests on.
    pub letter_no: String,
    /// The terms.
    pub terms: Terms,
    /// Months to maturity.
    pub term_months: u16,
    /// The guarantor's conditions that it holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// Who recorded the signatures.
    pub by: Person,
    /// On which day.
    pub on: Date,
}

/// A payment that is ordered and not settled (S1 step 9, S4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Key of the ask, and of the posting.
    pub key: String,
    /// Principal, fen.
    pub amount_fen: Amount,
    /// The letter named by the union.
    pub letter_no: String,
    /// The reservation named by the union.
    pub reservation_id: String,
    /// Day on which the union last verified the membership.
    pub membership_verified_on: Date,
    /// The old loan that it repays on its last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolls: Option<ApplicationId>,
    /// Who prepared it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepared_by: Option<Person>,
    /// Who released it and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Released>,
    /// At the core-banking system, its outcome unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<AtCore>,
}

/// A release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// Who released it.
    pub by: Person,
    /// Its value date: the day on which every precondition was checked.
    pub on: Date,
}

/// An order that the core-banking system has and has not answered for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtCore {
    /// Since when.
    pub since: Moment,
    /// What it is asked for by now: to post, or to close the key and say which came first.
    pub closing: bool,
    /// How often it was asked about the key by the clock.
    pub asked: u16,
    /// When it is asked again.
    pub ask_at: Moment,
    /// When a person is called; none once called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_at: Option<Moment>,
    /// Whether the union was told that the outcome is unknown.
    pub unknown_reported: bool,
}

/// A pay-out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaidOut {
    /// Key of the ask, and of the posting.
    pub key: String,
    /// The letter it rests on.
    pub letter_no: String,
    /// The receipt.
    pub receipt: DisbursementReceipt,
    /// Who prepared it.
    pub maker: Person,
    /// Who released it.
    pub checker: Person,
    /// The old loan that it repaid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolls: Option<ApplicationId>,
    /// The borrower's account was closed: the money waits, or waited, in suspense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_suspense: Option<InSuspense>,
    /// It should not have been made: its reversal, proposed or done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversal: Option<Reversal>,
}

impl PaidOut {
    /// Whether it was reversed: there is no loan.
    pub fn is_reversed(&self) -> bool {
        self.reversal.as_ref().is_some_and(|reversal| reversal.released.is_some())
    }
}

/// An interest subsidy that was paid (S6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubsidyPaid {
    /// Key of the order, and of the posting.
    pub key: String,
    /// The period that it is for.
    pub period: Period,
    /// How much, fen.
    pub amount_fen: Amount,
    /// When.
    pub on: Date,
    /// Number of the posting.
    pub posting_no: String,
    /// That it came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<Returned>,
}

/// A subsidy that came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    /// Who booked it.
    pub by: Person,
    /// When.
    pub on: Date,
    /// Why.
    pub because: String,
}

/// A request for relief, until its plan is in force or it is over (S7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relief {
    /// Counts the requests of this loan, from 1.
    pub no: u32,
    /// Key of the ask for a plan.
    pub key: String,
    /// The day on which the borrower asked.
    pub requested_on: Date,
    /// Why.
    pub because: String,
    /// What was proposed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<ReliefPlan>,
    /// Who proposed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed_by: Option<Person>,
    /// The guarantor's consent: last day of the guarantee period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guaranteed_until: Option<Date>,
    /// Key of the order to switch, once the borrower has signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<String>,
}

/// The reversal of a pay-out on its own day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    /// Who wants it.
    pub prepared_by: Person,
    /// Why.
    pub because: String,
    /// Who released it and when: the money is back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Released>,
}

/// Money in suspense, on its way to another account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InSuspense {
    /// The account that was entered, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepared: Option<Correction>,
    /// Who released it and when: the money is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Released>,
}

/// Another account, entered by a maker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// By whom.
    pub by: Person,
    /// Token of the account in the vault.
    pub account: String,
}

/// A statement that the guarantor asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementAsked {
    /// What the answer repeats.
    pub about: About,
    /// The letter to be revoked.
    pub letter_no: String,
}
