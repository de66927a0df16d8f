//! Carrying a sampler out on a batch of points, in parallel and to the same bits however it is divided.
//!
//! Floor 5. Uses `arith`, `channel`, `denoiser`, `error`. Spec: N3, T8.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

use super::step::{Step, TO_DATA, Weights};
use super::{GaussianLaw, Method};
use crate::arith::matrix::multiply;
use crate::arith::{Isa, Kernel, MulAdd, Real, fill_normal};
use crate::channel::{Channel, Steps};
use crate::denoiser::{Denoiser, check_finite, check_points};
use crate::error::{Error, Result};

/// Points that one thread takes at a time.
pub const BLOCK: usize = 256;

/// The law of the state at the noisiest channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Start<T> {
    /// N(0, σ²I) with σ = `prior_deviation`.
    #[default]
    Standard,
    /// N(mean, F·Fᵀ) with F the factor (d×d): x = mean + F·z.
    Moments {
        /// d numbers.
        mean: Array1<f64>,
        /// F, d×d.
        factor: Array2<f64>,
    },
    /// These points (n×d).
    Given(Array2<T>),
}

/// Where a run ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// At the data: after the last channel x becomes D̂(x).
    #[default]
    Data,
    /// At the table's last channel.
    LastLevel,
}

/// Which states a run keeps beside the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Record {
    /// None.
    #[default]
    Nothing,
    /// The start, every k-th state after it, and the last; k = 0 is taken as 1.
    Every(usize),
}

/// What a run may be told beyond its necessities.
#[derive(Clone, Default)]
pub struct Options<'a, T> {
    /// The law of the start.
    pub start: Start<T>,
    /// Where to end.
    pub end: End,
    /// What to keep.
    pub record: Record,
    /// Called after each step with the number of steps done and of all steps.
    pub progress: Option<&'a dyn Fn(usize, usize)>,
    /// Called before each step; what it gives takes the place of the state.
    pub intervene: Option<&'a Intervene<'a, T>>,
}

/// What is done to the states of a run from outside: given the number of steps done, the channel of the state and the
/// state (n×d), another state, or none to leave it as it is. The last of its calls is before the move to the data.
/// Snapshots show states before it.
pub type Intervene<'a, T> =
    dyn Fn(usize, Channel, ArrayView2<'_, T>) -> Result<Option<Array2<T>>> + 'a;

/// A state of the batch on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot<T> {
    /// How many steps were done.
    pub step: usize,
    /// The channel that the state belongs to; none at the data.
    pub channel: Option<Channel>,
    /// n×d.
    pub points: Array2<T>,
}

/// What a sampler gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Run<T> {
    /// The last state, n×d.
    pub points: Array2<T>,
    /// What `Options::record` asked for, in order.
    pub trajectory: Vec<Snapshot<T>>,
}

/// The customary deviation of the start: s where a = 1 (VE, EDM), √(a² + s²) elsewhere (1 for VP and rectified).
pub fn prior_deviation(channel: Channel) -> f64 {
    let (a, s) = (channel.a(), channel.s());
    if a == 1.0 { s } else { a.mul_add(a, s * s).sqrt() }
}

/// n points by a method through a table of channels, from the noisiest on.
///
/// Random normals are addressed, never drawn in turn: the start of point i, coordinate j is element i·d + j of stream
/// 0 of the seed, and step k (from 1) uses the same elements of stream k. With predictions that depend on their own
/// row alone (the trait's contract), every bit is the same for any number of threads, and the first n points are
/// those of a longer run. A step is state·x + (denoised·D̂ + (noise·ε̂ + random·z)), each + one fma, with
/// the step's f64 numbers rounded to the scalar.
///
/// Spec: T8, N3. Errors: `Error::Empty` where n = 0; `Error::Shape`, `Error::NotFinite` for a start that does not fit;
/// those of `Method::step`, of the denoiser, of an intervention, and `Error::NotFinite` where a state leaves the scalar's range.
pub fn sample<T: Real, D: Denoiser<T> + ?Sized>(
    denoiser: &D,
    steps: &Steps,
    method: Method,
    n: usize,
    seed: u64,
    options: &Options<'_, T>,
) -> Result<Run<T>> {
    let moves = moves(steps, method, options.end)?;
    let mut points = start(&options.start, steps.first(), n, denoiser.dimension(), seed)?;
    let mut trajectory = Vec::new();
    let due = |step: usize| match options.record {
        Record::Nothing => false,
        Record::Every(k) => step.is_multiple_of(k.max(1)) || step == moves.len(),
    };
    if due(0) {
        trajectory.push(Snapshot { step: 0, channel: Some(steps.first()), points: points.clone() });
    }
    for (k, (from, to, step)) in moves.iter().enumerate() {
        if let Some(intervene) = options.intervene
            && let Some(state) = intervene(k, *from, points.view())?
        {
            points = intervened(state, &points)?;
        }
        advance(denoiser, *from, *to, step, seed, k as u64 + 1, &mut points)?;
        if due(k + 1) {
            trajectory.push(Snapshot { step: k + 1, channel: *to, points: points.clone() });
        }
        if let Some(progress) = options.progress {
            progress(k + 1, moves.len());
        }
    }
    Ok(Run { points, trajectory })
}

/// The channel that a step starts from, the one that it leads to (none at the data), and the step.
pub(crate) type Move = (Channel, Option<Channel>, Step);

/// The steps of a run in order. Errors: those of `Method::step`.
pub(crate) fn moves(steps: &Steps, method: Method, end: End) -> Result<Vec<Move>> {
    let channels = steps.channels();
    let mut moves = Vec::with_capacity(channels.len());
    for pair in channels.windows(2) {
        moves.push((pair[0], Some(pair[1]), method.step(pair[0], pair[1])?));
    }
    if let (End::Data, Some(last)) = (end, channels.last()) {
        moves.push((*last, None, TO_DATA));
    }
    Ok(moves)
}

/// The state that takes the place of `before`, in the layout that blocks are cut from.
///
/// Errors: `Error::Shape` where it has another shape; `Error::NotFinite`.
fn intervened<T: Real>(state: Array2<T>, before: &Array2<T>) -> Result<Array2<T>> {
    if state.dim() != before.dim() {
        return Err(Error::Shape {
            what: "state after an intervention",
            found: state.shape().to_vec(),
            expected: format!("the shape of the state, {:?}", before.shape()),
        });
    }
    check_finite("state after an intervention", state.view())?;
    Ok(state.as_standard_layout().into_owned())
}

/// Refuses a batch that is empty or that memory cannot hold.
pub(crate) fn check_size(n: usize, dimension: usize) -> Result<()> {
    if n == 0 || dimension == 0 {
        return Err(Error::Empty { what: "sample", expected: "point" });
    }
    // Two states and two predictions of f64 must be addressable.
    if n.checked_mul(dimension).is_none_or(|count| count > isize::MAX as usize / 32) {
        return Err(Error::Domain {
            what: "number of points",
            value: n as f64,
            expected: "a number of coordinates that memory can hold",
        });
    }
    Ok(())
}

/// The states that a run begins with.
pub(crate) fn start<T: Real>(
    start: &Start<T>,
    channel: Channel,
    n: usize,
    dimension: usize,
    seed: u64,
) -> Result<Array2<T>> {
    check_size(n, dimension)?;
    if let Start::Given(points) = start {
        check_points("start", dimension, points.view())?;
        if points.nrows() != n {
            return Err(Error::Shape {
                what: "start",
                found: points.shape().to_vec(),
                expected: format!("{n} rows"),
            });
        }
        return Ok(points.clone());
    }
    let mut points = Array2::default((n, dimension));
    let blocks: Vec<ArrayViewMut2<'_, T>> = points.axis_chunks_iter_mut(Axis(0), BLOCK).collect();
    blocks.into_par_iter().enumerate().for_each(|(b, mut block)| {
        if let Some(out) = block.as_slice_mut() {
            fill_normal(seed, 0, (b * BLOCK * dimension) as u64, out);
        }
    });
    match start {
        Start::Moments { mean, factor } => {
            GaussianLaw::check(mean.view(), factor.view())?;
            if mean.len() != dimension {
                return Err(Error::Shape {
                    what: "start's mean",
                    found: mean.shape().to_vec(),
                    expected: format!("{dimension} numbers"),
                });
            }
            let factor = factor.mapv(T::from_f64);
            let mut moved = multiply(points.view(), factor.t())?;
            for mut row in moved.rows_mut() {
                for (entry, &mean) in row.iter_mut().zip(mean) {
                    *entry = T::from_f64(mean + entry.to_f64());
                }
            }
            points = moved;
        }
        _ => {
            let deviation = T::from_f64(prior_deviation(channel));
            points.mapv_inplace(|z| deviation * z);
        }
    }
    check_finite("start", points.view())?;
    Ok(points)
}

/// One step of every point.
fn advance<T: Real, D: Denoiser<T> + ?Sized>(
    denoiser: &D,
    from: Channel,
    to: Option<Channel>,
    step: &Step,
    seed: u64,
    stream: u64,
    points: &mut Array2<T>,
) -> Result<()> {
    let dimension = points.ncols();
    let blocks: Vec<ArrayViewMut2<'_, T>> = points.axis_chunks_iter_mut(Axis(0), BLOCK).collect();
    let results: Vec<Result<()>> = blocks
        .into_par_iter()
        .enumerate()
        .map(|(b, mut block)| {
            let first = (b * BLOCK * dimension) as u64;
            let next = match step {
                Step::Single(weights) => {
                    single(denoiser, from, weights, (seed, stream, first), block.view())?
                }
                Step::Corrected { predictor, state, noise, noise_after } => {
                    let before = denoiser.noise(from, block.view())?;
                    let guess = combine(predictor, block.view(), None, Some(before.view()), None)?;
                    check_finite("state", guess.view()).map_err(|e| e.moved_down(b * BLOCK))?;
                    let after = denoiser.noise(to.unwrap_or(from), guess.view())?;
                    // x' = state·x + (noise·ε̂ + noise_after·ε̂'): ε̂' takes the place of z.
                    let weights = Weights {
                        state: *state,
                        denoised: 0.0,
                        noise: *noise,
                        random: *noise_after,
                    };
                    combine(&weights, block.view(), None, Some(before.view()), Some(after.view()))?
                }
            };
            block.assign(&next);
            Ok(())
        })
        .collect();
    results.into_iter().collect::<Result<()>>()?;
    check_finite("state", points.view())
}

fn single<T: Real, D: Denoiser<T> + ?Sized>(
    denoiser: &D,
    channel: Channel,
    weights: &Weights,
    (seed, stream, first): (u64, u64, u64),
    x: ArrayView2<'_, T>,
) -> Result<Array2<T>> {
    let random = (weights.random != 0.0).then(|| {
        let mut normals = Array2::default(x.dim());
        if let Some(out) = normals.as_slice_mut() {
            fill_normal(seed, stream, first, out);
        }
        normals
    });
    let found = denoiser.predict(channel, x)?;
    let random = random.as_ref().map(|normals| normals.view());
    combine(weights, x, Some(found.denoised.view()), Some(found.noise.view()), random)
}

/// state·x + (denoised·D̂ + (noise·ε̂ + random·z)); a term with weight 0 or no array is left out.
///
/// Errors: `Error::Shape` where a denoiser gave an array of another shape.
fn combine<T: Real>(
    weights: &Weights,
    x: ArrayView2<'_, T>,
    denoised: Option<ArrayView2<'_, T>>,
    noise: Option<ArrayView2<'_, T>>,
    random: Option<ArrayView2<'_, T>>,
) -> Result<Array2<T>> {
    let mut sum = Array2::default(x.dim());
    let terms = [
        ("random normals", weights.random, random),
        ("noise predicted", weights.noise, noise),
        ("data predicted", weights.denoised, denoised),
        ("state", weights.state, Some(x)),
    ];
    for (what, weight, values) in terms {
        let Some(values) = values.filter(|_| weight != 0.0) else { continue };
        if values.dim() != x.dim() {
            return Err(Error::Shape {
                what,
                found: values.shape().to_vec(),
                expected: format!("the shape of the state, {:?}", x.shape()),
            });
        }
        let values = values.as_standard_layout();
        if let (Some(sum), Some(values)) = (sum.as_slice_mut(), values.as_slice()) {
            Isa::best().run(AddScaled { weight: T::from_f64(weight), values, sum });
        }
    }
    Ok(sum)
}

/// sum ← weight·values + sum, one fma an entry.
struct AddScaled<'a, T> {
    weight: T,
    values: &'a [T],
    sum: &'a mut [T],
}

impl<T: Real> Kernel for AddScaled<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for (sum, &value) in self.sum.iter_mut().zip(self.values) {
            *sum = M::mul_add(self.weight, value, *sum);
        }
    }
}
