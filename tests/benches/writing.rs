//! Durable commands over HTTP, beside the bare echo and the bare group commit.

use std::{net::SocketAddr, path::Path};

use serde_json::json;
use tests::{Cluster, Role};

use crate::{
    load::{self, Seen, post},
    names::{ALONE, BARE_POSTGRES, BARE_SQLITE, CREATE, ECHO, ONE_SERVICE, TWO_SERVICES},
    product::{Product, address},
    report::Report,
    yardsticks,
};

/// How many callers wait at a time.
const CONNECTIONS: [usize; 4] = [1, 16, 64, 256];
/// How many wait for two services as for one.
const SHARED: usize = 64;

pub(crate) async fn run(
    report: &mut Report,
    product: &Product,
    folder: &Path,
    seconds: f64,
) -> anyhow::Result<()> {
    let echo = yardsticks::echo().await?;
    let bare = Bare::beside(product, folder).await?;
    for connections in CONNECTIONS {
        // What was written before is not projected meanwhile.
        product.http().settled().await;
        let body = contact();
        let request = move |_| post("/echo", "-", &body);
        let echoed = load::run(&[echo], connections, seconds, request).await?;
        report.yardstick(ECHO, connections, &echoed, product.peer());
        let written = bare.run(connections, seconds).await?;
        report.yardstick(bare.name(), connections, &written, "");
        let created = create(&[product.commands()?], product, connections, seconds).await?;
        report.load(product, CREATE, connections, &created);
    }
    Ok(())
}

/// The bare group commit on the database of the deployment.
enum Bare<'a> {
    Sqlite(&'a Path),
    Postgres(String),
}

impl<'a> Bare<'a> {
    async fn beside(product: &Product, folder: &'a Path) -> anyhow::Result<Self> {
        Ok(match product {
            Product::Embedded(_) => Self::Sqlite(folder),
            Product::Cluster(cluster) => {
                Self::Postgres(yardsticks::postgres::prepare(&cluster.postgres).await?)
            }
        })
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => BARE_SQLITE,
            Self::Postgres(_) => BARE_POSTGRES,
        }
    }

    async fn run(&self, callers: usize, seconds: f64) -> anyhow::Result<Seen> {
        match self {
            Self::Sqlite(folder) => {
                yardsticks::sqlite::group_commit(folder, callers, seconds).await
            }
            Self::Postgres(at) => yardsticks::postgres::group_commit(at, callers, seconds).await,
        }
    }
}

/// The same connections to one command service, then spread over two.
pub(crate) async fn two_services(
    report: &mut Report,
    product: &mut Product,
    seconds: f64,
) -> anyhow::Result<()> {
    let Product::Cluster(cluster) = &mut *product else { return Ok(()) };
    if cluster.commands.len() == 1 {
        cluster.add_command_service();
    }
    let both = commands(cluster)?;
    for (workload, addresses) in [(ONE_SERVICE, &both[..1]), (TWO_SERVICES, &both[..])] {
        product.http().settled().await;
        let created = create(addresses, product, SHARED, seconds).await?;
        report.load(product, workload, SHARED, &created);
    }
    Ok(())
}

/// The command service alone: what it can do where the read models are made elsewhere. Ends the
/// other roles.
pub(crate) async fn alone(
    report: &mut Report,
    product: &mut Product,
    seconds: f64,
) -> anyhow::Result<()> {
    let Product::Cluster(cluster) = &mut *product else { return Ok(()) };
    cluster.http(0, 0).settled().await;
    let others = cluster.commands.iter_mut().skip(1);
    others.chain(&mut cluster.projections).chain(&mut cluster.queries).for_each(Role::terminate);
    for connections in [SHARED, CONNECTIONS[3]] {
        let created = create(&[product.commands()?], product, connections, seconds).await?;
        report.load(product, ALONE, connections, &created);
    }
    Ok(())
}

fn commands(cluster: &Cluster) -> anyhow::Result<Vec<SocketAddr>> {
    cluster.commands.iter().map(|role| address(&role.url())).collect()
}

/// Contacts, one for each command.
async fn create(
    addresses: &[SocketAddr],
    product: &Product,
    connections: usize,
    seconds: f64,
) -> anyhow::Result<Seen> {
    let (body, token) = (contact(), product.token());
    let request = move |_| post("/commands/CreateContact", &token, &body);
    load::run(addresses, connections, seconds, request).await
}

/// A contact as a web form sends it.
pub(crate) fn contact() -> String {
    json!({
        "first_name": "Beatriz",
        "last_name": "Quintela",
        "kind": "Consumer",
        "email": "beatriz.quintela@norte.example",
        "phone": "+55 11 5555 0199",
    })
    .to_string()
}
