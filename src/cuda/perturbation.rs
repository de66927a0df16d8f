//! The launches that find a batch's perturbation: drawn, or by ascent of the inner objective.
//!
//! Beside the floors. Uses `arith`, `attack`. Spec: E4, N3.

use super::launch_list::{Array, Arrays, Launch, Operand};
use super::network::{Network, Record};
use super::part::Part;
use crate::arith::Real;
use crate::attack::{Attack, Inner, Keep, Norm, Shape, StepSize, Units};
use crate::error::{Error, Result};

/// The bit of a stream that marks the radii of balls (`attack::random`).
const TOP: u64 = 1 << 63;

/// The rows of a batch: what every launch over them names.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// N.
    pub rows: u64,
    /// d.
    pub dimension: usize,
    /// The seed of all streams.
    pub seed: u64,
    /// The step.
    pub clock: Array,
    /// N words: each row's level.
    pub level: Array,
    /// `LEVEL_NUMBERS` numbers a level.
    pub numbers: Array,
    /// `LEVEL_WIDE` f64 a level.
    pub wide: Array,
    /// A word: 1 once a number was not finite.
    pub fault: Array,
}

impl Batch {
    /// Random numbers of the stream base + factor·step, in T or in f64.
    pub(super) fn draw(
        &self,
        normal: bool,
        (base, factor): (u64, u64),
        (n, per_call): (u64, u64),
        out: Array,
    ) -> Launch {
        let of = (&self.clock, self.seed);
        Launch::each(
            Part::Draw,
            "draw_fill",
            n.div_ceil(per_call),
            vec![
                normal.into(),
                (*of.0).into(),
                of.1.into(),
                base.into(),
                factor.into(),
                n.into(),
                out.into(),
            ],
        )
    }

    /// A thread a row.
    pub(super) fn each_row(
        &self,
        part: Part,
        entry: &'static str,
        own: impl IntoIterator<Item = Operand>,
    ) -> Launch {
        self.each(part, entry, self.rows, own)
    }

    /// A thread an entry.
    pub(super) fn each_entry(
        &self,
        part: Part,
        entry: &'static str,
        own: impl IntoIterator<Item = Operand>,
    ) -> Launch {
        self.each(part, entry, self.rows * self.dimension as u64, own)
    }

    fn each(
        &self,
        part: Part,
        entry: &'static str,
        work: u64,
        own: impl IntoIterator<Item = Operand>,
    ) -> Launch {
        let all = [self.rows.into(), self.dimension.into()];
        Launch::each(part, entry, work, all.into_iter().chain(own).collect())
    }

    /// x′ = x + h·ω.
    pub(super) fn moved(&self, x: Array, omega: Array, there: Array) -> Launch {
        let own = [self.level, self.numbers, x, omega, there];
        self.each_entry(Part::Objective, "objective_perturbed", own.map(Operand::from))
    }

    fn entries(&self) -> u64 {
        self.rows * self.dimension as u64
    }
}

/// A batch at which perturbations are looked for.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The rows.
    pub batch: Batch,
    /// The network on them.
    pub network: &'a Network,
    /// x.
    pub x: Array,
    /// Of the forward pass at x.
    pub clean: &'a Record,
    /// Where x′ and its pass go, and the vectors at the layers.
    pub there: (Array, &'a Record, &'a [Array]),
    /// N: radii.
    pub radius: Array,
    /// The stream of step 0.
    pub stream: u64,
}

/// ω drawn: `shape` at base + step. Returns the array.
pub fn draw<T: Real>(
    at: &At<'_>,
    shape: Shape,
    arrays: &mut Arrays,
    list: &mut Vec<Launch>,
) -> Array {
    let omega = arrays.room::<T>("omega", at.batch.entries() as usize);
    start::<T>(at, shape, at.stream, omega, arrays, list);
    omega
}

fn start<T: Real>(
    at: &At<'_>,
    shape: Shape,
    base: u64,
    omega: Array,
    arrays: &mut Arrays,
    list: &mut Vec<Launch>,
) {
    let (batch, radius) = (&at.batch, Operand::from(at.radius));
    let (rows, entries) = (batch.rows, batch.entries());
    let per_call = T::PER_CALL as u64;
    match shape {
        Shape::Box | Shape::Ball(Norm::Linf) | Shape::Gaussian => {
            let normal = shape == Shape::Gaussian;
            list.push(batch.draw(normal, (base, 1), (entries, per_call), omega));
            let own = [normal.into(), radius, omega.into()];
            list.push(batch.each_entry(Part::Attack, "attack_box", own));
        }
        Shape::Ball(Norm::L1) => {
            let count = rows * (batch.dimension as u64 + 1);
            let uniforms = arrays.room::<f64>("simplex", count as usize);
            list.push(batch.draw(false, (base, 1), (count, 2), uniforms).in_f64());
            let own = [radius, uniforms.into(), omega.into()];
            list.push(batch.each_row(Part::Attack, "attack_simplex", own));
        }
        Shape::Ball(Norm::L2) | Shape::Sphere => {
            let normals = arrays.room::<f64>("directions", entries as usize);
            list.push(batch.draw(true, (base, 1), (entries, 2), normals).in_f64());
            let mut lengths = None;
            if shape != Shape::Sphere {
                let uniforms = arrays.room::<f64>("lengths", rows as usize);
                list.push(batch.draw(false, (base ^ TOP, 1), (rows, 2), uniforms).in_f64());
                lengths = Some(uniforms);
            }
            let own = [radius, normals.into(), lengths.into(), omega.into()];
            list.push(batch.each_row(Part::Attack, "attack_ball", own));
        }
    }
}

/// The norm's number in the kernels.
fn number(norm: Norm) -> usize {
    match norm {
        Norm::Linf => 0,
        Norm::L2 => 1,
        Norm::L1 => 2,
    }
}

/// ω by ascent: [`Attack::perturb`]. Returns the array that holds it.
///
/// Errors: `Error::Domain` where the settings have no random start.
pub fn ascend<T: Real>(
    at: &At<'_>,
    attack: &Attack,
    arrays: &mut Arrays,
    list: &mut Vec<Launch>,
) -> Result<Array> {
    let settings = attack.settings();
    let Some(shape) = settings.random_start else {
        return Err(Error::Domain {
            what: "random_start",
            value: 0.0,
            expected: "a law of the start: a list of launches draws it",
        });
    };
    let entries = at.batch.entries() as usize;
    let keeps = settings.keep == Keep::Best;
    let ascent = Ascent {
        at,
        attack,
        omega: arrays.room::<T>("omega", entries),
        effect: arrays.room::<T>("effect", entries),
        pulled: arrays.room::<T>("pulled", entries),
        values: keeps.then(|| arrays.room::<f64>("values", at.batch.rows as usize)),
        best: arrays.room::<T>("best", if keeps { entries } else { 0 }),
        best_values: arrays
            .room::<f64>("best values", if keeps { at.batch.rows as usize } else { 0 }),
    };
    for restart in 0..settings.restarts {
        let base = at.stream.wrapping_add((restart as u64) << 48);
        start::<T>(at, shape, base, ascent.omega, arrays, list);
        let own = [number(settings.norm).into(), at.radius.into(), ascent.omega.into()];
        list.push(at.batch.each_row(Part::Attack, "attack_project", own));
        for step in 0..settings.steps {
            ascent.look::<T>(restart + step == 0, list);
            ascent.step::<T>(list);
        }
        if keeps {
            ascent.look::<T>(false, list);
        }
    }
    Ok(if keeps { ascent.best } else { ascent.omega })
}

struct Ascent<'a> {
    at: &'a At<'a>,
    attack: &'a Attack,
    omega: Array,
    effect: Array,
    pulled: Array,
    values: Option<Array>,
    best: Array,
    best_values: Array,
}

impl Ascent<'_> {
    /// 0 Q, 1 R in input units, 2 the difference of the denoised predictions for R in noise units.
    fn residual(&self) -> usize {
        let settings = self.attack.settings();
        match (settings.inner, settings.units) {
            (Inner::PredictionDifference, _) => 0,
            (Inner::Residual, Units::Input) => 1,
            (Inner::Residual, Units::Noise) => 2,
        }
    }

    /// The effect of ω, and with `Keep::Best` its value, kept where it is the largest so far.
    fn look<T: Real>(&self, fresh: bool, list: &mut Vec<Launch>) {
        let (at, batch) = (self.at, &self.at.batch);
        let (there, record, _) = at.there;
        list.push(batch.moved(at.x, self.omega, there));
        at.network.forward::<T>(there, record, list);
        let (found, clean) = if self.residual() == 2 {
            (record.denoised, at.clean.denoised)
        } else {
            (record.noise, at.clean.noise)
        };
        list.push(batch.each_row(
            Part::Attack,
            "attack_effect",
            [
                self.residual().into(),
                batch.level.into(),
                batch.wide.into(),
                found.into(),
                clean.into(),
                self.omega.into(),
                self.effect.into(),
                self.values.into(),
            ],
        ));
        if let Some(values) = self.values {
            list.push(batch.each_row(
                Part::Attack,
                "attack_keep",
                [
                    fresh.into(),
                    self.omega.into(),
                    values.into(),
                    self.best.into(),
                    self.best_values.into(),
                ],
            ));
        }
    }

    /// ω ← P(ω + α·v).
    fn step<T: Real>(&self, list: &mut Vec<Launch>) {
        let (at, settings) = (self.at, self.attack.settings());
        let (_, record, deltas) = at.there;
        let vectors = if self.residual() == 2 {
            [Some(self.effect), None]
        } else {
            [None, Some(self.effect)]
        };
        at.network.deltas::<T>(record, vectors, deltas, list);
        at.network.to_points::<T>(vectors, deltas, self.pulled, list);
        let (relative, alpha) = match settings.alpha {
            StepSize::Absolute(alpha) => (false, alpha),
            StepSize::Relative(alpha) => (true, alpha),
        };
        list.push(at.batch.each_row(
            Part::Attack,
            "attack_step",
            [
                number(settings.norm).into(),
                relative.into(),
                Operand::F64(alpha),
                at.radius.into(),
                (self.residual() == 1).then_some(self.effect).into(),
                self.pulled.into(),
                self.omega.into(),
                at.batch.fault.into(),
            ],
        ));
    }
}
