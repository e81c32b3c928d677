//! Every statement is prepared against a real schema of either database, and the frequent ones use
//! an index.

use std::path::Path;

use events::{ids::Category, values::Day};
use events_log::{postgres::Database, testing::TestDatabase};
use projection_service::{
    access::UserRecord,
    customers::{AccountRecord, ConnectionRoleRecord, ContactRecord},
    models,
    read_side::Pool,
    read_store::{PostgresReadStore, ReadStore, SqliteReadStore, postgres::schema_of},
    record::Record,
    sales::{OpportunityRecord, OrderRecord, QuoteRecord},
    table::{ColumnType, Keeping, Table, Value},
};
use sqlx::{AssertSqlSafe, Executor, SqlitePool, sqlite::SqliteConnectOptions};
use uuid::Uuid;

use crate::{
    access::organization_statement,
    as_of::Sense,
    customers::{connections, timeline},
    database::Snapshot,
    http::{caller::SESSION, params::Params, routes::LISTS},
    list::{Statement, Test, Wish},
    places::{TestPlace, on_both},
    records::one,
    sales::{
        chains,
        ledger::{By, Narrowed, Party, block, names, sums},
    },
};

/// The empty tables and indexes of the read models.
struct Schema {
    pool: Pool,
}

on_both! { Schema:
    every_list_is_read_in_the_order_of_an_index,
    every_filter_of_every_list_can_be_asked,
    sorting_with_the_filter_it_needs_uses_an_index,
    a_record_is_found_by_its_key,
    a_timeline_is_read_in_the_order_of_an_index,
    connections_and_sales_are_found_by_an_index,
    the_revenue_of_a_party_is_found_by_an_index,
}

impl Schema {
    async fn on(place: &TestPlace) -> Self {
        match place {
            TestPlace::Folder(folder) => Self::in_a_folder(folder.path()).await,
            TestPlace::Postgres(database) => Self::on_postgres(database).await,
        }
    }

    async fn in_a_folder(folder: &Path) -> Self {
        let path = folder.join("rows.db");
        let models = models::all().unwrap();
        let store = SqliteReadStore::open(&path, models.tables()).unwrap();
        store.make_indexes().await.unwrap();
        store.close().await;
        let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&path)).await;
        Self { pool: Pool::Sqlite(pool.unwrap()) }
    }

    /// The planner is told to read whole tables and to sort only where it cannot do without.
    async fn on_postgres(database: &TestDatabase) -> Self {
        let models = models::all().unwrap();
        let server = database.server();
        let store = PostgresReadStore::open(&server, 1, models.tables()).await.unwrap();
        let rows = Database::new(&server, &schema_of(1), 1);
        for table in models.tables() {
            let filled = fill(table);
            rows.run(move |connection| Box::pin(connection.execute(AssertSqlSafe(filled))))
                .await
                .unwrap();
        }
        rows.close().await;
        store.make_indexes().await.unwrap();
        store.close().await;
        let settings = [("enable_seqscan", "off"), ("enable_sort", "off")];
        let rows = Database::tuned(&server, &schema_of(1), 1, &settings);
        Self { pool: Pool::Postgres(rows) }
    }

    /// How the database would go about a statement.
    async fn plan(&self, statement: &Statement) -> Plan {
        let (explain, column) = match self.pool {
            Pool::Sqlite(_) => ("explain query plan", "detail"),
            Pool::Postgres(_) => ("explain", "QUERY PLAN"),
        };
        let mut snapshot = Snapshot::begin(&self.pool).await.unwrap();
        let explain = format!("{explain} {}", statement.text);
        let rows = snapshot.rows(&explain, &statement.binds).await;
        let rows = rows.unwrap_or_else(|error| panic!("{error}\n{}", statement.text));
        let steps = rows.iter().map(|row| row.text(column).unwrap().to_owned()).collect();
        Plan { steps, is_sqlite: matches!(self.pool, Pool::Sqlite(_)) }
    }
}

/// The planner of PostgreSQL goes by what is in a table: rows that are all different.
fn fill(table: &Table) -> String {
    let names: Vec<_> = table.key.iter().chain(table.columns).collect();
    let mut columns: Vec<_> = names.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let mut values: Vec<_> = names
        .iter()
        .map(|column| match column.of {
            ColumnType::Int => "n",
            ColumnType::Text => "'text ' || n",
            ColumnType::Id => "md5(n::text)::uuid",
        })
        .collect();
    if table.keeping == Keeping::History {
        columns.extend(["from_position", "to_position"].map(ToOwned::to_owned));
        values.extend(["n", "case when n % 2 = 0 then n + 1 else 9223372036854775807 end"]);
    }
    format!(
        "insert into \"{}\" ({}) select {} from generate_series(1, 2000) n",
        table.name,
        columns.join(", "),
        values.join(", ")
    )
}

/// What a database says of a statement.
#[derive(Debug)]
struct Plan {
    steps: Vec<String>,
    is_sqlite: bool,
}

impl Plan {
    fn says(&self, words: &str) -> bool {
        self.steps.iter().any(|step| step.contains(words))
    }

    /// Whether the rows come in order out of an index.
    fn is_ordered_by_an_index(&self) -> bool {
        if self.is_sqlite {
            !self.says("TEMP B-TREE FOR ORDER BY") && self.says("USING")
        } else {
            // Rows that are equal in what the index orders by may be put in order by their id.
            let is_sort =
                |step: &String| step.trim_start_matches([' ', '-', '>']).starts_with("Sort ");
            let sorts = self.steps.iter().any(|step| is_sort(step) && !step.contains("Sort Key"));
            !sorts && self.says("Index")
        }
    }

    /// Whether no table is read from its beginning to its end.
    fn searches_every_table(&self) -> bool {
        self.searches("")
    }

    /// Whether that table is not.
    fn searches(&self, table: &str) -> bool {
        if self.is_sqlite {
            return if table.is_empty() {
                !self.says("SCAN")
            } else {
                self.says(&format!("SEARCH {table} USING"))
            };
        }
        // The condition of an index stands in the next line, of a bitmap in the one after.
        self.steps.iter().enumerate().filter(|(_, step)| step.contains(" on ")).all(
            |(place, step)| {
                let next = self.steps.get(place + 1).map_or("", String::as_str);
                !step.ends_with(table) && !step.contains(&format!(" {table}  ("))
                    || (step.contains("Index") && next.contains("Index Cond"))
                    || (step.contains("Bitmap Heap Scan") && next.contains("Recheck Cond"))
            },
        )
    }

    fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

fn sample(test: Test) -> Value {
    match test {
        Test::Id => Uuid::nil().into(),
        Test::Text | Test::Folded | Test::Contains | Test::OneOf(_) | Test::Currency => "x".into(),
        Test::FromDay | Test::ToDay | Test::From | Test::Before => Value::Int(1),
    }
}

/// What a cursor holds of a column.
fn key_of(table: &Table, column: &str) -> Value {
    let known = table.key.iter().chain(table.columns).find(|known| known.name == column);
    match known.unwrap().of {
        ColumnType::Int => Value::Int(1),
        ColumnType::Text => "x".into(),
        ColumnType::Id => Uuid::nil().into(),
    }
}

async fn every_list_is_read_in_the_order_of_an_index(schema: Schema) {
    for list in LISTS {
        for sort in list.sorts.iter().filter(|sort| sort.needs.is_none()) {
            for descending in [false, true] {
                let wish = Wish { filters: vec![], sort: *sort, descending, limit: 50 };
                let after = [key_of(list.table, sort.column), Uuid::nil().into()];
                for part in list.parts(&wish, None) {
                    let statement = list.statement(&wish, *part, 7, Some(&after), 51);
                    let plan = schema.plan(&statement).await;
                    let ordered = plan.is_ordered_by_an_index();
                    assert!(ordered, "{} by {}: {plan:#?}", list.path, sort.parameter);
                }
            }
        }
    }
}

async fn every_filter_of_every_list_can_be_asked(schema: Schema) {
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

async fn sorting_with_the_filter_it_needs_uses_an_index(schema: Schema) {
    for list in LISTS {
        for sort in list.sorts.iter().filter(|sort| sort.needs.is_some()) {
            let query = format!("/?sort={}&state=Open", sort.parameter);
            let query =
                if list.path == "/quotes" { query.replace("Open", "Active") } else { query };
            let wish = list.wish(Params::parse(&query.parse().unwrap()).unwrap()).unwrap();
            for part in list.parts(&wish, None) {
                let plan = schema.plan(&list.statement(&wish, *part, 7, None, 51)).await;
                assert!(plan.is_ordered_by_an_index(), "{plan:#?}");
            }
        }
    }
}

async fn a_record_is_found_by_its_key(schema: Schema) {
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
        assert!(plan.searches_every_table(), "{plan:#?}");
    }
    let session = Statement { text: SESSION.to_owned(), binds: vec![Uuid::nil().into()] };
    let plan = schema.plan(&session).await;
    assert!(plan.searches_every_table(), "{plan:#?}");
    let organization = Statement { text: organization_statement(), binds: vec![7_i64.into()] };
    assert!(!schema.plan(&organization).await.is_empty());
}

async fn a_timeline_is_read_in_the_order_of_an_index(schema: Schema) {
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
            assert!(plan.says("timeline_entries_subject_id"), "{plan:#?}");
            assert!(plan.is_ordered_by_an_index(), "{plan:#?}");
        }
    }
}

async fn connections_and_sales_are_found_by_an_index(schema: Schema) {
    let record = (Category::Contact, Uuid::nil());
    let narrowed = connections::Narrowed {
        other_role: Some(Uuid::nil()),
        other_type: Some("account"),
        ended: Some(false),
    };
    let statement = connections::statement(
        record,
        7,
        (20_000, Sense::Effective),
        &narrowed,
        Some(Uuid::nil()),
        51,
    );
    let plan = schema.plan(&statement).await;
    assert!(plan.searches_every_table(), "{plan:#?}");
    let key = [Value::Int(1), Uuid::nil().into()];
    for category in [Category::Account, Category::Contact] {
        let party = (category, Uuid::nil());
        let statement = chains::chains(party, 7, Some(Uuid::nil()), Some(&key), 51);
        let plan = schema.plan(&statement).await;
        assert!(plan.searches_every_table(), "{plan:#?}");
    }
    let plan = schema.plan(&chains::documents(&[Uuid::nil(), Uuid::nil()], 7)).await;
    assert!(plan.searches_every_table(), "{plan:#?}");
}

async fn the_revenue_of_a_party_is_found_by_an_index(schema: Schema) {
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
    assert!(plan.searches("revenue_deltas"), "{plan:#?}");
    for (by, _) in By::ALL {
        for party in parties {
            for conditions in [vec![], conditions.clone()] {
                let narrowed = Narrowed { party: Some(party), conditions };
                let plan = schema.plan(&sums(by, 3, 7, today, &narrowed)).await;
                assert!(plan.searches("d"), "{party:?} {plan:#?}");
            }
        }
        assert!(!schema.plan(&sums(by, 3, 7, today, &Narrowed::default())).await.is_empty());
        if let Some(table) = by.names() {
            let plan = schema.plan(&names(table, &[Uuid::nil(), Uuid::nil()], 7)).await;
            assert!(plan.searches_every_table(), "{plan:#?}");
        }
    }
}
