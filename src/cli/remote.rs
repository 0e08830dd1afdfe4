//! A gateway as the command line reaches it: over its API, here or elsewhere.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use serde_json::Value;

use crate::remote::pull;

/// Which gateway, and by whose leave
#[derive(Debug, Clone, Args)]
pub struct Remote {
    /// The gateway's address
    #[arg(long, value_name = "URL", env = "TIDEGATE_TO", default_value = "http://127.0.0.1:1880")]
    pub to: String,
    /// A file with a token of `tidegate token create`; without it the token is in TIDEGATE_TOKEN
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A certificate in PEM form to trust instead of those of the system, such as that of a gateway that made its own
    #[arg(long, value_name = "FILE", env = "TIDEGATE_CA")]
    ca: Option<PathBuf>,
}

/// A deploy waits for connections to close.
const PATIENCE: Duration = Duration::from_secs(60);
/// The largest answer that is read: a flow document.
const LARGEST: u64 = 64 * 1024 * 1024;

/// What a gateway answered, when it did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[error("{message}{}", hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default())]
pub struct Refused {
    pub status: u16,
    message: String,
    hint: Option<String>,
    pub detail: Value,
}

impl Remote {
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask("GET", path, Vec::new())
    }

    pub fn post(&self, path: &str, body: Vec<u8>) -> anyhow::Result<Value> {
        self.ask("POST", path, body)
    }

    fn ask(&self, method: &str, path: &str, body: Vec<u8>) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.to.trim_end_matches('/'));
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .max_redirects(0)
            .tls_config(pull::tls(self.ca.as_deref()).map_err(anyhow::Error::msg)?)
            .build()
            .into();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(&url)
            .header("authorization", format!("Bearer {}", self.token()?))
            .header("content-type", "application/json")
            .body(body)
            .with_context(|| format!("{url} is no address of a gateway"))?;
        let mut answer = agent.run(request).map_err(|error| {
            // What the library says of a certificate does not say what to do.
            let hint = match self.ca {
                None if format!("{error:?}").contains("InvalidCertificate") => {
                    "; a gateway that made its certificate itself is trusted with --ca FILE, its tls/certificate.pem"
                }
                _ => "",
            };
            anyhow!("no answer from {}: {error}{hint}", self.to)
        })?;
        let status = answer.status().as_u16();
        let text = answer
            .body_mut()
            .with_config()
            .limit(LARGEST)
            .read_to_string()
            .context("the answer broke off")?;
        let json: Value =
            if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::Null) };
        if (200..300).contains(&status) {
            return Ok(json);
        }
        let of = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_string);
        let Some(message) = of("message") else {
            bail!("{url} answers with {status}: is it a gateway?");
        };
        Err(anyhow!(Refused {
            status,
            message,
            hint: of("hint"),
            detail: json.get("detail").cloned().unwrap_or_default(),
        }))
    }

    fn token(&self) -> anyhow::Result<String> {
        let token = match &self.token_file {
            Some(path) => {
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?
            }
            None => std::env::var("TIDEGATE_TOKEN").unwrap_or_default(),
        };
        match token.trim() {
            "" => bail!(
                "no token: make one on the board with `tidegate token create NAME --scope read --scope deploy`, and give it in \
                 TIDEGATE_TOKEN or by --token-file"
            ),
            token => Ok(token.to_string()),
        }
    }
}

/// Text as a part of an address.
pub fn quoted(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
