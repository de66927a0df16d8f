//! Training: steps without the constraint and with FGSM and PGD leave the CPU's weights, moments, average and losses, whether they are looked at
//! one by one or together.

use tweedie::arith::Real;
use tweedie::cuda::{DeviceReal, DeviceTrainer, Machine};
use tweedie::denoiser::{Mlp, Trainable};
use tweedie::train::config::Config;
use tweedie::train::optimizer::State;
use tweedie::train::plan::Plan;
use tweedie::train::trainer::{CpuTrainer, Trainer};

use super::{Extent, Verdict, both, said, same};

/// Rows of two blocks and a part at least, a width that no tile divides; the constraint from the second step on.
const PLANS: [&str; 3] = [
    "[data]\nlaw = \"ring\"\n",
    "[data]\nlaw = \"three-gaussians\"\n[objective]\nconstraint = \"equivariance\"\nstart = 1\n\
     [perturbation]\nkind = \"fgsm\"\ninner = \"residual\"\n",
    "[data]\nlaw = \"oblique-plane\"\nsamples = 50\n[objective]\nconstraint = \"invariance\"\nstart = 1\n\
     parametrisation = \"velocity\"\nunits = \"input\"\n[perturbation]\nkind = \"pgd\"\nnorm = \"l2\"\nsteps = 2\nrestarts = 2\n",
];

pub fn training<M: Machine>(machine: &M, extent: &Extent) -> Verdict {
    for own in PLANS {
        let (batch, width) = (extent.points, extent.points / 5);
        let text = format!(
            "seed = 8\nsteps = 3\nbatch = {batch}\n{own}[channel]\nlevels = 30\n[model]\nwidth = {width}\nlayers = 2\nwaves = 3\n\
             [optimizer]\nwarmup = 1\nclip = 0.05\nweight_decay = 0.01\naverage = 0.9\n"
        );
        both(|| steps::<M, f64>(machine, &text), || steps::<M, f32>(machine, &text))?;
    }
    Ok(())
}

fn steps<M: Machine, T: DeviceReal>(machine: &M, text: &str) -> Verdict {
    let plan = Config::parse(text)?;
    let plan = said(Plan::new(&plan))?;
    let model: Mlp<T> = said(plan.start(&said(plan.spec())?))?;
    let state = State::new(model.parameters());
    let mut there = said(DeviceTrainer::new(machine, &plan, &model, &state))?;
    let mut here = said(CpuTrainer::new(&plan, model, state))?;
    for until in [1, 3] {
        let mut expected = Vec::new();
        while let [measured] = said(here.advance_to(until))?[..] {
            expected.push(measured);
        }
        let found = said(there.advance_to(until))?;
        if found != expected {
            return Err(format!("losses up to step {until}: {found:?} for {expected:?}"));
        }
        same_state(said(there.now())?, said(here.now())?)
            .map_err(|e| format!("step {until}: {e}"))?;
    }
    Ok(())
}

type At<'a, T> = (&'a Mlp<T>, &'a State<T>);

fn same_state<T: Real>((model, found): At<'_, T>, (expected, at): At<'_, T>) -> Verdict {
    same("weights", model.parameters(), expected.parameters())?;
    same("first moments", &found.first, &at.first)?;
    same("second moments", &found.second, &at.second)?;
    same("average", &found.average, &at.average)
}
