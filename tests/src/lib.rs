//! The package of the tests that look at more than one crate; they are under `tests/`. It offers nothing to anyone.
