//! Arrays in NumPy's `.npy` format: f32 and f64, little-endian, row- or column-major, versions 1 to 3.
//!
//! Floor 0. Uses `error` and `arith` (the scalars). Source: the format's definition in
//! `numpy.lib.format`. Everything else that the format can hold (big-endian, integers, objects, structures)
//! is refused by name. The shape in the header must account for every byte of the file, so that nothing
//! is allocated that the file does not hold.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use ndarray::{Array2, ArrayBase, ArrayD, Data, Dimension, IxDyn, ShapeBuilder};

use super::atomic::write_atomic;
use super::header::{self, Element, Header, MAGIC};
use super::{open_regular, refuse, shown};
use crate::arith::real::Real;
use crate::error::{Error, Result};

/// Reads a batch of points, an N×d row-major array, from a `.npy` file. A one-dimensional array of N
/// numbers is N points of one dimension. N may be 0; d may not.
///
/// An f32 file asked for as f64 is widened exactly; an f64 file asked for as f32 is rounded to nearest,
/// ties to even.
///
/// # Errors
/// [`Error::File`] where the file cannot be read, is not such an array or has another number of dimensions;
/// [`Error::FileEntry`] for an entry that is NaN or infinite, or that rounds to an infinity in T.
pub fn read_points<T: Real>(path: &Path) -> Result<Array2<T>> {
    let place = shown(path);
    let array = read_file::<T>(path)?;
    let found = array.shape().to_vec();
    let shape = match found.as_slice() {
        [n] => (*n, 1),
        [n, d] if *d > 0 => (*n, *d),
        _ => {
            let reason = format!("has the shape {found:?}: expected (N, d) or (N,), d at least 1");
            return Err(refuse(&place, reason));
        }
    };
    array.into_shape_with_order(shape).map_err(|e| refuse(&place, e))
}

/// Reads an array of any shape, row-major, from a `.npy` file; f32 is widened exactly.
///
/// # Errors
/// As [`read_points`], for any number of dimensions up to 32.
pub fn read_array_f64(path: &Path) -> Result<ArrayD<f64>> {
    read_file(path)
}

/// Reads the bytes of a `.npy` file, for data that are compiled in.
///
/// # Errors
/// As [`read_array_f64`]; the path in the message is `(bytes)`.
pub fn parse_array(bytes: &[u8]) -> Result<ArrayD<f64>> {
    decode("(bytes)", bytes, bytes.len() as u64)
}

/// An array of either scalar and any shape or layout, as [`write_npy`] and
/// [`write_npz`](super::npz::write_npz) take it.
pub trait Stored {
    /// Bytes of the array as a `.npy` file.
    fn byte_length(&self) -> u64;
    /// Writes the array as a `.npy` file: version 1.0, little-endian, row-major.
    ///
    /// # Errors
    /// Those of `writer`, and more than 32 dimensions.
    fn write_to(&self, writer: &mut dyn Write) -> io::Result<()>;
}

/// A borrowed array of either scalar: `&array as ArrayRef`.
pub type ArrayRef<'a> = &'a dyn Stored;

impl<T: Real, S: Data<Elem = T>, D: Dimension> Stored for ArrayBase<S, D> {
    fn byte_length(&self) -> u64 {
        let header = header::encode::<T>(self.shape()).map_or(0, |header| header.len());
        (header + self.len() * size_of::<T>()) as u64
    }

    fn write_to(&self, writer: &mut dyn Write) -> io::Result<()> {
        let mut writer = BufWriter::new(writer);
        writer.write_all(&header::encode::<T>(self.shape()).map_err(io::Error::other)?)?;
        for value in self.iter() {
            let wide = value.to_f64();
            // Both conversions are exact: the value came from this very format.
            if T::NAME == f32::NAME {
                writer.write_all(&(wide as f32).to_le_bytes())?;
            } else {
                writer.write_all(&wide.to_le_bytes())?;
            }
        }
        writer.flush()
    }
}

/// Writes an array as a `.npy` file, whole or not at all. The same array gives the same bytes.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_npy(path: &Path, array: ArrayRef) -> Result<()> {
    write_atomic(path, |writer| array.write_to(writer))
}

fn read_file<T: Real>(path: &Path) -> Result<ArrayD<T>> {
    let place = shown(path);
    let (file, length) = open_regular(path).map_err(|e| refuse(&place, e))?;
    decode(&place, BufReader::<File>::new(file), length)
}

/// Decodes the `length` bytes of `reader`, called `place` in messages.
pub(super) fn decode<T: Real>(
    place: &str,
    mut reader: impl Read,
    length: u64,
) -> Result<ArrayD<T>> {
    let (header, data_length) =
        read_header(&mut reader, length).map_err(|reason| refuse(place, reason))?;
    let expected = header.element.size() * header.count as u64;
    if data_length != expected {
        let relation = if data_length < expected { "is truncated" } else { "has trailing bytes" };
        let reason = format!(
            "{relation}: {data_length} bytes of data, expected {expected} for the shape {:?}",
            header.shape
        );
        return Err(refuse(place, reason));
    }
    let values = read_values(&mut reader, &header).map_err(|reason| refuse(place, reason))?;
    // Reading to the end lets an archive compare its checksum.
    match reader.read(&mut [0]) {
        Ok(0) => arrange(place, values, &header),
        Ok(_) => Err(refuse(place, "is longer than it says")),
        Err(e) => Err(refuse(place, e)),
    }
}

/// The header, and the number of bytes behind it.
fn read_header(reader: &mut impl Read, length: u64) -> std::result::Result<(Header, u64), String> {
    if length == 0 {
        return Err("is empty: expected a .npy array".to_owned());
    }
    let mut start = [0; 8];
    let short = length.min(start.len() as u64) as usize;
    let (there, missing) = start.split_at_mut(short);
    reader.read_exact(there).map_err(|e| e.to_string())?;
    if there.starts_with(b"PK\x03\x04") {
        return Err("is a ZIP archive (.npz?): expected a .npy array".to_owned());
    }
    if !there.iter().zip(&MAGIC).all(|(found, wanted)| found == wanted) {
        return Err("is not a .npy file: it does not begin with \"\\x93NUMPY\"".to_owned());
    }
    if !missing.is_empty() {
        return Err("is truncated: it ends within its first 8 bytes".to_owned());
    }
    let [.., major, minor] = start;
    let mut left = length - start.len() as u64;

    let mut field = [0; 4];
    let width = header::length_field([major, minor])?;
    let field = field.get_mut(..width).unwrap_or_default();
    if left < width as u64 {
        return Err("is truncated: it ends before its header".to_owned());
    }
    reader.read_exact(field).map_err(|e| e.to_string())?;
    left -= width as u64;

    let mut text = vec![0; header::header_length(field, left)?];
    reader.read_exact(&mut text).map_err(|e| e.to_string())?;
    Ok((header::parse(&text)?, left - text.len() as u64))
}

/// All numbers in the file's order, exactly, each as the scalar asked for (an overflow gives an infinity).
/// The file holds as many bytes as the header says, so the allocation is as large as the file, or twice.
fn read_values<T: Real>(
    reader: &mut impl Read,
    header: &Header,
) -> std::result::Result<Values<T>, String> {
    const CHUNK: usize = 8192;
    let mut values: Vec<T> = Vec::new();
    let short = |_| format!("needs memory for {} numbers, which there is not", header.count);
    values.try_reserve_exact(header.count).map_err(short)?;
    let mut first_bad = None;
    let mut buffer = [0; 8 * CHUNK];
    while values.len() < header.count {
        let wanted = CHUNK.min(header.count - values.len());
        let bytes = buffer.get_mut(..wanted * header.element.size() as usize).unwrap_or_default();
        reader.read_exact(bytes).map_err(|e| e.to_string())?;
        let mut push = |value: f64| {
            let number = T::from_f64(value);
            if !number.is_finite() && first_bad.is_none() {
                first_bad = Some((values.len(), value));
            }
            values.push(number);
        };
        match header.element {
            Element::F32 => {
                for word in bytes.as_chunks().0 {
                    push(f64::from(f32::from_le_bytes(*word)));
                }
            }
            Element::F64 => {
                for word in bytes.as_chunks().0 {
                    push(f64::from_le_bytes(*word));
                }
            }
        }
    }
    Ok(Values { values, first_bad })
}

/// The numbers of a file in its own order, and the first that the scalar T does not hold: its position
/// and its value in the file.
struct Values<T> {
    values: Vec<T>,
    first_bad: Option<(usize, f64)>,
}

/// The row-major array of the numbers, all of which must be finite.
fn arrange<T: Real>(place: &str, found: Values<T>, header: &Header) -> Result<ArrayD<T>> {
    if let Some((position, value)) = found.first_bad {
        let expected = if value.is_finite() {
            "a number that f32 can hold (at most 3.4028235e38 in size)"
        } else {
            "a finite number"
        };
        let index = index_of(position, header);
        return Err(Error::FileEntry { path: place.to_owned(), index, value, expected });
    }
    let shape = IxDyn(&header.shape).set_f(header.fortran_order);
    let array = ArrayD::from_shape_vec(shape, found.values).map_err(|e| refuse(place, e))?;
    if array.is_standard_layout() {
        return Ok(array);
    }
    Ok(array.as_standard_layout().into_owned())
}

/// The index of the element that is at `position` in the file.
fn index_of(mut position: usize, header: &Header) -> Vec<usize> {
    let mut index = vec![0; header.shape.len()];
    let mut place = |(i, length): (&mut usize, &usize)| {
        // No length is zero, since the array has the element at `position`.
        *i = position % length;
        position /= length;
    };
    let axes = index.iter_mut().zip(&header.shape);
    if header.fortran_order {
        axes.for_each(&mut place)
    } else {
        axes.rev().for_each(&mut place)
    }
    index
}
