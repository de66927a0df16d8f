//! The eigen-decomposition against its own error statement, nalgebra and (feature `lapack`) LAPACK.

use nalgebra::DMatrix;
use ndarray::Array2;
use proptest::prelude::*;
use tweedie::arith::eigen::{SymmetricEigen, symmetric_eigen, symmetric_eigen_with};
use tweedie::arith::{Isa, fill_normal};

const U: f64 = 1.0 / (1u64 << 53) as f64;

/// BᵀB of rank r, scaled, with B standard normal.
fn semidefinite(n: usize, rank: usize, scale: f64, seed: u64) -> Array2<f64> {
    let mut b = vec![0.0; rank * n];
    fill_normal(seed, 0, 0, &mut b);
    let b = Array2::from_shape_vec((rank, n), b).expect("a shape");
    let product = b.t().dot(&b) * scale;
    (&product + &product.t()) * 0.5
}

/// ‖QΛQᵀ − A‖_F and ‖QᵀQ − I‖_F in plain arithmetic, with the rounding of computing them added.
fn measured(a: &Array2<f64>, e: &SymmetricEigen) -> (f64, f64) {
    let n = a.nrows();
    let lambda = Array2::from_diag(&ndarray::Array1::from(e.values.clone()));
    let norm = |m: Array2<f64>| m.iter().map(|v| v * v).sum::<f64>().sqrt();
    let residual = norm(e.vectors.dot(&lambda).dot(&e.vectors.t()) - a);
    (residual, norm(e.vectors.t().dot(&e.vectors) - Array2::<f64>::eye(n)))
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |m: f64, v| m.max(v.abs()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn it_reproduces_the_matrix_within_what_it_states(
        n in 1usize..24,
        deficiency in 0usize..4,
        exponent in -120i32..120,
        seed in any::<u64>(),
    ) {
        let scale = 10f64.powi(exponent);
        let a = semidefinite(n, n.saturating_sub(deficiency).max(1), scale, seed);
        let e = symmetric_eigen(a.view()).expect("a decomposition");
        let (residual, orthogonality) = measured(&a, &e);
        let n = n as f64;
        let rounding = 2.0 * (n + 2.0) * n * U;
        prop_assert!(residual <= e.residual + rounding * largest(&e.values));
        prop_assert!(orthogonality <= e.orthogonality + rounding);
        // The statement must also be of the size that a backward stable method has.
        prop_assert!(e.residual <= 16.0 * n * (n + 3.0) * U * largest(&e.values));
        prop_assert!(e.orthogonality <= 16.0 * n * (n + 3.0) * U);
        prop_assert!(e.values.windows(2).all(|w| w[0] <= w[1]));
    }

    #[test]
    fn its_eigenvalues_are_nalgebras(n in 1usize..24, seed in any::<u64>()) {
        let a = semidefinite(n, n, 1.0, seed);
        let ours = symmetric_eigen(a.view()).expect("a decomposition");
        let theirs = DMatrix::from_fn(n, n, |i, j| a[[i, j]]).symmetric_eigen();
        let mut values: Vec<f64> = theirs.eigenvalues.iter().copied().collect();
        values.sort_by(f64::total_cmp);
        let back = &theirs.eigenvectors
            * DMatrix::from_diagonal(&theirs.eigenvalues)
            * theirs.eigenvectors.transpose();
        let error = (back - DMatrix::from_fn(n, n, |i, j| a[[i, j]])).norm();
        // Weyl: eigenvalues move by at most the norm of the perturbation; each side has its own.
        let n = n as f64;
        let bound = ours.residual + error + 6.0 * (n + 2.0) * n * U * largest(&values);
        for (a, b) in ours.values.iter().zip(&values) {
            prop_assert!((a - b).abs() <= bound, "{a} and {b} differ by more than {bound}");
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits(n in 1usize..20, seed in any::<u64>()) {
        let a = semidefinite(n, n, 3.0, seed);
        let expected = symmetric_eigen_with(Isa::Portable, a.view()).expect("a decomposition");
        for isa in Isa::available() {
            let found = symmetric_eigen_with(isa, a.view()).expect("a decomposition");
            prop_assert_eq!(&found, &expected);
        }
    }
}

#[test]
fn a_diagonal_matrix_is_its_own_decomposition() {
    let a = Array2::from_diag(&ndarray::array![3.0, 0.0, 1e-300, 7.0]);
    let e = symmetric_eigen(a.view()).expect("a decomposition");
    assert_eq!(e.values, [0.0, 1e-300, 3.0, 7.0]);
    assert_eq!((e.residual, e.orthogonality), (0.0, 0.0));
}

#[cfg(feature = "lapack")]
#[test]
fn its_eigenvalues_are_lapacks() {
    use ndarray_linalg::{Eigh, UPLO};
    for seed in 0..40 {
        let n = 1 + (seed as usize * 7) % 64;
        let a = semidefinite(n, n.saturating_sub(seed as usize % 3).max(1), 1.0, seed);
        let ours = symmetric_eigen(a.view()).expect("a decomposition");
        let (values, vectors) = a.eigh(UPLO::Lower).expect("LAPACK's decomposition");
        let back = vectors.dot(&Array2::from_diag(&values)).dot(&vectors.t()) - &a;
        let error = back.iter().map(|v| v * v).sum::<f64>().sqrt();
        let size = n as f64;
        let bound = ours.residual + error + 6.0 * (size + 2.0) * size * U * largest(&ours.values);
        for (a, b) in ours.values.iter().zip(&values) {
            assert!((a - b).abs() <= bound, "n = {n}: {a} and {b} differ by more than {bound}");
        }
    }
}
