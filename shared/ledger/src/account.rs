//! An account: its code, its normal side, its four sums and its limit. It refuses to hold more than a row needs, because
//! the row is written again by every commit that touches it.

use std::{borrow::Cow, fmt};

use domain::{Amount, Fen};
use serde::{Deserialize, Serialize};

/// Code of an account: a letter for the organisation and four digits (`U1001`, DOMAIN.md section 3), and for the account
/// of one case or loan a part behind a slash (`U9001/NCD-2018-0052`). As serde a checked string.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountCode(Cow<'static, str>);

/// `U1001` has five characters; the slash stands at the sixth.
const MAIN_LENGTH: usize = 5;
const MAX_SUB_LENGTH: usize = 64;

impl AccountCode {
    /// A code written in the source; in a `const` a malformed one does not compile.
    ///
    /// # Panics
    /// Outside a `const`, when it is malformed.
    pub const fn constant(code: &'static str) -> Self {
        assert!(is_code(code.as_bytes()), "an account code is a letter and four digits, perhaps with a /part");
        Self(Cow::Borrowed(code))
    }

    /// Reads a code.
    ///
    /// # Errors
    /// When it is not a capital letter and four digits, perhaps followed by a slash and 1 to 64 letters, digits, `-`, `_`,
    /// `.` or `:`.
    pub fn parse(text: &str) -> Result<Self, AccountCodeError> {
        Self::try_from(text.to_owned())
    }

    /// The account of one case or loan under this account: `U9001` and `NCD-2018-0052` make `U9001/NCD-2018-0052`. A part
    /// that the code already has is replaced.
    ///
    /// # Errors
    /// When the part cannot stand in a code, as [`parse`](AccountCode::parse) says.
    pub fn sub(&self, part: impl fmt::Display) -> Result<Self, AccountCodeError> {
        Self::try_from(format!("{}/{part}", self.main()))
    }

    /// The code without its part: `U9001`.
    pub fn main(&self) -> &str {
        self.0.get(..MAIN_LENGTH).unwrap_or(&self.0)
    }

    /// The part behind the slash, if any: `NCD-2018-0052`.
    pub fn part(&self) -> Option<&str> {
        self.0.get(MAIN_LENGTH + 1..)
    }

    /// The whole code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_code(code: &[u8]) -> bool {
    if code.len() < MAIN_LENGTH || !code[0].is_ascii_uppercase() {
        return false;
    }
    let mut i = 1;
    while i < MAIN_LENGTH {
        if !code[i].is_ascii_digit() {
            return false;
        }
        i += 1;
    }
    if code.len() == MAIN_LENGTH {
        return true;
    }
    if code[MAIN_LENGTH] != b'/' || code.len() == MAIN_LENGTH + 1 || code.len() > MAIN_LENGTH + 1 + MAX_SUB_LENGTH {
        return false;
    }
    i += 1;
    while i < code.len() {
        if !(code[i].is_ascii_alphanumeric() || matches!(code[i], b'-' | b'_' | b'.' | b':')) {
            return false;
        }
        i += 1;
    }
    true
}

impl fmt::Display for AccountCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for AccountCode {
    type Error = AccountCodeError;

    fn try_from(text: String) -> Result<Self, AccountCodeError> {
        if is_code(text.as_bytes()) { Ok(Self(Cow::Owned(text))) } else { Err(AccountCodeError { text }) }
    }
}

impl From<AccountCode> for String {
    fn from(code: AccountCode) -> Self {
        code.0.into_owned()
    }
}

/// A text that is no account code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no account code (a capital letter, four digits, perhaps a /part)")]
pub struct AccountCodeError {
    /// What was offered.
    pub text: String,
}

/// The side of an account that a transfer touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Left.
    Debit,
    /// Right.
    Credit,
}

/// The side on which an account grows, and whether it is money or a memo pair (`+`, `−` and `M` of DOMAIN.md section 3).
///
/// Memo accounts stand outside the balance sheet: they are booked only against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normal {
    /// Money, growing by debits.
    Debit,
    /// Money, growing by credits.
    Credit,
    /// Memo, growing by debits.
    MemoDebit,
    /// Memo, growing by credits.
    MemoCredit,
}

impl Normal {
    /// The side on which the account grows.
    pub const fn side(self) -> Side {
        match self {
            Self::Debit | Self::MemoDebit => Side::Debit,
            Self::Credit | Self::MemoCredit => Side::Credit,
        }
    }

    /// Whether it stands outside the balance sheet.
    pub const fn is_memo(self) -> bool {
        matches!(self, Self::MemoDebit | Self::MemoCredit)
    }
}

/// How far an account may go. A voucher is refused when it makes an account exceed its limit, or exceed it further; one
/// that brings a balance back towards its limit is not (a limit that was lowered must not block the way back).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Any balance.
    #[default]
    None,
    /// The balance, less everything pending that would lower it, is never negative.
    NotBelowZero,
    /// The balance, with everything pending that would raise it, is at most this.
    AtMost(Fen),
}

impl Limit {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// An account. Sums only grow but for what is pending; posted and pending of one side together always fit an `i64` of fen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    code: AccountCode,
    normal: Normal,
    #[serde(default, skip_serializing_if = "Limit::is_none")]
    limit: Limit,
    #[serde(default, skip_serializing_if = "Sums::is_zero")]
    debits: Sums,
    #[serde(default, skip_serializing_if = "Sums::is_zero")]
    credits: Sums,
}

/// What was booked on one side, fen: `[posted, pending]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(Fen, Fen)", into = "(Fen, Fen)")]
struct Sums {
    posted: Fen,
    pending: Fen,
}

impl From<(Fen, Fen)> for Sums {
    fn from((posted, pending): (Fen, Fen)) -> Self {
        Self { posted, pending }
    }
}

impl From<Sums> for (Fen, Fen) {
    fn from(sums: Sums) -> Self {
        (sums.posted, sums.pending)
    }
}

impl Sums {
    fn is_zero(&self) -> bool {
        self.posted.is_zero() && self.pending.is_zero()
    }

    /// `None`, and nothing changed, when posted and pending together would not fit.
    fn moved(self, posted: Fen, pending: Fen) -> Option<Self> {
        let moved = Self { posted: self.posted.checked_add(posted)?, pending: self.pending.checked_add(pending)? };
        moved.posted.checked_add(moved.pending).map(|_| moved)
    }
}

/// What a transfer does to one side of an account.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    /// Books the amount for good.
    Post(Amount),
    /// Holds the amount.
    Hold(Amount),
    /// Gives back what was held, and books this much of it, if any.
    Settle { held: Amount, posted: Option<Amount> },
}

impl Account {
    /// A new account without postings.
    pub const fn new(code: AccountCode, normal: Normal, limit: Limit) -> Self {
        let none = Sums { posted: Fen::ZERO, pending: Fen::ZERO };
        Self { code, normal, limit, debits: none, credits: none }
    }

    /// Its code.
    pub const fn code(&self) -> &AccountCode {
        &self.code
    }

    /// The side on which it grows.
    pub const fn normal(&self) -> Normal {
        self.normal
    }

    /// Its limit.
    pub const fn limit(&self) -> Limit {
        self.limit
    }

    /// Gives it another limit. A balance that exceeds it already stays: from now on it may only come closer.
    pub const fn set_limit(&mut self, limit: Limit) {
        self.limit = limit;
    }

    /// Everything posted on one side, fen.
    pub const fn posted(&self, side: Side) -> Fen {
        self.sums(side).posted
    }

    /// Everything pending on one side, fen.
    pub const fn pending(&self, side: Side) -> Fen {
        self.sums(side).pending
    }

    /// The posted balance, fen: positive on the normal side.
    pub fn balance(&self) -> Fen {
        let (up, down) = self.up_and_down();
        saturate(wide(up.posted) - wide(down.posted))
    }

    /// The posted balance less everything pending that would lower it, fen: what may still be taken.
    pub fn available(&self) -> Fen {
        let (up, down) = self.up_and_down();
        saturate(wide(up.posted) - wide(down.posted) - wide(down.pending))
    }

    /// How far the account is beyond its limit, fen; zero when it keeps it.
    pub fn excess(&self) -> Fen {
        let (up, down) = self.up_and_down();
        let balance = wide(up.posted) - wide(down.posted);
        let beyond = match self.limit {
            Limit::None => 0,
            Limit::NotBelowZero => wide(down.pending) - balance,
            Limit::AtMost(most) => balance + wide(up.pending) - wide(most),
        };
        saturate(beyond.max(0))
    }

    /// `None`, and nothing changed, when a sum would not fit.
    pub(crate) fn book(&mut self, side: Side, effect: Effect) -> Option<()> {
        let (posted, pending) = match effect {
            Effect::Post(amount) => (amount.fen(), Fen::ZERO),
            Effect::Hold(amount) => (Fen::ZERO, amount.fen()),
            Effect::Settle { held, posted } => {
                (posted.map_or(Fen::ZERO, Amount::fen), Fen::ZERO.checked_sub(held.fen())?)
            }
        };
        let sums = match side {
            Side::Debit => &mut self.debits,
            Side::Credit => &mut self.credits,
        };
        *sums = sums.moved(posted, pending)?;
        Some(())
    }

    const fn sums(&self, side: Side) -> &Sums {
        match side {
            Side::Debit => &self.debits,
            Side::Credit => &self.credits,
        }
    }

    fn up_and_down(&self) -> (&Sums, &Sums) {
        match self.normal.side() {
            Side::Debit => (&self.debits, &self.credits),
            Side::Credit => (&self.credits, &self.debits),
        }
    }
}

fn wide(fen: Fen) -> i128 {
    i128::from(fen.get())
}

/// Both sides of an account fit an `i64`, so what is saturated here is only a row that this crate did not write.
fn saturate(fen: i128) -> Fen {
    Fen::new(i64::try_from(fen).unwrap_or(if fen < 0 { i64::MIN } else { i64::MAX }))
}
