//! Identifiers: what is accepted, what is wrong with the rest, and what is shown of them.

use domain::identifiers::{IdentifierError, IdentifierFault};
use domain::{ApplicationId, CardNumber, Mobile, OrganisationCode, ResidentId, Uscc, mask_member_no, mask_name};
use proptest::prelude::*;

use crate::day;

const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";

/// Every row is read to a text, or refused with that message.
fn check<T>(
    parse: impl Fn(&str) -> Result<T, IdentifierError>,
    shown: impl Fn(&T) -> String,
    rows: &[(&str, Result<&str, &str>)],
) {
    for (text, expected) in rows {
        let found = parse(text).map(|id| shown(&id)).map_err(|error| error.fault.to_string());
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{text:?}");
    }
}

#[test]
fn a_social_credit_code_is_checked_inside_and_out() {
    check(
        Uscc::parse,
        |code| code.as_str().to_owned(),
        &[
            ("91350100M000100Y43", Ok("91350100M000100Y43")),
            ("91119900XN0000012A", Ok("91119900XN0000012A")),
            ("91119900XN0001285D", Ok("91119900XN0001285D")),
            ("  91350100m000100y43\t", Ok("91350100M000100Y43")),
            ("９１３５０１００Ｍ０００１００Ｙ４３", Ok("91350100M000100Y43")),
            ("\u{3000}９１３５０１００ｍ０００１００ｙ４３\u{3000}", Ok("91350100M000100Y43")),
            ("", Err("has 0 characters instead of 18")),
            ("91350100M000100Y4", Err("has 17 characters instead of 18")),
            ("91350100M000100Y433", Err("has 19 characters instead of 18")),
            ("9135 100M000100Y43", Err("' ' cannot stand at position 5 (digits and capitals without I, O, S, V, Z)")),
            ("91350100MO00100Y43", Err("'O' cannot stand at position 10 (digits and capitals without I, O, S, V, Z)")),
            ("91350100M000100Y44", Err("the check character at position 18 is '4' and should be '3'")),
            ("91350101M000100Y43", Err("the check character at position 18 is '3' and should be 'H'")),
            (
                "91350100M000100Y53",
                Err("the organisation code inside (positions 9 to 17) ends with '5' and should end with '4'"),
            ),
        ],
    );
    let code = Uscc::parse("91350100M000100Y43").unwrap();
    assert_eq!(code.organisation_code(), OrganisationCode::parse("M000100Y-4").unwrap());
    assert_eq!((code.to_string(), code.masked()), ("91350100M000100Y43".into(), "91350100M000100Y43".into()));
}

#[test]
fn an_organisation_code_is_read_with_or_without_its_hyphen() {
    check(
        OrganisationCode::parse,
        |code| code.as_str().to_owned(),
        &[
            ("M000100Y-4", Ok("M000100Y4")),
            ("m000100y4", Ok("M000100Y4")),
            ("Ｍ０００１００Ｙ－４", Ok("M000100Y4")),
            ("00000000-0", Ok("000000000")),
            ("00000006-X", Ok("00000006X")),
            ("00000007-X", Err("the check character at position 9 is 'X' and should be '8'")),
            ("M000100Y-5", Err("the check character at position 9 is '5' and should be '4'")),
            ("M000100-Y4", Err("has 10 characters instead of 9")),
            ("M00010汉Y4", Err("'汉' cannot stand at position 7 (digits and capitals)")),
        ],
    );
}

#[test]
fn a_resident_id_holds_a_date_and_a_check_character() {
    check(
        ResidentId::parse,
        |id| id.as_str().to_owned(),
        &[
            ("11010519491231002X", Ok("11010519491231002X")),
            ("11010519491231002x", Ok("11010519491231002X")),
            ("１１０１０５１９４９１２３１００２Ｘ", Ok("11010519491231002X")),
            ("11990019870611128X", Ok("11990019870611128X")),
            ("110105194912310021", Err("the check character at position 18 is '1' and should be 'X'")),
            ("11010519491231012X", Err("the check character at position 18 is 'X' and should be '6'")),
            ("11010519491331002X", Err("positions 7 to 14 are no date")),
            ("11010519490229002X", Err("positions 7 to 14 are no date")),
            ("11010500000000002X", Err("positions 7 to 14 are no date")),
            ("1101051949123100X2", Err("'X' cannot stand at position 17 (digits, and X at position 18)")),
            ("110105491231002", Err("has 15 characters instead of 18")),
            ("11010519491231002Y", Err("'Y' cannot stand at position 18 (digits, and X at position 18)")),
        ],
    );
}

#[test]
fn age_counts_full_years_from_the_birthday_on() {
    let id = ResidentId::parse("11010519491231002X").unwrap();
    assert_eq!(id.birth_date(), day("1949-12-31"));
    for (on, age) in [
        ("1949-12-30", None),
        ("1949-12-31", Some(0)),
        ("1967-12-30", Some(17)),
        ("1967-12-31", Some(18)),
        ("2020-06-01", Some(70)),
    ] {
        assert_eq!(id.age_on(day(on)), age, "on {on}");
    }
    let leap = with_check("11990020000229001", resident_check);
    let leap = ResidentId::parse(&leap).unwrap();
    for (on, age) in [("2018-02-28", 17), ("2018-03-01", 18), ("2020-02-28", 19), ("2020-02-29", 20)] {
        assert_eq!(leap.age_on(day(on)), Some(age), "on {on}");
    }
}

#[test]
fn a_card_number_ends_with_luhns_digit() {
    check(
        CardNumber::parse,
        |card| card.as_str().to_owned(),
        &[
            ("4111111111111111", Ok("4111111111111111")),
            ("6222021234567890128", Ok("6222021234567890128")),
            ("9911990000000001280", Ok("9911990000000001280")),
            ("４１１１１１１１１１１１１１１１", Ok("4111111111111111")),
            ("4111111111111112", Err("the check character at position 16 is '2' and should be '1'")),
            ("4111111111111", Err("has 13 characters instead of 16 to 19")),
            ("41111111111111111111", Err("has 20 characters instead of 16 to 19")),
            ("4111 1111 1111 1111", Err("' ' cannot stand at position 5 (digits)")),
        ],
    );
}

#[test]
fn a_mobile_number_begins_with_13_to_19() {
    check(
        Mobile::parse,
        |mobile| mobile.as_str().to_owned(),
        &[
            ("13812341234", Ok("13812341234")),
            ("19900000128", Ok("19900000128")),
            ("１３８１２３４１２３４", Ok("13812341234")),
            ("12812341234", Err("'2' cannot stand at position 2 (1, then 3 to 9, then digits)")),
            ("23812341234", Err("'2' cannot stand at position 1 (1, then 3 to 9, then digits)")),
            ("1381234123", Err("has 10 characters instead of 11")),
            ("+8613812341234", Err("has 14 characters instead of 11")),
            ("1381234123a", Err("'A' cannot stand at position 11 (1, then 3 to 9, then digits)")),
        ],
    );
}

#[test]
fn an_application_number_has_one_spelling() {
    check(
        ApplicationId::parse,
        ToString::to_string,
        &[
            ("NCD-2018-0052", Ok("NCD-2018-0052")),
            ("ncd-2018-0052 ", Ok("NCD-2018-0052")),
            ("ＮＣＤ－２０１８－００５２", Ok("NCD-2018-0052")),
            ("NCD-2018-12345", Ok("NCD-2018-12345")),
            ("NCD-2018-4294967295", Ok("NCD-2018-4294967295")),
        ],
    );
    for text in [
        "NCD-2018-052",
        "NCD-2018-00052",
        "NCD-2018-0000",
        "NCD-18-0052",
        "NCD-2018-",
        "NCD-2018",
        "NCD-2018--052",
        "XYZ-2018-0052",
        "NCD-2018-+052",
        "NCD-+018-0052",
        "NCD-2018-4294967296",
        "NCD-0999-0001",
        "NCD-20180-0052",
        "NCD-2018-0052-1",
        "",
    ] {
        let fault = ApplicationId::parse(text).map_err(|error| error.fault);
        assert_eq!(fault, Err(IdentifierFault::Form), "{text:?}");
    }
    assert_eq!(ApplicationId::new(2020, 139).unwrap().to_string(), "NCD-2020-0139");
    assert!(ApplicationId::new(2020, 0).is_err() && ApplicationId::new(-5, 1).is_err());
    let ids = ["NCD-2019-0122", "NCD-2020-0009", "NCD-2020-9999", "NCD-2020-10000"]
        .map(|text| ApplicationId::parse(text).unwrap());
    assert!(ids.is_sorted(), "by number, not by letters");
}

#[test]
fn masks_are_those_of_the_data_dictionary() {
    let id = ResidentId::parse("11010519491231002X").unwrap();
    let (card, mobile) = (CardNumber::parse("4111111111111111").unwrap(), Mobile::parse("13812341234").unwrap());
    assert_eq!(id.masked(), "110***********002X");
    assert_eq!(card.masked(), "4111****1111");
    assert_eq!(mobile.masked(), "138****1234");
    assert_eq!(
        format!("{id:?} {card:?} {mobile:?}"),
        "ResidentId(110***********002X) CardNumber(4111****1111) Mobile(138****1234)"
    );
    for (name, shown) in [("张三", "张*"), ("样例一二八", "样*"), (" 李四 ", "李*"), ("", "")] {
        assert_eq!(mask_name(name), shown);
    }
    for (number, shown) in [("199000000128", "****0128"), ("12345", "****2345"), ("1234", "****"), ("", "****")] {
        assert_eq!(mask_member_no(number), shown);
    }
}

#[test]
fn serde_reads_through_the_same_gate() {
    assert_eq!(serde_json::from_str::<Uscc>(r#""91350100m000100y43""#).unwrap().as_str(), "91350100M000100Y43");
    let code = Uscc::parse("91350100M000100Y43").unwrap();
    assert_eq!(serde_json::to_string(&code).unwrap(), r#""91350100M000100Y43""#);
    assert!(serde_json::from_str::<Uscc>(r#""91350100M000100Y44""#).is_err());
    assert!(serde_json::from_str::<ResidentId>(r#""110105194912310021""#).is_err());
    assert!(serde_json::from_str::<ApplicationId>(r#""NCD-2018-052""#).is_err());
    assert!(serde_json::from_str::<Mobile>("13812341234").is_err(), "a number is no text");
    let error = serde_json::from_str::<ResidentId>(r#""110105194912310021""#).unwrap_err().to_string();
    assert!(!error.contains("19491231"), "a refusal repeats no personal data: {error}");
}

/// Check characters computed here from the standards again, in another way than the crate does.
fn uscc_check(body: &str) -> char {
    let mut power = 1;
    let mut sum = 0;
    for c in body.chars() {
        sum += ALPHABET.find(c).unwrap() * power;
        power = power * 3 % 31;
    }
    ALPHABET.chars().nth((31 - sum % 31) % 31).unwrap()
}

fn organisation_check(body: &str) -> char {
    let value = |c: char| "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ".find(c).unwrap();
    let sum: usize = body.chars().map(value).zip([3, 7, 9, 10, 5, 8, 4, 2]).map(|(v, w)| v * w).sum();
    "0X987654321".chars().nth(sum % 11).unwrap()
}

fn resident_check(body: &str) -> char {
    let digits = body.chars().map(|c| c.to_digit(10).unwrap());
    // GB 11643: weights are 2^(18 - i) mod 11.
    let sum: u32 = (0..).zip(digits).map(|(i, d)| d * (2u32.pow(17 - i) % 11)).sum();
    "10X98765432".chars().nth((sum % 11).try_into().unwrap()).unwrap()
}

fn with_check(body: &str, check: impl Fn(&str) -> char) -> String {
    format!("{body}{}", check(body))
}

/// One character of the text replaced by another from the alphabet; `None` when it is the same.
fn spoilt(text: &str, at: usize, alphabet: &str, by: usize) -> Option<String> {
    let mut chars: Vec<char> = text.chars().collect();
    let c = alphabet.chars().nth(by % alphabet.len()).unwrap();
    let at = at % chars.len();
    (chars[at] != c).then(|| {
        chars[at] = c;
        chars.into_iter().collect()
    })
}

proptest! {
    #[test]
    fn a_right_social_credit_code_is_accepted_and_one_wrong_character_is_noticed(
        head in "[0-9A-HJ-NPQRTUWXY]{8}", body in "[0-9A-HJ-NPQRTUWXY]{8}", at in 0usize..18, by in 0usize..31,
    ) {
        let code = with_check(&format!("{head}{}", with_check(&body, organisation_check)), uscc_check);
        let (read, inner) = (Uscc::parse(&code).unwrap(), OrganisationCode::parse(&code[8..17]).unwrap());
        prop_assert_eq!(read.as_str(), &code);
        prop_assert_eq!(inner.as_str(), &code[8..17]);
        prop_assert_eq!(read.organisation_code(), inner);
        if let Some(wrong) = spoilt(&code, at, ALPHABET, by) {
            prop_assert!(Uscc::parse(&wrong).is_err(), "{} was accepted beside {}", wrong, code);
        }
    }

    #[test]
    fn a_right_resident_id_is_accepted_and_one_wrong_digit_is_noticed(
        division in "[1-9][0-9]{5}", year in 1900i16..2020, month in 1i8..=12, date in 1i8..=28, sequence in "[0-9]{3}",
        at in 0usize..18, by in 0usize..10,
    ) {
        let id = with_check(&format!("{division}{year:04}{month:02}{date:02}{sequence}"), resident_check);
        let read = ResidentId::parse(&id).unwrap();
        prop_assert_eq!(read.birth_date(), domain::Date::new(year, month, date).unwrap());
        if let Some(wrong) = spoilt(&id, at, "0123456789", by) {
            prop_assert!(ResidentId::parse(&wrong).is_err(), "{} was accepted beside {}", wrong, id);
        }
    }

    #[test]
    fn one_of_ten_last_digits_makes_a_card_and_one_wrong_digit_is_noticed(
        body in "[0-9]{15,18}", at in 0usize..19, by in 0usize..10,
    ) {
        let cards: Vec<_> = (0..10).map(|d| format!("{body}{d}")).filter(|card| CardNumber::parse(card).is_ok()).collect();
        prop_assert_eq!(cards.len(), 1);
        if let Some(wrong) = spoilt(&cards[0], at, "0123456789", by) {
            prop_assert!(CardNumber::parse(&wrong).is_err(), "{} was accepted beside {}", wrong, cards[0]);
        }
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in any::<String>()) {
        let _ = (Uscc::parse(&text).is_ok(), OrganisationCode::parse(&text).is_ok(), ResidentId::parse(&text).is_ok());
        let _ = (CardNumber::parse(&text).is_ok(), Mobile::parse(&text).is_ok(), ApplicationId::parse(&text).is_ok());
        let _ = (mask_name(&text), mask_member_no(&text));
    }
}
