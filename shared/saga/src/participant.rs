//! The asked side: what a party owes to a key under which it was asked. One small state machine per key.
//!
//! Pure. It holds no work of its own: it says when to begin, cancel or undo work and what to answer, and remembers the
//! answer so that the same question always gets the same one. It never forgets a key: an undo or a closing that came
//! before its original leaves a tombstone, on which the late original founders.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What is known about one key. Absent keys are [`Request::Unheard`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request<A> {
    /// Nothing was asked under this key.
    #[default]
    Unheard,
    /// Work has begun and can still be cancelled.
    Open,
    /// Work was handed to where it cannot be called back (a core banking system) and its outcome is not known.
    InDoubt {
        /// What was asked for meanwhile and is answered once the outcome is known.
        wanted: Option<Wanted>,
    },
    /// Done, with the answer to repeat.
    Done(A),
    /// Refused without effect, with the answer to repeat.
    Refused(A),
    /// Done, and being undone.
    Undoing(A),
    /// Undone, or never to be done.
    Undone,
    /// Closed: nothing was done under it and nothing ever will be.
    Closed,
}

/// What the asking side wants of work in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    /// Its undo.
    Undo,
    /// Its key closed.
    Close,
}

/// What happens to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<A> {
    /// The original question, first or again.
    Ask,
    /// The question what became of it.
    Query,
    /// The request to undo.
    Undo,
    /// The request to close the key.
    Close,
    /// The work was handed to where it cannot be called back.
    HandedOver,
    /// The work is done.
    Finished(A),
    /// The work came to nothing, for good.
    Declined(A),
    /// The undo is done.
    UndoFinished,
    /// The undo is not possible; the answer says why.
    UndoDeclined(A),
}

impl<A> Input<A> {
    const fn name(&self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Query => "query",
            Self::Undo => "undo",
            Self::Close => "close",
            Self::HandedOver => "handed over",
            Self::Finished(_) => "finished",
            Self::Declined(_) => "declined",
            Self::UndoFinished => "undo finished",
            Self::UndoDeclined(_) => "undo declined",
        }
    }
}

/// Work for the party to do within the same decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// Begin what was asked.
    Begin,
    /// Give up what was begun: it has no effect yet.
    Cancel,
    /// Undo what was done; report `UndoFinished` or `UndoDeclined`, now or later.
    Undo,
}

/// The answer to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply<A> {
    /// It is done.
    Done(A),
    /// It is refused.
    Refused(A),
    /// Whether it was done is not known yet.
    Unknown,
    /// Nothing is known under this key: the original has not come.
    NeverAsked,
    /// It is undone, or will never be done.
    Undone,
    /// It is done and cannot be undone.
    UndoRefused(A),
    /// The key is closed.
    Closed,
}

/// What an input leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<A> {
    /// Work for the party.
    pub work: Option<Work>,
    /// The answer to send; none while work is going on.
    pub reply: Option<Reply<A>>,
}

/// An input that does not fit the state: a defect of the party's own code. Names both.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a request that is {state} has no use for {input}")]
pub struct IllegalInput {
    /// Where the key was.
    pub state: &'static str,
    /// What was put in.
    pub input: &'static str,
}

impl<A> Request<A> {
    /// One word or two for people.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unheard => "unheard",
            Self::Open => "open",
            Self::InDoubt { .. } => "in doubt",
            Self::Done(_) => "done",
            Self::Refused(_) => "refused",
            Self::Undoing(_) => "undoing",
            Self::Undone => "undone",
            Self::Closed => "closed",
        }
    }
}

impl<A> fmt::Display for Request<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<A: Clone + PartialEq> Request<A> {
    /// The state after `input`, and what to do and to answer.
    ///
    /// # Errors
    /// The party reported work that it was not doing.
    pub fn on(&self, input: &Input<A>) -> Result<(Self, Response<A>), IllegalInput> {
        use Input as I;
        use Request as R;
        Ok(match (self, input) {
            // The original question.
            (R::Unheard, I::Ask) => (R::Open, work(Work::Begin)),
            (R::Open | R::Undoing(_), I::Ask) => (self.clone(), quiet()),
            (R::InDoubt { .. }, I::Ask) => (self.clone(), reply(Reply::Unknown)),
            // The question what became of it.
            (R::Unheard, I::Query) => (R::Unheard, reply(Reply::NeverAsked)),
            (R::Open | R::InDoubt { .. }, I::Query) => (self.clone(), reply(Reply::Unknown)),
            (R::Undoing(answer), I::Query) => (self.clone(), reply(Reply::Done(answer.clone()))),
            // What is settled is repeated.
            (R::Done(answer), I::Ask | I::Query | I::Close) => (self.clone(), reply(Reply::Done(answer.clone()))),
            (R::Refused(answer), I::Ask | I::Query) => (self.clone(), reply(Reply::Refused(answer.clone()))),
            (R::Undone, I::Ask | I::Query | I::Undo) => (R::Undone, reply(Reply::Undone)),
            (R::Closed, I::Ask | I::Query | I::Close) => (R::Closed, reply(Reply::Closed)),
            // Undo. Before its original it leaves a tombstone; while the work is open the work is cancelled.
            (R::Unheard, I::Undo) => (R::Undone, reply(Reply::Undone)),
            (R::Open, I::Undo) => (R::Undone, Response { work: Some(Work::Cancel), reply: Some(Reply::Undone) }),
            (R::InDoubt { .. }, I::Undo) => (R::InDoubt { wanted: Some(Wanted::Undo) }, reply(Reply::Unknown)),
            (R::Done(answer), I::Undo) => (R::Undoing(answer.clone()), work(Work::Undo)),
            (R::Undoing(_), I::Undo) => (self.clone(), quiet()),
            (R::Refused(_) | R::Closed, I::Undo) => (R::Undone, reply(Reply::Undone)),
            // Close. Only where nothing was done.
            (R::Unheard, I::Close) => (R::Closed, reply(Reply::Closed)),
            (R::Open, I::Close) => (R::Closed, Response { work: Some(Work::Cancel), reply: Some(Reply::Closed) }),
            (R::InDoubt { wanted: Some(Wanted::Undo) }, I::Close) => (self.clone(), reply(Reply::Unknown)),
            (R::InDoubt { .. }, I::Close) => (R::InDoubt { wanted: Some(Wanted::Close) }, reply(Reply::Unknown)),
            (R::Refused(_), I::Close) | (R::Undone, I::Close) => (R::Closed, reply(Reply::Closed)),
            (R::Undoing(answer), I::Close) => (self.clone(), reply(Reply::Done(answer.clone()))),
            // The party's own reports.
            (R::Open, I::HandedOver) => (R::InDoubt { wanted: None }, quiet()),
            (R::Open | R::InDoubt { wanted: None | Some(Wanted::Close) }, I::Finished(answer)) => {
                (R::Done(answer.clone()), reply(Reply::Done(answer.clone())))
            }
            (R::InDoubt { wanted: Some(Wanted::Undo) }, I::Finished(answer)) => {
                (R::Undoing(answer.clone()), work(Work::Undo))
            }
            (R::Open | R::InDoubt { wanted: None }, I::Declined(answer)) => {
                (R::Refused(answer.clone()), reply(Reply::Refused(answer.clone())))
            }
            (R::InDoubt { wanted: Some(Wanted::Close) }, I::Declined(_)) => (R::Closed, reply(Reply::Closed)),
            (R::InDoubt { wanted: Some(Wanted::Undo) }, I::Declined(_)) => (R::Undone, reply(Reply::Undone)),
            (R::Undoing(_), I::UndoFinished) => (R::Undone, reply(Reply::Undone)),
            // It stays done, so that the undo may be asked for again after a repair.
            (R::Undoing(answer), I::UndoDeclined(why)) => {
                (R::Done(answer.clone()), reply(Reply::UndoRefused(why.clone())))
            }
            // A report that comes twice changes nothing.
            (R::Done(known), I::Finished(answer)) | (R::Refused(known), I::Declined(answer)) if known == answer => {
                (self.clone(), quiet())
            }
            (R::InDoubt { .. }, I::HandedOver) | (R::Undone, I::UndoFinished) => (self.clone(), quiet()),
            (_, I::HandedOver | I::Finished(_) | I::Declined(_) | I::UndoFinished | I::UndoDeclined(_)) => {
                return Err(IllegalInput { state: self.name(), input: input.name() });
            }
        })
    }
}

const fn quiet<A>() -> Response<A> {
    Response { work: None, reply: None }
}

const fn work<A>(work: Work) -> Response<A> {
    Response { work: Some(work), reply: None }
}

const fn reply<A>(reply: Reply<A>) -> Response<A> {
    Response { work: None, reply: Some(reply) }
}
