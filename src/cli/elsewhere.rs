//! Deploys from elsewhere, as the settings of `tidegate run` ask for them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::process::host_name;
use super::settings::Settings;
use crate::deploy::Deployer;
use crate::remote::intake::Intake;
use crate::remote::{pull, trust};

/// Listens and pulls until it is dropped.
pub struct Elsewhere {
    intake: Arc<Intake>,
    _pulling: Option<pull::Pulling>,
}

impl Elsewhere {
    pub fn start(
        settings: &Settings,
        data_dir: &Path,
        deployer: &Arc<Deployer>,
        runtime: &tokio::runtime::Handle,
    ) -> anyhow::Result<Option<Elsewhere>> {
        if settings.remote_mqtt.is_none() && settings.remote_pull.is_none() {
            return Ok(None);
        }
        let name = settings.name.clone().unwrap_or_else(host_name);
        let intake = Arc::new(Intake::new(deployer.clone(), &name, data_dir)?);
        let authority = settings.remote_ca.as_ref().map(|file| data_dir.join(file));
        mqtt(settings, authority.as_deref(), deployer, runtime, &intake)?;
        let pulling = match &settings.remote_pull {
            None => None,
            Some(url) => {
                let every = Duration::from_secs(settings.remote_pull_seconds);
                let options = pull::Options { url: url.clone(), every, authority };
                eprintln!(
                    "pulls bundles as {name} from {} every {} s",
                    pull::shown(url),
                    settings.remote_pull_seconds
                );
                Some(pull::start(intake.clone(), options).context("cannot start to pull")?)
            }
        };
        if intake.trust().read().is_ok_and(|found| found.keys.is_empty()) {
            eprintln!(
                "no key is trusted in {} yet, so nothing is deployed from elsewhere: tidegate keys trust LINE",
                data_dir.join(trust::FILE).display()
            );
        }
        Ok(Some(Elsewhere { intake, _pulling: pulling }))
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.intake.stop();
    }
}

#[cfg(feature = "mqtt")]
fn mqtt(
    settings: &Settings,
    authority: Option<&Path>,
    deployer: &Arc<Deployer>,
    runtime: &tokio::runtime::Handle,
    intake: &Arc<Intake>,
) -> anyhow::Result<()> {
    use crate::remote::mqtt::{self, Options, PATIENCE};
    let Some(address) = &settings.remote_mqtt else { return Ok(()) };
    eprintln!("takes deploys as {} from {address}", intake.name());
    let options = Options {
        address: address.clone(),
        authority: authority.map(Path::to_path_buf),
        prefix: settings.remote_prefix.clone(),
        patience: PATIENCE,
    };
    mqtt::start(deployer.engine(), runtime, intake.clone(), options).context("remote_mqtt")
}

#[cfg(not(feature = "mqtt"))]
fn mqtt(
    settings: &Settings,
    _authority: Option<&Path>,
    _deployer: &Arc<Deployer>,
    _runtime: &tokio::runtime::Handle,
    _intake: &Arc<Intake>,
) -> anyhow::Result<()> {
    if settings.remote_mqtt.is_some() {
        anyhow::bail!("remote_mqtt is set, and this gateway is built without MQTT");
    }
    Ok(())
}
