//! The broker: streams and consumers by a provisioner, frames out, frames in. It understands no frame.
//!
//! No safety rests on the broker: it may lose everything. Its acknowledgement of a publish means only that the broker
//! has the frame; what was not receipted is resent from the database.

use async_nats::{
    Client, ConnectOptions,
    jetstream::{
        self,
        consumer::{AckPolicy, pull},
        context::ContextBuilder,
        stream::{DiscardPolicy, RetentionPolicy, StorageType},
    },
};
use bytes::Bytes;
use domain::Party;
use futures::{StreamExt, stream::FuturesUnordered};
use std::{future::IntoFuture, sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Address,
    fault::{self, Point},
    metrics::Metrics,
};

/// Name of the durable consumer in each inbound stream.
const CONSUMER: &str = "app";
/// How much of a partner's frames the broker keeps while this organisation does not take them: more than a sender has in
/// flight. In memory, since a broker that forgets costs a resend and a broker that writes costs its file at every frame.
const STREAM_BYTES: i64 = 7 * 1024 * 1024;
/// Frames asked for at once.
const PULL: usize = 256;
/// Frames on their way to the broker without its acknowledgement.
const IN_FLIGHT: usize = 512;

/// What can go wrong with the broker at start.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to NATS at {url}: {source}")]
pub struct ConnectFailed {
    url: Address,
    source: async_nats::ConnectError,
}

/// A frame as it came from the broker, with what acknowledges it and all before it.
#[derive(Debug)]
pub struct Incoming {
    /// Whose stream it came through; who signed it, its signature says.
    pub from: Party,
    /// The bytes.
    pub bytes: Bytes,
    /// Acknowledges this frame and all before it.
    pub ack: Ack,
}

/// Acknowledges a frame and all before it from the same partner.
#[derive(Debug)]
pub struct Ack(jetstream::Message);

impl Ack {
    /// Tells the broker that this frame and all before it are committed. If the broker misses it, it delivers again.
    pub async fn send(self) {
        fault::point(Point::BeforeAck);
        let _ = self.0.ack().await;
    }
}

/// Name of the stream that takes a partner's frames.
pub fn stream_name(from: Party) -> String {
    format!("FROM_{}", from.to_string().to_uppercase())
}

/// Subject of the frames from one organisation to another.
pub fn subject(from: Party, to: Party) -> String {
    format!("x.{from}.{to}.frames")
}

/// Connects a NATS user of an organisation; keeps trying if the broker is not there yet.
///
/// # Errors
/// The seed is not one, or the URL is wrong.
pub async fn connect(url: &str, seed: &str, name: &str, inbox: &str) -> Result<Client, ConnectFailed> {
    ConnectOptions::with_nkey(seed.to_owned())
        .name(name)
        .custom_inbox_prefix(inbox)
        .retry_on_initial_connect()
        .connection_timeout(Duration::from_secs(5))
        .reconnect_delay_callback(|attempts| {
            Duration::from_millis(50_u64.saturating_mul(1 << attempts.min(6)).min(2_000))
        })
        .connect(url)
        .await
        .map_err(|source| ConnectFailed { url: Address::from(url), source })
}

/// Creates what is missing for `own` to hear `partner`: one bounded stream and one durable consumer. A stream that is there
/// stays where it is stored.
///
/// # Errors
/// The broker refuses or does not answer; in words.
pub async fn provision(admin: &Client, own: Party, partner: Party, storage: StorageType) -> Result<(), String> {
    let context = jetstream::new(admin.clone());
    let name = stream_name(partner);
    context
        .get_or_create_stream(jetstream::stream::Config {
            name: name.clone(),
            subjects: vec![format!("x.{partner}.{own}.>")],
            retention: RetentionPolicy::Interest,
            discard: DiscardPolicy::New,
            storage,
            max_bytes: STREAM_BYTES,
            ..Default::default()
        })
        .await
        .map_err(|error| error.to_string())?;
    context
        .create_consumer_on_stream(
            pull::Config {
                durable_name: Some(CONSUMER.into()),
                ack_policy: AckPolicy::All,
                ack_wait: Duration::from_secs(30),
                max_deliver: -1,
                max_ack_pending: 100_000,
                ..Default::default()
            },
            name,
        )
        .await
        .map_err(|error| error.to_string())?;
    Ok(())
}

/// Takes `partner`'s frames until shutdown: provisions, pulls, and starts again with a back-off whenever it stalls. A
/// successor takes over from a process that may hang and pull still.
pub async fn take(
    app: Client,
    admin: Client,
    own: Party,
    partner: Party,
    frames: mpsc::Sender<Incoming>,
    shutdown: CancellationToken,
    is_successor: bool,
) {
    if is_successor {
        forget_pulls(&admin, partner).await;
    }
    let mut wait = Duration::from_millis(50);
    while !shutdown.is_cancelled() {
        let stalled = tokio::select! {
            () = shutdown.cancelled() => return,
            stalled = pull(&app, &admin, own, partner, &frames, &mut wait) => stalled,
        };
        tracing::warn!(%partner, why = %stalled, "taking frames stalled, starting again");
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = (wait * 2).min(Duration::from_secs(2));
    }
}

/// Deletes the consumer, and with it the pulls under way: to one who hangs frames would go unheard until they run out. What
/// waited in it comes again from its sender, who is greeted. If it cannot be done, that only takes longer.
async fn forget_pulls(admin: &Client, partner: Party) {
    let context = ContextBuilder::new().timeout(Duration::from_secs(1)).build(admin.clone());
    if let Err(error) = context.delete_consumer_from_stream(CONSUMER, stream_name(partner)).await {
        tracing::debug!(%partner, %error, "the consumer is kept");
    }
}

async fn pull(
    app: &Client,
    admin: &Client,
    own: Party,
    partner: Party,
    frames: &mpsc::Sender<Incoming>,
    wait: &mut Duration,
) -> String {
    if let Err(why) = provision(admin, own, partner, StorageType::Memory).await {
        return format!("cannot provision: {why}");
    }
    let context = ContextBuilder::new().timeout(Duration::from_secs(5)).build(app.clone());
    let consumer: jetstream::consumer::PullConsumer =
        match context.get_consumer_from_stream(CONSUMER, stream_name(partner)).await {
            Ok(consumer) => consumer,
            Err(error) => return error.to_string(),
        };
    let mut messages = match consumer
        .stream()
        .max_messages_per_batch(PULL)
        .expires(Duration::from_secs(10))
        .heartbeat(Duration::from_secs(2))
        .messages()
        .await
    {
        Ok(messages) => messages,
        Err(error) => return error.to_string(),
    };
    while let Some(message) = messages.next().await {
        match message {
            Ok(message) => {
                fault::point(Point::Received);
                *wait = Duration::from_millis(50);
                let incoming = Incoming { from: partner, bytes: message.payload.clone(), ack: Ack(message) };
                if frames.send(incoming).await.is_err() {
                    return "the writer has stopped".into();
                }
            }
            Err(error) => return error.to_string(),
        }
    }
    "the stream ended".into()
}

/// Publishes frames to `partner` in the order given, until the queue closes. A frame that the broker does not
/// acknowledge is counted and left to the resend timer.
pub async fn publish(
    app: Client,
    own: Party,
    partner: Party,
    mut frames: mpsc::Receiver<Bytes>,
    metrics: Arc<Metrics>,
) {
    let context = ContextBuilder::new()
        .timeout(Duration::from_secs(5))
        .ack_timeout(Duration::from_secs(5))
        .max_ack_inflight(IN_FLIGHT * 2)
        .build(app);
    let subject = subject(own, partner);
    let mut acks = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            Some(ack) = acks.next(), if !acks.is_empty() => {
                let ack: Result<_, _> = ack;
                if let Err(error) = ack {
                    metrics.publishes_failed.inc();
                    let error: jetstream::context::PublishError = error;
                    tracing::debug!(%partner, %error, "the broker did not acknowledge a frame");
                } else {
                    fault::point(Point::Published);
                }
            }
            frame = frames.recv(), if acks.len() < IN_FLIGHT => match frame {
                None => break,
                Some(frame) => {
                    fault::point(Point::BeforePublish);
                    match context.publish(subject.clone(), frame).await {
                        Ok(ack) => acks.push(ack.into_future()),
                        Err(error) => {
                            metrics.publishes_failed.inc();
                            tracing::debug!(%partner, %error, "cannot publish a frame");
                        }
                    }
                }
            },
        }
    }
}
