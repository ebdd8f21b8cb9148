//! What one endpoint takes and gives, on its way into `/openapi.json`.

use std::collections::BTreeMap;

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::error::Code;

/// The description of one endpoint, while it is made.
pub(crate) struct Description {
    generator: SchemaGenerator,
    fields: Map<String, Value>,
    parameters: Vec<Value>,
    responses: BTreeMap<u16, (String, Option<(String, Value)>)>,
    refusals: Vec<Code>,
}

impl Description {
    pub fn new(generator: SchemaGenerator, id: &str) -> Self {
        let mut fields = Map::new();
        fields.insert("operationId".into(), id.into());
        let (parameters, responses, refusals) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { generator, fields, parameters, responses, refusals }
    }

    pub fn summary(&mut self, summary: &str, text: &str) {
        self.fields.insert("summary".into(), summary.into());
        self.fields.insert("description".into(), text.into());
    }

    fn parameter(&mut self, place: &str, name: &str, required: bool, schema: Value, text: &str) {
        self.parameters.push(json!({
            "in": place, "name": name, "required": required, "schema": schema, "description": text,
        }));
    }

    pub fn id(&mut self, text: &str) {
        self.parameter("path", "id", true, json!({"type": "string", "minLength": 1}), text);
    }

    pub fn query(&mut self, name: &str, schema: Value, text: &str) {
        self.parameter("query", name, false, schema, text);
    }

    pub fn required_query(&mut self, name: &str, schema: Value, text: &str) {
        self.parameter("query", name, true, schema, text);
    }

    /// A query parameter with more to be said of it.
    pub fn query_with(&mut self, name: &str, schema: Value, text: &str, more: Value) {
        self.query(name, schema, text);
        if let (Some(Value::Object(last)), Value::Object(more)) = (self.parameters.last_mut(), more)
        {
            last.extend(more);
        }
    }

    pub fn header(&mut self, name: &str, schema: Value, text: &str) {
        self.parameter("header", name, false, schema, text);
    }

    pub fn json_body<T: JsonSchema>(&mut self) {
        let schema = self.generator.subschema_for::<T>().to_value();
        self.body("application/json", schema);
    }

    pub fn body(&mut self, media: &str, schema: Value) {
        let content = json!({ media: {"schema": schema} });
        self.fields.insert("requestBody".into(), json!({"required": true, "content": content}));
    }

    pub fn answer<T: JsonSchema>(&mut self, status: u16, text: &str) {
        let schema = self.generator.subschema_for::<T>().to_value();
        let content = Some(("application/json".to_owned(), schema));
        self.responses.insert(status, (text.to_owned(), content));
    }

    pub fn media(&mut self, status: u16, text: &str, media: &str) {
        let content = Some((media.to_owned(), json!({"type": "string"})));
        self.responses.insert(status, (text.to_owned(), content));
    }

    pub fn empty(&mut self, status: u16, text: &str) {
        self.responses.insert(status, (text.to_owned(), None));
    }

    pub fn refuses(&mut self, codes: &[Code]) {
        self.refusals.extend_from_slice(codes);
    }

    /// The finished description, and the schemas that it needs.
    pub fn finish(mut self) -> (Value, SchemaGenerator) {
        let mut responses = Map::new();
        let headers = json!({
            "X-RateLimit-Limit": {"schema": {"type": "integer"},
                "description": "Requests in a minute."},
            "X-RateLimit-Remaining": {"schema": {"type": "integer"},
                "description": "Those that are left."},
            "X-RateLimit-Reset": {"schema": {"type": "integer"},
                "description": "Seconds until the count begins anew."},
        });
        for (status, (text, content)) in self.responses {
            let mut response = json!({"description": text, "headers": headers});
            if let Some((media, schema)) = content {
                response["content"] = json!({ media: {"schema": schema} });
            }
            responses.insert(status.to_string(), response);
        }
        let mut refusals: BTreeMap<u16, Vec<String>> = BTreeMap::new();
        for code in &self.refusals {
            let (word, status, message) = code.row();
            let texts = refusals.entry(status.as_u16()).or_default();
            let text = format!("`{word}`: {message}");
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let error = self.generator.subschema_for::<crate::error::WireError<'static>>().to_value();
        for (status, texts) in refusals {
            responses.insert(
                status.to_string(),
                json!({
                    "description": texts.join("; "),
                    "headers": headers,
                    "content": {"application/json": {"schema": error}},
                }),
            );
        }
        if !self.parameters.is_empty() {
            self.fields.insert("parameters".into(), self.parameters.into());
        }
        self.fields.insert("responses".into(), responses.into());
        (self.fields.into(), self.generator)
    }
}
