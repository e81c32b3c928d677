//! A database of a test's own on the server that `tests/run.sh` started.

use std::{thread, time::Duration};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use uuid::Uuid;

use super::skipped;
use crate::postgres::{Server, Wire};

/// An empty database. It is dropped with this.
pub struct TestDatabase {
    admin: Server,
    name: String,
}

impl TestDatabase {
    /// A new one on the server named by `ANNALS_TEST_POSTGRES`, whose login may create databases.
    /// None, and the test counts as skipped, where no server is named.
    ///
    /// # Panics
    /// When the server that is named does not work.
    #[expect(clippy::disallowed_methods, reason = "tests are configured by the environment alone")]
    #[must_use]
    pub fn new(test: &str) -> Option<Self> {
        let Ok(url) = std::env::var("ANNALS_TEST_POSTGRES") else {
            skipped(test, "no PostgreSQL server is named by ANNALS_TEST_POSTGRES");
            return None;
        };
        let admin = Server::parse(&url, Wire::Tls).expect("ANNALS_TEST_POSTGRES is an address");
        let name = format!("annals_test_{}", Uuid::new_v4().simple());
        execute(&admin, format!("create database {name}"));
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
        let statement = format!("drop database if exists {} with (force)", self.name);
        let mut dropped = try_execute(&self.admin, statement.clone());
        for _ in 0..100 {
            // The server's own vacuum may be at work there, which ends soon.
            let is_busy = matches!(&dropped, Err(sqlx::Error::Database(error))
                if matches!(error.code().as_deref(), Some("42501" | "55006")));
            if !is_busy {
                break;
            }
            wait_a_moment();
            dropped = try_execute(&self.admin, statement.clone());
        }
        if !thread::panicking() {
            dropped.expect("the server that ANNALS_TEST_POSTGRES names works");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a vacuum that ends tells nobody")]
fn wait_a_moment() {
    thread::sleep(Duration::from_millis(50));
}

fn execute(admin: &Server, statement: String) {
    let done = try_execute(admin, statement);
    done.expect("the server that ANNALS_TEST_POSTGRES names works");
}

/// Runs a statement, also where an async runtime is at work already.
fn try_execute(admin: &Server, statement: String) -> Result<(), sqlx::Error> {
    let options = admin.options("public");
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async move {
            let mut connection = options.connect().await?;
            connection.execute(AssertSqlSafe(statement)).await?;
            connection.close().await
        })
    };
    thread::spawn(run).join().expect("the thread ends")
}
