//! A GPU, through NVIDIA's driver: with `driver.rs` the only place where the driver is called.
//!
//! The driver is looked for when the program runs. All work is on one stream, so launches and copies come one after another.
//! Uses `arith`, `error`. Spec: N3.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::sys;
use cudarc::driver::{
    CudaContext, CudaFunction, CudaGraph, CudaModule, CudaSlice, CudaStream, DevicePtr,
    DriverError, LaunchConfig, PushKernelArg, result,
};
use cudarc::nvrtc::Ptx;

use super::compile::{Image, compile};
use super::driver::{driver, of_driver};
use super::launch_list::{Launch, Operand};
use super::machine::{Argument, Arguments, DeviceReal, Element, Geometry, Machine};
use super::signature::Signature;
use super::source::Kernel;
use crate::error::{Error, Result};

/// What a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Properties {
    /// Which of the machine's devices, from 0.
    pub ordinal: usize,
    /// The maker's name.
    pub name: String,
    /// (major, minor).
    pub capability: (u32, u32),
    /// Bytes of memory.
    pub memory: u64,
    /// The CUDA version that the driver knows, (major, minor).
    pub driver: (u32, u32),
    /// Multiprocessors.
    pub multiprocessors: u32,
    /// The highest clock of the multiprocessors, Hz.
    pub clock: u64,
}

impl fmt::Display for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, compute capability {}.{}, {:.1} GiB, driver for CUDA {}.{}",
            self.name,
            self.capability.0,
            self.capability.1,
            self.memory as f64 / (1u64 << 30) as f64,
            self.driver.0,
            self.driver.1
        )
    }
}

/// A GPU, with the kernels that were compiled for it. Clones are the same device.
#[derive(Clone)]
pub struct Device(Arc<Inner>);

struct Inner {
    properties: Properties,
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
    modules: Mutex<HashMap<(Kernel, &'static str), Arc<CudaModule>>>,
}

/// The first device. Errors: as [`Device::open`].
pub fn first_device() -> Result<Device> {
    Device::open(0)
}

impl Device {
    /// The device of this number.
    ///
    /// Errors: `Device` where there is no driver, it is too old, or there is no such device.
    pub fn open(ordinal: usize) -> Result<Self> {
        let driver = driver()?;
        let count = CudaContext::device_count().map_err(|e| of_driver("the driver", e))?;
        if usize::try_from(count).is_ok_and(|count| ordinal >= count) {
            return Err(Error::Device {
                what: "the device",
                reason: format!("number {ordinal} is asked for, and the driver finds {count}"),
                remedy: "check nvidia-smi and CUDA_VISIBLE_DEVICES",
            });
        }
        let open = |e| of_driver("the device", e);
        let context = CudaContext::new(ordinal).map_err(open)?;
        // SAFETY: arrays are used on one stream alone, so no events are needed to order launches, copies and releases.
        unsafe { context.disable_event_tracking() };
        let (major, minor) = context.compute_capability().map_err(open)?;
        use sys::CUdevice_attribute as Attribute;
        let attribute = |which| context.attribute(which).map(|x| x.max(0) as u64).map_err(open);
        let properties = Properties {
            ordinal,
            name: context.name().map_err(open)?,
            capability: (major.max(0) as u32, minor.max(0) as u32),
            memory: context.total_mem().map_err(open)? as u64,
            driver,
            multiprocessors: attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)? as u32,
            // The driver tells kilohertz.
            clock: attribute(Attribute::CU_DEVICE_ATTRIBUTE_CLOCK_RATE)? * 1000,
        };
        let stream = context.default_stream();
        let modules = Mutex::new(HashMap::new());
        Ok(Device(Arc::new(Inner { properties, context, stream, modules })))
    }

    /// What it is.
    pub fn properties(&self) -> &Properties {
        &self.0.properties
    }

    /// The kernel of this name in a file, which is compiled and loaded at its first use.
    fn function<T: DeviceReal>(&self, kernel: Kernel, name: &'static str) -> Result<CudaFunction> {
        // Held while compiling, so that threads that want the same kernel compile it once.
        let mut kept = self.0.modules.lock().unwrap_or_else(PoisonError::into_inner);
        let load = |e| of_driver("a compiled kernel", e);
        let module = match kept.get(&(kernel, T::NAME)) {
            Some(module) => module.clone(),
            None => {
                let image = match compile::<T>(kernel, self.0.properties.capability)? {
                    Image::Cubin(code) => Ptx::from_binary(code),
                    Image::Ptx(text) => Ptx::from_src(text),
                };
                let module = self.0.context.load_module(image).map_err(load)?;
                kept.insert((kernel, T::NAME), module.clone());
                module
            }
        };
        module.load_function(name).map_err(load)
    }

    /// The address of an array, from an element on; 0 for none. Refuses memory of another device.
    fn address<E>(&self, at: Option<(&CudaSlice<E>, usize)>) -> Result<u64> {
        let Some((array, first)) = at else { return Ok(0) };
        if array.context() != &self.0.context {
            return Err(Error::Device {
                what: "an array",
                reason: "it is in the memory of another device".to_string(),
                remedy: "upload it to this one",
            });
        }
        Ok(array.device_ptr(&self.0.stream).0 + (first * size_of::<E>()) as u64)
    }
}

impl Machine for Device {
    type Array<E: Element> = CudaSlice<E>;
    type Prepared = Prepared;

    fn free_bytes(&self) -> Result<u64> {
        let told = self.0.context.mem_get_info().map_err(|e| of_driver("the device", e))?;
        Ok(told.0 as u64)
    }

    fn reserve<E: Element>(&self, count: usize) -> Result<CudaSlice<E>> {
        // SAFETY: what the memory holds at first is never read: an array is uploaded or written by a kernel, whole, before it is
        // downloaded or another kernel reads it; and any bits are an element.
        unsafe { self.0.stream.alloc(count) }.map_err(|e| of_driver("device memory", e))
    }

    fn capacity<E: Element>(array: &CudaSlice<E>) -> usize {
        array.len()
    }

    fn upload<E: Element>(&self, from: &[E], to: &mut CudaSlice<E>) -> Result<()> {
        fits(from.len(), to.len())?;
        let Some(mut part) = to.try_slice_mut(..from.len()) else { return Ok(()) };
        let copy = |e| of_driver("a copy to the device", e);
        self.0.stream.memcpy_htod(from, &mut part).map_err(copy)?;
        // The host's numbers may change as soon as this returns.
        self.wait()
    }

    fn download<E: Element>(&self, from: &CudaSlice<E>, to: &mut [E]) -> Result<()> {
        fits(to.len(), from.len())?;
        let Some(part) = from.try_slice(..to.len()) else { return Ok(()) };
        let copy = |e| of_driver("a launch, or a copy from the device", e);
        self.0.stream.memcpy_dtoh(&part, to).map_err(copy)?;
        // The host's memory is pageable, and such a copy is done on return; this also brings a launch's error to light.
        self.wait()
    }

    fn wait(&self) -> Result<()> {
        self.0.stream.synchronize().map_err(|e| of_driver("a launch", e))
    }

    fn launch_checked<T: DeviceReal>(
        &self,
        kernel: Kernel,
        signature: &Signature,
        geometry: Geometry,
        arguments: &Arguments<'_, Self, T>,
    ) -> Result<()> {
        let function = self.function::<T>(kernel, signature.name)?;
        // Pointers first, in a place of their own: the driver reads every argument through an address.
        let mut addresses = Vec::with_capacity(arguments.len());
        for (_, argument) in arguments {
            addresses.push(match argument {
                Argument::Input(at) | Argument::Output(at) => self.address(*at)?,
                Argument::Words(at) => self.address(*at)?,
                Argument::Counters(at) => self.address(*at)?,
                _ => 0,
            });
        }
        let mut builder = self.0.stream.launch_builder(&function);
        for ((_, argument), address) in arguments.iter().zip(&addresses) {
            match argument {
                Argument::Int(x) => builder.arg(x),
                Argument::Count(x) => builder.arg(x),
                Argument::Number(x) => builder.arg(x),
                _ => builder.arg(address),
            };
        }
        let shape = LaunchConfig {
            grid_dim: (geometry.blocks, 1, 1),
            block_dim: (geometry.threads, 1, 1),
            shared_mem_bytes: geometry.shared,
        };
        // SAFETY: the arguments have been compared with the kernel's signature, which tests compare with its text. Each array
        // belongs to this device, lives beyond the launch (memory is given back on the same stream, after it) and has room for what
        // the kernel reads and writes there: tests/launch.rs runs these very launches under an address sanitizer.
        unsafe { builder.launch(shape) }.map_err(|e| of_driver("a launch", e))?;
        Ok(())
    }

    /// A graph, captured on a stream of its own: the default stream cannot be captured, and no other thread's launches get in.
    fn prepare<T: DeviceReal>(
        &self,
        list: &[Launch],
        arrays: &Arc<Vec<CudaSlice<u8>>>,
    ) -> Result<Prepared> {
        // Compiling, loading and looking for addresses may not happen while a stream is captured.
        let mut ready = Vec::with_capacity(list.len());
        for launch in list {
            let function = match launch.in_f64 {
                true => self.function::<f64>(launch.kernel, launch.entry)?,
                false => self.function::<T>(launch.kernel, launch.entry)?,
            };
            let address = |operand: &Operand| match operand {
                Operand::Array(Some(array)) => {
                    let memory = arrays.get(array.0).ok_or_else(|| no_array(launch))?;
                    self.address(Some((memory, 0)))
                }
                _ => Ok(0),
            };
            let addresses = launch.arguments.iter().map(address).collect::<Result<Vec<u64>>>()?;
            ready.push((launch, function, addresses));
        }
        let capture = |e| of_driver("the capture of a graph", e);
        let stream = self.0.context.new_stream().map_err(capture)?;
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        stream.begin_capture(mode).map_err(capture)?;
        let mut launched = Ok(());
        for (launch, function, addresses) in &ready {
            launched = put(&stream, launch, function, addresses).map_err(capture);
            if launched.is_err() {
                break;
            }
        }
        // The capture ends in any case; what a launch said comes first.
        let graph = stream.end_capture(sys::CUgraphInstantiate_flags(0)).map_err(capture);
        launched?;
        let graph = graph?.ok_or_else(|| Error::Device {
            what: "the capture of a graph",
            reason: "the driver gives none".to_string(),
            remedy: "look in the system's log for messages of NVIDIA's driver",
        })?;
        graph.upload().map_err(capture)?;
        stream.synchronize().map_err(capture)?;
        Ok(Prepared { graph, _arrays: arrays.clone() })
    }

    fn replay(&self, prepared: &Prepared) -> Result<()> {
        let start = |e| of_driver("a graph of launches", e);
        self.0.context.bind_to_thread().map_err(start)?;
        let graph = prepared.graph.cu_graph_exec();
        // SAFETY: the graph lives as long as `prepared`, which cannot be sent to another thread, and so do the arrays that it names; a
        // graph that is given up while it runs ends first, and memory is given back on this stream, after it.
        unsafe { result::graph::launch(graph, self.0.stream.cu_stream()) }.map_err(start)
    }
}

/// A graph of launches, and the memory that they name.
pub struct Prepared {
    graph: CudaGraph,
    _arrays: Arc<Vec<CudaSlice<u8>>>,
}

/// Puts a launch of a list, whose pointers are these, on a stream.
fn put(
    stream: &Arc<CudaStream>,
    launch: &Launch,
    function: &CudaFunction,
    addresses: &[u64],
) -> std::result::Result<(), DriverError> {
    let mut builder = stream.launch_builder(function);
    for (operand, address) in launch.arguments.iter().zip(addresses) {
        match operand {
            Operand::Int(x) => builder.arg(x),
            Operand::Count(x) => builder.arg(x),
            Operand::F32(x) => builder.arg(x),
            Operand::F64(x) => builder.arg(x),
            Operand::Array(_) => builder.arg(address),
        };
    }
    let shape = LaunchConfig {
        grid_dim: (launch.blocks, 1, 1),
        block_dim: (launch.threads, 1, 1),
        shared_mem_bytes: launch.shared as u32,
    };
    // SAFETY: the list is one that `Step` makes: tests run such lists, as they are, under an address sanitizer, with as many arguments
    // as the kernel has parameters. Each array belongs to this device and lives as long as the graph.
    unsafe { builder.launch(shape) }.map(|_| ())
}

fn no_array(launch: &Launch) -> Error {
    Error::Device {
        what: "a list of launches",
        reason: format!("{} names an array that is not there", launch.entry),
        remedy: "this is a fault of tweedie: please report it",
    }
}

fn fits(count: usize, room: usize) -> Result<()> {
    if count <= room {
        return Ok(());
    }
    Err(Error::Device {
        what: "a copy",
        reason: format!("{count} numbers, and room for {room}"),
        remedy: "this is a fault of tweedie: please report it",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_refused_without_a_panic() {
        // More devices than any machine has.
        let Err(Error::Device { reason, .. }) = Device::open(1 << 20) else {
            panic!("a device too many")
        };
        assert!(!reason.is_empty());
    }
}
