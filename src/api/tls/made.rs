//! A certificate that a gateway makes for itself. Nobody vouches for it: a client is shown its fingerprint once, or is given
//! the file to trust.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, date_time_ymd};

use super::Files;

/// For so many years from its making. Longer than a board lasts: nobody is there to renew it.
const YEARS: i64 = 20;
/// A board without a clock begins in the past, and must still be let in.
const SINCE: i32 = 2020;

/// How people recognise it.
#[derive(Debug, PartialEq, Eq)]
pub struct Certificate {
    pub fingerprint: String,
}

/// Makes both files unless one of them is there. What is there is the owner's.
pub fn make(files: &Files, host: &str, at: Option<IpAddr>) -> io::Result<Option<Certificate>> {
    if files.certificate.exists() || files.key.exists() {
        return Ok(None);
    }
    let mut names = vec!["localhost".to_string(), "127.0.0.1".to_string(), "::1".to_string()];
    if !host.is_empty() && host != "localhost" {
        names.push(host.to_string());
        if !host.contains('.') {
            names.push(format!("{host}.local"));
        }
    }
    names.extend(at.filter(|ip| !ip.is_unspecified() && !ip.is_loopback()).map(|ip| ip.to_string()));
    let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Tidegate on {host}"));
    params.not_before = date_time_ymd(SINCE, 1, 1);
    let seconds =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let year = 1970 + (seconds / 31_556_952) as i64;
    params.not_after = date_time_ymd((year.max(i64::from(SINCE)) + YEARS) as i32, 1, 1);
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate = params.self_signed(&key).map_err(io::Error::other)?;
    // The key first: with a certificate alone the next start would find half.
    write(&files.key, &key.serialize_pem(), 0o600)?;
    write(&files.certificate, &certificate.pem(), 0o644)?;
    Ok(Some(Certificate { fingerprint: fingerprint(certificate.der()) }))
}

fn fingerprint(certificate: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// Whole or not at all: a power cut must not leave half a key, which would be taken for the owner's.
fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let draft = path.with_extension("new");
    // Left from a start that was cut off, perhaps with another mode.
    let _ = fs::remove_file(&draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    match path.parent() {
        Some(parent) => fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_made_once_and_what_is_there_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files { certificate: dir.path().join("tls/a.pem"), key: dir.path().join("tls/k.pem") };
        let made = make(&files, "roof-7", Some("192.0.2.7".parse().unwrap())).unwrap().unwrap();
        assert_eq!(made.fingerprint.len(), 32 * 3 - 1);
        assert_eq!(fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, 0o600);
        super::super::read(&files).unwrap();
        let before = fs::read(&files.certificate).unwrap();
        assert_eq!(make(&files, "roof-7", None).unwrap(), None);
        assert_eq!(fs::read(&files.certificate).unwrap(), before);
        // Half of it is somebody's mistake, and is told when it is read.
        fs::remove_file(&files.key).unwrap();
        assert_eq!(make(&files, "roof-7", None).unwrap(), None);
        let error = super::super::read(&files).err().unwrap().to_string();
        assert!(error.contains("cannot read the key"), "{error}");
    }
}
