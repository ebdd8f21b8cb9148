//! The language that somebody reads, out of `Accept-Language`.

/// A language that we have all texts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// Also for everybody whose language we do not have.
    #[default]
    English,
    /// German.
    German,
    /// French.
    French,
    /// Spanish.
    Spanish,
}

impl Language {
    /// Reads a header (RFC 9110 §12.5.4): the acceptable language of the highest weight that we
    /// have; of equal ones the first. What cannot be read is passed over.
    #[must_use]
    pub fn accepted(header: &str) -> Self {
        let mut best = (Self::English, 0);
        for part in header.split(',') {
            let mut fields = part.split(';');
            let language = Self::named(fields.next().unwrap_or_default().trim());
            let weight = weight(fields);
            if let (Some(language), Some(weight)) = (language, weight)
                && weight > best.1
            {
                best = (language, weight);
            }
        }
        best.0
    }

    /// By the first part of the tag: `de-AT` is German. `*` is whatever we have.
    fn named(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "en" | "*" => Some(Self::English),
            "de" => Some(Self::German),
            "fr" => Some(Self::French),
            "es" => Some(Self::Spanish),
            _ => None,
        }
    }
}

/// The weight in thousandths; 1000 where none is given, `None` where it is none.
fn weight<'a>(fields: impl Iterator<Item = &'a str>) -> Option<u16> {
    let is_weight = |(key, _): &(&str, &str)| key.trim().eq_ignore_ascii_case("q");
    let Some((_, value)) = fields.filter_map(|field| field.split_once('=')).find(is_weight) else {
        return Some(1000);
    };
    let (whole, part) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{part:0<3}").parse::<u16>().ok()?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}
