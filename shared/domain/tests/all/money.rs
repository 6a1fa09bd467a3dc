//! Fen, amounts and rates: bounds, forms, rounding.

use domain::{Amount, AmountError, Fen, Party, Ppm};

fn fen(n: i64) -> Fen {
    Fen::new(n)
}

#[test]
fn fen_shows_as_yuan_with_thousands_separators() {
    for (n, shown) in [
        (0, "0.00"),
        (5, "0.05"),
        (-5, "-0.05"),
        (100, "1.00"),
        (99_999, "999.99"),
        (100_000, "1,000.00"),
        (48_000_000, "480,000.00"),
        (-123_456_789, "-1,234,567.89"),
        (i64::MAX, "92,233,720,368,547,758.07"),
        (i64::MIN, "-92,233,720,368,547,758.08"),
    ] {
        assert_eq!(fen(n).to_string(), shown);
    }
    assert_eq!(format!("{:>8}|{:<6}|", fen(5), fen(5)), "    0.05|0.05  |");
}

#[test]
fn arithmetic_that_does_not_fit_answers_none() {
    assert_eq!(fen(i64::MAX).checked_add(fen(1)), None);
    assert_eq!(fen(i64::MIN).checked_sub(fen(1)), None);
    assert_eq!(fen(i64::MAX).checked_mul(2), None);
    assert_eq!(Fen::sum([fen(i64::MAX), fen(1), fen(-1)]), None, "no intermediate sum may overflow either");
    assert_eq!(fen(7).checked_add(fen(-9)), Some(fen(-2)));
    assert_eq!(fen(7).checked_sub(fen(9)), Some(fen(-2)));
    assert_eq!(fen(7).checked_mul(-3), Some(fen(-21)));
    assert_eq!(Fen::sum([fen(1), fen(2), fen(3)]), Some(fen(6)));
    assert_eq!(Fen::sum([]), Some(Fen::ZERO));
}

#[test]
fn fractions_round_as_the_specification_says() {
    let share = |ppm| Ppm::new(ppm).unwrap();
    for (sum, divisor, up) in [(0, 5, 0), (1, 5, 1), (5, 5, 1), (6, 5, 2), (20_000_000, 5, 4_000_000)] {
        assert_eq!(fen(sum).ceil_div(divisor), Some(fen(up)), "ceil({sum} / {divisor})");
    }
    for (sum, ppm, floor, half_up) in [
        (1, 500_000, 0, 1),
        (1, 499_999, 0, 0),
        (3, 500_000, 1, 2),
        (20_205_417, 800_000, 16_164_333, 16_164_334),
        (i64::MAX, 1_000_000, i64::MAX, i64::MAX),
    ] {
        assert_eq!(fen(sum).floor_share(share(ppm)), Some(fen(floor)), "floor({sum} × {ppm})");
        assert_eq!(fen(sum).half_up_share(share(ppm)), Some(fen(half_up)), "half_up({sum} × {ppm})");
    }
    assert_eq!(fen(i64::MAX).floor_ratio(2, 1), None);
}

#[test]
fn fractions_of_a_negative_sum_or_by_zero_answer_none() {
    let half = Ppm::new(500_000).unwrap();
    assert_eq!(fen(-1).ceil_div(5), None);
    assert_eq!(fen(-1).floor_share(half), None);
    assert_eq!(fen(-1).half_up_share(half), None);
    assert_eq!(fen(1).ceil_div(0), None);
    assert_eq!(fen(1).floor_ratio(1, 0), None);
}

#[test]
fn an_amount_is_positive_and_bounded() {
    assert_eq!(Amount::new(fen(0)), Err(AmountError::NotPositive));
    assert_eq!(Amount::new(fen(-1)), Err(AmountError::NotPositive));
    assert_eq!(Amount::new(fen(1)).unwrap().fen(), fen(1));
    assert_eq!(Amount::new(Amount::MAX).unwrap().fen(), Amount::MAX);
    assert_eq!(Amount::new(Amount::MAX.checked_add(fen(1)).unwrap()), Err(AmountError::TooLarge));
}

#[test]
fn numbers_that_are_no_amount_do_not_deserialise() {
    for text in ["-1", "0", "1e3", "1.0", "9223372036854775808", "1000000000000001", "\"5\"", "null", "true"] {
        assert!(serde_json::from_str::<Amount>(text).is_err(), "{text} became an amount");
    }
    for text in ["1e3", "1.0", "9223372036854775808", "\"5\"", "null"] {
        assert!(serde_json::from_str::<Fen>(text).is_err(), "{text} became fen");
    }
    for text in ["1000001", "-1", "4.35", "4294967296"] {
        assert!(serde_json::from_str::<Ppm>(text).is_err(), "{text} became ppm");
    }
    assert_eq!(serde_json::from_str::<Amount>("1000000000000000").unwrap().fen(), Amount::MAX);
    assert_eq!(serde_json::to_string(&Amount::new(fen(7)).unwrap()).unwrap(), "7");
    assert_eq!(serde_json::to_string(&fen(-7)).unwrap(), "-7");
    assert_eq!(serde_json::to_string(&Ppm::WHOLE).unwrap(), "1000000");
}

#[test]
fn schemas_state_the_bounds() {
    let amount = serde_json::to_value(schemars::schema_for!(Amount)).unwrap();
    assert_eq!(amount["minimum"], 1);
    assert_eq!(amount["maximum"], Amount::MAX.get());
    let fen = serde_json::to_value(schemars::schema_for!(Fen)).unwrap();
    assert_eq!(fen["type"], "integer");
    assert_eq!(fen["format"], "int64");
    let ppm = serde_json::to_value(schemars::schema_for!(Ppm)).unwrap();
    assert_eq!(ppm["maximum"], 1_000_000);
}

#[test]
fn a_rate_shows_as_per_cent() {
    for (ppm, shown) in [(0, "0.00%"), (43_500, "4.35%"), (65_250, "6.525%"), (1, "0.0001%"), (1_000_000, "100.00%")] {
        assert_eq!(Ppm::new(ppm).unwrap().to_string(), shown);
    }
}

#[test]
fn rates_stay_between_nothing_and_the_whole() {
    let rate = |ppm| Ppm::new(ppm).unwrap();
    assert!(Ppm::new(1_000_001).is_err());
    assert_eq!(Ppm::WHOLE.checked_add(rate(1)), None);
    assert_eq!(Ppm::ZERO.checked_sub(rate(1)), None);
    assert_eq!(rate(38_500).checked_sub(rate(15_000)), Some(rate(23_500)));
    assert_eq!(rate(42_500).checked_add(rate(2_000)), Some(rate(44_500)));
}

#[test]
fn a_party_is_named_and_coded_one_to_one() {
    for (party, name, code) in
        [(Party::Union, "union", 1), (Party::Guarantor, "guarantor", 2), (Party::Bank, "bank", 3)]
    {
        assert_eq!(party.to_string(), name);
        assert_eq!(name.parse(), Ok(party));
        assert_eq!(serde_json::to_string(&party).unwrap(), format!("\"{name}\""));
        assert_eq!(serde_json::from_str::<Party>(&format!("\"{name}\"")).unwrap(), party);
        assert_eq!((party.code(), Party::from_code(code)), (code, Some(party)));
    }
    for code in (0..=u8::MAX).filter(|code| !(1..=3).contains(code)) {
        assert_eq!(Party::from_code(code), None);
    }
    for name in ["Union", "", "bank ", "fund"] {
        assert!(name.parse::<Party>().is_err(), "{name:?} became a party");
    }
    assert!(Party::ALL.is_sorted());
}
