//! Real CalDAV servers, started for one test each and stopped when dropped.
//!
//! Found in `$ROTABRIDGE_TOOLS/venv/bin`, where `cargo xtask test` installs them. Where the
//! variable is not set there is no server; the starter says so, and the test should return.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to accept connections: Xandikos needs 2 s, a busy machine more.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The account that the servers know.
pub const USERNAME: &str = "rota";
/// Its password, which only [`radicale_with_password`] looks at.
pub const PASSWORD: &str = "correct horse";

/// A running server with a store of its own.
#[derive(Debug)]
pub struct DavServer {
    child: Child,
    folder: TempDir,
    root_url: String,
    home: &'static str,
}

impl DavServer {
    /// The URL of the account's calendar home, with `/` at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}{}", self.root_url, self.home)
    }

    /// The URL of the server itself, with `/` at its end.
    #[must_use]
    pub fn root_url(&self) -> &str {
        &self.root_url
    }

    /// A file that holds [`PASSWORD`].
    #[must_use]
    pub fn password_file(&self) -> PathBuf {
        self.folder.path().join("password")
    }

    /// A folder that goes away with the server; what the server says is in `log` there.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process, for signals.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for DavServer {
    fn drop(&mut self) {
        // Errors mean that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts Radicale, which lets in everybody under any name.
///
/// # Panics
/// When it is installed but does not start.
#[must_use]
pub fn radicale() -> Option<DavServer> {
    start("radicale", "rota/", |folder, port| {
        let mut arguments = radicale_arguments(folder, port);
        arguments.extend(["--auth-type", "none"].map(String::from));
        arguments
    })
}

/// Starts Radicale, which lets in [`USERNAME`] with [`PASSWORD`] and nobody else.
///
/// # Panics
/// When it is installed but does not start.
#[must_use]
pub fn radicale_with_password() -> Option<DavServer> {
    start("radicale", "rota/", |folder, port| {
        let users = folder.join("users");
        std::fs::write(&users, format!("{USERNAME}:{PASSWORD}\n")).expect("a file of its own");
        let mut arguments = radicale_arguments(folder, port);
        let htpasswd = ["--auth-type", "htpasswd", "--auth-htpasswd-encryption", "plain"];
        arguments.extend(htpasswd.map(String::from));
        arguments.extend(["--auth-htpasswd-filename".into(), users.display().to_string()]);
        arguments
    })
}

/// Starts Radicale behind TLS, with a certificate that only `ca.pem` in its folder vouches for.
///
/// `None` also where there is no `openssl` program to make one.
///
/// # Panics
/// When it is installed but does not start.
#[must_use]
pub fn radicale_with_tls() -> Option<DavServer> {
    if Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_err() {
        println!("skipped: there is no `openssl` to make a certificate with");
        return None;
    }
    let mut server = start("radicale", "rota/", |folder, port| {
        let (certificate, key) = (folder.join("ca.pem"), folder.join("key.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=rota"])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-out")
            .arg(&certificate)
            .arg("-keyout")
            .arg(&key)
            .stderr(Stdio::null())
            .status();
        assert!(made.is_ok_and(|status| status.success()), "openssl makes no certificate");
        let mut arguments = radicale_arguments(folder, port);
        arguments.extend(["--auth-type", "none", "--server-ssl", "true"].map(String::from));
        arguments.extend(["--server-certificate".into(), certificate.display().to_string()]);
        arguments.extend(["--server-key".into(), key.display().to_string()]);
        arguments
    })?;
    server.root_url = server.root_url.replace("http://", "https://");
    Some(server)
}

fn radicale_arguments(folder: &Path, port: u16) -> Vec<String> {
    vec![
        // No configuration of the machine's.
        "--config".into(),
        String::new(),
        "--server-hosts".into(),
        format!("127.0.0.1:{port}"),
        "--storage-filesystem-folder".into(),
        folder.join("store").display().to_string(),
        "--auth-delay".into(),
        "0".into(),
    ]
}

/// Starts Xandikos, which lets in everybody.
///
/// # Panics
/// When it is installed but does not start.
#[must_use]
pub fn xandikos() -> Option<DavServer> {
    start("xandikos", "rota/calendars/", |folder, port| {
        let mut arguments = vec!["serve".into()];
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        option("--directory", folder.join("store").display().to_string());
        option("--state-dir", folder.join("state").display().to_string());
        option("--current-user-principal", "/rota/".into());
        option("--listen-address", "127.0.0.1".into());
        option("--port", port.to_string());
        arguments.push("--defaults".into());
        arguments.push("--no-detect-systemd".into());
        arguments
    })
}

fn start(
    program: &str,
    home: &'static str,
    arguments: impl Fn(&Path, u16) -> Vec<String>,
) -> Option<DavServer> {
    let Some(tools) = std::env::var_os("ROTABRIDGE_TOOLS") else {
        println!("skipped: ROTABRIDGE_TOOLS is not set; `cargo xtask test` installs {program}");
        return None;
    };
    let path = Path::new(&tools).join("venv/bin").join(program);
    // Another process may take the port between our look and the server's; then it ends at once.
    for _ in 0..3 {
        let port = free_port();
        let folder = TempDir::new().expect("a folder for a server");
        std::fs::write(folder.path().join("password"), PASSWORD).expect("a file of its own");
        let log = std::fs::File::create(folder.path().join("log")).expect("a file of its own");
        let child = Command::new(&path)
            .args(arguments(folder.path(), port))
            // Nobody's home is read or written.
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("another handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", path.display()));
        let mut server =
            DavServer { child, folder, root_url: format!("http://127.0.0.1:{port}/"), home };
        if accepts(&mut server, port) {
            return Some(server);
        }
        let said = std::fs::read_to_string(server.folder().join("log")).unwrap_or_default();
        eprintln!("{program} did not start on port {port}:\n{said}");
    }
    panic!("{program} does not start");
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    address.port()
}

/// Waits until the server takes connections; false when it has ended instead.
fn accepts(server: &mut DavServer, port: u16) -> bool {
    #[expect(clippy::disallowed_methods, reason = "waits for a process of the real world")]
    let deadline = Instant::now() + START_TIMEOUT;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    loop {
        if TcpStream::connect(address).is_ok() {
            return true;
        }
        if matches!(server.child.try_wait(), Ok(Some(_)) | Err(_)) {
            return false;
        }
        #[expect(clippy::disallowed_methods, reason = "waits for a process of the real world")]
        let now = Instant::now();
        if now > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
