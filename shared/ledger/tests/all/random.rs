//! Random vouchers, expiries and repetitions: whatever comes, debits equal credits, limits hold, what is refused or
//! repeated changes nothing, the sums are what the lines say, and the accepted vouchers alone lead to the same books.

use std::{cell::RefCell, collections::BTreeMap, panic::resume_unwind};

use domain::{Amount, Fen, Moment};
use ledger::{
    Account, AccountCode, Booking, Books, Kind, Limit, Normal, Refusal, Resolution, Side, Transfer, TransferId,
    TransferRecord, Voucher,
};
use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};

use super::table::code;

const ACCOUNTS: [(&str, Normal, Limit); 6] = [
    ("A0001", Normal::Debit, Limit::NotBelowZero),
    ("A0002", Normal::Credit, Limit::NotBelowZero),
    ("A0003", Normal::Debit, Limit::AtMost(Fen::new(60))),
    ("A0004", Normal::Credit, Limit::None),
    ("M0001", Normal::MemoDebit, Limit::NotBelowZero),
    ("M0002", Normal::MemoCredit, Limit::AtMost(Fen::new(60))),
];
const IDS: usize = 40;

/// What a random line refers to, by number, so that vouchers are made when the books are known.
#[derive(Clone, Debug)]
struct Line {
    id: usize,
    debit: usize,
    credit: usize,
    fen: i64,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Post,
    Hold(Option<i64>),
    Settle(usize),
    Void(usize),
    Reverse(usize),
    /// Refers to whatever stands in that place, with the accounts and amount as drawn: mostly nonsense.
    Wild(usize),
}

#[derive(Clone, Debug)]
enum Act {
    Voucher(Vec<Line>),
    /// The n-th accepted voucher again.
    Repeat(usize),
    /// The n-th accepted voucher again, its last line under another id.
    Forge(usize),
    Expire(usize),
    ExpireAllDue,
    Pass(i64),
}

fn line() -> impl Strategy<Value = Line> {
    let what = prop_oneof![
        6 => Just(What::Post),
        4 => prop::option::of(-1_i64..6).prop_map(What::Hold),
        4 => (0..IDS).prop_map(What::Settle),
        3 => (0..IDS).prop_map(What::Void),
        3 => (0..IDS).prop_map(What::Reverse),
        1 => (0..IDS).prop_map(What::Wild),
    ];
    // Mostly accounts of one kind and different ones: a line of mere nonsense teaches little.
    let accounts = prop_oneof![
        8 => prop::sample::select(vec![(0, 1), (1, 0), (0, 3), (3, 0), (2, 1), (1, 2), (2, 3), (3, 2), (4, 5), (5, 4)]),
        1 => (0..=ACCOUNTS.len(), 0..=ACCOUNTS.len()),
    ];
    (0..IDS, accounts, 1_i64..40, what).prop_map(|(id, (debit, credit), fen, what)| Line {
        id,
        debit,
        credit,
        fen,
        what,
    })
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => prop::collection::vec(line(), 1..4).prop_map(Act::Voucher),
        2 => (0_usize..40).prop_map(Act::Repeat),
        1 => (0_usize..40).prop_map(Act::Forge),
        2 => (0..IDS).prop_map(Act::Expire),
        1 => Just(Act::ExpireAllDue),
        2 => (0_i64..3).prop_map(Act::Pass),
    ]
}

fn name(account: usize) -> AccountCode {
    code(ACCOUNTS.get(account).map_or("X0000", |(code, ..)| code))
}

fn id(n: usize) -> TransferId {
    format!("t{n}").into()
}

fn transfer(line: &Line, books: &Books) -> Transfer {
    let amount = Amount::new(Fen::new(line.fen)).unwrap();
    let drawn = Transfer::posted(id(line.id), &name(line.debit), &name(line.credit), amount);
    // Most references go to something that still waits, if anything does: what is drawn blindly is mostly refused.
    let waiting: Vec<&TransferRecord> = books.transfers().filter(|record| record.is_waiting()).collect();
    let there = |n: usize| match waiting.get(n / 4 % waiting.len().max(1)) {
        Some(record) if !n.is_multiple_of(4) => Some(&record.transfer),
        _ => books.transfer(&id(n)).map(|record| &record.transfer),
    };
    match line.what {
        What::Post => drawn,
        What::Hold(days) => Transfer { kind: Kind::Pending { expires_at: days.map(Moment::from_millis) }, ..drawn },
        What::Settle(n) => match there(n) {
            Some(pending) => Transfer::post_pending(drawn.id, pending, amount.min(pending.amount)),
            None if !n.is_multiple_of(4) => drawn,
            None => Transfer { kind: Kind::PostPending { of: id(n) }, ..drawn },
        },
        What::Void(n) => match there(n) {
            Some(pending) => Transfer::void_pending(drawn.id, pending),
            None if !n.is_multiple_of(4) => drawn,
            None => Transfer { kind: Kind::VoidPending { of: id(n) }, ..drawn },
        },
        What::Reverse(n) => match there(n) {
            Some(original) => Transfer::reversal(original),
            None => Transfer { id: id(n).reversal(), kind: Kind::Reversal { of: id(n) }, ..drawn },
        },
        What::Wild(n) => {
            let kind = match n % 3 {
                0 => Kind::PostPending { of: id(n) },
                1 => Kind::VoidPending { of: id(n) },
                _ => Kind::Reversal { of: id(n) },
            };
            Transfer { kind, ..drawn }
        }
    }
}

fn opened() -> Books {
    let mut books = Books::default();
    for (code, normal, limit) in ACCOUNTS {
        books.open(Account::new(AccountCode::constant(code), normal, limit));
    }
    books
}

/// The accounts as the lines alone say, by another way than the ledger's: every amount added up from the records.
fn sums_of_lines(books: &Books) -> BTreeMap<(AccountCode, Side), (i64, i64)> {
    let mut sums = BTreeMap::new();
    for record in books.transfers() {
        let Transfer { debit, credit, amount, kind, .. } = &record.transfer;
        let fen = amount.fen().get();
        let (posted, pending) = match kind {
            Kind::Posted | Kind::PostPending { .. } | Kind::Reversal { .. } => (fen, 0),
            Kind::Pending { .. } if record.resolution.is_none() => (0, fen),
            Kind::Pending { .. } | Kind::VoidPending { .. } => (0, 0),
        };
        for (code, side) in [(debit, Side::Debit), (credit, Side::Credit)] {
            let sum: &mut (i64, i64) = sums.entry((code.clone(), side)).or_default();
            *sum = (sum.0 + posted, sum.1 + pending);
        }
    }
    sums
}

fn assert_sound(books: &Books) {
    assert!(books.trial_balance().holds(), "{:?}", books.trial_balance());
    let sums = sums_of_lines(books);
    for account in books.accounts() {
        assert!(account.excess().is_zero(), "{account:?} exceeds its limit");
        match account.limit() {
            Limit::None => {}
            Limit::NotBelowZero => assert!(!account.available().is_negative(), "{account:?}"),
            Limit::AtMost(most) => assert!(account.balance() <= most, "{account:?}"),
        }
        for side in [Side::Debit, Side::Credit] {
            let (posted, pending) = sums.get(&(account.code().clone(), side)).copied().unwrap_or_default();
            assert_eq!((account.posted(side).get(), account.pending(side).get()), (posted, pending), "{account:?}");
        }
    }
    for record in books.transfers() {
        // Whoever resolved a pending transfer is in the books and says so itself.
        match &record.resolution {
            Some(Resolution::Posted { by } | Resolution::Voided { by }) => {
                assert_eq!(books.transfer(by).unwrap().transfer.kind.of(), Some(&record.transfer.id));
            }
            Some(Resolution::Expired { at }) => {
                assert!(matches!(record.transfer.kind, Kind::Pending { expires_at: Some(end) } if end <= *at));
            }
            None => {}
        }
    }
}

enum Accepted {
    Voucher(Voucher, Moment),
    Expiry(TransferId, Moment),
}

fn nth_voucher(accepted: &[Accepted], n: usize) -> Option<Voucher> {
    let vouchers = accepted.iter().filter_map(|accepted| match accepted {
        Accepted::Voucher(voucher, _) => Some(voucher),
        Accepted::Expiry(..) => None,
    });
    vouchers.clone().nth(n % vouchers.count().max(1)).cloned()
}

/// Runs a story and counts how it went, so that a test can see that the stories are worth running.
fn run(acts: &[Act]) -> BTreeMap<String, u32> {
    let mut books = opened();
    let mut now = Moment::default();
    let mut accepted: Vec<Accepted> = Vec::new();
    let mut counts = BTreeMap::new();
    let mut count = |came_to: &Result<Booking, Refusal>, what: &str| {
        let word = match came_to {
            Ok(Booking::Booked { .. }) => format!("{what} booked"),
            Ok(Booking::Already) => format!("{what} already"),
            Err(refusal) => format!("{refusal:?}").split([' ', '{']).next().unwrap_or_default().to_owned(),
        };
        *counts.entry(word).or_default() += 1;
    };
    for act in acts {
        let before = books.clone();
        match act {
            Act::Pass(ms) => now = now.plus_millis(*ms),
            Act::Voucher(lines) => {
                let transfers = lines.iter().map(|line| transfer(line, &books)).collect();
                let voucher = Voucher { transfers, ..Voucher::new("event", accepted.len()) };
                let decided = books.decide(&voucher, now);
                let came_to = books.post(&voucher, now);
                assert_eq!(decided, came_to, "deciding says what posting does");
                count(&came_to, "voucher");
                match came_to {
                    Ok(Booking::Booked { .. }) => {
                        let once = books.clone();
                        assert_eq!(books.post(&voucher, now.plus_millis(99)), Ok(Booking::Already));
                        assert_eq!(books, once, "a voucher repeated at once changes nothing");
                        accepted.push(Accepted::Voucher(voucher, now));
                    }
                    Ok(Booking::Already) | Err(_) => assert_eq!(books, before, "{came_to:?} changes nothing"),
                }
            }
            Act::Repeat(n) => {
                if let Some(voucher) = nth_voucher(&accepted, *n) {
                    let came_to = books.post(&voucher, now);
                    assert_eq!(came_to, Ok(Booking::Already));
                    assert_eq!(books, before, "a voucher repeated later changes nothing");
                    count(&came_to, "voucher");
                }
            }
            Act::Forge(n) => {
                if let Some(mut voucher) = nth_voucher(&accepted, *n).filter(|voucher| voucher.transfers.len() > 1) {
                    let last = voucher.transfers.last_mut().unwrap();
                    *last = Transfer { id: "forged".into(), kind: Kind::Posted, ..last.clone() };
                    let came_to = books.post(&voucher, now);
                    assert_eq!(came_to, Err(Refusal::PartlyBooked { id: "forged".into() }));
                    assert_eq!(books, before, "{came_to:?} changes nothing");
                    count(&came_to, "voucher");
                }
            }
            Act::Expire(n) => {
                // Whatever was ever pending, and sometimes what never was.
                let pending: Vec<&TransferRecord> =
                    books.transfers().filter(|record| matches!(record.transfer.kind, Kind::Pending { .. })).collect();
                let nth = pending.get(n % pending.len().max(1)).map(|record| record.transfer.id.clone());
                let of = nth.filter(|_| !n.is_multiple_of(4)).unwrap_or_else(|| id(*n));
                let came_to = books.expire(&of, now);
                count(&came_to, "expiry");
                if let Ok(Booking::Booked { .. }) = came_to {
                    accepted.push(Accepted::Expiry(of, now));
                } else {
                    assert_eq!(books, before, "{came_to:?} changes nothing");
                }
            }
            Act::ExpireAllDue => {
                for due in books.due_expiries(now) {
                    let came_to = books.expire(&due, now);
                    assert!(matches!(came_to, Ok(Booking::Booked { .. })), "{came_to:?}");
                    count(&came_to, "expiry");
                    accepted.push(Accepted::Expiry(due, now));
                }
                assert_eq!(books.due_expiries(now), []);
            }
        }
        assert_sound(&books);
    }
    let mut again = opened();
    for accepted in &accepted {
        let came_to = match accepted {
            Accepted::Voucher(voucher, at) => again.post(voucher, *at),
            Accepted::Expiry(of, at) => again.expire(of, *at),
        };
        assert!(matches!(came_to, Ok(Booking::Booked { .. })), "{came_to:?}");
    }
    assert_eq!(again, books, "the accepted vouchers alone lead to the same books");
    counts
}

/// Runs many stories from a seed of its own, or from `NUAN_TEST_SEED`; a failure prints it.
#[test]
fn whatever_comes_the_books_stay_sound() {
    let seed = match std::env::var("NUAN_TEST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => TestRunner::default().rng().next_u64(),
    };
    let total = RefCell::new(BTreeMap::<String, u32>::new());
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runner
            .run(&prop::collection::vec(act(), 1..60), |acts| {
                for (word, times) in run(&acts) {
                    *total.borrow_mut().entry(word).or_default() += times;
                }
                Ok(())
            })
            .unwrap_or_else(|failure| panic!("{failure}"));
    }));
    if let Err(failure) = outcome {
        eprintln!("to repeat: NUAN_TEST_SEED={seed}");
        resume_unwind(failure);
    }
    // The stories must be worth their name: everything that can happen did.
    let total = total.into_inner();
    for word in [
        "voucher booked",
        "voucher already",
        "expiry booked",
        "expiry already",
        "DuplicateId",
        "SameAccount",
        "UnknownAccount",
        "MemoAgainstMoney",
        "ExistsWithDifferentFields",
        "PartlyBooked",
        "PendingNotFound",
        "NotPending",
        "PendingAlreadyPosted",
        "PendingAlreadyVoided",
        "PendingExpired",
        "NotDue",
        "ReversalMisnamed",
        "OriginalNotFound",
        "OriginalNotReversible",
        "ExpiresInThePast",
        "ExceedsLimit",
    ] {
        assert!(total.get(word).is_some_and(|times| *times > 0), "no story came to `{word}` (seed {seed}): {total:?}");
    }
}
