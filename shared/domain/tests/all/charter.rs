//! The charter: its defaults, what makes it invalid, its hash, and which one is in force.

use domain::charter::{DeferralWindow, LprRow};
use domain::{Charter, CharterError, CharterHash, Charters, Date, Fen, Ppm, Term};
use serde_json::{Value, json};

use crate::day;

fn rate(ppm: u32) -> Ppm {
    Ppm::new(ppm).unwrap()
}

#[test]
fn the_programmes_charter_holds_together() {
    Charter::programme_2017().validate().unwrap();
}

#[test]
fn the_defaults_are_those_of_the_specification() {
    let charter = Charter::programme_2017();
    // Everything but the calendar, which has tests of its own.
    let mut value = serde_json::to_value(&charter).unwrap();
    value.as_object_mut().unwrap().remove("calendar");
    // Whether serde_json sorts keys depends on a feature that another crate of the build may switch on.
    insta::with_settings!({ sort_maps => true }, { insta::assert_json_snapshot!("programme_2017", value) });
}

#[test]
fn the_rate_cap_is_that_of_the_pay_out_day() {
    let charter = Charter::programme_2017();
    for (on, short, long) in [
        ("2017-12-11", 45_500, 53_500),
        ("2019-08-19", 45_500, 53_500),
        ("2019-08-20", 44_500, 48_500),
        ("2019-09-19", 44_500, 48_500),
        ("2019-09-20", 44_000, 48_000),
        ("2019-11-20", 43_500, 47_500),
        ("2020-02-19", 43_500, 47_500),
        ("2020-02-20", 42_500, 46_500),
        ("2020-04-20", 40_500, 44_500),
        ("2020-12-31", 40_500, 44_500),
    ] {
        for (months, cap) in [(1, short), (12, short), (13, long), (48, long)] {
            assert_eq!(charter.rate_cap(day(on), months), rate(cap), "{on}, {months} months");
        }
    }
}

#[test]
fn relief_moves_due_dates_only_inside_the_policy() {
    let charter = Charter::programme_2017();
    for (on, in_force) in [("2020-01-24", false), ("2020-01-25", true), ("2020-12-31", true), ("2021-01-01", false)] {
        assert_eq!(charter.relief_in_force(day(on)).is_some(), in_force, "on {on}");
    }
    let policy = charter.relief_in_force(day("2020-03-01")).unwrap();
    for (due, latest) in [
        ("2020-01-24", None),
        ("2020-01-25", Some("2020-06-30")),
        ("2020-05-31", Some("2020-06-30")),
        ("2020-06-01", Some("2021-03-31")),
        ("2020-12-31", Some("2021-03-31")),
        ("2021-01-01", None),
    ] {
        assert_eq!(policy.latest_for(day(due)), latest.map(day), "due {due}");
    }
    for (code, hit) in [("F52", true), ("G54", true), ("H62", true), ("R88", true), ("I65", false), ("", false)] {
        assert_eq!(policy.is_hit(code), hit, "{code}");
    }
}

#[test]
fn amounts_come_in_steps_between_limits() {
    let charter = Charter::programme_2017();
    for (fen, allowed) in [
        (5_000_000, true),
        (50_000_000, true),
        (48_000_000, true),
        (4_000_000, false),
        (51_000_000, false),
        (5_000_001, false),
        (0, false),
        (-5_000_000, false),
    ] {
        assert_eq!(charter.amount_allowed(Fen::new(fen)), allowed, "{fen}");
    }
}

#[test]
fn property_securities_and_re_lending_are_no_purpose() {
    let charter = Charter::programme_2017();
    for (purpose, allowed) in [
        ("支付房屋租金", true),
        ("门店装修", true),
        ("补充流动资金", true),
        ("购置设备", true),
        ("购房首付", false),
        ("投资股票", false),
        ("转贷他人", false),
        ("SECURITIES", false),
        ("Property", false),
    ] {
        assert_eq!(charter.purpose_allowed(purpose), allowed, "{purpose}");
    }
}

/// Every row spoils one thing and names the field that is blamed.
#[test]
fn what_does_not_hold_together_is_named() {
    type Spoil = fn(&mut Charter);
    let rows: [(&str, Spoil); 28] = [
        ("programme", |c| c.programme = "暖创".into()),
        ("version", |c| c.version = 0),
        ("amount_step_fen", |c| c.amount_step_fen = Fen::ZERO),
        ("amount_min_fen", |c| c.amount_min_fen = Fen::ZERO),
        ("amount_max_fen", |c| c.amount_max_fen = Fen::new(4_999_999)),
        ("amount_max_fen", |c| c.amount_max_fen = Fen::new(i64::MAX)),
        ("max_term_months", |c| c.max_term_months = 601),
        ("age_min", |c| c.age_max = 17),
        ("age_min", |c| c.age_max_at_maturity = 59),
        ("purposes_refused", |c| c.purposes_refused.extend([" ".into()])),
        ("max_loans", |c| c.max_loans = 0),
        ("deposit_fen", |c| c.deposit_fen = Fen::new(-1)),
        ("leverage_multiple", |c| c.leverage_multiple = 0),
        ("leverage_multiple", |c| c.deposit_fen = Fen::new(i64::MAX)),
        ("rate.lpr", |c| c.rate.lpr.push(LprRow { from: day("2020-01-01"), rate: Ppm::ZERO })),
        ("penalty_percent", |c| c.rate.benchmark_long = rate(700_000)),
        ("relief_policies", |c| c.relief_policies.push(c.relief_policies[0].clone())),
        ("relief_policies", |c| c.relief_policies[0].to = day("2019-12-31")),
        ("relief_policies", |c| {
            c.relief_policies[0].windows =
                vec![DeferralWindow { due_to: day("2020-06-30"), moved_to: day("2020-06-30") }];
        }),
        ("relief_policies", |c| c.relief_policies[0].windows[1] = c.relief_policies[0].windows[0]),
        ("relief_policies", |c| c.relief_policies[0].hit_industries.extend(["餐饮".into()])),
        ("draft_expiry", |c| c.draft_expiry = Term::Days(0)),
        ("unknown_asks", |c| c.unknown_asks.clear()),
        ("guarantee_period_months", |c| c.guarantee_period_months = 0),
        ("stop_lending", |c| c.stop_lending.warn = rate(60_000)),
        ("automatic.max_amount_fen", |c| c.automatic.max_amount_fen = Fen::new(-1)),
        ("automatic.credit_max_debt_fen", |c| c.automatic.credit_max_debt_fen = Some(Fen::new(-1))),
        ("calendar", |c| c.effective_from = day("2027-01-01")),
    ];
    for (i, (field, spoil)) in rows.into_iter().enumerate() {
        let mut charter = Charter::programme_2017();
        spoil(&mut charter);
        match charter.validate() {
            Err(CharterError::Invalid(flaws)) => {
                assert!(flaws.iter().any(|flaw| flaw.field == field), "row {i} blames {flaws:?} instead of {field}");
            }
            other => panic!("row {i} ({field}): {other:?}"),
        }
    }
}

#[test]
fn every_flaw_is_named_at_once() {
    let mut charter = Charter::programme_2017();
    charter.version = 0;
    charter.max_loans = 0;
    let error = charter.validate().unwrap_err().to_string();
    assert_eq!(error, "the charter does not hold together: version must be at least 1; max_loans must be at least 1");
}

#[test]
fn an_unknown_or_missing_field_is_refused() {
    let value = serde_json::to_value(Charter::programme_2017()).unwrap();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut value = value.clone();
        change(&mut value);
        serde_json::from_value::<Charter>(value).unwrap_err().to_string()
    };
    assert!(refused(&|v| v["deposit_yuan"] = json!(1)).contains("unknown field `deposit_yuan`"));
    assert!(refused(&|v| v["automatic"]["max"] = json!(1)).contains("unknown field `max`"));
    assert!(
        refused(&|v| drop(v.as_object_mut().unwrap().remove("deposit_fen"))).contains("missing field `deposit_fen`")
    );
    assert!(refused(&|v| v["deposit_fen"] = json!(1.5)).contains("floating point"));
    assert!(refused(&|v| v["union_share"] = json!(1_000_001)).contains("more than 1000000"));
}

#[test]
fn the_hash_names_the_content_and_not_its_spelling() {
    let charter = Charter::programme_2017();
    let pretty = serde_json::to_string_pretty(&charter).unwrap();
    assert_eq!(serde_json::from_str::<Charter>(&pretty).unwrap().hash(), charter.hash());
    let canonical = charter.canonical_json();
    assert_eq!(serde_json::from_str::<Charter>(&canonical).unwrap(), charter);
    assert!(
        canonical.starts_with(r#"{"activation_deadline":"same_day","age_max":60,"#),
        "keys are sorted: {canonical}"
    );
    assert!(!canonical.contains(' ') && !canonical.contains('\n'));
    let mut other = charter.clone();
    other.deposit_fen = Fen::new(900_000_001);
    assert_ne!(other.hash(), charter.hash());
}

/// An application that was filed is pinned to this hash: a change of it is a change of the charter, and needs a new version.
#[test]
fn the_hash_of_the_first_charter_is_pinned() {
    insta::assert_snapshot!("programme_2017_hash", Charter::programme_2017().hash().to_hex());
}

#[test]
fn a_hash_has_one_spelling() {
    let hash = Charter::programme_2017().hash();
    let hex = hash.to_hex();
    assert_eq!(hex.parse(), Ok(hash));
    assert_eq!(CharterHash::from_bytes(*hash.as_bytes()), hash);
    assert_eq!(serde_json::to_value(hash).unwrap(), json!(hex));
    assert_eq!(hash.to_string(), &hex[..12]);
    for text in [&hex[1..], &format!("{hex}0"), &"g".repeat(64), &"A".repeat(64), ""] {
        assert!(text.parse::<CharterHash>().is_err(), "{text:?} became a hash");
    }
}

fn version(version: u32, effective_from: Date) -> Charter {
    Charter { version, effective_from, ..Charter::programme_2017() }
}

#[test]
fn the_latest_effective_charter_is_in_force_and_older_ones_stay() {
    let mut charters = Charters::default();
    assert!(charters.is_empty());
    let first = charters.accept(version(1, day("2017-01-01"))).unwrap();
    let second = charters.accept(version(2, day("2020-01-25"))).unwrap();
    // The set is ordered by hash: among many the highest version is the last one of it by chance only.
    let later: Vec<_> = (3..=20).map(|n| charters.accept(version(n, day("2020-01-25"))).unwrap()).collect();
    let last = *later.last().unwrap();
    for (on, hash) in [
        ("2016-12-31", None),
        ("2017-01-01", Some(first)),
        ("2020-01-24", Some(first)),
        ("2020-01-25", Some(last)),
        ("2026-01-01", Some(last)),
    ] {
        assert_eq!(charters.hash_in_force_on(day(on)), hash, "on {on}");
        assert_eq!(charters.in_force_on(day(on)).map(|charter| charter.hash()), hash, "on {on}");
    }
    assert_eq!(charters.get(&second).unwrap().version, 2);
    assert_eq!(charters.get(&CharterHash::from_bytes([0; 32])), None);
    assert_eq!(charters.iter().count(), 20);
}

#[test]
fn accepting_twice_changes_nothing_and_a_contradiction_is_refused() {
    let mut charters = Charters::default();
    let hash = charters.accept(version(1, day("2017-01-01"))).unwrap();
    let before = charters.clone();
    assert_eq!(charters.accept(version(1, day("2017-01-01"))), Ok(hash));
    assert_eq!(charters.accept(version(1, day("2018-01-01"))), Err(CharterError::VersionTaken { version: 1 }));
    let other = Charter { programme: "another".into(), ..version(2, day("2018-01-01")) };
    assert_eq!(charters.accept(other), Err(CharterError::OtherProgramme { programme: "another".into() }));
    let invalid = Charter { max_loans: 0, ..version(2, day("2018-01-01")) };
    assert!(matches!(charters.accept(invalid), Err(CharterError::Invalid(_))));
    assert_eq!(charters, before);
}

#[test]
fn accepted_charters_are_read_back_and_checked_again() {
    let mut charters = Charters::default();
    charters.accept(version(1, day("2017-01-01"))).unwrap();
    charters.accept(version(2, day("2020-01-25"))).unwrap();
    let text = serde_json::to_string(&charters).unwrap();
    assert_eq!(serde_json::from_str::<Charters>(&text).unwrap(), charters);
    let spoilt = text.replace("\"max_loans\":3", "\"max_loans\":0");
    assert!(serde_json::from_str::<Charters>(&spoilt).is_err());
}

#[test]
fn two_charters_differ_in_what_was_changed_and_in_nothing_else() {
    let old = Charter::programme_2017();
    assert_eq!(old.changes(&old), []);
    let new =
        Charter { version: 2, credit_deadline: Term::WorkingDays(15), draft_expiry: Term::Hours(1), ..old.clone() };
    let changes = serde_json::to_value(old.changes(&new)).unwrap();
    let mut changes = changes.as_array().unwrap().clone();
    changes.sort_by_key(|change| change["field"].to_string());
    let days = serde_json::to_value(old.draft_expiry).unwrap();
    let (name, value) = days.as_object().unwrap().iter().next().unwrap();
    let expected = [
        json!({ "field": "credit_deadline.working_days", "from": 10, "to": 15 }),
        json!({ "field": format!("draft_expiry.{name}"), "from": value }),
        json!({ "field": "draft_expiry.hours", "to": 1 }),
        json!({ "field": "version", "from": 1, "to": 2 }),
    ];
    assert_eq!(changes, expected);
}
