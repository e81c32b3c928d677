//! Addresses are shown without secrets, and lead elsewhere only under TLS.

use super::*;

#[test]
fn a_password_is_never_shown() {
    let server = Server::parse("postgres://me:s3cret@127.0.0.1:5433/crm", Wire::Tls).unwrap();
    assert_eq!(server.to_string(), "postgres://me@127.0.0.1:5433/crm");
    assert_eq!(format!("{server:?}"), "Server(postgres://me@127.0.0.1:5433/crm)");
    for wrong in ["postgres://me:s3cret@:x/crm", "mysql://me:s3cret@h/crm", "me:s3cret", ""] {
        let error = Server::parse(wrong, Wire::Tls).unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn another_machine_is_reached_under_tls_or_on_the_operators_word() {
    for local in ["127.0.0.1", "localhost", "[::1]"] {
        assert!(Server::parse(&format!("postgres://me@{local}/crm"), Wire::Tls).is_ok(), "{local}");
    }
    let far = "postgres://me@db.example/crm";
    assert!(matches!(Server::parse(far, Wire::Tls), Err(PostgresError::Refused { .. })));
    assert!(Server::parse(&format!("{far}?sslmode=require"), Wire::Tls).is_err());
    assert!(Server::parse(&format!("{far}?sslmode=verify-full"), Wire::Tls).is_ok());
    assert!(Server::parse(far, Wire::Trusted).is_ok());
}

#[test]
fn another_database_of_the_same_server_is_shown_as_such() {
    let server = Server::parse("postgres://me@localhost:1/one", Wire::Tls).unwrap();
    assert_eq!(server.with_database("two").to_string(), "postgres://me@localhost:1/two");
}
