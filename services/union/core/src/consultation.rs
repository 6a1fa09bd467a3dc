//! Consultations: what firms and primary unions asked of the programme's hotline, counted by month, and nothing of who asked.

use crate::{Fact, Row, Union, rows};
use domain::Date;
use organisation::{Answer, Desk, Did, Refusal, RefusalKind, Stop};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Asker {
    /// A firm.
    Enterprise,
    /// A primary union.
    PrimaryUnion,
}

/// By which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Via {
    /// On the phone.
    Phone,
    /// By WeChat.
    Wechat,
}

/// About what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Topic {
    /// Who may have a loan.
    Eligibility,
    /// Which papers it takes.
    Documents,
    /// How far the guarantor is.
    GuaranteeReview,
    /// Whether a loan can be renewed.
    Renewal,
    /// Whether a payment can be deferred.
    Deferral,
    /// How far the subsidy is.
    SubsidyProgress,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Topic; 6] = [
        Topic::Eligibility,
        Topic::Documents,
        Topic::GuaranteeReview,
        Topic::Renewal,
        Topic::Deferral,
        Topic::SubsidyProgress,
    ];

    /// The code of DOMAIN.md section 6.
    pub const fn code(self) -> &'static str {
        match self {
            Topic::Eligibility => "ELIGIBILITY",
            Topic::Documents => "DOCUMENTS",
            Topic::GuaranteeReview => "GUARANTEE_REVIEW",
            Topic::Renewal => "RENEWAL",
            Topic::Deferral => "DEFERRAL",
            Topic::SubsidyProgress => "SUBSIDY_PROGRESS",
        }
    }
}

/// One consultation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consultation {
    /// On which day.
    pub on: Date,
    /// Who asked.
    pub from: Asker,
    /// By which way.
    pub channel: Via,
    /// About what.
    pub topic: Topic,
}

/// How many days later one may still be recorded.
const RECORDED_WITHIN: i32 = 31;

/// The consultations of a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsultationsRow {
    /// Its first day.
    pub month: Date,
    /// How many of each kind.
    pub counts: Vec<(Asker, Via, Topic, u32)>,
}

impl ConsultationsRow {
    /// A month without any.
    pub(crate) fn of(on: Date) -> Self {
        ConsultationsRow { month: on.first_of_month(), counts: Vec::new() }
    }

    pub(crate) fn count(&mut self, one: &Consultation) {
        let Consultation { from, channel, topic, .. } = *one;
        match self.counts.iter_mut().find(|(a, v, t, _)| (*a, *v, *t) == (from, channel, topic)) {
            Some((.., count)) => *count = count.saturating_add(1),
            None => self.counts.push((from, channel, topic, 1)),
        }
    }

    /// How many of the month were about each topic.
    pub fn by_topic(&self) -> BTreeMap<&'static str, u32> {
        let mut by_topic: BTreeMap<&'static str, u32> = BTreeMap::new();
        for (_, _, topic, count) in &self.counts {
            let sum = by_topic.entry(topic.code()).or_default();
            *sum = sum.saturating_add(*count);
        }
        by_topic
    }

    /// How many there were.
    pub fn sum(&self) -> u32 {
        self.counts.iter().fold(0, |sum, (.., count)| sum.saturating_add(*count))
    }
}

/// One is recorded.
///
/// # Errors
/// Its day is to come, or long past.
pub(crate) fn record(desk: &mut Desk<Union>, one: &Consultation) -> Result<(), Stop> {
    let today = desk.at().date();
    let days = today.duration_since(one.on).as_hours() / 24;
    if !(0..=i64::from(RECORDED_WITHIN)).contains(&days) {
        let detail = format!("咨询日期应在今日（{today}）及之前 {RECORDED_WITHIN} 日之内。");
        return Err(Refusal::new(RefusalKind::Invalid, "CONSULTED_ON", "咨询日期有误", detail).into());
    }
    desk.record(Fact::Consulted(*one))?;
    let row = match desk.own(&rows::consultations(one.on))? {
        Some(Row::Consultations(row)) => row.clone(),
        _ => ConsultationsRow::of(one.on),
    };
    let body = json!({ "consulted_on": one.on, "consultations_of_the_month": row.sum() });
    desk.answer(Answer { shows: None, did: Did::Changed, body });
    Ok(())
}
