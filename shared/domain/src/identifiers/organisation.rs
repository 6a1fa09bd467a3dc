//! Codes of organisations. Public data: shown in full.

use std::fmt;

use super::{
    IdentifierError, IdentifierFault, IdentifierKind, as_checked_string, base_36, check_characters, check_length,
    normalise, weighted_sum,
};

/// Unified social credit code, 统一社会信用代码 (GB 32100-2015): 18 characters, with an organisation code inside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uscc(String);

/// No I, O, S, V, Z: they look like other characters.
const USCC_ALPHABET: [char; 31] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N',
    'P', 'Q', 'R', 'T', 'U', 'W', 'X', 'Y',
];
/// 3^(i-1) mod 31.
const USCC_WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];

impl Uscc {
    /// Reads a code, after normalising width, case and surrounding blanks.
    ///
    /// # Errors
    /// A wrong length, a character outside the alphabet, or a wrong check character: the organisation code's own
    /// (position 17) is checked before the whole code's (position 18).
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let kind = IdentifierKind::Uscc;
        let text = normalise(text);
        check_length(kind, &text, "18", |n| n == 18)?;
        check_characters(kind, &text, "digits and capitals without I, O, S, V, Z", |_, c| USCC_ALPHABET.contains(&c))?;
        if let [_, _, _, _, _, _, _, _, inner @ .., found, _] = text.as_slice() {
            let expected = organisation_check(inner);
            if *found != expected {
                return Err(IdentifierError {
                    kind,
                    fault: IdentifierFault::InnerCheckCharacter { found: *found, expected },
                });
            }
        }
        if let [body @ .., found] = text.as_slice() {
            let expected = uscc_check(body);
            if *found != expected {
                let fault = IdentifierFault::CheckCharacter { position: 18, found: *found, expected };
                return Err(IdentifierError { kind, fault });
            }
        }
        Ok(Self(text.into_iter().collect()))
    }

    /// The organisation code inside, positions 9 to 17.
    pub fn organisation_code(&self) -> OrganisationCode {
        OrganisationCode(self.0.chars().skip(8).take(9).collect())
    }

    /// As it is: a public code is not masked.
    pub fn masked(&self) -> String {
        self.0.clone()
    }
}

impl fmt::Display for Uscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

as_checked_string!(Uscc, "^[0-9A-HJ-NPQRTUWXY]{18}$", "Unified social credit code (GB 32100-2015)");

fn uscc_check(body: &[char]) -> char {
    let value = |c| (0..).zip(USCC_ALPHABET).find_map(|(value, letter)| (letter == c).then_some(value)).unwrap_or(0);
    let index = (31 - weighted_sum(body, &USCC_WEIGHTS, value) % 31) % 31;
    (0..).zip(USCC_ALPHABET).find_map(|(value, letter)| (index == value).then_some(letter)).unwrap_or('0')
}

/// Organisation code, 组织机构代码 (GB 11714): eight digits or capitals and a check character. Also read with the hyphen of
/// its printed form, `M000100Y-4`; kept without.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrganisationCode(String);

const ORGANISATION_WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];

impl OrganisationCode {
    /// Reads a code, after normalising width, case and surrounding blanks.
    ///
    /// # Errors
    /// A wrong length, a character that is neither digit nor capital, or a wrong check character.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let kind = IdentifierKind::OrganisationCode;
        let mut text = normalise(text);
        if text.len() == 10 && text.get(8) == Some(&'-') {
            text.remove(8);
        }
        check_length(kind, &text, "9", |n| n == 9)?;
        check_characters(kind, &text, "digits and capitals", |_, c| c.is_ascii_digit() || c.is_ascii_uppercase())?;
        if let [body @ .., found] = text.as_slice() {
            let expected = organisation_check(body);
            if *found != expected {
                let fault = IdentifierFault::CheckCharacter { position: 9, found: *found, expected };
                return Err(IdentifierError { kind, fault });
            }
        }
        Ok(Self(text.into_iter().collect()))
    }

    /// The check character that belongs to the first eight.
    pub fn check_character(&self) -> char {
        self.0.chars().last().unwrap_or('0')
    }

    /// As it is: a public code is not masked.
    pub fn masked(&self) -> String {
        self.0.clone()
    }
}

impl fmt::Display for OrganisationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

as_checked_string!(OrganisationCode, "^[0-9A-Z]{9}$", "Organisation code (GB 11714)");

/// `11 - Σ mod 11`, where 10 is written X and 11 is written 0.
fn organisation_check(body: &[char]) -> char {
    match 11 - weighted_sum(body, &ORGANISATION_WEIGHTS, base_36) % 11 {
        10 => 'X',
        11 => '0',
        digit => char::from_digit(digit, 10).unwrap_or('0'),
    }
}
