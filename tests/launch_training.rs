//! `DeviceTrainer` with no GPU: its uploads, lists and downloads, as they are, on a machine that runs the kernels on the CPU under the
//! address sanitizer. Several steps equal `train` bit for bit (N3); a number that is not finite gives the error of `train`; mistakes
//! planted in the list of launches are seen.

mod cuda;
mod shim;

use shim::Shim;
use tweedie::Error;
use tweedie::arith::Real;
use tweedie::cuda::{DeviceReal, DeviceTrainer};
use tweedie::denoiser::{Mlp, Trainable};
use tweedie::train::batch::Table;
use tweedie::train::config::Config;
use tweedie::train::optimizer::State;
use tweedie::train::plan::Plan;
use tweedie::train::run::learn;
use tweedie::train::step::{Workspace, gradient};

const PLAIN: &str = "seed = 5\nsteps = 3\nbatch = 70\n[data]\nlaw = \"ring\"\n[channel]\nlevels = 30\n\
    [model]\nwidth = 9\nlayers = 2\nwaves = 2\n[optimizer]\nwarmup = 1\naverage = 0.9\n";
/// FGSM, from the second step on.
const ATTACKED: &str = "seed = 6\nsteps = 3\nbatch = 65\n[data]\nlaw = \"three-gaussians\"\n[channel]\nlevels = 30\n\
    [model]\nwidth = 7\nlayers = 1\nwaves = 2\n[objective]\nconstraint = \"equivariance\"\nstart = 1\n\
    [perturbation]\nkind = \"fgsm\"\ninner = \"residual\"\n[optimizer]\nwarmup = 1\nclip = 0.02\naverage = 0.9\n";

fn plan(text: &str) -> Plan {
    Plan::new(&Config::parse(text).unwrap()).unwrap()
}

fn same<T: Real>(what: &str, found: &[T], expected: &[T]) -> Result<(), String> {
    let bits = |all: &[T]| all.iter().map(|x| x.bits()).collect::<Vec<_>>();
    if bits(found) == bits(expected) { Ok(()) } else { Err(format!("{what} differ")) }
}

/// All steps of a plan, looked at after each of `stops`, with so many steps in the table.
fn agrees<T: DeviceReal>(
    machine: &Shim,
    text: &str,
    stops: &[u64],
    table: u64,
) -> Result<(), String> {
    let plan = plan(text);
    let said = |error: Error| error.to_string();
    let mut model: Mlp<T> = plan.start(&plan.spec().map_err(said)?).map_err(said)?;
    let start = model.clone();
    let mut state = State::new(model.parameters());
    let mut trainer =
        DeviceTrainer::with_table(machine, &plan, &model, &state, table).map_err(said)?;
    let of_levels = Table::new(&plan, &model).map_err(said)?;
    let mut theta = model.parameters().to_vec();
    let mut room = Workspace::new(theta.len(), plan.config.batch);
    for &stop in stops {
        let (from, mut measured) = (state.step, Vec::new());
        for step in state.step..stop {
            let losses = gradient(&plan, &model, &of_levels, step, &mut room).map_err(said)?;
            let steps = plan.config.steps;
            let norm = state.advance(&plan.optimizer, steps, &mut theta, room.gradient());
            measured.push((losses, norm.map_err(said)?));
            model.set_parameters(&theta).map_err(said)?;
        }
        trainer.advance(stop - trainer.step()).map_err(said)?;
        let (found, at) = trainer.download().map_err(said)?;
        same("weights", found.parameters(), &theta)?;
        same("first moments", &at.first, &state.first)?;
        same("second moments", &at.second, &state.second)?;
        same("averages", &at.average, &state.average)?;
        if at.step != stop || trainer.step() != stop {
            return Err("the step".into());
        }
        // What stands in the table that was there before is gone with it.
        let from = from.max((stop - 1) / table * table);
        let kept = trainer.history(from).map_err(said)?;
        if kept[..] != measured[measured.len() - (stop - from) as usize..] {
            return Err(format!("{kept:?} for {measured:?}"));
        }
    }
    if state.step == plan.config.steps {
        let learned = learn(&plan, start).map_err(said)?;
        same("what is learned", learned.parameters(), &state.average)?;
    }
    Ok(())
}

#[test]
fn several_steps_have_the_bits_of_the_cpu() {
    for text in [PLAIN, ATTACKED] {
        agrees::<f32>(&Shim::new(), text, &[1, 3], 1 << 16).unwrap();
        agrees::<f64>(&Shim::new(), text, &[3], 1 << 16).unwrap();
        // A table that ends between steps is made anew.
        agrees::<f32>(&Shim::new(), text, &[3], 2).unwrap();
    }
}

#[test]
fn mistakes_in_the_list_are_seen() {
    let seen = |machine: Shim| agrees::<f32>(&machine, ATTACKED, &[2], 1 << 16).is_err();
    assert!(!seen(Shim::new()));
    // Launches dropped: the clock, the update, the sum of the losses; two swapped: the update and what it needs, and a layer and the one before.
    assert!(seen(Shim::new().with_list(|list| drop(list.pop()))));
    assert!(seen(Shim::new().with_list(|list| list.retain(|l| l.entry != "optimizer_update"))));
    assert!(seen(Shim::new().with_list(|list| list.retain(|l| l.entry != "objective_losses"))));
    assert!(seen(Shim::new().with_list(|list| {
        let at = list.iter().position(|l| l.entry == "optimizer_update").unwrap();
        list.swap(at, at - 1);
    })));
    assert!(seen(Shim::new().with_list(|list| {
        let at = list.iter().position(|l| l.entry == "network_output").unwrap();
        list.swap(at, at - 1);
    })));
}

#[test]
fn what_is_not_finite_is_the_error_of_the_cpu() {
    let plan = plan(PLAIN);
    let mut model: Mlp<f32> = plan.start(&plan.spec().unwrap()).unwrap();
    // A bias of the last layer so large that predictions leave the format.
    let mut theta = model.parameters().to_vec();
    *theta.last_mut().unwrap() = f32::MAX;
    model.set_parameters(&theta).unwrap();
    let mut trainer = DeviceTrainer::new(&Shim::new(), &plan, &model, &State::new(&theta)).unwrap();
    trainer.advance(2).unwrap();
    let found = trainer.download().expect_err("a stop");
    let expected = learn(&plan, model).expect_err("a stop");
    assert!(matches!(found, Error::Stopped { step: 0, .. }), "{found}");
    assert_eq!(found, expected);
}

#[test]
fn more_steps_than_the_plan_has_are_refused() {
    let plan = plan(PLAIN);
    let model: Mlp<f32> = plan.start(&plan.spec().unwrap()).unwrap();
    let state = State::new(model.parameters());
    let mut trainer = DeviceTrainer::new(&Shim::new(), &plan, &model, &state).unwrap();
    let error = trainer.advance(4).unwrap_err();
    assert!(matches!(error, Error::Domain { what: "steps", .. }), "{error}");
    assert_eq!(trainer.step(), 0);
}
