//! A few requests to a real server, by hand: one connection each, HTTP/1.0, so that an answer is
//! just bytes up to their end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// `rota:correct horse` as RFC 7617 has it.
const AUTHORIZATION: &str = "Basic cm90YTpjb3JyZWN0IGhvcnNl";

/// Status and body of the answer to a request without a body.
pub fn ask(method: &str, url: &str) -> std::io::Result<(u16, Vec<u8>)> {
    send(method, url, "", b"")
}

/// Puts an object that must not be there yet.
pub fn put(url: &str, data: &[u8]) {
    let headers = "If-None-Match: *\r\nContent-Type: text/calendar; charset=utf-8\r\n";
    let (status, body) = send("PUT", url, headers, data).unwrap();
    assert_eq!(status, 201, "{url}: {}", String::from_utf8_lossy(&body));
}

/// What is at this address.
pub fn get(url: &str) -> Option<Vec<u8>> {
    match ask("GET", url).unwrap() {
        (200, body) => Some(body),
        (404, _) => None,
        (status, body) => panic!("{url}: {status} {}", String::from_utf8_lossy(&body)),
    }
}

fn send(method: &str, url: &str, headers: &str, body: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_at(rest.find('/').unwrap());
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\nAuthorization: {AUTHORIZATION}\r\n\
         {headers}Content-Length: {length}\r\n\r\n"
    )?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let bad = || std::io::Error::other(format!("{method} {url}: no answer"));
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").ok_or_else(bad)?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).ok_or_else(bad)?;
    Ok((status, answer.split_off(end + 4)))
}
