//! The rows of the union's state and their keys.

pub use crate::programme::ProgrammeRow;
use crate::{
    Union,
    application::Application,
    consultation::ConsultationsRow,
    ticket::{Ticket, TicketId},
};
use domain::{ApplicationId, Date, Fen};
use organisation::{Key, Organisation, charters::Kept, papers::Papers};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One row of the union's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    /// An application.
    Application(Box<Application>),
    /// A firm.
    Firm(FirmRow),
    /// The fund.
    Fund(FundRow),
    /// The programme as a whole.
    Programme(ProgrammeRow),
    /// The last number given.
    Numbers(NumbersRow),
    /// A member of the register.
    Member(MemberRow),
    /// A primary union.
    Unit(UnitRow),
    /// The papers of an application.
    Papers(Box<Papers>),
    /// Charters that came after those of the beginning.
    Charters(Kept),
    /// A work order of the hotline.
    Ticket(Box<Ticket>),
    /// The consultations of a month.
    Consultations(ConsultationsRow),
}

/// What the programme knows of a firm: at most one open application, at most one live loan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmRow {
    /// Its application under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<ApplicationId>,
    /// Its loan that is not settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_loan: Option<ApplicationId>,
    /// Loans it has drawn so far.
    #[serde(default)]
    pub loans: u16,
    /// Which, in the order of their pay-outs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drawn: Vec<Drawn>,
}

/// A loan that a firm has drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawn {
    /// Its application.
    pub id: ApplicationId,
    /// Its last day.
    pub maturity_on: Date,
    /// Whether something of it is overdue.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overdue: bool,
    /// Value date of the last receipt, once everything is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_on: Option<Date>,
}

/// The fund beside its accounts: what it guarantees, and who waits for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundRow {
    /// Σ exposure of all reservations that are held or committed, fen.
    pub guaranteed_fen: Fen,
    /// Applications that wait for the fund, first in, first out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queue: Vec<ApplicationId>,
    /// Applications whose subsidies wait for more money.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subsidies_wait: Vec<ApplicationId>,
}

impl FundRow {
    // Reservations are checked before they are recorded, so these sums stay far below 2^63.
    pub(crate) fn add(&mut self, exposure: Fen) {
        self.guaranteed_fen = self.guaranteed_fen.checked_add(exposure).unwrap_or(self.guaranteed_fen);
    }

    pub(crate) fn subtract(&mut self, exposure: Fen) {
        self.guaranteed_fen = self.guaranteed_fen.checked_sub(exposure).unwrap_or(self.guaranteed_fen);
    }
}

/// The last number given; numbers begin anew each year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumbersRow {
    /// The year in which it was given.
    pub year: u16,
    /// The number.
    pub last: u32,
}

/// A member of the register: the days on which it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRow {
    /// First and last day; no last day: open.
    pub spans: Vec<(Date, Option<Date>)>,
}

impl MemberRow {
    /// First and last day of the membership that holds on this day, if one does.
    pub fn span_on(&self, day: Date) -> Option<(Date, Option<Date>)> {
        self.spans.iter().copied().find(|(from, to)| *from <= day && to.is_none_or(|to| day <= to))
    }
}

/// A primary union: it stands on a day if any row of the register is one of its members' on that day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitRow {
    /// First and last day of each member, by pseudonym.
    pub members: BTreeMap<String, Vec<(Date, Option<Date>)>>,
}

impl UnitRow {
    /// Whether it stands on a day.
    pub fn stands_on(&self, day: Date) -> bool {
        self.members.values().flatten().any(|(from, to)| *from <= day && to.is_none_or(|to| day <= to))
    }
}

/// Key of an application.
pub fn application(id: &ApplicationId) -> Key {
    Key::row(Union::KIND, id)
}

/// Key of a firm.
pub fn firm(uscc: &str) -> Key {
    Key::row("firm", uscc)
}

/// Key of the fund.
pub fn fund() -> Key {
    Key::Row("fund".into())
}

/// Key of the programme as a whole.
pub fn programme() -> Key {
    Key::Row("programme".into())
}

/// Key of the last number given.
pub fn numbers() -> Key {
    Key::Row("numbers".into())
}

/// Key of the last number given to a ticket.
pub fn ticket_numbers() -> Key {
    Key::Row("ticket_numbers".into())
}

/// Key of a ticket.
pub fn ticket(id: &TicketId) -> Key {
    Key::row("ticket", id)
}

/// Key of the consultations of the month of this day.
pub fn consultations(on: Date) -> Key {
    Key::row("consultations", month(on))
}

/// The month of this day, `2020-02`.
pub fn month(on: Date) -> String {
    format!("{:04}-{:02}", on.year(), on.month())
}

/// Key of a primary union.
pub fn unit(number: &str) -> Key {
    Key::row("unit", number)
}

/// Key of a member.
pub fn member(pseudonym: &str) -> Key {
    Key::row("member", pseudonym)
}
