//! `nuan check-id`: whether an identifier is well formed, by the same code that the services use.
//!
//! It never prints a personal identifier in the clear, neither the right one nor the wrong one.

use std::io::Write;

use clap::{Args, ValueEnum};
use domain::{CardNumber, IdentifierError, Mobile, ResidentId, Uscc};

use crate::Failure;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What the value is
    kind: Kind,
    /// The value; full-width characters, lower case and surrounding blanks are accepted
    #[arg(allow_hyphen_values = true)]
    value: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Unified social credit code, 统一社会信用代码 (GB 32100-2015)
    Uscc,
    /// Resident identity number, 公民身份号码 (GB 11643)
    Resident,
    /// Card or account number with Luhn's check digit
    Card,
    /// Mobile telephone number of the mainland
    Mobile,
}

/// Writes `valid: ` and the value, masked where it is personal.
///
/// # Errors
/// When it is not well formed: what is wrong and where.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let shown = check(arguments.kind, &arguments.value).map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(writeln!(out, "valid: {shown}")?)
}

fn check(kind: Kind, value: &str) -> Result<String, IdentifierError> {
    Ok(match kind {
        Kind::Uscc => Uscc::parse(value)?.as_str().to_owned(),
        Kind::Resident => ResidentId::parse(value)?.masked(),
        Kind::Card => CardNumber::parse(value)?.masked(),
        Kind::Mobile => Mobile::parse(value)?.masked(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where a step fails")]

    use super::*;

    #[test]
    fn each_kind_is_accepted_or_refused_with_the_place() {
        // Golden G15, DOMAIN section 5, and single faults in them.
        for (kind, value, expected) in [
            (Kind::Uscc, "91350100M000100Y43", Ok("91350100M000100Y43")),
            (Kind::Uscc, "　９１３５０１００m000100y43 ", Ok("91350100M000100Y43")),
            (Kind::Uscc, "91350100M000100Y44", Err("position 18")),
            (Kind::Resident, "11010519491231002x", Ok("110***********002X")),
            (Kind::Resident, "110105194912310021", Err("position 18")),
            (Kind::Resident, "11010519490230002X", Err("no date")),
            (Kind::Card, "4111111111111112", Err("position 16")),
            (Kind::Card, "4111111111111111", Ok("4111****1111")),
            (Kind::Mobile, "13812341234", Ok("138****1234")),
            (Kind::Mobile, "12812341234", Err("position 2")),
            (Kind::Mobile, "-1", Err("has 2 characters instead of 11")),
        ] {
            let mut out = Vec::new();
            let outcome = run(&Arguments { kind, value: value.to_owned() }, &mut out);
            match (outcome, expected) {
                (Ok(()), Ok(shown)) => assert_eq!(String::from_utf8(out).unwrap(), format!("valid: {shown}\n")),
                (Err(Failure::Failed(line)), Err(reason)) => {
                    assert!(line.contains(reason) && !line.contains(value), "{line}");
                    assert!(out.is_empty() && !line.contains('\n'), "{line}");
                }
                (outcome, _) => unreachable!("{value}: {outcome:?}"),
            }
        }
    }
}
