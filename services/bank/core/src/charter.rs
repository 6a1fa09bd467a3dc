//! Charters as the bank keeps them; the rules are [`organisation::charters`]'s.

use crate::{Bank, Fact, Row};
use domain::Charters;
use organisation::charters::{self, KeepsCharters, Kept};

impl KeepsCharters for Bank {
    fn founding(&self) -> &Charters {
        &self.charters
    }

    fn kept(kept: Kept) -> Row {
        Row::Charters(kept)
    }

    fn charter_fact(fact: charters::Fact) -> Fact {
        Fact::Charters(fact)
    }
}
