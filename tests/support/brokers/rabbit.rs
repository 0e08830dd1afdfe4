//! A RabbitMQ of the tests' own: one for all of them, for it takes seconds to start. It ends with the test program,
//! however that ends.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use super::certificates::Authority;
use super::{PATIENCE, free_port};

pub struct Rabbit {
    pub port: u16,
    pub tls_port: u16,
    dir: PathBuf,
    distribution: u16,
    names: u16,
    process: Option<Child>,
}

static SHARED: LazyLock<RwLock<Rabbit>> = LazyLock::new(|| RwLock::new(Rabbit::start()));

/// The broker, which stands as long as this is held.
pub fn rabbit() -> RwLockReadGuard<'static, Rabbit> {
    SHARED.read().unwrap_or_else(PoisonError::into_inner)
}

/// The broker, for a test that stops it: no other test is under way.
pub fn rabbit_alone() -> RwLockWriteGuard<'static, Rabbit> {
    SHARED.write().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the server until its own input ends, which it does when the test program is gone. A line there says that the
/// directory is kept, for another start, or that it dies at once.
const KEEPER: &str = r#"
"$SERVER" >>"$DIR/output" 2>&1 </dev/null &
server=$!
read -r word
[ "$word" = crash ] && kill -KILL 0
trap '' TERM
kill -TERM 0
for _ in $(seq 150); do kill -0 $server 2>/dev/null || break; sleep 0.1; done
epmd -port "$ERL_EPMD_PORT" -kill >/dev/null 2>&1
[ "$word" = keep ] || rm -rf "$DIR"
trap - TERM
kill -KILL 0
"#;

impl Rabbit {
    fn start() -> Rabbit {
        let dir = tempfile::tempdir().unwrap().keep();
        std::fs::create_dir(dir.join("home")).unwrap();
        let authority = Authority::new("authority");
        std::fs::write(dir.join("ca.pem"), &authority.pem).unwrap();
        for name in ["server", "client"] {
            authority.sign("localhost", false).write(&dir, name);
        }
        let mut rabbit = Rabbit {
            port: free_port(),
            tls_port: free_port(),
            distribution: free_port(),
            names: free_port(),
            dir,
            process: None,
        };
        rabbit.configure();
        rabbit.run();
        rabbit
    }

    /// The path of one of its files.
    pub fn file(&self, name: &str) -> String {
        self.dir.join(name).to_string_lossy().into_owned()
    }

    fn configure(&self) {
        let (dir, port, tls_port) = (self.dir.display(), self.port, self.tls_port);
        let text = format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\nlisteners.ssl.1 = 127.0.0.1:{tls_port}\nssl_options.cacertfile = {dir}/ca.pem\n\
             ssl_options.certfile = {dir}/server.pem\nssl_options.keyfile = {dir}/server.key\nssl_options.verify = verify_peer\n\
             ssl_options.fail_if_no_peer_cert = false\ndisk_free_limit.absolute = 10MB\nmax_message_size = 2000000\nlog.file.level = warning\n"
        );
        std::fs::write(self.dir.join("rabbitmq.conf"), text).unwrap();
        std::fs::write(self.dir.join("enabled_plugins"), "[].").unwrap();
    }

    pub fn run(&mut self) {
        let dir = &self.dir;
        let mut command = Command::new("sh");
        command
            .args(["-c", KEEPER])
            // Debian's own command changes to a user that may not look in here; this is the server itself.
            .env("SERVER", server())
            .env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()))
            .env("DIR", dir)
            .env("HOME", dir.join("home"))
            .env("RABBITMQ_MNESIA_BASE", dir.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", dir.join("log"))
            .env("RABBITMQ_NODENAME", format!("tidegate-test-{}@localhost", self.port))
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.distribution.to_string())
            .env("ERL_EPMD_PORT", self.names.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_CONFIG_FILE", dir.join("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", dir.join("enabled_plugins"))
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+S 1:1 +sbwt none")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.process = Some(command.spawn().unwrap());
        let port = self.port;
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let output = || std::fs::read_to_string(self.dir.join("output")).unwrap_or_default();
            assert!(
                Instant::now() < end,
                "RabbitMQ does not start (tests/install-missing broker): {}",
                output()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills it as a power failure would: it keeps what it has confirmed.
    pub fn kill(&mut self) {
        self.end(b"crash\n");
    }

    /// Stops it in order: it keeps its durable queues.
    pub fn stop(&mut self) {
        self.end(b"keep\n");
    }

    fn end(&mut self, word: &[u8]) {
        let Some(mut process) = self.process.take() else { return };
        process.stdin.take().unwrap().write_all(word).unwrap();
        process.wait().unwrap();
    }
}

fn server() -> &'static str {
    let debian = "/usr/lib/rabbitmq/bin/rabbitmq-server";
    if Path::new(debian).exists() { debian } else { "rabbitmq-server" }
}
