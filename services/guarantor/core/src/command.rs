//! What people may tell the guarantor to do. No personal data: the edge keeps that in the vault and hands over tokens.

use crate::case::{CounterGuarantee, Demand};
use contracts::{GuaranteeDecline, ReliefDecline};
use domain::{Amount, ApplicationId, Fen};
use organisation::{charters::Motion, people::Handover};
use serde::{Deserialize, Serialize};

/// A command to the guarantor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Opens the books with the guarantor's own capital. Once; by an operator.
    OpenBooks {
        /// The capital, fen.
        capital_fen: Fen,
    },
    /// Decides "due diligence"; by a risk manager.
    Assess {
        /// The application.
        application_id: ApplicationId,
        /// The decision.
        verdict: Assessment,
    },
    /// Records that applicant and guarantor signed both contracts; by a contract officer.
    SignContracts {
        /// The application.
        application_id: ApplicationId,
        /// What backs the guarantee.
        counter_guarantee: CounterGuarantee,
    },
    /// Prepares the letter; by a letter maker.
    PrepareLetter {
        /// The application.
        application_id: ApplicationId,
    },
    /// Releases a prepared letter, or sends it back; by a letter checker who did not prepare it.
    CheckLetter {
        /// The application.
        application_id: ApplicationId,
        /// The decision.
        verdict: LetterCheck,
    },
    /// Consents in writing to a relief plan, or does not; by a risk manager.
    ConsentRelief {
        /// The application.
        application_id: ApplicationId,
        /// The decision.
        verdict: ReliefVerdict,
    },
    /// Something about a charter of the programme; by two signatories.
    Charter(Motion),
    /// A task changes hands.
    HandTask(Handover),
    /// Asks the union for the papers that this organisation may have.
    AskForPapers {
        /// The application.
        application_id: ApplicationId,
        /// Public key of the letterbox that was made for them.
        letterbox: String,
    },
    /// Closes an incident with a reason; changes nothing else. By the incident's owner or an operator.
    ResolveIncident {
        /// The application.
        application_id: ApplicationId,
        /// The incident's number within the case, from 1.
        number: u32,
        /// What was found and done.
        because: String,
    },
}

impl Command {
    /// The application that the command is about; none for the books.
    pub const fn application_id(&self) -> Option<&ApplicationId> {
        match self {
            Command::OpenBooks { .. } | Command::Charter(_) => None,
            Command::Assess { application_id, .. }
            | Command::SignContracts { application_id, .. }
            | Command::PrepareLetter { application_id }
            | Command::CheckLetter { application_id, .. }
            | Command::ConsentRelief { application_id, .. }
            | Command::HandTask(Handover { application_id, .. })
            | Command::AskForPapers { application_id, .. }
            | Command::ResolveIncident { application_id, .. } => Some(application_id),
        }
    }
}

/// What the risk manager decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Assessment {
    /// The guarantor will guarantee.
    Agree {
        /// Principal, fen; not above the one asked.
        amount_fen: Amount,
        /// Conditions the applicant has to meet, in words.
        conditions: Vec<String>,
        /// What has to back the guarantee; nothing: whoever decides this waives it.
        counter_guarantee: Demand,
    },
    /// It will not.
    Decline {
        /// Why.
        reason: GuaranteeDecline,
    },
}

/// What the letter checker decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum LetterCheck {
    /// The letter is issued.
    Release,
    /// Back to the maker, to be prepared anew.
    Return {
        /// What is wrong with it.
        because: String,
    },
}

/// What the risk manager says to a relief plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum ReliefVerdict {
    /// The guarantor stands behind the loan under it.
    Consent,
    /// It does not.
    Withhold {
        /// Why.
        reason: ReliefDecline,
    },
}
