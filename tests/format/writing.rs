//! What is written, and what is left alone.

use std::io::Write;

use ndarray::{Array1, arr0, s};
use tweedie::format::atomic::{write_atomic, write_text};
use tweedie::format::mixture_file::{CovarianceFile, MixtureFile, write_mixture};
use tweedie::format::npy::{ArrayRef, read_array_f64, write_npy};
use tweedie::format::npz::{read_npz, write_npz};

use crate::*;

#[test]
fn what_is_written_is_read_back_to_the_bit() {
    let directory = directory("round_trip");
    let extremes = ndarray::arr1(&[0.0, -0.0, f64::MAX, -f64::MIN_POSITIVE, 5e-324, 1.0 / 3.0]);
    let narrow = extremes.mapv(|x| x as f32).mapv(|x| if x.is_finite() { x } else { f32::MAX });
    let reversed = cube().slice_move(s![..;-1, .., ..2]).reversed_axes().into_dyn();
    let arrays: [(&str, ArrayRef); 5] = [
        ("extremes", &extremes),
        ("narrow", &narrow),
        ("reversed", &reversed),
        ("none", &Array2::<f32>::zeros((0, 3))),
        ("scalar", &arr0(0.1)),
    ];
    let path = directory.join("arrays.npz");
    write_npz(&path, &arrays).unwrap();
    let read = read_npz(&path).unwrap();
    let names: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["extremes", "narrow", "reversed", "none", "scalar"]);
    assert!(same_bits(&read[0].1, &extremes.clone().into_dyn()));
    assert!(same_bits(&read[1].1, &narrow.mapv(f64::from).into_dyn()));
    assert!(same_bits(&read[2].1, &reversed));
    assert_eq!(read[3].1.shape(), [0, 3]);
    assert!(same_bits(&read[4].1, &arr0(0.1).into_dyn()));

    // The same arrays give the same bytes, and nothing else is left in the directory.
    let first = fs::read(&path).unwrap();
    write_npz(&path, &arrays).unwrap();
    assert_eq!(fs::read(&path).unwrap(), first);
    write_npy(&directory.join("reversed.npy"), &reversed).unwrap();
    assert!(same_bits(&read_array_f64(&directory.join("reversed.npy")).unwrap(), &reversed));
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
}

#[test]
fn what_we_write_is_byte_for_byte_what_numpy_writes() {
    let directory = directory("as_numpy");
    let path = directory.join("table.npy");
    write_npy(&path, &table()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(data("f64.npy")).unwrap());
    write_npy(&path, &table().mapv(|x| x as f32)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(data("f32.npy")).unwrap());
    write_npy(&path, &table().slice(s![.., 0])).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(data("vector.npy")).unwrap());
    write_npy(&path, &arr0(1.0 / 3.0)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(data("scalar.npy")).unwrap());
}

/// Leaves files for tests/judge/read_back.py, which reads them with NumPy.
#[test]
fn files_for_numpy_to_judge() {
    let directory = directory("judge");
    let table = table();
    let narrow = table.mapv(|x| x as f32);
    write_npy(&directory.join("table.npy"), &table.t()).unwrap();
    let arrays: [(&str, ArrayRef); 4] =
        [("f64", &table), ("f32", &narrow), ("cube", &cube()), ("none", &Array1::<f64>::zeros(0))];
    write_npz(&directory.join("arrays.npz"), &arrays).unwrap();
    let mixture = MixtureFile {
        weights: vec![table[[0, 0]], table[[1, 0]]],
        means: vec![vec![5e-324, 1e23], vec![-0.0, f64::MAX]],
        covariance: CovarianceFile::Diagonal(vec![table.row(0).to_vec(), table.row(1).to_vec()]),
    };
    write_mixture(&directory.join("mixture.json"), &mixture).unwrap();
}

#[test]
fn an_array_with_too_many_dimensions_or_a_repeated_name_is_not_written() {
    let path = directory("unwritten").join("output");
    let deep = ArrayD::<f64>::zeros(IxDyn(&[1; 33]));
    assert_refused(write_npy(&path, &deep), "more than 32 dimensions");
    let one = arr0(1.0);
    assert_refused(write_npz(&path, &[("a", &one), ("a", &one)]), "uplicate");
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
}

#[test]
fn a_write_that_fails_leaves_what_was_there() {
    let directory = directory("atomic");
    let path = directory.join("kept");
    write_text(&path, "before").unwrap();
    let fails = write_atomic(&path, |writer| {
        writer.write_all(&[b'x'; 100_000])?;
        Err(std::io::Error::other("disk on fire"))
    });
    assert_eq!(message(fails), format!("{}: disk on fire", path.display()));
    let panics = std::panic::catch_unwind(|| {
        let _ = write_atomic(&path, |writer| {
            writer.write_all(&[b'x'; 100_000])?;
            panic!("as planned");
        });
    });
    assert!(panics.is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "before");
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "no temporary file is left");
    write_text(&path, "after").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "after");
}

#[test]
fn an_unwritable_place_is_refused_with_the_reason() {
    let directory = directory("unwritable");
    assert_refused(write_text(&directory, ""), "is a directory");
    assert_refused(write_text(&directory.join("missing/output"), ""), "No such file");
    write_text(&directory.join("file"), "").unwrap();
    assert_refused(write_text(&directory.join("file/output"), ""), "Not a directory");
    assert_refused(write_text(&directory.join(".."), ""), "is a directory");
    assert_refused(write_text(Path::new(""), ""), "names no file");
    // A socket of the test's own stands for every special file: were the refusal broken, a device named
    // here would be replaced in earnest. (The name of a socket must be short.)
    #[cfg(unix)]
    {
        let socket = std::env::temp_dir().join(format!("tweedie-{}", std::process::id()));
        let _bound = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_refused(write_text(&socket, ""), "is not a regular file");
        fs::remove_file(&socket).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn permissions_and_links_survive_and_write_protection_is_respected() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let directory = directory("permissions");
    let (path, link) = (directory.join("file"), directory.join("link"));
    write_text(&path, "before").unwrap();
    symlink("file", &link).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    write_text(&link, "after").unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs::read_to_string(&path).unwrap(), "after");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
    // The superuser may write to it all the same.
    let allowed = fs::OpenOptions::new().write(true).open(&path).is_ok();
    assert_eq!(write_text(&path, "").is_ok(), allowed);
}
