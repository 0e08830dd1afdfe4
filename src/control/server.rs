//! The gateway's end of the socket: a task a connection, and the work on the store beside the I/O threads.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;

use super::{LONGEST_LINE, PATIENCE, Request, SOCKET, address};
use crate::store::Store;

/// So many commands may talk to a gateway at once; more wait.
const CONNECTIONS: usize = 8;

/// What the running gateway knows beyond its store: put beside it in the answer to `status`.
pub type Live = Arc<dyn Fn() -> Map<String, Json> + Send + Sync>;

/// Answers commands while it exists. Dropping it ends what they asked for at the next step, and removes the socket.
pub struct Control {
    socket: PathBuf,
    stop: watch::Sender<bool>,
}

impl Control {
    /// Listens in the data directory of the store.
    pub fn serve(store: Arc<Store>, live: Live, runtime: &Handle) -> io::Result<Control> {
        let directory = store.directory();
        let socket = directory.join(SOCKET);
        // The store is ours, so nobody listens on a socket that lies here: it is of a gateway that was killed.
        match fs::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let (path, _directory) = address(directory)?;
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(path)?
        };
        // The directory is closed to others already; this holds also where somebody opens it.
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o600))?;
        let (stop, stopped) = watch::channel(false);
        runtime.spawn(accept(listener, store, live, stopped));
        Ok(Control { socket, stop })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        // The next start removes one that is left.
        let _ = fs::remove_file(&self.socket);
    }
}

async fn accept(listener: UnixListener, store: Arc<Store>, live: Live, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let (store, live, stopped) = (store.clone(), live.clone(), stopped.clone());
                tokio::spawn(async move {
                    if let Err(error) = talk(stream, &store, &live, stopped).await {
                        tracing::debug!("a command went away: {error}");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: it passes.
                tracing::warn!("a command cannot be heard: {error}");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// Takes requests of one connection, one after the other.
async fn talk(
    stream: UnixStream,
    store: &Arc<Store>,
    live: &Live,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut reader).take(LONGEST_LINE as u64 + 1);
        let read = tokio::select! {
            read = timeout(PATIENCE, bounded.read_until(b'\n', &mut line)) => read.map_err(|_| io::ErrorKind::TimedOut)??,
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
        };
        if read == 0 {
            return Ok(());
        }
        if line.len() > LONGEST_LINE {
            let text = format!("a request is longer than {LONGEST_LINE} bytes: ask for less at once");
            return say(&mut writer, &json!({ "error": text })).await;
        }
        match serde_json::from_slice(&line) {
            Ok(request) => perform(request, store, live, &mut writer, &stopped).await?,
            Err(error) => {
                let text = format!(
                    "not understood: {error}; the command and the gateway may be of different versions"
                );
                say(&mut writer, &json!({ "error": text })).await?;
            }
        }
    }
}

async fn perform(
    request: Request,
    store: &Arc<Store>,
    live: &Live,
    writer: &mut OwnedWriteHalf,
    stopped: &watch::Receiver<bool>,
) -> io::Result<()> {
    let (sender, mut steps) = mpsc::channel::<u64>(1);
    let (store, live, stopped) = (store.clone(), live.clone(), stopped.clone());
    let work = tokio::task::spawn_blocking(move || {
        let mut result = request.perform(&store, &mut |done| {
            // Nobody listens any more, or the gateway stops: what is done is done, and no more.
            let go_on = !*stopped.borrow() && sender.blocking_send(done).is_ok();
            if go_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        if let (Request::Status, Ok(Json::Object(status))) = (&request, &mut result) {
            status.extend(live());
        }
        result
    });
    while let Some(done) = steps.recv().await {
        say(writer, &json!({ "progress": done })).await?;
    }
    let answer = match work.await {
        Ok(Ok(result)) => json!({ "result": result }),
        Ok(Err(error)) => json!({ "error": error.to_string() }),
        Err(panic) => {
            tracing::error!("a command's work panicked: {panic}");
            json!({ "error": "the gateway made a mistake; its log says more" })
        }
    };
    say(writer, &answer).await
}

async fn say(writer: &mut OwnedWriteHalf, answer: &Json) -> io::Result<()> {
    let mut line = answer.to_string();
    line.push('\n');
    timeout(PATIENCE, writer.write_all(line.as_bytes())).await.map_err(|_| io::ErrorKind::TimedOut)?
}
