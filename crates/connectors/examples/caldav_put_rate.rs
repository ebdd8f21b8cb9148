//! How many items a second the CalDAV connector puts, and what its transport alone would do.
//!
//! Start the other side, then this, each on a core of its own:
//!
//! ```text
//! taskset -c 0 cargo run --release -p simulators --example caldav_stub -- \
//!     --listen 127.0.0.1:5299 --calendar anna
//! taskset -c 1 cargo run --release -p connectors --example caldav_put_rate -- \
//!     http://127.0.0.1:5299/dav/calendars/rota/ target 4 100000
//! ```
//!
//! The second argument is `target` (the whole connector), `transport` (the same bytes through
//! `HttpClient`) or `reqwest` (through reqwest, as a yardstick); then requests at once, and items.
//! Everything runs on one thread. The calendar must be empty.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use connectors::transport::{HttpClient, HttpOptions, tls_config};
use connectors::{ConnectionContext, MirrorContext, registry};
use domain::limits::REQUEST_TIMEOUT;
use domain::{
    CalendarEvent, CalendarKey, ConnectionName, EntityId, EntityKey, EntityKind, EventExtras,
    EventSpan, MirrorName, OriginTag, ShowAs, UtcInterval, Visibility,
};
use engine::port::{Clock, Content, Item, Revision, Target};
use http::{Method, Request};
use http_body_util::Full;
use ical::{EventHeader, UtcStyle};
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio::time::Instant;

type Failed = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug)]
struct StoppedClock;

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn sleep_until(&self, _at: Timestamp) {}
}

enum Way {
    Target(Arc<dyn Target>),
    Transport(HttpClient, String),
    Reqwest(reqwest::Client, String),
}

fn main() -> Result<(), Failed> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [url, way, lanes, count] = &arguments[..] else {
        return Err("usage: caldav_put_rate URL target|transport|reqwest LANES ITEMS".into());
    };
    let (lanes, count): (u64, u64) = (lanes.parse()?, count.parse()?);
    let url: url::Url = url.parse()?;
    let way = Arc::new(match way.as_str() {
        "target" => Way::Target(target(&url, lanes)?),
        "transport" => Way::Transport(transport(&url, lanes)?, url.path().to_owned()),
        "reqwest" => Way::Reqwest(yardstick()?, url.to_string()),
        other => return Err(format!("`{other}` is no way to put").into()),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let elapsed = runtime.block_on(async {
        let next = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..lanes {
            let (way, next) = (Arc::clone(&way), Arc::clone(&next));
            tasks.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return Ok::<_, Failed>(());
                    }
                    put(&way, number).await?;
                }
            });
        }
        while let Some(task) = tasks.join_next().await {
            task??;
        }
        Ok::<_, Failed>(started.elapsed())
    })?;
    let rate = count as f64 / elapsed.as_secs_f64();
    println!("{count} items, {lanes} at once, {elapsed:.2?}: {rate:.0} PUT/s");
    Ok(())
}

fn target(url: &url::Url, lanes: u64) -> Result<Arc<dyn Target>, Failed> {
    let descriptor = registry::provider("caldav").ok_or("no such provider")?;
    let keys = format!("{{ url = \"{url}\", concurrency = {lanes} }}");
    let config = (descriptor.parse)(toml::de::ValueDeserializer::parse(&keys)?)?;
    let keys = r#"{ collection = "anna/" }"#;
    let mirror = (descriptor.mirrors[0].parse)(toml::de::ValueDeserializer::parse(keys)?)?;
    let context = ConnectionContext {
        name: ConnectionName::new("stub")?,
        base: ".".into(),
        clock: Arc::new(StoppedClock),
        entropy: Arc::new(testkit::seeded_entropy::SeededEntropy::new(1)),
    };
    let rate = MirrorContext::plain(MirrorName::new("rate")?, "UTC");
    Ok(config.mirror(&context, &rate, &*mirror)?.target)
}

fn transport(url: &url::Url, lanes: u64) -> Result<HttpClient, Failed> {
    let options = HttpOptions { timeout: REQUEST_TIMEOUT, idle_max: usize::try_from(lanes)? };
    let client = HttpClient::new(url, tls_config(None)?, options);
    Ok(client.ok_or("no host in the URL")?)
}

fn yardstick() -> Result<reqwest::Client, Failed> {
    // Only the first call in a process can fail, and this is it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder();
    Ok(builder.timeout(REQUEST_TIMEOUT).http1_only().build()?)
}

async fn put(way: &Way, number: u64) -> Result<(), Failed> {
    let item = item(number)?;
    let name = format!("anna/{number:08x}.ics");
    let status = match way {
        Way::Target(target) => {
            let calendar = CalendarKey::new("anna/")?;
            target.create(&calendar, &item).await?;
            201
        }
        Way::Transport(client, path) => {
            let request = Request::builder()
                .method(Method::PUT)
                .uri(format!("{path}{name}"))
                .header("if-none-match", "*")
                .header("content-type", "text/calendar; charset=utf-8")
                .body(Full::new(object(&name, &item).into()))?;
            client.send(request).await?.status.as_u16()
        }
        Way::Reqwest(client, url) => {
            let answer = client
                .put(format!("{url}{name}"))
                .header("if-none-match", "*")
                .header("content-type", "text/calendar; charset=utf-8")
                .body(object(&name, &item))
                .send()
                .await?;
            let status = answer.status().as_u16();
            answer.bytes().await?;
            status
        }
    };
    if status != 201 {
        return Err(format!("status {status}").into());
    }
    Ok(())
}

fn object(uid: &str, item: &Item) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1024);
    if let Content::Event(event) = &item.content {
        let header = EventHeader {
            uid,
            revised_at: item.revision.revised_at,
            sequence: 0,
            origin: Some(&item.origin),
        };
        ical::write_object(&mut bytes, &header, event, UtcStyle::Rfc5545);
    }
    bytes
}

fn item(number: u64) -> Result<Item, Failed> {
    let start = Timestamp::from_second(1_795_000_000 + i64::try_from(number)? * 3600)?;
    let content = Content::Event(CalendarEvent {
        summary: "Late – Ward 3".into(),
        description: Some("12:00 Break\n16:00 Handover".into()),
        location: None,
        categories: vec!["Late".into()],
        span: EventSpan::Timed(UtcInterval::new(start, start + SignedDuration::from_hours(8))?),
        show_as: ShowAs::Busy,
        visibility: Visibility::Default,
        extras: EventExtras::default(),
    });
    Ok(Item {
        origin: OriginTag {
            mirror: MirrorName::new("rate")?,
            key: EntityKey {
                kind: EntityKind::Shift,
                id: EntityId::new(format!("shift-{number}"))?,
            },
            part: domain::Part::Main,
            generation: 0,
            entity: content.fingerprint(),
        },
        content,
        revision: Revision { sequence: 0, revised_at: start },
    })
}
