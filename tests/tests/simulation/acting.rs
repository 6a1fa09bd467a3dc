//! Everybody does what is asked of them, until a time.

use crate::{
    cast::{FAR, kindly},
    core_banking::CoreBanking,
    invariants::Watch,
};
use domain::Moment;
use organisation::OpenTask;
use simulation::{Act, World};

/// Officers see to their tasks, but for those that are `left`; borrowers do what `borrowers` says. What must hold does after every input.
pub fn play(
    world: &mut World,
    until: Moment,
    left: impl Fn(&OpenTask) -> bool,
    borrowers: impl Fn(&World) -> Option<Act>,
) {
    let (mut core, mut watch) = (CoreBanking::default(), Watch::default());
    let mut outside = |world: &World| core.act(world).or_else(|| kindly(world, &left)).or_else(|| borrowers(world));
    while world.turn(until, &mut outside).unwrap() {
        watch.hold(world).unwrap();
    }
    if until < FAR {
        world.pass_to(until);
    }
}
