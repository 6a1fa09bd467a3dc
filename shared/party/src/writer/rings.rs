//! Who signs on a channel: the keys of both sides, each from the number on from which it is in force.
//!
//! The pairing has the first keys, the database every change since, each with the signatures of both keys: they are verified
//! again at each load, so a row that was tampered with, or put in by hand, counts only if it is true.

use crate::{
    key_change::unbelievable,
    store::{
        Batch, Store, StoreError, integer,
        tables::{KEY_CHANGE, Value},
    },
};
use channel::{ChainHash, Heads, KeyChange, KeyRing, PublicKey, genesis};
use contracts::wire::Unreadable;
use domain::Party;

/// The keys on the channel between two.
#[derive(Clone, Debug)]
pub(super) struct Rings {
    us: Party,
    partner: Party,
    /// Ours, as the partner has to know them.
    pub own: KeyRing,
    /// The partner's.
    pub theirs: KeyRing,
    /// Where our log begins, and where the partner's does.
    outbound: ChainHash,
    inbound: ChainHash,
}

impl Rings {
    /// With the first keys of a pairing.
    pub fn new(
        (programme, environment): (&str, &str),
        (us, our_first): (Party, PublicKey),
        (partner, their_first): (Party, PublicKey),
    ) -> Self {
        let chain = |from, to, from_key, to_key| genesis(programme, environment, from, to, from_key, to_key);
        Rings {
            us,
            partner,
            own: KeyRing::new(our_first),
            theirs: KeyRing::new(their_first),
            outbound: chain(us, partner, &our_first, &their_first),
            inbound: chain(partner, us, &their_first, &our_first),
        }
    }

    /// The heads before anything was said.
    pub const fn first_heads(&self) -> Heads {
        Heads::at_genesis(self.outbound, self.inbound)
    }

    /// The same channel with all changes that the database has.
    pub async fn load(&self, store: &mut Store) -> Result<Self, StoreError> {
        let mut rings =
            Rings { own: KeyRing::new(*self.own.first()), theirs: KeyRing::new(*self.theirs.first()), ..self.clone() };
        for (signer, from_seq, body) in store.key_changes(self.partner).await? {
            let wrong = |why: String| StoreError::Unreadable { what: "change of key", why };
            let change: KeyChange = serde_json::from_str(&body).map_err(|error| wrong(error.to_string()))?;
            let signer: Party = signer.parse().map_err(|_| wrong(format!("nobody is called {signer}")))?;
            rings.apply(&change, signer, from_seq).map_err(|refusal| wrong(refusal.to_string()))?;
        }
        Ok(rings)
    }

    fn apply(&mut self, change: &KeyChange, signer: Party, from_seq: u64) -> Result<(), channel::KeyChangeRefusal> {
        if signer == self.us {
            self.own.apply(change, &self.outbound, signer, from_seq)
        } else {
            self.theirs.apply(change, &self.inbound, signer, from_seq)
        }
    }

    /// A change to the statement that our log can carry.
    pub fn statement(&self, old: &channel::SigningKey, new: &channel::SigningKey) -> KeyChange {
        KeyChange::create(&self.outbound, self.us, old, new)
    }

    /// Takes a change in, in force from that number on, with its row in the batch.
    ///
    /// # Errors
    /// It is not believed; nothing is changed.
    pub fn take(
        &mut self,
        change: &KeyChange,
        signer: Party,
        from_seq: u64,
        position: u64,
        batch: &mut Batch,
    ) -> Result<(), Unreadable> {
        self.apply(change, signer, from_seq).map_err(|refusal| unbelievable(&refusal))?;
        let body = serde_json::to_string(change).map_err(|error| unbelievable(&error))?;
        let row: [Value; 5] = [
            self.partner.to_string().into(),
            signer.to_string().into(),
            integer(from_seq).into(),
            integer(position).into(),
            body.into(),
        ];
        batch.put(&KEY_CHANGE, row);
        Ok(())
    }
}
