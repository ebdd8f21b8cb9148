//! vdirsyncer, configured to push folders of files to calendars of one server.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::child;
use crate::measure::{Finished, run};
use crate::report::Trouble;
use crate::tools;

/// One configured vdirsyncer.
#[derive(Debug)]
pub struct Vdirsyncer {
    program: PathBuf,
    folder: PathBuf,
    cpu: Option<usize>,
}

impl Vdirsyncer {
    /// Configures one: each folder `files/NAME` is one side, the calendar NAME the other.
    pub fn new(
        folder: &Path,
        server_url: &str,
        calendars: &[String],
        cpu: Option<usize>,
    ) -> Result<Self, Trouble> {
        let program = tools::of_python("vdirsyncer")?;
        let place = folder.display();
        let mut text = format!("[general]\nstatus_path = \"{place}/status/\"\n");
        for name in calendars {
            std::fs::create_dir_all(folder.join("files").join(name))?;
            text.push_str(&format!(
                "[pair {name}]\na = \"{name}_files\"\nb = \"{name}_dav\"\ncollections = null\n\
                 [storage {name}_files]\ntype = \"filesystem\"\npath = \"{place}/files/{name}\"\n\
                 fileext = \".ics\"\n\
                 [storage {name}_dav]\ntype = \"caldav\"\nurl = \"{server_url}{name}/\"\n"
            ));
        }
        std::fs::write(folder.join("config"), text)?;
        let this = Self { program, folder: folder.to_owned(), cpu };
        run(&mut this.command(&["discover"]))?.well("`vdirsyncer discover`")?;
        Ok(this)
    }

    /// Where the files of one calendar are.
    pub fn files(&self, calendar: &str) -> PathBuf {
        self.folder.join("files").join(calendar)
    }

    /// The command that runs one of its commands.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(self.folder.join("config")).args(arguments);
        command.env("HOME", &self.folder);
        let mut pinned = child::pinned(command, self.cpu);
        pinned.env("HOME", &self.folder);
        pinned
    }

    /// One `sync`.
    pub fn sync(&self) -> Result<Finished, Trouble> {
        run(&mut self.command(&["--verbosity", "WARNING", "sync"]))?.well("`vdirsyncer sync`")
    }
}

/// Makes `to` hold exactly the files of `from`; files that are the same are left alone. Gives the
/// number of files that changed.
pub fn make_equal(from: &Path, to: &Path) -> Result<usize, Trouble> {
    let mut changed = 0;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (new, place) = (std::fs::read(entry.path())?, to.join(entry.file_name()));
        if std::fs::read(&place).ok().as_ref() != Some(&new) {
            std::fs::write(place, new)?;
            changed += 1;
        }
    }
    for entry in std::fs::read_dir(to)? {
        let entry = entry?;
        if !from.join(entry.file_name()).exists() {
            std::fs::remove_file(entry.path())?;
            changed += 1;
        }
    }
    Ok(changed)
}
