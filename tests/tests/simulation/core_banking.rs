//! The bank's core-banking system, played by a double whose books are true whatever it says.

use organisation::{PortAction, PortAnswer, PortOrder, PostingAnswer};
use simulation::{Act, World};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What the double does with the next order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// What a correct system does.
    Tells,
    /// What a correct system does, but nobody hears of it.
    Mumbles,
    /// Nothing, and nobody hears of it.
    Breaks,
    /// Nothing, and says that it has not posted.
    SaysNotPosted,
}

#[derive(Clone, Debug, Default)]
pub struct CoreBanking {
    /// What it does next; when that is done, it tells.
    pub script: VecDeque<Does>,
    /// By key: number of the posting.
    posted: BTreeMap<String, String>,
    closed: BTreeSet<String>,
}

impl CoreBanking {
    /// Its answer to the first order that waits for one.
    pub fn act(&mut self, world: &World) -> Option<Act> {
        let (to, order) = world.orders.first()?;
        let answer = PortAnswer::CoreBanking { key: order.key.clone(), posting: self.answer(order) };
        Some(Act::Port { to: *to, application_id: order.application_id.clone(), answer })
    }

    fn answer(&mut self, order: &PortOrder) -> PostingAnswer {
        let does = self.script.pop_front().unwrap_or(Does::Tells);
        match does {
            Does::Breaks => PostingAnswer::Unknown,
            Does::SaysNotPosted => PostingAnswer::NotPosted { why: "unknown key".into() },
            Does::Mumbles => {
                self.carry_out(order);
                PostingAnswer::Unknown
            }
            Does::Tells => self.carry_out(order),
        }
    }

    /// Idempotent by key, as every real one is.
    fn carry_out(&mut self, order: &PortOrder) -> PostingAnswer {
        let key = &order.key;
        if self.posted.contains_key(key) || self.closed.contains(key) {
            return self.says(key);
        }
        match order.action {
            PortAction::Post { .. } => drop(self.posted.insert(key.clone(), format!("CB-{key}"))),
            PortAction::Close => drop(self.closed.insert(key.clone())),
            PortAction::Ask | PortAction::Seal { .. } => {}
        }
        self.says(key)
    }

    fn says(&self, key: &str) -> PostingAnswer {
        match self.posted.get(key) {
            Some(posting_no) => PostingAnswer::Posted { posting_no: posting_no.clone() },
            None if self.closed.contains(key) => PostingAnswer::Closed,
            None => PostingAnswer::NotPosted { why: "unknown key".into() },
        }
    }
}
