//! Archives that nobody should trust.

use std::io::{Cursor, Write};

use tweedie::format::npz::parse_npz;

use crate::*;

fn archive(members: &[(&str, Vec<u8>)], method: zip::CompressionMethod) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    // 100 MB of zeros as one array: legal but for its expansion, a thousandfold.
    let zeros = npy(&described("<f8", "(12500000,)"), &vec![0; 100_000_000]);
    let bomb = archive(&[("a.npy", zeros)], zip::CompressionMethod::Deflated);
    assert!(bomb.len() < 200_000);
    assert_refused(parse_npz(&bomb), "expands to more than 67108864 bytes");
    // The limit holds for all members together.
    let part = npy(&described("<f8", "(5000000,)"), &vec![0; 40_000_000]);
    let one = archive(&[("a.npy", part.clone())], zip::CompressionMethod::Deflated);
    assert_eq!(parse_npz(&one).unwrap()[0].1.len(), 5_000_000);
    let members = [("a.npy", part.clone()), ("b.npy", part)];
    let two = archive(&members, zip::CompressionMethod::Deflated);
    assert_refused(parse_npz(&two), "expands to more than");
}

#[test]
fn a_member_that_lies_about_its_size_or_sum_is_refused() {
    let array = npy(&described("<f8", "(2,)"), &[0; 16]);
    let size = (array.len() as u32).to_le_bytes();
    for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
        let good = archive(&[("a.npy", array.clone())], method);
        parse_npz(&good).unwrap();
        for shift in [-8i64, -1, 1, 1 << 30] {
            let lie = ((array.len() as i64 + shift) as u32).to_le_bytes();
            let mut bad = good.clone();
            let mut places = 0;
            for at in 0..bad.len() - 4 {
                if bad[at..at + 4] == size {
                    bad[at..at + 4].copy_from_slice(&lie);
                    places += 1;
                }
            }
            assert!(places >= 2, "the local and the central header");
            message(parse_npz(&bad));
        }
    }
    let mut bad = archive(&[("a.npy", array.clone())], zip::CompressionMethod::Stored);
    let data = bad.windows(array.len()).position(|window| window == array).unwrap();
    bad[data + array.len() - 1] ^= 1;
    assert_refused(parse_npz(&bad), "checksum");
}

#[test]
fn strange_members_are_refused_by_name() {
    let array = || npy(&described("<f8", "(2,)"), &[0; 16]);
    let stored = zip::CompressionMethod::Stored;
    assert_refused(parse_npz(&archive(&[("read\nme", vec![])], stored)), "holds \"read\\nme\"");
    assert_refused(parse_npz(&archive(&[("a.npy", vec![])], stored)), "array \"a\": is empty");
    // Renaming the second member in place gives the archive the same name twice.
    let mut twice = archive(&[("a.npy", array()), ("b.npy", array())], stored);
    for at in 0..twice.len() - 5 {
        if &twice[at..at + 5] == b"b.npy" {
            twice[at] = b'a';
        }
    }
    assert_refused(parse_npz(&twice), "duplicate");
    // An end record alone is an archive without members, as numpy.savez writes for no arrays.
    let empty = [b"PK\x05\x06".to_vec(), vec![0; 18]].concat();
    assert_eq!(parse_npz(&empty).unwrap(), []);
}
