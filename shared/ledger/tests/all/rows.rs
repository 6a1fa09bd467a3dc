//! What is stored: rows are small, read back as they were, and refuse what this crate would never write.

use super::table::{check, code};
use ledger::{Account, AccountCode, Books, Limit, Normal, Refusal, TransferRecord, Voucher};

fn books() -> Books {
    check(
        "
account U9001/NCD-2018-0052 memo-debit >=0
account U9000 memo-credit <=9,000,000.00
day 2
voucher reserve NCD-2018-0052
  r:1 U9001/NCD-2018-0052 U9000 96,000.00
  r:2 U9001/NCD-2018-0052 U9000 4,000.00 pending until 9
booked
",
    )
}

#[test]
fn an_account_is_a_small_row() {
    let books = books();
    let row = |text| serde_json::to_string(books.account(&code(text)).unwrap()).unwrap();
    assert_eq!(
        row("U9001/NCD-2018-0052"),
        r#"{"code":"U9001/NCD-2018-0052","normal":"memo_debit","limit":"not_below_zero","debits":[9600000,400000]}"#
    );
    assert_eq!(
        row("U9000"),
        r#"{"code":"U9000","normal":"memo_credit","limit":{"at_most":900000000},"credits":[9600000,400000]}"#
    );
    let new = Account::new(code("B6011"), Normal::Credit, Limit::None);
    assert_eq!(serde_json::to_string(&new).unwrap(), r#"{"code":"B6011","normal":"credit"}"#);
}

#[test]
fn rows_read_back_as_they_were() {
    let books = books();
    let mut again = Books::default();
    for account in books.accounts() {
        again.open(serde_json::from_str(&serde_json::to_string(account).unwrap()).unwrap());
    }
    for record in books.transfers() {
        let text = serde_json::to_string(record).unwrap();
        again.record(serde_json::from_str::<TransferRecord>(&text).unwrap());
    }
    assert_eq!(again, books);
}

#[test]
fn a_voucher_is_written_in_the_words_of_its_fields() {
    let books = books();
    let transfer = books.transfer(&"r:2".into()).unwrap().transfer.clone();
    let voucher = Voucher::new("reserve", "NCD-2018-0052").with(transfer);
    let text = serde_json::to_string(&voucher).unwrap();
    assert_eq!(
        text,
        r#"{"event":"reserve","case":"NCD-2018-0052","transfers":[{"id":"r:2","debit":"U9001/NCD-2018-0052","credit":"U9000","amount":400000,"kind":{"pending":{"expires_at":777600000}}}]}"#
    );
    assert_eq!(serde_json::from_str::<Voucher>(&text).unwrap(), voucher);
}

#[test]
fn what_is_no_voucher_is_not_read() {
    for amount in ["0", "-1", "1e3", "1.0", "9223372036854775808"] {
        let text = format!(
            r#"{{"event":"e","case":"c","transfers":[{{"id":"t","debit":"A0001","credit":"A0002","amount":{amount},"kind":"posted"}}]}}"#
        );
        assert!(serde_json::from_str::<Voucher>(&text).is_err(), "{amount}");
        let good = text.replace(&format!(":{amount},"), ":1,");
        assert!(serde_json::from_str::<Voucher>(&good).is_ok(), "{good}");
    }
}

#[test]
fn a_voucher_names_every_row_that_deciding_it_reads() {
    let voucher: Voucher = serde_json::from_str(
        r#"{"event":"e","case":"c","transfers":[
            {"id":"t","debit":"A0001","credit":"A0002","amount":1,"kind":"posted"},
            {"id":"p","debit":"A0003","credit":"A0002","amount":1,"kind":{"post_pending":{"of":"h"}}}]}"#,
    )
    .unwrap();
    let accounts: Vec<_> = voucher.accounts().map(AccountCode::as_str).collect();
    assert_eq!(accounts, ["A0001", "A0002", "A0003", "A0002"]);
    let transfers: Vec<_> = voucher.transfer_ids().map(ledger::TransferId::as_str).collect();
    assert_eq!(transfers, ["t", "p", "h"]);
}

#[test]
fn account_codes_are_checked() {
    for (text, main, part) in [
        ("U1001", "U1001", None),
        ("U9001/NCD-2018-0052", "U9001", Some("NCD-2018-0052")),
        ("B1301/a.b_c:1", "B1301", Some("a.b_c:1")),
    ] {
        let read = AccountCode::parse(text).unwrap();
        assert_eq!((read.main(), read.part(), read.to_string().as_str()), (main, part, text));
    }
    let long = format!("U1001/{}", "x".repeat(64));
    assert!(AccountCode::parse(&long).is_ok());
    for text in [
        "",
        "U",
        "U100",
        "u1001",
        "11001",
        "U10011",
        "U1001/",
        "U1001-1",
        "U1001/a/b",
        "U1001/a b",
        "U1001/企",
        "企1001",
        &format!("{long}x"),
    ] {
        assert!(AccountCode::parse(text).is_err(), "{text:?}");
        assert!(serde_json::from_value::<AccountCode>(text.into()).is_err(), "{text:?}");
    }
    const HELD: AccountCode = AccountCode::constant("U9001");
    assert_eq!(HELD.sub("NCD-2018-0052").unwrap(), code("U9001/NCD-2018-0052"));
    assert_eq!(code("U9001/old").sub("new").unwrap(), code("U9001/new"));
    assert!(HELD.sub("a/b").is_err());
}

#[test]
#[should_panic(expected = "an account code is a letter and four digits")]
fn a_constant_that_is_no_code_is_a_defect() {
    let _ = AccountCode::constant("U901");
}

#[test]
fn a_refusal_is_written_and_read_back() {
    let refusal = Refusal::ExceedsLimit { account: code("U9000"), excess: domain::Fen::new(1) };
    let text = serde_json::to_string(&refusal).unwrap();
    assert_eq!(text, r#"{"exceeds_limit":{"account":"U9000","excess":1}}"#);
    assert_eq!(serde_json::from_str::<Refusal>(&text).unwrap(), refusal);
    assert_eq!(refusal.to_string(), "account U9000 would be 0.01 yuan beyond its limit");
}
