//! The outer form of an envelope: where the tag is, and what it covers.
//!
//! Bond Compact Binary version 1, read by hand: two structs of fixed form, no allocation. A field's
//! header is its type in the low five bits and its id in the high three; numbers are LEB128, the
//! signed ones in zigzag (microsoft/bond, `cs/src/core/protocols/CompactBinary.cs`, 2026-11).

use super::OpenError;

const STOP: u8 = 0;
/// Ends the fields of a base class; those of the derived class follow.
const STOP_BASE: u8 = 1;
const UINT8: u8 = 3;
const LIST: u8 = 11;
const INT8: u8 = 14;
const INT32: u8 = 16;

/// Bytes in a block of AES.
const BLOCK: usize = 16;

/// What an envelope is made of, borrowed from its bytes; nothing of it is believed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Which key the sender says that it used; always 1 so far. It is part of what is
    /// authenticated, so it needs no check of its own.
    pub key_id: i32,
    /// The key of this message, wrapped with the secret's second half.
    pub wrapped_key: &'a [u8; 32],
    /// The first block that is chained.
    pub iv: &'a [u8; BLOCK],
    /// Whole blocks, at least one.
    pub ciphertext: &'a [u8],
    /// HMAC-SHA256, uncut.
    pub tag: &'a [u8; 32],
}

impl<'a> Frame<'a> {
    /// Reads the two structs, to the last byte.
    pub fn read(body: &'a [u8]) -> Result<Self, OpenError> {
        let mut outer = Reader { rest: body };
        outer.field(0, INT32, "the key id as field 0")?;
        let key_id = unzigzag(outer.number()?);
        outer.field(1, LIST, "the ciphertext as field 1")?;
        let mut inner = Reader { rest: outer.blob()? };
        outer.end()?;

        inner.field(0, LIST, "the wrapped key as field 0")?;
        let wrapped_key = inner.exactly("a wrapped key of 32 bytes")?;
        inner.field(1, LIST, "the initialisation vector as field 1")?;
        let iv = inner.exactly("an initialisation vector of 16 bytes")?;
        inner.field(2, LIST, "the encrypted text as field 2")?;
        let ciphertext = inner.blob()?;
        if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(BLOCK) {
            return Err(expected("an encrypted text of whole blocks"));
        }
        inner.field(3, LIST, "the tag as field 3")?;
        let tag = inner.exactly("a tag of 32 bytes")?;
        inner.end()?;
        Ok(Self { key_id, wrapped_key, iv, ciphertext, tag })
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, OpenError> {
        let (first, rest) = self.rest.split_first().ok_or(expected("more bytes"))?;
        self.rest = rest;
        Ok(*first)
    }

    /// The next byte that does not merely end a base class.
    fn mark(&mut self) -> Result<u8, OpenError> {
        loop {
            let byte = self.byte()?;
            if byte != STOP_BASE {
                return Ok(byte);
            }
        }
    }

    fn field(&mut self, id: u8, kind: u8, what: &'static str) -> Result<(), OpenError> {
        if self.mark()? == kind | id << 5 { Ok(()) } else { Err(expected(what)) }
    }

    fn end(&mut self) -> Result<(), OpenError> {
        if self.mark()? == STOP && self.rest.is_empty() {
            return Ok(());
        }
        Err(expected("the end"))
    }

    fn blob(&mut self) -> Result<&'a [u8], OpenError> {
        if !matches!(self.byte()?, INT8 | UINT8) {
            return Err(expected("a list of bytes"));
        }
        let length = usize::try_from(self.number()?).map_err(|_| expected("a length"))?;
        let (blob, rest) = self.rest.split_at_checked(length).ok_or(expected("more bytes"))?;
        self.rest = rest;
        Ok(blob)
    }

    fn exactly<const N: usize>(&mut self, what: &'static str) -> Result<&'a [u8; N], OpenError> {
        self.blob()?.try_into().map_err(|_| expected(what))
    }

    /// A LEB128 number of at most 32 bits, in its shortest spelling.
    fn number(&mut self) -> Result<u32, OpenError> {
        let mut number = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                let number = u32::try_from(number).ok().filter(|_| shortest);
                return number.ok_or(expected("a number of 32 bits"));
            }
        }
        Err(expected("a number of 32 bits"))
    }
}

fn unzigzag(number: u32) -> i32 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

fn expected(expected: &'static str) -> OpenError {
    OpenError::Framing { expected }
}
