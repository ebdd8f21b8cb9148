//! The JSON Schema of the configuration, with every provider's own keys.

use connectors::registry::PROVIDERS;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{dashboard, feeds, look, mirror, roster, server, store};

/// The whole schema, for editors and for people.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let connections = connections(&mut generator);
    let mirrors = mirrors(&mut generator);
    let section = |generator: &mut SchemaGenerator, schema: fn(&mut SchemaGenerator) -> Schema| {
        Value::from(schema(generator))
    };
    let server = section(&mut generator, |it| it.subschema_for::<server::ServerSection>());
    let store = section(&mut generator, |it| it.subschema_for::<store::StoreSection>());
    let roster = section(&mut generator, |it| it.subschema_for::<roster::Written>());
    let dashboard = section(&mut generator, |it| it.subschema_for::<dashboard::DashboardSection>());
    let mut feeds = resolved(&mut generator, |it| it.subschema_for::<feeds::Written>());
    generator.definitions_mut().remove(&*feeds::Written::schema_name());
    merge_look(&mut generator, &mut feeds);
    let definitions = generator.take_definitions(true);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rotabridge.toml",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "server": server,
            "store": store,
            "connection": { "type": "array", "items": { "oneOf": connections } },
            "roster": { "type": "array", "items": roster },
            "mirror": { "type": "array", "items": { "oneOf": mirrors } },
            "feeds": feeds,
            "dashboard": dashboard,
        },
        "$defs": definitions,
    })
}

/// One alternative for each provider.
fn connections(generator: &mut SchemaGenerator) -> Vec<Value> {
    let alternative = |provider: &&connectors::Descriptor| {
        let mut schema = resolved(generator, provider.schema);
        add(&mut schema, "name", json!({ "type": "string", "description": "Its name." }));
        add(&mut schema, "kind", json!({ "const": provider.kind }));
        schema.insert("description".to_owned(), json!(provider.summary));
        Value::Object(schema)
    };
    PROVIDERS.iter().map(alternative).collect()
}

/// One alternative for each kind of mirror: what all share, and what is its own.
fn mirrors(generator: &mut SchemaGenerator) -> Vec<Value> {
    let mut alternatives = Vec::new();
    for kind in PROVIDERS.iter().flat_map(|provider| provider.mirrors) {
        let mut schema = resolved(generator, |it| it.subschema_for::<mirror::Written>());
        merge_look(generator, &mut schema);
        let own = resolved(generator, kind.schema);
        if let Some(Value::Object(properties)) = own.get("properties") {
            for (key, property) in properties {
                properties_of(&mut schema).insert(key.clone(), property.clone());
            }
        }
        let required = own.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        required_of(&mut schema).extend(required);
        properties_of(&mut schema).insert("kind".to_owned(), json!({ "const": kind.kind }));
        schema.insert("description".to_owned(), json!(kind.summary));
        alternatives.push(Value::Object(schema));
    }
    generator.definitions_mut().remove(&*mirror::Written::schema_name());
    alternatives
}

/// Adds the keys that say how items look.
fn merge_look(generator: &mut SchemaGenerator, schema: &mut Map<String, Value>) {
    let look = resolved(generator, |it| it.subschema_for::<look::Written>());
    generator.definitions_mut().remove(&*look::Written::schema_name());
    if let Some(Value::Object(properties)) = look.get("properties") {
        for (key, property) in properties {
            properties_of(schema).insert(key.clone(), property.clone());
        }
    }
}

/// A section's schema with its definition in place of the reference to it.
fn resolved(
    generator: &mut SchemaGenerator,
    schema: fn(&mut SchemaGenerator) -> Schema,
) -> Map<String, Value> {
    let schema = Value::from(schema(generator));
    let reference = schema.get("$ref").and_then(Value::as_str);
    let name = reference.and_then(|it| it.rsplit('/').next());
    let found = name.and_then(|name| generator.definitions().get(name)).unwrap_or(&schema);
    found.as_object().cloned().unwrap_or_default()
}

fn add(schema: &mut Map<String, Value>, key: &str, property: Value) {
    properties_of(schema).insert(key.to_owned(), property);
    required_of(schema).push(json!(key));
}

fn properties_of(schema: &mut Map<String, Value>) -> &mut Map<String, Value> {
    let entry = schema.entry("properties").or_insert_with(|| json!({}));
    if !entry.is_object() {
        *entry = json!({});
    }
    match entry {
        Value::Object(properties) => properties,
        _ => unreachable!("it was just made an object"),
    }
}

fn required_of(schema: &mut Map<String, Value>) -> &mut Vec<Value> {
    let entry = schema.entry("required").or_insert_with(|| json!([]));
    if !entry.is_array() {
        *entry = json!([]);
    }
    match entry {
        Value::Array(required) => required,
        _ => unreachable!("it was just made an array"),
    }
}
