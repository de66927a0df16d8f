//! The host's side of the kernels with no GPU: the launches of `DeviceLaw` and `DeviceArray`, as they are, on a machine that runs the
//! same kernels on the CPU (`tests/cuda`), partly under the address sanitizer.
//!
//! Shown here: results are the CPU path's bit by bit; a batch is cut into pieces that fit the free memory; what a launch passes is
//! what the kernel's text declares; mistakes planted in kernels and in launches are seen by the suite that a GPU must pass.

mod cuda;
mod generators;
mod judge;
mod on_device;
mod shim;

use generators::Kind;
use on_device::runs::run_agrees;
use on_device::training::training;
use on_device::{Extent, FIRST_ORDER, agrees, fails, law_of, same_evaluation, suite};
use proptest::prelude::*;
use shim::Shim;
use tweedie::Error;
use tweedie::channel::Steps;
use tweedie::cuda::plan::{
    FEW_POINTS, MANY_COMPONENTS, MOST_BLOCKS, THREADS, blocks, is_spread, points_at_a_time,
};
use tweedie::cuda::signature::{Parameter, SAMPLER, SIGNATURES, Signature};
use tweedie::cuda::{DeviceEvaluation, DeviceLaw, DeviceReal, Machine, sample};
use tweedie::law::Quantity;
use tweedie::sampler::{Method, Options, Start};

fn extent() -> Extent {
    let dimensions = vec![1, 2, 8, 9, 64];
    Extent { dimensions, components: 200, cases: 20, points: 150, long: 1025 }
}

#[test]
fn the_suite_passes_on_the_cpu() {
    for (name, verdict) in suite(&Shim::new(), &extent()) {
        assert_eq!(verdict, Ok(()), "{name}");
    }
}

/// Whether a machine with a mistake fails a check of the suite, or its launches stop.
fn seen(machine: &Shim) -> bool {
    let small = Extent { dimensions: vec![2], cases: 4, ..extent() };
    fails(machine, &small)
}

#[test]
fn the_suite_sees_planted_mistakes() {
    // What is seen must be the mistake: without one nothing is.
    assert!(!seen(&Shim::new()));
    // A kernel whose last thread works too much, one that contracts, one that draws from the next call, and for the covariance another
    // reference and a missing product.
    for (from, to) in [
        ("const bool active = thread < n;", "const bool active = thread <= n;"),
        ("p.scale * p.x[i])", "p.scale * p.x[i] * (real)1.0000001)"),
        (
            "philox(seed, stream, (start / PER_CALL + call)",
            "philox(seed, stream, (start / PER_CALL + call + 1)",
        ),
        ("e.heaviest = k;", "e.heaviest = 0;"),
        ("const real scaled = r * e.one[i];", "const real scaled = e.one[i];"),
        // For components that are spread over blocks a total that is not the block's own, and a factor of another block.
        ("sums[0] = largest, sums[1] = total;", "sums[0] = largest, sums[1] = weight_of[0];"),
        (
            "kept[lane] = canonical_exp(before - after)",
            "kept[lane] = canonical_exp(after - before)",
        ),
        // For the sampler random numbers of another step, and a kept noise that is not used.
        ("normals(seed, done + step + 1,", "normals(seed, step + 1,"),
        (
            "p.x[i] = stepped(kind, numbers, state[i], 0, before[i], noise);",
            "p.x[i] = stepped(kind, numbers, state[i], 0, noise, noise);",
        ),
    ] {
        assert!(seen(&Shim::new().with_text(from, to)), "{to}");
    }
    // A launch of a block too few, and one with less shared memory than it needs.
    assert!(seen(&Shim::new().with_launches(|g| g.blocks = g.blocks.saturating_sub(1).max(1))));
    assert!(seen(&Shim::new().with_launches(|g| g.shared /= 2)));
}

/// The suite's training by itself: a step that is not counted in what is drawn, a contraction in the rows, uniforms for normals.
#[test]
fn the_suite_s_training_sees_planted_mistakes() {
    let small = Extent { points: 70, ..extent() };
    assert_eq!(training(&Shim::new(), &small), Ok(()));
    for (from, to) in [
        ("base + factor * clock[0], call", "base + clock[0], call"),
        (
            "x[at] = of[LEVEL_A] * clean[at] + of[LEVEL_S] * noise[at]",
            "x[at] = fused(of[LEVEL_A], clean[at], of[LEVEL_S] * noise[at])",
        ),
        ("if (normal) normals_of", "if (!normal) normals_of"),
    ] {
        assert!(training(&Shim::new().with_text(from, to), &small).is_err(), "{to}");
    }
}

/// Few points of many components: how many launches, where so much is free beside the tables.
fn spread(dimension: usize, kind: Kind, n: usize, free: u64) -> usize {
    let (case, law) = law_of::<f64>(kind, dimension, MANY_COMPONENTS);
    let host = case.stretched::<f64>(n, 1.0);
    let machine = Shim::new();
    let on = DeviceLaw::new(&machine, &law).unwrap();
    machine.leave_free(free);
    let wanted = [Quantity::Score, Quantity::LogDensity];
    let found = on.evaluate(host.view(), &wanted).unwrap();
    same_evaluation(&found, &law.evaluate(host.view(), &wanted).unwrap()).unwrap();
    let launches = machine.launches();
    // What is kept is used again, and gives the same once more.
    let reserves = machine.reserves();
    assert_eq!(on.evaluate(host.view(), &wanted).unwrap(), found);
    assert!(machine.reserves() <= reserves + 3, "points and two results alone");
    launches
}

#[test]
fn few_points_of_many_components_are_spread_where_there_is_room() {
    assert_eq!(spread(2, Kind::Isotropic, FEW_POINTS, 1 << 30), 2);
    assert_eq!(spread(2, Kind::Isotropic, FEW_POINTS + 1, 1 << 30), 1);
    // The points and their results take 5 numbers a point, what is left between the launches 8·6 + 5 + 10: room for the first alone.
    assert_eq!(spread(2, Kind::Isotropic, 384, 384 * 8 * 20), 1);
    assert!(!is_spread(1, MANY_COMPONENTS - 1));
    // Whitened differences that do not fit in shared memory.
    assert_eq!(spread(95, Kind::Full, 3, 1 << 30), 2);
}

#[test]
fn mistakes_in_what_a_run_is_given_are_seen() {
    use cuda::Argument::{Buffer, Number};
    fn swap(all: &mut [cuda::Argument], one: usize, other: usize) {
        let (before, after) = all.split_at_mut(other);
        if let (Buffer(a), Buffer(b)) = (&mut before[one], &mut after[0]) {
            // Of one size, as the sanitizer wants it: the smaller repeats itself.
            let (na, nb) = (a.len(), b.len());
            let (from_a, from_b) = (a.clone(), b.clone());
            a.iter_mut().zip(from_b.iter().cycle().take(na)).for_each(|(to, x)| *to = *x);
            b.iter_mut().zip(from_a.iter().cycle().take(nb)).for_each(|(to, x)| *to = *x);
        }
    }
    type Mistake = fn(&str, &mut [cuda::Argument]);
    let at = |name: &str| SAMPLER.parameters.iter().position(|p| p.0 == name).unwrap();
    // The places in the list that the mistakes name.
    let named = ["first", "done", "steps", "weights", "levels", "offset", "precision", "gain"];
    assert_eq!(named.map(at), [2, 4, 5, 8, 9, 14, 15, 16]);
    assert_eq!((at("mean"), at("shifted")), (11, 13));
    let mistakes: [(&str, Mistake); 8] = [
        ("rows from the start again", |_, all| all[2] = cuda::Argument::count(0)),
        ("steps from the start again", |_, all| all[4] = cuda::Argument::count(0)),
        ("steps from one later", |_, all| {
            if let Number(done) = &mut all[4] {
                done[0] += 1;
            }
        }),
        ("a step too few", |_, all| {
            if let Number(steps) = &mut all[5] {
                steps[0] -= 1;
            }
        }),
        ("means for shifted ones", |_, all| swap(all, 11, 13)),
        ("offsets for precisions", |_, all| swap(all, 14, 15)),
        ("precisions for gains", |_, all| swap(all, 15, 16)),
        ("weights for levels", |_, all| swap(all, 8, 9)),
    ];
    let law = law_of::<f64>(Kind::Isotropic, 2, 70).0.mixture();
    let steps = Steps::by_name("ve", 6).unwrap();
    let run = |machine: &Shim| {
        // Cut in rows and in steps.
        machine.leave_free(24_000);
        let asked = (&steps, Method::Ancestral, 700, 3);
        run_agrees::<_, f64>(machine, &law, asked, &Options::default())
    };
    assert_eq!(run(&Shim::new()), Ok(()));
    for (what, mistake) in mistakes {
        assert!(run(&Shim::new().with_arguments(mistake)).is_err(), "{what}");
    }
}

fn pieces<T: DeviceReal>(kind: Kind, dimension: usize, free: u64) -> Result<usize, Error> {
    let (case, law) = law_of::<T>(kind, dimension, 70);
    let host = case.stretched::<T>(1500, 1.0);
    let machine = Shim::new();
    let on = DeviceLaw::new(&machine, &law)?;
    machine.leave_free(free);
    let found = on.evaluate(host.view(), &FIRST_ORDER)?;
    same_evaluation(&found, &law.evaluate(host.view(), &FIRST_ORDER)?).unwrap();
    Ok(machine.launches())
}

#[test]
fn a_batch_that_does_not_fit_is_done_in_pieces_with_the_same_bits() {
    // A point of d = 2 and K = 70 takes 2 + 1 + 3·2 + 70 numbers; one of d = 9 takes 7·9 more.
    assert_eq!(pieces::<f64>(Kind::Isotropic, 2, 1 << 30).unwrap(), 1);
    let short = pieces::<f64>(Kind::Isotropic, 2, 79 * 8 * 300).unwrap();
    assert_eq!(short, 1500usize.div_ceil(256));
    let deep = pieces::<f32>(Kind::Diagonal, 9, (9 + 1 + 27 + 70 + 63) * 4 * 400).unwrap();
    assert!(deep >= 1500usize.div_ceil(256), "{deep}");
    // Less than one block of points: refused, in one line.
    let said = pieces::<f64>(Kind::Isotropic, 2, 79 * 8 * 100).unwrap_err();
    assert!(matches!(said, Error::Device { what: "device memory", .. }), "{said}");
    assert!(said.to_string().contains("are free"), "{said}");
}

#[test]
fn a_covariance_is_computed_in_pieces_that_fit() {
    // d = 9 takes 7·9 + 45 numbers of workspace a point, and 9 + 81 for the point and its matrix.
    for kind in [Kind::Isotropic, Kind::Full] {
        let (case, law) = law_of::<f32>(kind, 9, 70);
        let host = case.stretched::<f32>(700, 1.0);
        let machine = Shim::new();
        let on = DeviceLaw::new(&machine, &law).unwrap();
        // Room for the components' own covariances too, which are uploaded at the first use.
        machine.leave_free((9 + 81 + 63 + 45) * 4 * 400 + 70 * 81 * 4);
        let found = on.evaluate(host.view(), &[Quantity::Covariance]).unwrap();
        let expected = law.evaluate(host.view(), &[Quantity::Covariance]).unwrap();
        same_evaluation(&found, &expected).unwrap();
        assert!(machine.launches() >= 700usize.div_ceil(384), "{}", machine.launches());
    }
}

/// How many launches a run takes where so much is free, its bits those of the CPU.
fn cut_run(method: Method, kind: Kind, free: u64) -> Result<usize, String> {
    let law = law_of::<f64>(kind, 2, 70).0.mixture();
    let steps = Steps::by_name("ve", 6).unwrap();
    let machine = Shim::new();
    machine.leave_free(free);
    run_agrees::<_, f64>(&machine, &law, (&steps, method, 700, 3), &Options::default())?;
    Ok(machine.launches())
}

#[test]
fn a_run_that_does_not_fit_is_cut_with_the_same_bits() {
    for method in [Method::Heun, Method::Ancestral] {
        assert_eq!(cut_run(method, Kind::Isotropic, 1 << 30), Ok(1));
        // A level of K = 70 is 221 numbers: few levels fit, and few of the 700 rows of 56 bytes beside them.
        let cut = cut_run(method, Kind::Isotropic, 24_000).unwrap();
        assert!(cut >= 4, "{cut}");
    }
    let said = cut_run(Method::Heun, Kind::Full, 5000).unwrap_err();
    assert!(said.contains("are free"), "{said}");
}

#[test]
fn a_run_that_leaves_the_format_stops_where_the_cpu_stops() {
    let law = law_of::<f32>(Kind::Isotropic, 2, 5).0.mixture();
    let steps = Steps::by_name("vp-linear", 4).unwrap();
    for (row, method) in [(299, Method::Heun), (17, Method::Euler)] {
        let mut start = ndarray::Array2::<f32>::zeros((300, 2));
        start[[row, 1]] = 3e38;
        let options = Options { start: Start::Given(start), ..Options::default() };
        let machine = Shim::new();
        run_agrees(&machine, &law, (&steps, method, 300, 1), &options).unwrap();
        let error = sample(&machine, &law, &steps, method, 300, 1, &options).unwrap_err();
        assert!(matches!(&error, Error::NotFinite { index, .. } if index[0] == row), "{error}");
    }
}

#[test]
fn what_a_run_on_a_device_does_not_have_is_refused() {
    let law = law_of::<f64>(Kind::Isotropic, 2, 5).0.mixture();
    let steps = Steps::by_name("ve", 4).unwrap();
    let keep = |_: usize, _: tweedie::channel::Channel, _: ndarray::ArrayView2<'_, f64>| Ok(None);
    let options = Options { intervene: Some(&keep), ..Options::default() };
    let refused = sample(&Shim::new(), &law, &steps, Method::Heun, 3, 1, &options);
    assert!(matches!(refused, Err(Error::Device { what: "an intervention", .. })));
    // No point, and a start of another shape: as on the CPU.
    let start = Start::Given(ndarray::Array2::<f64>::zeros((3, 2)));
    run_agrees::<_, f64>(&Shim::new(), &law, (&steps, Method::Heun, 0, 1), &Options::default())
        .unwrap();
    let options = Options { start, ..Options::default() };
    run_agrees(&Shim::new(), &law, (&steps, Method::Heun, 4, 1), &options).unwrap();
}

#[test]
fn memory_is_given_back_and_used_again() {
    let (case, law) = law_of::<f32>(Kind::Diagonal, 9, 70);
    let machine = Shim::new();
    let before = machine.free_bytes().unwrap();
    {
        let on = DeviceLaw::new(&machine, &law).unwrap();
        let points = case.stretched::<f32>(300, 1.0);
        let there = tweedie::cuda::DeviceArray::upload(&machine, points.view()).unwrap();
        let wanted = [Quantity::Score, Quantity::Denoiser];
        let mut earlier = DeviceEvaluation::default();
        let mut free = Vec::new();
        for _ in 0..3 {
            earlier = on.evaluate_resident(&there, &wanted, earlier).unwrap();
            free.push((machine.free_bytes().unwrap(), machine.reserves()));
        }
        assert!(free[0].0 < before);
        assert!(free[1] == free[0] && free[2] == free[0], "{free:?}");
    }
    assert_eq!(machine.free_bytes().unwrap(), before);
}

#[test]
fn memory_that_runs_out_is_an_error() {
    // The device has less than it says: another program was quicker.
    let (case, law) = law_of::<f64>(Kind::Isotropic, 2, 70);
    let machine = Shim::new();
    let on = DeviceLaw::new(&machine, &law).unwrap();
    machine.leave_free(5000);
    machine.claim_free(1 << 40);
    let said = on.evaluate(case.stretched(1500, 1.0).view(), &FIRST_ORDER).unwrap_err().to_string();
    assert!(said.contains("memory is full"), "{said}");
}

proptest! {
    #[test]
    fn a_plan_fits_and_covers(
        n in 1u64..1 << 40, bytes in 0u64..1 << 20, free in prop_oneof![0u64..1 << 37, 0u64..1 << 20],
    ) {
        let room = free - free / 8;
        match points_at_a_time(n, bytes, free) {
            Ok(points) => {
                prop_assert!((1..=n).contains(&points));
                // Whole blocks of threads fit, and the grid holds them.
                prop_assert!(points.next_multiple_of(THREADS) * bytes <= room);
                prop_assert!(u64::from(blocks(points).unwrap()) <= MOST_BLOCKS);
                // A batch is cut at whole blocks, and only where it must be.
                let whole = n.next_multiple_of(THREADS);
                prop_assert!(points == n || points % THREADS == 0);
                if whole * bytes <= room && whole <= MOST_BLOCKS * THREADS {
                    prop_assert_eq!(points, n);
                } else {
                    // One block of threads more would not fit.
                    let more = points.next_multiple_of(THREADS) + THREADS;
                    prop_assert!(points == n || more * bytes > room || more > MOST_BLOCKS * THREADS);
                }
            }
            Err(_) => prop_assert!(THREADS * bytes > room),
        }
    }

    #[test]
    fn blocks_cover_the_threads(n in prop_oneof![0u64..5000, any::<u64>()]) {
        match blocks(n) {
            Ok(count) => prop_assert!(
                u64::from(count) * THREADS >= n && (count == 1 || u64::from(count - 1) * THREADS < n)
            ),
            Err(_) => prop_assert!(n > MOST_BLOCKS * THREADS),
        }
    }
}

/// The parameters that a kernel's text declares.
fn declared(text: &str, name: &str) -> Option<Vec<(String, Parameter)>> {
    let (_, after) = text.split_once(&format!("extern \"C\" __global__ void {name}("))?;
    let (list, _) = after.split_once(')')?;
    list.split(',')
        .map(|one| {
            // A pointer that may be to what another is to has its star at the name.
            let spaced = one.replace(" *", " * ").replace("* __", "*__");
            let words: Vec<&str> = spaced.split_whitespace().collect();
            let kind = match words[..words.len() - 1] {
                ["int"] => Parameter::Int,
                ["count_t"] => Parameter::Count,
                ["real"] => Parameter::Number,
                ["const", "real", "*__restrict__"] => Parameter::Input,
                ["real", "*__restrict__" | "*"] => Parameter::Output,
                ["const", "word_t", "*__restrict__"] => Parameter::Words,
                ["count_t", "*__restrict__"] => Parameter::Counters,
                _ => return None,
            };
            Some((words.last()?.to_string(), kind))
        })
        .collect()
}

fn matches_text(signature: &Signature, text: &str) -> bool {
    let stated: Vec<(String, Parameter)> =
        signature.parameters.iter().map(|&(name, kind)| (name.to_string(), kind)).collect();
    declared(text, signature.name) == Some(stated)
}

#[test]
fn signatures_are_those_of_the_text() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cuda/kernels");
    let text: String = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    // What a kernel tells the compiler of its registers is not what it is given.
    let text = text.replace("__launch_bounds__(128, 2) ", "");
    for signature in SIGNATURES {
        assert!(matches_text(signature, &text), "{}", signature.name);
        // Two parameters the other way round, one more, one of another type.
        let (first, second) = (signature.parameters[0].0, signature.parameters[1].0);
        let start = format!("{}(", signature.name);
        let at = text.find(&start).unwrap();
        let (before, after) = text.split_at(at + start.len());
        for wrong in [
            after.replacen(first, "other", 1),
            format!("int more, {after}"),
            after.replacen(second, "*second", 1),
        ] {
            assert!(!matches_text(signature, &format!("{before}{wrong}")), "{}", signature.name);
        }
    }
}

#[test]
fn one_point_and_one_component_agree_in_every_dimension_of_registers() {
    for dimension in 1..=10 {
        let (case, law) = law_of::<f32>(Kind::Full, dimension, 1);
        agrees(&Shim::new(), &law, case.stretched(1, 1.0).view()).unwrap();
    }
}
