//! The guarantor's service: its core behind the common HTTP edge, with the routes that only the guarantor has.
//!
//! It decides nothing. Start reading at [`router`]; what officers decide is in [`decisions`].

pub mod decisions;
pub mod desk;
mod routes;

use axum::{Extension, Router};
use domain::Fen;
use guarantor_core::{Command, Guarantor, Role, Row};
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

/// The guarantor's own net assets, fen: what it may guarantee by.
#[derive(Clone, Copy, Debug)]
pub struct NetAssets(pub Fen);

/// Runs the guarantor's service until `shutdown`.
///
/// # Errors
/// The configuration is wrong, or something fails for good.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), RunError> {
    let guarantor = party::run::set_up::<Guarantor>(&config)?;
    let net_assets = NetAssets(guarantor.net_assets_fen);
    party::run::run(guarantor, &config, move |handle, vault| app(handle, vault, net_assets), shutdown).await
}

/// All that the guarantor serves: its HTTP interface, and the pages that are made of it.
pub fn app(handle: Handle<Guarantor>, vault: Arc<Vault>, net_assets: NetAssets) -> Router {
    let secret = vault.secret("desk", &[]);
    let interface = router(handle, vault, net_assets);
    ::desk::with_pages(interface, desk::DESK, secret)
}

/// The guarantor's HTTP interface.
pub fn router(handle: Handle<Guarantor>, vault: Arc<Vault>, net_assets: NetAssets) -> Router {
    http::router(handle, vault, edge(), routes::router().layer(Extension(net_assets)))
}

/// Who sees personal data whole, with a reason.
const UNMASKED: &[&str] = &[Role::ContractOfficer.code()];

/// Who opens papers, with a reason: who underwrites, and who signs.
const READERS: &[&str] = &[Role::RiskManager.code(), Role::ContractOfficer.code()];

/// A record of persons, masked: the applicant as the union sent it, or a counter-guarantor.
fn mask(record: &Value) -> Value {
    if record.get("legal_rep_name").is_some() { party::person::mask(record) } else { decisions::mask(record) }
}

/// How the guarantor looks from outside.
pub fn edge() -> Edge<Guarantor> {
    Edge {
        title: "暖·创贷 担保公司",
        officers: Role::ALL.iter().filter(|role| **role != Role::Operator).map(|role| role.code()).collect(),
        clerks: Vec::new(),
        applicants: false,
        summary,
        matter: |_| None,
        decide: decisions::decide,
        hand: Command::HandTask,
        decisions: decisions::schema(),
        personal: Some(Personal { unmasked: UNMASKED, mask }),
        papers: Some(PaperDesk {
            of: Guarantor::papers,
            readers: READERS,
            supply: None,
            ask: Some(Gives {
                roles: guarantor_core::rights::PAPERS,
                command: |application_id, letterbox| Command::AskForPapers { application_id, letterbox },
            }),
            is_retained: |row| matches!(row, Row::Case(case) if case.loan.is_some()),
        }),
        charters: Some(Command::Charter),
        routes: routes::table(),
    }
}

/// A case as people see it.
fn summary(row: &Row) -> Value {
    match row {
        Row::Case(case) => guarantor_core::summary(case),
        Row::Limits(_) | Row::Client(_) | Row::Papers(_) | Row::Charters(_) => Value::Null,
    }
}
