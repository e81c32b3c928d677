//! `annals import`: lists into commands, by a mapping file.

use deploy_import::{self as import, ImportOptions};

use crate::{
    config::{Import, Service},
    exit::{Code, Exit},
    operator::{print, until_shown},
    service::{Connected, Missing},
};

/// Imports lists, and waits until questions show what was imported.
///
/// # Errors
/// When the mapping or a file cannot be used, the service cannot be reached, or rows were refused.
pub async fn run(service: &Service, options: Import) -> Result<(), Exit> {
    let Import { mapping, folder, files, rejects, target } = options;
    let files = files.into_iter().collect();
    let options = ImportOptions { mapping, folder, files, rejects, ..ImportOptions::default() };
    let prepared = import::prepare(options).map_err(|error| Exit::new(Code::Usage, error))?;
    let connected = Connected::to(service, &target, Missing::Make).await?;
    let outcome = prepared.run(&connected.client).await;
    let shown = match &outcome {
        Ok(summary) => {
            print(&format!("{summary}\n"));
            until_shown(&connected.client).await
        }
        Err(_) => Ok(()),
    };
    connected.close().await;
    let summary = outcome.map_err(Exit::failed)?;
    shown?;
    if summary.refused() > 0 {
        let line = format!("{} rows were refused; the rest was imported", summary.refused());
        return Err(Exit::new(Code::RowsRefused, line));
    }
    Ok(())
}
