//! The bank's service: its core behind the common HTTP edge, with the routes that only the bank has.
//!
//! It decides nothing and moves no money: payments leave through the core's orders to the core-banking system. Start
//! reading at [`router`]; what officers decide is in [`decisions`].

pub mod decisions;
pub mod desk;
mod loans;
mod routes;
mod subsidies;
mod unidentified;

use axum::Router;
use bank_core::{Bank, Command, Role, Row};
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

/// Runs the bank's service until `shutdown`.
///
/// # Errors
/// The configuration is wrong, or something fails for good.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), RunError> {
    party::run::run(party::run::set_up::<Bank>(&config)?, &config, app, shutdown).await
}

/// All that the bank serves: its HTTP interface, and the pages that are made of it.
pub fn app(handle: Handle<Bank>, vault: Arc<Vault>) -> Router {
    let secret = vault.secret("desk", &[]);
    let interface = router(handle, vault);
    ::desk::with_pages(interface, desk::DESK, secret)
}

/// The bank's HTTP interface.
pub fn router(handle: Handle<Bank>, vault: Arc<Vault>) -> Router {
    http::router(
        handle,
        vault,
        edge(),
        routes::router().merge(loans::router()).merge(subsidies::router()).merge(unidentified::router()),
    )
}

/// Who sees papers and personal data whole, with a reason: who decides on the credit, and who signs and pays.
const READERS: &[&str] = &[Role::CreditInvestigator.code(), Role::CreditApprover.code(), Role::Operations.code()];

/// How the bank looks from outside.
pub fn edge() -> Edge<Bank> {
    Edge {
        title: "暖·创贷 银行",
        officers: Role::ALL.iter().filter(|role| **role != Role::Operator).map(|role| role.code()).collect(),
        clerks: Vec::new(),
        applicants: false,
        summary,
        matter: unidentified::matter,
        decide: decisions::decide,
        hand: Command::HandTask,
        decisions: decisions::schema(),
        personal: Some(Personal { unmasked: READERS, mask: party::person::mask }),
        papers: Some(PaperDesk {
            of: Bank::papers,
            readers: READERS,
            supply: None,
            ask: Some(Gives {
                roles: bank_core::rights::PAPERS,
                command: |application_id, letterbox| Command::AskForPapers { application_id, letterbox },
            }),
            is_retained: |row| matches!(row, Row::Case(case) if case.paid_out.is_some()),
        }),
        charters: Some(Command::Charter),
        routes: [routes::table(), loans::table(), subsidies::table(), unidentified::table()].concat(),
    }
}

/// A case, or money whose loan is not known, as people see it.
fn summary(row: &Row) -> Value {
    match row {
        Row::Case(case) => bank_core::summary(case),
        Row::Unidentified(money) => bank_core::unidentified::shown(money),
        Row::Loan(_) | Row::SubsidyList(_) | Row::Papers(_) | Row::Charters(_) => Value::Null,
    }
}
