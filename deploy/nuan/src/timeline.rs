//! `nuan timeline ID`: one application as the three organisations know it, side by side.

use crate::{Failure, api::Api, demo::report::print_timeline};
use anyhow::{Context, bail};
use domain::{ApplicationId, Party};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, io::Write, path::PathBuf};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Number of the application, e.g. NCD-2018-0052
    id: String,
    /// Folder of a demo (`nuan demo --data-dir`), where addresses and operators' tokens stand
    #[arg(long, value_name = "FOLDER", conflicts_with = "service")]
    data_dir: Option<PathBuf>,
    /// A service and a token that may read: union=http://127.0.0.1:8080,TOKEN; once for each organisation to be asked
    #[arg(long, value_name = "PARTY=URL,TOKEN", required_unless_present = "data_dir")]
    service: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let id = ApplicationId::parse(&arguments.id).map_err(|error| Failure::Usage(error.to_string()))?;
    let services = services(arguments).map_err(|error| Failure::Usage(format!("{error:#}")))?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(error.to_string()))?;
    let parts = runtime.block_on(read(&id, &services)).map_err(|error| Failure::Failed(format!("{error:#}")))?;
    if arguments.json {
        let parts: BTreeMap<Party, Value> = parts.into_iter().collect();
        writeln!(out, "{:#}", json!({ "application_id": id, "timelines": parts }))?;
        return Ok(());
    }
    Ok(print_timeline(out, &parts)?)
}

fn services(arguments: &Arguments) -> anyhow::Result<BTreeMap<Party, (String, String)>> {
    let mut services = BTreeMap::new();
    if let Some(folder) = &arguments.data_dir {
        for party in Party::ALL {
            let home = folder.join(party.as_str());
            let read = |file: &str| {
                let path = home.join(file);
                fs::read_to_string(&path)
                    .with_context(|| format!("cannot read {}: does the demo still run?", path.display()))
            };
            let (address, token) = (read("data/http.addr")?, read("operator.token")?);
            services.insert(party, (format!("http://{address}"), token.trim().to_owned()));
        }
    }
    for service in &arguments.service {
        let parts = service.split_once('=').and_then(|(party, rest)| Some((party, rest.split_once(',')?)));
        let Some((party, (url, token))) = parts else {
            bail!("`{service}` is not PARTY=URL,TOKEN");
        };
        services.insert(party.parse()?, (url.to_owned(), token.to_owned()));
    }
    Ok(services)
}

async fn read(id: &ApplicationId, services: &BTreeMap<Party, (String, String)>) -> anyhow::Result<Vec<(Party, Value)>> {
    let mut parts = Vec::new();
    for (party, (url, token)) in services {
        let timeline = Api::new(url, token)?.get(&format!("applications/{id}/timeline")).await;
        parts.push((*party, timeline.with_context(|| format!("the {party}'s service"))?));
    }
    Ok(parts)
}
