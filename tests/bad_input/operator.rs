//! 3.10: the command line, and settings.

use crate::row::{Call, Row, call, row};

/// The call or what it names is wrong.
const USAGE: i32 = 2;
/// The data folder cannot be used, or a secret is open to others.
const FOLDER: i32 = 3;

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = flags();
    rows.extend(folders());
    rows.extend(files());
    rows.extend(servers());
    rows.extend(units());
    rows.sort_by_key(|row| row.number);
    rows
}

fn wrong(what: &'static str, arguments: &[&str], says: &'static str) -> Call {
    call(what, arguments, USAGE, says)
}

fn flags() -> Vec<Row> {
    let secret = "postgres://annals:geheim@127.0.0.1/annals";
    vec![
        // Without arguments it serves.
        row(145, "wrong calls").calls([
            wrong("an unknown flag", &["--colour", "red"], "'--colour'"),
            wrong("a flag without its value", &["--listen"], "a value is required"),
            wrong("an empty value", &["--data-folder", "", "verify"], "a value is required"),
            wrong("a flag twice", &["--zone", "UTC", "--zone", "UTC"], "multiple times"),
            wrong("an unknown command", &["verifi"], "verify"),
            wrong("half a command", &["token"], "a command is missing"),
            wrong("too many words", &["verify", "all"], "'all'"),
            wrong("a flag of another command", &["verify", "--zone", "UTC"], "takes no --zone"),
            call("help", &["--help"], 0, "import"),
            call("help of a command", &["token", "issue", "--help"], 0, "--scopes"),
            call("the version", &["--version"], 0, "annals 0."),
            wrong("an id that is none", &["token", "recover", "--user", "x"], "is no id"),
            wrong("a list that is none", &["import", "m.toml", "--file", "x"], "NAME=PATH"),
        ]),
        row(146, "secrets on the command line").calls([
            wrong("of PostgreSQL", &["query-api", "--postgres", secret], "holds a password"),
            wrong(
                "behind the address",
                &["query-api", "--postgres", "postgres://a@b/c?password=geheim"],
                "holds a password",
            ),
            wrong(
                "of NATS",
                &[
                    "query-api",
                    "--postgres",
                    "postgres://a@127.0.0.1/b",
                    "--nats",
                    "nats://a:geheim@127.0.0.1",
                ],
                "holds a password",
            ),
            wrong(
                "a token of NATS",
                &[
                    "query-api",
                    "--postgres",
                    "postgres://a@127.0.0.1/b",
                    "--nats",
                    "nats://geheim@127.0.0.1",
                ],
                "holds a password",
            ),
            wrong("the token", &["verify", "--token", "annals_x_geheim"], "'--token'"),
        ]),
    ]
}

fn folders() -> Vec<Row> {
    vec![
        row(147, "folders to verify that are none")
            .calls([
                call("missing", &["--data-folder", "none", "verify"], FOLDER, "no data folder"),
                call("a file", &["--data-folder", "f", "verify"], FOLDER, "no data folder").file("f", "x"),
                call("something else", &["--data-folder", ".", "verify"], FOLDER, "no data folder").file("letter", "Dear Ana"),
            ])
            .test("tests/operating/verify.rs::a_log_of_something_else_is_no_log")
            .test("tests/operating/verify.rs::a_log_that_was_cut_off_is_not_even_opened")
            .test("tests/operating/startup.rs::a_file_of_a_newer_format_is_left_alone"),
        // A backup is a folder to start on: nothing is put over what is there.
        row(148, "a backup over something")
            .calls([
                wrong("no name", &["backup"], "<NAME>"),
                call("no folder for it", &["--data-folder", "{data}", "backup", "x"], USAGE, "backup.no_folder"),
            ])
            .test("tests/operating/backup.rs::a_backup_goes_only_below_the_folder_named_at_start_and_refusals_are_attempts"),
        row(149, "a replay that is killed, and questions meanwhile")
            .test("tests/operating/replay.rs::a_sample_company_is_made_once_and_replays_to_the_same_rows")
            .test("tests/end_to_end/evidence.rs::a_replay_changes_no_answer_and_questions_are_answered_meanwhile"),
        row(150, "readers that go away, and nobody to read").calls([
            call("one line is read", &["commands"], 0, "AcceptQuote").within("set -o pipefail; \"$@\" | head -1"),
            call("no line is read", &["commands"], 0, "").within("set -o pipefail; \"$@\" | true"),
            call("a full disk", &["commands"], 0, "").within("\"$@\" > /dev/full"),
            call("no input", &["--data-folder", "{data}", "verify"], 0, "up to position").within("\"$@\" <&-"),
            call("no output", &["--data-folder", "{data}", "verify"], 0, "").within("\"$@\" >&-"),
            call("no errors", &["nonsense"], 0, "").within("\"$@\" 2>&-; test $? = 2"),
            call("a narrow terminal", &["commands"], 0, "AcceptQuote").env("COLUMNS", "1").env("TERM", "dumb"),
        ]),
        row(151, "an end in the middle")
            .test("tests/operating/shutdown.rs::an_end_that_is_asked_for_answers_what_was_begun")
            .test("tests/operating/import_again.rs::an_import_that_is_killed_completes_when_it_is_run_again")
            .test("events/log/src/store/sqlite/carry_tests.rs::a_carrying_that_is_killed_at_any_step_goes_on"),
    ]
}

/// Something that is asked with that file of settings, and is refused before it is asked.
fn settings(what: &'static str, text: impl Into<Vec<u8>>, says: &'static str) -> Call {
    wrong(what, &["--config", "annals.toml", "verify"], says).file("annals.toml", text)
}

fn files() -> Vec<Row> {
    let verify = &["--data-folder", "{data}", "verify"];
    vec![
        row(152, "names that are no text").calls([
            call("a folder", &[], FOLDER, "no data folder").within("exec \"$@\" --data-folder $'\\xff\\xfe' verify"),
            call("a flag", &[], USAGE, "unexpected").within("exec \"$@\" $'--\\xff'"),
            call("a mapping", &[], USAGE, "cannot open").within("exec \"$@\" import $'\\xff.toml'"),
            call("a variable", &[], USAGE, "no setting").within("exec env $'ANNALS_\\xff=1' \"$@\" verify"),
            call("its value", &[], USAGE, "invalid UTF-8").within("ANNALS_ZONE=$'\\xff' exec \"$@\""),
        ]),
        Row::not(153, "erasure from the command line", "erasure"),
        row(154, "files of settings that are none").calls([
            wrong("missing", &["--config", "none.toml", "verify"], "none.toml"),
            wrong("a folder", &["--config", ".", "verify"], "no regular file"),
            call("empty", &["--config", "annals.toml", "verify"], FOLDER, "no data folder").file("annals.toml", ""),
            settings("100 KiB", "#".repeat(100 * 1024), "more than 65536 bytes"),
            settings("no text", b"\xff\xfe".as_slice(), "no text in UTF-8"),
            settings("zeros", [0; 100], "line 1 is no TOML"),
            settings("half a line", "log_level = \"warn\"\nzone = \n", "line 2 is no TOML"),
            settings("a key twice", "zone = \"UTC\"\nzone = \"UTC\"\n", "again in line 2"),
            settings("an unknown key", "log_levl = \"warn\"\n", "did you mean `log_level`?"),
            settings("a table", "[serve]\nzone = \"UTC\"\n", "`serve` is no setting"),
            settings("a list", "log_level = [\"warn\"]\n", "no text, number, yes or no"),
            settings("a number", "log_level = 5\n", "--log-level"),
            settings("neither yes nor no", "behind_proxy = \"perhaps\"\n", "--behind-proxy"),
            settings("another file", "config = \"b.toml\"\n", "no setting"),
            settings("a variable", "listen = \"$ADDRESS\"\n", "--listen"),
            // Nothing is put in the place of `~`: it is a name like any other.
            call("a home", &["--config", "annals.toml", "verify"], FOLDER, "~/data is no data folder")
                .file("annals.toml", "data_folder = \"~/data\"\n"),
        ]),
        row(155, "addresses to serve on").calls([
            wrong("no port", &["--listen", "127.0.0.1:65536"], "--listen"),
            wrong("no address", &["--listen", "localhost"], "--listen"),
            wrong("everywhere", &["--listen", "0.0.0.0:0"], "--behind-proxy"),
            wrong("everywhere, IPv6", &["--listen", "[::]:0"], "--behind-proxy"),
            wrong("taken", &["--listen", "{address}"], "cannot listen on"),
        ]),
        row(156, "files that others may read")
            .calls([
                wrong("no token", &["--data-folder", "{data}", "verify", "--token-file", "none"], "token file none"),
                call("settings", &["--config", "annals.toml", "verify"], FOLDER, "chmod 600 annals.toml")
                    .file_of_mode("annals.toml", "", 0o644),
                call("a token", &["--data-folder", "{data}", "verify", "--token-file", "token"], FOLDER, "chmod 600")
                    .file_of_mode("token", "x", 0o644),
            ])
            .test("tests/operating/modes.rs::a_folder_or_a_secret_that_is_open_to_others_is_refused_with_what_to_run"),
        row(160, "zones, locales and levels of others").calls([
            wrong("no zone", &["--zone", "Mars/Olympus"], "--zone"),
            wrong("a zone that climbs", &["--zone", "../../etc/passwd"], "--zone"),
            wrong("a level with bodies", &["--log-level", "trace"], "error, warn, info, debug"),
            call("a hostile TZ", verify, 0, "up to position").env("TZ", "../../../../etc/passwd"),
            call("no locale", verify, 0, "up to position").env("LC_ALL", "xx_XX.NONE"),
            call("a level of others", verify, 0, "up to position").env("RUST_LOG", "trace"),
        ]),
    ]
}

fn servers() -> Vec<Row> {
    let far = "postgres://annals@192.0.2.1/annals";
    vec![
        row(157, "addresses of databases")
            .calls([
                wrong("another machine, in the clear", &["query-api", "--postgres", far], "sslmode=verify-full"),
                wrong("no address", &["query-api", "--postgres", "mysql://a@b/c"], "postgres://user@host:port/database"),
                wrong("none", &["query-api"], "--postgres"),
            ])
            .test("tests/cluster/startup.rs::a_server_that_does_not_answer_or_lets_nobody_in_is_told"),
        // On which kind of file system the folder lies is the operator's choice.
        Row::not(158, "file systems in memory or far away", "detection"),
        row(159, "settings that lose what was acknowledged")
            .test("tests/cluster/startup.rs::an_unsafe_server_is_refused")
            .test("tests/faults/disk/planted.rs::a_build_that_syncs_at_checkpoints_only_is_caught_by_a_power_cut"),
    ]
}

fn units() -> Vec<Row> {
    let role = ["query-api", "--postgres", "postgres://a@127.0.0.1/b"];
    let with = |what, flag: &'static str, value: &'static str, says| {
        wrong(what, &[&role[..], &[flag, value]].concat(), says)
    };
    vec![
        row(161, "two of one, and parts of several")
            .calls([call(
                "in use",
                &["--data-folder", "{data}", "--listen", "127.0.0.1:0"],
                FOLDER,
                "in use by another process",
            )])
            .test("tests/operating/startup.rs::a_folder_has_one_owner")
            .test("tests/operating/startup.rs::keys_that_are_missing_open_or_wrong_are_refused")
            .test("tests/cluster/startup.rs::what_is_not_ours_or_newer_is_left_alone"),
        row(162, "a store of a newer build")
            .test("tests/operating/startup.rs::a_file_of_a_newer_format_is_left_alone")
            .test("tests/cluster/startup.rs::what_is_not_ours_or_newer_is_left_alone"),
        // Every period is fixed; sizes are whole numbers of bytes.
        row(163, "sizes and counts").calls([
            with("a unit", "--nats-max-bytes", "10GB", "is no whole number"),
            with("below zero", "--nats-max-bytes=-1", "", "--nats-max-bytes"),
            with("too large", "--nats-max-bytes", "99999999999999999999", "is too large"),
            with("a fraction", "--nats-replicas", "1.5", "is no whole number"),
            wrong("none", &["demo", "--accounts", "0"], "1..=100000"),
            wrong("too many", &["demo", "--accounts", "100001"], "1..=100000"),
            wrong("no position", &["--accept-older-log", "x"], "is no whole number"),
        ]),
        row(164, "master keys that are none")
            .test("tests/operating/startup.rs::keys_that_are_missing_open_or_wrong_are_refused"),
    ]
}
