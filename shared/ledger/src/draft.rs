//! A voucher being decided: copies of the rows that it would change, over the books as they are.
//! Dropping a draft drops everything; it refuses to reach into the books.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Amount, Moment};

use crate::{
    Account, AccountCode, Booking, Books, Kind, Refusal, Resolution, Side, Transfer, TransferId, TransferRecord,
    Voucher, account::Effect,
};

pub(crate) struct Draft<'a> {
    books: &'a Books,
    at: Moment,
    accounts: BTreeMap<AccountCode, Account>,
    transfers: BTreeMap<TransferId, TransferRecord>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(books: &'a Books, at: Moment) -> Self {
        Self { books, at, accounts: BTreeMap::new(), transfers: BTreeMap::new() }
    }

    /// What can be seen without the books. One loop a refusal, so that precedence does not depend on the order of lines.
    pub(crate) fn check_form(&self, voucher: &Voucher) -> Result<(), Refusal> {
        if voucher.transfers.is_empty() {
            return Err(Refusal::EmptyVoucher);
        }
        let mut ids = BTreeSet::new();
        for Transfer { id, .. } in &voucher.transfers {
            if !ids.insert(id) {
                return Err(Refusal::DuplicateId { id: id.clone() });
            }
        }
        for Transfer { id, debit, credit, .. } in &voucher.transfers {
            if debit == credit {
                return Err(Refusal::SameAccount { id: id.clone() });
            }
        }
        for Transfer { id, kind, .. } in &voucher.transfers {
            if let Kind::Reversal { of } = kind
                && *id != of.reversal()
            {
                return Err(Refusal::ReversalMisnamed { of: of.clone() });
            }
        }
        Ok(())
    }

    pub(crate) fn check_accounts(&self, voucher: &Voucher) -> Result<(), Refusal> {
        for account in voucher.accounts() {
            if self.books.account(account).is_none() {
                return Err(Refusal::UnknownAccount { account: account.clone() });
            }
        }
        for Transfer { id, debit, credit, .. } in &voucher.transfers {
            let is_memo = |code| self.books.account(code).map(|account| account.normal().is_memo());
            if is_memo(debit) != is_memo(credit) {
                return Err(Refusal::MemoAgainstMoney { id: id.clone() });
            }
        }
        Ok(())
    }

    /// Whether exactly this voucher was booked before.
    pub(crate) fn is_booked(&self, voucher: &Voucher, lines: u16) -> Result<bool, Refusal> {
        let mut missing = None;
        let mut found = false;
        for (line, transfer) in (1_u16..).zip(&voucher.transfers) {
            match self.books.transfer(&transfer.id) {
                Some(record) if record.is_line(voucher, line, lines, transfer) => found = true,
                Some(_) => return Err(Refusal::ExistsWithDifferentFields { id: transfer.id.clone() }),
                None => missing = missing.or(Some(&transfer.id)),
            }
        }
        match missing {
            Some(id) if found => Err(Refusal::PartlyBooked { id: id.clone() }),
            missing => Ok(missing.is_none()),
        }
    }

    /// Books one line.
    pub(crate) fn book(
        &mut self,
        voucher: &Voucher,
        line: u16,
        lines: u16,
        transfer: &Transfer,
    ) -> Result<(), Refusal> {
        let effect = match &transfer.kind {
            Kind::Posted => Effect::Post(transfer.amount),
            Kind::Pending { expires_at } => {
                if let Some(expires_at) = *expires_at
                    && expires_at < self.at
                {
                    return Err(Refusal::ExpiresInThePast { id: transfer.id.clone(), expires_at });
                }
                Effect::Hold(transfer.amount)
            }
            Kind::PostPending { of } => {
                let held = self.resolve(of, transfer, Resolution::Posted { by: transfer.id.clone() })?;
                Effect::Settle { held, posted: Some(transfer.amount) }
            }
            Kind::VoidPending { of } => {
                let held = self.resolve(of, transfer, Resolution::Voided { by: transfer.id.clone() })?;
                if transfer.amount < held {
                    return Err(Refusal::VoidsOnlyPart { of: of.clone() });
                }
                Effect::Settle { held, posted: None }
            }
            Kind::Reversal { of } => {
                self.check_reversal(of, transfer)?;
                Effect::Post(transfer.amount)
            }
        };
        self.move_on(&transfer.debit, Side::Debit, effect)?;
        self.move_on(&transfer.credit, Side::Credit, effect)?;
        let record = TransferRecord {
            transfer: transfer.clone(),
            event: voucher.event.clone(),
            case: voucher.case.clone(),
            line,
            lines,
            at: self.at,
            resolution: None,
        };
        self.transfers.insert(transfer.id.clone(), record);
        Ok(())
    }

    /// Gives back what a waiting transfer holds, because its time is over.
    pub(crate) fn give_back(&mut self, record: &TransferRecord) -> Result<(), Refusal> {
        let Transfer { id, debit, credit, amount, .. } = &record.transfer;
        let effect = Effect::Settle { held: *amount, posted: None };
        self.move_on(debit, Side::Debit, effect)?;
        self.move_on(credit, Side::Credit, effect)?;
        let expired = TransferRecord { resolution: Some(Resolution::Expired { at: self.at }), ..record.clone() };
        self.transfers.insert(id.clone(), expired);
        Ok(())
    }

    /// The limits, looked at when all lines are booked: within a voucher an account may pass through any balance.
    pub(crate) fn finish(self) -> Result<Booking, Refusal> {
        for (code, account) in &self.accounts {
            let excess = account.excess();
            let before = self.books.account(code).map(Account::excess).unwrap_or_default();
            if excess > before {
                return Err(Refusal::ExceedsLimit { account: code.clone(), excess });
            }
        }
        Ok(Booking::Booked {
            accounts: self.accounts.into_values().collect(),
            transfers: self.transfers.into_values().collect(),
        })
    }

    /// Resolves a pending transfer and says how much it held.
    fn resolve(&mut self, of: &TransferId, transfer: &Transfer, resolution: Resolution) -> Result<Amount, Refusal> {
        let record = self.transfer(of).ok_or_else(|| Refusal::PendingNotFound { of: of.clone() })?;
        let Kind::Pending { expires_at } = record.transfer.kind else {
            return Err(Refusal::NotPending { of: of.clone() });
        };
        match record.resolution {
            Some(Resolution::Posted { .. }) => return Err(Refusal::PendingAlreadyPosted { of: of.clone() }),
            Some(Resolution::Voided { .. }) => return Err(Refusal::PendingAlreadyVoided { of: of.clone() }),
            Some(Resolution::Expired { .. }) => return Err(Refusal::PendingExpired { of: of.clone() }),
            None if expires_at.is_some_and(|end| end < self.at) => {
                return Err(Refusal::PendingExpired { of: of.clone() });
            }
            None => {}
        }
        if (&record.transfer.debit, &record.transfer.credit) != (&transfer.debit, &transfer.credit) {
            return Err(Refusal::PendingOnOtherAccounts { of: of.clone() });
        }
        let held = record.transfer.amount;
        if transfer.amount > held {
            return Err(Refusal::AmountExceedsPending { of: of.clone() });
        }
        let resolved = TransferRecord { resolution: Some(resolution), ..record.clone() };
        self.transfers.insert(of.clone(), resolved);
        Ok(held)
    }

    fn check_reversal(&self, of: &TransferId, transfer: &Transfer) -> Result<(), Refusal> {
        let original = &self.transfer(of).ok_or_else(|| Refusal::OriginalNotFound { of: of.clone() })?.transfer;
        match original.kind {
            Kind::Posted | Kind::PostPending { .. } => {}
            Kind::Pending { .. } | Kind::VoidPending { .. } | Kind::Reversal { .. } => {
                return Err(Refusal::OriginalNotReversible { of: of.clone() });
            }
        }
        if *transfer != Transfer::reversal(original) {
            return Err(Refusal::OriginalDiffers { of: of.clone() });
        }
        Ok(())
    }

    fn transfer(&self, id: &TransferId) -> Option<&TransferRecord> {
        self.transfers.get(id).or_else(|| self.books.transfer(id))
    }

    fn move_on(&mut self, code: &AccountCode, side: Side, effect: Effect) -> Result<(), Refusal> {
        if !self.accounts.contains_key(code) {
            let account = self.books.account(code).ok_or_else(|| Refusal::UnknownAccount { account: code.clone() })?;
            self.accounts.insert(code.clone(), account.clone());
        }
        self.accounts
            .get_mut(code)
            .and_then(|account| account.book(side, effect))
            .ok_or_else(|| Refusal::Overflow { account: code.clone() })
    }
}
