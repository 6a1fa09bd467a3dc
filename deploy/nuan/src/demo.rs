//! `cargo demo`: brokers, three services as separate processes, real applications driven to disbursement and back.
//!
//! The applications are lines of the programme's history; officers decide on the days on which they did. All results are
//! read from the services: nothing of the history goes into them.

mod driver;
pub(crate) mod report;
mod script;

use crate::{
    Failure,
    api::Api,
    broker::Broker,
    cluster::{self, Options, Service},
    databases::Databases,
};
use anyhow::Context;
use domain::{Date, Moment, Party};
use driver::Driver;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
};

/// The history's lines that the demo files, and the register's rows for them.
const APPLICATIONS: &str = include_str!("../data/demo.jsonl");
const MEMBERS: &str = include_str!("../data/demo_members.csv");
/// What was paid on their loans until the end of 2019.
const REPAYMENTS: &str = include_str!("../data/demo_repayments.jsonl");

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Stop when all applications have ended; exit 0, or 1 with the reason
    #[arg(long)]
    once: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Keep databases, keys and logs here instead of a folder that is removed at the end
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// PostgreSQL server on which databases are made for the three; dropped at the end unless --data-dir keeps the rest
    #[arg(long, value_name = "URL")]
    postgres: Option<SecretString>,
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(error.to_string()))?;
    runtime.block_on(demo_on(arguments, out)).map_err(|error| match error.downcast::<std::io::Error>() {
        Ok(io) => Failure::from(io),
        Err(error) => Failure::Failed(format!("demo: {error:#}")),
    })
}

async fn demo_on(arguments: &Arguments, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(server) = &arguments.postgres else { return demo(arguments, BTreeMap::new(), out).await };
    let databases = Databases::create(server).await?;
    let played = demo(arguments, databases.urls(), out).await;
    match arguments.data_dir {
        Some(_) => databases.names().for_each(|name| eprintln!("{name}")),
        None => databases.drop_all().await?,
    }
    played
}

async fn demo(
    arguments: &Arguments,
    databases: BTreeMap<Party, SecretString>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let temporary;
    let folder: &Path = match &arguments.data_dir {
        Some(folder) => folder,
        None => {
            temporary = tempfile::tempdir().context("cannot make a folder for the demo")?;
            temporary.path()
        }
    };
    if folder.join("union/config.toml").exists() {
        anyhow::bail!("{} holds an earlier demo: name another folder", folder.display());
    }
    let say = |line: &str| {
        if !arguments.json {
            eprintln!("{line}");
        }
    };
    say("正在启动消息服务器 nats-server…");
    let broker = Broker::start(&folder.join("broker"))?;
    let first_day: Date = script::first_day(APPLICATIONS)?;
    let options = Options { driven_from: Some(Moment::start_of(first_day)), databases, ..Options::default() };
    let files = cluster::prepare(folder, &broker, &options)?;
    say("正在启动工会、担保公司、银行三个服务…");
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut services = BTreeMap::new();
    for party in Party::ALL {
        services.insert(party, Service::start(&program, party, &files[&party])?);
    }
    let mut driver = Driver::new(&services, arguments.json).await?;
    driver.prepare(MEMBERS).await?;
    let numbers = driver.play(&script::events(APPLICATIONS, REPAYMENTS)?).await?;

    let report = report::Report::read(&driver, &numbers).await?;
    let addresses: Vec<Value> = services
        .values()
        .map(|service| {
            json!({
                "party": service.party,
                "url": service.url,
                "operator_token": service.operator_token,
                "second_operator_token": service.second_operator_token,
            })
        })
        .collect();
    if arguments.json {
        writeln!(out, "{:#}", report.json(&addresses, driver.tokens()))?;
    } else {
        report.print(out, &services, driver.tokens())?;
    }
    out.flush()?;
    report.verdict()?;
    if !arguments.once {
        say("三个服务仍在运行，按 Ctrl-C 结束。");
        tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")?;
    }
    for service in services.values_mut() {
        service.stop()?;
    }
    Ok(())
}

/// A client of a service as its operator.
fn operator(service: &Service) -> anyhow::Result<Api> {
    Api::new(&service.url, &service.operator_token)
}
