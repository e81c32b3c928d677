//! Where a backup may go.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn a_backup_goes_only_below_the_folder_that_was_named_at_start() {
    assert_eq!(Place::new(None, "monday").unwrap_err(), BadPlace::NoFolder);
    let folder = tempfile::tempdir().unwrap();
    let backups = folder_of_backups(&folder.path().join("backups")).unwrap();
    let place = Place::new(Some(&backups), "2026-11-27_a.1").unwrap();
    assert_eq!(place.folder, backups.join("2026-11-27_a.1"));
    let too_long = "x".repeat(MAX_NAME + 1);
    for name in [
        "", ".", "..", "../x", "/tmp/x", "a/b", "a\\b", ".hidden", "-x", "a b", "a\0b", "é",
        &too_long,
    ] {
        assert_eq!(Place::new(Some(&backups), name).unwrap_err(), BadPlace::Name, "{name:?}");
    }
}

#[test]
fn a_backup_follows_no_link_and_takes_no_folder_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let backups = folder_of_backups(&folder.path().join("backups")).unwrap();
    fs::create_dir(backups.join("there")).unwrap();
    symlink(folder.path().join("nowhere"), backups.join("dangling")).unwrap();
    symlink(folder.path(), backups.join("out")).unwrap();
    for name in ["there", "dangling", "out"] {
        assert_eq!(Place::new(Some(&backups), name).unwrap_err(), BadPlace::Exists, "{name}");
    }
    // A link to the folder itself is resolved once, at start.
    let link = folder.path().join("link");
    symlink(&backups, &link).unwrap();
    assert_eq!(folder_of_backups(&link).unwrap(), backups);
}
