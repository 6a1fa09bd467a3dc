//! The bank's core: decides on the credit, signs the loan contract, pays out.
//!
//! Pure: no IO, no clock. The union asks and the bank answers, so there is no saga definition here: what it owes to each
//! key and to its people is [`organisation::participant`]'s, in the words of [`requests`]. Start reading at [`decide`]; each
//! step has a file of its own, in the order of DOMAIN.md section 2 (S1): [`credit`], [`letter`], [`contract`](mod@contract),
//! [`payment`], and [`core_banking`] for what happens once the money is on its way; [`repayment`] is the loan's life (S5), [`relief`] what changes it (S7), and [`subsidy`] what its
//! borrower gets back of the interest (S6); [`unidentified`] is money of which nobody knows for which loan. It refuses to lend on one person's word,
//! to pay out under a letter that the guarantor did not present itself, and to take anything but the core-banking system's
//! word for what became of a payment.

mod books;
pub mod case;
mod charter;
pub mod command;
mod contract;
mod core_banking;
mod credit;
mod decide;
mod fact;
mod letter;
pub mod life;
mod loan_view;
mod payment;
mod relief;
mod repayment;
mod requests;
mod reversal;
pub mod rights;
mod roll;
pub mod rows;
mod subsidy;
mod suspense;
pub mod unidentified;
mod view;
pub mod vocabulary;

pub use books::{BORROWERS, CLEARING, INTEREST, LOANS, OVERDUE, RECEIVABLE, UNION_DEPOSIT, UNION_SUBSIDY};
pub use command::Command;
pub use fact::Fact;
pub use loan_view::{loan_account, loan_line};
pub use rows::Row;
pub use view::{subsidy_list, summary};
pub use vocabulary::{Duty, IncidentKind, Role, Step};

use domain::{ApplicationId, Charters, Party};
use organisation::{Desk, Index, Input, Key, Line, NotLoaded, Organisation, Rows, Settings, Stop, charters::Kept};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, sync::Arc};

/// The bank.
#[derive(Clone, Debug)]
pub struct Bank {
    /// The charters that it was set up with; those that came after are rows.
    pub charters: Arc<Charters>,
    /// Roles that decide by themselves, within the charter's limits, under a service identity of their own.
    pub automatic: BTreeSet<Role>,
    /// Where payments are posted.
    pub core_banking: CoreBanking,
}

/// Where the bank's payments are posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoreBanking {
    /// In its own books, in the same decision: posted at once.
    OwnLedger,
    /// In a system of its own behind a port, by the same key; its own books follow what that says.
    Port,
}

impl Organisation for Bank {
    const PARTY: Party = Party::Bank;
    const KIND: &'static str = "case";
    type Command = Command;
    type Fact = Fact;
    type Row = Row;

    fn set_up(charters: Arc<Charters>, settings: &Settings) -> Result<Self, String> {
        let automatic = settings.automatic_roles(Role::ALL, Role::Operator)?;
        let core_banking = if settings.core_banking { CoreBanking::Port } else { CoreBanking::OwnLedger };
        Ok(Bank { charters, automatic, core_banking })
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
