//! Two organisations without rules: a union and a guarantor that write down what they hear and do what they are told.

use contracts::{About, Message, Plain, UndoAnswered};
use domain::{ApplicationId, Charters, Fen, Moment, Party};
use ledger::{Account, AccountCode, Limit, Normal, Transfer, Voucher};
use organisation::{
    Actor, Answer, Desk, Did, Index, Input, Key, Line, NotLoaded, Organisation, Person, PortAction, PortOrder, Refusal,
    RefusalKind, Row as AnyRow, Rows, Settings, Stop,
};
use serde::{Deserialize, Serialize};
use simulation::{Act, World};
use std::{collections::BTreeSet, sync::Arc};

/// The union's toy says `withdraw`, the guarantor's answers `withdrawn`.
#[derive(Clone, Copy, Debug)]
pub struct Toy<const UNION: bool>;

pub type Union = Toy<true>;
pub type Guarantor = Toy<false>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Write it down and say it to the other.
    Say(String),
    /// Say what only the other may say.
    Lie,
    /// Want to be woken then.
    WakeAt(Moment),
    /// Look again so often in the same commit, and then write it down.
    Follow(u32),
    /// Order something from a port under this key.
    Order(String),
    /// Keep something that is not written as JSON.
    Hide,
    /// Book under an id that is known to be new.
    Book(String),
    Refuse,
    Break,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    Noted(String),
    Wakes(Option<Moment>),
    Follows(u32),
    Hidden,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub log: Vec<String>,
    pub wake_at: Option<Moment>,
    follow: u32,
    #[serde(skip)]
    hidden: bool,
}

fn log() -> Key {
    Key::Row("log".into())
}

pub fn id() -> ApplicationId {
    ApplicationId::new(2020, 1).unwrap()
}

pub fn message<const UNION: bool>(key: &str) -> Message {
    let about = About { application_id: id(), charter: "0".repeat(64).parse().unwrap(), key: key.into() };
    if UNION {
        Message::WithdrawOpinion(Plain { about })
    } else {
        Message::OpinionWithdrawn(UndoAnswered { about, refused: None })
    }
}

const CASH: AccountCode = AccountCode::constant("U1001");
const CAPITAL: AccountCode = AccountCode::constant("U3001");

impl<const UNION: bool> Toy<UNION> {
    fn note(desk: &mut Desk<Self>, what: impl Into<String>) -> Result<(), Stop> {
        Ok(desk.record(Fact::Noted(what.into()))?)
    }

    fn command(command: &Command, desk: &mut Desk<Self>) -> Result<(), Stop> {
        match command {
            Command::Say(key) => {
                Self::note(desk, format!("say {key}"))?;
                desk.say(message::<UNION>(key));
                desk.answer(Answer { shows: Some(log()), did: Did::Changed, body: key.as_str().into() });
            }
            Command::Lie => desk.say(if UNION { message::<false>("lie") } else { message::<true>("lie") }),
            Command::WakeAt(at) => desk.record(Fact::Wakes(Some(*at)))?,
            Command::Follow(times) => {
                desk.record(Fact::Follows(*times))?;
                desk.follow(log());
            }
            Command::Order(key) => {
                desk.order(PortOrder { application_id: id(), key: key.clone(), action: PortAction::Ask });
            }
            Command::Hide => desk.record(Fact::Hidden)?,
            Command::Book(transfer) => {
                desk.open_account(Account::new(CASH, Normal::Debit, Limit::None))?;
                desk.open_account(Account::new(CAPITAL, Normal::Credit, Limit::None))?;
                let amount = domain::Amount::new(Fen::new(1)).unwrap();
                let voucher =
                    Voucher::new("book", "toy").with(Transfer::posted(transfer.as_str(), &CASH, &CAPITAL, amount));
                desk.book(voucher)?.unwrap();
            }
            Command::Refuse => {
                Self::note(desk, "never")?;
                return Err(Refusal::new(RefusalKind::Conflict, "NO", "不", "不").into());
            }
            Command::Break => return Err(Stop::Illegal("broken".into())),
        }
        Ok(())
    }
}

impl<const UNION: bool> Organisation for Toy<UNION> {
    const PARTY: Party = if UNION { Party::Union } else { Party::Guarantor };
    const KIND: &'static str = "toy";
    type Command = Command;
    type Fact = Fact;
    type Row = Row;

    fn set_up(_: Arc<Charters>, _: &Settings) -> Result<Self, String> {
        Ok(Toy)
    }

    fn about(_: &Command) -> Option<&ApplicationId> {
        None
    }

    // Accounts are left out: a row forgotten costs a round.
    fn needs(&self, _: &Input<Command>, _: &Rows<Row>, wanted: &mut BTreeSet<Key>) {
        wanted.insert(log());
    }

    fn decide(&self, input: &Input<Command>, desk: &mut Desk<Self>) -> Result<(), Stop> {
        desk.concerns(&id());
        match input {
            Input::Message(received) => {
                let key = received.message.key();
                if key == "refuse me" {
                    return Err(Refusal::new(RefusalKind::Conflict, "NO", "不", "不").into());
                }
                Self::note(desk, format!("hear {key}"))
            }
            Input::Command { command, .. } => Self::command(command, desk),
            Input::Due(_) => {
                Self::note(desk, "woken")?;
                // A toy that says `stuck` does not take its timer away.
                let stuck = desk.own(&log())?.is_some_and(|row| row.log.iter().any(|line| line == "say stuck"));
                if stuck { Ok(()) } else { Ok(desk.record(Fact::Wakes(None))?) }
            }
            Input::Follow(_) => {
                let left = desk.own(&log())?.map_or(0, |row| row.follow);
                if left == 1 {
                    return Self::note(desk, "rest");
                }
                desk.record(Fact::Follows(left - 1))?;
                desk.follow(log());
                Ok(())
            }
            Input::Port { answer, .. } => Self::note(desk, format!("port {}", answer.key())),
            Input::SetBack => Self::note(desk, "set back"),
        }
    }

    fn apply(rows: &mut Rows<Row>, fact: &Fact) -> Result<(), NotLoaded> {
        let mut row = rows.own(&log())?.cloned().unwrap_or_default();
        match fact {
            Fact::Noted(what) => row.log.push(what.clone()),
            Fact::Wakes(at) => row.wake_at = *at,
            Fact::Follows(times) => row.follow = *times,
            Fact::Hidden => row.hidden = true,
        }
        rows.put(log(), AnyRow::Own(row))
    }

    fn index(row: &Row) -> Index {
        Index { wake_at: row.wake_at, ..Index::default() }
    }

    fn line(_: &Fact) -> Option<Line> {
        None
    }
}

pub fn start() -> Moment {
    Moment::from_millis(0)
}

pub fn toys() -> World {
    World::new(start()).with(Toy::<true>).with(Toy::<false>)
}

pub fn somebody() -> Actor {
    Actor { person: Person::new("somebody"), roles: BTreeSet::new() }
}

pub fn tell(to: Party, command: &Command) -> Act {
    Act::command(to, somebody(), command)
}

/// What this organisation has written down.
pub fn written<const UNION: bool>(world: &World) -> String {
    world.shell::<Toy<UNION>>().unwrap().own(&log()).map(|row| row.log.join(", ")).unwrap_or_default()
}
