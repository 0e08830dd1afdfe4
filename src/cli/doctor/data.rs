//! The data directory and what is stored in it.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_nodes::host;

use super::super::output;
use super::Finding;
use crate::config::Config;
use crate::control::{self, Request};
use crate::flow::{self, Document, Problem, ProcessEnv};
use crate::store;

/// With less the store runs into its reserve soon.
const LITTLE: u64 = 200 * 1024 * 1024;
/// A disk that takes longer to keep something holds up every batch.
const SLOW: Duration = Duration::from_millis(50);
const SYNCS: u32 = 8;

/// Where it is, whose it is, and how the disk under it fares.
pub fn directory(path: &Path) -> Vec<Finding> {
    const ABOUT: &str = "data";
    let shown = path.display();
    let about = match fs::metadata(path) {
        Ok(about) if about.is_dir() => about,
        Ok(_) => {
            return vec![Finding::bad(
                ABOUT,
                format!("{shown} is no directory"),
                "name another one with --data",
            )];
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return vec![Finding::ok(ABOUT, format!("{shown} is not there yet; the first start makes it"))];
        }
        Err(error) => {
            let advice = "run this as the user of the gateway, such as: sudo -u tidegate tidegate doctor";
            return vec![Finding::bad(ABOUT, format!("{shown} cannot be looked at: {error}"), advice)];
        }
    };
    let mut findings = vec![Finding::ok(ABOUT, shown.to_string())];
    let me = rustix::process::geteuid();
    if about.uid() != me.as_raw() && !me.is_root() {
        findings.push(Finding::bad(
            ABOUT,
            format!("it belongs to another user (id {})", about.uid()),
            format!("run this as that user, or give it away: chown -R $(id -un) {shown}"),
        ));
    }
    if about.permissions().mode() & 0o027 != 0 {
        findings.push(Finding::warning(
            ABOUT,
            format!(
                "other users of this machine may look into it (mode {:o})",
                about.permissions().mode() & 0o777
            ),
            format!("chmod 750 {shown}"),
        ));
    }
    let key = path.join("tidegate.key");
    if let Ok(about) = fs::metadata(&key)
        && about.permissions().mode() & 0o077 != 0
    {
        findings.push(Finding::bad(
            "key",
            "other users may read the key of all secrets",
            format!("chmod 600 {}; then take a new one: tidegate keys renew", key.display()),
        ));
    }
    findings.push(space(path));
    findings.extend(file_system(path));
    findings.push(syncs(path));
    findings.extend(running(path));
    findings
}

fn space(path: &Path) -> Finding {
    const ABOUT: &str = "disk";
    match rustix::fs::statvfs(path) {
        Ok(stat) => {
            let free = stat.f_bavail * stat.f_frsize;
            let text = format!("{} free", output::size(free));
            match free < LITTLE {
                true => Finding::warning(ABOUT, text, "make room, or bound what outboxes and logs may keep"),
                false => Finding::ok(ABOUT, text),
            }
        }
        Err(error) => {
            Finding::warning(ABOUT, format!("its free space is not told: {error}"), "look at it with df")
        }
    }
}

/// Where a database does not belong.
fn file_system(path: &Path) -> Option<Finding> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let path = fs::canonicalize(path).ok()?;
    let mount = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?, words.next()?, words.next()?))
        })
        .filter(|(at, _, _)| path.starts_with(at))
        .max_by_key(|(at, _, _)| at.len())?;
    let (at, kind, options) = mount;
    const ABOUT: &str = "disk";
    if options.split(',').any(|option| option == "ro") {
        let advice = format!("a damaged card is mounted so: look into dmesg, then mount -o remount,rw {at}");
        return Some(Finding::bad(ABOUT, format!("{at} can only be read"), advice));
    }
    let (found, advice) = match kind {
        "tmpfs" | "ramfs" => {
            ("it is in memory: a power cut takes all of it", "name a directory on a disk with --data")
        }
        "nfs" | "nfs4" | "cifs" | "9p" | "fuse.sshfs" => (
            "it is on another machine: SQLite cannot trust locks and syncs there",
            "name a directory on a disk of this board with --data",
        ),
        "vfat" | "exfat" | "msdos" => (
            "its file system has no journal and no permissions",
            "use ext4 or f2fs: what is on the disk after a power cut depends on it",
        ),
        _ => return None,
    };
    Some(Finding::warning(ABOUT, format!("{found} ({kind} on {at})"), advice))
}

/// How long the disk takes to keep something: in a file of its own, which is deleted again.
fn syncs(path: &Path) -> Finding {
    const ABOUT: &str = "disk";
    let probe = path.join(format!(".doctor-{}", std::process::id()));
    let measured = measure(&probe);
    let _ = fs::remove_file(&probe);
    match measured {
        Ok(took) => {
            let text = format!("keeps a block in {:.1} ms (the middle of {SYNCS})", took.as_secs_f64() * 1e3);
            match took > SLOW {
                true => Finding::warning(
                    ABOUT,
                    text,
                    "messages wait for it: a better card (A1, A2) or an SSD helps, or a larger batch_linger_ms",
                ),
                false => Finding::ok(ABOUT, text),
            }
        }
        Err(error) => Finding::bad(
            ABOUT,
            format!("nothing can be written there: {error}"),
            "the gateway needs to write: look at the owner of the directory, and whether the disk is full",
        ),
    }
}

fn measure(probe: &Path) -> std::io::Result<Duration> {
    let mut file = File::options().write(true).create_new(true).open(probe)?;
    let mut times = Vec::new();
    for _ in 0..SYNCS {
        file.write_all(&[0; 4096])?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    times.sort();
    Ok(times[times.len() / 2])
}

/// The gateway on it, where one runs.
fn running(path: &Path) -> Option<Finding> {
    const ABOUT: &str = "gateway";
    let asked = control::ask(path, &Request::Status, &mut |_| std::ops::ControlFlow::Continue(()));
    Some(match asked {
        Ok(None) => Finding::ok(ABOUT, "none is running"),
        Ok(Some(status)) => match status["health"]["trouble"].as_str() {
            Some(trouble) => {
                Finding::bad(ABOUT, trouble, "look at what it logs; `tidegate status` says more")
            }
            None => Finding::ok(ABOUT, format!("runs as process {}", status["pid"])),
        },
        Err(error) => Finding::warning(ABOUT, error.to_string(), "restart it, if it does not answer"),
    })
}

/// Who may come in, and whether the flow that runs is right.
pub fn configuration(path: &Path) -> (Vec<Finding>, Option<Document>) {
    if !path.join(store::CONFIG).exists() {
        return (vec![Finding::ok("flows", "none has been deployed yet")], None);
    }
    match stored(path) {
        Ok((mut findings, document)) => {
            findings.extend(document.as_ref().map(|document| problems(document, path)));
            (findings, document)
        }
        Err(error) => {
            let advice =
                "start the gateway, which repairs what it can; without it restore the directory from a copy";
            (vec![Finding::bad("flows", error.to_string(), advice)], None)
        }
    }
}

fn stored(path: &Path) -> Result<(Vec<Finding>, Option<Document>), store::StoreError> {
    let config = Config::open(path)?;
    let mut findings = Vec::new();
    findings.push(match config.has_admin()? {
        true => Finding::ok("users", "there is an admin"),
        false => Finding::warning(
            "users",
            "there is no admin: nobody can log in, and it listens on this machine only",
            "tidegate passwd NAME --role admin",
        ),
    });
    let Some(good) = config.last_good()? else { return Ok((findings, None)) };
    let document = config.document(good.number)?.map(|(mut document, credentials)| {
        flow::merge(&mut document, &credentials);
        document
    });
    findings.push(Finding::ok("flows", format!("revision {} is the last good one", good.number)));
    Ok((findings, document))
}

fn problems(document: &Document, path: &Path) -> Finding {
    let settings = Arc::new(host::Settings::default());
    let (env, mut problems) = ProcessEnv::of_board(path);
    problems.extend(flow::check(document, &env, &settings).1);
    let first = problems.iter().find(|problem| problem.is_error()).or_else(|| problems.first());
    match first {
        None => Finding::ok("flows", "nothing is wrong with them"),
        Some(first) => {
            let all = output::count(&problems);
            let text = format!("{all}; the first: {first}");
            match problems.iter().any(Problem::is_error) {
                true => Finding::bad(
                    "flows",
                    text,
                    "mend it and deploy again; `tidegate check FLOW.json` names all",
                ),
                false => Finding::warning("flows", text, "`tidegate check FLOW.json` names all"),
            }
        }
    }
}
