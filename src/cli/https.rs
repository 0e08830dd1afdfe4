//! HTTPS for a gateway that is about to run.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::process::host_name;
use super::settings::Settings;
use crate::api::{Tls, make_certificate};

/// Where it is on: with the files that are named or there, or with a certificate that is made now.
pub fn prepare(settings: &Settings, data_dir: &Path) -> anyhow::Result<Option<Arc<Tls>>> {
    let Some(files) = settings.tls_files(data_dir) else { return Ok(None) };
    if settings.tls_certificate.is_none() {
        let host = host_name();
        let made = make_certificate(&files, &host, settings.listen.map(|address| address.ip()));
        let made =
            made.with_context(|| format!("cannot write a certificate to {}", files.certificate.display()))?;
        if let Some(made) = made {
            eprintln!(
                "made a certificate for HTTPS, {}; nobody vouches for it, so browsers ask once. Its SHA-256 fingerprint:\n  {}",
                files.certificate.display(),
                made.fingerprint
            );
        }
    }
    Ok(Some(Arc::new(Tls::new(files))))
}
