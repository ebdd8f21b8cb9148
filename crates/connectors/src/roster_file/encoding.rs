//! From the bytes of a text file to UTF-8, which is all that anything behind this knows.
//!
//! UTF-16 is known by its mark, whatever is configured: Excel's "Unicode text" has it.
//! Windows-1252 has no mark, so that it has to be said: it is what German Excel writes as CSV.

use std::borrow::Cow;

use engine::port::FieldFault;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::table::{decode, whole};

/// How text is written in files that carry no mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// Windows-1252, in which Latin-1 is contained: CSV as Excel writes it in western Europe.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

const UTF8_MARK: &[u8] = &[0xef, 0xbb, 0xbf];
const UTF16_LE_MARK: [u8; 2] = [0xff, 0xfe];
const UTF16_BE_MARK: [u8; 2] = [0xfe, 0xff];

/// 0x80 to 0x9F; the rest is as in Latin-1. Bytes that mean nothing are the replacement character.
/// Compared with Python's `cp1252`, which follows Unicode's table of it (CP1252.TXT), 2026-11-29.
const HIGH: [char; 32] = [
    '\u{20ac}', '\u{fffd}', '\u{201a}', '\u{0192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{02c6}', '\u{2030}', '\u{0160}', '\u{2039}', '\u{0152}', '\u{fffd}', '\u{017d}', '\u{fffd}',
    '\u{fffd}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{02dc}', '\u{2122}', '\u{0161}', '\u{203a}', '\u{0153}', '\u{fffd}', '\u{017e}', '\u{0178}',
];

/// The text of a file; at most `bytes_max` bytes, where it is not the file itself.
///
/// # Errors
/// When it is not written as is said: names the first byte that is not, its offset and its line.
pub(super) fn text_of<'b>(
    place: &str,
    bytes: &'b [u8],
    encoding: Encoding,
    bytes_max: u64,
) -> Result<Cow<'b, str>, Box<FieldFault>> {
    let text = match (bytes.get(..2), encoding) {
        (Some(mark), _) if mark == UTF16_LE_MARK => {
            utf16(place, bytes, u16::from_le_bytes).map(Cow::Owned)
        }
        (Some(mark), _) if mark == UTF16_BE_MARK => {
            utf16(place, bytes, u16::from_be_bytes).map(Cow::Owned)
        }
        (_, Encoding::Windows1252) if !bytes.starts_with(UTF8_MARK) => {
            windows_1252(place, bytes).map(Cow::Owned)
        }
        (_, Encoding::Utf8 | Encoding::Windows1252) => {
            decode(place, bytes).map(Cow::Borrowed).map_err(|mut fault| {
                let instead = "export the file as UTF-8, or set `encoding = \"windows-1252\"` \
                               where it is written so";
                fault.hint = fault.hint.map(|_| instead.to_owned());
                fault
            })
        }
    }?;
    match &text {
        Cow::Owned(text) if text.len() as u64 > bytes_max => {
            let message = format!(
                "as UTF-8 it and the files before it have more bytes than are read; {bytes_max} \
                 were left"
            );
            Err(whole(place, message, "split it, or export fewer days"))
        }
        Cow::Owned(_) | Cow::Borrowed(_) => Ok(text),
    }
}

/// Whether these bytes, which are no UTF-8 and have no mark, could be Windows-1252.
pub(super) fn may_be_windows_1252(bytes: &[u8]) -> bool {
    let has_mark = bytes.starts_with(&UTF16_LE_MARK) || bytes.starts_with(&UTF16_BE_MARK);
    !has_mark
        && std::str::from_utf8(bytes).is_err()
        && !bytes.contains(&0)
        && windows_1252("", bytes).is_ok()
}

fn utf16(place: &str, bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Box<FieldFault>> {
    let hint = "it may be cut off; export it again, or as UTF-8";
    let units = bytes[2..].chunks(2).map(|pair| match pair {
        [one, two] => unit([*one, *two]),
        // Half a character: a surrogate that stands alone.
        _ => 0xd800,
    });
    let mut text = String::with_capacity(bytes.len() / 2 + bytes.len() / 8);
    let mut at = 2;
    for read in char::decode_utf16(units) {
        let Ok(character) = read else {
            let line = text.matches('\n').count() as u64 + 1;
            let message = format!("the bytes at offset {at} are no character of UTF-16");
            return Err(Box::new(FieldFault { line, ..*whole(place, message, hint) }));
        };
        at += character.len_utf16() * 2;
        text.push(character);
    }
    Ok(text)
}

fn windows_1252(place: &str, bytes: &[u8]) -> Result<String, Box<FieldFault>> {
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    for (at, byte) in bytes.iter().enumerate() {
        let character = match byte {
            0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
            _ => char::from(*byte),
        };
        if character == '\u{fffd}' {
            let line = text.matches('\n').count() as u64 + 1;
            let message = format!("byte 0x{byte:02X} at offset {at} is not Windows-1252");
            let hint = "leave out `encoding` where the file is UTF-8";
            return Err(Box::new(FieldFault { line, ..*whole(place, message, hint) }));
        }
        text.push(character);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "wer;was\nJörg Weiß;Früh – 5 €\n";

    fn read(bytes: &[u8], encoding: Encoding) -> Result<String, String> {
        let text = text_of("a.csv", bytes, encoding, 1000);
        text.map(Cow::into_owned).map_err(|fault| format!("{}: {}", fault.line, fault.message))
    }

    fn utf16_of(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
    }

    #[test]
    fn utf_16_is_known_by_its_mark_whatever_is_said() {
        let with_pair = format!("{TEXT}😀\n");
        for encoding in [Encoding::Utf8, Encoding::Windows1252] {
            for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
                assert_eq!(read(&utf16_of(&with_pair, bytes), encoding), Ok(with_pair.clone()));
            }
        }
        let mut cut = utf16_of("a;b\n1;2", u16::to_le_bytes);
        cut.pop();
        let refused = read(&cut, Encoding::Utf8).unwrap_err();
        assert_eq!(refused, "2: the bytes at offset 14 are no character of UTF-16");
        let alone = [&utf16_of("a", u16::to_le_bytes)[..], &[0x00, 0xd8, 0x20, 0x00]].concat();
        assert!(read(&alone, Encoding::Utf8).unwrap_err().contains("offset 4"));
    }

    #[test]
    fn windows_1252_is_read_where_it_is_said_and_only_there() {
        // As Python's `encode("cp1252")` writes it.
        let bytes = b"wer;was\nJ\xf6rg Wei\xdf;Fr\xfch \x96 5 \x80\n";
        assert_eq!(read(bytes, Encoding::Windows1252), Ok(TEXT.to_owned()));
        let refused = text_of("a.csv", bytes, Encoding::Utf8, 1000).unwrap_err();
        assert_eq!(
            (refused.line, refused.message.as_str()),
            (2, "byte 0xF6 at offset 9 is not UTF-8")
        );
        assert!(refused.hint.unwrap().contains("`encoding = \"windows-1252\"`"));
        let refused = read(b"a\nb\x81", Encoding::Windows1252).unwrap_err();
        assert_eq!(refused, "2: byte 0x81 at offset 3 is not Windows-1252");
        // Some exports of one system are UTF-8 with its mark: those say so.
        let marked = format!("\u{feff}{TEXT}");
        assert_eq!(read(marked.as_bytes(), Encoding::Windows1252), Ok(marked.clone()));
    }

    #[test]
    fn a_text_that_grows_beyond_the_limit_is_refused() {
        let bytes = vec![0xfc; 600];
        assert!(read(&bytes, Encoding::Windows1252).unwrap_err().contains("1000 were left"));
    }

    #[test]
    fn what_init_takes_for_windows_1252_is_neither_utf_8_nor_utf_16_nor_binary() {
        assert!(may_be_windows_1252(b"J\xf6rg"));
        for other in [&b"Jorg"[..], TEXT.as_bytes(), b"\xff\xfea\0", b"a\xfc\0", b"\xfc\x81"] {
            assert!(!may_be_windows_1252(other), "{other:?}");
        }
    }
}
