//! Stands between the gateway and its peer, and does to their connections what networks and servers do.
// Each test program uses a part of it. Clippy lets tests unwrap, but does not know what they call as tests.
#![allow(dead_code, clippy::unwrap_used)]

use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// One for all proxies of a test program.
static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

/// Who speaks: the one that connected to the proxy, or the one that the proxy connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Near,
    Far,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Fin,
    Reset,
}

/// What becomes of who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Open,
    /// Nobody listens.
    Absent,
    /// Each is taken, and dropped before it is answered.
    Dropping,
}

#[derive(Clone)]
struct Weather {
    door: Door,
    held: [bool; 2],
    /// Bytes a second that go through, by who speaks.
    pace: [Option<usize>; 2],
    /// Connections with a number below this are silent for ever.
    silent_below: usize,
    cuts: usize,
    cut_by: End,
}

/// How a side ended its connections, and the last that it said before.
#[derive(Debug, Clone)]
pub struct Ended {
    pub side: Side,
    pub end: End,
    pub last_words: Vec<u8>,
}

struct Shared {
    to: u16,
    weather: watch::Sender<Weather>,
    listens: AtomicBool,
    connects: AtomicUsize,
    standing: AtomicUsize,
    ended: Mutex<Vec<Ended>>,
}

#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    pub fn to(port: u16) -> Proxy {
        let weather = Weather {
            door: Door::Open,
            held: [false; 2],
            pace: [None; 2],
            silent_below: 0,
            cuts: 0,
            cut_by: End::Reset,
        };
        let shared = Arc::new(Shared {
            to: port,
            weather: watch::Sender::new(weather),
            listens: AtomicBool::new(false),
            connects: AtomicUsize::new(0),
            standing: AtomicUsize::new(0),
            ended: Mutex::default(),
        });
        let socket = bound(0).unwrap();
        let proxy = Proxy { port: socket.local_addr().unwrap().port(), shared };
        RUNTIME.spawn(listen(socket, proxy.port, proxy.shared.clone()));
        proxy.until_listens(true);
        proxy
    }

    /// Nothing that this side says gets through until it is released.
    pub fn hold(&self, side: Side) {
        self.change(|weather| weather.held[side as usize] = true);
    }

    pub fn release(&self) {
        self.change(|weather| weather.held = [false; 2]);
    }

    /// So many bytes a second of what this side says get through.
    pub fn slow(&self, side: Side, bytes: usize) {
        self.change(|weather| weather.pace[side as usize] = Some(bytes));
    }

    pub fn at_full_speed(&self) {
        self.change(|weather| weather.pace = [None; 2]);
    }

    /// The connections that stand are never heard of again, without an end: a router lost them. New ones are as ever.
    pub fn silence(&self) {
        let connects = self.shared.connects.load(Ordering::SeqCst);
        self.change(|weather| weather.silent_below = connects);
    }

    /// Ends all connections that stand.
    pub fn cut(&self, by: End) {
        self.change(|weather| {
            weather.cuts += 1;
            weather.cut_by = by;
        });
    }

    /// Nobody listens any more.
    pub fn go_away(&self) {
        self.change(|weather| weather.door = Door::Absent);
        self.until_listens(false);
    }

    /// Takes each connection and drops it.
    pub fn drop_all(&self) {
        self.change(|weather| weather.door = Door::Dropping);
        self.until_listens(true);
    }

    pub fn come_back(&self) {
        self.change(|weather| weather.door = Door::Open);
        self.until_listens(true);
    }

    /// How often somebody has connected.
    pub fn connects(&self) -> usize {
        self.shared.connects.load(Ordering::SeqCst)
    }

    /// How many connections stand on both sides.
    pub fn standing(&self) -> usize {
        self.shared.standing.load(Ordering::SeqCst)
    }

    pub fn ended(&self, side: Side) -> Vec<Ended> {
        self.shared.ended.lock().unwrap().iter().filter(|ended| ended.side == side).cloned().collect()
    }

    fn change(&self, change: impl FnOnce(&mut Weather)) {
        self.shared.weather.send_modify(change);
    }

    fn until_listens(&self, listens: bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while self.shared.listens.load(Ordering::SeqCst) != listens {
            assert!(Instant::now() < end, "the port {} is not to be had", self.port);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A port that is taken and refuses connections: one that nobody had in the meantime might become another test's.
fn bound(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    Ok(socket)
}

async fn listen(first: TcpSocket, port: u16, shared: Arc<Shared>) {
    let mut socket = Some(first);
    let mut weather = shared.weather.subscribe();
    loop {
        let Some(ready) = socket.take().or_else(|| bound(port).ok()) else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        // The sender is in what is shared.
        let _ = weather.wait_for(|weather| weather.door != Door::Absent).await;
        let listener = ready.listen(1024).unwrap();
        shared.listens.store(true, Ordering::SeqCst);
        accept(&listener, &shared).await;
        drop(listener);
        shared.listens.store(false, Ordering::SeqCst);
    }
}

/// Takes connections until nobody is to listen.
async fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut weather = shared.weather.subscribe();
    loop {
        tokio::select! {
            _ = weather.wait_for(|weather| weather.door == Door::Absent) => return,
            accepted = listener.accept() => {
                let Ok((near, _)) = accepted else { continue };
                let number = shared.connects.fetch_add(1, Ordering::SeqCst);
                if shared.weather.borrow().door == Door::Open {
                    tokio::spawn(connection(near, number, shared.clone()));
                }
            }
        }
    }
}

async fn connection(near: TcpStream, number: usize, shared: Arc<Shared>) {
    let mut weather = shared.weather.subscribe();
    let cuts = weather.borrow().cuts;
    let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.to)).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    shared.standing.fetch_add(1, Ordering::SeqCst);
    let ((near_in, mut near_out), (far_in, mut far_out)) = (near.into_split(), far.into_split());
    let by = {
        let there = carry(Side::Near, near_in, &mut far_out, number, &shared);
        let back = carry(Side::Far, far_in, &mut near_out, number, &shared);
        tokio::select! {
            both = async { tokio::try_join!(there, back) } => if both.is_ok() { End::Fin } else { End::Reset },
            cut = weather.wait_for(|weather| weather.cuts > cuts) => cut.unwrap().cut_by,
        }
    };
    if by == End::Reset {
        // Closed at once, and what is under way thrown away.
        let _ = (near_out.as_ref().set_zero_linger(), far_out.as_ref().set_zero_linger());
    }
    shared.standing.fetch_sub(1, Ordering::SeqCst);
}

/// Carries what one side says to the other, until it says no more.
async fn carry(
    side: Side,
    mut from: OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    number: usize,
    shared: &Shared,
) -> io::Result<OwnedReadHalf> {
    let mut weather = shared.weather.subscribe();
    let mut buffer = vec![0; 16 * 1024];
    let mut last_words = Vec::new();
    loop {
        let pace = weather.borrow().pace[side as usize];
        let most = pace.map_or(buffer.len(), |pace| (pace / 20).clamp(1, buffer.len()));
        let read = from.read(&mut buffer[..most]).await;
        let passes = |weather: &Weather| !weather.held[side as usize] && number >= weather.silent_below;
        let _ = weather.wait_for(passes).await;
        match read {
            Ok(0) => {
                shared.end(side, End::Fin, last_words);
                to.shutdown().await?;
                return Ok(from);
            }
            Ok(read) => {
                last_words.extend_from_slice(&buffer[..read]);
                last_words.drain(..last_words.len().saturating_sub(64));
                to.write_all(&buffer[..read]).await?;
            }
            Err(error) => {
                shared.end(side, End::Reset, last_words);
                return Err(error);
            }
        }
        if pace.is_some() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Shared {
    fn end(&self, side: Side, end: End, last_words: Vec<u8>) {
        self.ended.lock().unwrap().push(Ended { side, end, last_words });
    }
}
