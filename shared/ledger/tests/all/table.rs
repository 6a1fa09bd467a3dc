//! The language of the tables, and `check`, which runs one. Money is in yuan with two decimals.
//!
//! ```text
//! account B1301 debit >=0          opens an account: debit, credit, memo-debit, memo-credit; limits >=0, <=1,000.00
//! account B2012 credit : 9.00      … with an opening balance on its normal side
//! day 3                            it is day 3
//! voucher disburse NCD-2018-0052   a voucher: event and case; its lines follow, indented
//!   d1  B1301 B2011  480,000.00    id, debit, credit, amount
//!   h1  U1 U2  1.00 pending        … held; `pending until 5`: held until day 5
//!   p1  U1 U2  1.00 posts h1       … posts a held one; likewise `voids h1`, `reverses d1`
//! booked                           what the voucher comes to; or `already`, or `refused Reason words of the message`
//! expire h1                        expires a held one; what it comes to follows as for a voucher
//! due h1 h2                        these are due to expire, in this order
//! B1301 480,000.00                 the posted balance is this; `available 1.00` after it: and this may still be taken
//! ```
//!
//! After every line the trial balance holds, and whatever is refused or already booked has changed nothing.

use domain::{Amount, Fen, Moment};
use ledger::{Account, AccountCode, Booking, Books, Kind, Limit, Normal, Refusal, Side, Transfer, TransferId, Voucher};

pub const DAY_MS: i64 = 86_400_000;

pub fn code(text: &str) -> AccountCode {
    AccountCode::parse(text).unwrap()
}

/// `1,234.50` is 123450 fen.
pub fn fen(text: &str) -> Fen {
    let (yuan, rest) = text.split_once('.').unwrap_or_else(|| panic!("{text:?} is no sum: two decimals, please"));
    assert_eq!(rest.len(), 2, "{text:?} is no sum: two decimals, please");
    Fen::new(format!("{}{rest}", yuan.replace(',', "")).parse().unwrap())
}

fn amount(text: &str) -> Amount {
    Amount::new(fen(text)).unwrap()
}

#[derive(Default)]
struct Table {
    books: Books,
    now: Moment,
    voucher: Option<Voucher>,
    /// What the last voucher or expiry came to, until a line says what it should have.
    came_to: Option<Result<Booking, Refusal>>,
}

/// Runs a table and returns the books as they are in the end.
pub fn check(table: &str) -> Books {
    let mut run = Table::default();
    for (number, line) in (1..).zip(table.lines()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.is_empty() || words[0].starts_with('#') {
            continue;
        }
        let place = format!("line {number}: {}", line.trim());
        match (run.voucher.as_mut(), line.starts_with("    ") || line.starts_with("  ")) {
            (Some(voucher), true) => voucher.transfers.push(transfer(&words, &place)),
            (_, true) => panic!("{place}: a line of no voucher"),
            (_, false) => run.line(&words, &place),
        }
        assert!(run.books.trial_balance().holds(), "{place}: {:?}", run.books.trial_balance());
    }
    assert!(
        run.voucher.is_none() && run.came_to.is_none(),
        "the table ends without saying what its last event came to"
    );
    run.books
}

fn transfer(words: &[&str], place: &str) -> Transfer {
    let [id, debit, credit, sum, rest @ ..] = words else { panic!("{place}: id debit credit amount, please") };
    let kind = match rest {
        [] => Kind::Posted,
        ["pending"] => Kind::Pending { expires_at: None },
        ["pending", "until", day] => Kind::Pending { expires_at: Some(on_day(day)) },
        ["posts", of] => Kind::PostPending { of: (*of).into() },
        ["voids", of] => Kind::VoidPending { of: (*of).into() },
        ["reverses", of] => Kind::Reversal { of: (*of).into() },
        _ => panic!("{place}: what does {rest:?} do?"),
    };
    Transfer { id: (*id).into(), debit: code(debit), credit: code(credit), amount: amount(sum), kind }
}

fn on_day(day: &str) -> Moment {
    Moment::from_millis(day.parse::<i64>().unwrap() * DAY_MS)
}

impl Table {
    fn line(&mut self, words: &[&str], place: &str) {
        if let ["booked" | "already" | "refused", ..] = words {
            return self.expect(words, place);
        }
        assert!(self.voucher.is_none() && self.came_to.is_none(), "{place}: first say what the last event came to");
        match words {
            ["account", account, normal, rest @ ..] => self.open(account, normal, rest, place),
            ["day", day] => self.now = on_day(day),
            ["voucher", event, case] => self.voucher = Some(Voucher::new((*event).to_owned(), case)),
            ["expire", of] => {
                let before = self.books.clone();
                let came_to = self.books.expire(&TransferId::from(*of), self.now);
                self.unchanged_unless_booked(&before, &came_to, place);
                self.came_to = Some(came_to);
            }
            ["due", ids @ ..] => {
                let ids: Vec<TransferId> = ids.iter().map(|id| (*id).into()).collect();
                assert_eq!(self.books.due_expiries(self.now), ids, "{place}");
            }
            [account, balance, rest @ ..] => {
                let account = self.books.account(&code(account)).unwrap_or_else(|| panic!("{place}: not open"));
                assert_eq!(account.balance().to_string(), fen(balance).to_string(), "{place}: balance");
                match rest {
                    [] => {}
                    ["available", sum] => {
                        assert_eq!(account.available().to_string(), fen(sum).to_string(), "{place}: available");
                    }
                    _ => panic!("{place}: what is {rest:?}?"),
                }
            }
            _ => panic!("{place}: not understood"),
        }
    }

    fn open(&mut self, account: &str, normal: &str, rest: &[&str], place: &str) {
        let normal = match normal {
            "debit" => Normal::Debit,
            "credit" => Normal::Credit,
            "memo-debit" => Normal::MemoDebit,
            "memo-credit" => Normal::MemoCredit,
            _ => panic!("{place}: {normal} is no side"),
        };
        let (limit, opening) = match rest {
            [] => (Limit::None, None),
            [":", opening] => (Limit::None, Some(opening)),
            [limit] => (parse_limit(limit, place), None),
            [limit, ":", opening] => (parse_limit(limit, place), Some(opening)),
            _ => panic!("{place}: what is {rest:?}?"),
        };
        let new = Account::new(code(account), normal, limit);
        let Some(opening) = opening else { return self.books.open(new) };
        // An opening balance is booked like anything else, against an account that exists for nothing else.
        let (against, against_normal) =
            if normal.is_memo() { ("O0001", Normal::MemoCredit) } else { ("O0000", Normal::Credit) };
        if self.books.account(&code(against)).is_none() {
            self.books.open(Account::new(code(against), against_normal, Limit::None));
        }
        self.books.open(new);
        let (debit, credit) = match normal.side() {
            Side::Debit => (account, against),
            Side::Credit => (against, account),
        };
        let line = Transfer::posted(format!("open:{account}"), &code(debit), &code(credit), amount(opening));
        self.books.post(&Voucher::new("open", account).with(line), Moment::default()).expect(place);
    }

    fn expect(&mut self, words: &[&str], place: &str) {
        if let Some(voucher) = self.voucher.take() {
            let before = self.books.clone();
            let came_to = self.books.post(&voucher, self.now);
            self.unchanged_unless_booked(&before, &came_to, place);
            self.came_to = Some(came_to);
        }
        let came_to = self.came_to.take().unwrap_or_else(|| panic!("{place}: what came to this?"));
        match (words, &came_to) {
            (["booked"], Ok(Booking::Booked { .. })) | (["already"], Ok(Booking::Already)) => {}
            (["refused", reason, message @ ..], Err(refusal)) => {
                let debug = format!("{refusal:?}");
                assert_eq!(debug.split([' ', '{']).next(), Some(*reason), "{place}: {refusal:?}");
                assert!(refusal.to_string().contains(&message.join(" ")), "{place}: but it says `{refusal}`");
            }
            _ => panic!("{place}: but it came to {came_to:?}"),
        }
    }

    fn unchanged_unless_booked(&self, before: &Books, came_to: &Result<Booking, Refusal>, place: &str) {
        let changed = self.books != *before;
        assert_eq!(changed, matches!(came_to, Ok(Booking::Booked { .. })), "{place}: {came_to:?}");
    }
}

fn parse_limit(limit: &str, place: &str) -> Limit {
    match (limit, limit.strip_prefix("<=")) {
        (">=0", _) => Limit::NotBelowZero,
        (_, Some(most)) => Limit::AtMost(fen(most)),
        _ => panic!("{place}: {limit} is no limit"),
    }
}

const SMALL: &str = "
account A0001 debit
account A0002 credit
voucher pay case
  t A0001 A0002 1.00
";

#[test]
#[should_panic(expected = "A0001 2.00: balance")]
fn a_table_fails_on_a_wrong_balance() {
    check(&format!("{SMALL}booked\nA0001 2.00"));
}

#[test]
#[should_panic(expected = "refused SameAccount: but it came to Ok")]
fn a_table_fails_on_a_refusal_that_does_not_come() {
    check(&format!("{SMALL}refused SameAccount"));
}

#[test]
#[should_panic(expected = "already: but it came to")]
fn a_table_fails_on_a_first_booking_taken_for_a_second() {
    check(&format!("{SMALL}already"));
}

#[test]
#[should_panic(expected = "without saying")]
fn a_table_must_say_what_a_voucher_came_to() {
    check(SMALL);
}
