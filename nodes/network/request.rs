//! One exchange with a server: connects, sends, collects the answer, closes.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::stream::{self, BoxedStream, Tls, place};
use super::tcp_request_form::Until;
use crate::error::NodeError;

const READ_BYTES: usize = 16 * 1024;
/// How long a server may take to close after us, where nothing is waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);

pub struct Exchange {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub bytes: Option<Arc<[u8]>>,
    pub until: Until,
    pub timeout: Duration,
    pub max: usize,
}

impl Exchange {
    /// The answer; nothing where none is waited for.
    pub async fn run(self) -> Result<Option<Vec<u8>>, NodeError> {
        let end = Instant::now() + self.timeout;
        let connected = stream::connect(&self.host, self.port, &self.tls).await;
        let mut stream = connected.map_err(|error| match error {
            // A new try is for the flow to decide.
            NodeError::Disconnected(text) => NodeError::Rejected(text),
            other => other,
        })?;
        let answered = timeout_at(end, self.exchange(&mut stream, end)).await;
        answered.unwrap_or_else(|_| Err(self.failed(&self.late(0))))
    }

    async fn exchange(&self, stream: &mut BoxedStream, end: Instant) -> Result<Option<Vec<u8>>, NodeError> {
        if let Some(bytes) = &self.bytes {
            let written = async {
                stream.write_all(bytes).await?;
                stream.flush().await
            };
            written.await.map_err(|error| self.failed(&error))?;
        }
        if self.until == Until::Nothing {
            // To close on what is not read yet would take away what was written.
            let closing = async {
                stream.shutdown().await?;
                let mut buffer = vec![0; READ_BYTES];
                while stream.read(&mut buffer).await? > 0 {}
                std::io::Result::Ok(())
            };
            let _ = tokio::time::timeout(LAST_WORDS, closing).await;
            return Ok(None);
        }
        self.collect(stream, end).await.map(Some)
    }

    async fn collect(&self, stream: &mut BoxedStream, end: Instant) -> Result<Vec<u8>, NodeError> {
        let (mut answer, mut until) = (Vec::new(), end);
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let Ok(read) = timeout_at(until, stream.read(&mut buffer)).await else {
                let is_whole = matches!(self.until, Until::Time(_)) && !answer.is_empty();
                return if is_whole { Ok(answer) } else { Err(self.failed(&self.late(answer.len()))) };
            };
            let read = match (read, self.until) {
                // What there is, is the answer: nothing more comes.
                (Ok(0) | Err(_), Until::Time(_)) if !answer.is_empty() => return Ok(answer),
                (Ok(0), _) => {
                    let text = format!("it has closed the connection after {} bytes", answer.len());
                    return Err(self.failed(&text));
                }
                (Err(error), _) => return Err(self.failed(&error)),
                (Ok(read), _) => read,
            };
            if answer.is_empty()
                && let Until::Time(time) = self.until
            {
                until = (Instant::now() + time).min(end);
            }
            let searched = answer.len();
            answer.extend_from_slice(&buffer[..read]);
            let whole = match self.until {
                Until::Byte(byte) => {
                    answer[searched..].iter().position(|found| *found == byte).map(|at| searched + at + 1)
                }
                Until::Count(count) => (answer.len() >= count).then_some(count),
                Until::Time(_) | Until::Nothing | Until::Never => None,
            };
            if let Some(length) = whole {
                answer.truncate(length);
                return Ok(answer);
            }
            if answer.len() > self.max {
                return Err(self.failed(&format!("its answer is longer than {} bytes", self.max)));
            }
        }
    }

    fn late(&self, bytes: usize) -> String {
        let seconds = self.timeout.as_secs_f64();
        format!("no whole answer within {seconds} s, {bytes} bytes have come")
    }

    fn failed(&self, why: &dyn std::fmt::Display) -> NodeError {
        NodeError::rejected(format!("{}: {why}", place(&self.host, self.port)))
    }
}
