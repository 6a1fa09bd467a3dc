//! The union's service: its core behind the common HTTP edge, with the routes that only the union has.
//!
//! It decides nothing: forms are validated and personal data sealed here, then the core decides. Start reading at
//! [`router`]; the form of an application is in [`submission`], what officers decide in [`decisions`].

pub mod decisions;
pub mod desk;
pub mod hotline;
pub mod identifiers;
mod loans;
pub mod members;
mod notices;
mod relief;
mod routes;
mod statistics;
pub mod submission;
mod subsidies;

use axum::Router;
use organisation::papers::KeepsPapers;
use party::{
    config::Config,
    handle::Handle,
    http::{self, Edge, Gives, PaperDesk, Personal},
    run::RunError,
    vault::Vault,
};
use serde_json::Value;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use union_core::{
    Command, Role, Row, Union, rows,
    ticket::{self, TicketId},
};

/// Runs the union's service until `shutdown`.
///
/// # Errors
/// The configuration is wrong, or something fails for good.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), RunError> {
    party::run::run(party::run::set_up::<Union>(&config)?, &config, app, shutdown).await
}

/// All that the union serves: its HTTP interface, and the pages that are made of it.
pub fn app(handle: Handle<Union>, vault: Arc<Vault>) -> Router {
    let secret = vault.secret("desk", &[]);
    let interface = router(handle, vault);
    ::desk::with_pages(interface, desk::DESK, secret)
}

/// The union's HTTP interface.
pub fn router(handle: Handle<Union>, vault: Arc<Vault>) -> Router {
    http::router(
        handle,
        vault,
        edge(),
        routes::router()
            .merge(hotline::router())
            .merge(loans::router())
            .merge(notices::router())
            .merge(relief::router())
            .merge(subsidies::router())
            .merge(statistics::router()),
    )
}

/// Who sees personal data whole, with a reason.
const UNMASKED: &[&str] = &[Role::IntakeOfficer.code()];

/// Who looks at no application: the operator, and the agents of the hotline, who see what state it is in and no more.
const NO_OFFICERS: &[Role] = &[Role::Operator, Role::HotlineAgent];

/// How the union looks from outside.
pub fn edge() -> Edge<Union> {
    Edge {
        title: "暖·创贷 工会",
        officers: Role::ALL.iter().filter(|role| !NO_OFFICERS.contains(role)).map(|role| role.code()).collect(),
        clerks: vec![Role::HotlineAgent.code()],
        applicants: true,
        summary,
        matter: |number| TicketId::parse(number).ok().map(|id| rows::ticket(&id)),
        decide: decisions::decide,
        hand: Command::HandTask,
        decisions: decisions::schema(),
        personal: Some(Personal { unmasked: UNMASKED, mask: party::person::mask }),
        papers: Some(PaperDesk {
            of: Union::papers,
            readers: UNMASKED,
            supply: Some(Gives {
                roles: union_core::rights::FILING,
                command: |application_id, paper| Command::SupplyPaper { application_id, paper },
            }),
            ask: None,
            is_retained: |row| matches!(row, Row::Application(application) if application.receipt.is_some()),
        }),
        charters: Some(Command::Charter),
        routes: [
            routes::table(),
            hotline::table(),
            loans::table(),
            notices::table(),
            relief::table(),
            subsidies::table(),
            statistics::table(),
        ]
        .concat(),
    }
}

/// An application or a ticket as people see it: no personal data, no pseudonym, no token of the vault.
fn summary(row: &Row) -> Value {
    match row {
        Row::Application(application) => union_core::summary(application),
        Row::Ticket(ticket) => ticket::shown(ticket),
        _ => Value::Null,
    }
}
