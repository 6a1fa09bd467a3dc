//! The level payment of an equal-payment loan, exactly.
//!
//! P × r(1+r)^n / ((1+r)^n - 1) with r = ppm / 12,000,000 has a denominator of 24 bits per month. Rounding something
//! approximate half-up could be a fen off at the half, so the payment is found by comparing exact integers instead: with
//! D = 12,000,000 and A = D + ppm it is the greatest m with (2m - 1) × D × (A^n - D^n) <= 2 × P × ppm × A^n.

use std::cmp::Ordering;

use crate::money::{Amount, Fen, Ppm, half_up};

const MONTHS_PPM: u64 = 12_000_000;

/// The payment over `n` months, half-up to the fen; `None` for no months.
pub(super) fn payment(principal: Amount, rate: Ppm, n: u16) -> Option<Fen> {
    let principal = principal.fen();
    if n == 0 {
        return None;
    }
    if rate == Ppm::ZERO {
        return half_up(i128::from(principal.get()), i128::from(n));
    }
    let sum = u64::try_from(principal.get()).ok()?;
    let (mut grown, mut flat) = (Natural::one(), Natural::one());
    for _ in 0..n {
        grown.multiply(MONTHS_PPM + u64::from(rate.get()));
        flat.multiply(MONTHS_PPM);
    }
    let mut unit = grown.clone();
    unit.subtract(&flat);
    unit.multiply(MONTHS_PPM);
    let mut target = grown;
    target.multiply(u64::from(rate.get()));
    target.multiply(sum);
    target.multiply(2);
    let at_most = |m: u64| {
        let mut left = unit.clone();
        left.multiply(2 * m - 1);
        left.compare(&target) != Ordering::Greater
    };
    // One month repays the principal and a month's interest; more months need less.
    let (mut low, mut high) = (0, 2 * sum + 1);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if at_most(middle) { low = middle } else { high = middle }
    }
    Fen::from_i128(i128::from(low))
}

/// A natural number of any size, 32 bits a limb, the least significant first, without leading zeros.
#[derive(Clone)]
struct Natural(Vec<u32>);

impl Natural {
    fn one() -> Self {
        Self(vec![1])
    }

    fn multiply(&mut self, factor: u64) {
        let mut carry: u128 = 0;
        for limb in &mut self.0 {
            let product = u128::from(*limb) * u128::from(factor) + carry;
            *limb = low_bits(product);
            carry = product >> 32;
        }
        while carry > 0 {
            self.0.push(low_bits(carry));
            carry >>= 32;
        }
        self.trim();
    }

    /// Takes away a number that is not greater.
    fn subtract(&mut self, other: &Self) {
        let mut borrowed = 0;
        for (i, limb) in self.0.iter_mut().enumerate() {
            let taken = u64::from(other.0.get(i).copied().unwrap_or(0)) + borrowed;
            borrowed = u64::from(u64::from(*limb) < taken);
            *limb = low_bits(u128::from((borrowed << 32) + u64::from(*limb) - taken));
        }
        self.trim();
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

fn low_bits(n: u128) -> u32 {
    // The mask leaves 32 bits, so the conversion cannot fail.
    u32::try_from(n & 0xffff_ffff).unwrap_or(0)
}
