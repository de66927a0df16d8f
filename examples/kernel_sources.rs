//! Writes the kernels as they are compiled, one file a format, dimension and kind, into a folder: what `make kernels` compiles.
//!
//! `cargo run --release --example kernel_sources -- FOLDER`

use std::path::Path;

use tweedie::arith::Real;
use tweedie::cuda::{Kernel, Kind, Part, Parts, source};

const KINDS: [Kind; 3] = [Kind::Isotropic, Kind::Diagonal, Kind::Full];

fn write<T: Real>(folder: &Path) -> std::io::Result<()> {
    let put = |stem: String, kernel| {
        std::fs::write(folder.join(format!("{stem}_{}.cu", T::NAME)), source::<T>(kernel))
    };
    put("functions".to_string(), Kernel::Functions)?;
    put("random".to_string(), Kernel::Random)?;
    // In registers, the last such, and beyond. Full covariances leave the registers earlier in f64 than in f32.
    let laws = |dimensions: &[usize], kernel: fn(usize, Kind) -> Kernel| {
        let pairs = dimensions.iter().flat_map(|&d| KINDS.map(|kind| (d, kind)));
        pairs.map(|(d, kind)| kernel(d, kind)).collect::<Vec<_>>()
    };
    let mut kernels = laws(&[2, 8, 64], |dimension, kind| Kernel::Mixture { dimension, kind });
    kernels.push(Kernel::Mixture { dimension: 4, kind: Kind::Full });
    kernels.extend(laws(&[8, 64], |dimension, kind| Kernel::Sampler { dimension, kind }));
    kernels.push(Kernel::Sampler { dimension: 4, kind: Kind::Full });
    kernels.extend(laws(&[4, 64], |dimension, kind| Kernel::Covariance { dimension, kind }));
    kernels.extend(laws(&[8, 64], |dimension, kind| Kernel::Spread { dimension, kind }));
    for kernel in kernels {
        if let Some((dimension, kind)) = kernel.law() {
            let kind = format!("{kind:?}").to_lowercase();
            put(format!("{}_{kind}_{dimension}", kernel.name()), kernel)?;
        }
    }
    for part in Part::ALL {
        put(part.name().to_string(), Kernel::Training(part))?;
    }
    Ok(())
}

/// The fast mode is in f32.
fn write_fast(folder: &Path) -> std::io::Result<()> {
    for (parts, name) in [(Parts::Two, "two"), (Parts::Three, "three")] {
        for dimension in [2, 16, 64] {
            let text = source::<f32>(Kernel::Fast { dimension, parts });
            std::fs::write(folder.join(format!("fast_{dimension}_{name}.cu")), text)?;
        }
        let text = source::<f32>(Kernel::FastProduct { parts });
        std::fs::write(folder.join(format!("fast_product_{name}.cu")), text)?;
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
    write::<f64>(folder)?;
    write_fast(folder)
}
