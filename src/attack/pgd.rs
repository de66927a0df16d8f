//! Projected gradient ascent: FGSM is one step of it, PGD many.
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`, `attack`. Spec: E4, N3.

use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};
use rayon::prelude::*;

use super::inner::InnerObjective;
use super::random::{Address, check_radii};
use super::settings::{Attack, Keep, StepSize};
use crate::arith::Real;
use crate::channel::Channel;
use crate::denoiser::{
    AtLevel, Denoiser, Levelled, Prediction, check_finite, check_points, check_shape,
};
use crate::error::{Error, Result};
use crate::objective::consistency::add_scaled;

/// Rows that one thread takes at a time.
pub const BLOCK: usize = 256;

/// What an attack found.
#[derive(Clone, Debug, PartialEq)]
pub struct Attacked<T> {
    /// ω, N×d: row n has ‖ω_n‖ ≤ its radius in real arithmetic.
    pub perturbation: Array2<T>,
    /// ‖Q‖² or ‖R‖² at the first start, N numbers.
    pub start_value: Array1<f64>,
    /// The same at ω, N numbers; none with `Keep::Last`, where no pass is spent on it.
    pub value: Option<Array1<f64>>,
}

/// A perturbation and its value, the better of two kept row by row.
struct Best<T> {
    omega: Array2<T>,
    values: Array1<f64>,
}

impl<T: Real> Best<T> {
    fn meet(kept: &mut Option<Self>, omega: &Array2<T>, values: &Array1<f64>) {
        let Some(best) = kept else {
            *kept = Some(Best { omega: omega.clone(), values: values.clone() });
            return;
        };
        for (n, &value) in values.iter().enumerate() {
            if value > best.values[n] {
                best.values[n] = value;
                best.omega.row_mut(n).assign(&omega.row(n));
            }
        }
    }
}

impl Attack {
    /// Perturbations of the N×d points x that make the inner objective large, each within its row's radius (`eps`).
    ///
    /// From a random start in the ball, `steps` times: ω ← P(ω + α·v), v the steepest direction of the norm at the
    /// gradient (`Norm::steepest`), P the projection onto the ball (`Norm::project`), α as the settings say. `clean` is
    /// the prediction at x. Restart j draws its start from stream + j·2⁴⁸.
    ///
    /// Row n depends on x_n, its channel and radius, and (seed, stream, first_row + n) alone, so that a batch can be
    /// attacked in blocks. A radius 0 gives ω = 0. Nothing stops early; where the gradient is 0 the row stays.
    ///
    /// Cost: `steps` calls of `Levelled::pull_back` a restart, and with `Keep::Best` one of `predict`. So FGSM is one
    /// `pull_back`.
    ///
    /// Spec: E4, N3. Source: Goodfellow et al. 2015; Madry et al. 2018; Wong et al. 2020. Errors:
    /// `Error::Domain` where the settings have no random start; `Error::Shape` where x, `clean` or `radii` do not fit;
    /// `Error::Entry` where a radius is not a finite number of at least 0; `Error::NotFinite` where an entry, or a
    /// perturbed point, a gradient or a value, is not finite; those of the predictions.
    pub fn perturb<L: Levelled<T> + ?Sized, T: Real>(
        &self,
        local: &L,
        x: ArrayView2<'_, T>,
        clean: &Prediction<T>,
        radii: &[T],
        address: Address,
    ) -> Result<Attacked<T>> {
        let settings = self.settings();
        let objective = InnerObjective::new(local, x, clean, settings.inner, settings.units)?;
        check_radii(x.nrows(), radii)?;
        let Some(shape) = settings.random_start else {
            return Err(Error::Domain {
                what: "random_start",
                value: 0.0,
                expected: "a law of the start: at 0 the gradient of the inner objective is 0",
            });
        };
        let mut best = None;
        let mut start_value = None;
        for restart in 0..settings.restarts {
            let stream = address.stream.wrapping_add((restart as u64) << 48);
            let mut omega = shape.draw(Address { stream, ..address }, radii, x.ncols())?;
            self.project(&mut omega, radii);
            let (first, last) = self.ascend(&objective, omega, radii, &mut best)?;
            start_value.get_or_insert(first);
            if settings.keep == Keep::Last {
                best = Some(Best { omega: last, values: Array1::default(0) });
            }
        }
        Ok(self.finished(best, start_value))
    }

    /// `perturb` from given starts (N×d), projected onto the ball, whatever the settings say of random ones.
    ///
    /// Errors: as `perturb`; `Error::Entry` where a row of the start with a radius above 0 is 0, where nothing would
    /// move; `Error::Domain` for more than one restart.
    pub fn perturb_from<L: Levelled<T> + ?Sized, T: Real>(
        &self,
        local: &L,
        x: ArrayView2<'_, T>,
        clean: &Prediction<T>,
        radii: &[T],
        start: ArrayView2<'_, T>,
    ) -> Result<Attacked<T>> {
        let settings = self.settings();
        let objective = InnerObjective::new(local, x, clean, settings.inner, settings.units)?;
        check_radii(x.nrows(), radii)?;
        check_shape("start", start, x.dim())?;
        check_finite("start", start)?;
        if settings.restarts > 1 {
            return Err(Error::Domain {
                what: "restarts",
                value: settings.restarts as f64,
                expected: "1 where the start is given",
            });
        }
        let still = |n: &usize| radii[*n] > T::ZERO && start.row(*n).iter().all(|w| *w == T::ZERO);
        if let Some(n) = (0..radii.len()).find(still) {
            return Err(Error::Entry {
                what: "start",
                index: vec![n],
                value: 0.0,
                expected: "a perturbation other than 0, where the gradient is 0",
            });
        }
        let mut omega = start.as_standard_layout().into_owned();
        self.project(&mut omega, radii);
        let mut best = None;
        let (first, last) = self.ascend(&objective, omega, radii, &mut best)?;
        if settings.keep == Keep::Last {
            best = Some(Best { omega: last, values: Array1::default(0) });
        }
        Ok(self.finished(best, Some(first)))
    }

    /// The steps from one start: its values, and the last perturbation.
    fn ascend<L: Levelled<T> + ?Sized, T: Real>(
        &self,
        objective: &InnerObjective<'_, T, L>,
        mut omega: Array2<T>,
        radii: &[T],
        best: &mut Option<Best<T>>,
    ) -> Result<(Array1<f64>, Array2<T>)> {
        let keeps = self.settings().keep == Keep::Best;
        let mut first = None;
        for _ in 0..self.settings().steps {
            let (values, direction) = objective.ascent(omega.view())?;
            if keeps {
                Best::meet(best, &omega, &values);
            }
            first.get_or_insert(values);
            self.step(&mut omega, direction, radii)?;
        }
        if keeps {
            Best::meet(best, &omega, &objective.value(omega.view())?);
        }
        Ok((first.unwrap_or_default(), omega))
    }

    /// ω ← P(ω + α·v).
    fn step<T: Real>(&self, omega: &mut Array2<T>, gradient: Array2<T>, radii: &[T]) -> Result<()> {
        let settings = self.settings();
        let mut direction = Array2::default(omega.dim());
        for (gradient, mut out) in gradient.rows().into_iter().zip(direction.rows_mut()) {
            if let (Some(gradient), Some(out)) =
                (gradient.as_standard_layout().as_slice(), out.as_slice_mut())
            {
                settings.norm.steepest(gradient, out);
            }
        }
        let alpha = |radius: &T| match settings.alpha {
            StepSize::Absolute(alpha) => T::from_f64(alpha),
            StepSize::Relative(alpha) => T::from_f64(alpha * radius.to_f64()),
        };
        let alphas: Vec<T> = radii.iter().map(alpha).collect();
        if let (Some(omega), Some(direction)) = (omega.as_slice_mut(), direction.as_slice()) {
            add_scaled(&alphas, direction, omega);
        }
        check_finite("perturbation", omega.view())?;
        self.project(omega, radii);
        Ok(())
    }

    fn project<T: Real>(&self, omega: &mut Array2<T>, radii: &[T]) {
        for (mut row, &radius) in omega.rows_mut().into_iter().zip(radii) {
            if let Some(row) = row.as_slice_mut() {
                self.settings().norm.project_finite(row, radius);
            }
        }
    }

    fn finished<T: Real>(
        &self,
        best: Option<Best<T>>,
        start_value: Option<Array1<f64>>,
    ) -> Attacked<T> {
        let (perturbation, values) = best.map(|best| (best.omega, best.values)).unwrap_or_default();
        let value = (self.settings().keep == Keep::Best).then_some(values);
        Attacked { perturbation, start_value: start_value.unwrap_or_default(), value }
    }
}

/// [`Attack::perturb`] for points at one channel: blocks of [`BLOCK`] rows shared among threads, each with its own
/// clean prediction. The same bits for any number of threads.
///
/// Errors: as `perturb` (an index of a row counts from the block's first); `Error::Empty` where there is no point.
/// Spec: E4, N3.
pub fn perturb_at<T: Real, D: Denoiser<T> + ?Sized>(
    attack: &Attack,
    denoiser: &D,
    channel: Channel,
    x: ArrayView2<'_, T>,
    radii: &[T],
    address: Address,
) -> Result<Attacked<T>> {
    check_points("x", denoiser.dimension(), x)?;
    check_radii(x.nrows(), radii)?;
    let starts: Vec<usize> = (0..x.nrows()).step_by(BLOCK).collect();
    let blocks: Vec<Result<Attacked<T>>> = starts
        .into_par_iter()
        .map(|first| {
            let end = x.nrows().min(first + BLOCK);
            let points = x.slice(s![first..end, ..]);
            let local = AtLevel::new(denoiser, channel, points.nrows());
            let clean = local.predict(points)?;
            let first_row = address.first_row.wrapping_add(first as u64);
            let address = Address { first_row, ..address };
            attack.perturb(&local, points, &clean, &radii[first..end], address)
        })
        .collect();
    let blocks = blocks.into_iter().collect::<Result<Vec<_>>>()?;
    let joined = |pick: fn(&Attacked<T>) -> &Array1<f64>| {
        blocks.iter().flat_map(|block| pick(block).iter().copied()).collect::<Array1<f64>>()
    };
    let omegas: Vec<_> = blocks.iter().map(|block| block.perturbation.view()).collect();
    let perturbation = concatenate(Axis(0), &omegas).map_err(|_| Error::Shape {
        what: "perturbation",
        found: vec![omegas.len()],
        expected: "blocks of one width".into(),
    })?;
    let values: Option<Vec<&Array1<f64>>> = blocks.iter().map(|b| b.value.as_ref()).collect();
    let value = values.map(|all| all.into_iter().flatten().copied().collect());
    Ok(Attacked { perturbation, start_value: joined(|block| &block.start_value), value })
}
