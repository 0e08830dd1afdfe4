//! TLS settings, and what goes wrong with them, for people.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore, ServerConfig};

use super::unverified::Unverified;
use crate::error::NodeError;

/// Where a certificate or a key comes from.
#[derive(Clone, Default, PartialEq)]
pub enum Pem {
    #[default]
    None,
    File(String),
    Text(String),
}

/// A key must not be shown.
impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pem::None => f.write_str("none"),
            Pem::File(path) => write!(f, "file {path}"),
            Pem::Text(_) => f.write_str("text"),
        }
    }
}

/// How a client proves who it is, and whom it trusts.
#[derive(Debug, Clone, PartialEq)]
pub struct TlsSettings {
    pub certificate: Pem,
    pub key: Pem,
    /// Nothing: what the operating system trusts.
    pub authority: Pem,
    /// Whether the server's certificate is checked.
    pub verify: bool,
    /// The name that the certificate must be for, where it is not the host's.
    pub server_name: Option<String>,
    pub alpn: Option<String>,
}

impl Default for TlsSettings {
    fn default() -> TlsSettings {
        TlsSettings {
            certificate: Pem::None,
            key: Pem::None,
            authority: Pem::None,
            verify: true,
            server_name: None,
            alpn: None,
        }
    }
}

/// A file of certificates is not larger.
const LARGEST_FILE: u64 = 4 * 1024 * 1024;

impl TlsSettings {
    /// Reads the certificates, anew each time: they are replaced while the gateway runs.
    pub fn client(&self) -> Result<ClientConfig, NodeError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| NodeError::fatal(format!("TLS cannot be set up: {error}")))?;
        let builder = if self.verify {
            builder.with_root_certificates(self.roots()?)
        } else {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
        };
        let mut config = match self.certificate.read("certificate")? {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let chain = certificates(&pem, "certificate")?;
                let key = self.key.read("key")?.unwrap_or_default();
                builder.with_client_auth_cert(chain, private_key(&key)?).map_err(|error| {
                    NodeError::disconnected(format!(
                        "the client certificate and its key do not go together: {error}"
                    ))
                })?
            }
        };
        config.alpn_protocols.extend(self.alpn.as_ref().map(|name| name.as_bytes().to_vec()));
        Ok(config)
    }

    /// For a node that listens. Clients are not asked for a certificate, as in Node-RED.
    pub fn server(&self) -> Result<ServerConfig, NodeError> {
        self.server_for(false)
    }

    /// For a node that listens, and perhaps lets only clients in whose certificate the CA here has signed.
    pub fn server_for(&self, asks_clients: bool) -> Result<ServerConfig, NodeError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| NodeError::fatal(format!("TLS cannot be set up: {error}")))?;
        let (Some(pem), Some(key)) = (self.certificate.read("certificate")?, self.key.read("key")?) else {
            return Err(NodeError::config(
                "/tls",
                "a listener needs a certificate and its key in the TLS settings",
            ));
        };
        let builder = if asks_clients {
            if self.authority == Pem::None {
                let text = "to ask clients for certificates, name the CA certificate that they are signed by";
                return Err(NodeError::config("/tls", text));
            }
            let roots = Arc::new(self.roots()?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            let verifier = verifier.map_err(|error| {
                NodeError::disconnected(format!(
                    "clients cannot be verified with the CA certificate: {error}"
                ))
            })?;
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let chain = certificates(&pem, "certificate")?;
        let mut config = builder.with_single_cert(chain, private_key(&key)?).map_err(|error| {
            NodeError::disconnected(format!("the certificate and its key do not go together: {error}"))
        })?;
        config.alpn_protocols.extend(self.alpn.as_ref().map(|name| name.as_bytes().to_vec()));
        Ok(config)
    }

    pub fn server_name(&self, host: &str) -> Result<ServerName<'static>, NodeError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        ServerName::try_from(name.to_string())
            .map_err(|_| NodeError::config("/servername", format!("{name:?} is no name of a server")))
    }

    fn roots(&self) -> Result<RootCertStore, NodeError> {
        let mut roots = RootCertStore::empty();
        match self.authority.read("CA certificate")? {
            Some(pem) => {
                for certificate in certificates(&pem, "CA certificate")? {
                    roots.add(certificate).map_err(|error| {
                        NodeError::disconnected(format!("the CA certificate cannot be used: {error}"))
                    })?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
                if roots.is_empty() {
                    return Err(NodeError::disconnected(
                        "this system trusts no certificates: install the package ca-certificates, or name a CA certificate",
                    ));
                }
            }
        }
        Ok(roots)
    }
}

impl Pem {
    fn read(&self, what: &str) -> Result<Option<Vec<u8>>, NodeError> {
        match self {
            Pem::None => Ok(None),
            Pem::Text(text) => Ok(Some(text.clone().into_bytes())),
            Pem::File(path) => {
                let failed = |error: io::Error| {
                    NodeError::disconnected(format!("cannot read the {what} {path}: {error}"))
                };
                let size = std::fs::metadata(path).map_err(failed)?.len();
                if size > LARGEST_FILE {
                    return Err(failed(io::Error::other("it is larger than 4 MiB")));
                }
                std::fs::read(path).map(Some).map_err(failed)
            }
        }
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, NodeError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(NodeError::disconnected(format!(
            "the {what} is not in PEM form: -----BEGIN CERTIFICATE-----"
        ))),
        Err(error) => Err(NodeError::disconnected(format!("the {what} cannot be read: {error}"))),
    }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, NodeError> {
    let is_encrypted = pem.windows(9).any(|part| part == b"ENCRYPTED");
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        NodeError::disconnected(if is_encrypted {
            "the key is encrypted; write it without a passphrase: openssl pkey -in KEY -out PLAIN".to_string()
        } else {
            format!("the key cannot be read: {error}")
        })
    })
}

/// Why a handshake failed, in the words of who has to do something about it.
pub fn explain(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let reason = match inner {
        Some(rustls::Error::InvalidCertificate(reason)) => reason,
        Some(rustls::Error::AlertReceived(alert)) => return explain_alert(*alert),
        _ => return error.to_string(),
    };
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired (or this clock is wrong)".to_string()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet (or this clock is wrong)".to_string()
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the server's certificate is not signed by a CA that is trusted here: name its CA certificate"
                .to_string()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the server's certificate is for another name ({reason}): set the server name")
        }
        other => format!("the server's certificate is not valid: {other}"),
    }
}

/// What the server does not like about us.
fn explain_alert(alert: AlertDescription) -> String {
    let what = match alert {
        AlertDescription::CertificateRequired => {
            "it wants a client certificate: name one in the TLS settings"
        }
        AlertDescription::CertificateExpired => "it says that our certificate has expired",
        AlertDescription::UnknownCA => "it does not trust the CA of our certificate",
        AlertDescription::CertificateRevoked => "it says that our certificate is revoked",
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
            "it does not take our certificate"
        }
        other => return format!("the server ends it: {other:?}"),
    };
    format!("the server ends it: {what}")
}
