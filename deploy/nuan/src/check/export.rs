//! What one organisation lets others see of its books: balances, postings, and of its cases only what the invariants are about. It holds
//! no personal data, no finding of a person, and nothing of a case that a partner is not told of anyway.

use crate::api::Api;
use anyhow::Context;
use domain::{Date, Fen, Moment, Party, Ppm, subsidy::Period};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The export of an organisation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Export {
    /// Whose.
    pub party: Party,
    /// Business time when it was made.
    pub at: String,
    /// Balance of each account, fen.
    pub balances: BTreeMap<String, i64>,
    /// Every posting, in order.
    pub postings: Vec<Posting>,
    /// The union's applications.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<Application>,
    /// The guarantor's letters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guarantees: Vec<Guarantee>,
    /// The bank's loans with what was received of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loans: Vec<Loan>,
    /// What the bank knows of each case besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credits: Vec<Credit>,
}

/// A case of the guarantor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Guarantee {
    pub application_id: String,
    /// The letter, if one was drafted.
    pub letter: Option<GuaranteeLetter>,
    /// What was received of the loan, as the bank told.
    #[serde(default)]
    pub repayments: Vec<Receipt>,
}

/// A letter, whatever became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GuaranteeLetter {
    pub state: String,
    pub letter: LetterText,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LetterText {
    pub letter_no: String,
}

/// A case of the bank.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Credit {
    pub application_id: String,
    /// Subsidies that it credited.
    #[serde(default)]
    pub subsidies: Vec<Credited>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Credited {
    pub posting_no: String,
    pub returned_on: Option<Date>,
}

/// A posting.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Posting {
    /// Its id, used once.
    pub id: String,
    /// Account debited.
    pub debit: String,
    /// Account credited.
    pub credit: String,
    /// Amount, fen.
    pub amount_fen: i64,
    /// When, Unix ms of business time.
    pub at: i64,
}

/// A loan of the bank.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Loan {
    /// The application.
    pub application_id: String,
    /// The borrower.
    pub uscc: String,
    /// PENDING, ACTIVE, OVERDUE, SETTLED, PREPAID, TERMINATED, REVERSED.
    pub state: String,
    /// BULLET, EQUAL_PAYMENT, EQUAL_PRINCIPAL.
    pub method: String,
    /// Term.
    pub term_months: u16,
    /// Contract rate.
    pub rate_ppm: Ppm,
    /// Its letter.
    pub letter_no: String,
    /// Proof of the pay-out, if it is paid out.
    pub receipt: Option<PayOut>,
    /// What was received.
    #[serde(default)]
    pub receipts: Vec<Receipt>,
}

/// Proof of a pay-out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PayOut {
    /// How much.
    pub amount_fen: Fen,
    /// The bank's number.
    pub posting_no: String,
    /// Value date.
    pub value_date: Date,
}

/// What was received of a loan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// Counts the loan's, from 1.
    pub no: u32,
    /// SCHEDULED, DEFERRED, PART, PREPAY, SETTLEMENT; the bank alone tells.
    #[serde(default)]
    pub kind: String,
    /// Value date.
    pub value_date: Date,
    /// Principal.
    pub principal_fen: Fen,
    /// Contract interest.
    pub interest_fen: Fen,
    /// How it was reversed, if it was.
    #[serde(default)]
    pub reversed: Value,
    /// The same of the guarantor's.
    #[serde(default)]
    pub reversed_on: Value,
}

impl Receipt {
    /// Whether it counts.
    pub fn counts(&self) -> bool {
        self.reversed.is_null() && self.reversed_on.is_null()
    }
}

/// An application of the union.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Application {
    pub application_id: String,
    pub state: String,
    pub ended: bool,
    pub ending: Option<Ending>,
    pub turned_back_at: Option<String>,
    pub channel: String,
    pub renewal_mode: Option<String>,
    pub renewal_reason: Option<String>,
    pub firm: Firm,
    pub wish: Wish,
    pub reservation: Option<Reservation>,
    pub letter: Option<LetterText>,
    pub receipt: Option<PayOut>,
    pub reversed_on: Option<Date>,
    pub standing: Option<Standing>,
    pub relief: Vec<Relief>,
    pub subsidies: Vec<Claim>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ending {
    pub reason_code: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Firm {
    pub uscc: String,
    pub district: String,
    pub industry_code: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Wish {
    pub amount_fen: Fen,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Reservation {
    pub state: String,
    pub reserved_fen: Fen,
    pub exposure_fen: Fen,
    pub rolls: Option<Fen>,
    pub outstanding_fen: Option<Fen>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub loan_state: String,
    pub outstanding_fen: Fen,
    pub settled_on: Option<Date>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Relief {
    pub relief_state: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub period: Period,
    pub claim_state: String,
    pub amount_fen: Option<Fen>,
    pub posting_no: Option<String>,
    pub ending: Option<Ending>,
}

impl Application {
    /// The pay-out that stands: not reversed.
    pub fn paid_out(&self) -> Option<&PayOut> {
        self.receipt.as_ref().filter(|_| self.reversed_on.is_none())
    }
}

impl Posting {
    /// The day on which it was posted.
    pub fn on(&self) -> Date {
        Moment::from_millis(self.at).date()
    }
}

impl Export {
    /// Reads it from the service, as an auditor.
    ///
    /// # Errors
    /// The service does not answer, or not as expected.
    pub async fn read(party: Party, api: &Api) -> anyhow::Result<Self> {
        let at = api.get("clock").await?["now"].as_str().unwrap_or_default().to_owned();
        let balances = api
            .all("balances")
            .await?
            .into_iter()
            .filter_map(|row| Some((row["code"].as_str()?.to_owned(), row["balance_fen"].as_i64()?)));
        let balances = balances.collect();
        let mut postings = Vec::new();
        for row in api.all("transfers").await? {
            let posting = json!({
                "id": row["id"],
                "debit": row["debit"],
                "credit": row["credit"],
                "amount_fen": row["amount_fen"],
                "at": row["transfer"]["at"],
            });
            postings.push(serde_json::from_value(posting).context("a posting")?);
        }
        let cases = api.all("applications").await?;
        let mut export = Export {
            party,
            at,
            balances,
            postings,
            applications: Vec::new(),
            guarantees: Vec::new(),
            loans: Vec::new(),
            credits: Vec::new(),
        };
        match party {
            Party::Union => export.applications = typed(cases).context("an application")?,
            Party::Guarantor => export.guarantees = typed(cases).context("a case of the guarantor")?,
            Party::Bank => {
                export.credits = typed(cases).context("a case of the bank")?;
                for line in api.all("loans").await? {
                    let id = line["application_id"].as_str().unwrap_or_default();
                    export
                        .loans
                        .push(serde_json::from_value(api.get(&format!("loans/{id}")).await?).context("a loan")?);
                }
            }
        }
        Ok(export)
    }

    /// Balance of an account with all below it, fen.
    pub fn balance(&self, code: &str) -> i64 {
        let below = format!("{code}/");
        let accounts = self.balances.iter().filter(|(account, _)| *account == code || account.starts_with(&below));
        accounts.map(|(_, balance)| balance).sum()
    }
}

fn typed<T: for<'de> Deserialize<'de>>(cases: Vec<Value>) -> serde_json::Result<Vec<T>> {
    cases.into_iter().map(serde_json::from_value).collect()
}
