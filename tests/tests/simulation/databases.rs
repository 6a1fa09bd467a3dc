//! The failure matrix on real databases: whatever the three come to in memory, the writer's own code comes to on SQLite and on
//! PostgreSQL, commit by commit: the same messages, the same orders, and in the end the same rows, tasks, incidents and books.

use crate::{
    cast::{self, Channel, Setup},
    matrix::{check_in, rows_of},
};
use bank_core::Bank;
use contracts::wire::decode;
use domain::Party;
use guarantor_core::Guarantor;
use nuan::databases::Databases;
use organisation::{Organisation, Row};
use party::{store::Location, writer::stage::Stage};
use saga::testing::Scenario;
use serde_json::{Value, json};
use simulation::{Mirror, Took, World, typed};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};
use tokio::runtime::Runtime;
use tools::postgres::Server;
use union_core::Union;

/// One organisation on a database.
struct Held<O: Organisation> {
    runtime: Rc<Runtime>,
    stage: Rc<RefCell<Stage<O>>>,
}

impl<O: Organisation> Held<O> {
    fn open(runtime: &Rc<Runtime>, organisation: O, location: Location) -> Self {
        let stage = runtime.block_on(Stage::open(organisation, location)).unwrap();
        Held { runtime: Rc::clone(runtime), stage: Rc::new(RefCell::new(stage)) }
    }

    fn again(&self) -> Self {
        Held { runtime: Rc::clone(&self.runtime), stage: Rc::clone(&self.stage) }
    }

    /// Whether the database holds what the world holds in memory.
    fn agrees(&self, world: &World) -> Result<(), String> {
        let shell = world.shell::<O>().unwrap();
        let readers = self.stage.borrow().readers();
        let (mut tasks, mut incidents, mut books, mut transfers) =
            (Vec::new(), Vec::new(), BTreeMap::new(), Vec::new());
        for (key, stored) in shell.stored() {
            match &stored.row {
                Row::Own(row) => {
                    let found = self.runtime.block_on(readers.state(&key.to_string()));
                    let found = found.map_err(|error| error.to_string())?.ok_or(format!("`{key}` is missing"))?;
                    let body: Value = serde_json::from_str(&found.body).unwrap();
                    let index = &stored.index;
                    let there = (found.version, found.status.as_str(), found.ended, body);
                    let here = (stored.version, index.status, index.ended, json!(row));
                    ensure(&format!("`{key}`"), &there, &here)?;
                    tasks.extend(index.tasks.iter().map(|task| json!(task)));
                    incidents.extend(index.incidents.iter().map(|incident| json!(incident)));
                }
                Row::Account(account) => drop(books.insert(account.code().to_string(), account.balance().get())),
                Row::Transfer(transfer) => transfers.push(transfer.transfer.id.to_string()),
            }
        }
        let read =
            |bodies: Vec<String>| sorted(bodies.iter().map(|body| serde_json::from_str(body).unwrap()).collect());
        let found = self.runtime.block_on(readers.tasks(None, None, (i64::MIN, ""), 1000)).unwrap();
        ensure("tasks", &read(found), &sorted(tasks))?;
        let found = self.runtime.block_on(readers.incidents("", 1000)).unwrap();
        ensure("incidents", &read(found.into_iter().map(|(_, body)| body).collect()), &sorted(incidents))?;
        let found = self.runtime.block_on(readers.balances("", "", 1000)).unwrap();
        ensure("books", &found.into_iter().map(|one| (one.code, one.balance_fen)).collect(), &books)?;
        let mut found: Vec<String> =
            self.runtime.block_on(readers.transfers(0, 1000)).unwrap().into_iter().map(|row| row.id).collect();
        found.sort_unstable();
        transfers.sort_unstable();
        ensure("transfers", &found, &transfers)
    }
}

fn sorted(mut values: Vec<Value>) -> Vec<Value> {
    values.sort_by_key(ToString::to_string);
    values
}

fn ensure<T: PartialEq + std::fmt::Debug>(what: &str, there: &T, here: &T) -> Result<(), String> {
    if there == here { Ok(()) } else { Err(format!("{what}: in the database {there:?}, in memory {here:?}")) }
}

impl<O: Organisation> Mirror for Held<O> {
    fn take(&mut self, took: &Took<'_>) -> Result<(), String> {
        let inputs = took.inputs.iter().map(typed).collect::<Result<Vec<_>, _>>()?;
        let staged = self.runtime.block_on(self.stage.borrow_mut().take(inputs, took.at))?;
        for (partner, messages) in &staged.messages {
            let said = messages.iter().map(|bytes| decode(bytes, O::PARTY, *partner).map(|received| received.message));
            let said: Vec<_> = said.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
            let to = took.messages.iter().filter(|message| message.kind().route().1 == *partner);
            ensure(&format!("said to the {partner}"), &said, &to.map(|message| (*message).clone()).collect())?;
        }
        let said: usize = staged.messages.values().map(Vec::len).sum();
        ensure("number of messages", &said, &took.messages.len())?;
        ensure("orders", &staged.orders.iter().collect(), &took.orders)
    }
}

/// The three, each on a database of its own.
struct Houses {
    union: Held<Union>,
    guarantor: Held<Guarantor>,
    bank: Held<Bank>,
}

impl Houses {
    fn open(runtime: &Rc<Runtime>, setup: Setup, at: impl Fn(Party) -> Location) -> Self {
        let (union, guarantor, bank) = cast::organisations(setup);
        Houses {
            union: Held::open(runtime, union, at(Party::Union)),
            guarantor: Held::open(runtime, guarantor, at(Party::Guarantor)),
            bank: Held::open(runtime, bank, at(Party::Bank)),
        }
    }

    fn mirror(&self, world: World) -> World {
        world
            .mirrored(Party::Union, self.union.again())
            .mirrored(Party::Guarantor, self.guarantor.again())
            .mirrored(Party::Bank, self.bank.again())
    }

    fn agree(&self, world: &World) -> Result<(), String> {
        self.union.agrees(world)?;
        self.guarantor.agrees(world)?;
        self.bank.agrees(world)
    }
}

fn runtime() -> Rc<Runtime> {
    Rc::new(tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap())
}

/// One row of the matrix, its three databases fresh.
fn check(
    row: &Scenario,
    reversed: bool,
    channel: Channel,
    runtime: &Rc<Runtime>,
    at: impl Fn(Party) -> Location,
) -> Result<(), String> {
    let houses = RefCell::new(None);
    let world = |setup: Setup| {
        let opened = Houses::open(runtime, setup, &at);
        let world = opened.mirror(cast::empty(setup));
        *houses.borrow_mut() = Some(opened);
        world
    };
    let world = check_in(row, reversed, channel, &world)?;
    houses.take().unwrap().agree(&world)
}

fn none_failed(failed: &[String]) {
    assert!(failed.is_empty(), "{} rows:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn every_fault_at_every_step_comes_to_the_same_on_sqlite() {
    let runtime = runtime();
    let mut failed = Vec::new();
    for channel in Channel::BOTH {
        for row in rows_of(channel) {
            let folder = tempfile::tempdir().unwrap();
            let at = |party: Party| Location::File(folder.path().join(format!("{party}.db")));
            let outcome = check(&row, false, channel, &runtime, at);
            failed.extend(outcome.err().map(|why| format!("{channel:?} {row}: {why}")));
        }
    }
    none_failed(&failed);
}

#[test]
fn each_fault_at_the_last_step_that_it_can_befall_comes_to_the_same_on_postgresql() {
    let runtime = runtime();
    let server = Server::start().unwrap();
    let mut failed = Vec::new();
    for channel in Channel::BOTH {
        // The last step is the one with most to undo.
        let last: BTreeMap<_, _> = rows_of(channel).into_iter().map(|row| (row.fault, row)).collect();
        for row in last.values() {
            let databases = runtime.block_on(Databases::create(&server.url("postgres").into())).unwrap();
            let urls = databases.urls();
            let outcome = check(row, false, channel, &runtime, |party| Location::Server(urls[&party].clone()));
            failed.extend(outcome.err().map(|why| format!("{channel:?} {row}: {why}")));
        }
    }
    none_failed(&failed);
}

#[test]
fn an_organisation_that_decides_otherwise_is_found_out() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    let at = |party: Party| Location::File(folder.path().join(format!("{party}.db")));
    let setup = Setup::default();
    let (.., bank) = cast::organisations(setup);
    let other = Bank { core_banking: bank_core::CoreBanking::OwnLedger, ..bank };
    let world = cast::empty(setup).mirrored(Party::Bank, Held::open(&runtime, other, at(Party::Bank)));
    let row = rows_of(Channel::Standard).into_iter().find(|row| row.step == "disburse").unwrap();
    let world = RefCell::new(Some(world));
    let outcome = check_in(&row, false, Channel::Standard, &|_| world.take().unwrap()).map(drop);
    assert!(outcome.is_err_and(|why| why.contains("in the database")), "nobody noticed");
}
