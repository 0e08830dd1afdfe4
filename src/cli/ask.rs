//! Reads a password: from a terminal without showing it, or from a pipe.

use std::io::{BufRead, IsTerminal, Read, Write};

use anyhow::{Context, bail};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// More is no password: 1,024 bytes, and the end of a line.
const MOST: usize = 1_026;

/// The first line of standard input.
pub fn line() -> anyhow::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST));
    for byte in std::io::stdin().lock().bytes() {
        match byte.context("cannot read the password")? {
            b'\n' => break,
            byte if bytes.len() < MOST => bytes.push(byte),
            _ => bail!("the password is too long: it has at most 1024 bytes"),
        }
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    text(&bytes)
}

/// Asks twice.
pub fn twice(what: &str) -> anyhow::Result<Zeroizing<String>> {
    if !std::io::stdin().is_terminal() {
        bail!(
            "there is no terminal to ask for a password on: give it as a line of standard input, with --stdin"
        );
    }
    let first = hidden(&format!("{what}: "))?;
    crate::config::check_password(&first)?;
    let second = hidden("once more: ")?;
    if first != second {
        bail!("the two are not the same: nothing was changed");
    }
    Ok(first)
}

/// The terminal as it was before, also when something goes wrong.
struct Quiet(Termios);

impl Quiet {
    fn new() -> anyhow::Result<Quiet> {
        let before = tcgetattr(std::io::stdin())?;
        let mut quiet = before.clone();
        // Ctrl-C comes as a byte too: a signal would leave the terminal mute.
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Quiet(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
        eprintln!();
    }
}

fn hidden(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    let _quiet = Quiet::new().context("the terminal cannot be kept from showing the password")?;
    eprint!("{prompt}");
    std::io::stderr().flush()?;
    typed(std::io::stdin().lock())
}

/// A line as a terminal sends it when it does not edit.
fn typed(keys: impl BufRead) -> anyhow::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST));
    for key in keys.bytes() {
        match key.context("cannot read the password")? {
            b'\n' | b'\r' | 0x04 => return text(&bytes),
            0x03 => bail!("stopped: nothing was changed"),
            // Backspace takes a whole character.
            0x08 | 0x7f => while bytes.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            // Ctrl-U
            0x15 => bytes.clear(),
            byte if bytes.len() < MOST => bytes.push(byte),
            _ => {}
        }
    }
    text(&bytes)
}

fn text(bytes: &[u8]) -> anyhow::Result<Zeroizing<String>> {
    let text = std::str::from_utf8(bytes).ok().context("the password is not UTF-8 text")?;
    Ok(Zeroizing::new(text.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_make_a_line() {
        for (keys, line) in [
            (&b"secret\rmore"[..], "secret"),
            (b"wrong\x15right\n", "right"),
            (b"a\x7f\x7fb\x04", "b"),
            ("sé\x7fx\n".as_bytes(), "sx"),
            (b"", ""),
        ] {
            assert_eq!(typed(keys).unwrap().as_str(), line);
        }
        assert!(typed(&b"secr\x03"[..]).unwrap_err().to_string().contains("nothing was changed"));
        assert!(typed(&b"\xff\xfe\n"[..]).is_err());
        assert_eq!(typed(&[b'x'; 5_000][..]).unwrap().len(), MOST);
    }
}
