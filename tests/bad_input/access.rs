//! 3.6: who is let in, and to what.

use hyper::Method;
use serde_json::json;

use crate::{
    row::{Ask, Caller, Row, Steps, bytes, command, get, row},
    run::stranger,
    world::{ACCOUNT, NOBODY, World},
};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = tokens();
    rows.extend(records());
    rows
}

/// A question of somebody who presents that.
fn presents(authorization: &str) -> Ask {
    get("/accounts")
        .by(Caller::Stranger)
        .header("authorization", authorization)
        .refused(401, "auth.required")
}

/// `{"alg":..,"typ":"JWT"}`, some claims and no signature, as others take them.
fn of_algorithm(header: &str) -> Ask {
    presents(&format!("Bearer {header}.eyJzdWIiOiJhZG1pbiJ9."))
}

fn tokens() -> Vec<Row> {
    vec![
        row(86, "no token, or no bearer token")
            .asks([
                get("/accounts").by(Caller::Stranger).refused(401, "auth.required"),
                presents(""),
                presents("Bearer"),
                presents("Bearer "),
                presents("Basic YTpi"),
                presents("Negotiate x"),
                presents("Bearer null"),
                presents("Bearer annals__"),
                // The token of the client itself beside another.
                get("/accounts").also("authorization", "Bearer x").refused(401, "auth.required"),
            ])
            .test("tests/end_to_end/access.rs::whoever_has_no_valid_token_learns_nothing"),
        row(87, "tokens that name no algorithm").asks([
            of_algorithm("eyJhbGciOiJub25lIn0"),
            of_algorithm("eyJhbGciOiJOb25lIn0"),
            of_algorithm("eyJhbGciOiJuT25FIn0"),
            of_algorithm("e30"),
        ]),
        Row::not(88, "a public key as a secret", "JWT"),
        row(89, "tokens that name a key").asks([
            of_algorithm("eyJhbGciOiJIUzI1NiIsImtpZCI6Ii4uLy4uL2Rldi9udWxsIn0"),
            of_algorithm("eyJhbGciOiJSUzI1NiIsImprdSI6Imh0dHA6Ly8xMjcuMC4wLjEveCJ9"),
            presents("Bearer annals_../../master.key_x"),
            presents("Bearer annals_' or '1'='1_x"),
        ]),
        Row::not(90, "times that are none in a token", "JWT"),
        Row::not(91, "a token before, after and beside its time", "JWT"),
        row(92, "a token that was revoked, a user who was disabled").test(
            "tests/end_to_end/access.rs::a_token_is_in_force_until_it_is_revoked_or_its_user_disabled",
        ),
        row(93, "a token in the target")
            .journey(in_the_target)
            .test("tests/end_to_end/logs.rs::no_log_line_says_a_name_an_address_or_a_secret"),
        row(94, "large tokens")
            .asks([presents(&format!("Bearer {}", "x".repeat(40_000)))])
            .sends([bytes(
                "a megabyte",
                format!(
                    "GET /me HTTP/1.1\r\nHost: {{host}}\r\nAuthorization: Bearer {}\r\n\r\n",
                    "x".repeat(1024 * 1024)
                ),
                431,
                "head.too_large",
            )]),
        row(95, "tokens that are almost right").journey(almost),
        row(96, "many wrong tokens").test(
            "tests/end_to_end/limits.rs::a_valid_token_is_never_refused_for_the_wrong_ones_of_its_address",
        ),
    ]
}

fn in_the_target(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let token = world.annals.token();
        for name in ["access_token", "token", "authorization"] {
            let answer = stranger(world).get(&format!("/accounts?{name}={token}")).await;
            let problem = answer.problem(401, "auth.required");
            assert!(!problem.to_string().contains(&token), "{name}");
            // Nor is it taken for a parameter beside the token where it belongs.
            let answer = world.annals.get(&format!("/accounts?{name}=x")).await;
            answer.problem(422, "parameter.unknown");
        }
    })
}

fn almost(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let token = world.annals.token();
        let (id, secret) = token.rsplit_once('_').expect("two parts");
        let last = if secret.ends_with('0') { '1' } else { '0' };
        let cut = &secret[..secret.len() - 1];
        for wrong in [
            format!("{id}_{cut}{last}"),
            format!("{id}_{cut}"),
            format!("{id}_{secret}="),
            format!("{id}_{secret}0"),
            format!("{id}_ {secret}"),
            format!("{id}_{}", secret.to_uppercase()),
            format!("{id}__{secret}"),
            format!("{}_{secret}", id.to_uppercase()),
            format!("{token}\u{a0}"),
            format!("{token} {token}"),
            format!("{token},{token}"),
        ] {
            for path in ["/accounts", "/me"] {
                let authorization = format!("Bearer {wrong}");
                let headers = [("authorization", authorization.as_str())];
                let answer = stranger(world).send(Method::GET, path, &headers, Vec::new()).await;
                answer.problem(401, "auth.required");
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            }
        }
    })
}

fn records() -> Vec<Row> {
    let issue = json!({
        "user": NOBODY, "scopes": ["admin"], "secret_sha256": "0".repeat(64),
    });
    vec![
        Row::not(97, "records of another tenant or owner", "tenants"),
        Row::not(98, "fields that are hidden", "sharing"),
        Row::not(99, "filters on hidden fields", "sharing"),
        Row::not(100, "sums over hidden records", "sharing"),
        row(101, "cursors of others")
            .asks([
                get("/accounts?cursor=x").refused(400, "cursor.invalid"),
                get("/accounts?cursor=").refused(400, "cursor.invalid"),
                get("/accounts?cursor=e30").refused(400, "cursor.invalid"),
                get("/accounts?cursor=eyJ2IjoxLCJxIjoiIiwicCI6MSwidCI6MSwiayI6W119")
                    .refused(400, "cursor.invalid"),
                get(format!("/accounts?cursor={}", "A".repeat(10_000)))
                    .refused(400, "cursor.invalid"),
            ])
            .journey(edited_cursor)
            .test("tests/end_to_end/reading.rs::a_cursor_is_good_for_its_own_question_and_caller_only"),
        Row::not(102, "links to exports", "links"),
        row(103, "commands of an auditor")
            .asks([
                command("CreateAccount", r#"{"name":"A"}"#)
                    .by(Caller::Auditor)
                    .refused(403, "access.denied"),
                command("NoSuchCommand", "{}").by(Caller::Auditor).refused(403, "access.denied"),
                command("IssueToken", issue.to_string())
                    .by(Caller::Auditor)
                    .refused(403, "access.denied"),
            ])
            .journey(kept),
        // Whoever reads, reads everything: what can be granted are scopes.
        row(104, "powers that somebody gives themselves").test(
            "tests/end_to_end/powers.rs::nobody_hands_out_a_scope_that_the_token_they_do_it_with_does_not_have",
        ),
        row(105, "positions that are none").asks([
            get("/accounts?at_least=1000000").refused(400, "at_least.unknown"),
            get("/accounts?at_least=9223372036854775807").refused(400, "at_least.unknown"),
            get("/accounts?at_least=9223372036854775808").refused(400, "at_least.invalid"),
            get("/accounts?at_least=-1").refused(400, "at_least.invalid"),
            get("/accounts?at_least=x").refused(400, "at_least.invalid"),
            get("/accounts?at_least=").refused(400, "at_least.invalid"),
            get("/accounts?at_least=1&at_least=2").refused(400, "parameter.repeated"),
        ]),
    ]
}

/// Whatever letter of a cursor is changed, it is none any more.
fn edited_cursor(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let page = world.annals.now("/accounts?limit=1").await;
        let cursor = page["next"].as_str().expect("two accounts");
        world.annals.get(&format!("/accounts?limit=1&cursor={cursor}")).await.ok();
        for at in (0..cursor.len()).step_by(7) {
            let other = if cursor[at..].starts_with('A') { "B" } else { "A" };
            let edited = format!("{}{other}{}", &cursor[..at], &cursor[at + 1..]);
            let answer = world.annals.get(&format!("/accounts?limit=1&cursor={edited}")).await;
            answer.problem(400, "cursor.invalid");
        }
    })
}

/// That an auditor sent a command is kept.
fn kept(world: &World) -> Steps<'_> {
    Box::pin(async move {
        let attempts = world.annals.attempts().await;
        for command in ["CreateAccount", "IssueToken"] {
            let kept = attempts.iter().any(|attempt| {
                attempt["code"] == "access.denied" && attempt.to_string().contains(command)
            });
            assert!(kept, "{command}: {attempts:?}");
        }
        let account = world.annals.now(&format!("/accounts/{ACCOUNT}")).await;
        assert_eq!(account["name"], "Contoso");
    })
}
