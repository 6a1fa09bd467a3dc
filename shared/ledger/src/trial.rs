//! The trial balance: what shows that no line lost a side.

use crate::{Account, Side};

/// Sums over all accounts of one kind, fen. Wider than [`domain::Fen`], so that summing cannot fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Debits posted.
    pub debits_fen: i128,
    /// Credits posted.
    pub credits_fen: i128,
    /// Debits pending.
    pub pending_debits_fen: i128,
    /// Credits pending.
    pub pending_credits_fen: i128,
}

impl Totals {
    /// Whether debits equal credits, posted and pending.
    pub const fn balances(&self) -> bool {
        self.debits_fen == self.credits_fen && self.pending_debits_fen == self.pending_credits_fen
    }

    fn add(&mut self, account: &Account) {
        self.debits_fen += i128::from(account.posted(Side::Debit).get());
        self.credits_fen += i128::from(account.posted(Side::Credit).get());
        self.pending_debits_fen += i128::from(account.pending(Side::Debit).get());
        self.pending_credits_fen += i128::from(account.pending(Side::Credit).get());
    }
}

/// The trial balance of an organisation: money and memo accounts apart, because neither may lend the other a side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrialBalance {
    /// Accounts of the balance sheet.
    pub money: Totals,
    /// Memo accounts.
    pub memo: Totals,
}

impl TrialBalance {
    /// Whether debits equal credits everywhere (DOMAIN.md I1).
    pub const fn holds(&self) -> bool {
        self.money.balances() && self.memo.balances()
    }
}

/// Sums up accounts. It is a trial balance only if they are all of an organisation's accounts.
pub fn trial_balance<'a>(accounts: impl IntoIterator<Item = &'a Account>) -> TrialBalance {
    let mut trial = TrialBalance::default();
    for account in accounts {
        let totals = if account.normal().is_memo() { &mut trial.memo } else { &mut trial.money };
        totals.add(account);
    }
    trial
}
