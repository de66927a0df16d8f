//! A network's activations and their slopes against double-double, within their stated bounds.

mod scalars;

use scalars::{Dd, Scalar};
use tweedie::arith::{Isa, Kernel, MulAdd, Real, fill_normal};
use tweedie::denoiser::mlp::Activation;

struct At<T>(Activation, T);

impl<T: Real> Kernel for At<T> {
    type Output = (T, T);
    #[inline(always)]
    fn run<M: MulAdd>(self) -> (T, T) {
        self.0.at::<T, M>(self.1)
    }
}

/// Every activation and slope within its stated bound, over edge, spaced and random inputs, in both formats; the
/// exact value from e^−|x| in double-double, with no cancellation: silu x/(1 + e^−x), tanh by (1 − z)/(1 + z) with its
/// numerator exact to 2⁻⁹⁸, softplus max(x, 0) + ln(1 + e^−|x|).
#[test]
fn activations_are_within_their_bounds() {
    fn worst<T: Real>(activation: Activation) -> [f64; 2] {
        let mut inputs: Vec<f64> = (-4000..=4000).map(|i| f64::from(i) / 100.0).collect();
        inputs.extend((-60..10).flat_map(|e| {
            let p = 2f64.powi(e);
            [p, -p, 1.37 * p, -1.37 * p]
        }));
        let mut random = vec![0.0; 20_000];
        fill_normal(3, 1, 0, &mut random);
        inputs.extend(random.iter().map(|z| 3.0 * z));
        inputs.push(0.0);
        let mut worst = [0.0f64; 2];
        for x in inputs {
            let x = T::from_f64(x);
            let (value, slope) = Isa::best().run(At(activation, x));
            let wide = x.to_f64();
            let [one, size] = [Dd::of(1.0), Dd::of(wide.abs())];
            let z = size.times(Dd::of(-1.0)).exp();
            let larger = one.over(one.plus(z));
            let smaller = z.over(one.plus(z));
            let (up, down) = if wide < 0.0 { (smaller, larger) } else { (larger, smaller) };
            let (exact, its_slope) = match activation {
                Activation::Silu => {
                    let value = Dd::of(wide).times(up);
                    (value, up.plus(value.times(down)))
                }
                Activation::Tanh => {
                    let z = z.times(z);
                    let size = one.minus(z).over(one.plus(z));
                    let sign = Dd::of(if wide < 0.0 { -1.0 } else { 1.0 });
                    (sign.times(size), one.minus(size).times(one.plus(size)))
                }
                Activation::Softplus => (Dd::of(wide.max(0.0)).plus(one.plus(z).ln()), up),
            };
            let unit = T::UNIT_ROUNDOFF * wide.abs().max(1.0);
            let error =
                |found: T, exact: Dd| Dd::of(found.to_f64()).minus(exact).near().abs() / unit;
            worst[0] = worst[0].max(error(value, exact));
            worst[1] = worst[1].max(error(slope, its_slope));
        }
        worst
    }
    for activation in Activation::ALL {
        let bound = activation.bound();
        for (format, found) in
            [("f64", worst::<f64>(activation)), ("f32", worst::<f32>(activation))]
        {
            println!("{} {format}: {found:?}, bound {bound:?}", activation.name());
            assert!(found[0] <= bound[0] && found[1] <= bound[1]);
            // Not ten times what was seen: the bound means something.
            assert!(found[0] >= bound[0] / 20.0 && found[1] >= bound[1] / 20.0);
        }
    }
}
