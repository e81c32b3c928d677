//! A database of a test's own on the server that `tests/run.sh` started.

use std::thread;

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use uuid::Uuid;

use super::skipped;
use crate::postgres::{Server, Wire};

/// An empty database. It is dropped with this: whoever is connected to it should have ended by then.
/// A connection that is just being made holds the drop up until the server gives up on it.
pub struct TestDatabase {
    admin: Server,
    name: String,
}

impl TestDatabase {
    /// Whether a server is named by `ANNALS_TEST_POSTGRES`. If not, the test counts as skipped.
    #[must_use]
    pub fn is_there(test: &str) -> bool {
        address(test).is_some()
    }

    /// A new one on the server named by `ANNALS_TEST_POSTGRES`, whose login may create databases.
    /// None, and the test counts as skipped, where no server is named.
    ///
    /// # Panics
    /// When the server that is named does not work.
    #[expect(clippy::disallowed_methods, reason = "a database must not be there yet")]
    #[must_use]
    pub fn new(test: &str) -> Option<Self> {
        let url = address(test)?;
        let admin = Server::parse(&url, Wire::Tls).expect("ANNALS_TEST_POSTGRES is an address");
        let name = format!("annals_test_{}", Uuid::new_v4().simple());
        let made = execute(&admin, vec![format!("create database {name}")]);
        made.expect("the server that ANNALS_TEST_POSTGRES names works");
        Some(Self { admin, name })
    }

    /// How to reach it.
    #[must_use]
    pub fn server(&self) -> Server {
        self.admin.clone().with_database(&self.name)
    }

    /// Its address, with the password: for processes of the product.
    ///
    /// # Panics
    /// Never: the address was read before.
    #[expect(clippy::disallowed_methods, reason = "tests are configured by the environment alone")]
    #[must_use]
    pub fn url(&self) -> String {
        let admin = std::env::var("ANNALS_TEST_POSTGRES").expect("it was read before");
        let (server, _) = admin.rsplit_once('/').expect("an address names a database");
        format!("{server}/{}", self.name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // Dropping waits for every session of the server, and some tests keep one that hangs. What is
        // left behind goes with the server.
        let limit = "set statement_timeout = '1s'".to_owned();
        let drop = format!("drop database if exists {} with (force)", self.name);
        execute(&self.admin, vec![limit, drop]).ok();
    }
}

#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment alone")]
fn address(test: &str) -> Option<String> {
    let url = std::env::var("ANNALS_TEST_POSTGRES").ok();
    if url.is_none() {
        skipped(test, "no PostgreSQL server is named by ANNALS_TEST_POSTGRES");
    }
    url
}

/// Runs statements one after the other, also where an async runtime is at work already.
fn execute(admin: &Server, statements: Vec<String>) -> Result<(), sqlx::Error> {
    let options = admin.options("public");
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async move {
            let mut connection = options.connect().await?;
            for statement in statements {
                connection.execute(AssertSqlSafe(statement)).await?;
            }
            connection.close().await
        })
    };
    thread::spawn(run).join().expect("the thread ends")
}
