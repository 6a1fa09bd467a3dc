//! The guarantor's service: its core behind the common HTTP edge, with the routes that only the guarantor has.
//!
//! It decides nothing. Start reading at [`router`]; what officers decide is in [`decisions`].

pub mod decisions;
pub mod desk;
mod routes;

use axum::{Extension, Router};
use domain::{Fen, Party};
use guarantor_core::{Command, Guarantor, Role, Row};
use organisation::papers::KeepsPapers;
use party::{
    config::{Config, ConfigError},
    handle::Handle,
    http::{self, Edge, Gives, PaperDesk, Personal},
    run::RunError,
    vault::Vault,
};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};
use tokio_util::sync::CancellationToken;

/// The guarantor's own net assets, fen: what it may guarantee by.
#[derive(Clone, Copy, Debug)]
pub struct NetAssets(pub Fen);

/// Runs the guarantor's service until `shutdown`.
///
/// # Errors
/// The configuration is wrong, or something fails for good.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), RunError> {
    let guarantor = organisation(&config)?;
    let net_assets = NetAssets(guarantor.net_assets_fen);
    party::run::run(guarantor, &config, move |handle, vault| app(handle, vault, net_assets), shutdown).await
}

fn organisation(config: &Config) -> Result<Guarantor, RunError> {
    if config.party != Party::Guarantor {
        let wrong = format!("party is {}, but this is the guarantor's service", config.party);
        return Err(ConfigError::Wrong(wrong).into());
    }
    let Some(net_assets_fen) = config.net_assets_fen.filter(|fen| *fen > 0) else {
        return Err(ConfigError::Wrong("the guarantor needs net_assets_fen above zero".into()).into());
    };
    let charters = Arc::new(party::run::charters(config)?);
    let automatic = automatic(&config.automatic)?;
    Ok(Guarantor { charters, automatic, net_assets_fen: Fen::new(net_assets_fen) })
}

/// The roles that decide by themselves, as they are configured.
fn automatic(names: &BTreeSet<String>) -> Result<BTreeSet<Role>, ConfigError> {
    let role = |name: &String| {
        let role = Role::ALL.iter().find(|role| role.code() == name && **role != Role::Operator);
        role.copied()
            .ok_or_else(|| ConfigError::Wrong(format!("automatic: the guarantor has no deciding role `{name}`")))
    };
    names.iter().map(role).collect()
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
