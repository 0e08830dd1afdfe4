//! TLS, with certificates of the tests' own.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::json;

use super::client::Client;
use super::gateway::{Gateway, amqp_out, broker};
use super::rabbit::rabbit;

pub struct Certificates {
    pub dir: PathBuf,
}

impl Certificates {
    pub fn write(dir: &Path) -> Certificates {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority");
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap();
        std::fs::write(dir.join("ca.pem"), ca.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        for (name, usage) in
            [("server", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
        {
            let mut params = CertificateParams::new(vec!["localhost".to_string()]).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params.extended_key_usages = vec![usage];
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            std::fs::write(dir.join(format!("{name}.pem")), certificate.pem()).unwrap();
            std::fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        Certificates { dir: dir.to_path_buf() }
    }

    fn path(&self, name: &str) -> String {
        self.dir.join(name).to_string_lossy().into_owned()
    }
}

#[test]
fn messages_go_over_tls_and_a_server_that_is_not_trusted_gets_none() {
    let rabbit = rabbit();
    let client = Client::of(&rabbit);
    client.queue("tls");
    let nodes = |authority: &str| {
        let files = &rabbit.certificates;
        vec![
            json!({"id": "tls", "type": "tls-config", "ca": authority, "cert": files.path("client.pem"), "key": files.path("client.key")}),
            broker("b", 0, json!({"host": format!("amqps://localhost:{}", rabbit.tls_port), "tls": "tls"})),
            amqp_out("out", "b", json!({"routingKey": "tls"})),
        ]
    };
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &nodes(""));
    gateway.wait_away("out", "no TLS with amqps://localhost");
    gateway.stop();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &nodes(&rabbit.certificates.path("ca.pem")));
    gateway.send("out", json!({"payload": "over TLS"}));
    assert_eq!(client.wait_for("tls", 1)[0].text(), "over TLS");
    gateway.stop();
}
