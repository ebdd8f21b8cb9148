//! A proxy before a real server that counts what reaches it: the other end of "sends no write".

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    pub method: String,
    pub path: String,
    /// Whether it may only make something new (`If-None-Match`).
    pub creates: bool,
}

/// A running proxy. Its threads end with their connections, the listening one with the process.
pub struct Proxy {
    address: SocketAddr,
    passed: Arc<Mutex<Vec<Passed>>>,
}

impl Proxy {
    /// Before the server at `http://host:port/`.
    pub fn before(root_url: &str) -> Self {
        let target = root_url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let passed = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&passed);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&target)) else {
                    continue;
                };
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || connect(&client, &server, &seen));
            }
        });
        Self { address, passed }
    }

    /// Where it listens, with `/` at its end.
    pub fn root_url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Everything that passed since the last call.
    pub fn take(&self) -> Vec<Passed> {
        std::mem::take(&mut *self.passed.lock().unwrap())
    }

    /// The writes that passed since the last call: PUT, DELETE, MKCALENDAR and the like.
    pub fn take_writes(&self) -> Vec<Passed> {
        let reads = ["GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"];
        self.take().into_iter().filter(|it| !reads.contains(&it.method.as_str())).collect()
    }

    /// How many requests passed since the last call of another method.
    pub fn count(&self) -> u64 {
        self.passed.lock().unwrap().len() as u64
    }
}

/// Carries bytes both ways until either side ends.
fn connect(client: &TcpStream, server: &TcpStream, seen: &Mutex<Vec<Passed>>) {
    // They fail when the connection is gone already; then there is nothing to carry either.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut from, mut to) = (server, client);
            let _ = std::io::copy(&mut from, &mut to);
            let _ = client.shutdown(Shutdown::Both);
        });
        let _ = requests(client, server, seen);
        let _ = server.shutdown(Shutdown::Both);
    });
}

/// Carries requests, and notes each before the server has it.
fn requests(
    client: &TcpStream,
    mut server: &TcpStream,
    seen: &Mutex<Vec<Passed>>,
) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if client.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let lower = head.to_ascii_lowercase();
        let field = |name: &str| lower.lines().find_map(|line| line.strip_prefix(name));
        let length = field("content-length:").map_or(0, |it| it.trim().parse().unwrap());
        assert!(field("transfer-encoding:").is_none(), "our client tells the length: {head}");
        let mut words = head.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let creates = field("if-none-match:").is_some();
        seen.lock().unwrap().push(Passed { method, path, creates });
        let mut body = vec![0; length];
        client.read_exact(&mut body)?;
        server.write_all(head.as_bytes())?;
        server.write_all(&body)?;
    }
}
