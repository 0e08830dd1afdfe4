//! Packs the built editor (`web-ui/dist`) into the program: each file compressed, as nearly every browser takes it.
//! Where the editor was not built, the program is built without it and says so on its page.

use std::fmt::Write as _;
use std::hash::Hasher as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::{Compression, write::GzEncoder};

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
    for (number, path) in files.iter().enumerate() {
        // Maps are for whoever builds the editor.
        if path.extension().is_some_and(|kind| kind == "map") {
            continue;
        }
        let content = fs::read(path)?;
        let packed = out.join(format!("editor-{number}.gz"));
        fs::write(&packed, gzip(&content)?)?;
        let name = path.strip_prefix(&root).map_err(io::Error::other)?;
        let name =
            name.to_str().ok_or_else(|| io::Error::other(format!("{} is not UTF-8", path.display())))?;
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

fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(content)?;
    packer.finish()
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
