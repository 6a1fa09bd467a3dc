//! What is booked: transfers, the vouchers that bind them, and the records that stay.
//! It refuses to hold an amount that is not positive ([`Amount`]): a correction is a reversal, not a negative posting.

use std::{borrow::Cow, fmt};

use domain::{Amount, Moment};
use serde::{Deserialize, Serialize};

use crate::AccountCode;

/// Id of a transfer and its idempotency key, unique in an organisation's books: `disb:NCD-2018-0052`, `sub:2020Q2:7`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TransferId(String);

impl TransferId {
    /// That id; any text.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id that the reversal of this transfer must have. It is derived, so that a posting is reversed at most once.
    #[must_use]
    pub fn reversal(&self) -> Self {
        Self(format!("reversal:{}", self.0))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for TransferId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl From<String> for TransferId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

/// What a transfer does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// Books the amount at once and for good.
    Posted,
    /// Holds the amount until it is posted, voided or expires.
    Pending {
        /// The last moment at which it can still be posted or voided; none: it waits for ever.
        expires_at: Option<Moment>,
    },
    /// Posts what is pending, whole or in part; what is left over is given back.
    PostPending {
        /// The pending transfer, on the same accounts.
        of: TransferId,
    },
    /// Gives back what is pending.
    VoidPending {
        /// The pending transfer, on the same accounts and with the same amount.
        of: TransferId,
    },
    /// Counter-entry: debit and credit changed over, the same amount.
    Reversal {
        /// The posted transfer that was wrong. Itself no reversal: what was reversed by mistake is booked anew.
        of: TransferId,
    },
}

impl Kind {
    /// The transfer that it refers to, if any.
    pub const fn of(&self) -> Option<&TransferId> {
        match self {
            Self::Posted | Self::Pending { .. } => None,
            Self::PostPending { of } | Self::VoidPending { of } | Self::Reversal { of } => Some(of),
        }
    }
}

/// An amount from one account to another: one line of a voucher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Its id, never used before.
    pub id: TransferId,
    /// Account debited.
    pub debit: AccountCode,
    /// Account credited.
    pub credit: AccountCode,
    /// How much.
    pub amount: Amount,
    /// What it does.
    pub kind: Kind,
}

impl Transfer {
    /// Books an amount at once.
    pub fn posted(id: impl Into<TransferId>, debit: &AccountCode, credit: &AccountCode, amount: Amount) -> Self {
        Self { id: id.into(), debit: debit.clone(), credit: credit.clone(), amount, kind: Kind::Posted }
    }

    /// Holds an amount, until `expires_at` at the latest if there is one.
    pub fn pending(
        id: impl Into<TransferId>,
        debit: &AccountCode,
        credit: &AccountCode,
        amount: Amount,
        expires_at: Option<Moment>,
    ) -> Self {
        Self { kind: Kind::Pending { expires_at }, ..Self::posted(id, debit, credit, amount) }
    }

    /// Posts `amount` of a pending transfer and gives the rest back.
    pub fn post_pending(id: impl Into<TransferId>, pending: &Transfer, amount: Amount) -> Self {
        let kind = Kind::PostPending { of: pending.id.clone() };
        Self { kind, ..Self::posted(id, &pending.debit, &pending.credit, amount) }
    }

    /// Gives back a pending transfer.
    pub fn void_pending(id: impl Into<TransferId>, pending: &Transfer) -> Self {
        let kind = Kind::VoidPending { of: pending.id.clone() };
        Self { kind, ..Self::posted(id, &pending.debit, &pending.credit, pending.amount) }
    }

    /// The counter-entry of a posted transfer.
    #[must_use]
    pub fn reversal(original: &Transfer) -> Self {
        let kind = Kind::Reversal { of: original.id.clone() };
        Self { kind, ..Self::posted(original.id.reversal(), &original.credit, &original.debit, original.amount) }
    }
}

/// One business event on the books: transfers that stand or fall together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voucher {
    /// Code of the business event: `disburse`, `repay` (the table of DOMAIN.md section 3).
    pub event: Cow<'static, str>,
    /// What it is about: an application, a batch.
    pub case: String,
    /// Its lines; at least one.
    pub transfers: Vec<Transfer>,
}

impl Voucher {
    /// A voucher without lines.
    pub fn new(event: impl Into<Cow<'static, str>>, case: impl fmt::Display) -> Self {
        Self { event: event.into(), case: case.to_string(), transfers: Vec::new() }
    }

    /// The voucher with one line more.
    #[must_use]
    pub fn with(mut self, transfer: Transfer) -> Self {
        self.transfers.push(transfer);
        self
    }

    /// The accounts that deciding it reads, in the order of its lines, each perhaps several times.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountCode> {
        self.transfers.iter().flat_map(|transfer| [&transfer.debit, &transfer.credit])
    }

    /// The transfers that deciding it reads, whether they exist or not: its own ids and those that it refers to.
    pub fn transfer_ids(&self) -> impl Iterator<Item = &TransferId> {
        self.transfers.iter().flat_map(|transfer| std::iter::once(&transfer.id).chain(transfer.kind.of()))
    }
}

/// What became of a pending transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Resolution {
    /// Posted, whole or in part.
    Posted {
        /// The transfer that posted it.
        by: TransferId,
    },
    /// Given back by a transfer.
    Voided {
        /// The transfer that voided it.
        by: TransferId,
    },
    /// Given back because its time was over.
    Expired {
        /// When this was recorded.
        at: Moment,
    },
}

/// A transfer in the books. It is never changed, but that a pending one is resolved once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferRecord {
    /// The transfer.
    pub transfer: Transfer,
    /// Event of its voucher.
    pub event: Cow<'static, str>,
    /// Case of its voucher.
    pub case: String,
    /// Its line in the voucher, from 1.
    pub line: u16,
    /// How many lines the voucher has.
    pub lines: u16,
    /// Business time of the booking.
    pub at: Moment,
    /// Of a pending transfer: what became of it, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
}

impl TransferRecord {
    /// Whether it holds an amount that is still to be posted, voided or expired.
    pub const fn is_waiting(&self) -> bool {
        matches!(self.transfer.kind, Kind::Pending { .. }) && self.resolution.is_none()
    }

    /// When its time is over, while it waits and if it has an end.
    pub const fn expires_at(&self) -> Option<Moment> {
        match (&self.transfer.kind, &self.resolution) {
            (Kind::Pending { expires_at }, None) => *expires_at,
            _ => None,
        }
    }

    /// Whether this is that line of that voucher, in every field that the voucher gave it.
    pub(crate) fn is_line(&self, voucher: &Voucher, line: u16, lines: u16, transfer: &Transfer) -> bool {
        (self.line, self.lines) == (line, lines)
            && self.transfer == *transfer
            && self.event == voucher.event
            && self.case == voucher.case
    }
}
