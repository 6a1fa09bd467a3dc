//! What the benchmark and the fault campaigns do to the streams of a broker, as their organisations' administrators.

use super::{Access, Broker};
use async_nats::{
    Client, ConnectOptions,
    jetstream::{self, stream::StorageType},
};
use domain::Party;
use party::nats::{provision, stream_name};

/// Makes the inbound streams of these organisations on this broker ones on disk.
///
/// # Errors
/// The broker refuses or does not answer.
pub async fn on_disk(broker: &Broker, of: &[Party]) -> anyhow::Result<()> {
    for at in of.iter().copied() {
        let client = admin(broker, at).await?;
        let admin = jetstream::new(client.clone());
        for from in Party::ALL.into_iter().filter(|from| *from != at) {
            let name = stream_name(from);
            if let Ok(stream) = admin.get_stream(&name).await {
                if stream.cached_info().config.storage == StorageType::File {
                    continue;
                }
                // Its service misses it, and finds the other one.
                admin.delete_stream(&name).await?;
            }
            provision(&client, at, from, StorageType::File).await.map_err(anyhow::Error::msg)?;
        }
    }
    Ok(())
}

/// Messages that lie in a broker that all three share.
///
/// # Errors
/// The broker refuses or does not answer.
pub async fn stored(broker: &Broker) -> anyhow::Result<u64> {
    let mut messages = 0;
    for at in Party::ALL {
        let admin = jetstream::new(admin(broker, at).await?);
        for from in Party::ALL.into_iter().filter(|from| *from != at) {
            if let Ok(stream) = admin.get_stream(stream_name(from)).await {
                messages += stream.cached_info().state.messages;
            }
        }
    }
    Ok(messages)
}

async fn admin(broker: &Broker, party: Party) -> anyhow::Result<Client> {
    let options = ConnectOptions::with_nkey(broker.seed(party, Access::Admin)?);
    Ok(options.custom_inbox_prefix(format!("_INBOX_{party}")).connect(broker.url()).await?)
}
