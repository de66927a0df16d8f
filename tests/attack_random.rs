//! Random perturbations: their laws, containment and addresses.
//!
//! Every statistical test states what it would wrongly fail at: at most 10⁻⁹ over all seeds, though the seeds are fixed.
//! The same tests must refuse the draws that are usually written by mistake.

mod judge;

use judge::Big;
use ndarray::{Array2, s};
use proptest::prelude::*;
use tweedie::Error;
use tweedie::arith::{Real, fill_normal, fill_uniform};
use tweedie::attack::{Address, Norm, Shape};

const BITS: usize = 4400;
const FALSE_ALARM: f64 = 1e-9;
const N: usize = 200_000;

const SHAPES: [Shape; 6] = [
    Shape::Box,
    Shape::Ball(Norm::Linf),
    Shape::Ball(Norm::L2),
    Shape::Ball(Norm::L1),
    Shape::Sphere,
    Shape::Gaussian,
];

fn inside<T: Real>(norm: Norm, row: &[T], r: T) -> bool {
    let big = |x: f64| Big::new(x, BITS);
    let entries = row.iter().map(|x| big(x.to_f64()).abs());
    let r = big(r.to_f64());
    match norm {
        Norm::Linf => entries.into_iter().all(|x| x <= r),
        Norm::L1 => entries.fold(big(0.0), |sum, x| sum + x) <= r,
        Norm::L2 => entries.fold(big(0.0), |sum, x| sum + &x * &x) <= &r * &r,
    }
}

/// sup |F_n − F| over a sample of n exceeds this with probability at most 10⁻⁹ (Dvoretzky, Kiefer, Wolfowitz; Massart
/// 1990). For n = 200 000 it is 0.0073.
fn dkw(n: usize) -> f64 {
    ((2.0 / FALSE_ALARM).ln() / (2.0 * n as f64)).sqrt()
}

/// The distance of a sample on [0, 1] to the uniform law.
fn distance(mut sample: Vec<f64>) -> f64 {
    sample.sort_by(f64::total_cmp);
    let n = sample.len() as f64;
    let gap = |(i, x): (usize, &f64)| (x - i as f64 / n).abs().max((x - (i + 1) as f64 / n).abs());
    sample.iter().enumerate().map(gap).fold(0.0, f64::max)
}

fn draw(shape: Shape, r: f64, d: usize) -> Array2<f64> {
    let address = Address { seed: 7, stream: 3, first_row: 11 };
    shape.draw(address, &vec![r; N], d).unwrap()
}

/// The law of ω/r by statistics that are uniform on [0, 1]: of the length, and of a direction.
fn statistics(shape: Shape, omega: &Array2<f64>, r: f64) -> Vec<Vec<f64>> {
    let d = omega.ncols() as i32;
    let each = |f: &dyn Fn(&[f64]) -> f64| -> Vec<f64> {
        omega.rows().into_iter().map(|row| f(row.to_slice().expect("a row"))).collect()
    };
    let length = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt() / r;
    let total = |row: &[f64]| row.iter().map(|x| x.abs()).sum::<f64>() / r;
    match shape {
        Shape::Box | Shape::Ball(Norm::Linf) => {
            (0..omega.ncols()).map(|i| each(&|row: &[f64]| 0.5 * (row[i] / r + 1.0))).collect()
        }
        // In three dimensions a coordinate of the direction is uniform (Archimedes).
        Shape::Ball(Norm::L2) => vec![
            each(&|row: &[f64]| length(row).powi(d)),
            each(&|row: &[f64]| 0.5 * (row[0] / r / length(row) + 1.0)),
            each(&|row: &[f64]| 0.5 * (row[2] / r / length(row) + 1.0)),
        ],
        Shape::Sphere => vec![
            each(&|row: &[f64]| 0.5 * (row[0] / r + 1.0)),
            each(&|row: &[f64]| 0.5 * (row[1] / r + 1.0)),
        ],
        // Σ|ω_i|/r has the law t^d; |ω_i|/r has 1 − (1 − t)^d, and its sign is fair.
        Shape::Ball(Norm::L1) => vec![
            each(&|row: &[f64]| total(row).powi(d)),
            each(&|row: &[f64]| {
                let upper = 0.5 * (1.0 - row[0].abs() / r).powi(d);
                if row[0] < 0.0 { upper } else { 1.0 - upper }
            }),
            each(&|row: &[f64]| {
                let upper = 0.5 * (1.0 - row[2].abs() / r).powi(d);
                if row[2] < 0.0 { upper } else { 1.0 - upper }
            }),
        ],
        // (ω_1² + ω_2²)/r² is exponential of mean 2, its angle is uniform.
        Shape::Gaussian => vec![
            each(&|row: &[f64]| (-0.5 * (row[0] * row[0] + row[1] * row[1]) / (r * r)).exp()),
            each(&|row: &[f64]| row[1].atan2(row[0]) / std::f64::consts::TAU + 0.5),
            each(&|row: &[f64]| (-0.5 * (row[1] * row[1] + row[2] * row[2]) / (r * r)).exp()),
        ],
    }
}

fn worst(shape: Shape, omega: &Array2<f64>, r: f64) -> f64 {
    statistics(shape, omega, r).into_iter().map(distance).fold(0.0, f64::max)
}

#[test]
fn every_shape_has_its_law() {
    for shape in SHAPES {
        let found = worst(shape, &draw(shape, 0.7, 3), 0.7);
        assert!(found <= dkw(N), "{shape:?}: {found}");
    }
}

/// Mistakes that the statistics must see, each as far off as is said.
#[test]
fn wrong_laws_are_caught() {
    let mut normals = vec![0.0; 3 * N];
    fill_normal(1, 0, 0, &mut normals);
    let mut uniforms = vec![0.0; 4 * N];
    fill_uniform(1, 1, 0, &mut uniforms);
    let rows = |f: &dyn Fn(usize) -> [f64; 3]| {
        let all: Vec<f64> = (0..N).flat_map(f).collect();
        Array2::from_shape_vec((N, 3), all).expect("rows of three")
    };
    let z = |n: usize| [normals[3 * n], normals[3 * n + 1], normals[3 * n + 2]];
    let length = |z: [f64; 3]| z.iter().map(|x| x * x).sum::<f64>().sqrt();
    // u in place of u^(1/d): the radial law is t^3 against t, 2/(3√3) = 0.38 apart.
    let ball = rows(&|n| z(n).map(|x| uniforms[n] * x / length(z(n))));
    assert!(worst(Shape::Ball(Norm::L2), &ball, 1.0) > 0.3);
    // d in place of d + 1 exponentials: on the surface.
    let e = |n: usize| [0, 1, 2].map(|i| -uniforms[3 * n + i].ln());
    let simplex = rows(&|n| e(n).map(|x| x / (e(n)[0] + e(n)[1] + e(n)[2])));
    assert!(worst(Shape::Ball(Norm::L1), &simplex, 1.0) > 0.3);
    // The ℓ1 ball with one sign for the row: each coordinate has its law, the covariance does not.
    let e = |n: usize| [0, 1, 2, 3].map(|i| -uniforms[4 * n + i].ln());
    let whole = |n: usize| e(n).iter().sum::<f64>();
    let flip = |n: usize| if n.is_multiple_of(2) { 1.0 } else { -1.0 };
    let one_sign = rows(&|n| [0, 1, 2].map(|i| flip(n) * e(n)[i] / whole(n)));
    assert!(!covariance_holds(Shape::Ball(Norm::L1), &one_sign, 1.0));
    // A box normalised to the sphere.
    let cube = |n: usize| [0, 1, 2].map(|i| 2.0 * uniforms[3 * n + i] - 1.0);
    let sphere = rows(&|n| cube(n).map(|x| x / length(cube(n))));
    assert!(worst(Shape::Sphere, &sphere, 1.0) > 0.02);
    // A half-open box scaled by the wrong factor.
    let small = rows(&|n| cube(n).map(|x| 0.97 * x));
    assert!(worst(Shape::Box, &small, 1.0) > dkw(N));
}

/// Each entry of the mean outer product within what chance exceeds with probability 10⁻⁹ of τ²I.
///
/// For |ω_i·ω_j| ≤ r² that is r²·√(2·ln(2/10⁻⁹)/n) = 0.0147·r² (Hoeffding). For the Gaussian, with t = ln(2/10⁻⁹), a
/// mean of n squares of standard normals is within 2√(t/n) + 2t/n of 1 (Laurent and Massart 2000), and a product of two
/// is half the difference of the squares of two more.
fn covariance_holds(shape: Shape, omega: &Array2<f64>, r: f64) -> bool {
    let (n, d) = omega.dim();
    let t = (2.0 / FALSE_ALARM).ln();
    let allowed = match shape {
        Shape::Gaussian => 2.0 * (t / n as f64).sqrt() + 2.0 * t / n as f64,
        _ => (2.0 * t / n as f64).sqrt(),
    };
    let tau = shape.tau_squared(r, d);
    (0..d).all(|i| {
        (0..d).all(|j| {
            let sum: f64 = omega.rows().into_iter().map(|row| row[i] * row[j]).sum();
            let expected = if i == j { tau } else { 0.0 };
            (sum / n as f64 - expected).abs() <= allowed * r * r
        })
    })
}

#[test]
fn every_shape_has_its_covariance() {
    for shape in SHAPES {
        for d in [1, 3] {
            assert!(covariance_holds(shape, &draw(shape, 0.7, d), 0.7), "{shape:?} {d}");
        }
    }
    // The formulas are not one another's: each differs from the others by more than the test allows, at d = 3.
    let found: Vec<f64> = SHAPES.iter().map(|shape| shape.tau_squared(1.0, 3)).collect();
    assert_eq!(found, [1.0 / 3.0, 1.0 / 3.0, 0.2, 0.1, 1.0 / 3.0, 1.0]);
    assert!(!covariance_holds(Shape::Ball(Norm::L2), &draw(Shape::Box, 1.0, 3), 1.0));
}

fn check<T: Real>(r: T, d: usize, address: Address) -> Result<(), TestCaseError> {
    for shape in SHAPES {
        let radii = [r, T::ZERO, r];
        let omega = shape.draw(address, &radii, d).unwrap();
        prop_assert!(omega.row(1).iter().all(|x| x.bits() == T::ZERO.bits()), "{:?}", shape);
        for (row, &r) in omega.rows().into_iter().zip(&radii) {
            let row = row.to_slice().expect("a row");
            if let Some(norm) = shape.norm() {
                prop_assert!(inside(norm, row, r), "{shape:?} {row:?} in {r}");
            }
            if shape == Shape::Sphere {
                // From inside: every coordinate is within 4u + 14·2⁻⁵³ of the sphere's, or 12 subnormal steps.
                let lost = 4.0 * T::UNIT_ROUNDOFF + 14.0 * f64::UNIT_ROUNDOFF;
                let allowed = r.to_f64() * (1.0 - 1.01 * lost) - 12.0 * (d as f64).sqrt() * T::TINY;
                prop_assert!(Norm::L2.of(row) >= allowed, "{row:?} on {r}");
            }
        }
        // A row is addressed: alone, it is the same.
        let third = Address { first_row: address.first_row.wrapping_add(2), ..address };
        let alone = shape.draw(third, &[r], d).unwrap();
        prop_assert_eq!(alone.row(0), omega.row(2));
        let other = Address { seed: address.seed.wrapping_add(1), ..address };
        prop_assert!(
            r.to_f64() < 1e-30 || shape.draw(other, &radii, d).unwrap() != omega || d == 1
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn draws_are_contained_and_addressed(
        d in prop_oneof![Just(1usize), 2usize..6, Just(64)], e in 0.0..1.0_f64, size in 0u8..6, seed in any::<u64>(),
        stream in 0..1u64 << 47, first_row in prop_oneof![0..1000u64, any::<u64>()],
    ) {
        let address = Address { seed, stream, first_row };
        let pick = |tiny: f64, least: f64, most: f64| match size {
            0 => tiny,
            1 => least,
            2 => most,
            3 => tiny.log2().mul_add(e, 0.0).exp2(),
            4 => most.log2().mul_add(e, 0.0).exp2(),
            _ => 0.1 + e,
        };
        check::<f64>(pick(f64::TINY, f64::MIN_POSITIVE, f64::MAX / 16.0), d, address)?;
        let small = pick(<f32 as Real>::TINY, f64::from(f32::MIN_POSITIVE), f64::from(f32::MAX / 16.0));
        check::<f32>(small as f32, d, address)?;
    }
}

#[test]
fn the_scalars_draw_the_same_ball() {
    let address = Address { seed: 1, stream: 2, first_row: 3 };
    for shape in [Shape::Ball(Norm::L2), Shape::Ball(Norm::L1), Shape::Sphere] {
        let wide = shape.draw(address, &[0.5_f64; 4], 5).unwrap();
        let narrow = shape.draw(address, &[0.5_f32; 4], 5).unwrap();
        for (x, y) in wide.iter().zip(&narrow) {
            let towards_zero = x.abs() - f64::from(y.abs());
            // Each is below the exact one by its own share, at most 4u + 14·2⁻⁵³.
            assert!(towards_zero.abs() <= 4.1 * f32::UNIT_ROUNDOFF * x.abs());
        }
        assert_eq!(shape.draw(address, &[0.5_f64; 2], 5).unwrap(), wide.slice(s![..2, ..]));
    }
}

#[test]
fn bad_input_is_refused() {
    for shape in SHAPES {
        let draw = |radii: &[f64], d| shape.draw(Address::default(), radii, d);
        for r in [-1.0, f64::NAN, f64::INFINITY] {
            let refused = draw(&[1.0, r], 2).unwrap_err();
            assert!(matches!(refused, Error::Entry { what: "radii", index, .. } if index == [1]));
        }
        for d in [0, usize::MAX] {
            let refused = draw(&[1.0, 1.0], d).unwrap_err();
            assert!(matches!(refused, Error::Domain { what: "dimension", .. }));
        }
        assert_eq!(draw(&[], 3).unwrap().dim(), (0, 3));
    }
}
