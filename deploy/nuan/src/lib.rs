//! The command `nuan`, one file per subcommand, and what its longer-running parts share with the integration tests: the
//! [`broker`] and the [`cluster`] of three services.
//!
//! It holds no rule of the programme: those are in `domain` and in the cores.
//!
//! Exit codes: 0 done; 1 the answer is no, or the command failed; 2 it was called wrongly; of a history 3 lines were refused, 4 totals
//! differ; of a replay 5 this build decides otherwise. What went wrong is one line on
//! standard error, results are on standard output.

pub mod api;
mod bench;
pub mod broker;
mod charter;
mod check;
mod check_id;
pub mod cluster;
pub mod databases;
mod demo;
mod doctor;
pub mod firms;
mod history;
mod keys;
mod play;
mod record;
mod replay;
mod sandbox;
mod schedule;
mod serve;
mod services;
mod timeline;
mod torture;
mod verify;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Nuanchuang: one loan programme, run by a union, a guarantor and a bank together.
#[derive(Debug, Parser)]
#[command(name = "nuan", version, after_help = "Exit codes: 0 done; 1 the answer is no, or it failed; 2 wrong usage.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure how many applications a second three services and a broker carry to their end
    Bench(bench::Arguments),
    /// Draft, compare, show and accept the programme's rules
    Charter(charter::Arguments),
    /// Say which invariants of the programme do not hold across the exports of the three: exit 0, or 1 with each
    Check(check::CheckArguments),
    /// Say whether an identifier is well formed: exit 0, or 1 with the reason
    CheckId(check_id::Arguments),
    /// Run the three organisations on this machine and drive real applications through them
    Demo(demo::Arguments),
    /// Look whether this machine can run an organisation's service, and say what to do where it cannot
    Doctor(doctor::Arguments),
    /// Write what an organisation lets others see of its books, for `nuan check`
    Export(check::ExportArguments),
    /// Drive a history of the programme through the three services and compare what they report with what is expected
    History(history::Arguments),
    /// Make secret keys
    Keys(keys::Arguments),
    /// Write an organisation's journal and frames as a file, for `nuan replay`
    Record(record::Arguments),
    /// Decide a recording's inputs again with this build, and say what it decides otherwise: exit 0, or 5 with each
    Replay(replay::Arguments),
    /// Run one organisation's service alone, set up as a recording says, to be replayed against
    Sandbox(sandbox::Arguments),
    /// Compute what is to be paid on a loan, and when
    Schedule(schedule::Arguments),
    /// Run the service of one organisation until it is asked to stop
    Serve(serve::Arguments),
    /// Show one application as the three organisations know it, side by side
    Timeline(timeline::Arguments),
    /// Let faults strike real services from a seed, and check that everything ends and no money is made or lost
    Torture(torture::Arguments),
    /// Verify an organisation's journal and all that was signed on its channels, from the first to the last
    Verify(verify::Arguments),
}

/// Why a command did not do what was asked: its exit code and one line for standard error.
#[derive(Debug)]
enum Failure {
    /// The answer is no, or something failed: exit code 1.
    Failed(String),
    /// It was called wrongly: exit code 2.
    Usage(String),
    /// Lines of a history were refused: exit code 3.
    Refused(String),
    /// Totals of a history are not as expected: exit code 4.
    Differs(String),
    /// A build decides otherwise than was recorded: exit code 5.
    Different(String),
    /// Nobody reads standard output any more (`nuan … | head`): nothing is left to do or to say.
    NobodyListens,
}

impl From<io::Error> for Failure {
    /// For writing to standard output, the one thing that commands do with a bare `?`.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::NobodyListens,
            _ => Self::Failed(format!("cannot write to standard output: {error}")),
        }
    }
}

impl Failure {
    /// Why `command` failed; nothing but writing its results fails with an IO error of its own.
    fn of(command: &str, error: anyhow::Error) -> Self {
        match error.downcast::<io::Error>() {
            Ok(io) => Failure::from(io),
            Err(error) => Failure::Failed(format!("{command}: {error:#}")),
        }
    }
}

/// Runs the command with these arguments (the first is the program's name) and answers its exit code. Writes results to
/// standard output and at most one line of error to standard error.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut out = io::stdout().lock();
    let (code, line) = match dispatch(arguments, &mut out) {
        Ok(()) | Err(Failure::NobodyListens) => (0, None),
        Err(Failure::Failed(line)) => (1, Some(line)),
        Err(Failure::Usage(line)) => (2, Some(line)),
        Err(Failure::Refused(line)) => (3, Some(line)),
        Err(Failure::Differs(line)) => (4, Some(line)),
        Err(Failure::Different(line)) => (5, Some(line)),
    };
    if let Some(line) = line {
        let _ = writeln!(io::stderr(), "nuan: {line}"); // If nobody reads this either, the exit code still tells.
    }
    ExitCode::from(code)
}

fn dispatch(arguments: impl IntoIterator<Item = OsString>, out: &mut impl Write) -> Result<(), Failure> {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        // `--help` and `--version` arrive as errors that belong on standard output.
        Err(message) if !message.use_stderr() => return Ok(write!(out, "{message}")?),
        Err(error) => return Err(Failure::Usage(one_line(&error))),
    };
    match arguments.command {
        Command::Bench(arguments) => bench::run(&arguments, out),
        Command::Charter(arguments) => charter::run(&arguments, out),
        Command::Check(arguments) => check::check(&arguments, out),
        Command::CheckId(arguments) => check_id::run(&arguments, out),
        Command::Demo(arguments) => demo::run(&arguments, out),
        Command::Doctor(arguments) => doctor::run(&arguments, out),
        Command::Export(arguments) => check::export(&arguments, out),
        Command::History(arguments) => history::run(&arguments, out),
        Command::Keys(arguments) => keys::run(&arguments, out),
        Command::Record(arguments) => record::run(&arguments, out),
        Command::Replay(arguments) => replay::run(&arguments, out),
        Command::Sandbox(arguments) => sandbox::run(&arguments, out),
        Command::Schedule(arguments) => schedule::run(&arguments, out),
        Command::Serve(arguments) => serve::run(&arguments, out),
        Command::Timeline(arguments) => timeline::run(&arguments, out),
        Command::Torture(arguments) => torture::run(&arguments, out),
        Command::Verify(arguments) => verify::run(&arguments, out),
    }
}

/// What is wrong with the arguments, without the usage text that follows.
fn one_line(error: &clap::Error) -> String {
    use clap::error::ErrorKind::{DisplayHelpOnMissingArgumentOrSubcommand, MissingSubcommand};
    if matches!(error.kind(), DisplayHelpOnMissingArgumentOrSubcommand | MissingSubcommand) {
        return "which command? `nuan --help` lists them".to_owned();
    }
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let line = lines.join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where a step fails")]

    use super::*;

    #[test]
    fn wrong_usage_is_one_line() {
        for (arguments, expected) in [
            (&["nuan"][..], "which command? `nuan --help` lists them"),
            (&["nuan", "dance"], "unrecognized subcommand 'dance'"),
            (
                &["nuan", "schedule", "--method", "bullet", "--principal-fen", "1"],
                "the following required arguments were not provided: --rate-ppm <PPM> --from <DATE> <--to <DATE>|--months <N>>",
            ),
            (
                &["nuan", "check-id", "passport", "1"],
                "invalid value 'passport' for '<KIND>' [possible values: uscc, resident, card, mobile]",
            ),
        ] {
            let failure = dispatch(arguments.iter().map(OsString::from), &mut Vec::new()).unwrap_err();
            assert!(matches!(&failure, Failure::Usage(line) if line == expected), "{failure:?}");
        }
    }

    #[test]
    fn help_is_a_result() {
        let mut out = Vec::new();
        dispatch(["nuan", "--help"].map(OsString::from), &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("Exit codes: 0"));
    }
}
