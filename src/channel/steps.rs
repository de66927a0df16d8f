//! Step tables: the channels that a sampler visits, from noisy to clean.
//!
//! Floor 1. Uses `arith`, `channel`, `error`. Spec: notation, T8.

use crate::arith::wide::Wide;
use crate::channel::schedule::{
    cosine_angle, cosine_complement, cosine_span, sine_up_to_half_turn,
};
use crate::channel::{Channel, Schedule};
use crate::error::{Error, Result};

/// N ≥ 1 channels of strictly rising signal-to-noise ratio: index 0 is the noisiest.
///
/// The data itself, (a, s) = (1, 0), is no channel and is not in the table; a sampler may end there.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    channels: Vec<Channel>,
}

/// The most steps that a table is built with by number: 10⁶.
pub const MAX_STEPS: usize = 1_000_000;

fn check_count(steps: usize) -> Result<()> {
    if (1..=MAX_STEPS).contains(&steps) {
        return Ok(());
    }
    Err(Error::Domain {
        what: "steps",
        value: steps as f64,
        expected: "at least 1 and at most 1000000",
    })
}

/// One entry of a discrete variance-preserving table, at step t: the product ᾱ = Π_{i≤t} (1 − β_i).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cumulative {
    /// log ᾱ = Σ log(1 − β_i).
    pub log_alpha_bar: f64,
    /// ᾱ.
    pub alpha_bar: f64,
    /// 1 − ᾱ.
    pub complement: f64,
    /// a = √ᾱ, s = √(1−ᾱ).
    pub channel: Channel,
}

/// The cumulative products of (1 − β_i), in the order given (t = 1 first, the clean end).
///
/// Each f64 is within 0.5 + 2⁻²⁰ ULP of its formula for the β given, up to 10⁶ steps: log(1 − β_i) and its running
/// sum are double words of relative error 2⁻⁹⁵ and, the terms sharing a sign, 3·2⁻¹⁰⁶ a step; e^ℓ and 1 − e^ℓ
/// are taken from the sum.
/// Errors: `Error::Empty`; `Error::Entry` where a β is not in (0, 1); `Error::Domain` where ᾱ falls below e⁻¹⁴⁰⁰.
pub fn cumulative(betas: &[f64]) -> Result<Vec<Cumulative>> {
    if betas.is_empty() {
        return Err(Error::Empty { what: "betas", expected: "step" });
    }
    let mut log = Wide::ZERO;
    let mut table = Vec::with_capacity(betas.len());
    for (i, &beta) in betas.iter().enumerate() {
        if !(beta > 0.0 && beta < 1.0) {
            return Err(Error::Entry {
                what: "beta",
                index: vec![i],
                value: beta,
                expected: "a number strictly between 0 and 1",
            });
        }
        log = log.plus(Wide::new(-beta).ln_1p());
        if log.to_f64() < -1400.0 {
            return Err(Error::Domain {
                what: "log alpha-bar",
                value: log.to_f64(),
                expected: "a number of at least -1400",
            });
        }
        table.push(Cumulative {
            log_alpha_bar: log.to_f64(),
            alpha_bar: log.exp().to_f64(),
            complement: -log.exp_m1().to_f64(),
            channel: Channel::from_log_alpha_bar(log)?,
        });
    }
    Ok(table)
}

/// The β of Ho et al. 2020: β_i = 1e-4 + (0.02 − 1e-4)·(i − 1)/(T − 1) for i = 1..T, each the nearest f64; they gave
/// it for T = 1000. One step has β = 1e-4.
///
/// Errors: `Error::Domain` where T is 0 or above `MAX_STEPS`.
pub fn ddpm_linear_betas(steps: usize) -> Result<Vec<f64>> {
    check_count(steps)?;
    let (first, last) = (1e-4, 0.02);
    let gaps = Wide::new((steps - 1).max(1) as f64);
    let slope = Wide::sum(last, -first);
    Ok((0..steps)
        .map(|i| slope.times(Wide::new(i as f64)).over(gaps).plus(Wide::new(first)).to_f64())
        .collect())
}

/// The β of Nichol and Dhariwal 2021: β_i = min(1 − ᾱ(i/T)/ᾱ((i−1)/T), 0.999) with the cosine ᾱ, offset 0.008.
///
/// With A', A the angles at the two ends, 1 − cos²A'/cos²A = sin(A'+A)·sin(A'−A)/cos²A: nothing cancels.
/// Errors: `Error::Domain` where T is 0 or above `MAX_STEPS`.
pub fn ddpm_cosine_betas(steps: usize) -> Result<Vec<f64>> {
    check_count(steps)?;
    let offset = 0.008;
    let time = |i: usize| Wide::new(i as f64).over(Wide::new(steps as f64));
    let beta = |i: usize| {
        let sum = cosine_angle(offset, time(i + 1)).plus(cosine_angle(offset, time(i)));
        let difference = cosine_span(offset, time(1));
        let cosine = cosine_complement(offset, time(i)).sin();
        let ratio =
            sine_up_to_half_turn(sum).times(difference.sin()).over(cosine.times(cosine)).to_f64();
        if ratio < 0.999 { ratio } else { 0.999 }
    };
    Ok((0..steps).map(beta).collect())
}

impl Steps {
    /// The names that `by_name` reads.
    pub const NAMES: [&'static str; 7] =
        ["ddpm", "ddpm-cosine", "vp-linear", "vp-cosine", "ve", "edm", "rectified"];

    /// The table of the channels given, noisiest first.
    ///
    /// Errors: `Error::Empty`; `Error::Entry` where the signal-to-noise ratio does not rise (what is shown is
    /// the σ = s/a at fault).
    pub fn new(channels: Vec<Channel>) -> Result<Steps> {
        if channels.is_empty() {
            return Err(Error::Empty { what: "step table", expected: "channel" });
        }
        for (i, pair) in channels.windows(2).enumerate() {
            if let [noisy, clean] = pair
                && clean.advantage(*noisy) <= 0.0
            {
                return Err(Error::Entry {
                    what: "step table",
                    index: vec![i + 1],
                    value: clean.sigma(),
                    expected: "a sigma below the one before",
                });
            }
        }
        Ok(Steps { channels })
    }

    /// The table of a discrete variance-preserving process with these β, clean end first as papers number them.
    ///
    /// Errors: those of `cumulative`, and of `new` where steps are too small to differ in f64.
    pub fn from_betas(betas: &[f64]) -> Result<Steps> {
        Steps::new(cumulative(betas)?.into_iter().rev().map(|entry| entry.channel).collect())
    }

    /// The table of Ho et al. 2020 with T steps (`ddpm_linear_betas`).
    pub fn ddpm_linear(steps: usize) -> Result<Steps> {
        Steps::from_betas(&ddpm_linear_betas(steps)?)
    }

    /// The table of Nichol and Dhariwal 2021 with T steps (`ddpm_cosine_betas`).
    pub fn ddpm_cosine(steps: usize) -> Result<Steps> {
        Steps::from_betas(&ddpm_cosine_betas(steps)?)
    }

    /// N channels of a schedule, evenly spaced in t from t = 1.
    ///
    /// Where t = 0 is a channel (VE, EDM) the last one is t = 0, as in Karras et al. 2022, eq. 5; elsewhere t = 0 is
    /// the data, which the sampler reaches after the table, and the last one is t = 1/N. N = 1 is t = 1.
    /// Errors: `Error::Domain` where N is 0 or above `MAX_STEPS`; those of `Schedule::channel` and `new`.
    pub fn of_schedule(schedule: Schedule, steps: usize) -> Result<Steps> {
        check_count(steps)?;
        let last = if schedule.starts_noisy() { 1 } else { 0 };
        let gaps = (steps.saturating_sub(last)).max(1) as f64;
        let channels: Result<Vec<Channel>> =
            (0..steps).map(|i| schedule.channel((gaps - i as f64) / gaps)).collect();
        Steps::new(channels?)
    }

    /// A table of N channels by the name of its schedule: `"ddpm"` and `"ddpm-cosine"` are N of the 1000 discrete
    /// steps (all steps of an N-step process where N > 1000), the others `of_schedule`.
    ///
    /// Errors: `Error::Unknown`, and those of the constructors.
    pub fn by_name(name: &str, steps: usize) -> Result<Steps> {
        let strided = |full: Result<Steps>| full?.stride(steps);
        match name {
            "ddpm" => strided(Steps::ddpm_linear(steps.max(1000))),
            "ddpm-cosine" => strided(Steps::ddpm_cosine(steps.max(1000))),
            _ => match name.parse::<Schedule>() {
                Ok(schedule) => Steps::of_schedule(schedule, steps),
                Err(_) => Err(Error::Unknown {
                    what: "step table",
                    name: name.to_owned(),
                    expected: Steps::NAMES.join(", "),
                }),
            },
        }
    }

    /// N of these channels, both ends among them: entry j is number round(j·(len − 1)/(N − 1)), halves up. N = 1 is
    /// the noisiest alone.
    ///
    /// Errors: `Error::Domain` where N is 0 or more than there are.
    pub fn stride(&self, steps: usize) -> Result<Steps> {
        if steps == 0 || steps > self.len() {
            return Err(Error::Domain {
                what: "steps",
                value: steps as f64,
                expected: "at least 1 and at most the table's length",
            });
        }
        let gaps = (steps - 1).max(1) as u128;
        let last = (self.len() - 1) as u128;
        let entry = |j: usize| ((2 * j as u128 * last + gaps) / (2 * gaps)) as usize;
        let channels = (0..steps).filter_map(|j| self.channels.get(entry(j)).copied()).collect();
        Steps::new(channels)
    }

    /// How many channels there are; at least 1.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.channels.len()
    }

    /// The channels, noisiest first.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The noisiest channel, where a sampler starts.
    pub fn first(&self) -> Channel {
        self.channels[0]
    }

    /// The index of the channel nearest in log signal-to-noise ratio; the cleaner of two equally near.
    pub fn nearest(&self, channel: Channel) -> usize {
        let after = self.channels.partition_point(|c| c.advantage(channel) < 0.0);
        if after == 0 {
            return 0;
        }
        let Some(clean) = self.channels.get(after) else { return self.len() - 1 };
        // σ of the channel against the geometric mean of its neighbours', in logarithms.
        let here = channel.log_snr();
        let noisy = self.channels[after - 1].log_snr();
        if here - noisy < clean.log_snr() - here { after - 1 } else { after }
    }
}
