//! What the guarantor records of its decisions, and how each changes the rows. Versioned and pinned by golden tests.
//!
//! The only place where a row changes. Total: what is not there yet begins empty, what does not fit changes nothing.

use crate::{
    Guarantor, Row,
    case::{
        Activation, Case, ChangedBy, Contracts, Draft, Drafting, File, IncidentKind, LetterInput, LetterRecord,
        LetterState, Opinion, Relief, Revocation, Signing,
    },
    rows::{self, ExposureRow},
};
use contracts::{DisbursementReceipt, LoanReport};
use domain::{ApplicationId, Date, Fen};
use organisation::{
    Key, NotLoaded, Person, Row as AnyRow, Rows, charters, papers,
    participant::{self, IncidentRecord},
};
use serde::{Deserialize, Serialize};

/// A fact of the guarantor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The union's ask to assess was taken up.
    TakenUp {
        /// The application.
        id: ApplicationId,
        /// What it asks for.
        file: Box<File>,
    },
    /// The opinion was given.
    OpinionGiven {
        /// The application.
        id: ApplicationId,
        /// What it says.
        opinion: Opinion,
    },
    /// The opinion does not stand any more.
    OpinionWithdrawn {
        /// The application.
        id: ApplicationId,
    },
    /// The case takes another share of the limits.
    ExposureChanged {
        /// The application.
        id: ApplicationId,
        /// Its firm.
        uscc: String,
        /// What it takes from now on, fen.
        exposure_fen: Fen,
    },
    /// Contracts are to be signed.
    SigningBegun {
        /// The application.
        id: ApplicationId,
        /// For which ask and amount.
        signing: Signing,
    },
    /// They are not to be signed any more.
    SigningCancelled {
        /// The application.
        id: ApplicationId,
    },
    /// Applicant and guarantor have signed.
    ContractsSigned {
        /// The application.
        id: ApplicationId,
        /// What.
        contracts: Contracts,
    },
    /// The contracts do not stand any more.
    ContractsTerminated {
        /// The application.
        id: ApplicationId,
    },
    /// A letter is to be made.
    DraftingBegun {
        /// The application.
        id: ApplicationId,
        /// For which ask and amount.
        drafting: Drafting,
    },
    /// It is not to be made any more.
    DraftingCancelled {
        /// The application.
        id: ApplicationId,
    },
    /// The maker has prepared it.
    LetterPrepared {
        /// The application.
        id: ApplicationId,
        /// What.
        draft: Draft,
    },
    /// The checker has sent it back.
    LetterReturned {
        /// The application.
        id: ApplicationId,
        /// Who.
        by: Person,
        /// What is wrong with it.
        because: String,
    },
    /// The checker has released it.
    LetterIssued {
        /// The application.
        id: ApplicationId,
        /// The letter, with its maker and checker.
        letter: Box<LetterRecord>,
    },
    /// The revocation of the letter moved.
    RevocationMoved {
        /// The application.
        id: ApplicationId,
        /// To where.
        revocation: Revocation,
    },
    /// The letter is taken back.
    LetterTakenBack {
        /// The application.
        id: ApplicationId,
        /// REVOKED, or EXPIRED when its last day was over.
        state: LetterState,
    },
    /// The letter is to become effective once the bank has spoken.
    ActivationAwaited {
        /// The application.
        id: ApplicationId,
        /// For which ask, until when.
        activation: Activation,
    },
    /// The bank has not spoken in time.
    ActivationOverdue {
        /// The application.
        id: ApplicationId,
    },
    /// The bank has paid out under the letter.
    LoanNoted {
        /// The application.
        id: ApplicationId,
        /// The receipt.
        receipt: DisbursementReceipt,
    },
    /// The letter is effective: the liability is on.
    LetterEffective {
        /// The application.
        id: ApplicationId,
    },
    /// The bank has reversed the pay-out on its own day.
    LoanReversed {
        /// The application.
        id: ApplicationId,
        /// When.
        on: Date,
    },
    /// The letter is let go: the liability is off.
    LetterReleased {
        /// The application.
        id: ApplicationId,
    },
    /// The bank has reported an event in the life of the loan; it waits for its turn.
    LoanReportKept {
        /// The application.
        id: ApplicationId,
        /// Its number.
        seq: u32,
        /// What happened.
        report: LoanReport,
    },
    /// It was the report's turn.
    LoanReportTaken {
        /// The application.
        id: ApplicationId,
        /// Its number.
        seq: u32,
        /// Whether it follows from those before; if not, it counts for nothing.
        fits: bool,
    },
    /// The union asked for the consent to a relief plan.
    ReliefTakenUp {
        /// The application.
        id: ApplicationId,
        /// The plan.
        relief: Box<Relief>,
    },
    /// The guarantor consented.
    ReliefConsented {
        /// The application.
        id: ApplicationId,
        /// Last day of the guarantee period under the plan.
        guaranteed_until: Date,
        /// Who consented.
        by: Person,
    },
    /// The plan is to be recorded once the bank has said that it is in force.
    ReliefToRecord {
        /// The application.
        id: ApplicationId,
        /// Key of the ask.
        key: String,
    },
    /// The letter covers the plan: another version.
    LetterChanged {
        /// The application.
        id: ApplicationId,
        /// The plan.
        by: ChangedBy,
        /// Last day of the guarantee period.
        guaranteed_until: Date,
    },
    /// The plan is recorded, or there is none.
    ReliefDropped {
        /// The application.
        id: ApplicationId,
    },
    /// A person has to look at something.
    IncidentRaised {
        /// The application.
        id: ApplicationId,
        /// At what.
        incident: IncidentRecord<IncidentKind>,
    },
    /// Papers were asked for or came.
    Papers(papers::Fact),
    /// A charter was brought forward or answered.
    Charters(charters::Fact),
    /// What is owed to the union, and by whom.
    #[serde(untagged)]
    Owed(Owed),
}

/// Facts about what is owed.
pub type Owed = participant::FactOf<Guarantor>;

/// Applies one fact.
pub(crate) fn apply(rows: &mut Rows<Row>, fact: &Fact) -> Result<(), NotLoaded> {
    match fact {
        Fact::Owed(owed) => participant::apply::<Guarantor>(rows, owed),
        Fact::Papers(fact) => papers::apply::<Guarantor>(rows, fact),
        Fact::Charters(fact) => charters::apply::<Guarantor>(rows, fact),
        Fact::TakenUp { id, file } => with(rows, id, |case| {
            case.file = Some(File::clone(file));
            // An opinion that was declined and taken back makes room for the new one.
            case.opinion = None;
        }),
        Fact::OpinionGiven { id, opinion } => with(rows, id, |case| case.opinion = Some(opinion.clone())),
        Fact::OpinionWithdrawn { id } => with(rows, id, |case| case.opinion = None),
        Fact::ExposureChanged { id, uscc, exposure_fen } => {
            let mut before = Fen::ZERO;
            with(rows, id, |case| before = std::mem::replace(&mut case.exposure_fen, *exposure_fen))?;
            exposure(rows, rows::limits(), Row::Limits, before, *exposure_fen)?;
            exposure(rows, rows::client(uscc), Row::Client, before, *exposure_fen)
        }
        Fact::SigningBegun { id, signing } => with(rows, id, |case| case.signing = Some(signing.clone())),
        Fact::SigningCancelled { id } => with(rows, id, |case| case.signing = None),
        Fact::ContractsSigned { id, contracts } => with(rows, id, |case| {
            case.signing = None;
            case.contracts = Some(contracts.clone());
        }),
        Fact::ContractsTerminated { id } => with(rows, id, |case| case.contracts = None),
        Fact::DraftingBegun { id, drafting } => with(rows, id, |case| case.drafting = Some(drafting.clone())),
        Fact::DraftingCancelled { id } => with(rows, id, |case| case.drafting = None),
        Fact::LetterPrepared { id, draft } => with(rows, id, |case| {
            if let Some(drafting) = &mut case.drafting {
                drafting.draft = Some(draft.clone());
            }
        }),
        Fact::LetterReturned { id, .. } => with(rows, id, |case| {
            if let Some(drafting) = &mut case.drafting {
                drafting.draft = None;
            }
        }),
        Fact::LetterIssued { id, letter } => with(rows, id, |case| {
            case.drafting = None;
            case.letter = Some(LetterRecord::clone(letter));
            case.letters_issued = case.letters_issued.saturating_add(1);
        }),
        Fact::RevocationMoved { id, revocation } => letter(rows, id, |letter| letter.revocation = Some(*revocation)),
        Fact::LetterTakenBack { id, state } => letter(rows, id, |letter| letter.state = *state),
        Fact::ActivationAwaited { id, activation } => with(rows, id, |case| case.activation = Some(activation.clone())),
        Fact::ActivationOverdue { id } => with(rows, id, |case| {
            if let Some(activation) = &mut case.activation {
                activation.alarmed = true;
            }
        }),
        Fact::LoanNoted { id, receipt } => with(rows, id, |case| case.loan = Some(receipt.clone())),
        Fact::LetterEffective { id } => {
            with(rows, id, |case| case.activation = None)?;
            letter(rows, id, |letter| letter.state = letter.state.on(LetterInput::PaidOut).unwrap_or(letter.state))
        }
        Fact::LoanReversed { id, on } => with(rows, id, |case| case.reversed_on = Some(*on)),
        Fact::LetterReleased { id } => {
            letter(rows, id, |letter| letter.state = letter.state.on(LetterInput::Release).unwrap_or(letter.state))
        }
        Fact::LoanReportKept { id, seq, report } => {
            with(rows, id, |case| case.life.followed.keep(*seq, report.clone()))
        }
        Fact::LoanReportTaken { id, fits, .. } => with(rows, id, |case| case.life.take(*fits)),
        Fact::ReliefTakenUp { id, relief } => with(rows, id, |case| case.relief = Some(Relief::clone(relief))),
        Fact::ReliefConsented { id, guaranteed_until, by } => with_relief(rows, id, |relief| {
            relief.guaranteed_until = Some(*guaranteed_until);
            relief.by = Some(by.clone());
        }),
        Fact::ReliefToRecord { id, key } => with_relief(rows, id, |relief| relief.to_record = Some(key.clone())),
        Fact::LetterChanged { id, by, guaranteed_until } => letter(rows, id, |letter| {
            letter.state = letter.state.on(LetterInput::Change).unwrap_or(letter.state);
            letter.version = letter.version.saturating_add(1);
            letter.guaranteed_until = Some(*guaranteed_until);
            letter.changed_by = Some(by.clone());
        }),
        Fact::ReliefDropped { id } => with(rows, id, |case| case.relief = None),
        Fact::IncidentRaised { id, incident } => with(rows, id, |case| case.incidents.push(incident.clone())),
    }
}

fn with(rows: &mut Rows<Row>, id: &ApplicationId, change: impl FnOnce(&mut Case)) -> Result<(), NotLoaded> {
    participant::change::<Guarantor>(rows, id, change)
}

fn letter(rows: &mut Rows<Row>, id: &ApplicationId, change: impl FnOnce(&mut LetterRecord)) -> Result<(), NotLoaded> {
    with(rows, id, |case| {
        if let Some(letter) = &mut case.letter {
            change(letter);
        }
    })
}

fn with_relief(rows: &mut Rows<Row>, id: &ApplicationId, change: impl FnOnce(&mut Relief)) -> Result<(), NotLoaded> {
    with(rows, id, |case| {
        if let Some(relief) = &mut case.relief {
            change(relief);
        }
    })
}

/// Each exposure is an [`Amount`](domain::Amount) or zero and is checked before it is recorded, so the sums stay far
/// below 2^63 and never below zero.
fn exposure(
    rows: &mut Rows<Row>,
    key: Key,
    row: fn(ExposureRow) -> Row,
    before: Fen,
    after: Fen,
) -> Result<(), NotLoaded> {
    let sum = match rows.own(&key)? {
        Some(Row::Limits(sum) | Row::Client(sum)) => sum.exposure_fen,
        _ => Fen::ZERO,
    };
    let exposure_fen = sum.checked_sub(before).and_then(|rest| rest.checked_add(after)).unwrap_or(sum);
    rows.put(key, AnyRow::Own(row(ExposureRow { exposure_fen })))
}
