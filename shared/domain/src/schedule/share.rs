//! The other sums of DOMAIN section 3: penalties, deferrals, claims, reserves, subsidies (golden G2, G6 to G12).
//!
//! Each answers `None` when a sum is negative or does not fit; none of them decides whether the sum is due.

use crate::money::{Fen, Ppm, half_up};
use crate::schedule::interest;

/// The penalty rate, 罚息利率: contract rate × `percent` / 100, half-up (150 for × 1.5: 43,500 becomes 65,250).
///
/// `None` above 100 % a year.
pub fn penalty_rate(contract: Ppm, percent: u32) -> Option<Ppm> {
    let scaled = half_up(i128::from(contract.get()) * i128::from(percent), 100)?;
    Ppm::new(u32::try_from(scaled.get()).ok()?).ok()
}

/// Penalty interest on overdue principal (golden G6), at the penalty rate, actual/360.
pub fn penalty(overdue: Fen, penalty_rate: Ppm, days: u32) -> Option<Fen> {
    interest(overdue, penalty_rate, days)
}

/// Compound interest on unpaid interest, 复利 (golden G7), at the penalty rate, actual/360.
pub fn compound(unpaid_interest: Fen, penalty_rate: Ppm, days: u32) -> Option<Fen> {
    interest(unpaid_interest, penalty_rate, days)
}

/// A deferred interest row in `parts` parts: floor, the last takes the rest (golden G2: 546,000 in three of 182,000).
/// The total is unchanged: deferred is not waived.
///
/// `None` for no parts.
pub fn deferral(interest: Fen, parts: u16) -> Option<Vec<Fen>> {
    let part = interest.floor_ratio(1, u32::from(parts))?;
    let last = interest.checked_sub(part.checked_mul(i64::from(parts) - 1)?)?;
    let mut all = vec![part; usize::from(parts)];
    *all.last_mut()? = last;
    Some(all)
}

/// What each bears of a claim, or gets of a recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimSplit {
    /// The union fund's part.
    pub union: Fen,
    /// The guarantor's own part.
    pub guarantor: Fen,
}

/// Splits a claim, or the cumulative sum of its recoveries, by the union's share: half-up for the union (I8), the rest for
/// the guarantor (golden G8, G9). Recoveries are split on their *cumulative* sum, so that roundings do not add up.
pub fn claim_split(sum: Fen, union_share: Ppm) -> Option<ClaimSplit> {
    let union = sum.half_up_share(union_share)?;
    Some(ClaimSplit { union, guarantor: sum.checked_sub(union)? })
}

/// What the fund must hold behind an exposure: `ceil(exposure / multiple)` (I3, golden G10). `None` for a multiple of zero.
pub fn reserve(exposure: Fen, multiple: u32) -> Option<Fen> {
    exposure.ceil_div(multiple)
}

/// What a deposit can stand behind: `deposit × multiple` (I4, golden G10).
pub fn capacity(deposit: Fen, multiple: u32) -> Option<Fen> {
    if deposit.is_negative() { None } else { deposit.checked_mul(i64::from(multiple)) }
}

/// A part of the contract interest, floor (golden G11: two thirds). `None` for a denominator of zero.
pub fn partial_subsidy(interest: Fen, numerator: u32, denominator: u32) -> Option<Fen> {
    interest.floor_ratio(numerator, denominator)
}

/// Who bears the interest of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subsidy {
    /// All of it.
    pub interest: Fen,
    /// The borrower's part.
    pub borrower: Fen,
    /// The subsidy: the rest.
    pub subsidy: Fen,
}

/// Interest of which the borrower bears LPR less `below` (national practice from 2021: 150 bp; golden G12), and never more
/// than all of it. An LPR below `below` leaves nothing to the borrower.
pub fn lpr_share(balance: Fen, contract: Ppm, lpr: Ppm, below: Ppm, days: u32) -> Option<Subsidy> {
    let borne = lpr.checked_sub(below).unwrap_or(Ppm::ZERO).min(contract);
    let (all, borrower) = (interest(balance, contract, days)?, interest(balance, borne, days)?);
    Some(Subsidy { interest: all, borrower, subsidy: all.checked_sub(borrower)? })
}
