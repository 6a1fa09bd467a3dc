//! The desk: pages for clerks, officers and applicants, made of the same HTTP interface that programs use.
//!
//! A page asks the interface of its own process, with the token of whoever is signed in, and shows the answer; a form
//! becomes the request that a program would send. So the desk can do nothing that the interface does not allow to that
//! person, and decides nothing itself. It knows no database, no core and no key but the one its cookies are sealed with.
//!
//! Everything works without JavaScript. What differs between organisations is in [`Desk`].

mod absences;
mod actions;
mod api;
mod applicant;
mod books;
mod cases;
mod charters;
mod decisions;
mod estimate;
pub mod form;
mod handover;
mod lang;
mod live;
mod matters;
mod page;
mod papers;
mod password;
mod session;
mod tasks;
mod tickets;
mod words;

use api::Api;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn,
    routing::{get, post},
};
use form::{Action, Application, CaseAction, TaskForm};
use session::Sealer;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Bytes that a form may have.
const FORM_LIMIT: usize = 64 * 1024;

/// What the pages of one organisation show.
#[derive(Clone, Copy, Debug)]
pub struct Desk {
    /// The organisation, as the interface names it: `union`.
    pub party: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// The form of each of its tasks, by the task's name.
    pub tasks: &'static [(&'static str, TaskForm)],
    /// Its books: title, and path below `/api/v1/`.
    pub books: &'static [(&'static str, &'static str)],
    /// Whether it keeps the accounts of loans.
    pub keeps_loans: bool,
    /// Matters beside applications that have tasks.
    pub matters: &'static [Matter],
    /// Roles that have tasks and look at no application.
    pub clerks: &'static [&'static str],
    /// Who may see personal data unmasked, one of these roles.
    pub unmasked: &'static [&'static str],
    /// Who opens papers, asks for them and erases what is kept of persons, one of these roles.
    pub reads_papers: &'static [&'static str],
    /// What is done beside tasks.
    pub actions: &'static [Action],
    /// What is done about one application beside tasks.
    pub case_actions: &'static [CaseAction],
    /// The form that applicants file with, where they file.
    pub application: Option<&'static Application>,
}

/// A kind of matter that has tasks and a page, such as the hotline's tickets.
#[derive(Clone, Copy, Debug)]
pub struct Matter {
    /// What its numbers begin with.
    pub prefix: &'static str,
    /// Path of its pages, and below `/api/v1/`.
    pub path: &'static str,
    /// The field that has its state.
    pub state: &'static str,
}

/// The hotline's tickets: of them there is a list too.
pub const TICKETS: Matter = Matter { prefix: "GD-", path: "tickets", state: "ticket_state" };

/// What the handlers share.
pub(crate) struct State {
    desk: Desk,
    api: Api,
    sealer: Sealer,
    /// Places for pages that listen to what happens.
    listening: Arc<Semaphore>,
}

impl State {
    /// Business time.
    pub(crate) async fn now(&self, session: &session::Session) -> Result<domain::Moment, api::Refusal> {
        let clock = self.api.get(&session.access, "clock").await?.body;
        Ok(domain::Moment::from_millis(clock["now_ms"].as_i64().unwrap_or_default()))
    }
}

pub(crate) type Shared = axum::extract::State<Arc<State>>;

/// An organisation's interface and the pages that are made of it. Whoever opens an address that is neither in a browser reads so on
/// a page.
pub fn with_pages(interface: Router, desk: Desk, secret: [u8; 32]) -> Router {
    let pages = router(interface.clone(), desk, secret);
    interface.merge(pages).layer(from_fn(page::nowhere)).layer(from_fn(lang::for_reader))
}

/// Whether it keeps the hotline's tickets.
pub(crate) fn keeps_tickets(desk: &Desk) -> bool {
    desk.matters.iter().any(|matter| matter.path == TICKETS.path)
}

/// The pages of an organisation. `interface` is its HTTP interface; `secret` seals the cookies, and has to be the same in
/// all replicas of a service.
fn router(interface: Router, desk: Desk, secret: [u8; 32]) -> Router {
    let has_applicants = desk.application.is_some();
    let state = Arc::new(State {
        desk,
        api: Api::new(interface),
        sealer: Sealer::new(secret, desk.party),
        listening: Arc::new(Semaphore::new(live::MOST)),
    });
    let mut pages = Router::new()
        .route("/", get(tasks::workbench))
        .route("/login", get(session::login_page).post(session::login))
        .route("/logout", post(session::logout))
        .route("/password", get(password::show).post(password::set))
        .route("/tasks", get(tasks::list))
        .route("/tasks/{id}/{task}", get(decisions::show).post(decisions::decide))
        .route("/tasks/{id}/{task}/hands", get(handover::show).post(handover::hand))
        .route("/applications", get(cases::list))
        .route("/applications/{id}", get(cases::one))
        .route("/applications/{id}/personal-data", post(cases::unmask))
        .route("/applications/{id}/papers/request", post(papers::ask))
        .route("/applications/{id}/papers/{address}", post(papers::open))
        .route("/applications/{id}/erasure", post(papers::erase))
        .route("/books", get(books::overview))
        .route("/books/{number}", get(books::one))
        .route("/actions", get(actions::list))
        .route("/actions/{number}", get(actions::show).post(actions::act))
        .route("/loans/{id}", get(books::loan))
        .route("/incidents", get(books::incidents))
        .route("/absences", get(absences::show).post(absences::enter))
        .route("/absences/{number}/end", post(absences::end))
        .route("/acting", post(absences::change_over))
        .route("/charters", get(charters::list).post(charters::propose))
        .route("/charters/{hash}", get(charters::one).post(charters::give))
        .route("/lang/{language}", get(lang::choose))
        .route("/live/tasks", get(live::tasks))
        .route("/live/applications/{id}", get(live::application))
        .route("/tasks/{id}/{task}/estimate", post(decisions::estimate))
        .route("/htmx.js", get(live::htmx))
        .route("/sse.js", get(live::sse))
        .route("/live.js", get(live::own))
        .route("/desk.css", get(page::style));
    for matter in desk.matters {
        let one = move |state, session, path, query| matters::one(matter, state, session, path, query);
        pages = pages.route(&format!("/{}/{{id}}", matter.path), get(one));
    }
    if keeps_tickets(&desk) {
        pages = pages.route("/tickets", get(tickets::list));
    }
    if has_applicants {
        pages = pages
            .route("/apply/{step}", get(applicant::step).post(applicant::keep))
            .route("/applications/{id}/schedule", get(books::schedule))
            .route("/applications/{id}/withdrawal", post(applicant::withdraw))
            .route("/applications/{id}/acts/{number}", post(actions::act_on_case))
            .route(
                "/applications/{id}/papers",
                post(papers::supply).layer(DefaultBodyLimit::max(papers::UPLOAD_LIMIT)),
            );
    }
    pages
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .layer(from_fn(page::guard))
        .layer(from_fn(lang::for_reader))
        .with_state(state)
}
