//! `secrets.env` in the data directory: values for `${NAME}` that are this board's own, so that one flow can go to a whole
//! fleet. A line is `NAME=VALUE`, as in the files that systemd and containers read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::env::ProcessEnv;
use super::problem::Problem;

pub const SECRETS: &str = "secrets.env";
const LARGEST: u64 = 1024 * 1024;

impl ProcessEnv {
    /// That of this process, and what it does not set from the secrets of a board: those in the data directory, or where the
    /// service manager lends them. Lines that are wrong are left out and told; values are not.
    pub fn of_board(data_dir: &Path) -> (ProcessEnv, Vec<Problem>) {
        let lent = std::env::var_os("CREDENTIALS_DIRECTORY").map(|at| Path::new(&at).join(SECRETS));
        let path = lent.filter(|path| path.exists()).unwrap_or_else(|| data_dir.join(SECRETS));
        let mut problems = Vec::new();
        let secrets = read(&path, &mut problems);
        let process = ProcessEnv::of_process();
        let unset: Vec<(String, String)> =
            secrets.into_iter().filter(|(name, _)| process.get(name).is_none()).collect();
        if unset.is_empty() {
            return (process, problems);
        }
        let set = process.names().filter_map(|name| Some((name.to_string(), process.get(name)?.to_string())));
        (set.chain(unset).collect(), problems)
    }
}

fn read(path: &Path, problems: &mut Vec<Problem>) -> BTreeMap<String, String> {
    let mut tell = |message: String, hint: &str| {
        let message = format!("{}{message}", path.display());
        problems.push(Problem::warning("secrets-file", "", message).hint(hint));
    };
    let mut text = String::new();
    let opened = File::open(path).and_then(|file| {
        let about = file.metadata()?;
        file.take(LARGEST).read_to_string(&mut text)?;
        Ok(about)
    });
    match opened {
        Ok(about) if about.len() > LARGEST => {
            tell(
                " is larger than 1 MiB, and the rest of it is not read".to_string(),
                "keep only secrets in it",
            );
        }
        Ok(about) if about.mode() & 0o077 != 0 => {
            tell(
                " can be read by other users of this machine".to_string(),
                &format!("chmod 600 {}", path.display()),
            );
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => tell(format!(" cannot be read: {error}"), "the gateway's user has to be its owner"),
    }
    let mut secrets = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once('=').map(|(name, value)| (name.trim(), unquoted(value.trim()))) {
            Some((name, value)) if is_name(name) => drop(secrets.insert(name.to_string(), value.to_string())),
            // What stands there may be half a secret.
            _ => tell(
                format!(", line {}: it is not NAME=VALUE, and is left out", at + 1),
                "put # before a remark",
            ),
        }
    }
    secrets
}

fn is_name(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(fine) && !name.as_bytes()[0].is_ascii_digit()
}

fn unquoted(value: &str) -> &str {
    let between = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    between('"').or_else(|| between('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn lines_are_read_and_wrong_ones_are_told_without_what_stands_in_them() {
        let dir = tempfile::tempdir().unwrap();
        let (none, problems) = ProcessEnv::of_board(dir.path());
        assert!(problems.is_empty() && none.get("PATH").is_some());
        let path = dir.path().join(SECRETS);
        let text = "# of this roof\nTG_TEST_A=plain\nexport TG_TEST_B = \"with = and spaces\"\n\nTG_TEST_C='x'\nhush-hush\n9A=1\nPATH=none\n";
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let (env, problems) = ProcessEnv::of_board(dir.path());
        let get = |name: &str| env.get(name).unwrap_or_default().to_string();
        assert_eq!(
            (get("TG_TEST_A"), get("TG_TEST_B"), get("TG_TEST_C")),
            ("plain".to_string(), "with = and spaces".to_string(), "x".to_string())
        );
        assert_eq!(get("PATH"), none.get("PATH").unwrap(), "the process goes before the file");
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("secrets.env, line 6:") && told[1].contains("line 7:"), "{told:?}");
        assert!(!told.concat().contains("hush"), "{told:?}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let (_, problems) = ProcessEnv::of_board(dir.path());
        assert!(problems[0].to_string().contains("chmod 600"), "{problems:?}");
    }
}
