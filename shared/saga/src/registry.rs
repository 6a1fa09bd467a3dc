//! Definitions by name and version, side by side: a run is only ever driven by the one it began under.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::definition::Definition;
use crate::run::Run;
use crate::world::World;

/// All definitions that an organisation can drive.
pub struct Definitions<W: World> {
    by_name: BTreeMap<(&'static str, u32), Definition<W>>,
}

/// Two definitions of one name and version.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("definition {name} version {version} is given twice")]
pub struct RegistryError {
    /// The name.
    pub name: &'static str,
    /// The version.
    pub version: u32,
}

/// A run needs a definition that this build does not have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("this build has no definition {name} version {version}")]
pub struct UnknownDefinition {
    /// The name.
    pub name: String,
    /// The version; 0 if the latest was asked for.
    pub version: u32,
}

impl<W: World> Definitions<W> {
    /// A registry of these definitions.
    ///
    /// # Errors
    /// Two have the same name and version.
    pub fn new(all: impl IntoIterator<Item = Definition<W>>) -> Result<Self, RegistryError> {
        let mut by_name = BTreeMap::new();
        for definition in all {
            let (name, version) = (definition.name(), definition.version());
            if by_name.insert((name, version), definition).is_some() {
                return Err(RegistryError { name, version });
            }
        }
        Ok(Self { by_name })
    }

    /// The definition under which `run` began.
    ///
    /// # Errors
    /// This build does not have it; the error names it.
    pub fn of<R, S>(&self, run: &Run<R, S>) -> Result<&Definition<W>, UnknownDefinition> {
        self.get(&run.definition, run.version)
    }

    /// The definition by name and version.
    ///
    /// # Errors
    /// This build does not have it; the error names it.
    pub fn get(&self, name: &str, version: u32) -> Result<&Definition<W>, UnknownDefinition> {
        self.named(name)
            .find(|definition| definition.version() == version)
            .ok_or_else(|| UnknownDefinition { name: name.to_owned(), version })
    }

    /// The definition under which a new run begins: the highest version of the name.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn latest(&self, name: &str) -> Result<&Definition<W>, UnknownDefinition> {
        self.named(name).last().ok_or_else(|| UnknownDefinition { name: name.to_owned(), version: 0 })
    }

    /// All, by name and version.
    pub fn iter(&self) -> impl Iterator<Item = &Definition<W>> {
        self.by_name.values()
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &Definition<W>> {
        self.by_name.values().filter(move |definition| definition.name() == name)
    }
}
