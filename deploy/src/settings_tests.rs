//! One name for each setting, whichever way it is said; no other name is taken.

use super::*;

fn check(variables: &[&str]) -> Result<(), String> {
    let names = Names::of(&command());
    names.check_environment(variables.iter().map(OsString::from)).map_err(|exit| exit.to_string())
}

fn visit(command: &Command, see: &mut dyn FnMut(&str, &Arg)) {
    command.get_arguments().for_each(|arg| see(command.get_name(), arg));
    command.get_subcommands().for_each(|below| visit(below, see));
}

#[test]
fn a_setting_has_one_name_as_a_flag_in_the_environment_and_in_a_file() {
    let mut seen = 0;
    visit(&command(), &mut |command, arg| {
        let Some(variable) = arg.get_env() else { return };
        let id = arg.get_id().as_str();
        let flag = arg.get_long().unwrap_or_else(|| panic!("{command}: {id} is no flag"));
        assert_eq!(flag.replace('-', "_"), id, "{command}");
        assert_eq!(
            variable.to_str().unwrap(),
            format!("ANNALS_{}", id.to_uppercase()),
            "{command}"
        );
        seen += 1;
    });
    assert!(seen > 20, "{seen} settings were looked at");
}

#[test]
fn unknown_variables_are_refused_by_name_with_the_nearest_one() {
    for (variable, near) in [
        ("ANNALS_FOLDER", "ANNALS_DATA_FOLDER"),
        ("ANNALS_DATA", "ANNALS_DATA_FOLDER"),
        ("ANNALS_QUERIES", "ANNALS_QUERIES_URL"),
        ("ANNALS_LOGLEVEL", "ANNALS_LOG_LEVEL"),
        ("ANNALS_POSTGRE", "ANNALS_POSTGRES"),
    ] {
        let line = check(&[variable]).unwrap_err();
        let told = format!("{variable} (did you mean {near}?) is no setting");
        assert!(line.contains(&told), "{line}");
    }
    let line = check(&["ANNALS_XYZZY", "ANNALS_QUUX", "PATH"]).unwrap_err();
    assert!(line.starts_with("ANNALS_QUUX, ANNALS_XYZZY are no settings"), "{line}");
    assert!(check(&["ANNALS_log_level"]).is_err(), "variables are written in capitals");
}

#[test]
fn known_variables_and_those_of_others_pass() {
    let passing = [
        "ANNALS_DATA_FOLDER",
        "ANNALS_LISTEN",
        "ANNALS_POSTGRES",
        "ANNALS_CONFIG",
        "ANNALS_URL",
        "ANNALS_TEST_POSTGRES",
        "HOME",
        "annals_x",
        // Kubernetes tells every container about services of the same namespace.
        "ANNALS_SERVICE_HOST",
        "ANNALS_SERVICE_PORT",
        "ANNALS_SERVICE_PORT_HTTP",
        "ANNALS_PORT",
        "ANNALS_PORT_7440_TCP",
        "ANNALS_PORT_7440_TCP_ADDR",
        "ANNALS_QUERY_API_PORT_7441_TCP_PROTO",
    ];
    assert_eq!(check(&passing), Ok(()));
    assert!(check(&["ANNALS_PORTS"]).is_err());
}

/// What `annals <words> --help` shows.
fn help(words: &[&str]) -> String {
    let arguments = ["annals"].iter().chain(words).chain(&["--help"]);
    command().try_get_matches_from(arguments).unwrap_err().to_string()
}

#[test]
fn the_help_of_a_command_shows_only_what_it_takes() {
    let all = ["--data-folder", "--listen", "--behind-proxy", "--organization", "--zone", "--url"];
    for (words, shown) in [
        (&["verify"][..], &["--data-folder", "--url"][..]),
        (&["replay"], &["--data-folder", "--url"]),
        (&["backup"], &["--data-folder", "--url"]),
        (&["token", "issue"], &["--data-folder", "--url"]),
        (&["import"], &["--data-folder", "--organization", "--zone", "--url"]),
        (&["demo"], &["--data-folder", "--organization", "--zone", "--url"]),
        (&["migrate"], &[]),
        (&["commands"], &[]),
        (&["query-api"], &["--listen", "--behind-proxy"]),
        (&["command-service"], &["--listen", "--behind-proxy", "--organization", "--zone"]),
        (&["serve"], &["--data-folder", "--listen", "--behind-proxy", "--organization", "--zone"]),
    ] {
        let text = help(words);
        for flag in all {
            let is_shown =
                text.contains(&format!("{flag} ")) || text.contains(&format!("{flag}\n"));
            assert_eq!(is_shown, shown.contains(&flag), "{words:?} {flag}\n{text}");
        }
        assert!(text.contains("--log-level"), "{words:?}");
    }
}

#[test]
fn a_flag_that_a_command_has_no_use_for_is_refused() {
    for words in [&["--organization", "x", "verify"][..], &["verify", "--organization", "x"]] {
        let arguments = ["annals"].iter().chain(words);
        let matches = command().try_get_matches_from(arguments).unwrap();
        let line = refuse_strangers(&matches).unwrap_err().to_string();
        assert_eq!(line, "`annals verify` takes no --organization");
    }
    let matches = command().try_get_matches_from(["annals", "--data-folder", "x", "verify"]);
    assert!(refuse_strangers(&matches.unwrap()).is_ok());
}

#[test]
fn a_wrong_call_is_told_in_one_line() {
    for (words, told) in [
        (&["--colour", "red"][..], "unexpected argument '--colour' found"),
        (
            &["verifi"],
            "unrecognized subcommand 'verifi'; tip: a similar subcommand exists: 'verify'",
        ),
        (&["query-api"], "the following required arguments were not provided: --postgres"),
        (&["token"], "a command is missing"),
        (&["--listen", "x"], "invalid value 'x' for '--listen <LISTEN>'"),
    ] {
        let arguments = ["annals"].iter().chain(words);
        let line = usage(&command().try_get_matches_from(arguments).unwrap_err()).to_string();
        assert!(line.contains(told), "{line}");
        assert!(!line.contains('\n') && !line.contains("Usage"), "{line}");
    }
}
