//! What the programme has come to, counted from the applications themselves: nothing is kept for it.
//!
//! A figure counts on the day of what it counts: applications when they are filed, pay-outs on their value date, receipts on theirs,
//! subsidies on the day on which they are credited, endings when they end. What is still owed counts with the pay-out that it comes from.
//! The hotline's figures have a time and neither district, industry nor channel: tickets count when they are received, consultations in
//! their month.

use crate::{
    application::Application,
    consultation::ConsultationsRow,
    subsidy::{Claim, ClaimState},
    ticket::Ticket,
};
use domain::{Calendar, Date, Fen, Moment, loan::Measure};
use saga::Ending;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What figures are told apart by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The year, `2020`.
    #[default]
    Year,
    /// The quarter, `2020Q2`.
    Quarter,
    /// The district of the firm.
    District,
    /// The section of GB/T 4754 of the firm's industry, `A` to `T`.
    Industry,
    /// `GREEN` or `STANDARD`.
    Channel,
}

impl By {
    /// The group of a day; none where figures are not told apart by time.
    fn time(self, on: Date) -> Option<String> {
        match self {
            By::Year => Some(on.year().to_string()),
            By::Quarter => Some(format!("{}Q{}", on.year(), (on.month() + 2) / 3)),
            By::District | By::Industry | By::Channel => None,
        }
    }

    fn group(self, application: &Application, on: Date) -> String {
        match self {
            By::Year | By::Quarter => self.time(on).unwrap_or_default(),
            By::District => application.firm.district.clone(),
            By::Industry => application.firm.industry_code.chars().take(1).collect(),
            By::Channel => if application.is_green() { "GREEN" } else { "STANDARD" }.into(),
        }
    }
}

/// Beside the steps of the saga: from filing to pay-out.
pub const FILING_TO_PAY_OUT: &str = "filing to pay-out";

/// A figure that every group has, 0 or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Applications that were filed.
    Applications,
    /// Of them renewals.
    Renewals,
    /// Of them further tries after one that came to nothing.
    Reapplications,
    /// Firms that filed one.
    Enterprises,
    /// Applications that were refused.
    Refused,
    /// Applications that were withdrawn.
    Withdrawn,
    /// Applications of which a term passed.
    Expired,
    /// Loans that were paid out, and not reversed.
    LoansPaidOut,
    /// Of them renewals.
    RenewalLoansPaidOut,
    /// Firms that were paid one.
    EnterprisesPaidOut,
    /// Firms that were paid a renewal.
    EnterprisesRenewed,
    /// What was paid out, fen.
    Disbursed,
    /// What is still owed of that, fen.
    Outstanding,
    /// What is still owed of loans that are overdue, fen.
    Overdue,
    /// Receipts, without reversed ones.
    Receipts,
    /// Principal that was paid back, fen.
    PrincipalCollected,
    /// Interest that was paid, fen.
    InterestCollected,
    /// Claims for a subsidy that are paid.
    ClaimsPaid,
    /// Claims for a subsidy that were rejected.
    ClaimsRejected,
    /// Firms that were paid a subsidy.
    EnterprisesSubsidised,
    /// What was paid as subsidies, fen.
    Subsidised,
    /// Relief plans that came into force.
    ReliefPlans,
    /// Tickets of the hotline.
    Tickets,
    /// Of them those that are done with.
    TicketsClosed,
    /// Tickets of which a reply came after its time, or has not come in it.
    TicketsLate,
    /// Tickets that were reopened.
    TicketsReopened,
    /// Consultations.
    Consultations,
}

impl Figure {
    /// Every figure, in the order of the columns.
    pub const ALL: [Figure; 27] = [
        Figure::Applications,
        Figure::Renewals,
        Figure::Reapplications,
        Figure::Enterprises,
        Figure::Refused,
        Figure::Withdrawn,
        Figure::Expired,
        Figure::LoansPaidOut,
        Figure::RenewalLoansPaidOut,
        Figure::EnterprisesPaidOut,
        Figure::EnterprisesRenewed,
        Figure::Disbursed,
        Figure::Outstanding,
        Figure::Overdue,
        Figure::Receipts,
        Figure::PrincipalCollected,
        Figure::InterestCollected,
        Figure::ClaimsPaid,
        Figure::ClaimsRejected,
        Figure::EnterprisesSubsidised,
        Figure::Subsidised,
        Figure::ReliefPlans,
        Figure::Tickets,
        Figure::TicketsClosed,
        Figure::TicketsLate,
        Figure::TicketsReopened,
        Figure::Consultations,
    ];

    /// Its name over HTTP; money ends in `_fen`.
    pub const fn name(self) -> &'static str {
        match self {
            Figure::Applications => "applications",
            Figure::Renewals => "renewal_applications",
            Figure::Reapplications => "reapplications",
            Figure::Enterprises => "enterprises_in_all",
            Figure::Refused => "refused",
            Figure::Withdrawn => "withdrawn",
            Figure::Expired => "expired",
            Figure::LoansPaidOut => "loans_paid_out",
            Figure::RenewalLoansPaidOut => "renewal_loans_paid_out",
            Figure::EnterprisesPaidOut => "enterprises_paid_out",
            Figure::EnterprisesRenewed => "enterprises_renewed",
            Figure::Disbursed => "disbursed_fen",
            Figure::Outstanding => "outstanding_fen",
            Figure::Overdue => "overdue_fen",
            Figure::Receipts => "repayments",
            Figure::PrincipalCollected => "principal_collected_fen",
            Figure::InterestCollected => "interest_collected_fen",
            Figure::ClaimsPaid => "subsidy_claims_paid",
            Figure::ClaimsRejected => "subsidy_rejected",
            Figure::EnterprisesSubsidised => "enterprises_subsidised",
            Figure::Subsidised => "subsidy_fen",
            Figure::ReliefPlans => "relief_plans",
            Figure::Tickets => "tickets",
            Figure::TicketsClosed => "tickets_closed",
            Figure::TicketsLate => "tickets_late",
            Figure::TicketsReopened => "tickets_reopened",
            Figure::Consultations => "consultations",
        }
    }

    const fn counts_firms(self) -> bool {
        matches!(
            self,
            Figure::Enterprises
                | Figure::EnterprisesPaidOut
                | Figure::EnterprisesRenewed
                | Figure::EnterprisesSubsidised
        )
    }
}

/// A sum, and whose it is: firms, or calls of which nobody keeps who called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    sum: i64,
    firms: BTreeSet<String>,
    calls: usize,
}

/// Fewer firms, or calls, than this can be recognised in a published figure.
pub const FEWEST_FIRMS: usize = 3;

impl Cell {
    fn add(&mut self, firm: &str, value: i64) {
        self.sum = self.sum.saturating_add(value);
        self.firms.insert(firm.to_owned());
    }

    fn add_calls(&mut self, calls: u32) {
        self.sum = self.sum.saturating_add(calls.into());
        self.calls = self.calls.saturating_add(usize::try_from(calls).unwrap_or(usize::MAX));
    }

    /// The sum; none if it is `published` and about one or two firms, or calls.
    pub fn shown(&self, published: bool) -> Option<i64> {
        let hidden = published && (1..FEWEST_FIRMS).contains(&self.firms.len().saturating_add(self.calls));
        (!hidden).then_some(self.sum)
    }
}

/// The figures of a year, of a district, or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    figures: BTreeMap<Figure, Cell>,
    /// Why applications came to nothing, by code.
    pub reasons: BTreeMap<String, Cell>,
    /// What relief plans consist of, by kind of measure.
    pub measures: BTreeMap<&'static str, Cell>,
    /// What calls of the hotline are of, by category.
    pub categories: BTreeMap<&'static str, Cell>,
    /// What consultations are about, by topic.
    pub topics: BTreeMap<&'static str, Cell>,
    /// How long each step took that was done, in working days, and whose it was.
    steps: BTreeMap<String, (Vec<u32>, BTreeSet<String>)>,
}

impl Group {
    /// A figure, in its unit; none if it is `published` and about one or two firms.
    pub fn figure(&self, figure: Figure, published: bool) -> Option<i64> {
        let Some(cell) = self.figures.get(&figure) else { return Some(0) };
        let firms = i64::try_from(cell.firms.len()).unwrap_or(i64::MAX);
        cell.shown(published).map(|sum| if figure.counts_firms() { firms } else { sum })
    }

    /// Overdue of what is outstanding, ppm; none while nothing is, or if one of them is hidden.
    pub fn overdue_ppm(&self, published: bool) -> Option<i64> {
        let outstanding = self.figure(Figure::Outstanding, published).filter(|outstanding| *outstanding > 0)?;
        self.figure(Figure::Overdue, published)?.checked_mul(1_000_000)?.checked_div(outstanding)
    }

    /// The lower median of the working days that each step took, and of those from filing to pay-out.
    pub fn medians(&self, published: bool) -> BTreeMap<&str, u32> {
        let told = self.steps.iter().filter(|(_, (_, firms))| !published || firms.len() >= FEWEST_FIRMS);
        told.map(|(step, (days, _))| {
            let mut days = days.clone();
            days.sort_unstable();
            (step.as_str(), days.get(days.len().saturating_sub(1) / 2).copied().unwrap_or_default())
        })
        .collect()
    }
}

/// The figures of the programme.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    by: By,
    /// All of it.
    pub total: Group,
    /// Each group of it.
    pub groups: BTreeMap<String, Group>,
}

impl Statistics {
    /// Nothing yet.
    pub fn by(by: By) -> Self {
        Statistics { by, ..Statistics::default() }
    }

    /// One application more. What a step took is not counted where the calendar does not reach.
    pub fn count(&mut self, application: &Application, calendar: &Calendar) {
        let filed_on = application.filed_at.date();
        self.add(application, filed_on, &[(Figure::Applications, 1), (Figure::Enterprises, 0)]);
        if application.renewal.is_some() {
            self.add(application, filed_on, &[(Figure::Renewals, 1)]);
        }
        if application.reapplication_of.is_some() {
            self.add(application, filed_on, &[(Figure::Reapplications, 1)]);
        }
        self.count_steps(application, calendar);
        self.count_ending(application);
        self.count_loan(application);
        for claim in &application.claims {
            self.count_claim(application, claim);
        }
        for relief in &application.reliefs {
            let (Some(on), Some(plan)) = (relief.in_force_on, &relief.plan) else { continue };
            self.add(application, on, &[(Figure::ReliefPlans, 1)]);
            for measure in &plan.measures {
                let kind = match measure {
                    Measure::Extend { .. } => "EXTEND",
                    Measure::InterestOnly { .. } => "INTEREST_ONLY",
                    Measure::DeferInterest { .. } => "DEFER_INTEREST",
                };
                self.each(application, on, |group, firm| group.measures.entry(kind).or_default().add(firm, 1));
            }
        }
    }

    /// One ticket of the hotline more.
    pub fn count_ticket(&mut self, ticket: &Ticket, now: Moment) {
        let figures = [
            (Figure::Tickets, true),
            (Figure::TicketsClosed, ticket.state.is_final()),
            (Figure::TicketsLate, ticket.was_late(now)),
            (Figure::TicketsReopened, ticket.reopenings() > 0),
        ];
        self.each_of_time(ticket.received_at.date(), |group| {
            for (figure, _) in figures.iter().filter(|(_, holds)| *holds) {
                group.figures.entry(*figure).or_default().add_calls(1);
            }
            group.categories.entry(ticket.call.category.code()).or_default().add_calls(1);
        });
    }

    /// The consultations of one month more.
    pub fn count_consultations(&mut self, month: &ConsultationsRow) {
        self.each_of_time(month.month, |group| {
            group.figures.entry(Figure::Consultations).or_default().add_calls(month.sum());
            for (topic, count) in month.by_topic() {
                group.topics.entry(topic).or_default().add_calls(count);
            }
        });
    }

    fn each_of_time(&mut self, on: Date, change: impl Fn(&mut Group)) {
        change(&mut self.total);
        if let Some(name) = self.by.time(on) {
            change(self.groups.entry(name).or_default());
        }
    }

    fn each(&mut self, application: &Application, on: Date, mut change: impl FnMut(&mut Group, &str)) {
        let firm = application.firm.uscc.as_str();
        change(&mut self.total, firm);
        change(self.groups.entry(self.by.group(application, on)).or_default(), firm);
    }

    fn add(&mut self, application: &Application, on: Date, figures: &[(Figure, i64)]) {
        self.each(application, on, |group, firm| {
            for (figure, value) in figures {
                group.figures.entry(*figure).or_default().add(firm, *value);
            }
        });
    }

    fn count_steps(&mut self, application: &Application, calendar: &Calendar) {
        let filed_on = application.filed_at.date();
        let run = &application.run;
        let steps = run.steps.iter().filter_map(|(name, step)| {
            let ended_at = step.ended_at.filter(|_| run.is_done(name))?;
            Some((name.as_str(), step.opened_at.date(), ended_at.date()))
        });
        let whole = application.receipt.as_ref().map(|receipt| (FILING_TO_PAY_OUT, filed_on, receipt.value_date));
        for (name, from, to) in steps.chain(whole) {
            let Ok(days) = calendar.working_days_between(from, to) else { continue };
            self.each(application, filed_on, |group, firm| {
                let (all, firms) = group.steps.entry(name.to_owned()).or_default();
                all.push(days);
                firms.insert(firm.to_owned());
            });
        }
    }

    fn count_ending(&mut self, application: &Application) {
        let (Some(ending), Some(at)) = (application.run.ending(), application.run.ended_at) else { return };
        let (figure, code) = match ending {
            Ending::Completed => return,
            Ending::Refused { reason, .. } => (Figure::Refused, reason.code()),
            Ending::Withdrawn { reason } => (Figure::Withdrawn, reason.code()),
            Ending::Expired { name } => (Figure::Expired, name.clone()),
        };
        self.add(application, at.date(), &[(figure, 1)]);
        self.each(application, at.date(), |group, firm| group.reasons.entry(code.clone()).or_default().add(firm, 1));
    }

    fn count_loan(&mut self, application: &Application) {
        let Some(receipt) = application.receipt.as_ref().filter(|_| application.reversed_on.is_none()) else { return };
        let lent = receipt.amount_fen.fen();
        let owed = application.life.outstanding(lent).unwrap_or(Fen::ZERO).get();
        let paid_out = [(Figure::LoansPaidOut, 1), (Figure::EnterprisesPaidOut, 0), (Figure::Disbursed, lent.get())];
        self.add(application, receipt.value_date, &paid_out);
        if owed > 0 {
            self.add(application, receipt.value_date, &[(Figure::Outstanding, owed)]);
        }
        if application.life.overdue_since.is_some() {
            self.add(application, receipt.value_date, &[(Figure::Overdue, owed)]);
        }
        if application.renewal.is_some() {
            let renewed = [(Figure::RenewalLoansPaidOut, 1), (Figure::EnterprisesRenewed, 0)];
            self.add(application, receipt.value_date, &renewed);
        }
        for known in application.life.receipts.iter().filter(|known| known.reversed_on.is_none()) {
            let collected = [
                (Figure::Receipts, 1),
                (Figure::PrincipalCollected, known.receipt.principal_fen.get()),
                (Figure::InterestCollected, known.receipt.interest_fen.get()),
            ];
            self.add(application, known.receipt.value_date, &collected);
        }
    }

    fn count_claim(&mut self, application: &Application, claim: &Claim) {
        for payment in claim.payments.iter().filter(|payment| payment.returned.is_none()) {
            let paid = [
                (Figure::ClaimsPaid, 1),
                (Figure::EnterprisesSubsidised, 0),
                (Figure::Subsidised, payment.amount_fen.fen().get()),
            ];
            self.add(application, payment.on, &paid);
        }
        if claim.state() == ClaimState::Rejected {
            let ended = claim.runs.iter().rev().find_map(|run| run.ended_at);
            if let Some(on) = claim.late_on.or(ended.map(|at| at.date())) {
                self.add(application, on, &[(Figure::ClaimsRejected, 1)]);
            }
        }
    }
}
