//! Texts of events: how Exchange keeps them, and how it shows them.

use serde_json::{Map, Value, json};

/// The body as it is shown: text where the client prefers it, else HTML as Exchange dresses it.
pub(super) fn shown(said: &Map<String, Value>, as_text: bool) -> Value {
    if as_text {
        // Exchange ends lines as Windows does.
        let content = text(said).replace('\n', "\r\n");
        return json!({ "contentType": "text", "content": content });
    }
    let content = match kept(said) {
        ("html", content) => content.to_owned(),
        (_, "") => String::new(),
        (_, content) => {
            let escaped = content.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            format!(
                "<div class=\"PlainText\">{}</div>",
                escaped.replace("\r\n", "\n").replace('\n', "<br>\r\n")
            )
        }
    };
    let content = if content.is_empty() || content.contains("<html") {
        content
    } else {
        format!(
            "<html>\r\n<head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; \
             charset=utf-8\">\r\n</head>\r\n<body>\r\n{content}\r\n</body>\r\n</html>\r\n"
        )
    };
    json!({ "contentType": "html", "content": content })
}

/// The first 255 characters.
pub(super) fn preview(said: &Map<String, Value>) -> String {
    text(said).chars().take(255).collect()
}

/// The text without markup.
pub(super) fn text(said: &Map<String, Value>) -> String {
    match kept(said) {
        ("html", content) => stripped(content),
        (_, content) => content.replace("\r\n", "\n"),
    }
}

fn kept(said: &Map<String, Value>) -> (&str, &str) {
    let body = said.get("body");
    let part = |name: &str| body.and_then(|it| it[name].as_str()).unwrap_or_default();
    (part("contentType"), part("content"))
}

fn stripped(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        let end = rest[at..].find('>').map_or(rest.len(), |it| at + it + 1);
        let tag = rest[at..end].to_ascii_lowercase();
        if tag.starts_with("<br") || tag.starts_with("</p") || tag.starts_with("</div") {
            text.push('\n');
        }
        rest = &rest[end..];
    }
    text.push_str(rest);
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&#39;", "'").replace("&nbsp;", " ").replace("&amp;", "&").trim().to_owned()
}
