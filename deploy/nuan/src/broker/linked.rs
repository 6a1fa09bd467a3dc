//! Three nats-servers on loopback, one for each organisation, joined by leaf links: what production has.
//!
//! Guarantor and bank listen for links; the union dials both, the guarantor the bank. Each link ends in an account of its own
//! on either side, which holds nothing but what may cross between these two.

use super::{Broker, BrokerError, Sync, failed, key_in};
use domain::Party;
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};
use tools::free_ports;

/// Who dials whom.
const LINKS: [(Party, Party); 3] =
    [(Party::Union, Party::Guarantor), (Party::Union, Party::Bank), (Party::Guarantor, Party::Bank)];
/// In which order they start: whoever listens before whoever dials.
const ORDER: [Party; 3] = [Party::Bank, Party::Guarantor, Party::Union];
/// How long the links may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A server for each organisation.
#[derive(Debug)]
pub struct Linked {
    servers: BTreeMap<Party, Broker>,
    /// Where those listen that others dial.
    leaf_urls: BTreeMap<Party, String>,
}

impl Linked {
    /// Starts the three, each with its files in a folder of its own in `folder`, and returns when they are linked.
    ///
    /// Blocks as [`Broker::start`] does.
    ///
    /// # Errors
    /// As [`Broker::start`]; a server that finds no link in time is [`BrokerError::Silent`].
    pub fn start(folder: &Path, sync: Sync) -> Result<Self, BrokerError> {
        let keys = folder.join("keys");
        fs::create_dir_all(&keys).map_err(failed("create", &keys))?;
        let mut link_keys = BTreeMap::new();
        for (from, to) in LINKS {
            let path = keys.join(format!("{from}-at-{to}.nk"));
            let key = key_in(&path)?;
            let seed = key.seed().map_err(|error| BrokerError::Key { path, reason: error.to_string() })?;
            link_keys.insert(format!("{from}_AT_{to}_PUB").to_uppercase(), key.public_key());
            link_keys.insert(format!("{from}_AT_{to}_SEED").to_uppercase(), seed);
        }
        // Two ports are chosen before anybody binds them. If one is taken meanwhile, the next two.
        let mut ports = free_ports();
        let mut last = None;
        for _ in 0..10 {
            let (Some(bank), Some(guarantor)) = (ports.next(), ports.next()) else { break };
            let mut environment = link_keys.clone();
            let mut leaf_urls = BTreeMap::new();
            for (party, port) in [(Party::Bank, bank), (Party::Guarantor, guarantor)] {
                let (name, url) = (party.as_str().to_uppercase(), format!("nats-leaf://127.0.0.1:{port}"));
                environment.insert(format!("{name}_LEAF_LISTEN"), format!("127.0.0.1:{port}"));
                environment.insert(format!("{name}_LEAF_URL"), url.clone());
                leaf_urls.insert(party, url);
            }
            let servers = ORDER.into_iter().map(|party| {
                let own = environment_of(party, &environment);
                Ok((party, Broker::start_as(&folder.join(party.as_str()), &keys, configuration(party), sync, own)?))
            });
            match servers.collect::<Result<_, BrokerError>>() {
                Err(error) if error.is_taken_port() => last = Some(error),
                Err(error) => return Err(error),
                Ok(servers) => {
                    let linked = Self { servers, leaf_urls };
                    linked.wait_for_links()?;
                    return Ok(linked);
                }
            }
        }
        Err(last.unwrap_or(BrokerError::Silent { log: folder.to_owned() }))
    }

    /// One of the servers.
    pub fn server(&self, party: Party) -> &Broker {
        // `start` makes one for each.
        &self.servers[&party]
    }

    /// The same, to do something to it.
    pub fn server_mut(&mut self, party: Party) -> Option<&mut Broker> {
        self.servers.get_mut(&party)
    }

    /// By which address each organisation reaches its own server.
    pub fn urls(&self) -> BTreeMap<Party, String> {
        self.servers.iter().map(|(party, server)| (*party, server.url())).collect()
    }

    /// Where this organisation's server listens for links; the union's does not.
    pub fn leaf_url(&self, party: Party) -> Option<&str> {
        self.leaf_urls.get(&party).map(String::as_str)
    }

    /// The servers' process ids, of those that are up.
    pub fn process_ids(&self) -> Vec<u32> {
        self.servers.values().filter_map(Broker::process_id).collect()
    }

    /// Waits until each server has said of as many links as it has to have that they are up.
    fn wait_for_links(&self) -> Result<(), BrokerError> {
        let until = Instant::now() + PATIENCE;
        for (party, server) in &self.servers {
            let wanted = LINKS.iter().filter(|(from, to)| from == party || to == party).count();
            loop {
                let log = fs::read_to_string(server.log()).unwrap_or_default();
                if log.matches("Leafnode connection created").count() >= wanted {
                    break;
                }
                if Instant::now() > until {
                    return Err(BrokerError::Silent { log: server.log() });
                }
                sleep(super::LOOK_EVERY);
            }
        }
        Ok(())
    }
}

/// What one server is told of the others: its own secrets, and of theirs the public keys alone.
fn environment_of(party: Party, all: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let own = format!("{party}_AT_").to_uppercase();
    let may_have = |name: &str| !name.ends_with("_SEED") || name.starts_with(&own);
    all.iter().filter(|(name, _)| may_have(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

const fn configuration(party: Party) -> &'static str {
    match party {
        Party::Union => include_str!("union.conf"),
        Party::Guarantor => include_str!("guarantor.conf"),
        Party::Bank => include_str!("bank.conf"),
    }
}
