//! What was said on a history that the partner does not have: a database was set back to an older copy, its partner was away
//! for longer than a start waits for it, and numbers were given again before anybody could notice.
//!
//! When two persons adopt what the partner receipted, these frames leave the outbox, or their numbers could not be given
//! again, and the partner would be shown two histories. They are signed, so they are kept whole, beside the other evidence,
//! and whoever has to look after the applications in them is told.
//!
//! Nothing of it is said again by itself. It was decided without knowing what the partner holds: the organisation may have
//! signed the opposite before its database was set back, and then a message said again would be a contradiction, about money
//! even. What a partner waits for it asks for again under the same key, and hears what is true by then; the rest people judge.

use super::{evidence, item::ParkedInput};
use crate::{
    key_change,
    store::{
        Batch, Store, StoreError,
        tables::{INCIDENT, Value},
    },
};
use channel::{KeyRing, Limits, open};
use contracts::wire::{Unreadable, decode};
use domain::Party;
use serde_json::json;
use std::collections::BTreeSet;

/// Applications that an incident names; its parked input names them all.
const NAMED: usize = 20;

/// The frames that leave the outbox of the channel to a partner.
pub(super) struct Forked {
    own: Party,
    partner: Party,
    above: u64,
    frames: Vec<Vec<u8>>,
    messages: usize,
    applications: BTreeSet<String>,
    /// Of the changes of our key that were stated in them: from which number on each was in force.
    pub key_changes: Vec<u64>,
}

impl Forked {
    /// Looks up what was said to the partner above this number.
    pub async fn load(
        (own, partner): (Party, Party),
        above: u64,
        ring: &KeyRing,
        store: &mut Store,
    ) -> Result<Self, StoreError> {
        let frames = store.frames_out_above(partner, above).await?;
        let (mut messages, mut applications, mut key_changes) = (0, BTreeSet::new(), Vec::new());
        for bytes in &frames {
            // One that cannot be opened is kept like the others; it names nothing.
            let Ok(frame) = open(bytes, &Limits::RECEIVE, ring, own, partner) else { continue };
            for (seq, message, _) in frame.messages().filter(|(seq, ..)| *seq > above) {
                messages += 1;
                match decode(message, own, partner) {
                    Ok(received) => {
                        applications.extend(received.message.application_id().map(ToString::to_string));
                    }
                    Err(Unreadable::UnknownType { application_id: Some(id), .. }) => {
                        applications.insert(id.to_string());
                    }
                    Err(_) => {
                        if let Some(Ok(_)) = key_change::decode(message, own, partner, seq) {
                            key_changes.push(seq.saturating_add(1));
                        }
                    }
                }
            }
        }
        Ok(Forked { own, partner, above, frames, messages, applications, key_changes })
    }

    /// Takes the frames out of the outbox into the evidence, all of them whatever the day has seen, and calls the operator.
    /// Returns what is parked: the incident is closed with it.
    pub fn take_out(self, at: i64, position: u64, batch: &mut Batch) -> Unheard {
        let Forked { own, partner, above, frames, messages, applications, key_changes } = self;
        let why = format!("it was said above number {above} on a history that the {partner} does not have");
        for bytes in &frames {
            evidence::forked(batch, at, partner, &why, bytes);
        }
        batch.take_out_frames(partner, above);
        for from_seq in &key_changes {
            batch.forget_key_change(partner, own, *from_seq);
        }
        let incident_id = format!("channel/{partner}/forked/{position}");
        let named: Vec<&str> = applications.iter().take(NAMED).map(String::as_str).collect();
        let named = match (named.is_empty(), applications.len().saturating_sub(NAMED)) {
            (true, _) => "无".to_owned(),
            (false, 0) => named.join("、"),
            (false, rest) => format!("{}，另有 {rest} 件", named.join("、")),
        };
        let key = if key_changes.is_empty() {
            String::new()
        } else {
            format!("其中有更换本方签名密钥的声明：对 {partner} 仍由更换前的密钥签名，其文件须保留。")
        };
        let what = format!(
            "数据库恢复后、与 {partner} 联系上之前说过 {messages} 条消息（原编号 {} 起），{partner} 所持的历史里没有，系统也不会重发。\
             涉及申请：{named}。{key}请与 {partner} 逐件核对（nuan timeline）：仍成立的，{partner} 在等的会以同一键再问；\
             其余由业务人员重新办理，工会可用 RETRY_ASK、RETRY_UNDO；与对方所持相矛盾的，以双方核对为准。\
             签名的帧保存在 audit 表（reason = forked）。办完后对 /parked 中写有 {incident_id} 的一条 retry 或 drop 并写明原因，本事件即关闭。",
            above.saturating_add(1),
        );
        let body = json!({
            "incident_id": incident_id, "application_id": null, "owner": "operator", "step": "channel", "what": what,
        });
        let row: [Value; 4] = [incident_id.clone().into(), "".into(), "operator".into(), body.to_string().into()];
        batch.put(&INCIDENT, row);
        let why = format!(
            "{incident_id}: {messages} messages about {} applications were said to the {partner} before it could be heard after a \
             restore, and never reached it: settle them with it, then retry or drop this",
            applications.len()
        );
        tracing::error!(%partner, above, messages, "what was said on another history is taken out of the outbox");
        Unheard {
            input: ParkedInput::Unheard { partner, incident_id, applications: applications.into_iter().collect() },
            why,
        }
    }
}

/// What is parked for the operator: nothing stands still behind it.
#[derive(Debug)]
pub(crate) struct Unheard {
    pub input: ParkedInput,
    pub why: String,
}
