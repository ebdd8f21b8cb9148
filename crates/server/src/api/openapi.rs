//! `GET /openapi.json`: the description of the API, made of the endpoints themselves.

use std::sync::Arc;

use bytes::Bytes;
use engine::port::ApiScope;
use http::StatusCode;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::describe::Description;
use super::dispatch::{Answer, Call, Handling, Needs, Operation};
use super::{Api, OPERATIONS};
use crate::error::Code;

pub(super) const OPERATION: Operation = Operation {
    id: "getDescription",
    verb: "GET",
    path: "/openapi.json",
    needs: Needs::Nothing,
    handle,
    describe,
};

fn handle(api: Arc<Api>, _call: Call) -> Handling {
    Box::pin(async move {
        let text = api.description.get_or_init(|| Bytes::from(document().to_string()));
        Ok(Answer::json(StatusCode::OK, text.clone()))
    })
}

/// The whole document, OpenAPI 3.1.
pub(super) fn document() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|it| it.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for operation in &OPERATIONS {
        let mut description = Description::new(generator, operation.id);
        (operation.describe)(&mut description);
        common(operation, &mut description);
        let (mut described, schemas) = description.finish();
        generator = schemas;
        described["security"] = match operation.needs {
            Needs::Nothing | Needs::Secret => json!([]),
            Needs::Scope(scope) => json!([{"oauth": [scope.as_str()]}, {"token": []}]),
        };
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.verb.to_ascii_lowercase()] = described;
    }
    let scopes: Map<String, Value> = ApiScope::ALL
        .into_iter()
        .map(|scope| (scope.as_str().to_owned(), meaning(scope).into()))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Rotabridge Schedule API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A roster's schedule: read it, follow its changes, write it where it \
                is its own record, have mirrors brought up to date. A client sees the one roster \
                that it is bound to. Every answer tells in X-RateLimit-… where the client stands.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "oauth": {
                    "type": "oauth2",
                    "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": scopes}},
                },
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    })
}

/// What every endpoint of its kind may be refused with.
fn common(operation: &Operation, it: &mut Description) {
    match operation.needs {
        Needs::Nothing | Needs::Secret => {}
        Needs::Scope(_) => it.refuses(&[
            Code::TokenMissing,
            Code::InvalidToken,
            Code::InsufficientScope,
            Code::RateLimited,
            Code::StoreUnavailable,
            Code::Internal,
        ]),
    }
    if operation.verb != "GET" {
        it.refuses(&[Code::BodyNotRead, Code::RequestTimeout]);
    }
}

fn meaning(scope: ApiScope) -> &'static str {
    match scope {
        ApiScope::IcallRead => "Read people's schedules as iCalendar.",
        ApiScope::OpenId => "Accepted; it has no meaning for a client without an end user.",
        ApiScope::ScheduleRead => "Read schedules, and have mirrors brought up to date.",
        ApiScope::ScheduleWrite => "Write schedules, where the roster is its own record.",
        ApiScope::UserRead => "Read who the people are: names and addresses.",
    }
}

fn describe(it: &mut Description) {
    it.summary("This description", "");
    it.answer::<std::collections::BTreeMap<String, Value>>(200, "OpenAPI 3.1");
}
