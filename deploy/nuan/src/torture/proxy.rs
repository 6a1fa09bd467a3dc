//! A proxy between each organisation and the broker, which knows NATS's framing and makes trouble with what the organisation
//! publishes: frames and acknowledgements doubled, held back and so out of order; or what it says to one partner dropped.
//!
//! What the broker says comes through untouched, and so does everything else that a client says (subscriptions, pulls,
//! provisioning). It understands no frame, and never changes one: that is what the forgery tests do.

use super::random::Random;
use anyhow::Context;
use domain::Party;
use party::nats::subject;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    time::sleep,
};

/// How long a message is held back at most.
const HELD_BACK: Duration = Duration::from_millis(250);
/// How long one in [`RARELY`] is: by then its sender has sent it again.
const HELD_BACK_RARELY: Duration = Duration::from_millis(3_500);
const RARELY: u64 = 40;

/// The proxies of the three.
pub struct Proxies {
    urls: BTreeMap<Party, String>,
    trouble: BTreeMap<Party, Arc<Trouble>>,
    over: watch::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

/// What a proxy has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Frames that were published twice.
    pub doubled: u64,
    /// Frames that were published after one that had come later.
    pub overtaken: u64,
    /// Acknowledgements that were sent twice, each held back.
    pub acknowledged_twice: u64,
    /// Frames that were dropped.
    pub dropped: u64,
}

struct Trouble {
    /// Whose proxy it is.
    party: Party,
    broker: SocketAddr,
    plan: Mutex<Plan>,
    done: Mutex<Done>,
    /// The highest number of a frame that was published, by subject.
    highest: Mutex<BTreeMap<String, u64>>,
    next: AtomicU64,
}

struct Plan {
    random: Random,
    is_disordered: bool,
    cut: BTreeSet<String>,
}

/// Something on its way to the broker; if it is a frame, with its number and whether its other copy has gone.
struct Outgoing {
    bytes: Vec<u8>,
    frame: Option<(String, u64, Arc<AtomicU64>)>,
}

impl Proxies {
    /// Starts one for each organisation, in front of the broker at this URL. They let everything through until they are told.
    ///
    /// # Errors
    /// There is no port or no thread for them.
    pub fn start(broker: &str, random: &Random) -> anyhow::Result<Self> {
        let broker = broker.strip_prefix("nats://").unwrap_or(broker);
        let broker: SocketAddr = broker.parse().with_context(|| format!("{broker} is no address"))?;
        let (mut urls, mut all, mut listeners) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for (party, n) in Party::ALL.into_iter().zip(100..) {
            let listener = StdListener::bind("127.0.0.1:0")?;
            listener.set_nonblocking(true)?;
            urls.insert(party, format!("nats://{}", listener.local_addr()?));
            let plan = Plan { random: random.split(n), is_disordered: false, cut: BTreeSet::new() };
            let trouble = Arc::new(Trouble {
                party,
                broker,
                plan: Mutex::new(plan),
                done: Mutex::default(),
                highest: Mutex::default(),
                next: AtomicU64::new(1),
            });
            listeners.push((listener, Arc::clone(&trouble)));
            all.insert(party, trouble);
        }
        let (over, mut is_over) = watch::channel(());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // In a thread of their own, so that no wait for a process holds them up.
        let thread = std::thread::Builder::new().name("proxies".into()).spawn(move || {
            runtime.block_on(async move {
                for (listener, trouble) in listeners {
                    tokio::spawn(listen(listener, trouble));
                }
                // The end of the sender is the end.
                let _ = is_over.changed().await;
            });
        })?;
        Ok(Proxies { urls, trouble: all, over, thread: Some(thread) })
    }

    /// Where each organisation reaches the broker.
    pub fn urls(&self) -> BTreeMap<Party, String> {
        self.urls.clone()
    }

    /// From now on what all three publish is doubled and held back, or no more.
    pub fn disorder(&self, is_disordered: bool) {
        for trouble in self.trouble.values() {
            trouble.plan().is_disordered = is_disordered;
        }
    }

    /// From now on nothing that `from` says reaches `to`.
    pub fn cut(&self, from: Party, to: Party) {
        if let Some(trouble) = self.trouble.get(&from) {
            trouble.plan().cut.insert(subject(from, to));
        }
    }

    /// From now on everything comes through.
    pub fn heal(&self) {
        for trouble in self.trouble.values() {
            let mut plan = trouble.plan();
            plan.is_disordered = false;
            plan.cut.clear();
        }
    }

    /// What they have done to what this organisation said.
    pub fn done(&self, party: Party) -> Done {
        self.trouble.get(&party).map(|trouble| *trouble.done()).unwrap_or_default()
    }
}

impl Drop for Proxies {
    fn drop(&mut self) {
        self.over.send_replace(());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Trouble {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of something published: its copies, and how long each is held back.
    fn fate(&self, subject: &str) -> Vec<Duration> {
        let is_frame = subject.starts_with(&format!("x.{}.", self.party));
        let is_ack = subject.starts_with("$JS.ACK.");
        let mut plan = self.plan();
        if plan.cut.contains(subject) {
            self.done().dropped += 1;
            return Vec::new();
        }
        if !plan.is_disordered || !(is_frame || is_ack) {
            return vec![Duration::ZERO];
        }
        let mut done = self.done();
        *(if is_frame { &mut done.doubled } else { &mut done.acknowledged_twice }) += 1;
        let mut hold_back = || {
            let most = if plan.random.one_in(RARELY) { HELD_BACK_RARELY } else { HELD_BACK };
            Duration::from_micros(plan.random.below(u64::try_from(most.as_micros()).unwrap_or(u64::MAX)))
        };
        vec![hold_back(), hold_back()]
    }

    /// Notes that a copy of a frame goes out now.
    fn goes_out(&self, subject: &str, number: u64, is_first_copy: bool) {
        let mut highest = self.highest.lock().unwrap_or_else(PoisonError::into_inner);
        let highest = highest.entry(subject.to_owned()).or_default();
        if is_first_copy && number < *highest {
            self.done().overtaken += 1;
        }
        *highest = number.max(*highest);
    }
}

async fn listen(listener: StdListener, trouble: Arc<Trouble>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((client, _)) = listener.accept().await {
        let trouble = Arc::clone(&trouble);
        // A connection that ends is one that the client makes again.
        tokio::spawn(async move { drop(carry(client, trouble).await) });
    }
}

async fn carry(client: TcpStream, trouble: Arc<Trouble>) -> io::Result<()> {
    let server = TcpStream::connect(trouble.broker).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let (out, queue) = mpsc::channel(1024);
    // When one of the three ends, dropping the others closes both connections.
    tokio::select! {
        done = async { tokio::io::copy(&mut from_server, &mut to_client).await.map(drop) } => done,
        done = read_client(from_client, out, Arc::clone(&trouble)) => done,
        done = write_server(queue, to_server, &trouble) => done,
    }
}

/// Takes what the client says apart into operations, and sends each on its way.
async fn read_client(client: OwnedReadHalf, out: mpsc::Sender<Outgoing>, trouble: Arc<Trouble>) -> io::Result<()> {
    let mut client = BufReader::new(client);
    loop {
        let mut bytes = Vec::new();
        if client.read_until(b'\n', &mut bytes).await? == 0 {
            return Ok(());
        }
        let Some((subject, length)) = published(&bytes) else {
            let _ = out.send(Outgoing { bytes, frame: None }).await;
            continue;
        };
        let head = bytes.len();
        // The payload ends as a line does.
        bytes.resize(head + length + 2, 0);
        client.read_exact(&mut bytes[head..]).await?;
        let number = trouble.next.fetch_add(1, Ordering::Relaxed);
        let gone = Arc::new(AtomicU64::new(0));
        for held_back in trouble.fate(&subject) {
            let frame = subject.starts_with("x.").then(|| (subject.clone(), number, Arc::clone(&gone)));
            let (out, outgoing) = (out.clone(), Outgoing { bytes: bytes.clone(), frame });
            if held_back.is_zero() {
                let _ = out.send(outgoing).await;
            } else {
                tokio::spawn(async move {
                    sleep(held_back).await;
                    let _ = out.send(outgoing).await;
                });
            }
        }
    }
}

async fn write_server(
    mut queue: mpsc::Receiver<Outgoing>,
    mut server: OwnedWriteHalf,
    trouble: &Trouble,
) -> io::Result<()> {
    while let Some(Outgoing { bytes, frame }) = queue.recv().await {
        server.write_all(&bytes).await?;
        if let Some((subject, number, gone)) = frame {
            trouble.goes_out(&subject, number, gone.fetch_add(1, Ordering::Relaxed) == 0);
        }
    }
    Ok(())
}

/// Subject and length of what a line publishes: `PUB subject [reply] bytes`, `HPUB subject [reply] header-bytes bytes`.
fn published(line: &[u8]) -> Option<(String, usize)> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let operation = words.next()?;
    if !operation.eq_ignore_ascii_case("PUB") && !operation.eq_ignore_ascii_case("HPUB") {
        return None;
    }
    let subject = words.next()?;
    Some((subject.to_owned(), words.next_back()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where a step fails")]

    use super::*;

    #[test]
    fn what_is_published_is_told_from_what_else_a_client_says() {
        for (line, expected) in [
            ("PUB x.union.bank.frames _INBOX_union.a.b 12\r\n", Some(("x.union.bank.frames", 12))),
            ("PUB $JS.ACK.FROM_UNION.app.1 4\r\n", Some(("$JS.ACK.FROM_UNION.app.1", 4))),
            ("HPUB x.union.bank.frames reply 10 30\r\n", Some(("x.union.bank.frames", 30))),
            ("PING\r\n", None),
            ("SUB PUB 1\r\n", None),
            ("CONNECT {\"verbose\":false}\r\n", None),
        ] {
            let expected = expected.map(|(subject, length)| (subject.to_owned(), length));
            assert_eq!(published(line.as_bytes()), expected, "{line}");
        }
    }

    /// A client speaks to a listener through the union's proxy: what arrives there.
    async fn through(plan: impl FnOnce(&Proxies), said: &str, bytes_expected: usize) -> (String, Done) {
        let broker = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", broker.local_addr().unwrap());
        let proxies = Proxies::start(&url, &Random::new(1)).unwrap();
        plan(&proxies);
        let address = proxies.urls()[&Party::Union].strip_prefix("nats://").unwrap().to_owned();
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(said.as_bytes()).await.unwrap();
        let (mut connection, _) = broker.accept().await.unwrap();
        let mut arrived = vec![0; bytes_expected];
        connection.read_exact(&mut arrived).await.unwrap();
        (String::from_utf8(arrived).unwrap(), proxies.done(Party::Union))
    }

    #[tokio::test]
    async fn everything_comes_through_unchanged_and_in_order_until_told_otherwise() {
        let said = "CONNECT {}\r\nPUB x.union.bank.frames 4\r\nA\r\nB\r\nPUB x.union.bank.frames 0\r\n\r\nPING\r\n";
        assert_eq!(through(|_| {}, said, said.len()).await, (said.into(), Done::default()));
    }

    #[tokio::test]
    async fn frames_are_doubled_and_all_else_is_not() {
        let (frame, rest) = ("PUB x.union.bank.frames 1\r\nA\r\n", "PING\r\nPUB $JS.API.INFO 0\r\n\r\n");
        let said = format!("{frame}{rest}");
        let (arrived, done) = through(|proxies| proxies.disorder(true), &said, said.len() + frame.len()).await;
        assert_eq!(arrived.matches(frame).count(), 2);
        assert!(arrived.contains("PING\r\n") && arrived.contains("$JS.API.INFO"));
        assert_eq!(done.doubled, 1);
    }

    #[tokio::test]
    async fn a_cut_drops_what_goes_one_way_to_one_partner() {
        let (dropped, kept) = ("PUB x.union.bank.frames 1\r\nA\r\n", "PUB x.union.guarantor.frames 1\r\nB\r\n");
        let cut = |proxies: &Proxies| proxies.cut(Party::Union, Party::Bank);
        let (arrived, done) = through(cut, &format!("{dropped}{kept}"), kept.len()).await;
        assert_eq!((arrived.as_str(), done.dropped), (kept, 1));
    }
}
