//! E7 for affine denoisers: what each inner objective's exact maximiser finds, and what training against one tends to.
//!
//! For the Wiener filter aA = P is symmetric with eigenvalues p in [0, 1), Q = (I − P)ω and R = −Pω at every point and radius.
//!
//! 1. The library's maximiser of ‖Q‖ over ‖ω‖₂ ≤ 1 finds the least residual of all directions: ‖Rω‖² ≤ λ_min(P)² to within
//!    what its enclosure leaves open. If ‖(I − P)ω‖² ≥ (1 − p_min)² − η then ‖Pω‖ ≤ ‖ω‖ − ‖(I − P)ω‖ + (spread), and for
//!    symmetric P with spectrum in [p_min, p_max] the part of ω off the eigenspace of p_min has square at most
//!    η/((1 − p_min)² − (1 − p₂)²), p₂ the next eigenvalue; where that is not small the case is left out.
//! 2. So it finds no more than random ω of the same radius does on average, τ²·‖P‖_F², and the residual's own maximiser
//!    finds λ_max(P)².
//! 3. The equilibrium of training against ‖Q‖: its strategy's payoff is the most there is, to its own shortfall; on a law with
//!    a kernel its matrix is the plain Wiener filter's.
//!
//! Floor 7. Uses `claims`, `attack`, `optimum`. Spec: E4, E7.

use ndarray::Array2;

use super::affine_cases::Setting;
use super::cases::NamedChannel;
use super::worst::{U, Worst};
use super::{Case, Context};
use crate::attack::affine::largest_effect;
use crate::attack::{Norm, Shape};
use crate::error::Result;
use crate::objective::{Constraint, Units};
use crate::optimum::Quadratic;

const LAMBDA: f64 = 0.3;

#[derive(Default)]
struct Checks {
    least: Worst,
    chance: Worst,
    payoff: Worst,
    plain: Worst,
    kernel: Worst,
}

/// The cases of one law.
pub(super) fn examine(
    context: &Context<'_>,
    setting: &Setting,
    channels: &[NamedChannel],
) -> Result<Vec<Case>> {
    let mut checks = Checks::default();
    for named in channels {
        let reading = (Constraint::Equivariance, Units::Noise);
        let quadratic = Quadratic::new(&setting.moments, reading, LAMBDA, named.channel)?;
        looks(context, setting, named, &quadratic, &mut checks)?;
        equilibrium(context, setting, named, &quadratic, &mut checks)?;
    }
    let law = setting.law;
    let found = [
        checks.least.case(law, "residual found by the difference's maximiser, against λ_min(P)²"),
        checks.chance.case(law, "the same against chance, τ²‖P‖²"),
        checks
            .payoff
            .case(law, "most prediction difference − what the equilibrium's strategy gets"),
        checks.plain.case(law, "‖A in equilibrium − Wiener filter‖ on a law with a kernel"),
        checks.kernel.case(law, "residual at the equilibrium on a law with a kernel"),
    ];
    Ok(found.into_iter().flatten().collect())
}

fn square(matrix: &Array2<f64>, omega: &ndarray::Array1<f64>) -> f64 {
    let rows = matrix
        .rows()
        .into_iter()
        .map(|row| row.iter().zip(omega).fold(0.0_f64, |sum, (m, w)| m.mul_add(*w, sum)));
    rows.fold(0.0_f64, |sum, v| v.mul_add(v, sum))
}

/// Checks 1 and 2.
fn looks(
    context: &Context<'_>,
    setting: &Setting,
    named: &NamedChannel,
    quadratic: &Quadratic<'_>,
    checks: &mut Checks,
) -> Result<()> {
    let (a, s, d) = (named.channel.a(), named.channel.s(), setting.dimension());
    let wiener = quadratic.minimiser_along(&vec![0.0; d])?;
    let residual = wiener.denoised.mapv(|entry| a * entry);
    let difference = wiener.noise.mapv(|entry| s * entry);
    let found = context.subject.largest_effect(Norm::L2, difference.view(), 1.0)?;
    let got = square(&residual, &found.at);
    // In C's eigenbasis: p ascending with c.
    let gains: Vec<f64> =
        setting.moments.values().iter().map(|&c| a * quadratic.gains(c, 0.0)[0]).collect();
    let least = gains[0];
    let most = gains[d - 1];
    // The first eigenvalue that is not the least: what shares it is as good.
    let shared = 64.0 * U * (1.0 + most);
    let next = gains.iter().copied().find(|p| *p > least + shared);
    let matrices = a * wiener.error + s * wiener.noise_error;
    let open = 2.0 * (found.upper - found.lower) + 8.0 * matrices + 64.0 * (d as f64) * U;
    let off = next.map_or(0.0, |p| open / ((p - least) * (2.0 - p - least)));
    let bound =
        least * least + off * most * most + 4.0 * matrices + shared + 64.0 * (d as f64) * U * most;
    if off < 0.5 {
        checks.least.add(&named.name, got, 1.01 * bound);
    }
    let tau_squared = Shape::Sphere.tau_squared(1.0, d);
    let chance = tau_squared * gains.iter().fold(0.0_f64, |sum, p| p.mul_add(*p, sum));
    if off < 0.5 {
        checks.chance.add(&named.name, got, chance + 1.01 * (bound - least * least));
    }
    Ok(())
}

/// Check 3.
fn equilibrium(
    context: &Context<'_>,
    setting: &Setting,
    named: &NamedChannel,
    quadratic: &Quadratic<'_>,
    checks: &mut Checks,
) -> Result<()> {
    let (s, d) = (named.channel.s(), setting.dimension());
    for square_radius in [0.1, 4.0] {
        let found = context.subject.equilibrium(quadratic, square_radius)?;
        let best = quadratic.minimiser(&found.spread)?;
        let difference = best.noise.mapv(|entry| s * entry);
        let most = largest_effect(Norm::L2, difference.view(), 1.0)?.upper;
        let pairs = found.strategy.points.rows().into_iter().zip(&found.strategy.weights);
        let got = pairs
            .fold(0.0_f64, |sum, (row, p)| p.mul_add(square(&difference, &row.to_owned()), sum));
        let rounding =
            64.0 * (d as f64 + 8.0) * U * most + 8.0 * s * best.noise_error * most.sqrt();
        let bound = square_radius * (rounding + 4.0 * setting.moments.orthogonality() * most);
        checks.payoff.add(&named.name, square_radius * (most - got), bound + f64::MIN_POSITIVE);
        if setting.kernel.is_empty() {
            continue;
        }
        let plain = quadratic.minimiser_along(&vec![0.0; d])?;
        let pairs = found.minimiser.denoised.iter().zip(&plain.denoised);
        let apart = pairs.fold(0.0_f64, |sum, (x, y)| (x - y).mul_add(x - y, sum)).sqrt();
        checks.plain.add(
            &named.name,
            apart,
            found.minimiser.error + plain.error + f64::MIN_POSITIVE,
        );
        let effect = quadratic.effect(best.denoised.view());
        let residual: f64 = found
            .strategy
            .points
            .rows()
            .into_iter()
            .map(|row| square(&effect, &row.to_owned()).sqrt())
            .fold(0.0, f64::max);
        let size = best.denoised.iter().fold(0.0_f64, |sum, v| v.mul_add(*v, sum)).sqrt();
        let bound = s * (best.error + plain.error + 64.0 * (d as f64 + 8.0) * U * size);
        checks.kernel.add(&named.name, residual, bound + f64::MIN_POSITIVE);
    }
    Ok(())
}
