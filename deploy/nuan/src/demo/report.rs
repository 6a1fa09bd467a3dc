//! What the services say in the end: outcomes, two timelines with the three organisations side by side, the ledgers, and
//! whether they agree.

use crate::{
    cluster::Service,
    play::{
        driver::{Driver, Played},
        people::Account,
    },
};
use anyhow::bail;
use domain::Party;
use serde_json::{Value, json};
use std::{collections::BTreeMap, io::Write};

/// Width of a column, in half-width characters.
const COLUMN: usize = 46;

/// What was read from the services.
pub struct Report {
    applications: Vec<Value>,
    timelines: Vec<(String, Vec<(Party, Value)>)>,
    balances: BTreeMap<Party, Value>,
    disagreements: Vec<String>,
}

impl Report {
    /// Reads everything from the services.
    ///
    /// # Errors
    /// A service does not answer.
    pub async fn read(driver: &Driver, played: &Played) -> anyhow::Result<Self> {
        let union = &driver.with_role(Party::Union, "intake_officer")?.api;
        let mut applications = Vec::new();
        for (line, id) in &played.numbers {
            let mut application = union.get(&format!("applications/{id}")).await?;
            application["history_id"] = json!(line);
            applications.push(application);
        }
        let mut balances = BTreeMap::new();
        for party in Party::ALL {
            balances.insert(party, driver.operator(party).get("balances").await?);
        }
        let mut timelines = Vec::new();
        let disbursed = applications.iter().find(|application| state(application) == "DISBURSED");
        let compensated = applications.iter().find(|application| state(application) == "CREDIT_DECLINED");
        for application in [disbursed, compensated].into_iter().flatten() {
            let id = application["application_id"].as_str().unwrap_or_default().to_owned();
            timelines.push((format!("{id} {}", state(application)), driver.timelines(&id).await?));
        }
        let mut report = Report { applications, timelines, balances, disagreements: Vec::new() };
        report.disagreements = report.compare();
        Ok(report)
    }

    fn balance(&self, party: Party, code: &str) -> i64 {
        self.accounts(party)
            .filter(|(account, _)| account == code || account.starts_with(&format!("{code}/")))
            .map(|(_, balance)| balance)
            .sum()
    }

    fn accounts(&self, party: Party) -> impl Iterator<Item = (String, i64)> {
        let listed = &self.balances[&party];
        let rows = listed.as_array().or(listed["balances"].as_array()).or(listed["items"].as_array());
        rows.into_iter().flatten().map(|row| {
            (row["code"].as_str().unwrap_or_default().to_owned(), row["balance_fen"].as_i64().unwrap_or_default())
        })
    }

    /// I2, I3, I5, I6 and I7 of DOMAIN.md section 3.
    fn compare(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut expect = |what: &str, left: i64, right: i64| {
            if left != right {
                wrong.push(format!("{what}: {left} ≠ {right}"));
            }
        };
        let paid: Vec<&Value> =
            self.applications.iter().filter(|application| !application["receipt"].is_null()).collect();
        let principal = |application: &Value| application["receipt"]["amount_fen"].as_i64().unwrap_or_default();
        let outstanding = |application: &Value| application["standing"]["outstanding_fen"].as_i64().unwrap_or_default();
        let lent = |code: &str| {
            ["B1301", "B1303"].map(|main| self.balance(Party::Bank, &format!("{main}{code}"))).iter().sum()
        };
        let (disbursed, owed): (i64, i64) =
            (paid.iter().map(|one| principal(one)).sum(), paid.iter().map(|one| outstanding(one)).sum());
        expect("银行贷款 B1301、B1303 = 担保公司在保责任 G9001", lent(""), self.balance(Party::Guarantor, "G9001"));
        expect("银行贷款 B1301、B1303 = 工会所知剩余本金", lent(""), owed);
        expect("借款人账户 B2011 = 放款", self.balance(Party::Bank, "B2011"), disbursed);
        expect("无到期未收利息 B1132 = 0", self.balance(Party::Bank, "B1132"), 0);
        expect(
            "工会存款 U1001 = 银行存款账户 B2012",
            self.balance(Party::Union, "U1001"),
            self.balance(Party::Bank, "B2012"),
        );
        expect("无在办申请时预留 U9001 = 0", self.balance(Party::Union, "U9001"), 0);
        let committed = paid.iter().map(|application| (outstanding(application) + 4) / 5).sum();
        expect("在保准备 U9002 = Σ⌈剩余本金 ÷ 5⌉", self.balance(Party::Union, "U9002"), committed);
        for application in &paid {
            let id = application["application_id"].as_str().unwrap_or_default();
            let liability = self.balance(Party::Guarantor, &format!("G9001/{id}"));
            expect(&format!("{id}：贷款 = 在保责任"), lent(&format!("/{id}")), liability);
            expect(&format!("{id}：贷款 = 剩余本金"), lent(&format!("/{id}")), outstanding(application));
        }
        wrong
    }

    /// All applications have ended and all books agree, or the reason why not.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub fn verdict(&self) -> anyhow::Result<()> {
        let open = self.applications.iter().filter(|application| application["ended"] != json!(true));
        let open: Vec<&str> = open.filter_map(|application| application["application_id"].as_str()).collect();
        if !open.is_empty() {
            bail!("not ended: {}", open.join(", "));
        }
        if !self.disagreements.is_empty() {
            bail!("the books do not agree: {}", self.disagreements.join("; "));
        }
        Ok(())
    }

    /// Everything as one JSON object.
    pub fn json(&self, addresses: &[Value], accounts: &[Account]) -> Value {
        let accounts: Vec<Value> = accounts
            .iter()
            .map(|account| {
                json!({ "party": account.party, "person": account.person, "roles": account.roles, "token": account.api.token })
            })
            .collect();
        json!({
            "applications": self.applications,
            "balances": self.balances,
            "disagreements": self.disagreements,
            "services": addresses,
            "accounts": accounts,
        })
    }

    /// Everything as text.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn print(
        &self,
        out: &mut impl Write,
        services: &BTreeMap<Party, Service>,
        accounts: &[Account],
    ) -> anyhow::Result<()> {
        writeln!(out, "\n申请结果")?;
        for application in &self.applications {
            let reason = application["ending"]["reason"].as_str().unwrap_or_default();
            writeln!(
                out,
                "  {} {} {} {} 元 {} {reason}",
                application["application_id"].as_str().unwrap_or_default(),
                fit(state(application), 20),
                fit(application["firm"]["enterprise_name"].as_str().unwrap_or_default(), 30),
                yuan(application["wish"]["amount_fen"].as_i64().unwrap_or_default()),
                application["ending"]["reason_code"].as_str().unwrap_or_default(),
            )?;
        }
        for (title, parts) in &self.timelines {
            writeln!(out, "\n时间线 {title}")?;
            print_timeline(out, parts)?;
        }
        writeln!(out, "\n三方账簿（元）")?;
        for party in Party::ALL {
            writeln!(out, "  {}", party.zh())?;
            for (code, balance) in self.accounts(party) {
                writeln!(out, "    {} {:>20}", fit(&code, 28), yuan(balance))?;
            }
        }
        if self.disagreements.is_empty() {
            writeln!(out, "\n三方账簿一致：贷款 = 在保责任 = 剩余本金，存款两边相等，预留为零。")?;
        } else {
            writeln!(out, "\n三方账簿不一致：\n  {}", self.disagreements.join("\n  "))?;
        }
        writeln!(out, "\n地址与令牌（浏览器打开网页，以账户与令牌登录；程序用接口，Authorization: Bearer …）")?;
        for (party, service) in services {
            let (url, log) = (&service.url, service.log.display());
            writeln!(out, "  {} 网页 {url}/  接口 {url}/api/v1  日志 {log}", party.zh())?;
            writeln!(out, "    {} {}", fit("operator", 44), service.operator_token)?;
            writeln!(out, "    {} {}", fit("operator-2", 44), service.second_operator_token)?;
            for account in accounts.iter().filter(|account| account.party == *party) {
                let who = format!("{}（{}）", account.person, account.roles.join("、"));
                writeln!(out, "    {} {}", fit(&who, 44), account.api.token)?;
            }
        }
        Ok(())
    }
}

/// The timelines of one application, a column an organisation.
///
/// # Errors
/// It cannot be written.
pub fn print_timeline(out: &mut impl Write, parts: &[(Party, Value)]) -> std::io::Result<()> {
    let mut rows: Vec<(String, usize, i64, String)> = Vec::new();
    for (column, (_, timeline)) in parts.iter().enumerate() {
        let entries = timeline.as_array().or(timeline["timeline"].as_array()).or(timeline["items"].as_array());
        for entry in entries.into_iter().flatten() {
            let at = entry["at"].as_str().unwrap_or_default().to_owned();
            let text = entry["text"].as_str().unwrap_or_default().to_owned();
            rows.push((at, column, entry["position"].as_i64().unwrap_or_default(), text));
        }
    }
    // Within one moment the order between organisations is not known; each column keeps its own.
    rows.sort_by(|a, b| (&a.0, a.1, a.2).cmp(&(&b.0, b.1, b.2)));
    let header: Vec<String> = parts.iter().map(|(party, _)| fit(party.zh(), COLUMN)).collect();
    writeln!(out, "  {} {}", fit("", 10), header.join(" "))?;
    let mut day = String::new();
    for (at, column, _, text) in rows {
        let today = at.chars().take(10).collect::<String>();
        let shown = if today == day { String::new() } else { today.clone() };
        day = today;
        let before = " ".repeat(column * (COLUMN + 1));
        writeln!(out, "  {} {before}{}", fit(&shown, 10), fit(&text, COLUMN).trim_end())?;
    }
    Ok(())
}

fn state(application: &Value) -> &str {
    application["state"].as_str().unwrap_or_default()
}

pub(crate) fn yuan(fen: i64) -> String {
    domain::Fen::new(fen).to_string()
}

/// The text in exactly this many half-width columns: Chinese characters take two.
pub(crate) fn fit(text: &str, width: usize) -> String {
    let mut fitted = String::new();
    let mut used = 0;
    for character in text.chars() {
        let wide = if character.is_ascii() { 1 } else { 2 };
        if used + wide > width {
            break;
        }
        fitted.push(character);
        used += wide;
    }
    fitted.push_str(&" ".repeat(width - used));
    fitted
}
