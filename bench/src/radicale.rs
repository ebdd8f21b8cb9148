//! A first push of 1,000 shifts to a real Radicale, beside nothing but its PUTs.
//!
//! The other side is a bare loop: the objects that we had put, byte for byte, in the order of
//! their names, with `If-None-Match: *`, one after another into a fresh calendar of a fresh
//! server. That is what this server can do, whoever asks. Ours is the whole process, from reading
//! the file to the last line of its store.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use testkit::servers::{DavServer, PASSWORD, USERNAME, radicale};

use crate::http::{Connection, split};
use crate::measure::{Runs, timed};
use crate::product::{Installation, Server};
use crate::report::{Report, Row, Trouble, Unit};
use crate::sample::Csv;
use crate::tools;
use crate::{Setting, machine};

const SHIFTS: usize = 1_000;
const GOAL: f64 = 1.05;

/// An object's name and bytes.
type Object = (String, Vec<u8>);

/// Measures.
pub fn run(setting: &Setting) -> Result<Report, Trouble> {
    let program = tools::of_python("radicale")?;
    let (mut ours, mut bare) = (Runs::default(), Runs::default());
    for run in 0..setting.runs {
        eprintln!("bench: radicale: run {}", run + 1);
        let (seconds, objects) = push_ours()?;
        ours.push(seconds);
        bare.push(push_bare(&objects)?);
    }
    let row = Row::near("1,000 new items", Unit::Seconds, &ours, ("bare PUTs", &bare), GOAL);
    let note = format!(
        "Radicale {}, its files on disk, no authentication. It closes every connection after one \
         answer and takes longer for each item that is there already.",
        machine::version(&program, "--version"),
    );
    Ok(Report { rows: vec![row], notes: vec![note] })
}

/// A running Radicale.
pub fn start() -> Result<DavServer, Trouble> {
    tools::of_python("radicale")?;
    radicale().ok_or_else(|| Trouble::Needs("Radicale".into()))
}

/// The server, and whoever may write there: Radicale makes the home of an account that signs in,
/// even where it lets in everybody.
pub fn account(server: &DavServer) -> Server {
    let account = Some((USERNAME.to_owned(), server.password_file()));
    Server { url: server.url(), account }
}

fn push_ours() -> Result<(f64, Vec<Object>), Trouble> {
    let server = start()?;
    let folder = tempfile::tempdir()?;
    let ours = Installation::new(folder.path(), &account(&server), None)?;
    ours.put_roster(&Csv::new(1, SHIFTS)?)?;
    let (finished, counts) = ours.sync()?;
    let objects = stored(&server.folder().join("store/collection-root/rota/e0"))?;
    if counts.created != SHIFTS as u64 || objects.len() != SHIFTS {
        let found = objects.len();
        return Err(Trouble::failed(format!("{found} items at Radicale, expected {SHIFTS}")));
    }
    Ok((finished.seconds, objects))
}

fn stored(folder: &Path) -> Result<Vec<Object>, Trouble> {
    let mut objects = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".ics") {
            objects.push((name, std::fs::read(entry.path())?));
        }
    }
    objects.sort();
    Ok(objects)
}

fn push_bare(objects: &[Object]) -> Result<f64, Trouble> {
    let server = start()?;
    let url = server.url();
    let (host, home) = split(&url)?;
    let calendar = format!("{home}e0/");
    let basic = format!("Basic {}", STANDARD.encode(format!("{USERNAME}:{PASSWORD}")));
    let signed_in = [("Authorization", basic.as_str())];
    expect(Connection::open(host)?.send("MKCALENDAR", &calendar, &signed_in, b"")?.status)?;
    let headers =
        [signed_in[0], ("Content-Type", "text/calendar; charset=utf-8"), ("If-None-Match", "*")];
    let (seconds, put) = timed(|| -> Result<(), Trouble> {
        let mut connection = Connection::open(host)?;
        for (name, body) in objects {
            if connection.is_over() {
                connection = Connection::open(host)?;
            }
            expect(connection.send("PUT", &format!("{calendar}{name}"), &headers, body)?.status)?;
        }
        Ok(())
    });
    put?;
    Ok(seconds)
}

fn expect(status: u16) -> Result<(), Trouble> {
    if status == 201 {
        return Ok(());
    }
    Err(Trouble::failed(format!("Radicale answers {status}, expected 201")))
}
