//! Which running service an operator's command talks to; where none runs, one is started for it.

use std::fs;

use deploy_console::regular;

use crate::{
    client::Client,
    config::{Service, Target},
    draw::system_clocks,
    embedded::start,
    exit::{Code, Exit},
    modes::check_secret,
    running::Running,
};

/// A service, and the product if it was started for this command.
pub struct Connected {
    /// Talks to it.
    pub client: Client,
    own: Option<Running>,
}

/// Whether a data folder that is not there may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is made, like at any first start.
    Make,
    /// The command makes sense only on one that is there.
    Refuse,
}

impl Connected {
    /// Finds the service, or starts one.
    ///
    /// # Errors
    /// When there is none, its token cannot be read, or the folder cannot be used.
    pub async fn to(service: &Service, target: &Target, missing: Missing) -> Result<Self, Exit> {
        let token_file =
            target.token_file.clone().unwrap_or_else(|| service.data_folder.join("token"));
        if let Some(url) = &target.url {
            let client = Client::new(url, &read_token(&token_file)?);
            let client = client.and_then(|client| match &target.queries_url {
                Some(queries) => client.with_queries(queries),
                None => Ok(client),
            });
            let client = client.map_err(|error| Exit::new(Code::Usage, error))?;
            return Ok(Self { client, own: None });
        }
        if missing == Missing::Refuse && !service.data_folder.join("log.db").exists() {
            let line = format!("{} is no data folder of annals", service.data_folder.display());
            return Err(Exit::new(Code::Folder, line));
        }
        if let Some(client) = running(service, &token_file).await? {
            return Ok(Self { client, own: None });
        }
        let any_port = (std::net::Ipv4Addr::LOCALHOST, 0).into();
        let own = Service { listen: Some(any_port), ..service.clone() };
        let own = start(&own, system_clocks()).await?;
        let client = Client::new(&own.url(), &read_token(&token_file)?)
            .map_err(|error| Exit::new(Code::Usage, error))?;
        Ok(Self { client, own: Some(own) })
    }

    /// Ends the service if it was started for this command.
    pub async fn close(self) {
        if let Some(own) = self.own {
            own.shutdown().await;
        }
    }
}

/// The service that owns the data folder, if one answers: then only its token can be in the way.
async fn running(service: &Service, token_file: &std::path::Path) -> Result<Option<Client>, Exit> {
    let Ok(address) = fs::read_to_string(service.data_folder.join("annals.addr")) else {
        return Ok(None);
    };
    let client = |token: &str| Client::new(address.trim(), token);
    match client("") {
        Ok(nobody) if nobody.is_alive().await => {}
        Ok(_) | Err(_) => return Ok(None),
    }
    let known = client(&read_token(token_file)?).map_err(|error| Exit::new(Code::Usage, error))?;
    Ok(Some(known))
}

fn read_token(path: &std::path::Path) -> Result<String, Exit> {
    check_secret(path).map_err(|error| Exit::new(Code::Folder, error))?;
    match regular::read(path, 4_096) {
        Ok(token) => Ok(token.trim().to_owned()),
        Err(error) => {
            let path = path.display();
            let line = format!(
                "the token file {path} cannot be read: {error}; where it is lost, \
                 `annals token recover` makes another"
            );
            Err(Exit::new(Code::Usage, line))
        }
    }
}
