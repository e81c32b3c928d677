//! The product under load: embedded in this process, or a cluster of real processes.

use std::net::SocketAddr;

use tests::{Annals, Cluster, Deployment, Http, Settings, Shape};

use crate::{
    memory,
    names::{CLUSTER, EMBEDDED},
};

/// The settings of PostgreSQL that the design's figures were measured with.
const POSTGRES: [&str; 2] = ["shared_buffers=1GB", "max_wal_size=4GB"];

/// One of the two deployments.
pub(crate) enum Product {
    Embedded(Box<Annals>),
    Cluster(Box<Cluster>),
}

impl Product {
    /// An empty installation.
    pub(crate) async fn start(deployment: Deployment) -> Self {
        match deployment {
            Deployment::Embedded => {
                let named = tests::deployment();
                assert_eq!(named, Deployment::Embedded, "ANNALS_DEPLOYMENT means tests only");
                Self::Embedded(Box::new(Annals::start().await))
            }
            Deployment::Cluster => Self::Cluster(Box::new(cluster())),
        }
    }

    pub(crate) const fn peer(&self) -> &'static str {
        match self {
            Self::Embedded(_) => EMBEDDED,
            Self::Cluster(_) => CLUSTER,
        }
    }

    /// A client with the first token.
    pub(crate) fn http(&self) -> Http {
        match self {
            Self::Embedded(annals) => annals.http().clone(),
            Self::Cluster(cluster) => cluster.http(0, 0),
        }
    }

    /// Where commands are sent.
    pub(crate) fn commands(&self) -> anyhow::Result<SocketAddr> {
        address(self.http().commands_url())
    }

    /// Where questions are asked.
    pub(crate) fn queries(&self) -> anyhow::Result<SocketAddr> {
        address(self.http().queries_url())
    }

    pub(crate) fn token(&self) -> String {
        self.http().token().unwrap_or_default().to_owned()
    }

    /// The most memory that its processes held, in MiB. Embedded it is this process, with the load
    /// generator and the yardsticks in it.
    pub(crate) fn peak_mb(&self) -> Option<f64> {
        match self {
            Self::Embedded(_) => memory::peak(std::process::id()),
            Self::Cluster(cluster) => {
                let ids = cluster.commands.iter().chain(&cluster.projections);
                let ids = ids.chain(&cluster.queries).filter_map(tests::Role::id);
                ids.map(memory::peak).sum()
            }
        }
    }

    /// Ends it; its data are gone.
    pub(crate) async fn stop(self) {
        match self {
            Self::Embedded(mut annals) => annals.stop().await,
            Self::Cluster(cluster) => drop(cluster),
        }
    }
}

/// One process of each role, which say no more than they do by default.
pub(crate) fn cluster() -> Cluster {
    let shape = Shape { commands: 1, projections: 1, queries: 1 };
    let services = [("ANNALS_LOG_LEVEL", "warn".to_owned())];
    let settings = Settings { postgres: &POSTGRES, services: &services, ..Settings::default() };
    Cluster::start_with(shape, &settings)
}

/// The address in a URL.
pub(crate) fn address(url: &str) -> anyhow::Result<SocketAddr> {
    Ok(url.trim_start_matches("http://").parse()?)
}
