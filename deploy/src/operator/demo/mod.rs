//! `annals demo`: a sample company of its own, with a year of history.

mod random;
mod words;
mod company;
mod sales;

use deploy_import::{CommandSink, ItemAnswer};
use serde_json::Value;

use self::company::Company;
use super::{print, progress_bar};
use crate::{
    client::Client,
    config::{Demo, Service},
    draw::system_clock,
    exit::{Code, Exit},
    service::{Connected, Missing},
    shown::all_shown,
};

/// How many commands are sent at a time.
const BATCH: usize = 500;

/// Fills an installation with the sample company. Run again with the same seed on the same day it
/// changes nothing.
///
/// # Errors
/// When the service cannot be reached, or refuses a command of the sample.
pub async fn run(service: &Service, demo: Demo) -> Result<(), Exit> {
    let today = system_clock()();
    let company = Company::draw(demo.seed, demo.accounts, today);
    let connected = Connected::to(service, &demo.target, Missing::Make).await?;
    let outcome = match fill(&connected.client, &company).await {
        Ok(sent) => {
            all_shown(&connected.client, |_, _| {}).await.map(|_| sent).map_err(Exit::failed)
        }
        Err(exit) => Err(exit),
    };
    connected.close().await;
    let (sent, replayed) = outcome?;
    print(&format!(
        "{accounts} accounts and {contacts} contacts with {deals} deals in {sent} commands \
         ({replayed} were there already).\nTry next:\n  \
         GET /accounts?name={first}  then  /accounts/<id>/timeline, /accounts/<id>/sales\n  \
         GET /expected-revenue?by=owner  and the same with &as_of=<a day of the past year>&sense=effective\n",
        accounts = company.accounts,
        contacts = company.contacts,
        deals = company.deals,
        first = company.first_name.split(' ').next().unwrap_or_default(),
    ));
    Ok(())
}

/// Sends the sample, pass by pass: what a command names was made in a pass before it.
async fn fill(client: &Client, company: &Company) -> Result<(usize, usize), Exit> {
    let bar = progress_bar();
    bar.set_length(company.passes.iter().map(|pass| pass.len() as u64).sum());
    bar.set_message("commands");
    let (mut sent, mut replayed) = (0, 0);
    for pass in &company.passes {
        for batch in pass.chunks(BATCH) {
            replayed += send(client, batch.to_vec()).await?;
            sent += batch.len();
            bar.inc(batch.len() as u64);
        }
    }
    bar.finish_and_clear();
    Ok((sent, replayed))
}

async fn send(client: &Client, batch: Vec<Value>) -> Result<usize, Exit> {
    let answers = CommandSink::send(client, batch)
        .await
        .map_err(|error| Exit::new(Code::Unreachable, format!("{error:#}")))?;
    let mut replayed = 0;
    for answer in answers {
        match answer {
            ItemAnswer::Accepted { replayed: true, .. } => replayed += 1,
            ItemAnswer::Accepted { .. } => {}
            ItemAnswer::Refused { problem, .. } => {
                let line = format!("the sample was refused: {}: {}", problem.code, problem.detail);
                return Err(Exit::failed(line));
            }
        }
    }
    Ok(replayed)
}
