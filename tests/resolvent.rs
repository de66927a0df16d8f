use ndarray::{Array2, array};
use tweedie::channel::Channel;
use tweedie::law::{Covariance, Mixture, toy_law};
use tweedie::optimum::*;

fn timed<T>(name: &str, f: impl FnOnce() -> T) -> T {
    let t = std::time::Instant::now();
    let r = f();
    println!("{name}: {:.3} s", t.elapsed().as_secs_f64());
    r
}

#[test]
fn look() {
    let gaussian = Mixture::new(vec![1.0], array![[0.5]], Covariance::isotropic(vec![0.49]).unwrap()).unwrap();
    let two = Mixture::new(vec![0.6, 0.4], array![[-1.0], [1.0]], Covariance::isotropic(vec![0.01, 0.04]).unwrap()).unwrap();
    let c = Channel::new(0.8, 0.5).unwrap();
    for (name, law) in [("gauss", &gaussian), ("two", &two)] {
        for kappa in [0.1, 1.0, 10.0] {
            for n in [65, 129, 257, 513, 1025] {
                let grid = Grid::around(law, c, 8.0, n).unwrap();
                let sampled = Sampled::of_law(&law.through::<f64>(c).unwrap(), &grid).unwrap();
                let solved = resolvent(&sampled, kappa, c.s()).unwrap();
                let field = Field::new(grid.clone(), c, solved.values.clone()).unwrap();
                let cert = certify_resolvent(law, kappa, &field).unwrap();
                print!("{name} k={kappa} n={n} res={:.1e} cert={:?}", solved.residual[0], cert);
                if name == "gauss" {
                    let v = 0.64 * 0.49 + 0.25;
                    let slope = 0.8 * 0.49 / (v + kappa * 0.25);
                    let e = expectation(&law.through::<f64>(c).unwrap(), &grid, 1, |at, out| {
                        let t = 0.5 + slope * (at.x[0] - 0.4);
                        let i = ((at.x[0] - grid.ends()[0].0) / grid.axes()[0].spacing()) as usize;
                        let th = (at.x[0] - grid.axes()[0].node(i)) / grid.axes()[0].spacing();
                        let f = field.values()[[i, 0]] * (1.0 - th) + th * field.values()[[i + 1, 0]];
                        out[0] = (f - t) * (f - t);
                    }).unwrap();
                    print!(" true={:.2e}", e[0].sqrt());
                }
                println!();
            }
        }
    }
    for name in ["ring", "two-moons", "three-gaussians"] {
        let law = toy_law(name).unwrap();
        let c = Channel::variance_exploding(0.3).unwrap();
        for kappa in [0.5, 5.0] {
            for n in [65, 128, 256] {
                let grid = Grid::around(&law, c, 8.0, n).unwrap();
                let sampled = timed("sample", || Sampled::of_law(&law.through::<f64>(c).unwrap(), &grid).unwrap());
                let solved = timed("solve", || resolvent(&sampled, kappa, c.s()).unwrap());
                let field = Field::new(grid.clone(), c, solved.values.clone()).unwrap();
                let cert = timed("certify", || certify_resolvent(&law, kappa, &field).unwrap());
                println!("{name} k={kappa} n={n} res={:?} steps={:?} cert={:?}", solved.residual, solved.steps, cert);
            }
        }
    }
    let _: Array2<f64> = Array2::zeros((1, 1));
}

#[test]
fn look6() {
    let gaussian = Mixture::new(vec![1.0], array![[0.5]], Covariance::isotropic(vec![0.49]).unwrap()).unwrap();
    let two = Mixture::new(vec![0.6, 0.4], array![[-1.0], [1.0]], Covariance::isotropic(vec![0.01, 0.04]).unwrap()).unwrap();
    let c = Channel::new(0.8, 0.5).unwrap();
    for (name, law) in [("gauss", &gaussian), ("two", &two), ("three", &toy_law("three-gaussians").unwrap())] {
        let d = law.dimension();
        for r in [1.0, 0.5, 0.25, 0.125] {
            for n in if d == 1 { [129, 257, 513] } else { [33, 65, 129] } {
                let grid = Grid::around(law, c, 8.0, n).unwrap();
                let sampled = Sampled::of_law(&law.through::<f64>(c).unwrap(), &grid).unwrap();
                let p = Perturbation::of_kappa(0.5, r).unwrap();
                let solved = timed("solve", || finite_radius(&sampled, p, c.s()).unwrap());
                let field = Field::new(grid.clone(), c, solved.values.clone()).unwrap();
                let cert = timed("cert", || certify_finite_radius(law, p, &field).unwrap());
                let five = resolvent(&sampled, 0.5, c.s()).unwrap();
                let mut dist = 0.0;
                let mut mass = 0.0;
                for i in 0..grid.len() {
                    let p = sampled.log_density()[i].exp();
                    mass += p;
                    for c in 0..d { dist += p * (five.values[[i, c]] - solved.values[[i, c]]).powi(2); }
                }
                println!("{name} r={r} n={n} res={:?} steps={:?} cert={:?} to E5={:.3e}", solved.residual, solved.steps, cert, (dist / mass).sqrt());
            }
        }
    }
}
