//! Secrets that stand in a configuration by mistake: recognised, so that errors do not show them.

use toml::de::{DeTable, DeValue};

/// Keys that hold a secret when they end with one of these.
const ENDINGS: [&str; 7] =
    ["password", "secret", "token", "passphrase", "api_key", "private_key", "credentials"];

/// Whether a value under this key is a secret.
pub fn is_secret(key: &str) -> bool {
    ENDINGS.iter().any(|ending| key.ends_with(ending))
}

/// The text with every inline secret replaced by as many asterisks, so that places keep theirs.
pub fn mask(text: &str) -> String {
    let (root, _) = DeTable::parse_recoverable(text);
    let mut bytes = text.as_bytes().to_vec();
    mask_table(root.get_ref(), &mut bytes);
    // Whole string values were replaced, so no character was cut in two.
    String::from_utf8(bytes).unwrap_or_else(|_| "*".repeat(text.len()))
}

fn mask_table(table: &DeTable<'_>, bytes: &mut [u8]) {
    for (key, value) in table {
        let secret = is_secret(key.get_ref());
        match value.get_ref() {
            DeValue::String(_) if secret => cover(bytes, value.span()),
            DeValue::String(text) if holds_password(text) => cover(bytes, value.span()),
            DeValue::Table(inner) => mask_table(inner, bytes),
            DeValue::Array(items) => {
                for item in items {
                    if let DeValue::Table(inner) = item.get_ref() {
                        mask_table(inner, bytes);
                    }
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
    }
}

/// `scheme://name:password@host`.
pub fn holds_password(text: &str) -> bool {
    let authority = text.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next());
    let account = authority.flatten().and_then(|it| it.rsplit_once('@'));
    account.is_some_and(|(account, _)| account.contains(':'))
}

/// Leaves the quotes and line ends where they are.
fn cover(bytes: &mut [u8], span: std::ops::Range<usize>) {
    for byte in bytes.get_mut(span).unwrap_or_default() {
        if !matches!(*byte, b'"' | b'\'' | b'\n') {
            *byte = b'*';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_secrets_are_covered_and_paths_to_them_are_not() {
        let text = "[[connection]]\npassword = \"hünter2\"\npassword_file = \"secrets/x\"\n\
                    url = \"postgres://rota:geheim@db/rota\"\n";
        let masked = mask(text);
        assert!(!masked.contains("nter2") && !masked.contains("geheim"), "{masked}");
        assert!(masked.contains("password_file = \"secrets/x\""), "{masked}");
        assert_eq!(masked.len(), text.len());
    }
}
