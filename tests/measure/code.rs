//! The files of the crates, told apart into what ships and what tests it.

use std::path::{Path, PathBuf};

use super::{below, read};

/// A file.
pub(crate) struct Source {
    /// The folder of its crate.
    pub(crate) of: String,
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) is_test: bool,
}

/// Folders and files that are compiled for tests alone, or hold examples.
const OF_TESTS: [&str; 8] = [
    "testing",
    "golden",
    "contract",
    "testing.rs",
    "samples.rs",
    "world.rs",
    "places.rs",
    "fixtures.rs",
];

/// All files of these crates.
pub(crate) fn sources(root: &Path, crates: &[&str]) -> Vec<Source> {
    let mut sources = Vec::new();
    for of in crates {
        for path in below(&root.join(of).join("src")) {
            let is_test = path.to_string_lossy().ends_with("_tests.rs")
                || path.iter().any(|part| OF_TESTS.iter().any(|name| part == *name));
            sources.push(Source { of: (*of).to_owned(), text: read(&path), path, is_test });
        }
    }
    sources
}

impl Source {
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines()
    }

    /// The lines that are no comments.
    pub(crate) fn code(&self) -> impl Iterator<Item = &str> {
        self.lines().filter(|line| !line.trim_start().starts_with("//"))
    }

    /// Whether it is in one of these folders.
    pub(crate) fn is_below(&self, folders: &[&str]) -> bool {
        self.path.iter().any(|part| folders.iter().any(|name| part == *name))
    }
}

pub(crate) fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}
