//! The broker's accounts: what reaches a partner, and what nobody may do. With a real nats-server, found or fetched.

use std::path::Path;
use std::time::Duration;

use async_nats::jetstream::{self, consumer, stream};
use async_nats::{Client, ConnectOptions, Event};
use domain::Party::{self, Bank, Guarantor, Union};
use futures::StreamExt;
use nuan::broker::Access::{self, Admin, App};
use nuan::broker::{Broker, Linked, Sync};
use std::collections::BTreeMap;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tools::child::Child;
use tools::tool::NATS_SERVER;

const SOON: Duration = Duration::from_secs(10);

/// The server that each organisation connects to.
type Servers<'a> = BTreeMap<Party, &'a Broker>;

fn one_for_all(broker: &Broker) -> Servers<'_> {
    Party::ALL.into_iter().map(|party| (party, broker)).collect()
}

fn one_for_each(linked: &Linked) -> Servers<'_> {
    Party::ALL.into_iter().map(|party| (party, linked.server(party))).collect()
}

fn start() -> (tempfile::TempDir, Broker) {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(folder.path()).unwrap();
    (folder, broker)
}

/// A connection, and what the server says to it out of turn.
async fn connect(broker: &Broker, party: Party, access: Access) -> (Client, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let client = ConnectOptions::with_nkey(broker.seed(party, access).unwrap())
        .custom_inbox_prefix(format!("_INBOX_{party}"))
        .event_callback(move |event| {
            let tell = tell.clone();
            async move {
                if let Event::ServerError(error) = event {
                    let _ = tell.send(error.to_string());
                }
            }
        })
        .connect(broker.url())
        .await
        .unwrap();
    (client, told)
}

async fn jetstream(broker: &Broker, party: Party, access: Access) -> jetstream::Context {
    jetstream::new(connect(broker, party, access).await.0)
}

/// What a provisioner does: the bounded stream of one partner and its consumer.
async fn provision(broker: &Broker, at: Party, from: Party) -> stream::Stream {
    let admin = jetstream(broker, at, Admin).await;
    let name = format!("FROM_{from}").to_uppercase();
    let stream = admin
        .create_stream(stream::Config {
            name,
            subjects: vec![format!("x.{from}.{at}.>")],
            retention: stream::RetentionPolicy::Interest,
            discard: stream::DiscardPolicy::New,
            max_bytes: 64 * 1024 * 1024,
            ..Default::default()
        })
        .await
        .unwrap();
    stream
        .create_consumer(consumer::pull::Config {
            durable_name: Some("app".to_owned()),
            ack_policy: consumer::AckPolicy::All,
            ..Default::default()
        })
        .await
        .unwrap();
    stream
}

/// The message that the partner's app reads from its stream of that sender, acknowledged.
async fn read_one(broker: &Broker, at: Party, from: Party) -> Vec<u8> {
    let app = jetstream(broker, at, App).await;
    let stream = app.get_stream(format!("FROM_{from}").to_uppercase()).await.unwrap();
    let consumer: consumer::PullConsumer = stream.get_consumer("app").await.unwrap();
    let mut messages = consumer.fetch().max_messages(1).expires(SOON).messages().await.unwrap();
    let message = timeout(SOON, messages.next()).await.unwrap().unwrap().unwrap();
    timeout(SOON, message.double_ack()).await.unwrap().unwrap();
    message.payload.to_vec()
}

async fn stored(broker: &Broker, at: Party, from: Party) -> u64 {
    let admin = jetstream(broker, at, Admin).await;
    let mut stream = admin.get_stream(format!("FROM_{from}").to_uppercase()).await.unwrap();
    stream.info().await.unwrap().state.messages
}

async fn publish(from: &jetstream::Context, subject: &str, payload: &'static str) {
    let acknowledgement = from.publish(subject.to_owned(), payload.into()).await.unwrap();
    timeout(SOON, acknowledgement).await.unwrap().unwrap();
}

async fn each_hears_each_other(servers: &Servers<'_>) {
    for from in Party::ALL {
        for to in Party::ALL.into_iter().filter(|to| *to != from) {
            let there = servers[&to];
            let _ = provision(there, to, from).await;
            publish(&jetstream(servers[&from], from, App).await, &format!("x.{from}.{to}.1"), "hello").await;
            assert_eq!(stored(there, to, from).await, 1, "{from} to {to}");
            assert_eq!(read_one(there, to, from).await, b"hello", "{from} to {to}");
            assert_eq!(stored(there, to, from).await, 0, "acknowledged, so nobody is interested any more");
        }
    }
}

#[tokio::test]
async fn what_each_says_reaches_each_other_and_is_acknowledged() {
    let (_folder, broker) = start();
    each_hears_each_other(&one_for_all(&broker)).await;
}

#[tokio::test]
async fn what_each_says_reaches_each_other_over_leaf_links_too() {
    let folder = tempfile::tempdir().unwrap();
    let linked = Linked::start(folder.path(), Sync::Default).unwrap();
    each_hears_each_other(&one_for_each(&linked)).await;
}

enum Attempt {
    Publish(&'static str),
    Subscribe(&'static str),
}
use Attempt::{Publish, Subscribe};

#[tokio::test]
async fn whatever_is_not_granted_is_refused_by_the_server() {
    let (_folder, broker) = start();
    what_is_not_granted_is_refused(&one_for_all(&broker)).await;
}

#[tokio::test]
async fn whatever_is_not_granted_is_refused_by_linked_servers_too() {
    let folder = tempfile::tempdir().unwrap();
    let linked = Linked::start(folder.path(), Sync::Default).unwrap();
    what_is_not_granted_is_refused(&one_for_each(&linked)).await;
}

async fn what_is_not_granted_is_refused(servers: &Servers<'_>) {
    for at in Party::ALL {
        for from in Party::ALL.into_iter().filter(|from| *from != at) {
            let _ = provision(servers[&at], at, from).await;
        }
    }
    let refused = [
        // Speaking as another, or to oneself in another's name.
        (Union, App, Publish("x.bank.guarantor.1")),
        (Union, App, Publish("x.bank.union.1")),
        (Guarantor, App, Publish("x.union.bank.1")),
        (Bank, App, Publish("x.guarantor.union.1")),
        (Union, App, Publish("x.union.union.1")),
        // Reading what is on its way, or another's replies.
        (Union, App, Subscribe("x.union.bank.>")),
        (Bank, App, Subscribe("x.union.bank.>")),
        (Bank, App, Subscribe(">")),
        (Bank, App, Subscribe("_INBOX.>")),
        (Bank, App, Subscribe("_INBOX_union.>")),
        (Bank, App, Subscribe("$JS.>")),
        // Creating, deleting or emptying anything with the app's key, or reading around the consumer.
        (Bank, App, Publish("$JS.API.STREAM.CREATE.MORE")),
        (Bank, App, Publish("$JS.API.STREAM.DELETE.FROM_UNION")),
        (Bank, App, Publish("$JS.API.STREAM.PURGE.FROM_UNION")),
        (Bank, App, Publish("$JS.API.STREAM.MSG.GET.FROM_UNION")),
        (Bank, App, Publish("$JS.API.CONSUMER.CREATE.FROM_UNION.more")),
        (Bank, App, Publish("$JS.API.CONSUMER.DELETE.FROM_UNION.app")),
        (Union, App, Publish("$JS.API.STREAM.INFO.FROM_UNION")),
        (Union, App, Publish("$JS.API.CONSUMER.MSG.NEXT.FROM_UNION.app")),
        // The provisioner neither speaks nor reads.
        (Union, Admin, Publish("x.union.bank.1")),
        (Bank, Admin, Publish("x.union.bank.1")),
        (Bank, Admin, Publish("$JS.API.CONSUMER.MSG.NEXT.FROM_UNION.app")),
        (Bank, Admin, Publish("$JS.API.STREAM.MSG.GET.FROM_UNION")),
        (Bank, Admin, Subscribe("x.>")),
    ];
    for (party, access, attempt) in refused {
        let (client, mut told) = connect(servers[&party], party, access).await;
        let (subject, kind) = match attempt {
            Publish(subject) => {
                client.publish(subject, "{}".into()).await.unwrap();
                (subject, "Publish")
            }
            Subscribe(subject) => {
                let _ = client.subscribe(subject).await.unwrap();
                (subject, "Subscription")
            }
        };
        client.flush().await.unwrap();
        let error = timeout(SOON, told.recv()).await.unwrap_or_else(|_| panic!("{party} {subject}: not refused"));
        let expected = format!("Permissions Violation for {kind} to \"{subject}\"").to_lowercase();
        assert!(error.clone().unwrap().to_lowercase().contains(&expected), "{party} {subject}: {error:?}");
    }
    for at in Party::ALL {
        for from in Party::ALL.into_iter().filter(|from| *from != at) {
            assert_eq!(stored(servers[&at], at, from).await, 0, "{from} to {at}");
        }
    }
}

/// The union's server in an attacker's hands, with the key of the link to the bank: an account without any limits.
const HOSTILE: &str = r#"
server_name: union
accounts { ALL { users: [ { user: attacker, password: free } ] } }
leafnodes { remotes: [ { url: $BANK, account: ALL, nkey: $SEED } ] }
"#;

#[tokio::test]
async fn partners_server_in_an_attackers_hands_speaks_and_hears_as_that_partner_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut linked = Linked::start(&folder.path().join("brokers"), Sync::Default).unwrap();
    for from in [Union, Guarantor] {
        let _ = provision(linked.server(Bank), Bank, from).await;
    }
    linked.server_mut(Union).unwrap().stop().unwrap();

    let seed = std::fs::read_to_string(folder.path().join("brokers/keys/union-at-bank.nk")).unwrap();
    let configuration = folder.path().join("hostile.conf");
    std::fs::write(&configuration, HOSTILE).unwrap();
    let (log, port) = (folder.path().join("hostile.log"), tools::free_ports().next().unwrap());
    let _server = Child::spawn(&NATS_SERVER.obtain().unwrap().path, |command| {
        command.arg("--config").arg(&configuration).arg("--log").arg(&log);
        command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]);
        command.env("BANK", linked.leaf_url(Bank).unwrap()).env("SEED", seed.trim());
    })
    .unwrap();
    let linked_up = || std::fs::read_to_string(&log).unwrap_or_default().contains("Leafnode connection created");
    timeout(SOON, async {
        while !linked_up() {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    let attacker = ConnectOptions::with_user_and_password("attacker".to_owned(), "free".to_owned());
    let attacker = attacker.connect(format!("nats://127.0.0.1:{port}")).await.unwrap();

    let mut overheard = attacker.subscribe("x.bank.guarantor.>").await.unwrap();
    // What it may say as the union arrives.
    let bank = linked.server(Bank);
    let arrives = async |subject: &'static str| {
        let before = stored(bank, Bank, Union).await;
        for _ in 0..100 {
            attacker.publish(subject, "as itself".into()).await.unwrap();
            if stored(bank, Bank, Union).await > before {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("{subject} does not arrive: {}", std::fs::read_to_string(&log).unwrap());
    };
    arrives("x.union.bank.1").await;
    let hostile = [
        "x.guarantor.bank.1",
        "$JS.API.STREAM.PURGE.FROM_GUARANTOR",
        "$JS.API.STREAM.DELETE.FROM_UNION",
        "$JS.bank.API.STREAM.DELETE.FROM_UNION",
        "$JS.API.CONSUMER.MSG.NEXT.FROM_GUARANTOR.app",
    ];
    for subject in hostile {
        attacker.publish(subject, "{}".into()).await.unwrap();
    }
    // This comes after all that, and arrives: the rest had its chance.
    arrives("x.union.bank.2").await;
    let guarantor = jetstream(linked.server(Guarantor), Guarantor, App).await;
    publish(&guarantor, "x.guarantor.bank.1", "from the guarantor").await;
    assert!(stored(bank, Bank, Union).await >= 2, "its own stream stands");
    assert_eq!(stored(bank, Bank, Guarantor).await, 1, "the guarantor's holds what the guarantor said");
    assert_eq!(read_one(bank, Bank, Guarantor).await, b"from the guarantor");
    // Neither does it hear what passes between the others.
    let _ = provision(linked.server(Guarantor), Guarantor, Bank).await;
    publish(&jetstream(bank, Bank, App).await, "x.bank.guarantor.1", "from the bank").await;
    assert_eq!(read_one(linked.server(Guarantor), Guarantor, Bank).await, b"from the bank");
    assert!(timeout(Duration::from_millis(300), overheard.next()).await.is_err(), "heard what is for another");
}

#[tokio::test]
async fn key_of_a_link_opens_no_connection_of_a_client() {
    let folder = tempfile::tempdir().unwrap();
    let linked = Linked::start(folder.path(), Sync::Default).unwrap();
    let seed = std::fs::read_to_string(folder.path().join("keys/union-at-bank.nk")).unwrap();
    let client = ConnectOptions::with_nkey(seed.trim().to_owned()).connect(linked.server(Bank).url()).await;
    assert!(client.is_err(), "a link's key is no client's");
}

#[tokio::test]
async fn same_named_stream_of_another_organisation_is_another_stream() {
    let (_folder, broker) = start();
    let _ = provision(&broker, Bank, Union).await;
    let _ = provision(&broker, Guarantor, Union).await;
    publish(&jetstream(&broker, Union, App).await, "x.union.bank.1", "for the bank").await;
    assert_eq!((stored(&broker, Bank, Union).await, stored(&broker, Guarantor, Union).await), (1, 0));
}

#[tokio::test]
async fn stranger_is_not_let_in() {
    let (_folder, broker) = start();
    assert!(async_nats::connect(broker.url()).await.is_err(), "without a key");
    let (_other_folder, other) = start();
    let foreign = other.seed(Union, App).unwrap();
    assert!(ConnectOptions::with_nkey(foreign).connect(broker.url()).await.is_err(), "with a key of another programme");
}

#[tokio::test]
async fn stored_messages_outlive_kill_and_stop_but_not_wipe() {
    let (folder, mut broker) = start();
    let _ = provision(&broker, Bank, Union).await;
    let union = jetstream(&broker, Union, App).await;
    let url = broker.url();

    publish(&union, "x.union.bank.1", "before the kill").await;
    broker.kill().unwrap();
    assert_eq!(broker.process_id(), None);
    broker.restart().unwrap();
    assert_eq!((broker.url(), stored(&broker, Bank, Union).await), (url.clone(), 1));
    publish(&union, "x.union.bank.2", "the connection came back by itself").await;

    broker.stop().unwrap();
    broker.restart().unwrap();
    assert_eq!(stored(&broker, Bank, Union).await, 2);

    broker.wipe().unwrap();
    broker.restart().unwrap();
    let admin = jetstream(&broker, Bank, Admin).await;
    assert!(admin.get_stream("FROM_UNION").await.is_err(), "all is gone");
    let _ = provision(&broker, Bank, Union).await;
    assert_eq!(stored(&broker, Bank, Union).await, 0);

    // A broker started anew in the same folder keeps keys and messages.
    publish(&jetstream(&broker, Union, App).await, "x.union.bank.3", "kept").await;
    drop(broker);
    let broker = Broker::start(folder.path()).unwrap();
    assert_eq!(read_one(&broker, Bank, Union).await, b"kept");
}

#[tokio::test]
async fn folder_with_a_space_and_a_relative_name_serves() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let relative = Path::new(folder.path().file_name().unwrap()).join("a broker");
    let broker = Broker::start(&relative).unwrap();
    let _ = provision(&broker, Bank, Union).await;
    assert!(relative.join("store").is_dir(), "its store lies in its folder");
}

#[test]
fn key_files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, broker) = start();
    for party in Party::ALL {
        for access in [Admin, App] {
            let mode = std::fs::metadata(broker.seed_path(party, access)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{party} {access:?}");
        }
    }
}

#[test]
fn reason_of_a_broker_that_does_not_start_is_its_last_word() {
    let folder = tempfile::tempdir().unwrap();
    drop(Broker::start(folder.path()).unwrap());
    // A file where the store should be: the server cannot start.
    std::fs::remove_dir_all(folder.path().join("store")).ok();
    std::fs::write(folder.path().join("store"), "").unwrap();
    let line = Broker::start(folder.path()).unwrap_err().to_string();
    assert!(line.starts_with("broker: nats-server ended at start: Can't start JetStream: storage directory"), "{line}");
    assert!(!line.contains('\n'), "{line}");
}
