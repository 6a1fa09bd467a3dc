//! Where a decision is made: it reads rows, records facts, and says what shall be said.

use crate::{Input, Key, NotLoaded, Organisation, Row, Rows, Stop};
use contracts::{Message, Paper};
use domain::{ApplicationId, Fen, Moment, Party};
use ledger::{Account, AccountCode, Booking, Books, TransferId, Voucher};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a decision recorded, in order: the content of its journal row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recorded<F> {
    /// A fact of the organisation.
    Fact(F),
    /// An account was opened.
    Opened(Account),
    /// A voucher that its ledger took.
    Booked(Voucher),
    /// A message to a partner; its bytes stand in the channel's log.
    Said {
        /// Type of the message.
        kind: String,
        /// Idempotency key that it carries.
        key: String,
    },
    /// An order to a port.
    Ordered(PortOrder),
}

/// An order to a port; it leaves after the commit and is repeated until it is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortOrder {
    /// The application it belongs to.
    pub application_id: ApplicationId,
    /// The order's idempotency key: the posting's, or the paper's.
    pub key: String,
    /// What to do.
    pub action: PortAction,
}

/// What a port is ordered to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum PortAction {
    /// Core banking: move this money.
    Post {
        /// Amount, fen.
        amount_fen: Fen,
    },
    /// Core banking: what became of this key?
    Ask,
    /// Core banking: close this key.
    Close,
    /// Vault: open this paper and seal it for a partner.
    Seal {
        /// For whom.
        to: Party,
        /// To which letterbox.
        letterbox: String,
        /// What.
        paper: Paper,
    },
}

/// What a command is answered with.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The row that it shows and that the command created or changed, so that its version can be told; none: it shows no row.
    pub shows: Option<Key>,
    /// What it did.
    pub did: Did,
    /// The state after the decision, of the application or of what else the command is about.
    pub body: Value,
}

/// What a command did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Did {
    /// It changed something that was there.
    Changed,
    /// It created an application.
    Created,
    /// It proposed what another person has to confirm.
    Proposed,
}

/// A decision that stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<F> {
    /// The application that the input turned out to concern.
    pub application_id: Option<ApplicationId>,
    /// What was recorded, in order.
    pub recorded: Vec<Recorded<F>>,
    /// Messages, in the order said; their route names the receiver.
    pub messages: Vec<Message>,
    /// Orders to ports.
    pub orders: Vec<PortOrder>,
    /// Rows that shall look again within the same commit.
    pub follow: Vec<Key>,
    /// For a command: its answer.
    pub answer: Option<Answer>,
}

impl<F> Default for Outcome<F> {
    fn default() -> Self {
        Outcome {
            application_id: None,
            recorded: Vec::new(),
            messages: Vec::new(),
            orders: Vec::new(),
            follow: Vec::new(),
            answer: None,
        }
    }
}

impl<F> Outcome<F> {
    /// The saga that it belongs to: its application's, or that of the charter that it speaks of; empty if there is none.
    pub fn saga_id(&self) -> String {
        let application = self.application_id.as_ref().map(crate::saga_id);
        application.or_else(|| self.messages.first().map(crate::saga_of)).unwrap_or_default()
    }
}

/// The decision under way. It owns the rows while it lasts, so that a saga's world can own it in turn.
#[derive(Debug)]
pub struct Desk<O: Organisation> {
    rows: Rows<O::Row>,
    at: Moment,
    outcome: Outcome<O::Fact>,
}

/// Lets `organisation` decide `input` at business time `at` on these rows. On `Err` the rows are as they were.
///
/// # Errors
/// [`Stop`].
pub fn decide<O: Organisation>(
    organisation: &O,
    input: &Input<O::Command>,
    at: Moment,
    rows: &mut Rows<O::Row>,
) -> Result<Outcome<O::Fact>, Stop> {
    rows.begin();
    let mut desk = Desk { rows: std::mem::take(rows), at, outcome: Outcome::default() };
    let decided = organisation.decide(input, &mut desk);
    let Desk { rows: decided_rows, outcome, .. } = desk;
    *rows = decided_rows;
    match decided {
        Ok(()) => {
            rows.accept();
            Ok(outcome)
        }
        Err(stop) => {
            rows.roll_back();
            Err(stop)
        }
    }
}

/// Does to the rows what a decision at business time `at` has recorded, without deciding anything. On `Err` the rows are as
/// they were.
///
/// # Errors
/// A row that it changes is not loaded.
pub fn fold<O: Organisation>(
    rows: &mut Rows<O::Row>,
    recorded: &[Recorded<O::Fact>],
    at: Moment,
) -> Result<(), NotLoaded> {
    rows.begin();
    let mut desk: Desk<O> = Desk { rows: std::mem::take(rows), at, outcome: Outcome::default() };
    let folded = recorded.iter().try_for_each(|one| match one {
        Recorded::Fact(fact) => O::apply(&mut desk.rows, fact),
        Recorded::Opened(account) => desk.open_account(account.clone()),
        // The books took it then; if they do not now, its accounts show the difference.
        Recorded::Booked(voucher) => desk.book(voucher.clone()).map(drop),
        Recorded::Said { .. } | Recorded::Ordered(_) => Ok(()),
    });
    *rows = desk.rows;
    match folded {
        Ok(()) => rows.accept(),
        Err(_) => rows.roll_back(),
    }
    folded
}

impl<O: Organisation> Desk<O> {
    /// Moves the decision into a saga's world; [`put_back`](Desk::put_back) brings it home.
    #[must_use]
    pub fn take(&mut self) -> Desk<O> {
        Desk { rows: std::mem::take(&mut self.rows), at: self.at, outcome: std::mem::take(&mut self.outcome) }
    }

    /// Brings a decision home that [`take`](Desk::take) moved away.
    pub fn put_back(&mut self, desk: Desk<O>) {
        *self = desk;
    }

    /// Business time of this decision.
    pub fn at(&self) -> Moment {
        self.at
    }

    /// The rows as they stand, with what this decision has changed so far.
    pub fn rows(&self) -> &Rows<O::Row> {
        &self.rows
    }

    /// One of the organisation's own rows, if it exists.
    ///
    /// # Errors
    /// It is not loaded.
    pub fn own(&self, key: &Key) -> Result<Option<&O::Row>, NotLoaded> {
        self.rows.own(key)
    }

    /// Names the application that the input concerns, for journal, traces and parking.
    pub fn concerns(&mut self, application_id: &ApplicationId) {
        self.outcome.application_id = Some(application_id.clone());
    }

    /// Records a fact and applies it.
    ///
    /// # Errors
    /// A row that it changes is not loaded.
    pub fn record(&mut self, fact: O::Fact) -> Result<(), NotLoaded> {
        O::apply(&mut self.rows, &fact)?;
        self.outcome.recorded.push(Recorded::Fact(fact));
        Ok(())
    }

    /// Says something to a partner. It leaves after the commit.
    pub fn say(&mut self, message: Message) {
        self.outcome.recorded.push(Recorded::Said { kind: message.kind().name().to_owned(), key: message.key() });
        self.outcome.messages.push(message);
    }

    /// Orders something from a port. It leaves after the commit.
    pub fn order(&mut self, order: PortOrder) {
        self.outcome.recorded.push(Recorded::Ordered(order.clone()));
        self.outcome.orders.push(order);
    }

    /// Asks for a row to look again within this commit, as an input of its own.
    pub fn follow(&mut self, key: Key) {
        self.outcome.follow.push(key);
    }

    /// Answers the command.
    pub fn answer(&mut self, answer: Answer) {
        self.outcome.answer = Some(answer);
    }

    /// An account of the ledger, if it was opened.
    ///
    /// # Errors
    /// It is not loaded.
    pub fn account(&self, code: &AccountCode) -> Result<Option<&Account>, NotLoaded> {
        Ok(self.rows.get(&Key::Account(code.clone()))?.and_then(|row| match row {
            Row::Account(account) => Some(account),
            _ => None,
        }))
    }

    /// Opens an account; one that is open stays as it is.
    ///
    /// # Errors
    /// It is not loaded.
    pub fn open_account(&mut self, account: Account) -> Result<(), NotLoaded> {
        if self.account(account.code())?.is_none() {
            self.outcome.recorded.push(Recorded::Opened(account.clone()));
            self.rows.put(Key::Account(account.code().clone()), Row::Account(account))?;
        }
        Ok(())
    }

    /// Books a voucher, or says why the books refuse it; then nothing is changed.
    ///
    /// Transfers that are not loaded count as new: an id that was used before makes the database refuse the commit. A
    /// pending transfer that is posted or voided has to be loaded.
    ///
    /// # Errors
    /// An account, or the pending transfer, is not loaded.
    pub fn book(&mut self, voucher: Voucher) -> Result<Result<(), ledger::Refusal>, NotLoaded> {
        let mut books = Books::default();
        for code in voucher.accounts() {
            if let Some(account) = self.account(code)? {
                books.open(account.clone());
            }
        }
        for transfer in &voucher.transfers {
            if let Some(of) = transfer.kind.of() {
                self.bring(&mut books, of)?;
            }
            let key = Key::Transfer(transfer.id.clone());
            if self.rows.is_loaded(&key) {
                self.bring(&mut books, &transfer.id)?;
            }
        }
        match books.decide(&voucher, self.at) {
            Err(refusal) => Ok(Err(refusal)),
            Ok(Booking::Already) => Ok(Ok(())),
            Ok(Booking::Booked { accounts, transfers }) => {
                for account in accounts {
                    self.rows.put(Key::Account(account.code().clone()), Row::Account(account))?;
                }
                for record in transfers {
                    self.rows.create(Key::Transfer(record.transfer.id.clone()), Row::Transfer(record));
                }
                self.outcome.recorded.push(Recorded::Booked(voucher));
                Ok(Ok(()))
            }
        }
    }

    fn bring(&self, books: &mut Books, id: &TransferId) -> Result<(), NotLoaded> {
        if let Some(Row::Transfer(record)) = self.rows.get(&Key::Transfer(id.clone()))? {
            books.record(record.clone());
        }
        Ok(())
    }
}
