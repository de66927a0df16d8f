//! `report.html` of a training run: what was learned, beside its law.
//!
//! Floor 8. Uses `arith`, `channel`, `denoiser`, `error`, `figure`, `law`, `sampler`, `train`. Equal runs give equal bytes.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use ndarray::{Array2, ArrayView2, Axis as Along, s};

use super::html::{drawn, opening};
use super::text::{escape, number_unicode};
use super::{csv, write_text};
use crate::arith::Real;
use crate::arith::eigen::symmetric_eigen;
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};
use crate::figure::{Axis, Figure, Layer, Shape};
use crate::law::Mixture;
use crate::sampler::{Method, Options, sample};
use crate::train::measure::DEVIATIONS;
use crate::train::plan::Plan;
use crate::train::run::{ERRORS, METRICS, errors_of, metrics_of};

/// Pictures shown where points are square images.
const IMAGES: usize = 24;
/// The random stream of the law's own draws, beside which the model's are shown.
const STREAM: u64 = (1 << 54) - 64;
const METHOD: &str = "ddim";

/// Writes `report.html` and `figures/*.csv` of a run into its directory, and `samples.npy`, the points that the model
/// generates there.
///
/// Errors: those of the sampler; `Error::File` where the run's tables cannot be read or a file cannot be written.
pub fn write<T: Real, D: Denoiser<T>>(
    directory: &Path,
    plan: &Plan,
    model: &D,
    parameters: usize,
) -> Result<()> {
    let generated = generate(plan, model)?;
    crate::format::npy::write_npy(&directory.join("samples.npy"), &generated.clone().into_dyn())?;
    let metrics = metrics_of(&directory.join(METRICS))?;
    let errors = errors_of(&directory.join(ERRORS))?;
    let mut figures = vec![losses(&metrics), progress(&errors), by_level(&errors)];
    figures.extend(samples(plan, &generated)?);
    let folder = directory.join("figures");
    fs::create_dir_all(&folder).map_err(|error| Error::File {
        path: folder.display().to_string(),
        reason: error.to_string(),
    })?;
    for figure in &figures {
        let stem = csv::stem(&figure.name);
        write_text(&folder.join(format!("{stem}.csv")), &csv::csv(figure))?;
    }
    let page = page(plan, parameters, &errors, &figures)?;
    write_text(&directory.join("report.html"), &page)
}

fn generate<T: Real, D: Denoiser<T>>(plan: &Plan, model: &D) -> Result<Array2<f64>> {
    let config = &plan.config;
    let steps = plan.steps.stride(config.output.sampler_steps.min(plan.steps.len()))?;
    let method: Method = METHOD.parse()?;
    let run = sample::<T, D>(
        model,
        &steps,
        method,
        config.output.samples,
        config.seed,
        &Options::default(),
    )?;
    Ok(run.points.mapv(Real::to_f64))
}

fn losses(metrics: &[Vec<f64>]) -> Figure {
    let column = |i: usize| -> Vec<[f64; 2]> {
        metrics.iter().filter(|row| row[i] > 0.0).map(|row| [row[0], row[i]]).collect()
    };
    let mut figure = Figure::new("loss", "Loss by step")
        .caption("The mean over a step's rows; the constraint's term is λ·w·‖residual‖².")
        .axes(Axis::linear("step"), Axis::log("loss"))
        .layer(Layer::line("matching", column(2)));
    if metrics.iter().any(|row| row[3] > 0.0) {
        figure = figure.layer(Layer::line("constraint", column(3)));
    }
    figure
}

/// σ = s/a of a row of the errors: it tells levels apart where s is near 1 for many.
fn sigma(row: &[f64]) -> f64 {
    row[2] / row[1]
}

fn progress(errors: &[Vec<f64>]) -> Figure {
    let figure = Figure::new("error-by-step", "Error against the exact denoiser by step")
        .caption("E‖D̂ − D*‖² of the averaged weights at a few levels σ = s/a, the same points each time.")
        .axes(Axis::linear("step"), Axis::log("E‖D̂ − D*‖²"));
    // Every measurement has the levels of the first, in their order.
    let first = errors.first().map_or(0.0, |row| row[0]);
    let levels = errors.iter().filter(|row| row[0] == first).count();
    (0..levels).fold(figure, |figure, level| {
        let rows: Vec<&Vec<f64>> = errors.iter().skip(level).step_by(levels).collect();
        let label =
            rows.first().map_or(String::new(), |row| format!("σ = {}", number_unicode(sigma(row))));
        figure.layer(Layer::line(label, rows.iter().map(|row| [row[0], row[3]]).collect()))
    })
}

fn by_level(errors: &[Vec<f64>]) -> Figure {
    let last = errors.last().map_or(0.0, |row| row[0]);
    let rows: Vec<&Vec<f64>> = errors.iter().filter(|row| row[0] == last).collect();
    let bars = rows
        .iter()
        .map(|row| {
            let width = DEVIATIONS * row[4];
            [sigma(row), row[3], (row[3] - width).max(0.0), row[3] + width]
        })
        .collect();
    let floor = rows.iter().map(|row| [sigma(row), row[5]]).collect();
    Figure::new("error-by-level", "Error against the exact denoiser by level")
        .caption(format!(
            "E‖D̂ − D*‖² at the end and {DEVIATIONS} standard errors to both sides, beside the floor E tr Σ_post that no \
             denoiser's loss goes below (T4)."
        ))
        .axes(Axis::log("σ = s/a"), Axis::log("squared error"))
        .layer(Layer::line("floor", floor))
        .layer(Layer::errorbars("error", bars))
}

/// The law's points and the model's, in the coordinates that show most.
fn samples(plan: &Plan, generated: &Array2<f64>) -> Result<Vec<Figure>> {
    let n = generated.nrows();
    let drawn = plan.clean.sample(plan.config.seed, STREAM, n)?.points;
    let d = drawn.ncols();
    let side = (d as f64).sqrt() as usize;
    let mut figures = Vec::new();
    if d >= 16 && side * side == d {
        figures.push(images(&drawn, generated, side));
    }
    let (places, words) = match d {
        1 => ([None, Some(0)], ["place among the sorted points", "x"]),
        2 => ([Some(0), Some(1)], ["x₁", "x₂"]),
        _ => (
            [Some(0), Some(d - 1)],
            ["along the widest direction", "along the narrowest direction"],
        ),
    };
    let turned = |points: &Array2<f64>| -> Result<Array2<f64>> {
        if d <= 2 { Ok(points.clone()) } else { in_axes(&plan.clean, points.view()) }
    };
    let (of_law, of_model) = (turned(&drawn)?, turned(generated)?);
    let plane = |points: &Array2<f64>| -> Vec<[f64; 2]> {
        match places {
            [Some(i), Some(j)] => points.rows().into_iter().map(|x| [x[i], x[j]]).collect(),
            _ => {
                let mut sorted: Vec<f64> = points.column(0).to_vec();
                sorted.sort_by(f64::total_cmp);
                let n = sorted.len() as f64;
                sorted.iter().enumerate().map(|(i, &x)| [(i as f64 + 0.5) / n, x]).collect()
            }
        }
    };
    let mut figure = Figure::new("samples", "Points of the law and of the model")
        .caption(format!(
            "{n} draws of the law before corruption, and {n} points generated by {METHOD} with the model in {} steps.",
            plan.config.output.sampler_steps
        ))
        .axes(Axis::linear(words[0]), Axis::linear(words[1]))
        .layer(Layer::points("law", plane(&of_law)))
        .layer(Layer::points("model", plane(&of_model)));
    if d == 2 {
        figure = figure.equal();
    }
    figures.push(figure);
    Ok(figures)
}

/// Coordinates in the eigenbasis of the law's covariance, widest first.
fn in_axes(law: &Mixture, points: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    let eigen = symmetric_eigen(law.total_covariance().view())?;
    let mut order: Vec<usize> = (0..eigen.values.len()).collect();
    order.sort_by(|&i, &j| eigen.values[j].total_cmp(&eigen.values[i]));
    let mean = law.mean();
    let mut centred = points.to_owned();
    for mut row in centred.rows_mut() {
        row.iter_mut().zip(&mean).for_each(|(x, m)| *x -= m);
    }
    let basis = eigen.vectors.select(Along(1), &order);
    crate::arith::matrix::multiply(centred.view(), basis.view())
}

fn images(drawn: &Array2<f64>, generated: &Array2<f64>, side: usize) -> Figure {
    let pictures = |points: &Array2<f64>| -> Vec<Array2<f64>> {
        let shown = points.nrows().min(IMAGES);
        let rows = points.slice(s![..shown, ..]);
        let picture = |row: ndarray::ArrayView1<'_, f64>| {
            Array2::from_shape_fn((side, side), |(i, j)| row[i * side + j])
        };
        rows.rows().into_iter().map(picture).collect()
    };
    let range = drawn
        .iter()
        .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], &x| [low.min(x), high.max(x)]);
    let layer = |label: &str, points: &Array2<f64>| {
        Layer::new(label, Shape::Images { columns: 8, range, images: pictures(points) })
    };
    Figure::new("images", "Images of the law and of the model")
        .caption("Grey is the same number in both.")
        .layer(layer("law", drawn))
        .layer(layer("model", generated))
}

fn page(plan: &Plan, parameters: usize, errors: &[Vec<f64>], figures: &[Figure]) -> Result<String> {
    let config = &plan.config;
    let data = &config.data;
    let law = [&data.law, &data.mixture, &data.points]
        .into_iter()
        .flatten()
        .next()
        .cloned()
        .unwrap_or_default();
    let constraint = &config.objective.constraint;
    let title = match constraint.as_str() {
        "none" => format!("{law}, plain training"),
        _ => format!("{law}, {constraint} ({})", config.perturbation.kind),
    };
    let mut page = opening(&format!("tweedie: {title}"));
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "<header>\n<p class=\"mark\">tweedie</p>\n<h1>{}</h1>\n<dl class=\"run\">\n",
        escape(&title)
    );
    let facts = [
        ("Model", config.model.kind.clone()),
        ("Parameters", parameters.to_string()),
        ("Steps", format!("{} of {} rows, {}", config.steps, config.batch, config.dtype)),
        ("Seed", config.seed.to_string()),
    ];
    for (term, text) in facts {
        let _ = writeln!(page, "<div><dt>{term}</dt><dd>{}</dd></div>", escape(&text));
    }
    page.push_str(
        "</dl>\n</header>\n<section>\n<h2>Against the truth</h2>\n<div class=\"wide\"><table>\n",
    );
    page.push_str(
        "<thead><tr><th class=\"n\">a</th><th class=\"n\">s</th><th class=\"n\">E‖D̂ − D*‖²</th>\
         <th class=\"n\">±</th><th class=\"n\">Floor</th><th class=\"n\">Error/floor</th></tr></thead>\n<tbody>\n",
    );
    let last = errors.last().map_or(0.0, |row| row[0]);
    for row in errors.iter().filter(|row| row[0] == last) {
        page.push_str("<tr>");
        for value in [row[1], row[2], row[3], DEVIATIONS * row[4], row[5], row[3] / row[5]] {
            let _ = write!(page, "<td class=\"n\">{}</td>", number_unicode(value));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n<div class=\"figures\">\n");
    for figure in figures {
        drawn(&mut page, figure, &csv::stem(&figure.name))?;
    }
    let _ = write!(
        page,
        "</div>\n</section>\n<section>\n<h2>Configuration</h2>\n<pre><code>{}</code></pre>\n</section>\n\
         <footer><p>tweedie {}. Equal configurations give equal bytes, for any number of threads and any instruction \
         set.</p></footer>\n</main>\n</body>\n</html>\n",
        escape(&config.to_toml()?),
        escape(env!("CARGO_PKG_VERSION")),
    );
    Ok(page)
}
