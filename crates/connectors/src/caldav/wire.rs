//! What CalDAV servers and we say to each other in XML: RFC 4918, 4791, 5397, 6578.
//!
//! Requests are constants with one or two values filled in. Answers are read by roxmltree, which
//! is told to refuse document type definitions, so that no entity can unfold. Namespaces are
//! honoured, prefixes and unknown elements are not; what a server leaves out is absent, not wrong.
//! Elements with hundreds of attributes, which take it quadratic time, are refused unparsed.
//!
//! Only the words are here. What they mean is decided in `classify` and `provider`.

use bytes::Bytes;
use domain::UtcInterval;
use domain::limits::XML_NODES_MAX;
use roxmltree::{Document, Node, ParsingOptions};

/// Attributes of one element, name spaces included: servers tested declare up to about ten.
const ATTRIBUTES_MAX: usize = 64;
/// Bytes of an answer that are parsed at once, in about a millisecond; a longer one is parsed
/// where it holds up nobody else.
const PARSED_AT_ONCE_BYTES_MAX: usize = 256 * 1024;
/// Bytes of an error answer that are searched for a precondition; a longer one is no such answer.
const ERROR_BYTES_MAX: usize = PARSED_AT_ONCE_BYTES_MAX;

const DAV: &str = "DAV:";
const CALDAV: &str = "urn:ietf:params:xml:ns:caldav";
/// purelymail reports a `no-uid-conflict` of calendars in this name space.
const CARDDAV: &str = "urn:ietf:params:xml:ns:carddav";

/// Asks what a resource is, for `open`.
pub(super) const PROPFIND_KIND: &str = concat!(
    r#"<?xml version="1.0" encoding="utf-8"?>"#,
    r#"<D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/></D:prop></D:propfind>"#,
);

/// Asks what `doctor` and discovery want to know.
pub(super) const PROPFIND_ACCOUNT: &str = concat!(
    r#"<?xml version="1.0" encoding="utf-8"?>"#,
    r#"<D:propfind xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop>"#,
    "<D:resourcetype/><D:current-user-principal/><D:current-user-privilege-set/>",
    "<C:calendar-home-set/></D:prop></D:propfind>",
);

/// Asks for every member's etag, and for the collection's token.
pub(super) const PROPFIND_MEMBERS: &str = concat!(
    r#"<?xml version="1.0" encoding="utf-8"?>"#,
    r#"<D:propfind xmlns:D="DAV:"><D:prop>"#,
    "<D:getetag/><D:resourcetype/><D:sync-token/></D:prop></D:propfind>",
);

/// What changed since `token`; everything when it is empty. No `DAV:limit`: Nextcloud and
/// Xandikos cut at it without saying so (specs/caldav-server-matrix.json, `sync-token.limit`).
pub(super) fn sync_collection(token: &str) -> String {
    let mut body = String::with_capacity(320 + token.len());
    body.push_str(concat!(
        r#"<?xml version="1.0" encoding="utf-8"?>"#,
        r#"<D:sync-collection xmlns:D="DAV:"><D:sync-token>"#,
    ));
    push_escaped(&mut body, token);
    body.push_str("</D:sync-token><D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop>");
    body.push_str("</D:sync-collection>");
    body
}

/// The whole objects at `paths`, which are percent-encoded.
pub(super) fn calendar_multiget<'a>(paths: impl IntoIterator<Item = &'a str>) -> String {
    let mut body = String::from(concat!(
        r#"<?xml version="1.0" encoding="utf-8"?>"#,
        r#"<C:calendar-multiget xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">"#,
        "<D:prop><D:getetag/><C:calendar-data/></D:prop>",
    ));
    for path in paths {
        body.push_str("<D:href>");
        push_escaped(&mut body, path);
        body.push_str("</D:href>");
    }
    body.push_str("</C:calendar-multiget>");
    body
}

/// The events that overlap `within`, as they are stored or, of series, as the occurrences inside
/// (RFC 4791 §7.8, §9.6.5).
pub(super) fn calendar_query(within: &UtcInterval, expand: bool) -> String {
    let spelled = |at: jiff::Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let range = format!("start=\"{}\" end=\"{}\"", spelled(within.start()), spelled(within.end()));
    let data = match expand {
        true => format!("<C:calendar-data><C:expand {range}/></C:calendar-data>"),
        false => "<C:calendar-data/>".to_owned(),
    };
    format!(
        concat!(
            r#"<?xml version="1.0" encoding="utf-8"?>"#,
            r#"<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">"#,
            "<D:prop><D:getetag/>{}</D:prop><C:filter>",
            r#"<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">"#,
            "<C:time-range {}/></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>",
        ),
        data, range
    )
}

/// A calendar for events, called `name` (RFC 4791 §5.3.1).
pub(super) fn mkcalendar(name: &str) -> String {
    let mut body = String::from(concat!(
        r#"<?xml version="1.0" encoding="utf-8"?>"#,
        r#"<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>"#,
    ));
    push_calendar_properties(&mut body, name);
    body.push_str("</D:prop></D:set></C:mkcalendar>");
    body
}

/// The same by extended MKCOL (RFC 5689), for servers without MKCALENDAR.
pub(super) fn extended_mkcol(name: &str) -> String {
    let mut body = String::from(concat!(
        r#"<?xml version="1.0" encoding="utf-8"?>"#,
        r#"<D:mkcol xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>"#,
        "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype>",
    ));
    push_calendar_properties(&mut body, name);
    body.push_str("</D:prop></D:set></D:mkcol>");
    body
}

fn push_calendar_properties(body: &mut String, name: &str) {
    body.push_str("<D:displayname>");
    push_escaped(body, name);
    body.push_str(concat!(
        "</D:displayname><C:supported-calendar-component-set>",
        r#"<C:comp name="VEVENT"/></C:supported-calendar-component-set>"#,
    ));
}

/// Escapes for element content, and leaves out what XML cannot hold.
fn push_escaped(body: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => body.push_str("&amp;"),
            '<' => body.push_str("&lt;"),
            '>' => body.push_str("&gt;"),
            '\r' => body.push_str("&#13;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c < ' ' && c != '\t' && c != '\n' => {}
            c => body.push(c),
        }
    }
}

/// A 207 answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Multistatus {
    pub responses: Vec<Response>,
    /// The token at the end of a sync-collection report.
    pub sync_token: Option<String>,
}

/// What a 207 answer says about one resource, or about several without properties.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Response {
    /// As the server wrote it: a path or a URL, percent-encoded in its own way.
    pub href: String,
    /// The status of the whole, where there are no properties.
    pub status: Option<u16>,
    pub condition: Option<Condition>,
    /// The properties whose status is a success.
    pub properties: Properties,
}

/// The properties that we ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Properties {
    /// Whether there were any.
    pub any: bool,
    pub etag: Option<String>,
    pub is_collection: bool,
    pub is_calendar: bool,
    pub calendar_data: Option<String>,
    pub sync_token: Option<String>,
    pub principal: Option<String>,
    pub home_set: Option<String>,
    /// The local names of the privileges; `None` when the server did not say.
    pub privileges: Option<Vec<String>>,
}

/// Which precondition a server says was not met (RFC 4918 §16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// Another object holds the same `UID`, at this address where the server says so.
    UidConflict {
        href: Option<String>,
    },
    ValidSyncToken,
    NeedPrivileges,
    SupportedReport,
    /// The answer would be too long.
    MatchesWithinLimits,
    /// There is something already where a collection should be made.
    ResourceMustBeNull,
    QuotaNotExceeded,
    /// Any other, by its local name.
    Other(String),
}

/// Why an answer cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    #[error("the answer is no XML that can be read: {0}")]
    Xml(roxmltree::Error),
    #[error("the answer is not UTF-8 text")]
    Encoding,
    #[error("the answer has an element with more than {ATTRIBUTES_MAX} attributes")]
    Attributes,
    #[error("reading the answer was broken off")]
    BrokenOff,
    #[error("the answer is a `{found}`, expected a `multistatus`")]
    Root { found: String },
}

fn parse(body: &[u8]) -> Result<Document<'_>, WireError> {
    let text = std::str::from_utf8(body).map_err(|_| WireError::Encoding)?;
    if has_crowded_element(text) {
        return Err(WireError::Attributes);
    }
    let options =
        ParsingOptions { allow_dtd: false, nodes_limit: XML_NODES_MAX, entity_resolver: None };
    Document::parse_with_options(text.trim_start(), options).map_err(WireError::Xml)
}

/// Whether an element has more than [`ATTRIBUTES_MAX`] attributes. Where the text is no XML, the
/// parser will say so.
fn has_crowded_element(text: &str) -> bool {
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        rest = &rest[open + 1..];
        let end = [("!--", "-->"), ("![CDATA[", "]]>"), ("?", "?>")]
            .into_iter()
            .find_map(|(begins, ends)| Some((rest.strip_prefix(begins)?, ends)));
        if let Some((inside, ends)) = end {
            let Some(at) = inside.find(ends) else { return false };
            rest = &inside[at + ends.len()..];
            continue;
        }
        let (mut attributes, mut quote, mut length) = (0, None, rest.len());
        for (at, byte) in rest.bytes().enumerate() {
            match (quote, byte) {
                (Some(open), _) if open == byte => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'=') => attributes += 1,
                (None, b'>') => {
                    length = at;
                    break;
                }
                (None, _) => {}
            }
        }
        if attributes > ATTRIBUTES_MAX {
            return true;
        }
        rest = &rest[length..];
    }
    false
}

/// Reads a 207 answer, without holding up others when it is long.
pub(super) async fn read_multistatus(body: Bytes) -> Result<Multistatus, WireError> {
    if body.len() <= PARSED_AT_ONCE_BYTES_MAX {
        return multistatus(&body);
    }
    let read = tokio::task::spawn_blocking(move || multistatus(&body)).await;
    read.unwrap_or(Err(WireError::BrokenOff))
}

/// Reads a 207 answer.
pub(super) fn multistatus(body: &[u8]) -> Result<Multistatus, WireError> {
    let document = parse(body)?;
    let root = document.root_element();
    if !root.has_tag_name((DAV, "multistatus")) {
        let found = root.tag_name().name().chars().take(40).collect();
        return Err(WireError::Root { found });
    }
    let mut answer = Multistatus::default();
    for node in root.children() {
        if node.has_tag_name((DAV, "response")) {
            read_response(node, &mut answer.responses);
        } else if node.has_tag_name((DAV, "sync-token")) {
            answer.sync_token = text_of(node);
        }
    }
    Ok(answer)
}

/// Reads which precondition an error answer names, if it is an answer of that form.
pub(super) fn condition(body: &[u8]) -> Option<Condition> {
    if body.len() > ERROR_BYTES_MAX {
        return None;
    }
    let document = parse(body).ok()?;
    let root = document.root_element();
    // DAViCal wraps errors of REPORT in a multistatus, sabre puts its own elements beside.
    if root.has_tag_name((DAV, "error")) {
        return read_condition(root);
    }
    let error = root.children().find(|node| node.has_tag_name((DAV, "error")))?;
    read_condition(error)
}

fn read_condition(error: Node<'_, '_>) -> Option<Condition> {
    let known = |node: &Node<'_, '_>| {
        let name = node.tag_name();
        node.is_element() && matches!(name.namespace(), Some(DAV | CALDAV | CARDDAV))
    };
    let node = error.children().find(known)?;
    Some(match node.tag_name().name() {
        // Cyrus words it so, for a UID in any calendar of the same person.
        "no-uid-conflict" | "unique-scheduling-object-resource" => {
            Condition::UidConflict { href: child(node, (DAV, "href")).and_then(text_of) }
        }
        "valid-sync-token" => Condition::ValidSyncToken,
        "need-privileges" => Condition::NeedPrivileges,
        "supported-report" => Condition::SupportedReport,
        "number-of-matches-within-limits" => Condition::MatchesWithinLimits,
        "resource-must-be-null" => Condition::ResourceMustBeNull,
        "quota-not-exceeded" | "sufficient-disk-space" => Condition::QuotaNotExceeded,
        other => Condition::Other(other.chars().take(80).collect()),
    })
}

/// One `response` may name several resources that share a status.
fn read_response(node: Node<'_, '_>, into: &mut Vec<Response>) {
    let mut first = Response::default();
    let mut hrefs = Vec::new();
    for part in node.children().filter(Node::is_element) {
        if part.tag_name().namespace() != Some(DAV) {
            continue;
        }
        match part.tag_name().name() {
            "href" => hrefs.extend(text_of(part)),
            "status" => first.status = text_of(part).as_deref().and_then(status_of),
            "error" => first.condition = read_condition(part),
            "propstat" => read_propstat(part, &mut first.properties),
            _ => {}
        }
    }
    let mut hrefs = hrefs.into_iter();
    let Some(href) = hrefs.next() else { return };
    let rest = hrefs.map(|href| Response {
        href,
        status: first.status,
        condition: first.condition.clone(),
        properties: Properties::default(),
    });
    let rest: Vec<_> = rest.collect();
    into.push(Response { href, ..first });
    into.extend(rest);
}

fn read_propstat(propstat: Node<'_, '_>, into: &mut Properties) {
    let status = child(propstat, (DAV, "status")).and_then(text_of).as_deref().and_then(status_of);
    if status.is_some_and(|status| !(200..300).contains(&status)) {
        return;
    }
    let Some(prop) = child(propstat, (DAV, "prop")) else {
        return;
    };
    into.any = true;
    for node in prop.children().filter(Node::is_element) {
        match (node.tag_name().namespace(), node.tag_name().name()) {
            (Some(DAV), "getetag") => into.etag = text_of(node),
            (Some(DAV), "sync-token") => into.sync_token = text_of(node),
            (Some(DAV), "resourcetype") => {
                into.is_collection = child(node, (DAV, "collection")).is_some();
                into.is_calendar = child(node, (CALDAV, "calendar")).is_some();
            }
            (Some(DAV), "current-user-principal") => into.principal = href_in(node),
            (Some(CALDAV), "calendar-home-set") => into.home_set = href_in(node),
            (Some(CALDAV), "calendar-data") => into.calendar_data = whole_text_of(node),
            (Some(DAV), "current-user-privilege-set") => {
                let granted = node.descendants().filter(Node::is_element);
                let granted = granted.filter(|it| it.parent_element().is_some_and(is_privilege));
                into.privileges = Some(granted.map(|it| it.tag_name().name().into()).collect());
            }
            _ => {}
        }
    }
}

fn is_privilege(node: Node<'_, '_>) -> bool {
    node.has_tag_name((DAV, "privilege"))
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: (&str, &str)) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn href_in(node: Node<'_, '_>) -> Option<String> {
    child(node, (DAV, "href")).and_then(text_of)
}

/// The text without white space around it; `None` when nothing is left.
fn text_of(node: Node<'_, '_>) -> Option<String> {
    let text = whole_text_of(node)?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// All the text, which may be split by CDATA sections and comments.
fn whole_text_of(node: Node<'_, '_>) -> Option<String> {
    let mut parts = node.children().filter_map(|child| match child.is_text() {
        true => child.text(),
        false => None,
    });
    let mut whole = parts.next()?.to_owned();
    parts.for_each(|part| whole.push_str(part));
    Some(whole)
}

/// The number in `HTTP/1.1 200 OK`.
fn status_of(line: &str) -> Option<u16> {
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}
