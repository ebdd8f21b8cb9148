//! What the played server answers, method by method.

use bytes::Bytes;
use http::HeaderMap;

use super::calendars::{Calendars, Collection};
use super::options::{Making, PutEtag, Rewriting, SyncSupport, UidCheck, WellKnown};
use super::xml::{Multistatus, decoded, encoded, error};
use super::{Shared, report};

/// A request.
pub(super) struct Ask<'a> {
    pub method: &'a str,
    /// As it was sent.
    pub path: &'a str,
    pub headers: &'a HeaderMap,
    pub body: Bytes,
}

impl Ask<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    pub fn xml(status: u16, body: String) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/xml; charset=utf-8".into())],
            body: body.into(),
        }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

const PRINCIPAL: &str = "/dav/principals/rota/";
const DAV_CLASSES: &str = "1, 3, extended-mkcol, calendar-access, sync-collection";

/// Answers one request, and changes `calendars` accordingly.
pub(super) fn answer(shared: &Shared, calendars: &mut Calendars, ask: &Ask<'_>) -> Reply {
    let options = &shared.options;
    if let Some(wanted) = &shared.authorization
        && ask.header("authorization") != Some(wanted)
    {
        return Reply::status(401).header("www-authenticate", r#"Basic realm="rota""#);
    }
    let Some(path) = decoded(ask.path) else {
        return Reply::status(400);
    };
    if path == "/.well-known/caldav" {
        return match &options.well_known {
            WellKnown::Redirects => Reply::status(301).header("location", PRINCIPAL),
            WellKnown::RedirectsTo(url) => Reply::status(301).header("location", url.as_str()),
            WellKnown::Missing => Reply::status(404),
        };
    }
    let writes = matches!(ask.method, "PUT" | "DELETE" | "MKCALENDAR" | "MKCOL");
    if writes && options.read_only {
        return Reply::xml(403, error("<d:need-privileges/>"));
    }
    match ask.method {
        "PUT" => put(shared, calendars, &path, ask),
        "GET" => get(calendars, &path),
        "DELETE" => delete(calendars, &path, ask),
        "PROPFIND" => propfind(shared, calendars, &path, ask),
        "REPORT" => report::answer(shared, calendars, &path, &ask.body),
        "MKCALENDAR" | "MKCOL" => make(options.making, calendars, &path, ask.method),
        "OPTIONS" => Reply::status(200).header("dav", DAV_CLASSES),
        _ => Reply::status(405),
    }
}

pub(super) fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// The collection and the name of an object.
fn split(path: &str) -> (&str, &str) {
    let slash = path.rfind('/').map_or(0, |at| at + 1);
    path.split_at(slash)
}

fn put(shared: &Shared, calendars: &mut Calendars, path: &str, ask: &Ask<'_>) -> Reply {
    let options = &shared.options;
    let (at, name) = split(path);
    let Some(calendar) = calendars.collection(at).filter(|it| it.is_calendar) else {
        return Reply::status(options.missing_calendar_status);
    };
    let existing = calendar.objects.get(name);
    if let Some(refusal) = precondition(ask, existing.map(|it| it.version), options) {
        return refusal;
    }
    if !ask.body.starts_with(b"BEGIN:VCALENDAR") {
        return Reply::xml(403, error("<cal:valid-calendar-data/>"));
    }
    if options.uid_check != UidCheck::None
        && let Some(other) = calendar.holder_of_uid(name, &ask.body)
    {
        return match options.uid_check {
            UidCheck::Named => {
                let href = encoded(&format!("{at}{other}"));
                let named =
                    format!("<cal:no-uid-conflict><d:href>{href}</d:href></cal:no-uid-conflict>");
                Reply::xml(409, error(&named))
            }
            UidCheck::Bare | UidCheck::None => Reply::status(409),
        };
    }
    let status = if existing.is_some() { 204 } else { 201 };
    let data = match options.rewriting {
        Rewriting::Nothing => ask.body.clone(),
        Rewriting::DropsUnknown => without_extensions(&ask.body),
    };
    let Some(version) = calendars.put(at, name, data) else {
        return Reply::status(404);
    };
    let reply = Reply::status(status);
    match options.put_etag {
        PutEtag::Strong => reply.header("etag", etag(version)),
        PutEtag::Weak => reply.header("etag", format!("W/{}", etag(version))),
        PutEtag::Absent => reply,
    }
}

fn precondition(ask: &Ask<'_>, version: Option<u64>, options: &super::Options) -> Option<Reply> {
    let wrong = || Some(Reply::status(412));
    if let Some(wanted) = ask.header("if-match") {
        return match version {
            Some(version) if wanted == "*" || wanted == etag(version) => None,
            _ => wrong(),
        };
    }
    let none_wanted = ask.header("if-none-match") == Some("*");
    match none_wanted && version.is_some() && options.honours_if_none_match {
        true => wrong(),
        false => None,
    }
}

/// Without the lines of `X-` properties, folded ones included.
fn without_extensions(data: &Bytes) -> Bytes {
    let mut out = Vec::with_capacity(data.len());
    let mut drops = false;
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        let continues = line.first().is_some_and(|first| matches!(first, b' ' | b'\t'));
        drops = if continues { drops } else { line.starts_with(b"X-") };
        if !drops {
            out.extend_from_slice(line);
        }
    }
    out.into()
}

fn get(calendars: &Calendars, path: &str) -> Reply {
    let (at, name) = split(path);
    let object = calendars.collection(at).and_then(|it| it.objects.get(name));
    match object {
        Some(object) => Reply {
            body: object.data.clone(),
            ..Reply::status(200)
                .header("content-type", "text/calendar; charset=utf-8")
                .header("etag", etag(object.version))
        },
        None => Reply::status(404),
    }
}

fn delete(calendars: &mut Calendars, path: &str, ask: &Ask<'_>) -> Reply {
    if calendars.collection(path).is_some() {
        calendars.remove(path);
        return Reply::status(204);
    }
    let (at, name) = split(path);
    let object = calendars.collection(at).and_then(|it| it.objects.get(name));
    let Some(version) = object.map(|it| it.version) else {
        return Reply::status(404);
    };
    let wanted = ask.header("if-match");
    if wanted.is_some_and(|wanted| wanted != "*" && wanted != etag(version)) {
        return Reply::status(412);
    }
    calendars.delete(at, name);
    Reply::status(204)
}

fn make(making: Making, calendars: &mut Calendars, path: &str, method: &str) -> Reply {
    let mut path = path.to_owned();
    if !path.ends_with('/') {
        path.push('/');
    }
    let (above, _) = split(&path[..path.len() - 1]);
    match (method, making) {
        ("MKCALENDAR", Making::Mkcalendar | Making::EmptyMultistatus)
        | ("MKCOL", Making::ExtendedMkcol) => {}
        _ => return Reply::status(if making == Making::Refused { 403 } else { 405 }),
    }
    if calendars.collection(&path).is_some() {
        return Reply::xml(403, error("<d:resource-must-be-null/>"));
    }
    if calendars.collection(above).is_none_or(|it| it.is_calendar) {
        return Reply::status(409);
    }
    calendars.make_calendar(&path);
    match making {
        Making::EmptyMultistatus => Reply::xml(207, Multistatus::new().finish()),
        _ => Reply::status(201),
    }
}

fn propfind(shared: &Shared, calendars: &Calendars, path: &str, ask: &Ask<'_>) -> Reply {
    let mut told = Multistatus::new();
    if matches!(path, "/" | PRINCIPAL) {
        let home = encoded(&shared.options.home);
        let properties = format!(
            "<d:resourcetype><d:collection/></d:resourcetype>\
             <d:current-user-principal><d:href>{PRINCIPAL}</d:href></d:current-user-principal>{}",
            match path {
                PRINCIPAL => format!(
                    "<cal:calendar-home-set><d:href>{home}</d:href></cal:calendar-home-set>"
                ),
                _ => String::new(),
            }
        );
        told.found(path, &properties);
        return Reply::xml(207, told.finish());
    }
    let mut at = path.to_owned();
    if !at.ends_with('/') {
        at.push('/');
    }
    let Some(collection) = calendars.collection(&at) else {
        return propfind_object(calendars, path);
    };
    told.found(&encoded(&at), &properties_of(shared, collection));
    if ask.header("depth") == Some("1") {
        for (child, collection) in calendars.children(&at) {
            told.found(&encoded(child), &properties_of(shared, collection));
        }
        for (name, object) in &collection.objects {
            let href = encoded(&format!("{at}{name}"));
            told.found(&href, &report::etag_property(object.version));
        }
    }
    Reply::xml(207, told.finish())
}

fn propfind_object(calendars: &Calendars, path: &str) -> Reply {
    let (at, name) = split(path);
    let object = calendars.collection(at).and_then(|it| it.objects.get(name));
    let Some(object) = object else {
        return Reply::status(404);
    };
    let mut told = Multistatus::new();
    told.found(&encoded(path), &report::etag_property(object.version));
    Reply::xml(207, told.finish())
}

fn properties_of(shared: &Shared, collection: &Collection) -> String {
    let kind = if collection.is_calendar { "<cal:calendar/>" } else { "" };
    let privileges = match shared.options.read_only {
        true => "<d:privilege><d:read/></d:privilege>",
        false => {
            "<d:privilege><d:read/></d:privilege><d:privilege><d:write/></d:privilege>\
             <d:privilege><d:bind/></d:privilege>"
        }
    };
    let token = match shared.options.sync {
        SyncSupport::Full | SyncSupport::AcceptsGarbage if collection.is_calendar => {
            let token = report::token(collection, collection.newest());
            format!("<d:sync-token>{token}</d:sync-token>")
        }
        SyncSupport::Full
        | SyncSupport::AcceptsGarbage
        | SyncSupport::Refused
        | SyncSupport::RefusedBare => String::new(),
    };
    format!(
        "<d:resourcetype><d:collection/>{kind}</d:resourcetype>\
         <d:current-user-principal><d:href>{PRINCIPAL}</d:href></d:current-user-principal>\
         <d:current-user-privilege-set>{privileges}</d:current-user-privilege-set>{token}"
    )
}
