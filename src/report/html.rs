//! `report.html`: one page that opens offline, without script, and prints.
//!
//! Floor 8. Uses `error`, `figure`, `claims`, the plots. The page is well-formed XML as well as HTML, so that any parser
//! reads it; every text that is not a literal of this file is escaped.

use std::fmt::Write as _;

use super::csv::stem;
use super::plot;
use super::table::summary;
use super::text::{escape, number_unicode};
use super::{Header, stems};
use crate::claims::{Case, Outcome, Statistics, Verdict};
use crate::error::Result;
use crate::figure::Figure;

const STYLE: &str = include_str!("report.css");

const WHAT: &str = "The statements T and E are theorems on denoising scores, checked here on laws whose truth is known in \
    closed form. Each measured figure stands against a bound that is derived, not chosen: from a rounding analysis, from \
    the order of a discretisation, or from a statistical test with a stated false-alarm rate. A theorem holds when every \
    one of its cases stays within its bound. The statements C are findings about training, measured on trained models over \
    several seeds and on the exact optimum of what was trained: a case shows one where its whole interval is within the \
    bound, and the verdict says whether all cases do, some, or none.";

/// The page.
///
/// Errors: those of [`plot::draw`].
pub fn html(header: &Header, outcomes: &[Outcome]) -> Result<String> {
    let version = escape(&header.version);
    let mut page = opening(&format!("tweedie {}: {}", header.version, summary(outcomes)));
    front(&mut page, header, outcomes);
    overview(&mut page, outcomes);
    let mut stems = stems(outcomes).into_iter();
    for outcome in outcomes {
        section(&mut page, header, outcome, &mut stems)?;
    }
    let _ = write!(
        page,
        "<footer><p>tweedie {version}. The numbers of this page are in <code>claims.json</code>, those of its \
         figures in <code>figures/</code>. Equal seeds give equal bytes, for any number of threads and any \
         instruction set.</p></footer>\n</main>\n</body>\n</html>\n"
    );
    Ok(page)
}

/// A page up to its first content.
pub(super) fn opening(title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n\
         <meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        escape(title)
    )
}

/// The command that reproduces the claims with this id.
fn command(header: &Header, id: &str) -> String {
    let size = match (header.quick, header.full) {
        (true, _) => " --quick",
        (false, true) => " --full",
        (false, false) => "",
    };
    format!("tweedie claims --only {id} --seed {}{size}", header.seed)
}

fn front(page: &mut String, header: &Header, outcomes: &[Outcome]) {
    let failed = outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Fails).count();
    let class = if failed == 0 { "holds" } else { "fails" };
    let run = match (header.quick, header.full) {
        (true, _) => "quick: fewer samples, coarser grids",
        (false, true) => "the whole study",
        (false, false) => "the usual size",
    };
    let _ = write!(
        page,
        "<header>\n<p class=\"mark\">tweedie</p>\n<h1>The theory of denoising, measured</h1>\n\
         <p class=\"what\">{WHAT}</p>\n<p class=\"count {class}\">{}</p>\n<dl class=\"run\">\n\
         <div><dt>Version</dt><dd>{}</dd></div>\n<div><dt>Seed</dt><dd>{}</dd></div>\n\
         <div><dt>Run</dt><dd>{run}</dd></div>\n\
         <div><dt>Command</dt><dd><code>{}</code></dd></div>\n</dl>\n</header>\n",
        escape(&summary(outcomes)),
        escape(&header.version),
        header.seed,
        escape(&header.command),
    );
}

fn overview(page: &mut String, outcomes: &[Outcome]) {
    page.push_str(
        "<section>\n<h2>Summary</h2>\n<p class=\"note\">Measured and bound are those of the case closest to its bound.\
         </p>\n<div class=\"wide\"><table class=\"summary\">\n<thead><tr><th>Id</th><th>Statement</th>\
         <th class=\"n\">Measured</th><th class=\"n\">Bound</th><th class=\"n\">Ratio</th>\
         <th class=\"n\">Cases</th><th>Verdict</th></tr></thead>\n<tbody>\n",
    );
    for outcome in outcomes {
        let worst = outcome.worst();
        let _ = writeln!(
            page,
            "<tr><td><a href=\"#claim-{}\">{}</a></td><td><b>{}.</b> {}</td>{}{}{}\
             <td class=\"n\">{} of {}</td><td>{}</td></tr>",
            stem(&outcome.id),
            escape(&outcome.id),
            escape(&outcome.title),
            escape(&outcome.statement),
            figure_cell(worst.map(|case| case.measured)),
            figure_cell(worst.map(|case| case.bound)),
            ratio_cell(worst),
            outcome.cases.len() - outcome.failures(),
            outcome.cases.len(),
            verdict(outcome.verdict),
        );
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn section(
    page: &mut String,
    header: &Header,
    outcome: &Outcome,
    stems: &mut impl Iterator<Item = String>,
) -> Result<()> {
    let _ = write!(
        page,
        "<section class=\"claim\" id=\"claim-{}\">\n<h2><span class=\"id\">{}</span> {} {}</h2>\n\
         <p class=\"statement\">{}</p>\n<dl class=\"facts\">\n",
        stem(&outcome.id),
        escape(&outcome.id),
        escape(&outcome.title),
        verdict(outcome.verdict),
        escape(&outcome.statement),
    );
    fact(page, "Source", &outcome.source);
    fact(page, "Hypothesis", &outcome.hypothesis);
    fact(page, "Measured", &outcome.measured);
    fact(page, "Bound", &outcome.bound);
    if let Some(condition) = &outcome.condition {
        fact(page, "Shown for", condition);
    }
    if let Some(Statistics { false_alarm, power }) = &outcome.statistics {
        fact(page, "False alarms", &format!("at most {}", number_unicode(*false_alarm)));
        fact(page, "Power", power);
    }
    let _ = write!(
        page,
        "<dt>Reproduce</dt><dd><code>{}</code></dd>\n</dl>\n",
        escape(&command(header, &outcome.id))
    );
    cases(page, &outcome.cases);
    if !outcome.figures.is_empty() {
        page.push_str("<div class=\"figures\">\n");
        for figure in &outcome.figures {
            drawn(page, figure, &stems.next().unwrap_or_default())?;
        }
        page.push_str("</div>\n");
    }
    page.push_str("</section>\n");
    Ok(())
}

fn fact(page: &mut String, term: &str, text: &str) {
    if !text.is_empty() {
        let _ = writeln!(page, "<dt>{term}</dt><dd>{}</dd>", escape(text));
    }
}

fn cases(page: &mut String, cases: &[Case]) {
    if cases.is_empty() {
        page.push_str("<p class=\"note\">No case was measured.</p>\n");
        return;
    }
    page.push_str(
        "<div class=\"wide\"><table>\n<thead><tr><th>Law</th><th>Channel</th><th>Quantity</th>\
         <th class=\"n\">Measured</th><th class=\"n\">Bound</th><th class=\"n\">Ratio</th><th>Verdict</th></tr>\
         </thead>\n<tbody>\n",
    );
    for case in cases {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td>{}{}{}<td>{}</td></tr>",
            escape(&case.law),
            escape(&case.channel),
            escape(&case.quantity),
            measured_cell(case),
            figure_cell(Some(case.bound)),
            ratio_cell(Some(case)),
            shown(case),
        );
    }
    page.push_str("</tbody>\n</table></div>\n");
}

fn figure_cell(value: Option<f64>) -> String {
    let text = value.map_or("–".to_owned(), number_unicode);
    format!("<td class=\"n\">{text}</td>")
}

/// The ratio measured/bound, with a bar behind it that is full at 1.
fn ratio_cell(case: Option<&Case>) -> String {
    let Some(case) = case else { return figure_cell(None) };
    let ratio = case.ratio();
    let percent = if ratio.is_nan() { 100.0 } else { (100.0 * ratio).clamp(0.0, 100.0) };
    let class = if case.holds { "n ratio" } else { "n ratio over" };
    format!("<td class=\"{class}\" style=\"--part:{percent:.0}%\">{}</td>", number_unicode(ratio))
}

fn verdict(verdict: Verdict) -> String {
    let (class, sign) = match verdict {
        Verdict::Holds => ("holds", "✓ "),
        Verdict::Fails => ("fails", "✗ "),
        Verdict::HoldsUnder | Verdict::DoesNotHold | Verdict::Undecided => ("open", ""),
    };
    format!("<span class=\"pill {class}\">{sign}{}</span>", verdict.word())
}

/// What one case says.
fn shown(case: &Case) -> String {
    match (case.holds, case.interval) {
        (true, _) => verdict(Verdict::Holds),
        (false, None) => verdict(Verdict::Fails),
        (false, Some([low, _])) if low > case.bound => verdict(Verdict::DoesNotHold),
        (false, Some(_)) => verdict(Verdict::Undecided),
    }
}

/// The figure, with its interval where it has one that is wider than a point.
fn measured_cell(case: &Case) -> String {
    match case.interval {
        Some([low, high]) if low < high => format!(
            "<td class=\"n\">{} <small>[{}, {}]</small></td>",
            number_unicode(case.measured),
            number_unicode(low),
            number_unicode(high)
        ),
        _ => figure_cell(Some(case.measured)),
    }
}

pub(super) fn drawn(page: &mut String, figure: &Figure, stem: &str) -> Result<()> {
    let drawing = plot::draw(figure)?;
    let caption: Vec<&str> = std::iter::once(figure.caption.as_str())
        .chain(drawing.notes.iter().map(String::as_str))
        .filter(|part| !part.is_empty())
        .collect();
    let _ = write!(
        page,
        "<figure>\n{}<figcaption><b>{}.</b> {} <a href=\"figures/{stem}.csv\">Data</a></figcaption>\n</figure>\n",
        drawing.svg,
        escape(figure.title.trim_end_matches('.')),
        escape(&caption.join(" ")),
    );
    Ok(())
}
