//! A layer's product in the fast mode (docs/fast.md): its kernel equals its Rust definition bit for bit on a matrix unit that adds in order and
//! rounds to nearest, and is within its bound on every unit that the assumption allows (N4). Mistakes are planted at the end.

mod cuda;
#[allow(dead_code)]
#[path = "draws/mod.rs"]
mod draws;

use cuda::agree::{difference, numbers};
use cuda::{Argument, Launch, Program, Watch, bits};
use draws::normals;
use ndarray::{Array1, Array2};
use proptest::prelude::*;
use tweedie::cuda::{Kernel, Parts, fast_product, fast_product_rate, source};

/// As in `kernels_fast.rs`: the units that assumption M allows, and those that it does not.
const UNITS: std::ops::RangeInclusive<u32> = 1..=10;
const WRONG_UNITS: [u32; 2] = [100, 101];

/// A layer's factors: magnitudes over many powers of two, and cancellation where it is wanted.
fn factors(
    rows: usize,
    inner: usize,
    columns: usize,
    cancel: bool,
    seed: u64,
) -> (Array2<f32>, Array2<f32>, Array1<f32>) {
    let z = normals(seed, 1, (rows + columns) * inner + columns);
    let scale = |at: usize| 2f64.powi(((at * 2_654_435_761) % 21) as i32 - 10);
    let left = Array2::from_shape_fn((rows, inner), |(r, i)| (z[r * inner + i] * scale(i)) as f32);
    let from = rows * inner;
    let right = Array2::from_shape_fn((columns, inner), |(c, i)| {
        // The second half of each sum takes back the first, nearly.
        let sign = if cancel && i >= inner / 2 { -1.0 } else { 1.0 };
        (sign * z[from + c * inner + i].abs() / scale(i)) as f32
    });
    let bias = (0..columns).map(|c| z[from + columns * inner + c] as f32).collect();
    (left, right, bias)
}

/// The largest error over its bound, of the kernel on a unit; whether it is the definition, on the definition's.
fn product_off(
    text: &str,
    parts: Parts,
    (rows, inner, columns): (usize, usize, usize),
    cancel: bool,
    seed: u64,
    (unit, watch): (u32, Watch),
) -> Result<f64, String> {
    let (left, right, bias) = factors(rows, inner, columns, cancel, seed);
    let flat = |matrix: &Array2<f32>| matrix.iter().copied().collect::<Vec<f32>>();
    let launch = Launch {
        schedule: unit << 24,
        blocks: (rows.div_ceil(64) * columns.div_ceil(32)) as u32,
        threads: 128,
        shared: 0,
    };
    let bias_here: Vec<f32> = if seed.is_multiple_of(2) { bias.to_vec() } else { Vec::new() };
    let buffers = Program::new(text, watch).run(
        "fast_product",
        launch,
        &[
            Argument::count(rows as u64),
            Argument::int(inner as i32),
            Argument::int(columns as i32),
            Argument::array(&flat(&left)),
            Argument::array(&flat(&right)),
            Argument::array(&bias_here),
            Argument::room::<f32>(rows * columns),
        ],
    )?;
    let out = buffers.last().ok_or("no buffers")?;
    let given = (!bias_here.is_empty()).then(|| bias.view());
    let expected =
        fast_product(left.view(), right.view(), given, parts).map_err(|e| e.to_string())?;
    let expected: Vec<f32> = expected.iter().copied().collect();
    if unit == 0
        && let Some(at) = difference(&bits::<f32>(out), &expected)
    {
        return Err(at);
    }
    let (rate, floor) = fast_product_rate(inner, parts);
    let mut worst = 0.0f64;
    for (at, found) in numbers::<f32>(out).into_iter().enumerate() {
        let (r, c) = (at / columns, at % columns);
        let first = if given.is_some() { f64::from(bias[c]) } else { 0.0 };
        let terms = || {
            left.row(r).into_iter().zip(right.row(c)).map(|(a, b)| f64::from(*a) * f64::from(*b))
        };
        let (exact, size) =
            (first + terms().sum::<f64>(), first.abs() + terms().map(f64::abs).sum::<f64>());
        // The truth's own error, of products that are exact: u for each addition.
        let bound = (rate + (inner + 2) as f64 * f64::EPSILON) * size + floor;
        let off = (f64::from(found) - exact).abs() / bound;
        worst = if off.is_nan() { f64::INFINITY } else { worst.max(off) };
    }
    Ok(worst)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_layers_product_is_its_definition_and_within_its_bound_on_every_unit(
        rows in prop::sample::select(vec![1usize, 15, 65]), inner in prop::sample::select(vec![1usize, 15, 64, 130]),
        columns in prop::sample::select(vec![1usize, 31, 33]), three in any::<bool>(), cancel in any::<bool>(), seed in any::<u64>(), unit in UNITS,
    ) {
        let parts = if three { Parts::Three } else { Parts::Two };
        let text = source::<f32>(Kernel::FastProduct { parts });
        for unit in [0, unit] {
            let off = product_off(&text, parts, (rows, inner, columns), cancel, seed, (unit, Watch::Nothing));
            prop_assert!(matches!(off, Ok(off) if off <= 1.0), "unit {unit}: {off:?}");
        }
    }
}

#[test]
fn planted_mistakes_in_the_product_are_caught() {
    let parts = Parts::Three;
    let right = source::<f32>(Kernel::FastProduct { parts });
    let caught = |from: &str, to: &str, unit: u32| {
        assert!(right.contains(from), "{from}");
        let text = right.replacen(from, to, 1);
        let of = |watch| product_off(&text, parts, (17, 71, 33), true, 8, (unit, watch));
        let wrong = |watch| !matches!(of(watch), Ok(off) if off <= 1.0);
        wrong(Watch::Nothing) || wrong(Watch::Sanitizers)
    };
    assert!(!caught("TILES", "TILES", 0));
    for (from, to) in [
        ("row + 8 * (i % 2), at + 8 * (i / 2)", "row + 8 * (i / 2), at + 8 * (i % 2)"),
        ("column + 8 * tile + group, at + 8 * half", "column + 8 * tile + quad, at + 8 * half"),
        ("at + 1 < inner", "at + 1 <= inner"),
        ("row < rows && at < inner", "at < inner"),
        ("if (r < rows && c < columns)", "if (r < rows)"),
        ("bias ? sum[tile][i] + bias[c] : sum[tile][i]", "sum[tile][i]"),
        ("sum[tile][i] = sum[tile][i] + (", "sum[tile][i] = ("),
    ] {
        assert!(caught(from, to, 0), "{from}: {to}");
    }
    for unit in WRONG_UNITS {
        assert!(caught("TILES", "TILES", unit), "unit {unit}");
    }
    let far = Array2::from_elem((1, 1), 1e30f32);
    assert!(fast_product(far.view(), far.view(), None, parts).is_err());
}
