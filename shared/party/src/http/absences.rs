//! Absences: a supervisor names a deputy for somebody who is away, and the deputy acts with that person's roles.
//!
//! A deputy says so with every request, by the header `On-Behalf-Of`: nothing is done for another by mistake. Whatever is done
//! then is recorded under both, and wherever two persons are asked for, the two of them count as one (`saga::Person`). Nobody
//! deputises for an operator, who opens accounts, nor for an applicant.

use super::{APPLICANT, App, Caller, OPERATOR, Page, Writing, json, unreadable};
use crate::{
    handle::{Absence, Maintenance},
    store::read::AbsenceRow,
};
use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use domain::Date;
use organisation::{Organisation, Person, people::SUPERVISOR};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};
use web::{Fields, Problem, Query, utoipa};

/// Names the person for whom a deputy acts.
pub(super) const ON_BEHALF_OF: &str = "On-Behalf-Of";
/// Days that one absence may last; a longer one is looked at again.
const LONGEST_DAYS: i32 = 92;

/// An absence to be entered.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
pub(super) struct NewAbsence {
    /// 离岗的人，例如 person:wang
    person: String,
    /// 代理人
    deputy: String,
    /// 首日（业务日期）
    from: String,
    /// 末日
    to: String,
    /// 理由，2 至 500 字
    because: String,
}

/// `GET /api/v1/absences`: the latest first.
pub(super) async fn list<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Query(super::Nothing {}): Query<super::Nothing>,
) -> Result<Response, Problem> {
    let rows = app.handle.readers.absences().await.map_err(|error| unreadable(&error))?;
    json(StatusCode::OK, &Page::whole(rows.iter().map(AbsenceRow::shown).collect()))
}

/// `POST /api/v1/absences`.
pub(super) async fn enter<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    writing: Writing,
) -> Result<Response, Problem> {
    let mut fields = Fields::parse(writing.json_bytes()?)?;
    let person = fields.text("person", 1..=200);
    let deputy = fields.text("deputy", 1..=200);
    let from = fields.read("from", "DATE", |text| text.parse::<Date>());
    let to = fields.read("to", "DATE", |text| text.parse::<Date>());
    let because = fields.text("because", 2..=500);
    let today = app.handle.clock.now().date();
    if let (Some(from), Some(to)) = (from, to) {
        if from < today {
            fields.wrong("from", "PAST", "首日不得早于今日。");
        }
        if !from.until(to).is_ok_and(|span| (0..LONGEST_DAYS).contains(&span.get_days())) {
            fields.wrong("to", "RANGE", "末日不得早于首日，且一次至多 92 天。");
        }
    }
    for (field, named) in [("person", &person), ("deputy", &deputy)] {
        let Some(named) = named else { continue };
        let roles = app.handle.readers.roles_of(named).await.map_err(|error| unreadable(&error))?;
        if !roles.iter().any(|role| role != APPLICANT) {
            fields.wrong(field, "NO_ACCOUNT", "本机构没有此人的在用账户。");
        }
    }
    if let (Some(person), Some(deputy)) = (&person, &deputy) {
        if person == deputy {
            fields.wrong("deputy", "SAME_PERSON", "不能由本人代理。");
        }
        // Whoever names deputies hands no rights to himself.
        if Person::new(writing.caller.person.as_str()).is_also(&Person::new(deputy.as_str())) {
            fields.wrong("deputy", "OWN_DEPUTY", "主管不能指定自己为代理人，请由另一位主管办理。");
        }
    }
    let absence = (|| Some(Absence { person: person?, deputy: deputy?, from: from?, to: to?, because: because? }))();
    let absence = fields.finish(absence)?;
    let by = writing.caller.person;
    app.order(writing.idempotency, Maintenance::Absent { absence, by }).await
}

/// `POST /api/v1/absences/{number}/end`: from now on nobody acts for that person any more.
pub(super) async fn end<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Path(number): Path<String>,
    writing: Writing,
) -> Result<Response, Problem> {
    let because = super::because(&writing)?;
    let number = number.parse().map_err(|_| Problem::not_found("没有此编号的离岗登记。"))?;
    let found = app.handle.readers.absence(number).await.map_err(|error| unreadable(&error))?;
    if found.is_none() {
        return Err(Problem::not_found("没有此编号的离岗登记。"));
    }
    let by = writing.caller.person;
    app.order(writing.idempotency, Maintenance::Returned { number, by, because }).await
}

impl<O: Organisation> App<O> {
    /// The caller as the header says: as himself, or as the deputy of somebody who is away today.
    ///
    /// # Errors
    /// 403: not for that person, not today. 503: the database cannot be read.
    pub(super) async fn acting(&self, caller: Caller, headers: &HeaderMap) -> Result<Caller, Problem> {
        let Some(absent) = headers.get(ON_BEHALF_OF) else { return Ok(caller) };
        let refused = || {
            let detail = "您今日未被指定为此人的代理人；可代理何人见 GET /api/v1/account。";
            Problem::new(StatusCode::FORBIDDEN, "NOT_DEPUTY", "不能代理", detail)
        };
        let absent = std::str::from_utf8(absent.as_bytes()).map_err(|_| refused())?;
        if !self.absent_today(&caller.person).await?.iter().any(|person| person == absent) {
            return Err(refused());
        }
        let roles = self.roles_for_deputy(absent).await?;
        Ok(Caller { person: Person::deputy(&caller.person, absent).0, roles, ..caller })
    }

    /// The roles of a person that a deputy acts with.
    ///
    /// # Errors
    /// 503: the database cannot be read.
    pub(super) async fn roles_for_deputy(&self, absent: &str) -> Result<BTreeSet<String>, Problem> {
        let roles = self.handle.readers.roles_of(absent).await.map_err(|error| unreadable(&error))?;
        Ok(roles.into_iter().filter(|role| ![OPERATOR, APPLICANT].contains(&role.as_str())).collect())
    }

    /// For whom this person may act today.
    ///
    /// # Errors
    /// 503: the database cannot be read.
    pub(super) async fn absent_today(&self, deputy: &str) -> Result<Vec<String>, Problem> {
        let today = self.handle.clock.now().date();
        self.handle.readers.absent_on(deputy, today).await.map_err(|error| unreadable(&error))
    }
}

impl AbsenceRow {
    fn shown(&self) -> Value {
        serde_json::json!({
            "number": self.number,
            "person": self.person,
            "deputy": self.deputy,
            "from": self.from,
            "to": self.to,
            "ended": self.ended,
            "because": self.because,
        })
    }
}

/// The roles of which one is needed to name deputies.
pub(super) const NAMES: &[&str] = &[SUPERVISOR];
