//! The disk fills up under the running product, or was full before it started: commands are refused
//! with 507 all along, questions are answered, and it heals by itself once there is room.
//!
//! The disk is a real file system of its own, filled to the last byte by a file beside the data.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use events_log::testing::skipped;
use serde_json::json;
use tempfile::TempDir;
use tests::{Accepted, Answer, Cluster, Http, Launch, Process, Settings, Shape, annals, until};

/// How large the file system of one process is.
const SMALL: &str = "size=96m,mode=0700";
/// How large that of a PostgreSQL server is.
const LARGER: &str = "size=320m,mode=0700";
/// How often each kind of command is tried on a full disk.
const TRIES: usize = 60;

/// A file system of its own, unmounted at the end.
struct Small(TempDir);

impl Small {
    /// Mounts one; counts the test as skipped where that is not permitted.
    fn mount(test: &str, options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "annals-test"]).arg(folder.path());
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self(folder)),
            _ => {
                skipped(test, "no file system may be mounted here");
                None
            }
        }
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }

    /// Takes all room there is.
    fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.ballast()).unwrap();
        for size in [1 << 20, 4096, 1] {
            let bytes = vec![0x5a; size];
            while file.write_all(&bytes).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // What a killed process holds is let go a moment later.
        let unmount = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        assert!(unmount.is_ok_and(|status| status.success()), "it stays mounted");
    }
}

/// Everything that is refused on the full disk, one after the other, over and over: nothing but 507.
/// The disk is full to the last byte only after what still fitted has been taken.
async fn refuses(small: &Small, http: &Http, account: &Accepted) {
    until("nothing fits any more", async || {
        small.fill();
        create_contact(http).await.status.as_u16() == 507
    })
    .await;
    for _ in 0..TRIES {
        small.fill();
        let refused = [
            create_contact(http).await,
            http.command("CreateAccount", json!({ "name": "Fabrikam" })).await,
            // A refusal is kept before it is answered: it needs room, too.
            http.command(
                "SetPrimaryContact",
                json!({ "account_id": account.id, "contact": account.id }),
            )
            .await,
        ];
        for answer in refused {
            assert_eq!(answer.status.as_u16(), 507, "{}", answer.text());
            assert_eq!(answer.json()["code"], "store.full");
        }
        let seen = http.get(&format!("/accounts/{}", account.id)).await;
        assert_eq!(seen.status.as_u16(), 200, "{}", seen.text());
    }
}

async fn create_contact(http: &Http) -> Answer {
    http.command("CreateContact", json!({ "last_name": "Souza" })).await
}

/// There is room again: the same process takes commands and shows them.
async fn has_healed(http: &Http) {
    until("a command is accepted", async || create_contact(http).await.status.is_success()).await;
    let made = http.accept("CreateContact", json!({ "last_name": "Lima" })).await;
    let seen = http.see(&format!("/contacts/{}", made.id), &made.position).await;
    assert_eq!(seen["last_name"], "Lima");
}

fn verifies(data: &Path) {
    let verified = annals(&["--data-folder", &data.display().to_string(), "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_answers_507_and_questions_all_along_and_heals() {
    let Some(small) =
        Small::mount("a_full_disk_answers_507_and_questions_all_along_and_heals", SMALL)
    else {
        return;
    };
    let process = Process::start(&small.data());
    let http = process.http();
    let account = http.accept("CreateAccount", json!({ "name": "Contoso" })).await;
    http.see(&format!("/accounts/{}", account.id), &account.position).await;
    for _ in 0..3 {
        refuses(&small, &http, &account).await;
        small.make_room();
        has_healed(&http).await;
    }
    assert!(process.terminate().success());
    verifies(&small.data());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_full_disk_answers_questions_and_heals() {
    let Some(small) = Small::mount("a_start_on_a_full_disk_answers_questions_and_heals", SMALL)
    else {
        return;
    };
    let process = Process::start(&small.data());
    let account = process.http().accept("CreateAccount", json!({ "name": "Contoso" })).await;
    process.http().see(&format!("/accounts/{}", account.id), &account.position).await;
    // Not in order: what a start has to make good is there, too.
    process.kill();
    small.fill();
    let process = Launch::on(&small.data()).start();
    let http = process.http();
    refuses(&small, &http, &account).await;
    small.make_room();
    has_healed(&http).await;
    assert!(process.terminate().success());
    verifies(&small.data());
}

/// PostgreSQL ends itself when its own log finds no room, and its supervisor starts it again. Until
/// then commands are answered with 503, and with 507 where it only refuses them.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_postgresql_loses_nothing_and_heals() {
    let test = "a_full_disk_under_postgresql_loses_nothing_and_heals";
    let Some(small) = Small::mount(test, LARGER) else { return };
    let mut cluster = Cluster::start_with(
        Shape { commands: 1, projections: 1, queries: 1 },
        &Settings {
            postgres: &["max_wal_size=64MB", "min_wal_size=32MB"],
            postgres_folder: Some(small.0.path()),
            ..Settings::default()
        },
    );
    let http = cluster.http(0, 0);
    let mut acknowledged = vec![http.accept("CreateAccount", json!({ "name": "Contoso" })).await];
    for _ in 0..2 {
        let mut refused = 0;
        while refused < TRIES {
            small.fill();
            let body = json!({ "name": "Fabrikam", "description": "x".repeat(2_000) });
            let answer = http.command("CreateAccount", body).await;
            match answer.status.as_u16() {
                200 => acknowledged.push(answer.accepted()),
                503 | 507 => refused += 1,
                status => panic!("{status}: {}", answer.text()),
            }
        }
        small.make_room();
        if !cluster.postgres.is_running() {
            cluster.postgres.restart();
        }
        until("a command is accepted", async || {
            let answer = http.command("CreateAccount", json!({ "name": "Northwind" })).await;
            answer.status.is_success()
        })
        .await;
    }
    for Accepted { id, position, .. } in &acknowledged {
        http.see(&format!("/accounts/{id}"), position).await;
    }
}
