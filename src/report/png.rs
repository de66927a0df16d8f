//! Small pictures inside an SVG: palette PNG, stored without compression, as a data URI.
//!
//! Floor 8. Uses nothing of the crate. Source: PNG specification, third edition; RFC 1950, RFC 1951, RFC 4648.
//! A grid of cells costs one byte a cell here, against some ninety as rectangles.

/// A picture of `width` columns whose pixels, row by row from the top, are places in a palette of at most 256 colours;
/// missing pixels of the last row are place 0. The result is `data:image/png;base64,…`.
pub fn data_uri(width: usize, pixels: &[u8], palette: &[[u8; 3]]) -> String {
    format!("data:image/png;base64,{}", base64(&png(width, pixels, palette)))
}

fn png(width: usize, pixels: &[u8], palette: &[[u8; 3]]) -> Vec<u8> {
    let width = width.max(1);
    let height = pixels.len().div_ceil(width).max(1);
    let mut header = Vec::new();
    header.extend_from_slice(&(width as u32).to_be_bytes());
    header.extend_from_slice(&(height as u32).to_be_bytes());
    // Eight bits a pixel, colour type 3 (palette), the only compression and filter methods, no interlacing.
    header.extend_from_slice(&[8, 3, 0, 0, 0]);

    let mut rows = Vec::with_capacity(height * (width + 1));
    for row in pixels.chunks(width) {
        rows.push(0);
        rows.extend_from_slice(row);
        rows.resize(rows.len() + width - row.len(), 0);
    }
    if pixels.is_empty() {
        rows.extend_from_slice(&[0, 0]);
    }

    let mut out = vec![0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];
    chunk(&mut out, b"IHDR", &header);
    chunk(&mut out, b"PLTE", palette.as_flattened());
    chunk(&mut out, b"IDAT", &zlib_stored(&rows));
    chunk(&mut out, b"IEND", &[]);
    out
}

fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    out.extend_from_slice(&(data.len() as u32).to_be_bytes());
    out.extend_from_slice(kind);
    out.extend_from_slice(data);
    out.extend_from_slice(&crc32(kind.iter().chain(data)).to_be_bytes());
}

/// A zlib stream of stored blocks.
fn zlib_stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks = data.len().div_ceil(0xffff).max(1);
    for block in 0..blocks {
        let start = block * 0xffff;
        let part = data.get(start..data.len().min(start + 0xffff)).unwrap_or(&[]);
        let length = part.len() as u16;
        out.push(u8::from(block + 1 == blocks));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&adler32(data).to_be_bytes());
    out
}

fn crc32<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1u32, 0u32);
    for &byte in bytes {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    (b << 16) | a
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place > group.len() {
                out.push('=');
                continue;
            }
            let digit = (word >> (18 - 6 * place)) & 63;
            out.push(ALPHABET.get(digit as usize).map_or('A', |&c| char::from(c)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_and_base64_are_those_of_the_standards() {
        // The check values of the CRC catalogue and of RFC 1950's and RFC 4648's examples.
        assert_eq!(crc32(b"123456789".iter()), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(base64(b"foobar"), "Zm9vYmFy");
        assert_eq!(base64(b"fooba"), "Zm9vYmE=");
        assert_eq!(base64(b"foob"), "Zm9vYg==");
    }

    #[test]
    fn a_picture_larger_than_one_stored_block_keeps_every_row() {
        let pixels = vec![1u8; 300 * 300];
        let stream = png(300, &pixels, &[[0, 0, 0], [255, 255, 255]]);
        // 8 signature, 25 header, 18 palette, 12 end, 12 around the data; 2 + 4 zlib, 5 a block of 65,535 bytes.
        let data = 300 * 301;
        assert_eq!(stream.len(), 8 + 25 + 18 + 12 + 12 + 6 + 5 * 2 + data);
    }
}
