//! The books as far as a decision sees them, and what booking changes in them.
//! It refuses to change anything before the whole voucher is known to stand.

use std::collections::BTreeMap;

use domain::Moment;
use serde::{Deserialize, Serialize};

use crate::{
    Account, AccountCode, Kind, Refusal, Resolution, TransferId, TransferRecord, TrialBalance, Voucher, draft::Draft,
    trial_balance,
};

/// Accounts and transfers by code and id: all that an organisation has, or the part that a voucher names. A transfer that
/// is not in it does not exist, so a caller that loads rows must have looked for all of [`Voucher::transfer_ids`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    accounts: BTreeMap<AccountCode, Account>,
    transfers: BTreeMap<TransferId, TransferRecord>,
}

/// What booking a voucher comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Booking {
    /// The same voucher was booked before; nothing to change.
    Already,
    /// The rows to write, in the order of their keys.
    Booked {
        /// Accounts with their new sums.
        accounts: Vec<Account>,
        /// New transfers, and pending ones that are now resolved.
        transfers: Vec<TransferRecord>,
    },
}

impl Books {
    /// Opens an account, or puts one as it was stored; one under the same code is replaced.
    pub fn open(&mut self, account: Account) {
        self.accounts.insert(account.code().clone(), account);
    }

    /// Puts a transfer as it was stored.
    pub fn record(&mut self, record: TransferRecord) {
        self.transfers.insert(record.transfer.id.clone(), record);
    }

    /// An account, if it is open.
    pub fn account(&self, code: &AccountCode) -> Option<&Account> {
        self.accounts.get(code)
    }

    /// A transfer, if it exists.
    pub fn transfer(&self, id: &TransferId) -> Option<&TransferRecord> {
        self.transfers.get(id)
    }

    /// The accounts in the order of codes.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// The transfers in the order of ids.
    pub fn transfers(&self) -> impl Iterator<Item = &TransferRecord> {
        self.transfers.values()
    }

    /// Says what booking the voucher at this business time would change, and changes nothing.
    ///
    /// # Errors
    /// [`Refusal`], by precedence.
    pub fn decide(&self, voucher: &Voucher, at: Moment) -> Result<Booking, Refusal> {
        let lines = voucher.transfers.len();
        let lines = u16::try_from(lines).map_err(|_| Refusal::TooManyLines { lines })?;
        let mut draft = Draft::new(self, at);
        draft.check_form(voucher)?;
        draft.check_accounts(voucher)?;
        if draft.is_booked(voucher, lines)? {
            return Ok(Booking::Already);
        }
        for (line, transfer) in (1_u16..).zip(&voucher.transfers) {
            draft.book(voucher, line, lines, transfer)?;
        }
        draft.finish()
    }

    /// Books the voucher at this business time; a second time it changes nothing.
    ///
    /// # Errors
    /// [`Refusal`], by precedence; then nothing was changed.
    pub fn post(&mut self, voucher: &Voucher, at: Moment) -> Result<Booking, Refusal> {
        let booking = self.decide(voucher, at)?;
        self.apply(&booking);
        Ok(booking)
    }

    /// Writes the rows of a booking.
    pub fn apply(&mut self, booking: &Booking) {
        if let Booking::Booked { accounts, transfers } = booking {
            for account in accounts {
                self.open(account.clone());
            }
            for record in transfers {
                self.record(record.clone());
            }
        }
    }

    /// The pending transfers whose time is over at `now`, by (end, id).
    ///
    /// An end is the last moment at which posting is still possible: within that instant a posting goes before the expiry
    /// (DESIGN.md "Time": messages, then timers), after it the posting is refused whether the expiry was recorded or not.
    pub fn due_expiries(&self, now: Moment) -> Vec<TransferId> {
        let mut due: Vec<(Moment, &TransferId)> = self
            .transfers
            .iter()
            .filter_map(|(id, record)| record.expires_at().map(|end| (end, id)))
            .filter(|(end, _)| *end <= now)
            .collect();
        due.sort_unstable();
        due.into_iter().map(|(_, id)| id.clone()).collect()
    }

    /// Gives back a pending transfer whose time is over; a second time it changes nothing.
    ///
    /// # Errors
    /// [`Refusal::PendingNotFound`], [`NotPending`](Refusal::NotPending),
    /// [`PendingAlreadyPosted`](Refusal::PendingAlreadyPosted), [`PendingAlreadyVoided`](Refusal::PendingAlreadyVoided),
    /// [`NotDue`](Refusal::NotDue), [`UnknownAccount`](Refusal::UnknownAccount); then nothing was changed.
    pub fn expire(&mut self, of: &TransferId, now: Moment) -> Result<Booking, Refusal> {
        let record = self.transfer(of).ok_or_else(|| Refusal::PendingNotFound { of: of.clone() })?;
        let Kind::Pending { expires_at } = record.transfer.kind else {
            return Err(Refusal::NotPending { of: of.clone() });
        };
        match record.resolution {
            Some(Resolution::Posted { .. }) => return Err(Refusal::PendingAlreadyPosted { of: of.clone() }),
            Some(Resolution::Voided { .. }) => return Err(Refusal::PendingAlreadyVoided { of: of.clone() }),
            Some(Resolution::Expired { .. }) => return Ok(Booking::Already),
            None => {}
        }
        if expires_at.is_none_or(|end| end > now) {
            return Err(Refusal::NotDue { of: of.clone() });
        }
        let mut draft = Draft::new(self, now);
        draft.give_back(record)?;
        let booking = draft.finish()?;
        self.apply(&booking);
        Ok(booking)
    }

    /// The trial balance of all its accounts (DOMAIN.md I1).
    pub fn trial_balance(&self) -> TrialBalance {
        trial_balance(self.accounts())
    }
}
