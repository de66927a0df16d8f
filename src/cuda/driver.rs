//! NVIDIA's driver: whether there is one that can be used, and what its errors are in words.
//!
//! Uses `error`. Spec: N3.

use cudarc::driver::DriverError;
use cudarc::driver::sys::{self, CUresult};

use crate::error::{Error, Result};

/// The oldest driver whose functions are called, as CUDA counts: 12.0.
const OLDEST_DRIVER: i32 = 12_000;
const UPDATE: &str = "update NVIDIA's driver";

/// The version of a driver that can be used.
pub(super) fn driver() -> Result<(u32, u32)> {
    // SAFETY: the call only tries to open the library; its initialisers are NVIDIA's own.
    if !unsafe { sys::is_culib_present() } {
        return Err(Error::Device {
            what: "the driver",
            reason: "NVIDIA's libcuda was not found".to_string(),
            remedy: "install NVIDIA's driver, or compute on the CPU",
        });
    }
    let mut version = 0;
    // SAFETY: the library is there, every version of it has this function, and the pointer is to a number of ours.
    let told = unsafe { sys::cuDriverGetVersion(&mut version) };
    told.result().map_err(|e| of_driver("the driver", e))?;
    let version = version.max(0);
    let pair = (version as u32 / 1000, version as u32 % 1000 / 10);
    // An older one may lack a function that is called, and the loader would panic at its first use.
    if version < OLDEST_DRIVER {
        return Err(Error::Device {
            what: "the driver",
            reason: format!("it knows CUDA {}.{}, and 12.0 is needed", pair.0, pair.1),
            remedy: UPDATE,
        });
    }
    Ok(pair)
}

/// An error of the driver, in words for the user.
pub(super) fn of_driver(what: &'static str, error: DriverError) -> Error {
    let (reason, remedy) = match error.0 {
        CUresult::CUDA_ERROR_OUT_OF_MEMORY => {
            ("its memory is full", "end what else uses the device, or compute on the CPU")
        }
        CUresult::CUDA_ERROR_NO_DEVICE => {
            ("the driver finds none", "check nvidia-smi and CUDA_VISIBLE_DEVICES")
        }
        CUresult::CUDA_ERROR_STUB_LIBRARY => {
            ("the libcuda found is a stub", "take it off LD_LIBRARY_PATH")
        }
        CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION | CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU => {
            ("the driver is too old for what NVRTC makes", UPDATE)
        }
        CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH => {
            ("the driver's parts are of different versions", "restart the machine")
        }
        CUresult::CUDA_ERROR_SYSTEM_NOT_READY => {
            ("the system is not ready", "start the services of NVIDIA's driver")
        }
        _ => ("the driver refuses", "look in the system's log for messages of NVIDIA's driver"),
    };
    // The variant's name, and not the driver's text for it: that would need a driver that answers.
    Error::Device { what, reason: format!("{reason} ({:?})", error.0), remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_driver_says_what_to_do_in_one_line() {
        for (code, says) in [
            (CUresult::CUDA_ERROR_OUT_OF_MEMORY, "end what else uses the device"),
            (CUresult::CUDA_ERROR_NO_DEVICE, "CUDA_VISIBLE_DEVICES"),
            (CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "update NVIDIA's driver"),
            (CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU, "update NVIDIA's driver"),
            (CUresult::CUDA_ERROR_STUB_LIBRARY, "LD_LIBRARY_PATH"),
            (CUresult::CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS"),
        ] {
            let said = of_driver("a launch", DriverError(code)).to_string();
            assert!(said.contains(says) && said.starts_with("a launch: "), "{said}");
            assert_eq!(said.lines().count(), 1);
        }
    }
}
