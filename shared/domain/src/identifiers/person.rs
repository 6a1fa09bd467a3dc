//! Identifiers of people: personal data. `Debug` shows the mask of DOMAIN section 5, never the clear text.

use std::fmt;

use super::{
    IdentifierError, IdentifierFault, IdentifierKind, as_checked_string, check_characters, check_length, normalise,
    weighted_sum,
};
use crate::time::Date;

macro_rules! debug_masked {
    ($name:ident) => {
        impl fmt::Debug for $name {
            /// Masked: personal data does not reach a log through `{:?}`.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.masked())
            }
        }
    };
}

/// Resident identity number, 公民身份号码 (GB 11643): division, day of birth, sequence, check character.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResidentId(String);

const RESIDENT_WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const RESIDENT_CHECKS: [char; 11] = ['1', '0', 'X', '9', '8', '7', '6', '5', '4', '3', '2'];

impl ResidentId {
    /// Reads a number, after normalising width, case and surrounding blanks.
    ///
    /// # Errors
    /// A wrong length, a character that cannot stand there, a day of birth that is no date, or a wrong check character.
    /// Whether the division exists is not asked: test data use one that does not.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let kind = IdentifierKind::ResidentId;
        let text = normalise(text);
        check_length(kind, &text, "18", |n| n == 18)?;
        check_characters(kind, &text, "digits, and X at position 18", |position, c| {
            c.is_ascii_digit() || (position == 18 && c == 'X')
        })?;
        if birth_date(&text).is_none() {
            return Err(IdentifierError { kind, fault: IdentifierFault::Date });
        }
        if let [body @ .., found] = text.as_slice() {
            let sum = weighted_sum(body, &RESIDENT_WEIGHTS, |c| c.to_digit(10).unwrap_or(0)) % 11;
            let expected = (0..).zip(RESIDENT_CHECKS).find_map(|(i, check)| (i == sum).then_some(check)).unwrap_or('1');
            if *found != expected {
                let fault = IdentifierFault::CheckCharacter { position: 18, found: *found, expected };
                return Err(IdentifierError { kind, fault });
            }
        }
        Ok(Self(text.into_iter().collect()))
    }

    /// The day of birth.
    pub fn birth_date(&self) -> Date {
        let text: Vec<char> = self.0.chars().collect();
        // `parse` is the only way in and has read this date.
        birth_date(&text).unwrap_or(Date::ZERO)
    }

    /// Full years of age on a day, `None` before birth. A year is full on the birthday; for one born on 29 February, in
    /// other years on 1 March.
    pub fn age_on(&self, day: Date) -> Option<u16> {
        let birth = self.birth_date();
        if day < birth {
            return None;
        }
        let before_birthday = (day.month(), day.day()) < (birth.month(), birth.day());
        let years = i32::from(day.year()) - i32::from(birth.year()) - i32::from(before_birthday);
        u16::try_from(years).ok()
    }

    /// `110***********002X`.
    pub fn masked(&self) -> String {
        mask(&self.0, 3, "***********", 4)
    }
}

debug_masked!(ResidentId);
as_checked_string!(ResidentId, "^[0-9]{17}[0-9X]$", "Resident identity number (GB 11643)");

fn birth_date(text: &[char]) -> Option<Date> {
    let number = |from: usize, to: usize| -> Option<i16> {
        text.get(from..to)?
            .iter()
            .try_fold(0i16, |n, c| n.checked_mul(10)?.checked_add(i16::try_from(c.to_digit(10)?).ok()?))
    };
    Date::new(number(6, 10)?, i8::try_from(number(10, 12)?).ok()?, i8::try_from(number(12, 14)?).ok()?).ok()
}

/// Number of a settlement account, 16 to 19 digits with Luhn's check digit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardNumber(String);

impl CardNumber {
    /// Reads a number, after normalising width and surrounding blanks.
    ///
    /// # Errors
    /// A wrong length, a character that is no digit, or a wrong check digit (the last one, Luhn).
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let kind = IdentifierKind::CardNumber;
        let text = normalise(text);
        check_length(kind, &text, "16 to 19", |n| (16..=19).contains(&n))?;
        check_characters(kind, &text, "digits", |_, c| c.is_ascii_digit())?;
        if let [body @ .., found] = text.as_slice() {
            let expected = luhn_check(body);
            if *found != expected {
                let fault = IdentifierFault::CheckCharacter { position: text.len(), found: *found, expected };
                return Err(IdentifierError { kind, fault });
            }
        }
        Ok(Self(text.into_iter().collect()))
    }

    /// `6222****1234`.
    pub fn masked(&self) -> String {
        mask(&self.0, 4, "****", 4)
    }
}

debug_masked!(CardNumber);
as_checked_string!(CardNumber, "^[0-9]{16,19}$", "Account or card number with Luhn's check digit");

fn luhn_check(body: &[char]) -> char {
    let digit = |c: &char| c.to_digit(10).unwrap_or(0);
    let sum: u32 = body
        .iter()
        .rev()
        .zip([true, false].into_iter().cycle())
        .map(|(c, doubled)| if doubled { digit(c) * 2 / 10 + digit(c) * 2 % 10 } else { digit(c) })
        .sum();
    char::from_digit((10 - sum % 10) % 10, 10).unwrap_or('0')
}

/// Mobile telephone number of the mainland: eleven digits, `^1[3-9]\d{9}$`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mobile(String);

impl Mobile {
    /// Reads a number, after normalising width and surrounding blanks.
    ///
    /// # Errors
    /// A wrong length, or a digit that cannot stand there. A country code is not removed.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let kind = IdentifierKind::Mobile;
        let text = normalise(text);
        check_length(kind, &text, "11", |n| n == 11)?;
        check_characters(kind, &text, "1, then 3 to 9, then digits", |position, c| match position {
            1 => c == '1',
            2 => ('3'..='9').contains(&c),
            _ => c.is_ascii_digit(),
        })?;
        Ok(Self(text.into_iter().collect()))
    }

    /// `138****1234`.
    pub fn masked(&self) -> String {
        mask(&self.0, 3, "****", 4)
    }
}

debug_masked!(Mobile);
as_checked_string!(Mobile, "^1[3-9][0-9]{9}$", "Mobile telephone number");

/// A person's name with only its first character shown: `张*`, however long it is.
pub fn mask_name(name: &str) -> String {
    name.trim().chars().next().map(|first| format!("{first}*")).unwrap_or_default()
}

/// A member number with only its last four characters shown: `****1234`. One of four or fewer is hidden altogether.
pub fn mask_member_no(member_no: &str) -> String {
    let shown = if member_no.chars().count() > 4 { 4 } else { 0 };
    mask(member_no, 0, "****", shown)
}

/// The first and last characters with stars between.
fn mask(text: &str, first: usize, stars: &str, last: usize) -> String {
    let length = text.chars().count();
    let head = text.chars().take(first);
    let tail = text.chars().skip(length.saturating_sub(last));
    head.chain(stars.chars()).chain(tail).collect()
}
