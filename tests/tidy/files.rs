//! The files of the project, as the rules look at them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What a build or a run leaves behind; `.gitignore` names them.
pub(crate) const LEFT_BEHIND: [&str; 4] =
    ["target", "annals-data", "annals-cluster", "annals-secrets"];

pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    files(folder).into_iter().filter(|path| name_of(path).ends_with(".rs")).collect()
}

/// Every file under `folder`, without what a build leaves behind; none where there is no folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("a readable entry").path();
            let name = name_of(&path);
            if path.is_file() {
                // In a worktree `.git` is a file that names another folder.
                if name != ".git" {
                    found.push(path);
                }
            } else if name != ".git" && !LEFT_BEHIND.contains(&name.as_str()) {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A path as people write it, from the top of the project.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

pub(crate) fn is_tests_file(path: &Path) -> bool {
    name_of(path).ends_with("_tests.rs")
}

pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

pub(crate) fn text_of(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", shown(path)))
}

pub(crate) fn read(path: &str) -> String {
    text_of(&root().join(path))
}

pub(crate) fn root() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).canonicalize().expect("the project")
}
