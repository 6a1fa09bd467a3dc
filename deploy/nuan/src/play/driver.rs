//! Plays events against the three services over HTTP, as officers, applicants and the bank's customers would, and drives business
//! time.
//!
//! All three clocks move together, to the next core timer or the next day on which people do something, and only when nothing is
//! under way. What people do in one step of a day, each in another case, they do side by side.

use super::{
    people::{Account, PEOPLE},
    script::{Act, Event, Line, RefusedLine, Source, Step},
};
use crate::{
    api::{Api, Refused},
    cluster::Service,
};
use anyhow::{Context, bail};
use domain::{Date, Moment, Party};
use futures::future::{join_all, try_join_all};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// How long nothing may move before the driver gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The driver.
pub(crate) struct Driver {
    operators: BTreeMap<Party, Api>,
    accounts: Vec<Account>,
    now: Moment,
    waited: Duration,
}

/// What was played: which number the union gave each application, by that of its line, and which lines were not taken.
#[derive(Debug, Default)]
pub(crate) struct Played {
    /// Number of the line, number of the union.
    pub numbers: BTreeMap<String, String>,
    /// In the order in which they came up.
    pub refused: Vec<RefusedLine>,
}

impl Driver {
    /// Waits until the three are ready and makes everybody's account.
    ///
    /// # Errors
    /// A service is not ready in time.
    pub async fn new(services: &BTreeMap<Party, Service>) -> anyhow::Result<Self> {
        let mut operators = BTreeMap::new();
        for service in services.values() {
            operators.insert(service.party, Api::new(&service.url, &service.operator_token)?);
        }
        let mut driver =
            Driver { operators, accounts: Vec::new(), now: Moment::from_millis(0), waited: Duration::ZERO };
        driver.settle().await?;
        for (party, person, roles) in PEOPLE {
            let operator = driver.operator(*party);
            let account = json!({ "account": person, "person": format!("person:{person}"), "roles": roles });
            let mut made = operator.post("tokens", &account).await?;
            if made["token"].is_null() {
                // An officer's account: the second operator confirms it.
                let second = &services.get(party).context("no service")?.second_operator_token;
                made = operator.with_token(second).post("tokens", &account).await?;
            }
            let api = operator.with_token(made["token"].as_str().context("no token")?);
            driver.accounts.push(Account { party: *party, person, roles, api });
        }
        Ok(driver)
    }

    /// Access of an organisation's operator.
    pub fn operator(&self, party: Party) -> &Api {
        &self.operators[&party]
    }

    /// Everybody's accounts.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The account with this role.
    pub fn with_role(&self, party: Party, role: &str) -> anyhow::Result<&Account> {
        let mut accounts = self.accounts.iter();
        accounts
            .find(|account| account.party == party && account.roles.contains(&role))
            .with_context(|| format!("nobody is {role} at {party}"))
    }

    /// An application's timeline at each of the three.
    ///
    /// # Errors
    /// A service does not answer.
    pub async fn timelines(&self, id: &str) -> anyhow::Result<Vec<(Party, Value)>> {
        let mut parts = Vec::new();
        for (party, operator) in &self.operators {
            parts.push((*party, operator.get(&format!("applications/{id}/timeline")).await?));
        }
        Ok(parts)
    }

    /// How long it has waited for the services so far; the rest of the time is its own.
    pub const fn waited(&self) -> Duration {
        self.waited
    }

    /// Opens the books.
    ///
    /// # Errors
    /// A service refuses.
    pub async fn open_books(&self) -> anyhow::Result<()> {
        let deposit = json!({ "deposit_fen": 900_000_000 });
        self.operator(Party::Union).post("books", &deposit).await?;
        self.operator(Party::Bank).post("books", &deposit).await?;
        self.operator(Party::Guarantor).post("books", &json!({ "capital_fen": 10_000_000_000_i64 })).await?;
        Ok(())
    }

    /// Loads the member register, CSV with a header; none if it is empty. The rows that the union refuses are left, and told.
    ///
    /// # Errors
    /// The union refuses it as a whole.
    pub async fn load_members(&self, members: &str) -> anyhow::Result<Vec<RefusedLine>> {
        let load = async |text: String| self.operator(Party::Union).post_text("members", text, "text/csv").await;
        if members.trim().is_empty() {
            return Ok(Vec::new());
        }
        let Err(error) = load(members.to_owned()).await else { return Ok(Vec::new()) };
        let wrong = error.downcast_ref::<Refused>().map(wrong_rows).unwrap_or_default();
        if wrong.is_empty() {
            return Err(error);
        }
        // The header is line 1, and row 0 the line after it.
        let kept = members.lines().enumerate().filter(|(at, _)| !wrong.contains_key(&(at + 1)));
        load(kept.map(|(_, line)| format!("{line}\n")).collect()).await?;
        let refused = |(number, because)| RefusedLine {
            line: Line { source: Source::Members, number },
            case: String::new(),
            because,
        };
        Ok(wrong.into_iter().map(refused).collect())
    }

    /// Two persons of the union appropriate this much for subsidies, and the bank books what came.
    ///
    /// # Errors
    /// A service refuses.
    pub async fn appropriate(&mut self, amount_fen: i64) -> anyhow::Result<()> {
        let body = json!({ "amount_fen": amount_fen, "because": "贴息资金预算" });
        for role in ["fund_manager", "approver"] {
            self.with_role(Party::Union, role)?.api.post("programme/appropriations", &body).await?;
        }
        let receipt = json!({ "reference": "TX-0001", "amount_fen": amount_fen, "purpose": "SUBSIDY" });
        self.with_role(Party::Bank, "operations")?.api.post("deposit-receipts", &receipt).await?;
        self.settle().await?;
        Ok(())
    }

    /// Plays the events and tells of each as it is done, with the number that the union gave its application. Of a line
    /// of which a service refuses something the rest is left.
    ///
    /// # Errors
    /// A service fails, or nothing moves any more.
    pub async fn play(&mut self, events: &[Event], mut tell: impl FnMut(&Event, &str, &str)) -> anyhow::Result<Played> {
        let mut played = Played::default();
        let mut left = BTreeSet::new();
        let mut rest = events;
        while let Some(first) = rest.first() {
            let same = |event: &Event| event.moment() == first.moment() && event.step == first.step;
            let (group, after) = rest.split_at(rest.iter().take_while(|event| same(event)).count());
            rest = after;
            self.reach(first.moment()).await?;
            let asked = Instant::now();
            let group = group.iter().filter(|event| event.line.is_none_or(|line| !left.contains(&line)));
            let done: Vec<(&Event, anyhow::Result<String>)> = if [Step::File, Step::TakeCall].contains(&first.step) {
                let mut done = Vec::new();
                // One after the other: the union numbers them as they come.
                for event in group {
                    done.push((event, self.begin(event, &mut played.numbers).await));
                }
                done
            } else {
                let played = &played;
                let driver = &*self;
                join_all(group.map(|event| async move { (event, driver.act(event, played).await) })).await
            };
            self.waited += asked.elapsed();
            for (event, outcome) in done {
                match outcome {
                    Ok(what) => {
                        let number = played.numbers.get(&event.case).unwrap_or(&event.case);
                        tell(event, number, &what);
                    }
                    Err(error) => played.refused.push(refused(event, error, &mut left)?),
                }
            }
        }
        self.settle().await?;
        Ok(played)
    }

    /// What the union gives a number to.
    async fn begin(&self, event: &Event, numbers: &mut BTreeMap<String, String>) -> anyhow::Result<String> {
        match &event.act {
            Act::File(form) => self.file(event, form, numbers).await,
            Act::TakeCall(call) => {
                let agent = self.with_role(Party::Union, "hotline_agent")?;
                let taken = agent.api.post("tickets", call).await?;
                let number = taken["ticket_id"].as_str().context("no number")?.to_owned();
                numbers.insert(event.case.clone(), number);
                Ok(format!("受理来电（历史编号 {}）", event.case))
            }
            _ => self.act(event, &Played::default()).await,
        }
    }

    async fn file(
        &self,
        event: &Event,
        form: &Value,
        numbers: &mut BTreeMap<String, String>,
    ) -> anyhow::Result<String> {
        let mut form = form.clone();
        for key in ["renewal_of", "reapplication_of"] {
            if let Some(named) = form[key].as_str() {
                let number = numbers.get(named).with_context(|| not_done(format!("{key}: there is no {named}")))?;
                form[key] = json!(number);
            }
        }
        // What an officer flags, an officer files.
        let role = if form["green_reason"] == "OFFICER_FLAG" { "intake_officer" } else { "applicant" };
        let filed = self.with_role(Party::Union, role)?.api.post("applications", &form).await?;
        let number = filed["application_id"].as_str().context("no number")?.to_owned();
        numbers.insert(event.case.clone(), number);
        Ok(format!("提交申请（历史编号 {}，{} 分）", event.case, form["amount_fen"]))
    }

    async fn act(&self, event: &Event, played: &Played) -> anyhow::Result<String> {
        match &event.act {
            Act::List { period, checks } => return self.list(&period.to_string(), *checks).await,
            Act::Consult(body) => {
                self.with_role(Party::Union, "hotline_agent")?.api.post("consultations", body).await?;
                return Ok("登记咨询".into());
            }
            _ => {}
        }
        let missing = || not_done(format!("there is no {}", event.case));
        let id = played.numbers.get(&event.case).with_context(missing)?;
        match &event.act {
            Act::File(_) | Act::TakeCall(_) | Act::List { .. } | Act::Consult(_) => Ok(String::new()),
            Act::Ask { path, body } => {
                let applicant = self.with_role(Party::Union, "applicant")?;
                applicant.api.post(&format!("applications/{id}/{path}"), body).await?;
                Ok(format!("申请人 {path} {}", summary(body)))
            }
            Act::Decide { party, task, body } => {
                let (person, _) = self.decide(*party, &format!("applications/{id}"), task, body).await?;
                Ok(format!("{party} {person} 办理 {task} {}", summary(body)))
            }
            Act::OnTicket { task, body, due_at } => {
                let (person, ticket) = self.decide(Party::Union, &format!("tickets/{id}"), task, body).await?;
                let said = ticket["due_at"].as_str().and_then(|due_at| Moment::parse(due_at).ok());
                if let Some(due_at) = due_at.filter(|due_at| Some(*due_at) != said) {
                    let rule = said.map(|said| said.to_string()).unwrap_or_default();
                    return Err(not_done(format!("due_at is {due_at}, by the rules {rule}")).into());
                }
                Ok(format!("{person} 办理 {task}"))
            }
            Act::Repay { reference, value_date, amount_fen, kind } => {
                let body = json!({
                    "application_id": id,
                    "reference": reference,
                    "value_date": value_date,
                    "amount_fen": amount_fen,
                    "kind": kind,
                });
                let account = self.with_role(Party::Bank, "operations")?;
                account.api.post("repayments", &body).await?;
                Ok(format!("银行 {} 登记收款 {amount_fen} 分", account.person))
            }
            Act::Expire => Ok("期限届满，系统自动终止".into()),
        }
    }

    /// Has whoever holds the task's role decide it, on what `place` shows: `applications/NCD-2018-0001`. The person, and the answer.
    async fn decide(
        &self,
        party: Party,
        place: &str,
        task: &str,
        body: &Value,
    ) -> anyhow::Result<(&'static str, Value)> {
        let (_, id) = place.split_once('/').context("no place")?;
        let task_id = format!("{id}/{task}");
        let open = self.operator(party).get(&format!("tasks?matter={id}")).await?;
        let tasks = open["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let found = tasks.iter().find(|open| open["task_id"] == json!(task_id));
        let role = found
            .and_then(|task| task["role"].as_str())
            .with_context(|| not_done(format!("{party}: no task {task} is open")))?;
        let account = self.with_role(party, role)?;
        let (_, tag) = account.api.get_tagged(place).await?;
        let path = format!("tasks/{task_id}/decision");
        let answer = account.api.decide(&path, body, &tag.context("no ETag")?).await?;
        Ok((account.person, answer))
    }

    async fn list(&self, period: &str, checks: bool) -> anyhow::Result<String> {
        let (role, path, body) = if checks {
            ("payment_checker", "subsidy-list-checks", json!({ "period": period, "verdict": "RELEASE" }))
        } else {
            ("payment_maker", "subsidy-lists", json!({ "period": period }))
        };
        let account = self.with_role(Party::Bank, role)?;
        match account.api.post(path, &body).await {
            // In a quarter in which no loan was settled there is no list.
            Err(error) if is_refusal(&error, &["NOTHING_TO_LIST", "NO_LIST"]) => Ok(format!("{period} 无贴息")),
            other => other.map(|_| format!("银行 {} {path} {period}", account.person)),
        }
    }

    /// Moves business time to the end of this day, stopping at every core timer on the way.
    ///
    /// # Errors
    /// A service fails, or nothing moves any more.
    pub async fn close(&mut self, day: Date) -> anyhow::Result<()> {
        self.reach(Moment::end_of(day)).await
    }

    async fn reach(&mut self, target: Moment) -> anyhow::Result<()> {
        loop {
            let wake = self.settle().await?.filter(|wake| *wake <= target.millis());
            let next = wake.map_or(target, Moment::from_millis);
            if next <= self.now {
                // At rest, and there already.
                return Ok(());
            }
            self.drive(next).await?;
        }
    }

    async fn drive(&mut self, to: Moment) -> anyhow::Result<()> {
        let asked = Instant::now();
        let body = json!({ "at": to.to_string() });
        try_join_all(self.operators.values().map(|api| api.post("clock", &body))).await?;
        self.waited += asked.elapsed();
        self.now = self.now.max(to);
        Ok(())
    }

    /// Waits until nothing is under way anywhere: twice in a row every queue is empty, every message that was sent is taken, every due
    /// timer fired, and nobody has written anything in between. Returns the earliest core timer. Receipts are not waited for: they
    /// go out some time later, and change nothing.
    async fn settle(&mut self) -> anyhow::Result<Option<i64>> {
        let asked = Instant::now();
        let settled = self.at_rest(asked + PATIENCE).await;
        self.waited += asked.elapsed();
        settled
    }

    async fn at_rest(&self, until: Instant) -> anyhow::Result<Option<i64>> {
        let mut before: Option<BTreeMap<Party, Value>> = None;
        loop {
            let look = async |party: &Party, api: &Api| {
                let mut state = api.get("backlog").await?;
                state["unreceipted"] = Value::Null;
                Ok::<_, anyhow::Error>((*party, state))
            };
            let states = try_join_all(self.operators.iter().map(|(party, api)| look(party, api))).await?;
            let states: BTreeMap<Party, Value> = states.into_iter().collect();
            if Instant::now() > until {
                bail!("nothing comes to rest: {states:?}");
            }
            if !is_quiet(self.now, &states) {
                before = None;
                tokio::time::sleep(Duration::from_millis(1)).await;
            } else if before.as_ref() == Some(&states) {
                return Ok(states.values().filter_map(|state| state["next_wake_ms"].as_i64()).min());
            } else {
                before = Some(states);
            }
        }
    }
}

/// The lines of a register that are wrong, by what the union says of its rows.
fn wrong_rows(refused: &Refused) -> BTreeMap<usize, String> {
    let errors: Vec<Value> = serde_json::from_str(&refused.errors).unwrap_or_default();
    let row = |error: &Value| {
        let mut path = error["pointer"].as_str()?.strip_prefix("/members/")?.splitn(2, '/');
        let (row, field) = (path.next()?.parse::<usize>().ok()?, path.next().unwrap_or_default());
        Some((row + 2, format!("{field}：{}", error["detail"].as_str().unwrap_or_default())))
    };
    errors.iter().filter_map(row).collect()
}

/// What can be seen of rest at one look: `states` are the backlogs in the order of the parties.
fn is_quiet(now: Moment, states: &BTreeMap<Party, Value>) -> bool {
    states.iter().all(|(party, state)| {
        let number = |key: &str| state[key].as_i64().unwrap_or_default();
        let due = state["next_wake_ms"].as_i64().is_some_and(|wake| wake <= now.millis());
        let all_taken = states.iter().all(|(partner, theirs)| {
            partner == party || state["sent"][partner.as_str()] == theirs["taken"][party.as_str()]
        });
        number("queued") == 0 && number("position") > 0 && !due && all_taken
    })
}

/// Something that cannot be done as things stand, before any service was asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotDone(String);

const fn not_done(because: String) -> NotDone {
    NotDone(because)
}

/// The line that is refused by this, of which the rest is left then; whatever else went wrong is an error.
fn refused(event: &Event, error: anyhow::Error, left: &mut BTreeSet<Line>) -> anyhow::Result<RefusedLine> {
    let is_refusal = error.downcast_ref::<Refused>().is_some() || error.downcast_ref::<NotDone>().is_some();
    let Some(line) = event.line.filter(|_| is_refusal) else {
        return Err(error.context(format!("{:?} of {} on {}", event.step, event.case, event.on)));
    };
    left.insert(line);
    let because = format!("{} {:?}: {error:#}", event.on, event.step);
    Ok(RefusedLine { line, case: event.case.clone(), because })
}

fn is_refusal(error: &anyhow::Error, codes: &[&str]) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| codes.contains(&refused.code.as_str()))
}

fn summary(body: &Value) -> String {
    let word = |key: &str| body[key].as_str().map(str::to_owned);
    let what = word("verdict").or_else(|| word("finding")).unwrap_or_default();
    let reason = word("reason").or_else(|| word("decline")).map(|reason| format!("（{reason}）")).unwrap_or_default();
    format!("{what}{reason}")
}
