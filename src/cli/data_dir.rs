//! Where the data of a gateway is.

use std::path::{Path, PathBuf};

use clap::Args;

/// The data directory that a command works on.
#[derive(Debug, Clone, Default, Args)]
pub struct DataDir {
    /// The gateway's data directory; its default: /var/lib/tidegate for root where it exists, else ~/.local/share/tidegate
    #[arg(long, env = "TIDEGATE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
}

impl DataDir {
    pub fn path(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(default_data_dir)
    }
}

/// Where the data is when nobody says so.
pub fn default_data_dir() -> PathBuf {
    let root = rustix::process::geteuid().is_root();
    data_dir_of(root, Path::new("/var/lib/tidegate"), |name| std::env::var_os(name).map(PathBuf::from))
}

fn data_dir_of(root: bool, system: &Path, env: impl Fn(&str) -> Option<PathBuf>) -> PathBuf {
    let named = |name: &str| env(name).filter(|path| !path.as_os_str().is_empty());
    if let Some(path) = named("TIDEGATE_DATA") {
        return path;
    }
    if root && system.is_dir() {
        return system.to_path_buf();
    }
    // A relative one is to be ignored, as its specification says.
    if let Some(base) = named("XDG_DATA_HOME").filter(|path| path.is_absolute()) {
        return base.join("tidegate");
    }
    match named("HOME") {
        Some(home) => home.join(".local/share/tidegate"),
        None => PathBuf::from("tidegate-data"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_directory_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let none = Path::new("/no/such");
        let find = |root, system: &Path, env: &[(&str, &str)]| {
            data_dir_of(root, system, |name| {
                env.iter().find(|(known, _)| *known == name).map(|(_, value)| PathBuf::from(value))
            })
        };
        let home = ("HOME", "/home/a");
        assert_eq!(find(true, dir.path(), &[home, ("TIDEGATE_DATA", "here")]), Path::new("here"));
        assert_eq!(find(true, dir.path(), &[home]), dir.path());
        assert_eq!(find(false, dir.path(), &[home]), Path::new("/home/a/.local/share/tidegate"));
        assert_eq!(find(true, none, &[home, ("XDG_DATA_HOME", "/x")]), Path::new("/x/tidegate"));
        assert_eq!(
            find(false, none, &[home, ("XDG_DATA_HOME", "x")]),
            Path::new("/home/a/.local/share/tidegate")
        );
        assert_eq!(find(false, none, &[("HOME", "")]), Path::new("tidegate-data"));
    }
}
