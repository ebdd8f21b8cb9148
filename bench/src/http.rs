//! The least of an HTTP client: one connection, kept, one request after another.
//!
//! For what a benchmark compares with, where a real client would cost more than the thing
//! measured. It understands answers with `Content-Length` and those that have no body.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::report::Trouble;

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    host: String,
    stream: BufReader<TcpStream>,
    over: bool,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// Its body, as it was sent.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// `http://host:port/path` as host and path.
pub fn split(url: &str) -> Result<(&str, &str), Trouble> {
    let rest = url.strip_prefix("http://");
    let parts = rest.and_then(|rest| rest.find('/').map(|slash| rest.split_at(slash)));
    parts.ok_or_else(|| Trouble::failed(format!("`{url}` is no http address")))
}

impl Connection {
    /// Connects.
    pub fn open(host: &str) -> Result<Self, Trouble> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self { host: host.to_owned(), stream: BufReader::new(stream), over: false })
    }

    /// Whether the server said that it takes no more requests over it.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// One request and its answer.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, Trouble> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.host);
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request)?;
        self.answer(method)
    }

    fn answer(&mut self, method: &str) -> Result<Answer, Trouble> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| Trouble::failed(format!("answer `{first}`")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: vec![] };
        self.over = first.starts_with("HTTP/1.0") || answer.header("connection") == Some("close");
        let has_none = method == "HEAD" || matches!(status, 100..200 | 204 | 304);
        if !has_none {
            let length = answer.header("content-length").and_then(|it| it.parse::<usize>().ok());
            match length {
                Some(length) => {
                    answer.body = vec![0; length];
                    self.stream.read_exact(&mut answer.body)?;
                }
                None if self.over => {
                    self.stream.read_to_end(&mut answer.body)?;
                }
                None => return Err(Trouble::failed("an answer without a length")),
            }
        }
        Ok(answer)
    }

    fn line(&mut self) -> Result<String, Trouble> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(Trouble::failed("the server closed the connection"));
        }
        Ok(line.trim_end().to_owned())
    }
}
