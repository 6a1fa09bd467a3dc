//! `GET /api/v1/statistics`: what the programme has come to, for officers and auditors, and as it may be published.

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
    routing::get,
};
use party::http::{AUDITOR, App, OFFICER, Route, Who, json, unreadable};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use union_core::{
    Row, Union,
    statistics::{self, By, Figure},
};
use utoipa::ToSchema;
use web::{
    Problem, Query,
    openapi::{Kind, Parameter, described},
};

const PATH: &str = "/api/v1/statistics";

pub(crate) fn router() -> Router<Arc<App<Union>>> {
    Router::new().route(PATH, get(statistics))
}

pub(crate) fn table() -> Vec<Route> {
    const READERS: Who = Who::Roles(&[OFFICER, AUDITOR]);
    let summary = "项目统计：合计与分组；可得可公布的版本（隐去少于 3 户企业或 3 次来电的数字）与 CSV";
    vec![Route::get(PATH, READERS, summary, Some(described::<Statistics>())).with([
        Parameter::query("by", Kind::Text, "分组：year（默认）、quarter、district、industry、channel"),
        Parameter::query("published", Kind::Boolean, "true：少于 3 户企业的数字为 null"),
        Parameter::query("format", Kind::Text, "json（默认）或 csv"),
    ])]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    by: By,
    #[serde(default)]
    published: bool,
    #[serde(default)]
    format: Format,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

/// What the programme has come to. Figures count on the day of what they count.
#[derive(Serialize, ToSchema)]
struct Statistics {
    /// 第一行为合计，其余为各组
    items: Vec<Group>,
}

/// The figures of a group; null where they would be about one or two firms.
#[derive(Serialize, ToSchema)]
#[schema(as = StatisticsOfGroup)]
struct Group {
    /// 合计为 total；其余为年、季、区、行业门类或渠道
    group: String,
    /// 申请、放款、还款、贴息、纾困、热线等项；名称以 _fen 结尾的为金额，分
    #[serde(flatten)]
    #[schema(value_type = BTreeMap<String, Option<i64>>)]
    figures: BTreeMap<&'static str, Option<i64>>,
    /// 逾期贷款余额占贷款余额，百万分之几；没有余额为 null
    overdue_ppm: Option<i64>,
    /// 未办成的原因
    reasons: BTreeMap<String, Option<i64>>,
    /// 纾困方案的措施
    relief_measures: BTreeMap<String, Option<i64>>,
    /// 12351 工单的类别
    ticket_categories: BTreeMap<String, Option<i64>>,
    /// 咨询的事项
    consultation_topics: BTreeMap<String, Option<i64>>,
    /// 各步骤及提交至放款用时的中位数（偶数个时取较小者），工作日
    median_working_days: BTreeMap<String, u32>,
}

fn cells(cells: &BTreeMap<&'static str, statistics::Cell>, published: bool) -> BTreeMap<String, Option<i64>> {
    cells.iter().map(|(kind, cell)| ((*kind).to_owned(), cell.shown(published))).collect()
}

impl Group {
    fn of(name: &str, group: &statistics::Group, published: bool) -> Self {
        Group {
            group: name.to_owned(),
            figures: Figure::ALL.map(|figure| (figure.name(), group.figure(figure, published))).into(),
            overdue_ppm: group.overdue_ppm(published),
            reasons: group.reasons.iter().map(|(code, cell)| (code.clone(), cell.shown(published))).collect(),
            relief_measures: cells(&group.measures, published),
            ticket_categories: cells(&group.categories, published),
            consultation_topics: cells(&group.topics, published),
            median_working_days: group
                .medians(published)
                .into_iter()
                .map(|(step, days)| (step.to_owned(), days))
                .collect(),
        }
    }

    /// The group as a line of a table: by column.
    fn line(&self) -> BTreeMap<String, String> {
        let text = |value: &Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
        let mut line: BTreeMap<String, String> =
            self.figures.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect();
        line.insert("overdue_ppm".into(), text(&self.overdue_ppm));
        line.extend(self.reasons.iter().map(|(code, value)| (format!("reason {code}"), text(value))));
        let named = [
            ("relief", &self.relief_measures),
            ("ticket", &self.ticket_categories),
            ("consultation", &self.consultation_topics),
        ];
        for (what, cells) in named {
            line.extend(cells.iter().map(|(kind, value)| (format!("{what} {kind}"), text(value))));
        }
        let days = self.median_working_days.iter();
        line.extend(days.map(|(step, days)| (format!("median working days: {step}"), days.to_string())));
        line
    }
}

impl Statistics {
    /// Each group as a line; the columns that not every group has come last.
    fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let lines: Vec<_> = self.items.iter().map(|group| (group.group.as_str(), group.line())).collect();
        let fixed: Vec<&str> = Figure::ALL.iter().map(|figure| figure.name()).chain(["overdue_ppm"]).collect();
        let named = lines.iter().flat_map(|(_, line)| line.keys().map(String::as_str));
        let more: BTreeSet<&str> = named.filter(|column| !fixed.contains(column)).collect();
        let columns: Vec<&str> = fixed.iter().copied().chain(more).collect();
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(std::iter::once("group").chain(columns.iter().copied()))?;
        for (name, line) in &lines {
            let cells = columns.iter().map(|column| line.get(*column).map_or("", String::as_str));
            csv.write_record(std::iter::once(*name).chain(cells))?;
        }
        csv.into_inner().map_err(|error| error.into_error().into())
    }
}

/// How many rows are read at once.
const AT_ONCE: u32 = 500;

/// Reads every application, so that no second book has to agree with the first: some thousands take a second.
async fn counted(app: &App<Union>, by: By) -> Result<statistics::Statistics, Problem> {
    let charter = app.charter_in_force(app.handle.clock.now().date()).await?;
    let charter = charter.ok_or_else(|| Problem::conflict("NO_CHARTER", "今日没有施行的章程，无从计算工作日。"))?;
    let mut statistics = statistics::Statistics::by(by);
    each_row(app, "application/", |row| {
        if let Row::Application(application) = row {
            statistics.count(&application, &charter.calendar);
        }
    })
    .await?;
    let now = app.handle.clock.now();
    each_row(app, "ticket/", |row| {
        if let Row::Ticket(ticket) = row {
            statistics.count_ticket(&ticket, now);
        }
    })
    .await?;
    each_row(app, "consultations/", |row| {
        if let Row::Consultations(month) = row {
            statistics.count_consultations(&month);
        }
    })
    .await?;
    Ok(statistics)
}

/// Reads every row whose key begins so, some at once.
pub(crate) async fn each_row(app: &App<Union>, prefix: &str, mut take: impl FnMut(Row)) -> Result<(), Problem> {
    let mut after = String::new();
    loop {
        let rows = app.handle.readers.list(prefix, &Default::default(), &after, AT_ONCE).await;
        let rows = rows.map_err(|error| unreadable(&error))?;
        let Some(last) = rows.last() else { return Ok(()) };
        after.clone_from(&last.key);
        for row in &rows {
            take(serde_json::from_str(&row.body).map_err(|error| Problem::internal(&error))?);
        }
    }
}

async fn statistics(State(app): State<Arc<App<Union>>>, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    let Asked { by, published, format } = asked;
    let counted = counted(&app, by).await?;
    let groups = counted.groups.iter().map(|(name, group)| (name.as_str(), group));
    let items = std::iter::once(("total", &counted.total)).chain(groups);
    let statistics = Statistics { items: items.map(|(name, group)| Group::of(name, group, published)).collect() };
    match format {
        Format::Json => json(StatusCode::OK, &statistics),
        Format::Csv => {
            let body = statistics.csv().map_err(|error| Problem::internal(&error))?;
            let mut response = Response::new(Body::from(body));
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
            let name = HeaderValue::from_static("attachment; filename=\"statistics.csv\"");
            headers.insert(header::CONTENT_DISPOSITION, name);
            Ok(response)
        }
    }
}
