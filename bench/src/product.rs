//! The product's own binary, configured and run as an operator would.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::child;
use crate::measure::{Finished, run};
use crate::report::Trouble;
use crate::sample::Csv;
use crate::tools::cargo;

/// The release binary; built first, so that it is of this commit.
pub fn binary() -> Result<PathBuf, Trouble> {
    static BUILT: OnceLock<bool> = OnceLock::new();
    let folder = child::binary_folder()?;
    let target = folder.parent().ok_or_else(|| Trouble::failed("no target folder"))?;
    let built = BUILT.get_or_init(|| {
        let mut command = Command::new(cargo());
        command
            .args(["build", "--quiet", "--release", "--package", "rotabridge", "--target-dir"])
            .arg(target);
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command.status().is_ok_and(|status| status.success())
    });
    if !*built {
        return Err(Trouble::failed("the product does not build"));
    }
    Ok(folder.join("rotabridge"))
}

/// Where the mirror is kept.
#[derive(Debug, Clone)]
pub struct Server {
    /// The calendar home.
    pub url: String,
    /// The account's name and the file that holds its password.
    pub account: Option<(String, PathBuf)>,
}

/// One configured installation: by default a roster file, a store, a mirror on a CalDAV server.
#[derive(Debug)]
pub struct Installation {
    folder: PathBuf,
    binary: PathBuf,
    cpu: Option<usize>,
}

impl Installation {
    /// Configures one in an empty folder.
    ///
    /// Durable intents and four requests at once: the product's defaults. The window is wide,
    /// so that every shift of a sample lies in it.
    pub fn new(folder: &Path, server: &Server, cpu: Option<usize>) -> Result<Self, Trouble> {
        let columns = "employee = \"employee\", group = \"group\", activity = \"activity\", \
                       start = \"start\", end = \"end\", notes = \"notes\"";
        Self::with_source(folder, server, cpu, columns, "")
    }

    /// The same for a roster file with other columns, and other keys of the connection.
    pub fn with_source(
        folder: &Path,
        server: &Server,
        cpu: Option<usize>,
        columns: &str,
        keys: &str,
    ) -> Result<Self, Trouble> {
        let Server { url, account } = server;
        let account = account.as_ref().map_or(String::new(), |(name, file)| {
            format!("username = \"{name}\"\npassword_file = \"{}\"\n", file.display())
        });
        let text = format!(
            "[[connection]]\nname = \"exports\"\nkind = \"roster_file\"\npath = \"roster.csv\"\n\
             columns = {{ {columns} }}\n{keys}\n\
             [[connection]]\nname = \"dav\"\nkind = \"caldav\"\nurl = \"{url}\"\n{account}\n\
             [[roster]]\nname = \"bench\"\nsource = \"exports\"\n\
             window = {{ past = \"2000w\", future = \"2000w\" }}\n\n\
             [[mirror]]\nname = \"bench-dav\"\nroster = \"bench\"\nconnection = \"dav\"\n\
             kind = \"caldav\"\ncollection = \"{{employee}}/\"\n"
        );
        Self::configured(folder, &text, cpu)
    }

    /// One with this configuration beside a store on disk: SQLite.
    pub fn configured(folder: &Path, text: &str, cpu: Option<usize>) -> Result<Self, Trouble> {
        let text = format!("[store]\nurl = \"sqlite://rotabridge.db\"\n\n{text}");
        std::fs::write(folder.join("rotabridge.toml"), text)?;
        Ok(Self { folder: folder.to_owned(), binary: binary()?, cpu })
    }

    /// Replaces the roster file.
    pub fn put_roster(&self, roster: &Csv) -> Result<(), Trouble> {
        roster.write(&self.roster_file())
    }

    /// Where the roster file is.
    pub fn roster_file(&self) -> PathBuf {
        self.folder.join("roster.csv")
    }

    /// The command that runs one of its commands.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(self.folder.join("rotabridge.toml")).args(arguments);
        command.current_dir(&self.folder);
        child::pinned(command, self.cpu)
    }

    /// One `sync`, and what it reported of the mirror.
    pub fn sync(&self) -> Result<(Finished, Counts), Trouble> {
        let finished = run(&mut self.command(&["sync", "--json"]))?.well("`rotabridge sync`")?;
        let counts = Counts::read(&finished.stdout)?;
        Ok((finished, counts))
    }
}

/// What a `sync` says that it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Items made.
    pub created: u64,
    /// Items replaced.
    pub updated: u64,
    /// Items removed.
    pub deleted: u64,
    /// Items that could not be written.
    pub failed: u64,
}

impl Counts {
    /// All writes.
    pub fn writes(&self) -> u64 {
        self.created + self.updated + self.deleted
    }

    /// Reads them where they first stand in the JSON text.
    pub fn read(text: &str) -> Result<Self, Trouble> {
        let field = |name: &str| {
            let (_, rest) = text.split_once(&format!("\"{name}\":"))?;
            let digits: String =
                rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        };
        let counts = || {
            Some(Self {
                created: field("created")?,
                updated: field("updated")?,
                deleted: field("deleted")?,
                failed: field("failed")?,
            })
        };
        counts().ok_or_else(|| Trouble::failed(format!("`sync --json` said `{text}`")))
    }
}
