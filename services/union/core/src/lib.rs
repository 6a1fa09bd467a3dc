//! The union's core: takes applications, owns the guarantee fund, and drives origination.
//!
//! Pure: no IO, no clock. Start reading at [`origination::definition`]; the rules at filing are in [`filing`], the fund
//! in [`fund`], what partners answer in [`answers`], what people may do in [`command`].

mod answers;
pub mod application;
mod charter;
pub mod command;
pub mod consultation;
mod decide;
mod fact;
pub mod filing;
pub mod fund;
pub mod hotline;
mod living;
mod notices;
pub mod origination;
mod papers;
pub mod process;
pub mod programme;
pub mod relief;
pub mod renewal;
pub mod rights;
pub mod rows;
pub mod statistics;
pub mod subsidy;
pub mod ticket;
mod view;
pub mod vocabulary;

pub use command::Command;
pub use fact::Fact;
pub use rows::Row;
pub use view::summary;
pub use vocabulary::{Reason, Role};

use domain::{ApplicationId, Charters, Party};
use organisation::{
    Desk, Index, Input, Key, Line, NotLoaded, Notice, Organisation, Rows, Settings, Stop, charters::Kept,
};
use std::{collections::BTreeSet, sync::Arc};

/// The union.
#[derive(Clone, Debug)]
pub struct Union {
    /// The charters that it was set up with; those that came after are rows.
    pub charters: Arc<Charters>,
    /// Roles that decide by themselves, within the charter's limits, under a service identity of their own.
    pub automatic: BTreeSet<Role>,
}

impl Organisation for Union {
    const PARTY: Party = Party::Union;
    const KIND: &'static str = "application";
    type Command = Command;
    type Fact = Fact;
    type Row = Row;

    fn set_up(charters: Arc<Charters>, settings: &Settings) -> Result<Self, String> {
        let automatic = settings.automatic_roles(Role::ALL, Role::Operator)?;
        Ok(Union { charters, automatic })
    }

    fn about(command: &Command) -> Option<&ApplicationId> {
        command.application_id()
    }

    fn needs(&self, input: &Input<Command>, rows: &Rows<Row>, wanted: &mut BTreeSet<Key>) {
        decide::needs(&self.charters, input, rows, wanted);
    }

    fn decide(&self, input: &Input<Command>, desk: &mut Desk<Self>) -> Result<(), Stop> {
        decide::decide(self, input, desk)
    }

    fn apply(rows: &mut Rows<Row>, fact: &Fact) -> Result<(), NotLoaded> {
        fact::apply(rows, fact)
    }

    fn index(row: &Row) -> Index {
        view::index(row)
    }

    fn kept_charter(row: &Row) -> Option<&Kept> {
        if let Row::Charters(kept) = row { Some(kept) } else { None }
    }

    fn line(fact: &Fact) -> Option<Line> {
        view::line(fact)
    }

    fn notice(fact: &Fact) -> Option<Notice> {
        notices::of(fact)
    }
}
