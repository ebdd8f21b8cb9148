//! The dashboard of the real process: a meeting in the played Outlook stands in the way of a shift,
//! and the dashboard, `status --json` and the metric say the same of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use simulators::graph::mailbox::{OUTLOOK_ROLES, Span};
use simulators::graph::{App, GraphServer, Options, SECRET};

use crate::feeds::Service;
use crate::world::World;

const ROSTER: &str = "\
employee,team,work,date,start,end
anna,Front desk,Early,2030-03-04,08:00,16:00
anna,Front desk,Early,2030-03-05,08:00,16:00
";
const PASSWORD: &str = "seventeen letters";
const PATIENCE: Duration = Duration::from_secs(30);

/// Anna, whose calendar has two meetings at the time of her shifts.
fn stage() -> (World, GraphServer) {
    let roles = OUTLOOK_ROLES.map(String::from).to_vec();
    let apps = vec![App { roles, ..App::default() }];
    let server = GraphServer::start(Options { apps, ..Options::default() }).unwrap();
    let anna = server.add_user("Anna");
    server.add_mailbox(&anna);
    for day in ["2030-03-04", "2030-03-05"] {
        let at = |hour: &str| format!("{day}T{hour}:00:00Z").parse().unwrap();
        let span = Span::Timed(at("09"), at("10"));
        let calendar = server.at_calendar(&anna);
        calendar.books_as("About my divorce", span, &[], json!({})).unwrap();
    }
    let world = World::at("http://127.0.0.1:9/", "");
    world.roster(ROSTER);
    let url = server.url();
    world.connects_to_graph(&url);
    world.edit("kind = \"caldav\"\ncollection = \"{employee}/\"\n", "kind = \"outlook\"\n");
    world.edit("source = \"exports\"", "source = \"exports\"\nemployees_file = \"people.csv\"");
    world.edit("[server]", "[dashboard]\npassword_file = \"dashboard\"\n\n[server]");
    world.write("secret", SECRET);
    world.write("dashboard", &format!("{PASSWORD}\n"));
    world.write("people.csv", &format!("employee,name,m365_id\nanna,Anna <b>Berg,{anna}\n"));
    (world, server)
}

/// The whole answer.
fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn get(address: &str, path: &str, cookie: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    ask(address, &format!("{head}Cookie: {cookie}\r\n\r\n"))
}

#[test]
fn the_dashboard_tells_of_a_conflict_as_status_and_the_metric_do() {
    let (world, _server) = stage();
    world.run(&["sync", "--full"]).exits(0);
    let status = world.run(&["status", "--json"]).exits(0).json();
    let open = status["mirrors"][0]["conflicts"]["open"].as_u64().unwrap();
    assert_eq!(open, 2, "{status}");

    let service = Service::start(&world);
    let address = service.address.as_str();
    let body = format!("password={}", PASSWORD.replace(' ', "+"));
    let signed_in = ask(
        address,
        &format!(
            "POST /sign-in HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        ),
    );
    assert!(signed_in.starts_with("HTTP/1.1 303"), "{signed_in}");
    let set = signed_in.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let cookie = set.split(';').next().unwrap();

    let page = get(address, "/conflicts", cookie);
    assert_eq!(page.matches("the policy is to report").count() as u64, open, "{page}");
    assert!(page.contains("Anna &#60;b&#62;Berg (anna)"), "{page}");
    assert!(page.contains("2030-03-04 09:00–10:00 UTC"), "{page}");
    assert!(!page.contains("divorce"), "what it is about is Anna's business");
    let first = get(address, "/", cookie);
    assert!(first.contains("ward-caldav") && first.contains("<time datetime="), "{first}");
    let told = get(address, "/api/admin/v1/status", cookie);
    let told: Value = serde_json::from_str(told.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(told["mirrors"][0]["conflicts"]["open"], open);
    assert_eq!(keys(&told), keys(&status));

    let metric = r#"rotabridge_mirror_conflicts{mirror="ward-caldav",standing="open"} "#;
    for _ in 0..PATIENCE.as_millis() / 100 {
        let metrics = get(address, "/metrics", "");
        if let Some((_, rest)) = metrics.split_once(metric) {
            assert_eq!(rest.lines().next(), Some(open.to_string().as_str()));
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("no {metric}: {}", get(address, "/metrics", ""));
}

/// The names of everything in it.
fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => {
            let inner = map.iter().flat_map(|(key, value)| {
                keys(value).into_iter().map(move |it| format!("{key}.{it}")).chain([key.clone()])
            });
            inner.collect()
        }
        Value::Array(items) => items.iter().flat_map(keys).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}
