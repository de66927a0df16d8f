//! `tweedie optimum`: what a training objective asks for exactly on a law, and the law that a sampler generates from it.
//!
//! A kind of optimum is a variant of [`Kind`] and a file that writes it; `affine` is here, the others in `cli::optimum_grid` and
//! `cli::optimum_settled`.
//!
//! Floor 9. Uses `attack`, `channel`, `denoiser`, `format`, `law`, `objective`, `optimum`, `sampler`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ndarray::{Array1, ArrayD, arr1};

use super::arguments::{ChannelChoice, LawChoice};
use super::{HOLDS, optimum_grid, optimum_settled, say};
use crate::attack::{Norm, Shape};
use crate::channel::{Channel, Steps};
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};
use crate::format::npy::{ArrayRef, read_points};
use crate::format::npz::write_npz;
use crate::objective::{Radius, Strength};
use crate::optimum::{AffineObjective, AffineOptimum, Moments, Optimum, Perturbation, bures};
use crate::sampler::{End, GaussianLaw, Method, law_of_sampler};

/// Over which denoisers the loss is least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Affine ones: closed form or min–max, for any law.
    Affine,
    /// All, in the limit of a small radius (E5): on a grid in one and two dimensions, by Langevin paths above.
    Resolvent,
    /// All, for random ω in the box (E6): on a grid in one and two dimensions.
    FiniteRadius,
    /// All, where training settles, for either constraint and also against an attack: on a grid in one and two dimensions.
    Settled,
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub law: LawChoice,
    #[command(flatten)]
    pub channel: ChannelChoice,
    /// Over which denoisers.
    #[arg(long, value_enum, default_value = "affine")]
    pub kind: Kind,
    /// equivariance or invariance.
    #[arg(long, default_value = "equivariance", value_name = "NAME")]
    pub constraint: String,
    /// noise (x + s·ω) or input (x + ω).
    #[arg(long, default_value = "noise", value_name = "NAME")]
    pub units: String,
    /// The weight λ of the constraint.
    #[arg(long, default_value_t = 0.3, value_name = "X", allow_negative_numbers = true)]
    pub lambda: f64,
    /// The radius of the perturbation, in its units.
    #[arg(
        long,
        visible_alias = "eps",
        default_value_t = 1.0,
        value_name = "R",
        allow_negative_numbers = true
    )]
    pub radius: f64,
    /// ρ of r = R·s^ρ + b.
    #[arg(long, default_value_t = 0.0, value_name = "RHO", allow_negative_numbers = true)]
    pub power: f64,
    /// b is uniform between 0 and this.
    #[arg(long, default_value_t = 0.0, value_name = "B", allow_negative_numbers = true)]
    pub offset: f64,
    /// Random ω: box, ball (ℓ2), sphere or gaussian (default: box).
    #[arg(long, value_name = "NAME", conflicts_with = "adversary")]
    pub shape: Option<String>,
    /// An adversary's ω instead: l2, linf or l1 (min–max), or source (the source method's, who pursues the prediction
    /// difference; ℓ2).
    #[arg(long, value_name = "NAME")]
    pub adversary: Option<String>,
    /// N points in d dimensions, .npy, at which the optimum is also evaluated.
    #[arg(long, value_name = "FILE")]
    pub points: Option<PathBuf>,
    /// Also the law that this sampler generates from it: ancestral, ddim[:ETA], euler, heun, euler-maruyama.
    #[arg(long, value_name = "NAME")]
    pub sampler: Option<String>,
    /// The table of channels of --sampler.
    #[arg(long, default_value = "edm", value_name = "NAME")]
    pub schedule: String,
    /// The attack of `settled`, one signed step from a start uniform in the box: prediction-difference or residual (default: none).
    #[arg(long, value_name = "NAME")]
    pub attack: Option<String>,
    /// The most rounds of `settled`.
    #[arg(long, default_value_t = 60, value_name = "N")]
    pub rounds: usize,
    /// Nodes an axis of the grid (default: 801 on the line and 161 in the plane; of `settled` 401 and 61).
    #[arg(long, value_name = "N")]
    pub nodes: Option<usize>,
    /// Paths a point of `resolvent` above two dimensions.
    #[arg(long, default_value_t = 4096, value_name = "N")]
    pub paths: usize,
    /// The key of the paths' random numbers.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Channels in that table.
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub steps: usize,
    /// The .npz to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

pub(super) fn run(options: &Arguments) -> Result<u8> {
    if let (Some(name), false) = (&options.attack, options.kind == Kind::Settled) {
        let (what, name) = ("--attack with this kind", name.clone());
        return Err(Error::Unknown { what, name, expected: "--kind settled".into() });
    }
    match options.kind {
        Kind::Affine => affine(options)?,
        Kind::Resolvent | Kind::FiniteRadius => optimum_grid::run(options)?,
        Kind::Settled => optimum_settled::run(options)?,
    }
    Ok(HOLDS)
}

/// λ, r and the constraint of the options.
pub(super) fn objective(options: &Arguments) -> Result<AffineObjective> {
    Ok(AffineObjective {
        constraint: options.constraint.parse()?,
        units: options.units.parse()?,
        strength: Strength::new(options.lambda, 0.0)?,
        radius: Radius::new(options.radius, options.power, options.offset)?,
    })
}

/// The shape of random ω.
pub(super) fn shape(name: &str) -> Result<Shape> {
    match name {
        "box" => Ok(Shape::Box),
        "ball" => Ok(Shape::Ball(Norm::L2)),
        "sphere" => Ok(Shape::Sphere),
        "gaussian" => Ok(Shape::Gaussian),
        _ => Err(Error::Unknown {
            what: "shape",
            name: name.to_owned(),
            expected: "box, ball, sphere, gaussian".into(),
        }),
    }
}

fn perturbation(options: &Arguments) -> Result<Perturbation> {
    match (options.adversary.as_deref(), options.shape.as_deref()) {
        (Some("source"), _) => Ok(Perturbation::SourceAdversary),
        (Some(name), _) => {
            let norm: Norm = name.parse().map_err(|_| Error::Unknown {
                what: "adversary",
                name: name.to_owned(),
                expected: "linf, l2, l1, source".into(),
            })?;
            Ok(Perturbation::Adversary(norm))
        }
        (None, name) => Ok(Perturbation::Random(shape(name.unwrap_or("box"))?)),
    }
}

/// Arrays by name, in the order of the file.
pub(super) type Named = Vec<(&'static str, ArrayD<f64>)>;

fn affine(options: &Arguments) -> Result<()> {
    let channel = options.channel.get()?;
    let moments = Moments::of_law(&options.law.require()?)?;
    let optimum = AffineOptimum::new(moments, objective(options)?, perturbation(options)?)?;
    let found = optimum.at(channel)?;
    let (matrix, offset) = optimum.matrix_and_offset(channel)?;
    let mut named: Named = vec![
        ("matrix", matrix.into_dyn()),
        ("offset", Array1::from_vec(offset).into_dyn()),
        ("noise_matrix", found.minimiser.noise.clone().into_dyn()),
        ("mean", optimum.moments().mean().to_owned().into_dyn()),
        ("covariance", optimum.moments().covariance().to_owned().into_dyn()),
        ("perturbation_covariance", found.spread.matrix().to_owned().into_dyn()),
        ("error_bound", one(found.minimiser.error)),
        ("noise_error_bound", one(found.minimiser.noise_error)),
        ("loss", arr1(&[found.loss.matching, found.loss.penalty]).into_dyn()),
        ("gains", gains(&optimum, &found).into_dyn()),
    ];
    if let Some(gap) = found.gap {
        named.push(("gap", one(gap)));
    }
    if let Some(strategy) = &found.strategy {
        named.push(("strategy", strategy.points.clone().into_dyn()));
        named.push(("strategy_weights", arr1(&strategy.weights).into_dyn()));
    }
    let mut text = table(&optimum, &found, channel);
    if let Some(path) = &options.points {
        let x = read_points::<f64>(path)?;
        let located = |error: Error| Error::File {
            path: path.display().to_string(),
            reason: error.to_string(),
        };
        let prediction = optimum.predict(channel, x.view()).map_err(located)?;
        named.push(("denoiser", prediction.denoised.into_dyn()));
        named.push(("noise", prediction.noise.into_dyn()));
    }
    if let Some(name) = &options.sampler {
        let (line, law, distance) = generated(options, &optimum, name)?;
        text.push_str(&line);
        named.push(("generated_mean", law.mean.into_dyn()));
        named.push(("generated_covariance", law.covariance.into_dyn()));
        named.push(("generated_distance", one(distance)));
    }
    write(&options.out, &named)?;
    say(&text);
    Ok(())
}

/// The file.
pub(super) fn write(path: &Path, named: &Named) -> Result<()> {
    let arrays: Vec<(&str, ArrayRef)> =
        named.iter().map(|(name, array)| (*name, array as ArrayRef)).collect();
    write_npz(path, &arrays)
}

fn one(value: f64) -> ArrayD<f64> {
    arr1(&[value]).into_dyn()
}

/// q_iᵀ·A·q_i for each eigenvector of C, by ascending variance.
fn gains(optimum: &AffineOptimum, found: &Optimum) -> Array1<f64> {
    let along = |q: ndarray::ArrayView1<'_, f64>| {
        let rows = found.minimiser.denoised.rows().into_iter().zip(q);
        rows.fold(0.0_f64, |sum, (row, q_i)| {
            let moved = row.iter().zip(q).fold(0.0_f64, |sum, (a, q)| a.mul_add(*q, sum));
            moved.mul_add(*q_i, sum)
        })
    };
    optimum.moments().vectors().columns().into_iter().map(along).collect()
}

/// Directions shown in the table; all are in the file.
const SHOWN: usize = 8;

fn table(optimum: &AffineOptimum, found: &Optimum, channel: Channel) -> String {
    let mut out = String::new();
    let mut line = |name: &str, text: String| {
        let _ = writeln!(out, "{name:18} {text}");
    };
    let (a, s) = (channel.a(), channel.s());
    let ratio = a / s * (a / s);
    let loss = found.loss.matching + found.loss.penalty;
    line(
        "loss",
        format!(
            "{loss:.6e} = {:.6e} + {:.6e} (x₀), {:.6e} (ε)",
            found.loss.matching,
            found.loss.penalty,
            ratio * loss
        ),
    );
    match (optimum.perturbation(), found.gap) {
        (Perturbation::SourceAdversary, Some(gap)) => {
            line("shortfall", format!("{gap:.2e} of the prediction difference"));
        }
        (_, Some(gap)) => line("duality gap", format!("{gap:.2e} (x₀)")),
        (_, None) => {}
    }
    line("error bound", format!("‖A − A*‖ ≤ {:.2e}", found.minimiser.error));
    line("variance of x₀", "gain of the optimum, of the Wiener filter".into());
    let gains = gains(optimum, found);
    let values = optimum.moments().values();
    for (i, &c) in values.iter().enumerate().rev().take(SHOWN) {
        let wiener = a * (c / s) / (a * (a * (c / s)) + s);
        line(&format!("  {c:.6e}"), format!("{:.6e}  {wiener:.6e}", gains[i]));
    }
    if values.len() > SHOWN {
        line("", format!("and {} directions of less variance", values.len() - SHOWN));
    }
    out
}

/// The law generated from N(0, σ²I) at the table's first channel, and how far it is from N(m, C).
fn generated(
    options: &Arguments,
    optimum: &AffineOptimum,
    name: &str,
) -> Result<(String, GaussianLaw, f64)> {
    let method: Method = name.parse()?;
    let steps = Steps::by_name(&options.schedule, options.steps)?;
    let moments = optimum.moments();
    let start = GaussianLaw::standard(steps.first(), moments.dimension());
    let law = law_of_sampler(optimum, &steps, method, &start, End::Data)?;
    let clean = GaussianLaw {
        mean: moments.mean().to_owned(),
        covariance: moments.covariance().to_owned(),
    };
    let distance = bures(&law, &clean)?;
    let trace = |law: &GaussianLaw| law.covariance.diag().iter().sum::<f64>();
    let line = format!(
        "{:18} {method}, {} {} levels: W₂ to N(m, C) {distance:.6e}, total variance {:.6e} of {:.6e}\n",
        "generated",
        options.schedule,
        steps.len(),
        trace(&law),
        trace(&clean)
    );
    Ok((line, law, distance))
}
