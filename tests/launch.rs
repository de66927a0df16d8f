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
use on_device::{Extent, FIRST_ORDER, agrees, law_of, points, same_evaluation, suite};
use proptest::prelude::*;
use shim::Shim;
use tweedie::Error;
use tweedie::cuda::plan::{MOST_BLOCKS, THREADS, blocks, points_at_a_time};
use tweedie::cuda::signature::{Parameter, SIGNATURES, Signature};
use tweedie::cuda::{DeviceEvaluation, DeviceLaw, DeviceReal, Machine};
use tweedie::law::Quantity;

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
    suite(machine, &small).iter().any(|(_, verdict)| verdict.is_err())
}

#[test]
fn the_suite_sees_planted_mistakes() {
    // What is seen must be the mistake: without one nothing is.
    assert!(!seen(&Shim::new()));
    // A kernel whose last thread works too much, one that contracts, and one that draws from the next call.
    for (from, to) in [
        ("const bool active = thread < n;", "const bool active = thread <= n;"),
        ("p.scale * p.x[i])", "p.scale * p.x[i] * (real)1.0000001)"),
        (
            "philox(seed, stream, (start / PER_CALL + call)",
            "philox(seed, stream, (start / PER_CALL + call + 1)",
        ),
    ] {
        assert!(seen(&Shim::new().with_text(from, to)), "{to}");
    }
    // A launch of a block too few, and one with less shared memory than it needs.
    assert!(seen(&Shim::new().with_launches(|g| g.blocks = g.blocks.saturating_sub(1).max(1))));
    assert!(seen(&Shim::new().with_launches(|g| g.shared /= 2)));
}

fn pieces<T: DeviceReal>(kind: Kind, dimension: usize, free: u64) -> Result<usize, Error> {
    let (case, law) = law_of::<T>(kind, dimension, 70);
    let host = points::<T>(&case, 1500, 1.0);
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
fn memory_is_given_back_and_used_again() {
    let (case, law) = law_of::<f32>(Kind::Diagonal, 9, 70);
    let machine = Shim::new();
    let before = machine.free_bytes().unwrap();
    {
        let on = DeviceLaw::new(&machine, &law).unwrap();
        let points = points::<f32>(&case, 300, 1.0);
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
    let said = on.evaluate(points(&case, 1500, 1.0).view(), &FIRST_ORDER).unwrap_err().to_string();
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
            let words: Vec<&str> = one.split_whitespace().collect();
            let kind = match words[..words.len() - 1] {
                ["int"] => Parameter::Int,
                ["count_t"] => Parameter::Count,
                ["real"] => Parameter::Number,
                ["const", "real", "*__restrict__"] => Parameter::Input,
                ["real", "*__restrict__"] => Parameter::Output,
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
        agrees(&Shim::new(), &law, points(&case, 1, 1.0).view()).unwrap();
    }
}
