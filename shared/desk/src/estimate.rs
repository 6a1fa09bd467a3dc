//! What a loan on the terms that are being decided would cost, computed as the bank computes its schedule.
//!
//! An estimate: counted from today, since the day of the pay-out is not known yet, and by the programme's way of counting
//! months. It binds nobody, and what does not add up to a loan has none.

use crate::{
    lang::{fill, t},
    words::{self, Fact},
};
use domain::{
    Amount, Date, Fen, Method, Mode, Ppm,
    schedule::{End, Row, Terms, schedule},
};
use serde_json::{Value, json};

/// Of a decision with amount, rate and way of repayment in its body, for so many months from this day; nothing for others.
pub(crate) fn of(body: &Value, months: &Value, from: Date) -> Vec<Fact> {
    terms(body, months, from).and_then(|terms| facts(&schedule(&terms).ok()?)).unwrap_or_default()
}

fn terms(body: &Value, months: &Value, from: Date) -> Option<Terms> {
    let number = |name: &str| body.get(name).and_then(Value::as_i64);
    Some(Terms {
        method: serde_json::from_value::<Method>(body.get("method")?.clone()).ok()?,
        principal: Amount::new(Fen::new(number("amount_fen")?)).ok()?,
        rate: Ppm::new(u32::try_from(number("rate_ppm")?).ok()?).ok()?,
        from,
        end: End::Months(u16::try_from(months.as_u64()?).ok()?),
        mode: Mode::Month,
    })
}

fn facts(rows: &[Row]) -> Option<Vec<Fact>> {
    let (first, last) = (rows.first()?, rows.last()?);
    let interest = Fen::sum(rows.iter().map(|row| row.interest_fen))?;
    let due = |row: &Row| Some(fill("{}，{} 元", &[&row.to.to_string(), &words::yuan(row.instalment()?.get())]));
    let fen = |fen: Fen| words::written("amount_fen", &json!(fen.get()));
    let fact = |name: &str, value: String| Fact { depth: 0, name: t(name).to_owned(), value };
    Some(vec![
        fact("利息合计", fen(interest)),
        fact("贴息（合同利息全额）", fen(interest)),
        fact("首期应还", due(first)?),
        fact("末期应还", due(last)?),
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn lines(body: Value, months: Value) -> Vec<String> {
        let facts = of(&body, &months, "2019-03-01".parse().unwrap());
        facts.iter().map(|fact| format!("{} {}", fact.name, fact.value)).collect()
    }

    #[test]
    fn terms_that_make_a_loan_show_its_interest_subsidy_and_first_and_last_instalment() {
        let body =
            json!({ "amount_fen": 12_000_000, "rate_ppm": 60_000, "method": "EQUAL_PRINCIPAL", "verdict": "approve" });
        // 10,000.00 a month, and 0.5 % of what is left: 600.00 the first month, 50.00 the last, 3,900.00 in all.
        assert_eq!(
            lines(body, json!(12)),
            [
                "利息合计 3,900.00 元",
                "贴息（合同利息全额） 3,900.00 元",
                "首期应还 2019-04-01，10,600.00 元",
                "末期应还 2020-03-01，10,050.00 元",
            ]
        );
    }

    #[test]
    fn what_makes_no_loan_has_no_estimate() {
        let check = |body: Value, months: Value| assert!(lines(body, months).is_empty());
        let terms = |name: &str, value: Value| {
            let mut body = json!({ "amount_fen": 12_000_000, "rate_ppm": 43_500, "method": "BULLET" });
            body[name] = value;
            body
        };
        check(json!({ "reason": "LIMIT" }), json!(12));
        check(json!({ "amount_fen": 12_000_000, "conditions": [] }), json!(12));
        check(terms("amount_fen", json!(0)), json!(12));
        check(terms("amount_fen", json!(i64::MAX)), json!(12));
        check(terms("rate_ppm", json!(-1)), json!(12));
        check(terms("rate_ppm", json!(i64::MAX)), json!(12));
        check(terms("method", json!("")), json!(12));
        check(terms("method", json!("BULLET")), Value::Null);
        check(terms("method", json!("BULLET")), json!(0));
        check(terms("method", json!("BULLET")), json!(70_000));
    }
}
