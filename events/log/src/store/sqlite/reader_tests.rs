//! That no question costs more the longer the log is.

use tempfile::tempdir;

use super::Reader;
use crate::store::sqlite::{schema, testing::open};

#[tokio::test]
async fn no_statement_scans_a_table_or_sorts() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    let store = open(&path).unwrap();
    let connection = schema::connect_reader(&path).unwrap();
    let Reader { log, stream, stream_by_key, ledger, attempts, checkpoint, recorded_at, .. } =
        Reader::new(&connection, store.shared.log).unwrap();
    for statement in [log, stream, stream_by_key, ledger, attempts, checkpoint, recorded_at] {
        let sql = statement.expanded_sql().unwrap();
        let mut plan = connection.prepare(&format!("explain query plan {sql}")).unwrap();
        let steps: Vec<String> =
            plan.query_map([], |row| row.get(3)).unwrap().map(|step| step.unwrap()).collect();
        assert!(!steps.is_empty());
        for step in steps {
            assert!(!step.contains("SCAN") && !step.contains("TEMP B-TREE"), "{step}: {sql}");
        }
    }
    drop(connection);
    store.shutdown().await;
}

#[test]
fn a_reading_connection_cannot_write() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.db");
    let _store = open(&path).unwrap();
    let connection = schema::connect_reader(&path).unwrap();
    assert!(connection.execute("update log_head set position = 7", []).is_err());
}
