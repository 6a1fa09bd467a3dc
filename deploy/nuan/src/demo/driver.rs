//! Plays events against the three services over HTTP, as officers and applicants would, and drives business time.
//!
//! All three clocks move together, to the next core timer or the next event, and only when nothing is under way.

use super::{
    operator,
    script::{Act, Event},
};
use crate::{api::Api, cluster::Service};
use anyhow::{Context, bail};
use domain::{Moment, Party};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How long nothing may move before the driver gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Officers of the demo: organisation, person, roles. Maker and checker are two persons.
const PEOPLE: &[(Party, &str, &[&str])] = &[
    (Party::Union, "li", &["intake_officer", "charter_signatory"]),
    (Party::Union, "applicant", &["applicant"]),
    (Party::Union, "wang", &["fund_manager", "auditor", "charter_signatory"]),
    (Party::Guarantor, "zhao", &["risk_manager", "charter_signatory"]),
    (Party::Guarantor, "qian", &["contract_officer", "charter_signatory"]),
    (Party::Guarantor, "sun", &["letter_maker"]),
    (Party::Guarantor, "zhou", &["letter_checker", "auditor"]),
    (Party::Bank, "wu", &["credit_investigator", "charter_signatory"]),
    (Party::Bank, "zheng", &["credit_approver", "charter_signatory"]),
    (Party::Bank, "feng", &["operations"]),
    (Party::Bank, "chen", &["payment_maker"]),
    (Party::Bank, "chu", &["payment_checker", "auditor"]),
];

/// A person's account at an organisation.
#[derive(Clone, Debug)]
pub struct Account {
    /// Where.
    pub party: Party,
    /// Who.
    pub person: &'static str,
    /// As what.
    pub roles: &'static [&'static str],
    /// Access.
    pub api: Api,
}

/// The driver.
pub struct Driver {
    operators: BTreeMap<Party, Api>,
    accounts: Vec<Account>,
    bar: ProgressBar,
    quiet: bool,
    now: Moment,
}

/// Applications of the script by their number there: the number that the union gave.
pub type Numbers = BTreeMap<String, String>;

impl Driver {
    /// Waits until the three are ready and makes everybody's account.
    ///
    /// # Errors
    /// A service is not ready in time.
    pub async fn new(services: &BTreeMap<Party, Service>, quiet: bool) -> anyhow::Result<Self> {
        let mut operators = BTreeMap::new();
        for service in services.values() {
            operators.insert(service.party, operator(service)?);
        }
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
        bar.set_style(ProgressStyle::with_template("{pos}/{len} {wide_bar} {msg}")?);
        let mut driver = Driver { operators, accounts: Vec::new(), bar, quiet, now: Moment::from_millis(0) };
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
    pub fn tokens(&self) -> &[Account] {
        &self.accounts
    }

    /// The account with this role.
    pub fn with_role(&self, party: Party, role: &str) -> anyhow::Result<&Account> {
        let mut accounts = self.accounts.iter();
        accounts
            .find(|account| account.party == party && account.roles.contains(&role))
            .with_context(|| format!("nobody is {role} at {party}"))
    }

    /// Opens the books and loads the register.
    ///
    /// # Errors
    /// A service refuses.
    pub async fn prepare(&self, members: &str) -> anyhow::Result<()> {
        let deposit = json!({ "deposit_fen": 900_000_000 });
        self.operator(Party::Union).post("books", &deposit).await?;
        self.operator(Party::Bank).post("books", &deposit).await?;
        self.operator(Party::Guarantor).post("books", &json!({ "capital_fen": 10_000_000_000_i64 })).await?;
        self.operator(Party::Union).post_text("members", members.to_owned(), "text/csv").await?;
        Ok(())
    }

    /// Plays the events and returns the numbers that the union gave.
    ///
    /// # Errors
    /// A service refuses what is in the script, or nothing moves any more.
    pub async fn play(&mut self, events: &[Event]) -> anyhow::Result<Numbers> {
        self.bar.set_length(u64::try_from(events.len())?);
        let mut numbers = Numbers::new();
        for event in events {
            self.reach(match event.act {
                // A deadline ends an application on exactly its last day, at the day's end.
                Act::Expire => Moment::end_of(event.on),
                _ => Moment::start_of(event.on).plus_hours(9),
            })
            .await?;
            let what =
                self.act(event, &mut numbers).await.with_context(|| format!("{} on {}", event.line, event.on))?;
            self.settle().await?;
            let tick = format!("✓ {} {} {what}", event.on, numbers.get(&event.line).unwrap_or(&event.line));
            if !self.quiet {
                // Through the bar, so that it stays below; also where there is no terminal and so no bar.
                self.bar.suspend(|| eprintln!("{tick}"));
            }
            self.bar.inc(1);
        }
        self.bar.finish_and_clear();
        Ok(numbers)
    }

    async fn act(&self, event: &Event, numbers: &mut Numbers) -> anyhow::Result<String> {
        if let Act::File(form) = &event.act {
            let applicant = self.with_role(Party::Union, "applicant")?;
            let filed = applicant.api.post("applications", form).await?;
            let id = filed["application_id"].as_str().context("no number")?.to_owned();
            let what = format!("申请人提交申请（历史编号 {}，{} 分）", event.line, form["amount_fen"]);
            numbers.insert(event.line.clone(), id);
            return Ok(what);
        }
        let id = numbers.get(&event.line).context("it was not filed")?;
        match &event.act {
            Act::Withdraw(reason) => {
                let applicant = self.with_role(Party::Union, "applicant")?;
                applicant.api.post(&format!("applications/{id}/withdrawal"), &json!({ "reason": reason })).await?;
                Ok(format!("申请人撤回（{reason}）"))
            }
            Act::Decide { party, task, body } => {
                let task_id = format!("{id}/{task}");
                let open = self.operator(*party).get(&format!("tasks?application_id={id}")).await?;
                let tasks = open["tasks"].as_array().or(open["items"].as_array()).cloned().unwrap_or_default();
                let found = tasks.iter().find(|open| open["task_id"] == json!(task_id));
                let role = found
                    .and_then(|task| task["role"].as_str())
                    .with_context(|| format!("no task {task_id} is open"))?;
                let account = self.with_role(*party, role)?;
                let (_, tag) = account.api.get_tagged(&format!("applications/{id}")).await?;
                let path = format!("tasks/{task_id}/decision");
                account.api.decide(&path, body, &tag.context("no ETag")?).await?;
                Ok(format!("{party} {} 办理 {task} {}", account.person, summary(body)))
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
            Act::File(_) => Ok(String::new()),
        }
    }

    /// Moves business time to `target`, stopping at every core timer on the way.
    async fn reach(&mut self, target: Moment) -> anyhow::Result<()> {
        loop {
            let wake = self.settle().await?.filter(|wake| *wake <= target.millis());
            let next = wake.map_or(target, Moment::from_millis).max(self.now);
            self.drive(next).await?;
            if wake.is_none() {
                self.settle().await?;
                return Ok(());
            }
        }
    }

    async fn drive(&mut self, to: Moment) -> anyhow::Result<()> {
        for api in self.operators.values() {
            api.post("clock", &json!({ "at": to.to_string() })).await?;
        }
        self.now = self.now.max(to);
        Ok(())
    }

    /// Waits until nothing is under way anywhere: twice in a row every queue is empty, every message receipted, every due
    /// timer fired, and nobody has written anything in between. Returns the earliest core timer.
    async fn settle(&self) -> anyhow::Result<Option<i64>> {
        let until = Instant::now() + PATIENCE;
        let mut before: Option<Vec<Value>> = None;
        loop {
            let mut states = Vec::new();
            for api in self.operators.values() {
                states.push(api.get("backlog").await?);
            }
            let number = |state: &Value, key: &str| state[key].as_i64().unwrap_or_default();
            let now = self.now.millis();
            let quiet = states.iter().all(|state| {
                let due = state["next_wake_ms"].as_i64().is_some_and(|wake| wake <= now);
                number(state, "queued") == 0
                    && number(state, "unreceipted") == 0
                    && !due
                    && number(state, "position") > 0
            });
            if quiet && before.as_ref() == Some(&states) {
                return Ok(states.iter().filter_map(|state| state["next_wake_ms"].as_i64()).min());
            }
            if Instant::now() > until {
                bail!("nothing comes to rest: {}", Value::Array(states));
            }
            before = quiet.then_some(states);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn summary(body: &Value) -> String {
    let word = |key: &str| body[key].as_str().map(str::to_owned);
    let what = word("verdict").or_else(|| word("finding")).unwrap_or_default();
    let reason = word("reason").or_else(|| word("decline")).map(|reason| format!("（{reason}）")).unwrap_or_default();
    format!("{what}{reason}")
}
