//! The replay shell: an organisation's recorded inputs, decided again by the core of this build, and compared.
//!
//! A [`Recording`] is the journal of one organisation with the frames that its rows speak of, and the rows from which it
//! starts; [`Recorder`] makes it, line by line. [`replay`] feeds its inputs to the very functions that the live service runs,
//! at the recorded times, and holds what they decide now against what was decided then: facts, refusals, messages with every
//! field but the trace's, bookings, deadlines, tasks, and the hash of every commit's rows. The [`Report`] says what differs in
//! the programme's words; an [`Expected`] file names the differences that are meant.
//!
//! Two lanes run beside each other. In the first every input is decided on the state as it was *then*: after a difference
//! it goes on from what was recorded, so that each difference it finds stands for itself. In the second, which begins at the
//! first difference, this build goes on from what it has decided itself: what differs only there *follows* from a
//! difference before. Recorded inputs are always fed. Where this build would have said something else to a partner, the answer
//! that was recorded is no answer to it: what is decided on it is *unknown*, never equal.
//!
//! Pure: no clock, no IO, no randomness. It checks that a recording is whole and signed, and refuses one that is not.

mod compare;
mod decision;
mod diff;
mod expected;
mod feed;
mod pseudonyms;
mod recorder;
mod recording;
mod report;
mod three;
mod wire;

pub use compare::{Alter, Build, replay};
pub use decision::comparable;
pub use diff::messages_that_differ;
pub use diff::{Change, changes};
pub use expected::{Expected, ExpectedError};
pub use feed::{refused_as, words};
pub use pseudonyms::pseudonymise;
pub use recorder::{Recorder, Start};
pub use recording::{
    End, FORMAT, Frame, Header, KeyChanged, Kind, Line, Recording, Row, Snapshot, State, Wrong, line_of_frame,
    messages_of_this_build,
};
pub use report::{Difference, Report, Standing, Summary};
pub use three::{Network, Ran, end_of, states_that_differ, three};
pub use wire::{receiver, said, was_asked};
