//! What an attacker has: an organisation's way onto the broker, whatever keys were stolen, and the frames that went by.

use crate::house::{House, PATIENCE};
use channel::{Head, Header, Heads, Purpose, SigningKey, seal};
use domain::Party;
use nuan::broker::Access;
use party::config::Config;
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};

/// The organisation's own database, beside its service.
pub async fn database(house: &House, party: Party) -> SqliteConnection {
    let config = Config::load(&house.files[&party], std::iter::empty()).unwrap();
    let options = SqliteConnectOptions::new().filename(config.data_dir.join(format!("{party}.db")));
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// The one text column that this query selects, a row each.
pub async fn texts(house: &House, party: Party, sql: &'static str) -> Vec<String> {
    let rows = sqlx::query(sql).fetch_all(&mut database(house, party).await).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Everything that the organisation holds to be so. Journal and evidence are not in it: they may grow by a refusal.
pub async fn state_of(house: &House, party: Party) -> Vec<String> {
    let sql = "SELECT 'state ' || key || ' ' || version || ' ' || body FROM state \
               UNION ALL SELECT 'account ' || code || ' ' || balance_fen || ' ' || body FROM account \
               UNION ALL SELECT 'transfer ' || id || ' ' || body FROM transfer \
               UNION ALL SELECT 'task ' || task_id || ' ' || body FROM task \
               UNION ALL SELECT 'incident ' || incident_id || ' ' || body FROM incident \
               UNION ALL SELECT 'order ' || id FROM port_order ORDER BY 1";
    texts(house, party, sql).await
}

/// The heads of an organisation's channel with a partner.
pub async fn heads(house: &House, own: Party, partner: Party) -> Heads {
    let channels = texts(house, own, "SELECT channels FROM writer").await;
    let mut channels: serde_json::Value = serde_json::from_str(&channels[0]).unwrap();
    serde_json::from_value(channels[partner.as_str()].take()).unwrap()
}

/// The numbered frames that `own` sent to `partner`, in order.
pub async fn frames(house: &House, own: Party, partner: Party) -> Vec<Vec<u8>> {
    let rows = sqlx::query("SELECT bytes FROM frame_out WHERE partner = ? ORDER BY last_seq")
        .bind(partner.to_string())
        .fetch_all(&mut database(house, own).await)
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The organisation's own signing key.
pub fn key(house: &House, party: Party) -> SigningKey {
    let config = Config::load(&house.files[&party], std::iter::empty()).unwrap();
    party::keys::read_signing_key(&config.signing_key_file, party).unwrap()
}

/// A key that nobody pinned.
pub fn stranger() -> SigningKey {
    SigningKey::from_seed([7; 32])
}

/// What a correct sender would state before these messages, `after` being the last it numbered.
pub fn header(from: Party, to: Party, before: Head, receipt: Head) -> Header {
    Header {
        from,
        to,
        purpose: Purpose::Messages,
        frozen: false,
        commit: 1,
        before,
        receipt,
        acknowledged: 0,
        nonce: 1,
        echo: 0,
        wanted: 0,
    }
}

/// A connection with an organisation's app seed: it may publish whatever bytes it likes as that organisation.
pub struct Attacker {
    client: async_nats::Client,
    party: Party,
}

impl Attacker {
    pub async fn of(house: &House, party: Party) -> Self {
        let seed = house.broker.seed(party, Access::App).unwrap();
        let inbox = format!("_INBOX_{party}");
        let client = party::nats::connect(&house.broker.url(), &seed, "attacker", &inbox).await.unwrap();
        Attacker { client, party }
    }

    /// Publishes these bytes as a frame to `to`.
    pub async fn publish(&self, to: Party, bytes: Vec<u8>) {
        self.client.publish(party::nats::subject(self.party, to), bytes.into()).await.unwrap();
        self.client.flush().await.unwrap();
    }
}

/// The reasons for which the bank refused what came from the union, in order, once there are `count` of them.
pub async fn refusals(house: &House, count: usize) -> Vec<String> {
    at_least(house, Party::Bank, count, "SELECT why FROM audit WHERE partner = 'union' ORDER BY id").await
}

/// The texts that this query selects, once there are `count` of them.
pub async fn at_least(house: &House, party: Party, count: usize, sql: &'static str) -> Vec<String> {
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            let found = texts(house, party, sql).await;
            if found.len() >= count {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("there are not {count}: {sql}"))
}

/// The union says these messages as a union with a defect would: numbered, chained and signed with its own key, in its own
/// outbox. Its service is stopped meanwhile.
pub async fn union_says(house: &mut House, to: Party, messages: &[Vec<u8>]) {
    house.union.stop().await;
    put_into_outbox(house, Party::Union, to, messages).await;
    house.start_union().await;
}

/// The same for the bank.
pub async fn bank_says(house: &mut House, to: Party, messages: &[Vec<u8>]) {
    house.bank.stop().await;
    put_into_outbox(house, Party::Bank, to, messages).await;
    house.start_bank().await;
}

/// The same for the guarantor.
pub async fn guarantor_says(house: &mut House, to: Party, messages: &[Vec<u8>]) {
    house.guarantor.stop().await;
    put_into_outbox(house, Party::Guarantor, to, messages).await;
    house.start_guarantor().await;
}

async fn put_into_outbox(house: &House, from: Party, to: Party, messages: &[Vec<u8>]) {
    let mut heads = heads(house, from, to).await;
    let header = header(from, to, heads.sent, heads.received);
    let sealed = seal(&header, messages, &key(house, from)).unwrap();
    let first = heads.sent.seq + 1;
    heads.sent = sealed.after;
    let mut database = database(house, from).await;
    sqlx::query("INSERT INTO frame_out (partner, last_seq, first_seq, position, bytes) VALUES (?, ?, ?, 0, ?)")
        .bind(to.to_string())
        .bind(i64::try_from(sealed.after.seq).unwrap())
        .bind(i64::try_from(first).unwrap())
        .bind(sealed.bytes)
        .execute(&mut database)
        .await
        .unwrap();
    sqlx::query("UPDATE writer SET channels = json_set(channels, '$.' || ?, json(?))")
        .bind(to.to_string())
        .bind(serde_json::to_string(&heads).unwrap())
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
}
