//! What operators tell the shell itself: one order a round, put into it as items that are journaled with it.
//!
//! What takes two persons is done when the second wants exactly what the first wanted; until then it is a proposal, which
//! is journaled, kept in the database and answered like everything else, so that no restart and no successor forgets it.
//! An order that is refused changes nothing, and a proposal that it was to carry out stands.

use super::{
    Round, Writer, WriterError, incident_id,
    item::{Item, ParkedInput},
};
use crate::{
    clock::DriveError,
    handle::{Absence, Account, Idempotency, Maintenance, MaintenanceWork, Said, StoredAnswer, Told, Wish},
    store::{
        From, Proposal, integer,
        read::{AbsenceRow, Login},
        tables::{ABSENCE, INCIDENT, LOGIN, NOTIFIER, PROPOSAL, TOKEN, VAULT_ANEW, Value, token},
    },
};
use channel::{Resolution, TwoPersons};
use domain::Moment;
use organisation::{Organisation, Person, Refusal, RefusalKind};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// How long a proposal waits for the second person: they are on the phone with each other. By business time, the only time
/// that is recorded: a successor and a replay come to the same.
const PROPOSAL_STANDS_MS: i64 = 3_600_000;

/// What is put into the round and answered after its commit, or what is said instead of doing it.
type Placed = Result<Said, Told>;

impl<O: Organisation> Writer<'_, O> {
    pub(super) async fn take_maintenance(
        &mut self,
        round: &mut Round<O>,
        work: MaintenanceWork,
    ) -> Result<(), WriterError> {
        let MaintenanceWork { order, idempotency, reply } = work;
        let told = match &idempotency {
            Some(idempotency) => self.told_before(idempotency).await?,
            None => None,
        };
        let placed = match told {
            Some(told) => Err(told),
            None => self.place(round, order).await?,
        };
        match placed {
            Ok(said) => {
                round.items.extend(idempotency.map(|under| Item::Carried { under, said: said.clone() }));
                round.operator = Some((reply, Told::Done { said, before: false }));
            }
            Err(told) => {
                // Nothing changes; but what is said from memory has to be so, and a commit is what nobody succeeds with who was
                // replaced.
                round.must_commit = true;
                round.operator = Some((reply, told));
            }
        }
        Ok(())
    }

    /// What was said under this key before.
    async fn told_before(&mut self, idempotency: &Idempotency) -> Result<Option<Told>, WriterError> {
        let found = self.store.load(&BTreeSet::from([(From::Answer, idempotency.id())])).await?;
        Ok(found.into_iter().next().map(|(_, _, row)| match StoredAnswer::for_this(&row.body, idempotency) {
            Some(StoredAnswer { status, answer: Ok(body), .. }) => {
                Told::Done { said: Said { status, body }, before: true }
            }
            // A refused order is not kept, so this is no order's answer.
            Some(StoredAnswer { answer: Err(_), .. }) | None => Told::KeyReused,
        }))
    }

    /// Puts what the order asks for into the round.
    async fn place(&mut self, round: &mut Round<O>, order: Maintenance) -> Result<Placed, WriterError> {
        match order {
            Maintenance::Together { wish, person, because } => self.together(round, wish, person, because).await,
            Maintenance::Account { account, by } => {
                let made = self.tip.position + 1;
                Ok(Ok(open_account(round, account, by, None, made)))
            }
            Maintenance::Session { session, until_ms } => {
                let Account { hash, account, person, roles } = session;
                let record = json!({ "account": account, "until_ms": until_ms }).to_string();
                round.items.push(Item::Noted { kind: "session", by: person.clone(), record });
                round.batch.put(&TOKEN, token(&hash, account, person, &roles, until_ms, self.tip.position + 1));
                Ok(Ok(Said::NOTHING))
            }
            Maintenance::Password { account, hash } => {
                let Account { account, person, roles, .. } = account;
                let record = json!({ "account": account }).to_string();
                round.items.push(Item::Noted { kind: "password", by: person.clone(), record });
                let before = self.store.readers().login(&account).await?;
                let login = Login { person, roles, password: Some(hash), closed: false, tokens_from: 0 };
                let login = Login { tokens_from: before.map_or(0, |before| before.tokens_from), ..login };
                round.batch.put(&LOGIN, login_row(account, login, self.tip.position + 1));
                Ok(Ok(Said::NOTHING))
            }
            Maintenance::Absent { absence, by } => {
                let readers = self.store.readers();
                let others = readers.absences_between(&absence.person, absence.from, absence.to).await?;
                if let Some(other) = others.first() {
                    let detail = format!(
                        "{} 自 {} 至 {} 已登记由 {} 代理（编号 {}）；请先终止该登记。",
                        other.person, other.from, other.to, other.deputy, other.number
                    );
                    return Ok(Err(refused("ALREADY_ABSENT", detail)));
                }
                let number = self.tip.position + 1;
                let mut body = json!(absence);
                round.items.push(Item::Noted { kind: "absent", by, record: body.to_string() });
                let Absence { person, deputy, from, to, because } = absence;
                let (from, to) = (from.to_string(), to.to_string());
                let row = AbsenceRow { number, person, deputy, from, to, ended: false, because };
                round.batch.put(&ABSENCE, absence_row(row));
                body["number"] = number.into();
                Ok(Ok(Said { status: 201, body }))
            }
            Maintenance::Returned { number, by, because } => {
                let found = self.store.readers().absence(number).await?.filter(|absence| !absence.ended);
                let Some(absence) = found else {
                    return Ok(Err(refused("ALREADY_ENDED", format!("编号 {number} 的离岗登记已终止。"))));
                };
                let record = json!({ "number": number, "because": because }).to_string();
                round.items.push(Item::Noted { kind: "returned", by, record });
                round.batch.put(&ABSENCE, absence_row(AbsenceRow { ended: true, ..absence }));
                Ok(Ok(Said::NOTHING))
            }
            Maintenance::Disclose { application_id, by, because } => {
                round.items.push(Item::Disclosed { application_id, by, because });
                Ok(Ok(Said { status: 200, body: Json::Null }))
            }
            Maintenance::Notified { through } => {
                let (by, record) = ("service:notifier".to_owned(), json!({ "through": through }).to_string());
                round.items.push(Item::Noted { kind: "notified", by, record });
                round.batch.put(&NOTIFIER, [Value::Int(1), Value::Int(integer(through))]);
                Ok(Ok(Said::NOTHING))
            }
            Maintenance::Drive { to, by } => Ok(self.drive(round, to, by)),
            Maintenance::Retry { .. } if !round.links.are_open() => Ok(Err(Told::TooEarly)),
            Maintenance::Retry { position, because } => self.retry(round, position, because).await,
            Maintenance::Drop { position, because } => {
                let Some(found) = self.store.parked_from(position).await?.into_iter().next() else {
                    return Ok(Err(Told::NotParked));
                };
                if let Ok(ParkedInput::Unheard { incident_id, .. }) = serde_json::from_str(&found.input) {
                    round.batch.delete(&INCIDENT, incident_id);
                }
                round.items.push(Item::Drop { position, because, application_id: found.application_id });
                Ok(Ok(Said::NOTHING))
            }
        }
    }

    async fn retry(&mut self, round: &mut Round<O>, position: u64, because: String) -> Result<Placed, WriterError> {
        let found = self.store.parked_from(position).await?;
        if found.is_empty() {
            return Ok(Err(Told::NotParked));
        }
        for row in found {
            let input: ParkedInput =
                serde_json::from_str(&row.input).map_err(|error| WriterError::Defect(error.to_string()))?;
            let received = match &input {
                ParkedInput::Message { from, seq } => self.links.read_again(*from, *seq, &mut self.store).await?,
                _ => None,
            };
            round.items.push(Item::Retry {
                position: row.position,
                because: because.clone(),
                application_id: row.application_id,
                input,
                received: received.map(Into::into),
            });
        }
        Ok(Ok(Said::NOTHING))
    }

    /// The clock goes first, so that this round is already of the time that it is driven to. If the commit fails, it stands there
    /// all the same, and whoever drives it says so again.
    fn drive(&mut self, round: &mut Round<O>, to: Moment, by: String) -> Placed {
        match self.clock.drive(to) {
            Ok(()) => {
                round.items.push(Item::Noted { kind: "clock", by, record: json!({ "to": to.millis() }).to_string() });
                Ok(Said { status: 200, body: json!(self.clock.view()) })
            }
            Err(DriveError::NotDriven) => Err(refused("CLOCK_NOT_DRIVEN", "业务时间取自系统时钟，不能推进。".into())),
            Err(DriveError::Back { now, .. }) => Err(refused("CLOCK_BACK", format!("业务时间已是 {now}，不能倒退。"))),
        }
    }

    /// Does what two persons want, or keeps what the first of them wants.
    async fn together(
        &mut self,
        round: &mut Round<O>,
        wish: Wish,
        person: String,
        because: String,
    ) -> Result<Placed, WriterError> {
        let about = wish.about();
        let shown = wish.shown();
        let freeze = match &wish {
            Wish::Unfreeze { partner, .. } => {
                // What they have read of the freeze belongs to what they want; and there has to be one, or a proposal could end
                // one that comes later.
                let Some(freeze) = self.store.incident(&incident_id(*partner)).await? else {
                    return Ok(Err(refused("CHANNEL", format!("与 {partner} 的通道未冻结。"))));
                };
                Some(freeze)
            }
            Wish::ChangeKey { .. } | Wish::Account(_) | Wish::Erase { .. } | Wish::Close { .. } => None,
        };
        let what = json!({ "wish": shown, "freeze": freeze }).to_string();
        let now = self.now().millis();
        let before = self
            .store
            .proposal(&about)
            .await?
            .filter(|proposal| proposal.what == what && now.saturating_sub(proposal.at) <= PROPOSAL_STANDS_MS);
        let is_another = |first: &Proposal| !Person::new(first.person.as_str()).is_also(&Person::new(person.as_str()));
        let before = before.filter(is_another);
        let persons = before.and_then(|first| Some((TwoPersons::new(&first.person, &person)?, first)));
        let Some((persons, Proposal { because: first, .. })) = persons else {
            let record = json!({ "about": about, "wish": shown, "because": because }).to_string();
            round.items.push(Item::Noted { kind: "proposed", by: person.clone(), record });
            let mut body = shown;
            body["state"] = "proposed".into();
            body["by"] = person.as_str().into();
            round.batch.put(&PROPOSAL, [about.into(), what.into(), person.into(), because.into(), Value::Int(now)]);
            return Ok(Ok(Said { status: 202, body }));
        };
        let because = format!("{}：{first}；{}：{because}", persons.first(), persons.second());
        let placed = self.carry_out(round, wish, persons, because).await?;
        if placed.is_ok() {
            round.batch.delete(&PROPOSAL, about);
        }
        Ok(placed)
    }

    async fn carry_out(
        &mut self,
        round: &mut Round<O>,
        wish: Wish,
        persons: TwoPersons,
        because: String,
    ) -> Result<Placed, WriterError> {
        Ok(match wish {
            Wish::Account(account) => {
                let by = persons.second().to_owned();
                Ok(open_account(round, account, by, Some(&persons), self.tip.position + 1))
            }
            Wish::Unfreeze { partner, resolution } => {
                let when = (self.elapsed_ms(), self.now().millis(), self.tip.position + 1);
                let Round { links, batch, .. } = round;
                match links.unfreeze(partner, resolution, persons, when, &mut self.store, batch).await? {
                    Ok((unfrozen, unheard)) => {
                        let record =
                            json!({ "channel": partner, "unfrozen": unfrozen, "because": because }).to_string();
                        let set_back = resolution == Resolution::AdoptTheirReceipt;
                        round.items.push(Item::Unfrozen { partner, set_back, record });
                        round.items.extend(unheard.map(Item::Unheard));
                        Ok(Said::NOTHING)
                    }
                    Err(why) => Err(refused("CHANNEL", format!("通道未解除冻结：{why}。"))),
                }
            }
            Wish::Close { account, person } => {
                if [persons.first(), persons.second()].contains(&person.as_str()) {
                    let detail = format!("{person} 不能参与关闭自己的账户，须由另外两人办理。");
                    return Ok(Err(refused("OWN_ACCOUNT", detail)));
                }
                let record = json!({ "account": account, "decided_by": persons, "because": because }).to_string();
                round.items.push(Item::Noted { kind: "closed", by: persons.second().to_owned(), record });
                for about in self.store.readers().proposals_of(&person).await? {
                    round.batch.delete(&PROPOSAL, about);
                }
                let now = self.tip.position + 1;
                let login = Login { person, roles: Vec::new(), password: None, closed: true, tokens_from: now };
                round.batch.put(&LOGIN, login_row(account, login, now));
                Ok(Said::NOTHING)
            }
            Wish::Erase { application_id } => {
                let id = application_id.to_string();
                let tokens = self.store.readers().vault_tokens(&id).await?;
                if tokens.is_empty() {
                    return Ok(Err(refused("NOTHING_KEPT", format!("{id} 的个人信息与材料已删除，或从未保存。"))));
                }
                let record = json!({
                    "application_id": id, "records": tokens.len(), "decided_by": persons, "because": because,
                });
                round.items.push(Item::Noted {
                    kind: "erased",
                    by: persons.second().to_owned(),
                    record: record.to_string(),
                });
                for (token, kind) in tokens {
                    let nothing = Value::Blob(Vec::new());
                    round.batch.put(&VAULT_ANEW, [token.into(), id.as_str().into(), nothing, Value::Null, kind.into()]);
                }
                Ok(Said::NOTHING)
            }
            Wish::ChangeKey { key } => match round.links.change_key(key) {
                Ok(()) => {
                    let record = json!({ "signing_key": key, "decided_by": persons, "because": because }).to_string();
                    round.items.push(Item::Noted { kind: "repair", by: "operator".into(), record });
                    Ok(Said::NOTHING)
                }
                Err(why) => Err(refused("SIGNING_KEY", format!("签名密钥未更换：{why}。"))),
            },
        })
    }
}

impl Wish {
    /// What it is about: of each there is one proposal, the latest.
    fn about(&self) -> String {
        match self {
            Wish::Unfreeze { partner, .. } => incident_id(*partner),
            Wish::ChangeKey { .. } => "signing-key".into(),
            Wish::Account(Account { account, .. }) => format!("account/{account}"),
            Wish::Erase { application_id } => format!("erase/{application_id}"),
            Wish::Close { account, .. } => format!("close/{account}"),
        }
    }

    /// What exactly, as both persons are shown it. An account's token is not part of it: the second person's request makes it.
    fn shown(&self) -> Json {
        match self {
            Wish::Unfreeze { partner, resolution } => json!({ "channel": partner, "resolution": resolution }),
            Wish::ChangeKey { key } => json!({ "key": key }),
            Wish::Account(account) => account.shown(),
            Wish::Erase { application_id } => json!({ "erase": application_id }),
            Wish::Close { account, person } => json!({ "close": account, "person": person }),
        }
    }
}

impl Account {
    fn shown(&self) -> Json {
        json!({ "account": self.account, "person": self.person, "roles": self.roles })
    }
}

fn open_account<O: Organisation>(
    round: &mut Round<O>,
    account: Account,
    by: String,
    decided: Option<&TwoPersons>,
    made: u64,
) -> Said {
    let body = account.shown();
    let mut record = body.clone();
    if let Some(persons) = decided {
        record["decided_by"] = json!(persons);
    }
    round.items.push(Item::Noted { kind: "account", by, record: record.to_string() });
    let Account { hash, account, person, roles } = account;
    round.batch.put(&TOKEN, token(&hash, account.clone(), person.clone(), &roles, 0, made));
    // Opened anew it begins anew: what was lost or guessed of it before counts no more.
    let login = Login { person, roles, password: None, closed: false, tokens_from: made };
    round.batch.put(&LOGIN, login_row(account, login, made));
    Said { status: 201, body }
}

fn absence_row(absence: AbsenceRow) -> [Value; 7] {
    let AbsenceRow { number, person, deputy, from, to, ended, because } = absence;
    [
        Value::Int(integer(number)),
        person.into(),
        deputy.into(),
        from.into(),
        to.into(),
        Value::Int(i64::from(ended)),
        because.into(),
    ]
}

fn login_row(account: String, login: Login, sessions_from: u64) -> [Value; 7] {
    let Login { person, roles, password, closed, tokens_from } = login;
    [
        account.into(),
        person.into(),
        roles.join(" ").into(),
        password.into(),
        Value::Int(i64::from(closed)),
        Value::Int(integer(tokens_from)),
        Value::Int(integer(sessions_from)),
    ]
}

fn refused(code: &str, detail: String) -> Told {
    Told::Refused(Refusal::new(RefusalKind::Conflict, code, "与当前状态冲突", detail))
}
