//! The real sales list into the cluster: the same figures as in one process.

use std::process::Output;

use tests::{Cluster, Shape, annals, project_root, reference_data};

use crate::figures::{all_agree, head};

fn import(cluster: &Cluster, folder: &std::path::Path) -> String {
    let mapping = project_root().join("deploy/mappings/maven_crm_sales/maven_crm_sales.toml");
    let token = cluster.secrets().join("token");
    let output = annals(&[
        "import",
        mapping.to_str().unwrap(),
        "--folder",
        folder.to_str().unwrap(),
        "--url",
        &cluster.commands[0].url(),
        "--queries-url",
        &cluster.queries[0].url(),
        "--token-file",
        token.to_str().unwrap(),
    ]);
    done(&output)
}

#[track_caller]
fn done(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {told}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_gives_every_figure_and_a_second_import_changes_nothing() {
    let name = "the_cluster_gives_every_figure_and_a_second_import_changes_nothing";
    let Some(lists) = reference_data(name, "maven_crm_sales") else { return };
    let cluster = Cluster::start(Shape { commands: 1, projections: 1, queries: 1 });
    let http = cluster.http(0, 0);
    let said = import(&cluster, &lists);
    let complete = "complete: 15737 accepted, 0 already there, 0 changed since, 0 refused";
    assert!(said.contains(complete), "{said}");
    all_agree(&http, &lists).await;

    let before = head(&http).await;
    let again = import(&cluster, &lists);
    let nothing = "complete: 0 accepted, 15737 already there, 0 changed since, 0 refused";
    assert!(again.contains(nothing), "{again}");
    assert_eq!(head(&http).await, before, "a second import wrote something");
    http.replay().await;
    all_agree(&http, &lists).await;
}
