//! XML that the played server writes.

use std::fmt::Write as _;

/// A 207 answer under construction.
pub(super) struct Multistatus(String);

impl Multistatus {
    pub fn new() -> Self {
        Self(String::from(concat!(
            r#"<?xml version="1.0" encoding="utf-8"?>"#,
            "\n",
            r#"<d:multistatus xmlns:d="DAV:" xmlns:cal="urn:ietf:params:xml:ns:caldav">"#,
        )))
    }

    /// A resource and the properties that it has.
    pub fn found(&mut self, href: &str, properties: &str) {
        let _ = write!(
            self.0,
            "<d:response><d:href>{}</d:href><d:propstat><d:prop>{properties}</d:prop>\
             <d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>",
            escaped(href)
        );
    }

    /// A resource of which there is only a status.
    pub fn status(&mut self, href: &str, status: &str, error: &str) {
        let _ = write!(
            self.0,
            "<d:response><d:href>{}</d:href><d:status>HTTP/1.1 {status}</d:status>{error}\
             </d:response>",
            escaped(href)
        );
    }

    pub fn sync_token(&mut self, token: &str) {
        let _ = write!(self.0, "<d:sync-token>{token}</d:sync-token>");
    }

    pub fn finish(mut self) -> String {
        self.0.push_str("</d:multistatus>");
        self.0
    }
}

/// An error answer that names a precondition.
pub(super) fn error(precondition: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<d:error xmlns:d="DAV:" xmlns:cal="urn:ietf:params:xml:ns:caldav">{precondition}</d:error>"#
    )
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#13;")
}

/// Encodes a decoded path for an `href`: what is no plain letter becomes `%XX`.
pub(super) fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// Decodes the path of a request or an `href`; `None` for one that is not UTF-8.
pub(super) fn decoded(path: &str) -> Option<String> {
    if !path.contains('%') {
        return Some(path.to_owned());
    }
    let mut out = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok()
}
