//! Puts the built editor (`web-ui/dist`) into the program: each file as its build has packed it beside it (`name.gz`), which
//! nearly every browser takes. Where the editor was not built, the program is built without it and says so on its page.

use std::fmt::Write as _;
use std::hash::Hasher as _;
use std::io;
use std::path::{Path, PathBuf};
use std::{env, fs};

const DIST: &str = "web-ui/dist";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={DIST}");
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name| env::var_os(name).map(PathBuf::from).ok_or_else(|| io::Error::other(name));
    let root = variable("CARGO_MANIFEST_DIR")?.join(DIST);
    let out = variable("OUT_DIR")?;
    // A folder that is not there counts as changed at each build, and all of the gateway would be compiled again. Where the
    // source cannot be written to, it is.
    let _ = fs::create_dir_all(&root);
    let mut files = Vec::new();
    if root.is_dir() {
        list(&root, &mut files)?;
    }
    // In the order of their paths, so that the same editor makes the same program.
    files.sort();
    let mut table = String::from("&[\n");
    for path in &files {
        // Maps are for whoever builds the editor; what is packed comes with its file.
        if path.extension().is_some_and(|kind| kind == "map" || kind == "gz") {
            continue;
        }
        let name = path.strip_prefix(&root).map_err(io::Error::other)?;
        let name =
            name.to_str().ok_or_else(|| io::Error::other(format!("{} is not UTF-8", path.display())))?;
        let packed = path.with_file_name(format!("{}.gz", path.file_name().unwrap_or_default().display()));
        let content = fs::read(&packed).map_err(|error| {
            io::Error::other(format!("{}: {error}; build the editor: web-ui/scripts/build", packed.display()))
        })?;
        let tag = tag(&content);
        writeln!(table, "File {{ name: {name:?}, tag: \"{tag:016x}\", gzip: include_bytes!({packed:?}) }},")
            .map_err(io::Error::other)?;
    }
    table.push(']');
    fs::write(out.join("editor.rs"), table)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => list(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}

/// By which a browser asks whether it has the file already. Not against forgers: only we make these files.
#[allow(
    deprecated,
    reason = "the same in every version of Rust, so that the same editor makes the same program"
)]
fn tag(content: &[u8]) -> u64 {
    let mut hasher = std::hash::SipHasher::new();
    hasher.write(content);
    hasher.finish()
}
