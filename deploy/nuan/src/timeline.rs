//! `nuan timeline ID`: one application as the three organisations know it, side by side.

use crate::{
    Failure,
    api::Api,
    demo::report::print_timeline,
    services::{self, Service, Services},
};
use anyhow::Context;
use domain::{ApplicationId, Party};
use serde_json::{Value, json};
use std::{collections::BTreeMap, io::Write};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Number of the application, e.g. NCD-2018-0052
    id: String,
    #[command(flatten)]
    services: Services,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let id = ApplicationId::parse(&arguments.id).map_err(|error| Failure::Usage(error.to_string()))?;
    let services = arguments.services.found().map_err(|error| Failure::Usage(format!("{error:#}")))?;
    let parts = services::wait(read(&id, &services))?;
    if arguments.json {
        let parts: BTreeMap<Party, Value> = parts.into_iter().collect();
        writeln!(out, "{:#}", json!({ "application_id": id, "timelines": parts }))?;
        return Ok(());
    }
    Ok(print_timeline(out, &parts)?)
}

async fn read(id: &ApplicationId, services: &BTreeMap<Party, Service>) -> anyhow::Result<Vec<(Party, Value)>> {
    let mut parts = Vec::new();
    for (party, service) in services {
        let timeline = Api::new(&service.url, &service.token)?.get(&format!("applications/{id}/timeline")).await;
        parts.push((*party, timeline.with_context(|| format!("the {party}'s service"))?));
    }
    Ok(parts)
}
