//! Every statement is prepared against a real schema, and the frequent ones use an index.

use events::{ids::Category, values::Day};
use projection_service::{
    access::UserRecord,
    customers::{AccountRecord, ConnectionRoleRecord, ContactRecord},
    models,
    read_store::{ReadStore, SqliteReadStore},
    record::Record,
    sales::{OpportunityRecord, OrderRecord, QuoteRecord},
    table::Value,
};
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};
use uuid::Uuid;

use crate::{
    access::organization_statement,
    as_of::Sense,
    customers::{connections, timeline},
    database::Snapshot,
    http::{caller::SESSION, params::Params, routes::LISTS},
    list::{Statement, Test, Wish},
    records::one,
    sales::{
        chains,
        ledger::{By, Narrowed, Party, block, names, sums},
    },
};

struct Schema {
    pool: SqlitePool,
    _folder: tempfile::TempDir,
}

impl Schema {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.db");
        let models = models::all().unwrap();
        let store = SqliteReadStore::open(&path, models.tables()).unwrap();
        store.make_indexes().await.unwrap();
        store.close().await;
        let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&path)).await;
        Self { pool: pool.unwrap(), _folder: folder }
    }

    /// How the database would go about a statement.
    async fn plan(&self, statement: &Statement) -> String {
        let mut snapshot = Snapshot::begin(&self.pool).await.unwrap();
        let explain = format!("explain query plan {}", statement.text);
        let rows = snapshot.rows(&explain, &statement.binds).await;
        let rows = rows.unwrap_or_else(|error| panic!("{error}\n{}", statement.text));
        let steps = rows.iter().map(|row| row.text("detail").unwrap().to_owned());
        steps.collect::<Vec<_>>().join("\n")
    }
}

fn sample(test: Test) -> Value {
    match test {
        Test::Id => Uuid::nil().into(),
        Test::Text | Test::Folded | Test::Contains | Test::OneOf(_) | Test::Currency => "x".into(),
        Test::FromDay | Test::ToDay | Test::From | Test::Before => Value::Int(1),
    }
}

#[tokio::test]
async fn every_list_is_read_in_the_order_of_an_index() {
    let schema = Schema::new().await;
    for list in LISTS {
        for sort in list.sorts.iter().filter(|sort| sort.needs.is_none()) {
            for descending in [false, true] {
                let wish = Wish { filters: vec![], sort: *sort, descending, limit: 50 };
                let after = [Value::from("x"), Uuid::nil().into()];
                for part in list.parts(&wish, None) {
                    let statement = list.statement(&wish, *part, 7, Some(&after), 51);
                    let plan = schema.plan(&statement).await;
                    let ordered =
                        !plan.contains("TEMP B-TREE FOR ORDER BY") && plan.contains("USING");
                    assert!(ordered, "{} by {}: {plan}", list.path, sort.parameter);
                }
            }
        }
    }
}

#[tokio::test]
async fn every_filter_of_every_list_can_be_asked() {
    let schema = Schema::new().await;
    for list in LISTS {
        let filters: Vec<_> = list.filters().map(|filter| (*filter, sample(filter.test))).collect();
        for sort in list.sorts {
            let wish = Wish { filters: filters.clone(), sort: *sort, descending: true, limit: 50 };
            for part in list.parts(&wish, None) {
                let statement = list.statement(&wish, *part, 7, None, 51);
                assert!(!schema.plan(&statement).await.is_empty());
            }
        }
    }
}

#[tokio::test]
async fn sorting_with_the_filter_it_needs_uses_an_index() {
    let schema = Schema::new().await;
    for list in LISTS {
        for sort in list.sorts.iter().filter(|sort| sort.needs.is_some()) {
            let query = format!("/?sort={}&state=Open", sort.parameter);
            let query =
                if list.path == "/quotes" { query.replace("Open", "Active") } else { query };
            let wish = list.wish(Params::parse(&query.parse().unwrap()).unwrap()).unwrap();
            for part in list.parts(&wish, None) {
                let plan = schema.plan(&list.statement(&wish, *part, 7, None, 51)).await;
                assert!(plan.contains("INDEX") && !plan.contains("FOR ORDER BY"), "{plan}");
            }
        }
    }
}

#[tokio::test]
async fn a_record_is_found_by_its_key() {
    let schema = Schema::new().await;
    let tables = [
        AccountRecord::TABLE,
        ContactRecord::TABLE,
        OpportunityRecord::TABLE,
        QuoteRecord::TABLE,
        OrderRecord::TABLE,
        ConnectionRoleRecord::TABLE,
        UserRecord::TABLE,
    ];
    for table in tables {
        let statement =
            Statement { text: one(table), binds: vec![Uuid::nil().into(), 7_i64.into()] };
        let plan = schema.plan(&statement).await;
        assert!(plan.contains("SEARCH"), "{plan}");
    }
    let session = Statement { text: SESSION.to_owned(), binds: vec![Uuid::nil().into()] };
    let plan = schema.plan(&session).await;
    assert!(!plan.contains("SCAN"), "{plan}");
    let organization = Statement { text: organization_statement(), binds: vec![7_i64.into()] };
    assert!(!schema.plan(&organization).await.is_empty());
}

#[tokio::test]
async fn a_timeline_is_read_in_the_order_of_an_index() {
    let schema = Schema::new().await;
    let subject = (Category::Account, Uuid::nil());
    let narrowed = timeline::Narrowed {
        kind: Some("note.added".to_owned()),
        record_type: Some("note"),
        channel: Some("api"),
        actor: Some(Uuid::nil()),
        from: Some(1),
        before: Some(2),
    };
    for (sense, key) in [
        (Sense::Recorded, vec![Value::Int(5)]),
        (Sense::Effective, vec![Value::Int(5), Value::Int(6)]),
    ] {
        for narrowed in [&timeline::Narrowed::default(), &narrowed] {
            let statement = timeline::statement(subject, sense, (7, 8), narrowed, Some(&key), 51);
            let plan = schema.plan(&statement).await;
            assert!(plan.contains("INDEX timeline_entries_subject_id"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}

#[tokio::test]
async fn connections_and_sales_are_found_by_an_index() {
    let schema = Schema::new().await;
    let record = (Category::Contact, Uuid::nil());
    let narrowed = connections::Narrowed {
        other_role: Some(Uuid::nil()),
        other_type: Some("account"),
        ended: Some(false),
    };
    let statement =
        connections::statement(record, 7, Some(20_000), &narrowed, Some(Uuid::nil()), 51);
    let plan = schema.plan(&statement).await;
    assert!(!plan.contains("SCAN"), "{plan}");
    let key = [Value::Int(1), Uuid::nil().into()];
    for category in [Category::Account, Category::Contact] {
        let party = (category, Uuid::nil());
        let statement = chains::chains(party, 7, Some(Uuid::nil()), Some(&key), 51);
        let plan = schema.plan(&statement).await;
        assert!(!plan.contains("SCAN"), "{plan}");
    }
    let plan = schema.plan(&chains::documents(&[Uuid::nil(), Uuid::nil()], 7)).await;
    assert!(!plan.contains("SCAN"), "{plan}");
}

#[tokio::test]
async fn the_revenue_of_a_party_is_found_by_an_index() {
    let schema = Schema::new().await;
    let conditions = vec![
        ("d.owner_id = ?", Uuid::nil().into()),
        ("u.manager_id = ?", Uuid::nil().into()),
        ("u.office = ?", "x".into()),
        ("d.stage = ?", "x".into()),
        ("d.product = ?", "x".into()),
        ("d.currency = ?", "BRL".into()),
        ("d.period >= ?", 1_i64.into()),
        ("d.period <= ?", 2_i64.into()),
    ];
    let today = Day::parse("2026-03-10").unwrap().number();
    let parties = [Party::Account, Party::Subtree, Party::Contact].map(|party| party(Uuid::nil()));
    let plan = schema.plan(&block(0, 4_096)).await;
    assert!(plan.contains("SEARCH revenue_deltas USING PRIMARY KEY"), "{plan}");
    for (by, _) in By::ALL {
        for party in parties {
            for conditions in [vec![], conditions.clone()] {
                let narrowed = Narrowed { party: Some(party), conditions };
                let plan = schema.plan(&sums(by, 3, 7, today, &narrowed)).await;
                assert!(plan.contains("SEARCH d USING"), "{party:?} {plan}");
            }
        }
        assert!(!schema.plan(&sums(by, 3, 7, today, &Narrowed::default())).await.is_empty());
        if let Some(table) = by.names() {
            let plan = schema.plan(&names(table, &[Uuid::nil(), Uuid::nil()], 7)).await;
            assert!(plan.contains("SEARCH"), "{plan}");
        }
    }
}
