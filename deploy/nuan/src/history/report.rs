//! What is said at the end of a history: the totals that the services report beside those that were printed, the lines that were refused,
//! the invariants, the story of one firm.

use super::totals::{self, Totals};
use crate::{
    api::Api,
    check::{
        export::Export,
        invariants::{self, Violation},
    },
    demo::report::{fit, print_timeline, yuan},
    play::{driver::Driver, script::RefusedLine},
};
use domain::{Date, Party};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

/// How a history came out: how much of it is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Totals that are not as expected.
    pub differing: usize,
    /// Invariants that do not hold, counted by what they do not hold of.
    pub violations: usize,
    /// Lines that were not taken.
    pub refused: usize,
}

/// Everything that is said.
pub(super) struct Report {
    /// Lines that were not taken.
    pub refused: Vec<RefusedLine>,
    /// Wall time until the last day was over, ms.
    pub took_ms: u64,
    /// Share of it in which the driver waited for the services.
    pub in_system_ppm: u32,
    totals: Totals,
    expected: Option<Totals>,
    violations: Vec<Violation>,
    largest_subsidy_fen: i64,
    story: Option<(String, Vec<(Party, Value)>)>,
    sagas: usize,
    messages: u64,
}

/// What the newspaper printed, and under which name a summary has it.
const PRINTED: [(&str, &str); 7] = [
    ("申请（户次）", "applications"),
    ("其中续贷", "renewal_applications"),
    ("放款企业（户）", "enterprises_paid_out"),
    ("其中续贷企业", "enterprises_renewed"),
    ("放款金额（元）", "disbursed_fen"),
    ("贴息企业（户）", "enterprises_subsidised"),
    ("贴息金额（元）", "subsidy_fen"),
];

impl Report {
    /// Reads the books of the three through their auditors.
    ///
    /// # Errors
    /// A service does not answer, or not as expected.
    pub async fn read(driver: &Driver, expect: &Option<Value>, until: Date) -> anyhow::Result<Self> {
        let mut exports = BTreeMap::new();
        for party in Party::ALL {
            exports.insert(party, Export::read(party, &driver.with_role(party, "auditor")?.api).await?);
        }
        let auditor = &driver.with_role(Party::Union, "auditor")?.api;
        let totals = totals::reported(&exports, auditor, until).await?;
        let violations = invariants::violations(&exports)?;
        let union = &exports[&Party::Union];
        let largest = totals::largest_subsidy(union);
        let story = match largest {
            Some((_, id)) => Some((id.to_owned(), driver.timelines(id).await?)),
            None => None,
        };
        let mut messages = 0;
        for party in Party::ALL {
            messages += sent(driver.operator(party)).await?;
        }
        Ok(Report {
            refused: Vec::new(),
            took_ms: 0,
            in_system_ppm: 0,
            totals,
            expected: expect.as_ref().map(totals::expected),
            violations,
            largest_subsidy_fen: largest.map_or(0, |(fen, _)| fen.get()),
            story,
            sagas: totals::sagas(union),
            messages,
        })
    }

    /// Names of the totals that are not as expected.
    fn differing(&self) -> BTreeSet<&str> {
        let Some(expected) = &self.expected else { return BTreeSet::new() };
        let names = expected.keys().chain(self.totals.keys().filter(|name| is_counted(name, expected)));
        names.filter(|name| expected.get(*name) != self.totals.get(*name)).map(String::as_str).collect()
    }

    /// How it came out.
    pub fn outcome(&self) -> Outcome {
        Outcome { differing: self.differing().len(), violations: self.violations.len(), refused: self.refused.len() }
    }

    /// All of it as one JSON object.
    pub fn json(&self) -> Value {
        let differing: BTreeMap<&str, Value> = self
            .differing()
            .into_iter()
            .map(|name| {
                let expected = self.expected.as_ref().and_then(|expected| expected.get(name));
                (name, json!({ "expected": expected, "reported": self.totals.get(name) }))
            })
            .collect();
        json!({
            "totals": totals::nested(&self.totals),
            "differing": differing,
            "refused": self.refused,
            "violations": self.violations,
            "largest_subsidy_fen": self.largest_subsidy_fen,
            "took_ms": self.took_ms,
            "in_system_ppm": self.in_system_ppm,
            "sagas": self.sagas,
            "messages": self.messages,
        })
    }

    /// All of it as text.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn print(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let expected = |name: &str| self.expected.as_ref().and_then(|expected| expected.get(name));
        let shown = |name: &str, value: Option<&Value>| match value {
            None => "—".to_owned(),
            Some(value) if name.ends_with("_fen") => value.as_i64().map_or_else(|| value.to_string(), yuan),
            Some(value) => value.to_string(),
        };
        writeln!(out, "\n{} {:>20} {:>20}", fit("", 24), "三方系统", "已刊载")?;
        for (what, name) in PRINTED {
            let (reported, printed) = (shown(name, self.totals.get(name)), shown(name, expected(name)));
            writeln!(out, "{} {reported:>20} {printed:>20}", fit(what, 24))?;
        }
        writeln!(out, "{} {:>20}", fit("其中最大一笔贴息（元）", 24), yuan(self.largest_subsidy_fen))?;
        if let Some((id, parts)) = &self.story {
            writeln!(out, "\n时间线 {id}")?;
            print_timeline(out, parts)?;
        }
        for line in &self.refused {
            writeln!(out, "\n未采纳 {} {}：{}", line.line, line.case, line.because)?;
        }
        let differing = self.differing();
        for name in &differing {
            let (reported, wanted) = (shown(name, self.totals.get(*name)), shown(name, expected(name)));
            writeln!(out, "不符 {name}：三方系统 {reported}，应为 {wanted}")?;
        }
        for violation in &self.violations {
            writeln!(out, "违反 {}：{}", violation.invariant, violation.what)?;
        }
        let all = self.expected.as_ref().map_or(0, BTreeMap::len);
        writeln!(
            out,
            "\n{all} 项合计中 {} 项相符；{} 行未采纳；{}；{} 个流程、{} 条消息，{}.{} 秒，其中 {}% 在三方系统。",
            all.saturating_sub(differing.len()),
            self.refused.len(),
            if self.violations.is_empty() {
                "不变式全部成立".into()
            } else {
                format!("{} 处违反不变式", self.violations.len())
            },
            self.sagas,
            self.messages,
            self.took_ms / 1_000,
            self.took_ms % 1_000 / 100,
            self.in_system_ppm / 10_000,
        )?;
        Ok(())
    }
}

/// Whether a total that is reported has to be expected: of a table all of it, of the rest what is named.
fn is_counted(name: &str, expected: &Totals) -> bool {
    let Some((table, _)) = name.split_once('.') else { return false };
    expected.keys().any(|other| other.split('.').next() == Some(table))
}

/// Messages that a service has sent.
async fn sent(operator: &Api) -> anyhow::Result<u64> {
    let backlog = operator.get("backlog").await?;
    let sent = backlog["sent"].as_object().into_iter().flatten();
    Ok(sent.filter_map(|(_, number)| number.as_u64()).sum())
}
