//! The files of the editor, as the build has packed them.

use std::io::Read;

use flate2::read::GzDecoder;

use super::super::fault::Fault;

/// One file of `web-ui/dist`.
#[derive(Debug)]
pub struct File {
    /// Its path there.
    pub name: &'static str,
    /// Changes with its content.
    pub tag: &'static str,
    pub gzip: &'static [u8],
}

/// By name, in order.
pub const EMBEDDED: &[File] = include!(concat!(env!("OUT_DIR"), "/editor.rs"));

pub fn find<'f>(files: &'f [File], name: &str) -> Option<&'f File> {
    files.iter().find(|file| file.name == name)
}

impl File {
    /// As it was before it was packed.
    pub fn content(&self) -> Result<Vec<u8>, Fault> {
        let mut content = Vec::new();
        GzDecoder::new(self.gzip).read_to_end(&mut content).map_err(|_| super::broken(self.name))?;
        Ok(content)
    }
}
