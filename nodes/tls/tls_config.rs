//! tls-config: certificates and whom to trust, for nodes that talk over TLS.

use serde::Deserialize;

use super::settings::{Pem, TlsSettings};
use crate::connector::Resource;
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::node::{Built, NodeConfig, NodeType};
use crate::read;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "tls-config",
    category: Category::Config,
    summary: "Certificates and whom to trust, for nodes that talk over TLS.",
    help: include_str!("tls_config.md"),
    examples: include_str!("tls_config.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(0),
    role: Role::Resource,
    fields: &[
        Field::choice(
            "certType",
            &[("files", "Files on this board, or texts in the flow")],
            "Certificates from",
            "Where certificates and keys are. PKCS#12 is not supported: convert it to PEM.",
        )
        .default("\"files\""),
        Field::text(
            "cert",
            "Certificate",
            "The path of the client's certificate, PEM, with the chain below it.",
        ),
        Field::text("key", "Private key", "The path of the certificate's key, PEM, without a passphrase."),
        Field::text(
            "ca",
            "CA certificate",
            "The path of the CA certificates that are trusted, PEM. Empty: what the system trusts.",
        ),
        Field::text("certname", "Certificate name", "What the editor shows for an uploaded certificate."),
        Field::text("keyname", "Key name", "What the editor shows for an uploaded key."),
        Field::text("caname", "CA name", "What the editor shows for an uploaded CA certificate."),
        Field::text("p12", "PKCS#12 file", "Not supported: convert it to PEM."),
        Field::text("p12name", "PKCS#12 name", "Not supported: convert it to PEM."),
        Field::bool(
            "verifyservercert",
            "Verify the server",
            "Whether the server's certificate is checked. Switched off, anybody can pose as the server.",
        )
        .default("true"),
        Field::text(
            "servername",
            "Server name",
            "The name that the server's certificate must be for, where it is not the host's.",
        ),
        Field::text(
            "alpnprotocol",
            "ALPN protocol",
            "What the client says it speaks, for servers that have more on one port.",
        ),
        Field::text("certdata", "Certificate as text", "PEM, in place of the file.").secret(),
        Field::text("keydata", "Private key as text", "PEM, in place of the file.").secret(),
        Field::text("cadata", "Authority as text", "PEM, in place of the file.").secret(),
    ],
};

#[derive(Deserialize)]
struct Config {
    #[serde(default, rename = "certType", deserialize_with = "read::text")]
    cert_type: String,
    #[serde(default, deserialize_with = "read::text")]
    cert: String,
    #[serde(default, deserialize_with = "read::text")]
    key: String,
    #[serde(default, deserialize_with = "read::text")]
    ca: String,
    #[serde(default = "read::yes", deserialize_with = "read::boolean")]
    verifyservercert: bool,
    #[serde(default, deserialize_with = "read::text")]
    servername: String,
    #[serde(default, deserialize_with = "read::text")]
    alpnprotocol: String,
    #[serde(default)]
    credentials: Credentials,
}

#[derive(Default, Deserialize)]
struct Credentials {
    #[serde(default, deserialize_with = "read::text")]
    certdata: String,
    #[serde(default, deserialize_with = "read::text")]
    keydata: String,
    #[serde(default, deserialize_with = "read::text")]
    cadata: String,
    #[serde(default, deserialize_with = "read::text")]
    p12data: String,
}

impl Resource for TlsSettings {}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    make(config.read()?).map(Built::resource)
}

fn make(config: Config) -> Result<TlsSettings, NodeError> {
    if !matches!(config.cert_type.as_str(), "" | "files") || !config.credentials.p12data.is_empty() {
        let text = "only PEM files and texts are supported: openssl pkcs12 -in FILE -out PEM -nodes converts PKCS#12";
        return Err(NodeError::config("/certType", text));
    }
    let set = |path: &str, text: String| match (path.trim(), text) {
        ("", text) if text.trim().is_empty() => Pem::None,
        ("", text) => Pem::Text(text),
        (path, _) => Pem::File(path.to_string()),
    };
    let certificate = set(&config.cert, config.credentials.certdata);
    let key = set(&config.key, config.credentials.keydata);
    if (certificate == Pem::None) != (key == Pem::None) {
        let pointer = if key == Pem::None { "/key" } else { "/cert" };
        return Err(NodeError::config(pointer, "a certificate and its key are given together, or neither"));
    }
    let filled = |text: String| Some(text.trim().to_string()).filter(|text| !text.is_empty());
    Ok(TlsSettings {
        certificate,
        key,
        authority: set(&config.ca, config.credentials.cadata),
        verify: config.verifyservercert,
        server_name: filled(config.servername),
        alpn: filled(config.alpnprotocol),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(json: serde_json::Value) -> Result<TlsSettings, NodeError> {
        make(serde_json::from_value(json).unwrap())
    }

    #[test]
    fn files_and_texts_are_taken_and_halves_are_not() {
        let files =
            of(json!({"cert": "c.pem", "key": "k.pem", "ca": "", "verifyservercert": "false"})).unwrap();
        assert_eq!((files.certificate, files.verify), (Pem::File("c.pem".to_string()), false));
        let texts = of(json!({"credentials": {"certdata": "C", "keydata": "K", "cadata": "A"}})).unwrap();
        assert_eq!((texts.key.clone(), texts.verify), (Pem::Text("K".to_string()), true));
        assert!(!format!("{texts:?}").contains('K'));
        match of(json!({"cert": "c.pem"})) {
            Err(NodeError::Config { pointer, .. }) => assert_eq!(pointer, "/key"),
            other => panic!("{other:?}"),
        }
        assert!(of(json!({"certType": "pfx"})).is_err());
    }

    #[test]
    fn what_is_not_there_or_no_certificate_is_told() {
        let error = of(json!({"ca": "/nowhere/ca.pem"})).unwrap().client().unwrap_err();
        assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
        let error = of(json!({"credentials": {"cadata": "hello"}})).unwrap().client().unwrap_err();
        assert!(error.to_string().contains("PEM"), "{error}");
    }
}
