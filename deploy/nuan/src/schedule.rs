//! `nuan schedule`: the rows of a loan as `domain` computes them, as a table for people or JSON for programs.
//!
//! It computes nothing itself.

use std::io::Write;

use clap::{Args, ValueEnum};
use domain::schedule::{End, Row, Terms, schedule};
use domain::time::Date;
use domain::{Amount, Fen, Method, Mode, Ppm};

use crate::Failure;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How it is repaid
    #[arg(long)]
    method: MethodName,
    /// What is lent, in fen (1/100 yuan)
    #[arg(long, value_name = "FEN", value_parser = amount, allow_hyphen_values = true)]
    principal_fen: Amount,
    /// Contract rate per year in parts per million: 4.35 % is 43500
    #[arg(long, value_name = "PPM", value_parser = rate, allow_hyphen_values = true)]
    rate_ppm: Ppm,
    /// Day of the pay-out, YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    from: Date,
    #[command(flatten)]
    end: EndArguments,
    /// How the instalment methods count a month: a twelfth of a year, or its actual days of 360
    #[arg(long, default_value = "month")]
    mode: ModeName,
    /// Write a JSON array instead of a table; sums are in fen
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct EndArguments {
    /// Maturity, YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    to: Option<Date>,
    /// Maturity so many months after the pay-out, clipped to the month's end
    #[arg(long, value_name = "N")]
    months: Option<u16>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MethodName {
    /// Interest quarterly, principal at maturity, 按期付息到期还本
    Bullet,
    /// The same payment every month, 等额本息
    EqualPayment,
    /// The same principal every month, 等额本金
    EqualPrincipal,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeName {
    Month,
    Act,
}

fn amount(text: &str) -> Result<Amount, String> {
    let fen: i64 = text.parse().map_err(|_| "not a whole number of fen".to_owned())?;
    Amount::new(Fen::new(fen)).map_err(|error| error.to_string())
}

fn rate(text: &str) -> Result<Ppm, String> {
    let ppm: u32 = text.parse().map_err(|_| "not a whole number of parts per million".to_owned())?;
    Ppm::new(ppm).map_err(|error| error.to_string())
}

impl Arguments {
    fn terms(&self) -> Result<Terms, Failure> {
        let end = match (self.end.to, self.end.months) {
            (Some(day), None) => End::On(day),
            (None, Some(months)) => End::Months(months),
            _ => return Err(Failure::Usage("either --to or --months".to_owned())),
        };
        Ok(Terms {
            method: match self.method {
                MethodName::Bullet => Method::Bullet,
                MethodName::EqualPayment => Method::EqualPayment,
                MethodName::EqualPrincipal => Method::EqualPrincipal,
            },
            principal: self.principal_fen,
            rate: self.rate_ppm,
            from: self.from,
            end,
            mode: match self.mode {
                ModeName::Month => Mode::Month,
                ModeName::Act => Mode::Act,
            },
        })
    }
}

/// Writes the rows: with `--json` an array of objects `no, from, to, days, principal_fen, interest_fen, balance_fen`, a row a
/// line, else a table in yuan with a line of totals.
///
/// # Errors
/// When the terms are no loan (wrong usage).
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let rows = schedule(&arguments.terms()?).map_err(|error| Failure::Usage(error.to_string()))?;
    if arguments.json { write_json(&rows, out) } else { write_table(&rows, out) }
}

fn write_json(rows: &[Row], out: &mut impl Write) -> Result<(), Failure> {
    let rows: Result<Vec<String>, _> = rows.iter().map(serde_json::to_string).collect();
    let rows = rows.map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(writeln!(out, "[\n  {}\n]", rows.join(",\n  "))?)
}

fn write_table(rows: &[Row], out: &mut impl Write) -> Result<(), Failure> {
    let mut line = |[no, from, to, days, principal, interest, balance]: [&str; 7]| {
        let cells = format!("{no:>5}  {from:<10}  {to:<10}  {days:>5}  {principal:>20}  {interest:>20}  {balance:>20}");
        writeln!(out, "{}", cells.trim_end())
    };
    line(["no", "from", "to", "days", "principal yuan", "interest yuan", "balance yuan"])?;
    for row in rows {
        line([
            &row.no.to_string(),
            &row.from.to_string(),
            &row.to.to_string(),
            &row.days.to_string(),
            &row.principal_fen.to_string(),
            &row.interest_fen.to_string(),
            &row.balance_fen.to_string(),
        ])?;
    }
    let total = |each: fn(&Row) -> Fen| match Fen::sum(rows.iter().map(each)) {
        Some(sum) => sum.to_string(),
        None => "too large".to_owned(),
    };
    let days: u64 = rows.iter().map(|row| u64::from(row.days)).sum();
    let (principal, interest) = (total(|row| row.principal_fen), total(|row| row.interest_fen));
    Ok(line(["total", "", "", &days.to_string(), &principal, &interest, ""])?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where a step fails")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn output(line: &str) -> Result<String, Failure> {
        let arguments =
            Line::try_parse_from(line.split(' ')).map_err(|error| Failure::Usage(crate::one_line(&error)))?;
        let mut out = Vec::new();
        run(&arguments.arguments, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn json_has_the_rows_of_golden_g1() {
        let text = output(
            "schedule --method bullet --principal-fen 20000000 --rate-ppm 43500 --from 2019-03-15 --to 2020-03-15 --json",
        )
        .unwrap();
        let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!([
            {"no": 1, "from": "2019-03-15", "to": "2019-03-21", "days": 6, "principal_fen": 0, "interest_fen": 14500, "balance_fen": 20_000_000},
            {"no": 2, "from": "2019-03-21", "to": "2019-06-21", "days": 92, "principal_fen": 0, "interest_fen": 222_333, "balance_fen": 20_000_000},
            {"no": 3, "from": "2019-06-21", "to": "2019-09-21", "days": 92, "principal_fen": 0, "interest_fen": 222_333, "balance_fen": 20_000_000},
            {"no": 4, "from": "2019-09-21", "to": "2019-12-21", "days": 91, "principal_fen": 0, "interest_fen": 219_917, "balance_fen": 20_000_000},
            {"no": 5, "from": "2019-12-21", "to": "2020-03-15", "days": 85, "principal_fen": 20_000_000, "interest_fen": 205_417, "balance_fen": 0},
        ]);
        assert_eq!(rows, expected);
    }

    #[test]
    fn method_mode_and_months_reach_the_computation() {
        // Interest in total and in the last row: golden G3 and G4, in both modes.
        for (options, interest, last) in [
            ("equal-payment --principal-fen 30000000 --rate-ppm 47500 --from 2019-01-31 --months 24", 1_506_854, 5176),
            (
                "equal-payment --principal-fen 30000000 --rate-ppm 47500 --from 2019-01-31 --months 24 --mode act",
                1_525_218,
                5423,
            ),
            (
                "equal-principal --principal-fen 50000000 --rate-ppm 47500 --from 2018-07-10 --months 36 --mode month",
                3_661_461,
                5498,
            ),
            (
                "equal-principal --principal-fen 50000000 --rate-ppm 47500 --from 2018-07-10 --to 2021-07-10 --mode act",
                3_720_103,
                5498,
            ),
        ] {
            let text = output(&format!("schedule --json --method {options}")).unwrap();
            let rows: Vec<Row> = serde_json::from_str(&text).unwrap();
            let sum: i64 = rows.iter().map(|row| row.interest_fen.get()).sum();
            assert_eq!((sum, rows.last().unwrap().interest_fen.get()), (interest, last), "{options}");
        }
    }

    #[test]
    fn table_is_aligned_and_in_yuan() {
        let text = output(
            "schedule --method bullet --principal-fen 20000000 --rate-ppm 43500 --from 2019-03-15 --to 2019-05-15",
        )
        .unwrap();
        let expected = [
            "   no  from        to           days        principal yuan         interest yuan          balance yuan",
            "    1  2019-03-15  2019-03-21      6                  0.00                145.00            200,000.00",
            "    2  2019-03-21  2019-05-15     55            200,000.00              1,329.17                  0.00",
            "total                             61            200,000.00              1,474.17",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn wrong_input_is_wrong_usage_in_one_line() {
        let terms = "--method bullet --rate-ppm 43500 --from 2019-03-15";
        for (options, reason) in [
            ("--principal-fen 0 --months 1", "an amount must be at least one fen"),
            ("--principal-fen -1 --months 1", "an amount must be at least one fen"),
            ("--principal-fen 1e3 --months 1", "not a whole number of fen"),
            ("--principal-fen 9223372036854775808 --months 1", "not a whole number of fen"),
            ("--principal-fen 1000000000000001 --months 1", "at most 10^15 fen"),
            ("--principal-fen 100", "<--to <DATE>|--months <N>>"),
            ("--principal-fen 100 --months 1 --to 2019-04-15", "cannot be used with"),
            ("--principal-fen 100 --to 2019-03-15", "not after its start"),
            ("--principal-fen 100 --to 2019-02-30", "invalid value '2019-02-30' for '--to <DATE>'"),
            ("--principal-fen 100 --months 601", "longer than 600 months"),
        ] {
            let failure = output(&format!("schedule {terms} {options}")).unwrap_err();
            assert!(
                matches!(&failure, Failure::Usage(line) if line.contains(reason) && !line.contains('\n')),
                "{options}: {failure:?}"
            );
        }
        let rate = output("schedule --method bullet --principal-fen 1 --rate-ppm 1000001 --from 2019-03-15 --months 1");
        assert!(matches!(&rate, Err(Failure::Usage(line)) if line.contains("more than 1000000")), "{rate:?}");
    }
}
