//! The firms of the tests across all three, and what they file. No personal data: a member is a pseudonym.

use contracts::{Firm, Wish};
use domain::{Amount, Date, Fen, schedule::Method};
use union_core::command::Form;

/// Number of the n-th firm's primary union.
pub fn unit(n: u32) -> String {
    format!("GH{n:06}")
}

/// The pseudonym of the `n`-th firm's member in the register.
pub fn member(n: u32) -> String {
    format!("member-{n}")
}

/// What the `n`-th firm files.
pub fn form(n: u32, amount_fen: i64, debt_fen: i64) -> Form {
    Form {
        intake_channel: "APP".into(),
        firm: Firm {
            enterprise_name: format!("北京样例{n:04}号有限公司"),
            uscc: nuan::firms::uscc(n).unwrap(),
            industry_code: "I65".into(),
            district: "海淀".into(),
            registered_on: Date::constant(2015, 1, 28),
            employees: 12,
            turnover_fen: Fen::new(218_000_000),
            tax_fen: Fen::new(4_360_000),
            debt_fen: Fen::new(debt_fen),
        },
        wish: Wish {
            amount_fen: Amount::new(Fen::new(amount_fen)).unwrap(),
            term_months: 12,
            method: Method::Bullet,
            purpose: "支付房屋租金".into(),
        },
        licence_valid_to: None,
        legal_rep_age: 40,
        legal_rep_age_at_maturity: 41,
        in_beijing: true,
        member: member(n),
        union_org: Some(unit(n)),
        vault_token: format!("token-{n}"),
        credit_query_consent: "2018-1".into(),
        green: None,
        renewal: None,
        reapplication_of: None,
    }
}
