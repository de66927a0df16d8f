mod optima;
use optima::two_modes;
use tweedie::attack::*;
use tweedie::channel::Channel;
use tweedie::law::toy_law;
use tweedie::objective::Constraint;
use tweedie::optimum::*;

#[test]
fn look() {
    for (law, nodes, starts, rounds) in [
        (two_modes(), 401, 64, 60),
        (toy_law("three-gaussians").unwrap(), 61, 6, 10),
        (toy_law("three-gaussians").unwrap(), 61, 6, 40),
    ] {
        for sigma in [0.3, 1.5] {
            let (law, channel) = (
                law.clone(),
                Channel::new(
                    1.0 / (1.0f64 + sigma * sigma).sqrt(),
                    sigma / (1.0f64 + sigma * sigma).sqrt(),
                )
                .unwrap(),
            );
            let grid = Grid::around(&law, channel, 6.0, nodes).unwrap();
            for inner in [Inner::PredictionDifference, Inner::Residual] {
                let attack = Attack::new(Settings { inner, ..Settings::fgsm(Norm::Linf) }).unwrap();
                let against = Settling {
                    constraint: Constraint::Equivariance,
                    lambda: 3.0,
                    radius: 1.0,
                    attack,
                    starts,
                    rounds,
                };
                let t = std::time::Instant::now();
                eprintln!("sigma {sigma} {inner:?} {nodes}");
                let s = against.over_functions(&law, channel, &grid).unwrap();
                if nodes < 400 {
                    let (t, u) = Settling { starts: 64, rounds: 200, ..against }
                        .among_affine(&Moments::of_law(&law).unwrap(), channel)
                        .unwrap();
                    eprintln!("{:?} {u:e}", t.matrix());
                }
                eprintln!("{} {:e} {:?}", s.rounds, s.unsettled, t.elapsed());
            }
        }
    }
}
