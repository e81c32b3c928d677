//! What is demanded of a server that keeps what cannot be made again.

use sqlx::{PgConnection, Row};

use super::{Database, PostgresError};

/// The oldest server that is supported: 15.
const OLDEST: i32 = 150_000;

/// Refuses a server that may lose what it acknowledged, and names what is unwise about one that
/// will not.
///
/// # Errors
/// [`PostgresError::Refused`] with every reason at once; else when the server cannot be asked.
pub async fn check_settings(database: &Database) -> Result<Vec<String>, PostgresError> {
    database.connect().await?;
    let server = database.server();
    let asked = database.run(|connection| Box::pin(ask(connection))).await;
    let Settings { refused, unwise } = asked.map_err(|error| server.failed(&error))?;
    if refused.is_empty() { Ok(unwise) } else { Err(server.refused(refused.join("; "))) }
}

/// Why what is committed in this session could be lost, if so.
pub(crate) async fn unsafe_settings(
    connection: &mut PgConnection,
) -> Result<Vec<String>, sqlx::Error> {
    Ok(ask(connection).await?.refused)
}

#[derive(Debug, Default)]
struct Settings {
    refused: Vec<String>,
    unwise: Vec<String>,
}

async fn ask(connection: &mut PgConnection) -> Result<Settings, sqlx::Error> {
    let sql = "select current_setting('server_version_num')::int as version, \
        current_setting('server_version') as shown, \
        current_setting('fsync') as fsync, \
        current_setting('full_page_writes') as full_page_writes, \
        current_setting('synchronous_commit') as synchronous_commit, \
        current_setting('wal_level') as wal_level, \
        current_setting('data_checksums') as data_checksums, \
        pg_is_in_recovery() as is_standby, \
        (select rolsuper or rolbypassrls from pg_roles where rolname = current_user) as is_super, \
        pg_backend_pid() as pid";
    let row = sqlx::query(sql).fetch_one(&mut *connection).await?;
    let mut settings = Settings::default();
    let version: i32 = row.try_get("version")?;
    if version < OLDEST {
        let shown: String = row.try_get("shown")?;
        settings.refused.push(format!("the server is {shown}, 15 is needed"));
    }
    for name in ["fsync", "full_page_writes"] {
        if row.try_get::<String, _>(name)? != "on" {
            settings.refused.push(format!("{name} is off: a power cut would damage the log"));
        }
    }
    let commit: String = row.try_get("synchronous_commit")?;
    if !matches!(commit.as_str(), "on" | "remote_apply") {
        settings
            .refused
            .push(format!("synchronous_commit is {commit}: what was acknowledged could be lost"));
    }
    if row.try_get::<bool, _>("is_standby")? {
        settings.refused.push("it is a standby, which takes no events".to_owned());
    }
    if row.try_get::<String, _>("data_checksums")? != "on" {
        settings
            .unwise
            .push("data checksums are off: damage on the disk goes unnoticed".to_owned());
    }
    if row.try_get::<String, _>("wal_level")? == "minimal" {
        settings.unwise.push("wal_level is minimal: no backup to a point in time".to_owned());
    }
    if row.try_get::<bool, _>("is_super")? {
        settings.unwise.push("the login is a superuser, or bypasses row security".to_owned());
    }
    // A pooler that hands each transaction to another backend breaks prepared statements.
    let pid: i32 = row.try_get("pid")?;
    let again: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(connection).await?;
    if pid != again {
        settings.refused.push("a pooler changes the backend between transactions".to_owned());
    }
    Ok(settings)
}
