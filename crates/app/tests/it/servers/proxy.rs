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
    /// How it was answered; `None` when it was not.
    pub status: Option<u16>,
}

/// What passed, and how much of that was taken by the test.
#[derive(Default)]
struct Log {
    passed: Vec<Passed>,
    taken: usize,
}

/// A running proxy. Its threads end with their connections, the listening one with the process.
pub struct Proxy {
    address: SocketAddr,
    log: Arc<Mutex<Log>>,
}

impl Proxy {
    /// Before the server at `http://host:port/`.
    pub fn before(root_url: &str) -> Self {
        let target = root_url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Log::default()));
        let seen = Arc::clone(&log);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&target)) else {
                    continue;
                };
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || connect(&client, &server, &seen));
            }
        });
        Self { address, log }
    }

    /// Where it listens, with `/` at its end.
    pub fn root_url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Everything that passed since the last call.
    pub fn take(&self) -> Vec<Passed> {
        let mut log = self.log.lock().unwrap();
        let passed = log.passed[log.taken..].to_vec();
        log.taken = log.passed.len();
        passed
    }

    /// The writes that passed since the last call: PUT, DELETE, MKCALENDAR and the like.
    pub fn take_writes(&self) -> Vec<Passed> {
        let reads = ["GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"];
        self.take().into_iter().filter(|it| !reads.contains(&it.method.as_str())).collect()
    }

    /// How many requests passed so far.
    pub fn count(&self) -> u64 {
        self.log.lock().unwrap().passed.len() as u64
    }
}

/// The request of a connection that waits for its answer: our client sends one after the other.
type Pending = Mutex<Option<usize>>;

/// Carries bytes both ways until either side ends.
fn connect(client: &TcpStream, server: &TcpStream, log: &Mutex<Log>) {
    // They fail when the connection is gone already; then there is nothing to carry either.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let pending = Pending::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = answers(server, client, log, &pending);
            let _ = client.shutdown(Shutdown::Both);
        });
        let _ = requests(client, server, log, &pending);
        let _ = server.shutdown(Shutdown::Both);
    });
}

/// Carries answers, and notes how each begins before the client has it.
fn answers(
    mut server: &TcpStream,
    mut client: &TcpStream,
    log: &Mutex<Log>,
    pending: &Pending,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = server.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        if let Some(index) = pending.lock().unwrap().take() {
            // `HTTP/1.1 201 Created`
            let status = buffer[..length].get(9..12).and_then(|it| std::str::from_utf8(it).ok());
            log.lock().unwrap().passed[index].status = status.and_then(|it| it.parse().ok());
        }
        client.write_all(&buffer[..length])?;
    }
}

/// Carries requests, and notes each before the server has it.
fn requests(
    client: &TcpStream,
    mut server: &TcpStream,
    log: &Mutex<Log>,
    pending: &Pending,
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
        let mut body = vec![0; length];
        client.read_exact(&mut body)?;
        {
            let mut log = log.lock().unwrap();
            log.passed.push(Passed { method, path, creates, status: None });
            *pending.lock().unwrap() = Some(log.passed.len() - 1);
        }
        server.write_all(head.as_bytes())?;
        server.write_all(&body)?;
    }
}
