//! Floor 0: what money, days, identifiers, loans and programme rules *are*, for the union, the guarantor and the bank alike.
//!
//! Pure: no IO, no clock, no randomness, no hash-ordered iteration, no floating point. It knows no saga, no message and no
//! organisation's state; it refuses to guess (a missing calendar year, an identifier with a wrong check digit, an amount
//! that overflows are errors or `None`, never a default).
//!
//! Where to look: [`money`], [`time`], [`calendar`], [`party`], [`identifiers`], [`schedule`], [`loan`], [`subsidy`], [`charter`].

pub mod calendar;
pub mod charter;
pub mod class;
pub mod identifiers;
pub mod industry;
pub mod loan;
pub mod money;
pub mod party;
pub mod schedule;
pub mod subsidy;
pub mod time;

pub use calendar::{Calendar, CalendarError, CalendarWarning};
pub use charter::{AutomaticLimits, Charter, CharterError, CharterFlaw, CharterHash, Charters, HotlineRules};
pub use identifiers::{
    ApplicationId, CardNumber, IdentifierError, Mobile, OrganisationCode, ResidentId, Uscc, mask_member_no, mask_name,
};
pub use money::{Amount, AmountError, Fen, Ppm, PpmError};
pub use party::{Party, UnknownParty};
pub use schedule::{Method, Mode};
pub use time::{Date, Moment, MomentError, Term};
