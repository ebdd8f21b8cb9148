//! What Shifts makes of an integration's answer (`shifts.md` §3): pure.

use serde_json::Value;

/// What an integration said to one element of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The element's id.
    pub id: String,
    /// Its `eTag`; empty for a read.
    pub etag: String,
    /// Its `data`: for a read, the ids that it lets through.
    pub data: Value,
}

/// Why a change was not made: what reaches the person, or the application that asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the element, or 502 and 504 for an answer that is none.
    pub status: u16,
    /// The integration's code, as it spelled it.
    pub code: String,
    /// The integration's message, as the person reads it.
    pub message: String,
    /// The display name of the integration.
    pub source: String,
}

impl Refusal {
    /// The body that a client of Shifts gets for it
    /// (`examples/graph/error-workforceintegration-client-response.json`).
    #[must_use]
    pub fn client_body(&self) -> Value {
        serde_json::json!({ "error": {
            "title": "Your request couldn't be completed",
            "externalErrorMessage": self.message,
            "externalSource": self.source,
            "externalImageLink": null,
            "code": "WorkforceIntegrationError",
            "message": "Sorry your change couldn\u{2019}t be completed.",
            "details": [],
            "innererror": { "code": "WorkforceIntegrationError" },
        }})
    }
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Judged {
    /// Every element was accepted; in the order of the elements.
    Accepted(Vec<Accepted>),
    /// At least one element was refused, so all of them are.
    Refused(Refusal),
    /// The integration is still at it: to be asked again (102, `RequestInProgress`).
    InProgress(Refusal),
}

/// What the call wants to see of every element that went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// A non-null `eTag`: a change.
    Etag,
    /// A list of ids in `data`: a read.
    Data,
}

/// Judges an answer to elements with these `ids`.
#[must_use]
pub fn judge(status: u16, body: &[u8], ids: &[&str], wants: Wants, source: &str) -> Judged {
    let broken = |message: String| {
        let code = "BadGateway".to_owned();
        Judged::Refused(Refusal { status: 502, code, message, source: source.to_owned() })
    };
    if status != 200 {
        return broken(format!("the answer has the HTTP status {status}, expected 200"));
    }
    let Ok(answer) = serde_json::from_slice::<Value>(body) else {
        return broken("the answer is no JSON".to_owned());
    };
    let Some(responses) = answer.get("responses").and_then(Value::as_array) else {
        return broken("the answer has no list `responses`".to_owned());
    };
    if responses.len() != ids.len() {
        let found = responses.len();
        return broken(format!("the answer has {found} responses, expected {}", ids.len()));
    }
    let mut accepted = Vec::with_capacity(ids.len());
    let mut refused = None;
    for id in ids {
        let mut own = responses.iter().filter(|it| it.get("id") == Some(&Value::from(*id)));
        let (Some(response), None) = (own.next(), own.next()) else {
            return broken(format!("the answer has not one response for `{id}`"));
        };
        match one(id, response, wants, source) {
            Ok(One::Accepted(it)) => accepted.push(it),
            Ok(One::Refused(it)) => refused = refused.or(Some(it)),
            Err(message) => return broken(message),
        }
    }
    match refused {
        None => Judged::Accepted(accepted),
        Some(refusal) if refusal.status == 102 => Judged::InProgress(refusal),
        Some(refusal) => Judged::Refused(refusal),
    }
}

enum One {
    Accepted(Accepted),
    Refused(Refusal),
}

fn one(id: &str, response: &Value, wants: Wants, source: &str) -> Result<One, String> {
    let Some(status) = response.get("status").and_then(Value::as_u64) else {
        return Err(format!("the response for `{id}` has no numeric `status`"));
    };
    let body = response.get("body").unwrap_or(&Value::Null);
    let data = body.get("data").cloned().unwrap_or(Value::Null);
    if status == 200 {
        let etag = body.get("eTag").and_then(Value::as_str).unwrap_or_default().to_owned();
        if wants == Wants::Etag && etag.is_empty() {
            return Err(format!("the response for `{id}` is a success without `eTag`"));
        }
        let list = data.as_array().is_some_and(|them| them.iter().all(Value::is_string));
        if wants == Wants::Data && !list {
            return Err(format!("the response for `{id}` has no list of ids in `data`"));
        }
        return Ok(One::Accepted(Accepted { id: id.to_owned(), etag, data }));
    }
    let text = |name: &str| {
        let found = body.get("error").and_then(|error| error.get(name)).and_then(Value::as_str);
        found.map(str::to_owned)
    };
    let (Some(code), Some(message)) = (text("code"), text("message")) else {
        return Err(format!("the response for `{id}` has status {status} and no error"));
    };
    let status = u16::try_from(status).unwrap_or(502);
    Ok(One::Refused(Refusal { status, code, message, source: source.to_owned() }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(status: u16, body: &Value, wants: Wants) -> Judged {
        judge(status, body.to_string().as_bytes(), &["A", "B"], wants, "Rota")
    }

    fn answer(a: &Value, b: &Value) -> Value {
        json!({ "responses": [
            { "id": "B", "status": 200, "body": b },
            { "id": "A", "status": 200, "body": a },
        ]})
    }

    fn is_broken(judged: &Judged) -> bool {
        matches!(judged, Judged::Refused(refusal) if refusal.status == 502)
    }

    #[test]
    fn an_answer_is_accepted_only_with_an_etag_for_every_element() {
        let good = json!({ "eTag": "1", "error": { "message": null }, "data": null });
        let accepted = found(200, &answer(&good, &good), Wants::Etag);
        let Judged::Accepted(accepted) = accepted else { panic!("{accepted:?}") };
        assert_eq!(accepted.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["A", "B"]);
        let bare = json!({ "eTag": null });
        assert!(is_broken(&found(200, &answer(&good, &bare), Wants::Etag)));
        assert!(is_broken(&found(403, &answer(&good, &good), Wants::Etag)));
        assert!(is_broken(&found(200, &json!({ "responses": [] }), Wants::Etag)));
        let text = json!({ "responses": [
            { "id": "A", "status": "200", "body": good },
            { "id": "B", "status": 200, "body": good },
        ]});
        assert!(is_broken(&found(200, &text, Wants::Etag)));
        let twice = json!({ "responses": [
            { "id": "A", "status": 200, "body": good }, { "id": "A", "status": 200, "body": good },
        ]});
        assert!(is_broken(&found(200, &twice, Wants::Etag)));
    }

    #[test]
    fn one_refused_element_refuses_the_whole_call_with_its_text() {
        let error = json!({ "error": { "code": "rest", "message": "Zu kurz." }, "data": null });
        let good = json!({ "eTag": "1" });
        let mut body = answer(&good, &error);
        body["responses"][0]["status"] = json!(409);
        let Judged::Refused(refusal) = found(200, &body, Wants::Etag) else { panic!() };
        assert_eq!((refusal.status, refusal.message.as_str()), (409, "Zu kurz."));
        assert_eq!(refusal.client_body()["error"]["externalErrorMessage"], "Zu kurz.");
        body["responses"][0]["status"] = json!(102);
        assert!(matches!(found(200, &body, Wants::Etag), Judged::InProgress(_)));
    }

    #[test]
    fn a_read_needs_ids_and_no_etag() {
        let ids = json!({ "data": ["SHFT_1"], "error": null });
        assert!(matches!(found(200, &answer(&ids, &ids), Wants::Data), Judged::Accepted(_)));
        let none = json!({ "data": null, "error": null });
        assert!(is_broken(&found(200, &answer(&ids, &none), Wants::Data)));
    }
}
