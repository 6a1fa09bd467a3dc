//! Why a voucher is not booked.

use domain::{Fen, Moment};
use serde::{Deserialize, Serialize};

use crate::{AccountCode, TransferId};

/// Why a voucher was not booked, or a pending transfer not expired; the books are as they were.
///
/// In order of precedence: when several hold, the first in this list is the answer. Three exceptions of order, all for the
/// reason that a line sees the lines before it: the refusals from [`PendingNotFound`](Refusal::PendingNotFound) to
/// [`Overflow`](Refusal::Overflow) are looked for line by line, so that an earlier line's refusal goes before a later
/// line's; among the lines of one voucher the first that is refused for the same reason is named; and of several accounts
/// that exceed their limits, the first by code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// A voucher without lines.
    #[error("the voucher has no lines")]
    EmptyVoucher,
    /// More lines than a voucher can have.
    #[error("the voucher has {lines} lines, more than {}", u16::MAX)]
    TooManyLines {
        /// How many.
        lines: usize,
    },
    /// Two lines with one id.
    #[error("two lines of the voucher have the id {id}")]
    DuplicateId {
        /// The id.
        id: TransferId,
    },
    /// Debit and credit on one account.
    #[error("transfer {id} debits and credits the same account")]
    SameAccount {
        /// The line.
        id: TransferId,
    },
    /// A reversal that does not have the id derived from its original.
    #[error("the reversal of {of} must have the id {}", of.reversal())]
    ReversalMisnamed {
        /// The transfer to be reversed.
        of: TransferId,
    },
    /// An account that is not open.
    #[error("account {account} is not open")]
    UnknownAccount {
        /// Its code.
        account: AccountCode,
    },
    /// A memo account against an account of the balance sheet.
    #[error("transfer {id} books a memo account against money")]
    MemoAgainstMoney {
        /// The line.
        id: TransferId,
    },
    /// The id was used for something else: a defect of whoever chose it.
    #[error("transfer {id} exists with different fields")]
    ExistsWithDifferentFields {
        /// The id.
        id: TransferId,
    },
    /// Some lines of the voucher are booked and this one is not: it is not the voucher that was booked.
    #[error("other lines of the voucher are booked, transfer {id} is not")]
    PartlyBooked {
        /// The line that is missing.
        id: TransferId,
    },
    /// The transfer to be posted, voided or expired does not exist.
    #[error("pending transfer {of} does not exist")]
    PendingNotFound {
        /// Its id.
        of: TransferId,
    },
    /// The transfer to be posted, voided or expired was never pending.
    #[error("transfer {of} is not a pending one")]
    NotPending {
        /// Its id.
        of: TransferId,
    },
    /// It is posted.
    #[error("pending transfer {of} is already posted")]
    PendingAlreadyPosted {
        /// Its id.
        of: TransferId,
    },
    /// It is voided.
    #[error("pending transfer {of} is already voided")]
    PendingAlreadyVoided {
        /// Its id.
        of: TransferId,
    },
    /// Its time is over, whether that was already recorded or not.
    #[error("pending transfer {of} has expired")]
    PendingExpired {
        /// Its id.
        of: TransferId,
    },
    /// It is to be expired before its time, or has no end.
    #[error("pending transfer {of} is not due to expire")]
    NotDue {
        /// Its id.
        of: TransferId,
    },
    /// It is on other accounts.
    #[error("pending transfer {of} is on other accounts")]
    PendingOnOtherAccounts {
        /// Its id.
        of: TransferId,
    },
    /// More is to be posted or voided than is pending.
    #[error("more than what is pending in transfer {of}")]
    AmountExceedsPending {
        /// Its id.
        of: TransferId,
    },
    /// Less is to be voided than is pending; what posting leaves over is given back anyway.
    #[error("a part of pending transfer {of} cannot be voided")]
    VoidsOnlyPart {
        /// Its id.
        of: TransferId,
    },
    /// The posting to be reversed does not exist.
    #[error("transfer {of}, to be reversed, does not exist")]
    OriginalNotFound {
        /// Its id.
        of: TransferId,
    },
    /// The transfer to be reversed moved nothing (a hold or its release), or is itself a reversal.
    #[error("transfer {of} is no posting that can be reversed")]
    OriginalNotReversible {
        /// Its id.
        of: TransferId,
    },
    /// The reversal is not its original with the sides changed over.
    #[error("the reversal of transfer {of} differs from it in accounts or amount")]
    OriginalDiffers {
        /// Its id.
        of: TransferId,
    },
    /// A pending transfer that would have expired before it began.
    #[error("pending transfer {id} would have expired at {expires_at}")]
    ExpiresInThePast {
        /// The line.
        id: TransferId,
        /// Its end.
        expires_at: Moment,
    },
    /// A sum that does not fit.
    #[error("the sums of account {account} would overflow")]
    Overflow {
        /// Its code.
        account: AccountCode,
    },
    /// The voucher as a whole takes an account beyond its limit.
    #[error("account {account} would be {excess} yuan beyond its limit")]
    ExceedsLimit {
        /// Its code.
        account: AccountCode,
        /// How far beyond, fen.
        excess: Fen,
    },
}
