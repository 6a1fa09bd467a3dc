//! Money in fen and yearly rates in ppm.
//!
//! Checked arithmetic only: there are no operators, because `a + b` on money either panics or wraps. No floating point.
//! Fractions follow DOMAIN section 3: half-up for interest, floor for shares, ceil for reserves. It refuses to divide a
//! negative sum: a share of a debt is the caller's decision, so it answers `None`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A sum of money in fen (1/100 yuan), signed: balances and differences may be negative.
///
/// On the wire an integer; a float such as `1e3` is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(description = "Money in fen (1/100 yuan), signed integer")]
pub struct Fen(i64);

impl Fen {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// That many fen.
    pub const fn new(fen: i64) -> Self {
        Self(fen)
    }

    /// The number of fen.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum; `None` when it does not fit.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(fen) => Some(Self(fen)),
            None => None,
        }
    }

    /// The difference `self - other`; `None` when it does not fit.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(fen) => Some(Self(fen)),
            None => None,
        }
    }

    /// That many times the sum; `None` when it does not fit.
    pub const fn checked_mul(self, times: i64) -> Option<Self> {
        match self.0.checked_mul(times) {
            Some(fen) => Some(Self(fen)),
            None => None,
        }
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum of all; `None` when it does not fit.
    pub fn sum(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// `ceil(self / divisor)`: the reserve behind an exposure at that multiple (DOMAIN I3, golden G10).
    ///
    /// `None` for a negative sum or a divisor of zero.
    pub fn ceil_div(self, divisor: u32) -> Option<Self> {
        if self.is_negative() || divisor == 0 {
            return None;
        }
        let divisor = i128::from(divisor);
        Self::from_i128((i128::from(self.0) + divisor - 1) / divisor)
    }

    /// `floor(self × share)`, the share in ppm of the whole. `None` for a negative sum.
    pub fn floor_share(self, share: Ppm) -> Option<Self> {
        self.floor_ratio(share.get(), Ppm::WHOLE.get())
    }

    /// `half_up(self × share)`, the share in ppm of the whole. `None` for a negative sum.
    pub fn half_up_share(self, share: Ppm) -> Option<Self> {
        if self.is_negative() {
            return None;
        }
        half_up(i128::from(self.0) * i128::from(share.get()), i128::from(Ppm::WHOLE.get()))
    }

    /// `floor(self × numerator / denominator)`. `None` for a negative sum, a denominator of zero, or when it does not fit.
    pub fn floor_ratio(self, numerator: u32, denominator: u32) -> Option<Self> {
        if self.is_negative() || denominator == 0 {
            return None;
        }
        Self::from_i128(i128::from(self.0) * i128::from(numerator) / i128::from(denominator))
    }

    pub(crate) fn from_i128(fen: i128) -> Option<Self> {
        i64::try_from(fen).ok().map(Self)
    }
}

/// `numerator / denominator` rounded half-up to a fen, for a numerator that is not negative and a positive denominator.
pub(crate) fn half_up(numerator: i128, denominator: i128) -> Option<Fen> {
    let doubled = numerator.checked_mul(2)?.checked_add(denominator)?;
    Fen::from_i128(doubled / denominator.checked_mul(2)?)
}

impl fmt::Display for Fen {
    /// Yuan with thousands separators: `480,000.00`, `-0.05`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fen = self.0.unsigned_abs();
        let digits = (fen / 100).to_string();
        let mut yuan = String::with_capacity(digits.len() + digits.len() / 3);
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                yuan.push(',');
            }
            yuan.push(digit);
        }
        let sign = if self.is_negative() { "-" } else { "" };
        f.pad(&format!("{sign}{yuan}.{:02}", fen % 100))
    }
}

/// A sum that can be asked for, lent or moved: at least one fen, at most [`Amount::MAX`].
///
/// The bounds hold for a value read from outside too: `-1`, `0`, `1e3` and `2^63` do not deserialise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Fen", into = "Fen")]
pub struct Amount(Fen);

impl Amount {
    /// 10^15 fen, ten trillion yuan: far beyond any programme, and far enough below `i64` that sums of thousands fit.
    pub const MAX: Fen = Fen(1_000_000_000_000_000);

    /// The sum as an amount.
    ///
    /// # Errors
    /// When it is not positive, or greater than [`Amount::MAX`].
    pub const fn new(fen: Fen) -> Result<Self, AmountError> {
        if fen.0 <= 0 {
            Err(AmountError::NotPositive)
        } else if fen.0 > Self::MAX.0 {
            Err(AmountError::TooLarge)
        } else {
            Ok(Self(fen))
        }
    }

    /// The sum in fen.
    pub const fn fen(self) -> Fen {
        self.0
    }
}

impl fmt::Display for Amount {
    /// Yuan, as [`Fen`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<Fen> for Amount {
    type Error = AmountError;

    fn try_from(fen: Fen) -> Result<Self, AmountError> {
        Self::new(fen)
    }
}

impl From<Amount> for Fen {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Money in fen (1/100 yuan), positive integer",
            "type": "integer", "format": "int64", "minimum": 1, "maximum": Self::MAX.0,
        })
    }
}

/// Why a sum is no [`Amount`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Zero or less.
    #[error("an amount must be at least one fen")]
    NotPositive,
    /// More than [`Amount::MAX`].
    #[error("an amount must be at most 10^15 fen")]
    TooLarge,
}

/// A yearly rate, or a share of a whole, in parts per million: 4.35 % is 43,500. At most 1,000,000 (100 %).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Ppm(u32);

impl Ppm {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// 100 %.
    pub const WHOLE: Self = Self(1_000_000);

    /// That many parts per million.
    ///
    /// # Errors
    /// Above 1,000,000.
    pub const fn new(ppm: u32) -> Result<Self, PpmError> {
        if ppm > Self::WHOLE.0 { Err(PpmError { ppm }) } else { Ok(Self(ppm)) }
    }

    /// The number of parts per million.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The sum; `None` above 100 %.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(ppm) if ppm <= Self::WHOLE.0 => Some(Self(ppm)),
            _ => None,
        }
    }

    /// `self - other`; `None` below zero.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(ppm) => Some(Self(ppm)),
            None => None,
        }
    }

    /// A literal of this crate that its author has checked by eye; above 100 % it is drawn there.
    pub(crate) const fn literal(ppm: u32) -> Self {
        if ppm > Self::WHOLE.0 { Self::WHOLE } else { Self(ppm) }
    }
}

impl fmt::Display for Ppm {
    /// Per cent with four decimals, trailing zeros cut to two: `4.35%`, `6.525%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = format!("{}.{:04}", self.0 / 10_000, self.0 % 10_000);
        let kept = whole.trim_end_matches('0').len().max(whole.len() - 2);
        f.pad(&format!("{}%", whole.get(..kept).unwrap_or(&whole)))
    }
}

impl TryFrom<u32> for Ppm {
    type Error = PpmError;

    fn try_from(ppm: u32) -> Result<Self, PpmError> {
        Self::new(ppm)
    }
}

impl From<Ppm> for u32 {
    fn from(ppm: Ppm) -> Self {
        ppm.0
    }
}

impl JsonSchema for Ppm {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ppm".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Parts per million: a yearly rate (4.35 % is 43500) or a share",
            "type": "integer", "format": "uint32", "minimum": 0, "maximum": Self::WHOLE.0,
        })
    }
}

/// A rate or share above 100 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ppm} ppm is more than 1000000 (100 %)")]
pub struct PpmError {
    /// What was offered.
    pub ppm: u32,
}
