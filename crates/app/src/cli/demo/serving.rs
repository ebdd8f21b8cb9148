//! The server behind the demo: the dashboard and feeds for people, and callbacks from vendors.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use engine::port::Entropy;
use server::ServerState;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::cli::serve::server_state;
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::Works;

/// Where the password of this run is, in the demo's folder.
const PASSWORD_FILE: &str = "dashboard-password";

/// The running server.
pub(super) struct Serving {
    pub state: Arc<ServerState>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Serving {
    /// # Errors
    /// When the dashboard's password cannot be read.
    pub fn start(works: &Works, listener: TcpListener) -> Result<Self, Failure> {
        let state = Arc::new(server_state(works, None)?);
        let (stop, stopping) = oneshot::channel::<()>();
        let served = tokio::spawn(server::serve(listener, Arc::clone(&state), async {
            // An error means that the sender is gone: stop as well.
            let _ = stopping.await;
        }));
        Ok(Self { state, stop, served })
    }

    /// # Errors
    /// When the server ended in another way.
    pub async fn stop(self) -> Result<(), Failure> {
        // The server may be gone already.
        let _ = self.stop.send(());
        self.served.await.map_err(Failure::because)
    }
}

/// The dashboard's part of the configuration, and its password, which is made for this run.
pub(super) struct Dashboard {
    password: String,
}

impl Dashboard {
    /// Writes the password into the demo's folder.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn open(folder: &Path, entropy: &dyn Entropy) -> Result<Self, Failure> {
        let mut random = [0; 12];
        entropy.fill(&mut random);
        let mut password = String::new();
        for (index, byte) in random.iter().enumerate() {
            let hyphen = if index > 0 && index % 4 == 0 { "-" } else { "" };
            write!(password, "{hyphen}{byte:02x}").map_err(Failure::because)?;
        }
        std::fs::write(folder.join(PASSWORD_FILE), &password).map_err(Failure::because)?;
        Ok(Self { password })
    }

    /// Its section.
    pub fn configuration(&self) -> String {
        format!("\n[dashboard]\npassword_file = \"{PASSWORD_FILE}\"\n")
    }

    /// Tells where it is, and the password: once, and not among the data.
    pub fn tell(&self, address: SocketAddr, output: &Output) {
        output.say(format!("the dashboard:  http://{address}/"));
        output.say(format!("  password:     {}", self.password));
    }
}
