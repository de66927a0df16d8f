//! The header of a `.npy` file: magic, version, and a Python dictionary of which only one shape is legal.
//!
//! Floor 0. Uses `arith` (the name of a scalar). The grammar is that of `numpy.lib.format`, versions 1 to 3:
//! `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }`, keys in any order, padded with spaces.

use crate::arith::real::Real;

/// `\x93NUMPY`, with which every `.npy` file begins.
pub(super) const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// The longest header read: what version 1 can express. NumPy itself needs 118 bytes for ordinary arrays.
const LONGEST: usize = 65_535;

/// The most dimensions an array may have, as in NumPy 1.
const MOST_DIMENSIONS: usize = 32;

/// The element types that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F32,
    F64,
}

impl Element {
    /// Bytes an element.
    pub(super) fn size(self) -> u64 {
        match self {
            Element::F32 => 4,
            Element::F64 => 8,
        }
    }
}

/// What a header says of the data behind it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub element: Element,
    pub fortran_order: bool,
    pub shape: Vec<usize>,
    /// The product of `shape`.
    pub count: usize,
}

/// The number of bytes that follow the version bytes and tell the header's length, or why there is none.
pub(super) fn length_field(version: [u8; 2]) -> Result<usize, String> {
    match version {
        [1, 0] => Ok(2),
        [2 | 3, 0] => Ok(4),
        [major, minor] => {
            Err(format!("has .npy version {major}.{minor}: expected 1.0, 2.0 or 3.0"))
        }
    }
}

/// The header's length from its little-endian field, refused where it is longer than any real one or
/// than the `available` bytes.
pub(super) fn header_length(field: &[u8], available: u64) -> Result<usize, String> {
    let length = field.iter().rev().fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
    if length > available {
        return Err(format!(
            "is truncated: its header is {length} bytes long and {available} are left"
        ));
    }
    usize::try_from(length)
        .ok()
        .filter(|length| *length <= LONGEST)
        .ok_or_else(|| format!("has a header of {length} bytes: expected at most {LONGEST}"))
}

/// Reads the dictionary.
pub(super) fn parse(text: &[u8]) -> Result<Header, String> {
    let mut parser = Parser { text, at: 0 };
    let (mut element, mut fortran_order, mut shape) = (None, None, None);
    parser.expect(b'{')?;
    while !parser.takes(b'}') {
        let key = parser.string()?;
        parser.expect(b':')?;
        let repeated = match key {
            b"descr" => element.replace(parser.element()?).is_some(),
            b"fortran_order" => fortran_order.replace(parser.boolean()?).is_some(),
            b"shape" => shape.replace(parser.shape()?).is_some(),
            _ => return Err(format!("has the unknown header key {}", quoted(key))),
        };
        if repeated {
            return Err(format!("has the header key {} twice", quoted(key)));
        }
        if !parser.takes(b',') {
            parser.expect(b'}')?;
            break;
        }
    }
    parser.end()?;
    let missing = |key: &str| format!("has no {key:?} in its header");
    let shape = shape.ok_or_else(|| missing("shape"))?;
    Ok(Header {
        element: element.ok_or_else(|| missing("descr"))?,
        fortran_order: fortran_order.ok_or_else(|| missing("fortran_order"))?,
        count: count(&shape)?,
        shape,
    })
}

/// The number of elements. Also where a length is zero the others must multiply to something that an
/// address can express, as ndarray demands.
fn count(shape: &[usize]) -> Result<usize, String> {
    shape
        .iter()
        .filter(|length| **length != 0)
        .try_fold(8usize, |bytes, length| bytes.checked_mul(*length))
        .filter(|bytes| *bytes <= isize::MAX as usize)
        .map(|bytes| if shape.contains(&0) { 0 } else { bytes / 8 })
        .ok_or_else(|| format!("has the impossible shape {shape:?}"))
}

/// The header of a row-major array of T, padded so that the data begin at a multiple of 64 bytes.
pub(super) fn encode<T: Real>(shape: &[usize]) -> Result<Vec<u8>, String> {
    let lengths: Vec<String> = shape.iter().map(|length| length.to_string()).collect();
    let tuple = match lengths.as_slice() {
        [one] => format!("({one},)"),
        several => format!("({})", several.join(", ")),
    };
    let descr = if T::NAME == f32::NAME { "<f4" } else { "<f8" };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple}, }}");
    let before = MAGIC.len() + 2 + 2;
    let unpadded = before + text.len() + 1;
    text.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    text.push('\n');
    if shape.len() > MOST_DIMENSIONS {
        return Err(format!("the array has more than {MOST_DIMENSIONS} dimensions"));
    }
    let length = u16::try_from(text.len()).map_err(|e| e.to_string())?;
    Ok([&MAGIC[..], &[1, 0], &length.to_le_bytes(), text.as_bytes()].concat())
}

/// Bytes of a hostile header as they may stand in a message.
fn quoted(bytes: &[u8]) -> String {
    const MOST: usize = 40;
    let text = String::from_utf8_lossy(bytes);
    if text.chars().count() <= MOST {
        return format!("{text:?}");
    }
    format!("{:?} ...", text.chars().take(MOST).collect::<String>())
}

/// Reads the few Python literals that a header may hold. It never recurses.
struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_spaces(&mut self) {
        let spaces = self.rest().iter().take_while(|c| matches!(c, b' ' | b'\n' | b'\t' | b'\r'));
        self.at += spaces.count();
    }

    fn takes(&mut self, wanted: u8) -> bool {
        self.skip_spaces();
        let found = self.rest().first() == Some(&wanted);
        self.at += usize::from(found);
        found
    }

    fn garbled(&self, expected: &str) -> String {
        let rest = self.rest();
        let found = if rest.is_empty() { "its end".to_owned() } else { quoted(rest) };
        format!("has a garbled header: byte {} is {found}, expected {expected}", self.at)
    }

    fn expect(&mut self, wanted: u8) -> Result<(), String> {
        if self.takes(wanted) {
            return Ok(());
        }
        Err(self.garbled(&format!("{:?}", char::from(wanted))))
    }

    fn end(&mut self) -> Result<(), String> {
        self.skip_spaces();
        if self.rest().is_empty() { Ok(()) } else { Err(self.garbled("the end of the header")) }
    }

    /// A string without escapes.
    fn string(&mut self) -> Result<&'a [u8], String> {
        self.skip_spaces();
        let rest = self.rest();
        let Some((quote @ (b'\'' | b'"'), inside)) = rest.split_first() else {
            return Err(self.garbled("a quoted string"));
        };
        let length = inside.iter().take_while(|c| *c != quote && **c != b'\\').count();
        match (inside.get(..length), inside.get(length)) {
            (Some(string), Some(end)) if end == quote => {
                self.at += length + 2;
                Ok(string)
            }
            _ => Err(self.garbled("a string without escapes")),
        }
    }

    fn boolean(&mut self) -> Result<bool, String> {
        self.skip_spaces();
        for (word, value) in [(&b"True"[..], true), (&b"False"[..], false)] {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.garbled("True or False"))
    }

    fn element(&mut self) -> Result<Element, String> {
        const EXPECTED: &str = "expected little-endian \"<f8\" or \"<f4\"";
        self.skip_spaces();
        if matches!(self.rest().first(), Some(b'[' | b'(')) {
            return Err(format!("has a structured dtype: {EXPECTED}"));
        }
        let name = self.string()?;
        let kind = match name {
            b"<f8" => return Ok(Element::F64),
            b"<f4" => return Ok(Element::F32),
            [b'>', ..] => "big-endian",
            [_, b'O', ..] => "an object (pickled Python)",
            [_, b'i' | b'u', ..] => "integer",
            [_, b'b', ..] => "boolean",
            [_, b'c', ..] => "complex",
            [_, b'S' | b'U' | b'a', ..] => "text",
            [_, b'V', ..] => "raw bytes",
            _ => "unsupported",
        };
        Err(format!("has dtype {}, which is {kind}: {EXPECTED}", quoted(name)))
    }

    fn shape(&mut self) -> Result<Vec<usize>, String> {
        let mut shape = Vec::new();
        self.expect(b'(')?;
        while !self.takes(b')') {
            if shape.len() == MOST_DIMENSIONS {
                return Err(format!("has more than {MOST_DIMENSIONS} dimensions"));
            }
            shape.push(self.length()?);
            if !self.takes(b',') {
                // In Python (3) is a number; the tuple is (3,).
                if shape.len() == 1 {
                    return Err(self.garbled("','"));
                }
                self.expect(b')')?;
                break;
            }
        }
        Ok(shape)
    }

    fn length(&mut self) -> Result<usize, String> {
        self.skip_spaces();
        let digits = self.rest().iter().take_while(|c| c.is_ascii_digit());
        let (count, value) = digits.fold((0, Some(0usize)), |(count, value), digit| {
            let digit = usize::from(digit - b'0');
            (count + 1, value.and_then(|v| v.checked_mul(10)?.checked_add(digit)))
        });
        if count == 0 {
            return Err(self.garbled("a length of the shape"));
        }
        let value = value.ok_or_else(|| self.garbled("a length below 2^64"))?;
        self.at += count;
        Ok(value)
    }
}
