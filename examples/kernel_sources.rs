//! Writes the kernels as they are compiled, one file a format, dimension and kind, into a folder: what `make kernels` compiles.
//!
//! `cargo run --release --example kernel_sources -- FOLDER`

use std::path::Path;

use tweedie::arith::Real;
use tweedie::cuda::{Kernel, Kind, source};

/// In registers, the last such, and beyond.
const DIMENSIONS: [usize; 3] = [2, 8, 64];
/// The last dimensions whose rows are in registers, and one beyond.
const ENDS: [usize; 3] = [4, 8, 64];

fn write<T: Real>(folder: &Path) -> std::io::Result<()> {
    let put = |stem: String, kernel| {
        std::fs::write(folder.join(format!("{stem}_{}.cu", T::NAME)), source::<T>(kernel))
    };
    put("functions".to_string(), Kernel::Functions)?;
    put("random".to_string(), Kernel::Random)?;
    let kinds = [Kind::Isotropic, Kind::Diagonal, Kind::Full];
    let put_each = |dimensions: &[usize], kernel: fn(usize, Kind) -> Kernel| {
        for (&dimension, kind) in dimensions.iter().flat_map(|d| kinds.map(|kind| (d, kind))) {
            let made = kernel(dimension, kind);
            let kind = format!("{kind:?}").to_lowercase();
            put(format!("{}_{kind}_{dimension}", made.name()), made)?;
        }
        std::io::Result::Ok(())
    };
    put_each(&DIMENSIONS, |dimension, kind| Kernel::Mixture { dimension, kind })?;
    put_each(&ENDS[1..], |dimension, kind| Kernel::Spread { dimension, kind })?;
    put_each(&ENDS, |dimension, kind| Kernel::Sampler { dimension, kind })?;
    put_each(&ENDS, |dimension, kind| Kernel::Covariance { dimension, kind })?;
    Ok(())
}

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args().nth(1) else {
        return Err(std::io::Error::other("usage: kernel_sources FOLDER"));
    };
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    write::<f32>(folder)?;
    write::<f64>(folder)
}
