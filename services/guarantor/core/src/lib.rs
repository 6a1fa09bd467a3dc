//! The guarantor's core: underwrites, has the contracts signed, issues letters of guarantee, carries the liability.
//!
//! Pure: no IO, no clock. The union asks and the guarantor answers, so there is no saga definition here: what it owes to
//! each key and to its people is [`organisation::participant`]'s, in the words of `requests.rs`. Start reading at `decide.rs`;
//! each step has a file of its own, in the order of DOMAIN.md section 2 (S1): `opinion.rs`, `signing.rs`, `letter.rs`,
//! `loan.rs`. It refuses to guarantee beyond its own [`limits`], to issue a letter on one person's word, and to carry a
//! liability on anybody's word but the bank's.

pub mod books;
pub mod case;
mod charter;
pub mod command;
mod decide;
mod fact;
mod letter;
pub mod limits;
mod living;
mod loan;
mod opinion;
mod relief;
mod requests;
pub mod rights;
pub mod rows;
mod signing;
mod view;
pub mod vocabulary;

pub use command::Command;
pub use fact::Fact;
pub use rows::Row;
pub use view::summary;
pub use vocabulary::{Duty, Role, Step};

use domain::{ApplicationId, Charters, Fen, Party};
use organisation::{Desk, Index, Input, Key, Line, NotLoaded, Organisation, Rows, Settings, Stop, charters::Kept};
use std::{collections::BTreeSet, sync::Arc};

/// The guarantor.
#[derive(Clone, Debug)]
pub struct Guarantor {
    /// The charters that it was set up with; those that came after are rows.
    pub charters: Arc<Charters>,
    /// Roles that decide by themselves, within the charter's limits, under a service identity of their own.
    pub automatic: BTreeSet<Role>,
    /// Its own net assets, fen: the measure of what it may guarantee (DOMAIN.md section 1, guarantor limits).
    pub net_assets_fen: Fen,
}

impl Organisation for Guarantor {
    const PARTY: Party = Party::Guarantor;
    const KIND: &'static str = "case";
    type Command = Command;
    type Fact = Fact;
    type Row = Row;

    fn set_up(charters: Arc<Charters>, settings: &Settings) -> Result<Self, String> {
        let automatic = settings.automatic_roles(Role::ALL, Role::Operator)?;
        let Some(net_assets_fen) = settings.net_assets_fen.filter(|fen| *fen > 0) else {
            return Err("the guarantor needs net_assets_fen above zero".into());
        };
        Ok(Guarantor { charters, automatic, net_assets_fen: Fen::new(net_assets_fen) })
    }

    fn about(command: &Command) -> Option<&ApplicationId> {
        command.application_id()
    }

    fn needs(&self, input: &Input<Command>, rows: &Rows<Row>, wanted: &mut BTreeSet<Key>) {
        decide::needs(&self.charters, input, rows, wanted);
    }

    fn decide(&self, input: &Input<Command>, desk: &mut Desk<Self>) -> Result<(), Stop> {
        organisation::participant::decide(self, input, desk)
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
}
