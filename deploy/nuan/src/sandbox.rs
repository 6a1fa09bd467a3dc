//! `nuan sandbox RECORDING`: one organisation's service alone, set up as a recording says, for `nuan replay RECORDING --to URL`. Its
//! broker and its configuration are marked as a sandbox.

use crate::{
    Failure,
    broker::Broker,
    cluster::{self, Options, Service},
    services::on_this_thread,
};
use ::replay::Recording;
use anyhow::{Context, bail};
use domain::{Charter, Moment};
use party::sandbox::ENVIRONMENT;
use serde_json::json;
use std::{collections::BTreeMap, fs, io::Write, path::PathBuf};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A recording of `nuan record`
    file: PathBuf,
    /// Where the sandbox keeps its databases, keys and logs: a folder without an earlier one in it; absent: a temporary one
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let usage = |why: String| Failure::Usage(format!("sandbox: {}: {why}", arguments.file.display()));
    let text = fs::read_to_string(&arguments.file).map_err(|error| usage(error.to_string()))?;
    let recording = Recording::parse(&text).map_err(|wrong| usage(wrong.to_string()))?;
    on_this_thread(stand(arguments, &recording, out)).map_err(|error| Failure::of("sandbox", error))
}

async fn stand(arguments: &Arguments, recording: &Recording, out: &mut impl Write) -> anyhow::Result<()> {
    let header = &recording.header;
    let party = header.party;
    let temporary = tempfile::tempdir().context("cannot make a folder for the sandbox")?;
    let folder = arguments.data_dir.as_deref().unwrap_or(temporary.path());
    if folder.join("pairing.toml").exists() {
        bail!("{} holds an earlier run: name another folder", folder.display());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    if header.settings.core_banking {
        bail!("it was recorded with a core-banking system, which a sandbox has not");
    }
    let charters: Vec<Charter> = header.charters.clone().into();
    let charter = charters.into_iter().min_by_key(|charter| charter.version).context("the recording has no charter")?;
    let charter_file = folder.join("charter.json");
    fs::write(&charter_file, serde_json::to_string(&charter)?)?;
    let first = recording.rows.first().context("the recording has no rows")?;
    let broker = Broker::start_sandbox(&folder.join("broker"))?;
    let options = Options {
        driven_from: Some(Moment::from_millis(first.at)),
        automatic: BTreeMap::from([(party, header.settings.automatic.clone())]),
        charter: Some(charter_file),
        environment: Some(ENVIRONMENT.to_owned()),
        net_assets_fen: header.settings.net_assets_fen,
        ..Options::default()
    };
    let files = cluster::prepare(folder, &broker, &options)?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut service = Service::start(&program, party, &files[&party])?;
    let folder = fs::canonicalize(folder)?;
    if arguments.json {
        writeln!(out, "{}", json!({ "party": party, "url": service.url, "folder": folder }))?;
    } else {
        writeln!(out, "The {party}'s service stands alone in a sandbox. Replay against it, then press Ctrl-C:")?;
        let (file, url) = (arguments.file.display(), &service.url);
        writeln!(out, "  cargo nuan replay {file} --party {party} --to {url} --sandbox {}", folder.display())?;
    }
    out.flush()?;
    tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")?;
    service.stop()
}
