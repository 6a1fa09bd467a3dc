//! A broker and the three services as processes, with the charter of these tests, in driven time from its first morning on.

use domain::{Moment, Party};
use nuan::{
    broker::Broker,
    cluster::{self, Options, Service},
    firms,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// They run until they are dropped.
pub struct Three {
    pub services: BTreeMap<Party, Service>,
    pub configurations: BTreeMap<Party, PathBuf>,
    pub broker: Broker,
    pub folder: tempfile::TempDir,
}

impl Three {
    /// With what else these options say; the folder is theirs.
    pub fn start(options: impl FnOnce(&Path) -> Options) -> Three {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let broker = Broker::start(&folder.path().join("broker")).unwrap();
        let options = Options {
            driven_from: Some(Moment::start_of(firms::DAY).plus_hours(9)),
            charter: Some(firms::charter(folder.path()).unwrap()),
            ..options(folder.path())
        };
        let configurations = cluster::prepare(folder.path(), &broker, &options).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_nuan"));
        let start = |(party, file): (&Party, &PathBuf)| (*party, Service::start(program, *party, file).unwrap());
        Three { services: configurations.iter().map(start).collect(), configurations, broker, folder }
    }
}
