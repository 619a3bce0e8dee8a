//! A way to a database that can be cut or stalled after any byte of either direction: what a network can do to a commit.
//!
//! Only connections whose application name the test has named are counted and cut; others pass as they are.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Bytes of a read at most; what a message of PostgreSQL has fits.
const READ_BYTES: usize = 64 << 10;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToServer = 0,
    ToClient = 1,
}

pub const WAYS: [Way; 2] = [Way::ToServer, Way::ToClient];

/// What happens when so many bytes have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Both sides see the end of the connection.
    Cut,
    /// Nothing passes any more, either way, on this connection and on new ones, until [`Proxy::go_on`].
    Stall,
}

#[derive(Default)]
struct State {
    /// Which connections are meant, by their application names.
    is_meant: Option<fn(&str) -> bool>,
    /// What will happen, and after how many bytes which way.
    armed: Option<(Way, usize, Fate)>,
    /// What has passed each way since the last [`Proxy::record`].
    passed: [Vec<u8>; 2],
    /// Which ways nothing passes.
    stalled: [bool; 2],
    /// For how long everything is on its way.
    delay: Duration,
    closed: bool,
    /// The port that new connections lead to.
    server: u16,
    /// Connections that have come so far.
    connections: usize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Waits while nothing passes that way.
    fn wait(&self, way: Way) {
        let mut state = self.lock();
        let delay = state.delay;
        while state.stalled[way as usize] && !state.closed {
            state = self.changed.wait(state).unwrap();
        }
        drop(state);
        if !delay.is_zero() {
            std::thread::sleep(delay);
        }
    }
}

/// The way; it ends with the value, and connections with it.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// A way to a port of this machine, on a port of its own.
    pub fn to(server: u16) -> Proxy {
        Proxy::at("127.0.0.1", server)
    }

    /// The same on an address of this machine.
    pub fn at(address: &str, server: u16) -> Proxy {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let proxy = Proxy { port: listener.local_addr().unwrap().port(), shared: Arc::default() };
        proxy.lead_to(server);
        let shared = proxy.shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut state = shared.lock();
                state.connections += 1;
                if state.closed {
                    return;
                }
                drop(state);
                let shared = shared.clone();
                std::thread::spawn(move || drop(serve(client, &shared)));
            }
        });
        proxy
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Counts and keeps from now on what passes on connections of such names.
    pub fn record(&self, is_meant: fn(&str) -> bool) {
        let mut state = self.shared.lock();
        (state.is_meant, state.passed) = (Some(is_meant), Default::default());
    }

    /// What has passed since then.
    pub fn recorded(&self, way: Way) -> Vec<u8> {
        self.shared.lock().passed[way as usize].clone()
    }

    /// From now on it happens when so many more bytes have passed that way.
    pub fn arm(&self, way: Way, bytes: usize, fate: Fate) {
        let mut state = self.shared.lock();
        state.passed = Default::default();
        state.armed = Some((way, bytes, fate));
    }

    /// Takes back what has not happened. Returns whether it has.
    pub fn disarm(&self) -> bool {
        self.shared.lock().armed.take().is_none()
    }

    /// New connections lead to this port.
    pub fn lead_to(&self, server: u16) {
        self.shared.lock().server = server;
    }

    /// Nothing passes from now on.
    pub fn stall(&self) {
        WAYS.into_iter().for_each(|way| self.block(way));
    }

    /// Nothing passes that way from now on.
    pub fn block(&self, way: Way) {
        self.shared.lock().stalled[way as usize] = true;
    }

    /// Everything is on its way for so long from now on.
    pub fn slow(&self, delay: Duration) {
        self.shared.lock().delay = delay;
    }

    /// Whether nothing passes at this moment.
    pub fn has_stalled(&self) -> bool {
        self.shared.lock().stalled == [true; 2]
    }

    /// How many connections have come so far.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Ends a stall, and all delay.
    pub fn go_on(&self) {
        let mut state = self.shared.lock();
        (state.stalled, state.delay) = ([false; 2], Duration::ZERO);
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        // The listener looks when somebody comes.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(mut client: TcpStream, shared: &Arc<Shared>) -> std::io::Result<()> {
    WAYS.into_iter().for_each(|way| shared.wait(way));
    let server = shared.lock().server;
    let mut server = TcpStream::connect(("127.0.0.1", server))?;
    [&client, &server].into_iter().try_for_each(|stream| stream.set_nodelay(true))?;
    // The first message says its own length and the name.
    let mut hello = vec![0; 4];
    client.read_exact(&mut hello)?;
    let length = u32::from_be_bytes([hello[0], hello[1], hello[2], hello[3]]) as usize;
    hello.resize(length.clamp(4, READ_BYTES), 0);
    client.read_exact(&mut hello[4..])?;
    server.write_all(&hello)?;
    let name = application_name(&hello);
    let back = {
        let (from, to, shared, name) = (server.try_clone()?, client.try_clone()?, shared.clone(), name.clone());
        std::thread::spawn(move || pump(from, to, Way::ToClient, &shared, &name))
    };
    pump(client, server, Way::ToServer, shared, &name);
    let _ = back.join();
    Ok(())
}

fn application_name(hello: &[u8]) -> String {
    let texts: Vec<&[u8]> = hello.get(8..).unwrap_or_default().split(|&byte| byte == 0).collect();
    let name = texts.chunks(2).find(|pair| pair[0] == b"application_name").and_then(|pair| pair.get(1));
    String::from_utf8_lossy(name.copied().unwrap_or_default()).into_owned()
}

/// Passes bytes on until one side ends, or what was armed happens.
fn pump(mut from: TcpStream, mut to: TcpStream, way: Way, shared: &Shared, name: &str) {
    let mut bytes = vec![0; READ_BYTES];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        shared.wait(way);
        let (before, fate) = shared.lock().pass(way, &bytes[..count], name);
        if to.write_all(&bytes[..before]).is_err() {
            break;
        }
        match fate {
            None => {}
            Some(Fate::Cut) => break,
            Some(Fate::Stall) => {
                shared.wait(way);
                if to.write_all(&bytes[before..count]).is_err() {
                    break;
                }
            }
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

impl State {
    /// How many of these bytes pass before something happens, and what that is.
    fn pass(&mut self, way: Way, bytes: &[u8], name: &str) -> (usize, Option<Fate>) {
        if self.closed {
            return (0, Some(Fate::Cut));
        }
        if !self.is_meant.is_some_and(|is_meant| is_meant(name)) {
            return (bytes.len(), None);
        }
        let passed = &mut self.passed[way as usize];
        let due = self.armed.filter(|(armed, after, _)| *armed == way && passed.len() + bytes.len() >= *after);
        let Some((_, after, fate)) = due else {
            passed.extend_from_slice(bytes);
            return (bytes.len(), None);
        };
        let before = after.saturating_sub(passed.len());
        passed.extend_from_slice(&bytes[..before]);
        self.armed = None;
        if fate == Fate::Stall {
            self.stalled = [true; 2];
        }
        (before, Some(fate))
    }
}

/// Where the messages of PostgreSQL's protocol end in what has passed after the first message.
pub fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while let Some(&[a, b, c, d]) = bytes.get(at + 1..at + 5) {
        at += 1 + u32::from_be_bytes([a, b, c, d]) as usize;
        ends.push(at);
    }
    assert_eq!(at, bytes.len(), "the last message is whole");
    ends
}

#[test]
fn it_cuts_and_stalls_after_any_byte() {
    let hello = b"\0\0\0\x1f\0\x03\0\0application_name\0test\0\0";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::to(listener.local_addr().unwrap().port());
    // Says back what it hears, with a sign before it.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut bytes = [0; 100];
                stream.read_exact(&mut bytes[..hello.len()]).unwrap();
                while let Ok(count @ 1..) = stream.read(&mut bytes) {
                    let _ = stream.write_all(&[b"<", &bytes[..count]].concat());
                }
            });
        }
    });
    proxy.record(|name| name == "test");
    let ask = |end: bool| {
        let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        stream.write_all(hello).unwrap();
        stream.write_all(b"four").unwrap();
        let mut heard = Vec::new();
        match end {
            true => drop(stream.read_to_end(&mut heard)),
            false => {
                heard.resize(5, 0);
                stream.read_exact(&mut heard).unwrap();
            }
        }
        String::from_utf8(heard).unwrap()
    };
    assert_eq!(ask(false), "<four");
    assert_eq!((proxy.recorded(Way::ToServer), proxy.recorded(Way::ToClient)), (b"four".to_vec(), b"<four".to_vec()));
    for bytes in 0..5 {
        proxy.arm(Way::ToClient, bytes, Fate::Cut);
        assert_eq!(ask(true), "<four"[..bytes]);
        assert!(proxy.disarm());
    }
    proxy.arm(Way::ToServer, 0, Fate::Cut);
    assert_eq!(ask(true), "");
    proxy.arm(Way::ToServer, 5, Fate::Cut);
    assert_eq!(ask(false), "<four");
    assert!(!proxy.disarm());
    proxy.arm(Way::ToClient, 2, Fate::Stall);
    std::thread::scope(|threads| {
        let asking = threads.spawn(|| ask(false));
        while proxy.recorded(Way::ToClient).len() < 2 {
            std::thread::yield_now();
        }
        proxy.go_on();
        assert_eq!(asking.join().unwrap(), "<four");
    });
    assert_eq!(boundaries(b"Q\0\0\0\x05xS\0\0\0\x04"), [6, 11]);
}
