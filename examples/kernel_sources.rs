//! Writes the kernels as they are compiled, one file a format, dimension and kind, into a folder: what `make kernels` compiles.
//!
//! `cargo run --release --example kernel_sources -- FOLDER`

use std::path::Path;

use tweedie::arith::Real;
use tweedie::cuda::{Kernel, Kind, Part, source};

/// In registers, the last such, and beyond.
const DIMENSIONS: [usize; 3] = [2, 8, 64];

fn write<T: Real>(folder: &Path) -> std::io::Result<()> {
    let put = |stem: String, kernel| {
        std::fs::write(folder.join(format!("{stem}_{}.cu", T::NAME)), source::<T>(kernel))
    };
    put("functions".to_string(), Kernel::Functions)?;
    put("random".to_string(), Kernel::Random)?;
    for dimension in DIMENSIONS {
        for (name, kind) in
            [("isotropic", Kind::Isotropic), ("diagonal", Kind::Diagonal), ("full", Kind::Full)]
        {
            put(format!("mixture_{name}_{dimension}"), Kernel::Mixture { dimension, kind })?;
        }
    }
    for part in Part::ALL {
        put(part.name().to_string(), Kernel::Training(part))?;
    }
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
