//! A kernel's text made into code for a device, by NVRTC, with no contraction and no fast mathematics.
//!
//! Code for the very device (a CUBIN) where NVRTC knows its generation, so that the driver need not be as new as NVRTC; else PTX, which
//! the driver translates. Both name the rounding of every operation. Uses `error`. Spec: N3.

use std::ffi::{CStr, CString};

use cudarc::nvrtc::{result, sys};

use super::machine::DeviceReal;
use super::source::{Kernel, source};
use crate::error::{Error, Result};

/// Compiled kernels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Image {
    /// For one generation of devices.
    Cubin(Vec<u8>),
    /// For the driver to translate.
    Ptx(String),
}

/// What NVRTC is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// `sm_XY`, by 10·X + Y.
    Code(u32),
    /// `compute_XY`.
    Text(u32),
}

impl Target {
    fn option(self) -> String {
        match self {
            Target::Code(at) => format!("--gpu-architecture=sm_{at}"),
            Target::Text(at) => format!("--gpu-architecture=compute_{at}"),
        }
    }
}

/// The oldest NVRTC whose functions are called.
const OLDEST: i32 = 12;
const INSTALL: &str = "install NVIDIA's NVRTC 12 or 13 (the package cuda-nvrtc, or pip install nvidia-cuda-nvrtc) where LD_LIBRARY_PATH looks";

/// The best of what NVRTC supports for a device of this compute capability: code for its generation, or text for an
/// older one.
fn target(supported: &[u32], (major, minor): (u32, u32)) -> Option<Target> {
    let own = 10 * major + minor;
    let below = supported.iter().copied().filter(|&at| at <= own).max()?;
    // Code of X.Y runs on X.Z for Z ≥ Y.
    Some(if below / 10 == major { Target::Code(below) } else { Target::Text(below) })
}

/// A kernel in the format T for a device of this compute capability (major, minor). Needs NVRTC, and no device.
///
/// Errors: `Device` where there is no NVRTC, where it knows no generation up to the device's, and where it refuses the text.
pub fn compile<T: DeviceReal>(kernel: Kernel, capability: (u32, u32)) -> Result<Image> {
    let supported = supported()?;
    let target = target(&supported, capability).ok_or_else(|| Error::Device {
        what: "NVRTC",
        reason: format!(
            "it compiles for {supported:?}, and the device is {}.{}",
            capability.0, capability.1
        ),
        remedy: INSTALL,
    })?;
    translate(&source::<T>(kernel), kernel.name(), target, false)
}

/// The generations that NVRTC compiles for.
fn supported() -> Result<Vec<u32>> {
    // SAFETY: the call only tries to open the library; its initialisers are NVIDIA's own.
    if !unsafe { sys::is_culib_present() } {
        let reason = "its library was not found".to_string();
        return Err(Error::Device { what: "NVRTC", reason, remedy: INSTALL });
    }
    let (mut major, mut minor) = (0, 0);
    // SAFETY: every version has this function, and the pointers are to integers of ours.
    unsafe { sys::nvrtcVersion(&mut major, &mut minor) }.result().map_err(of_nvrtc)?;
    // An older one may lack a function that is called, and the loader would panic at its first use.
    if major < OLDEST {
        let reason = format!("it is {major}.{minor}, and {OLDEST}.0 is needed");
        return Err(Error::Device { what: "NVRTC", reason, remedy: INSTALL });
    }
    let mut count = 0;
    // SAFETY: the pointer is to an integer of ours.
    unsafe { sys::nvrtcGetNumSupportedArchs(&mut count) }.result().map_err(of_nvrtc)?;
    let mut found = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: the list has room for as many entries as NVRTC has just said.
    unsafe { sys::nvrtcGetSupportedArchs(found.as_mut_ptr()) }.result().map_err(of_nvrtc)?;
    Ok(found.into_iter().filter_map(|at| u32::try_from(at).ok()).collect())
}

fn of_nvrtc(error: result::NvrtcError) -> Error {
    Error::Device {
        what: "NVRTC",
        reason: format!("{:?}", error.0),
        remedy: "check its installation",
    }
}

fn refused(reason: String) -> Error {
    Error::Device {
        what: "a kernel does not compile",
        reason,
        remedy: "this is a fault of tweedie or of NVRTC: please report it",
    }
}

/// A program of NVRTC, which is destroyed in the end.
struct Program(sys::nvrtcProgram);

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: the program was created and is destroyed once; a failure leaves nothing to do.
        let _ = unsafe { result::destroy_program(self.0) };
    }
}

fn translate(text: &str, name: &str, target: Target, contract: bool) -> Result<Image> {
    let no_zero = |_| refused("its text holds a zero byte".to_string());
    let text = CString::new(text).map_err(no_zero)?;
    let name = CString::new(format!("{name}.cu")).map_err(no_zero)?;
    let program = Program(result::create_program(&text, Some(&name)).map_err(of_nvrtc)?);
    let options = [
        "--std=c++17".to_string(),
        format!("--fmad={contract}"),
        "--ftz=false".to_string(),
        "--prec-div=true".to_string(),
        "--prec-sqrt=true".to_string(),
        target.option(),
    ];
    // SAFETY: the program lives, as do its text and its name.
    if let Err(error) = unsafe { result::compile_program(program.0, &options) } {
        // SAFETY: as above; the log of a program that failed is there.
        let log = unsafe { result::get_program_log(program.0) }.unwrap_or_default();
        let log: Vec<u8> = log.into_iter().map(|c| c as u8).take_while(|&c| c != 0).collect();
        let log = String::from_utf8_lossy(&log).into_owned();
        let first = log.lines().find(|line| line.contains("error")).unwrap_or_default();
        return Err(refused(format!("{:?}: {first}", error.0)));
    }
    match target {
        Target::Text(_) => {
            // SAFETY: the program is compiled.
            let text = unsafe { result::get_ptx(program.0) }.map_err(of_nvrtc)?;
            let bytes: Vec<u8> = text.into_iter().map(|c| c as u8).collect();
            let text = CStr::from_bytes_until_nul(&bytes).map(CStr::to_string_lossy);
            text.map(|t| Image::Ptx(t.into_owned())).map_err(|e| refused(e.to_string()))
        }
        Target::Code(_) => {
            let mut size = 0;
            // SAFETY: the program is compiled, and the pointer is to a number of ours.
            unsafe { sys::nvrtcGetCUBINSize(program.0, &mut size) }.result().map_err(of_nvrtc)?;
            let mut code = vec![0u8; size];
            // SAFETY: the program is compiled, and the memory has the size that NVRTC has just said.
            unsafe { sys::nvrtcGetCUBIN(program.0, code.as_mut_ptr().cast()) }
                .result()
                .map_err(of_nvrtc)?;
            Ok(Image::Cubin(code))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuda::{Kind, Part, Parts};

    #[test]
    fn the_target_is_the_devices_own_generation_or_text_for_an_older_one() {
        let supported = [75, 80, 86, 89, 90, 100, 120];
        assert_eq!(target(&supported, (9, 0)), Some(Target::Code(90)));
        assert_eq!(target(&supported, (8, 7)), Some(Target::Code(86)));
        assert_eq!(target(&supported, (12, 1)), Some(Target::Code(120)));
        assert_eq!(target(&supported, (11, 0)), Some(Target::Text(100)));
        assert_eq!(target(&supported[..3], (9, 0)), Some(Target::Text(86)));
        assert_eq!(target(&supported, (7, 0)), None);
        assert_eq!(target(&[], (9, 0)), None);
    }

    /// Whether NVRTC is here; `make gpu` brings it and demands it.
    fn nvrtc() -> bool {
        let found = supported().is_ok();
        assert!(found || std::env::var_os("TWEEDIE_REQUIRE_NVRTC").is_none(), "no NVRTC");
        found
    }

    /// The first operation whose rounding PTX leaves open, so that the driver may contract it.
    fn loose(text: &str) -> Option<&str> {
        let open = |line: &&str| {
            let Some(operation) = line.split_whitespace().next() else { return false };
            let parts: Vec<&str> = operation.split('.').collect();
            let arithmetic =
                ["add", "sub", "mul", "mad", "fma", "div", "sqrt", "rcp", "ex2", "lg2"];
            let real = parts.iter().any(|p| p.starts_with("f32") || p.starts_with("f64"));
            let loose =
                parts.contains(&"approx") || parts.contains(&"ftz") || parts.contains(&"full");
            arithmetic.contains(&parts[0]) && real && (loose || !parts.contains(&"rn"))
        };
        text.lines()
            .map(|line| line.trim().trim_start_matches(|c| c != ' ').trim())
            .chain(text.lines().map(str::trim))
            .find(open)
    }

    #[test]
    fn text_names_every_rounding_and_a_planted_contraction_is_seen() {
        if !nvrtc() {
            return;
        }
        let kernel = Kernel::Mixture { dimension: 2, kind: Kind::Full };
        let text = |contract| {
            let image = translate(&source::<f32>(kernel), "mixture", Target::Text(90), contract);
            match image.unwrap() {
                Image::Ptx(text) => text,
                Image::Cubin(_) => panic!("text was asked for"),
            }
        };
        let right = text(false);
        assert!(right.contains(".target sm_90"), "{right}");
        assert_eq!(loose(&right), None);
        assert!(loose(&text(true)).is_some());
    }

    #[test]
    fn every_kernel_compiles_to_code() {
        if !nvrtc() {
            return;
        }
        for kernel in [
            Kernel::Functions,
            Kernel::Random,
            Kernel::Mixture { dimension: 3, kind: Kind::Isotropic },
            Kernel::Mixture { dimension: 64, kind: Kind::Diagonal },
            Kernel::Fast { dimension: 64, parts: Parts::Three },
            Kernel::FastProduct { parts: Parts::Two },
        ] {
            for image in [compile::<f32>(kernel, (9, 0)), compile::<f64>(kernel, (8, 0))] {
                let Ok(Image::Cubin(code)) = image else { panic!("{image:?}") };
                assert_eq!(&code[..4], b"\x7fELF");
            }
        }
    }

    /// The network's kernels read their sizes as arguments, so each file of a training step is one text a format, whatever the widths.
    #[test]
    fn every_kernel_of_a_training_step_compiles_to_code_with_every_rounding_named() {
        if !nvrtc() {
            return;
        }
        for part in Part::ALL {
            let kernel = Kernel::Training(part);
            let texts = [source::<f32>(kernel), source::<f64>(kernel)];
            let images = [compile::<f32>(kernel, (9, 0)), compile::<f64>(kernel, (8, 0))];
            for (text, image) in texts.iter().zip(images) {
                let Ok(Image::Cubin(code)) = image else { panic!("{}: {image:?}", part.name()) };
                // The graph's launches find these by name.
                for entry in entries(text) {
                    let there = code.windows(entry.len()).any(|w| w == entry.as_bytes());
                    assert!(there, "{entry}");
                }
                let image = translate(text, part.name(), Target::Text(90), false);
                let Ok(Image::Ptx(ptx)) = image else { panic!("{}: {image:?}", part.name()) };
                assert_eq!(loose(&ptx), None, "{}", part.name());
            }
        }
        // A file with products and sums that may be contracted: what is looked for is found there.
        let text = source::<f32>(Kernel::Training(Part::Objective));
        match translate(&text, "objective", Target::Text(90), true) {
            Ok(Image::Ptx(text)) => assert!(loose(&text).is_some()),
            other => panic!("{other:?}"),
        }
    }

    /// The names of a text's kernels.
    fn entries(text: &str) -> Vec<&str> {
        let after = text.split("extern \"C\" __global__ void ").skip(1);
        after.filter_map(|rest| rest.split_once('(').map(|(name, _)| name)).collect()
    }

    #[test]
    fn text_that_is_wrong_is_refused_with_what_the_compiler_said() {
        if !nvrtc() {
            return;
        }
        let said =
            translate("__global__ void f() { int y = x; }", "wrong", Target::Code(90), false);
        let said = said.unwrap_err().to_string();
        assert!(said.contains("wrong.cu(1)") && said.contains("\"x\" is undefined"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        let zero = translate("int f\0", "zero", Target::Code(90), false).unwrap_err().to_string();
        assert!(zero.contains("zero byte"), "{zero}");
    }
}
