//! The sagas of one application: its origination, its requests for relief, its claims for subsidies. What is common to them (timers, tasks
//! that change hands, repairs, answers under a key) finds its saga here.

use crate::{
    Reason, Role, Union,
    application::Application,
    decide,
    origination::Origination,
    relief,
    subsidy::{self, Claim},
};
use domain::subsidy::Period;
use organisation::Stop;
use saga::{Event, Run};

/// One of the sagas of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// From the filing to the pay-out.
    Origination,
    /// The request for relief of this number.
    Relief(u32),
    /// The claim for this period.
    Subsidy(Period),
}

impl Application {
    /// Its sagas; of a claim the one that is under way, or was last.
    pub fn processes(&self) -> impl Iterator<Item = (Process, &Run<Role, Reason>)> {
        let reliefs = self.reliefs.iter().map(|relief| (Process::Relief(relief.no), &relief.run));
        let claims =
            self.claims.iter().filter_map(|claim: &Claim| Some((Process::Subsidy(claim.period), claim.run()?)));
        [(Process::Origination, &self.run)].into_iter().chain(reliefs).chain(claims)
    }

    /// The saga that has opened this step last.
    pub fn process_with(&self, step: &str) -> Option<(Process, &Run<Role, Reason>)> {
        self.processes().filter(|(_, run)| run.step(step).is_some()).last()
    }

    /// The saga in which something was asked under this key, or under another attempt of it, and the step that asked.
    pub fn asked_under(&self, key: &str) -> Option<(Process, String)> {
        self.processes().find_map(|(process, run)| {
            let mut steps = run.steps.iter();
            let step = steps.find(|(_, step)| step.key.as_deref().is_some_and(|one| same_stem(one, key)));
            step.map(|(name, _)| (process, name.clone()))
        })
    }
}

/// Keys of one step differ in their attempt.
fn same_stem(one: &str, key: &str) -> bool {
    let stem = |key: &str| key.rsplit_once(':').map(|(stem, _)| stem.to_owned());
    stem(one) == stem(key)
}

/// Feeds one event to one of the sagas.
pub(crate) fn drive(union: &Union, w: &mut Origination, process: Process, event: Event<Reason>) -> Result<(), Stop> {
    match process {
        Process::Origination => decide::drive(union, w, event).map(drop),
        Process::Relief(no) => relief::saga::drive(w, no, event),
        Process::Subsidy(period) => subsidy::saga::drive(w, period, event),
    }
}
