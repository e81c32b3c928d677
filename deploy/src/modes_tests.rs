//! What is refused, what is closed, and what the line says.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use super::*;

fn mode_of(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn whatever_others_may_do_is_refused_and_the_line_says_what_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("installation.key");
    assert_eq!(check_secret(&secret), Ok(()), "what is not there is told by whoever opens it");
    fs::write(&secret, "x").unwrap();
    for (mode, is_right) in [
        (0o600, true),
        (0o400, true),
        (0o640, false),
        (0o604, false),
        (0o644, false),
        (0o610, false),
    ] {
        set(&secret, mode);
        assert_eq!(check_secret(&secret).is_ok(), is_right, "{mode:o}");
    }
    let line = check_secret(&secret).unwrap_err().to_string();
    assert!(line.contains(&format!("chmod 600 {}", secret.display())), "{line}");
    assert!(line.contains("0610") && line.lines().count() == 1, "{line}");
    for (mode, is_right) in [(0o700, true), (0o500, true), (0o755, false), (0o750, false)] {
        set(folder.path(), mode);
        assert_eq!(check_folder(folder.path()).is_ok(), is_right, "{mode:o}");
    }
    let line = check_folder(folder.path()).unwrap_err().to_string();
    assert!(line.contains(&format!("chmod 700 {}", folder.path().display())), "{line}");
    set(folder.path(), 0o700);
}

#[test]
fn files_are_closed_and_what_they_are_linked_to_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("ours");
    fs::create_dir_all(ours.join("read")).unwrap();
    let other = folder.path().join("other");
    fs::write(&other, "x").unwrap();
    set(&other, 0o644);
    symlink(&other, ours.join("link")).unwrap();
    for name in ["log.db", "log.db-wal", "read/1.db", "token"] {
        fs::write(ours.join(name), "x").unwrap();
        set(&ours.join(name), if name == "token" { 0o600 } else { 0o644 });
    }
    set(&ours.join("read"), 0o755);
    assert_eq!(close_files(&ours).unwrap(), 4);
    assert_eq!(mode_of(&ours.join("read")), 0o700);
    for name in ["log.db", "log.db-wal", "read/1.db", "token"] {
        assert_eq!(mode_of(&ours.join(name)), 0o600, "{name}");
    }
    assert_eq!(mode_of(&other), 0o644);
    assert_eq!(close_files(&ours).unwrap(), 0);
}
