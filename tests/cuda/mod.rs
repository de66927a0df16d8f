//! Kernels run on the CPU: compiled as host C++ behind `device.h`, one process a launch.
//!
//! A request is the kernel's name, the schedule (its highest byte the matrix unit, `matrix.h`), the number of blocks and of threads in one, the bytes of shared memory, and the
//! arguments; the answer is the buffers as the kernel left them. `device.cpp` reads and writes both, little-endian, lengths before contents.

#![allow(dead_code)]

pub mod agree;

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use tweedie::arith::Real;

/// Which errors the program itself watches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Watch {
    Nothing,
    /// Address and undefined-behaviour sanitizers.
    Sanitizers,
}

/// An argument of a kernel.
pub enum Argument {
    Number(Vec<u8>),
    Buffer(Vec<u8>),
}

impl Argument {
    pub fn int(x: i32) -> Self {
        Argument::Number(x.to_le_bytes().to_vec())
    }
    pub fn count(x: u64) -> Self {
        Argument::Number(x.to_le_bytes().to_vec())
    }
    pub fn real<T: Real>(x: T) -> Self {
        Argument::Number(bytes(&[x]))
    }
    pub fn array<T: Real>(x: &[T]) -> Self {
        Argument::Buffer(bytes(x))
    }
    /// A buffer of n numbers that are NaN until they are written; none for n = 0.
    pub fn room<T: Real>(n: usize) -> Self {
        Argument::Buffer(vec![0xff; n * size_of::<T>()])
    }
}

fn bytes<T: Real>(x: &[T]) -> Vec<u8> {
    x.iter().flat_map(|x| x.bits().to_le_bytes().into_iter().take(size_of::<T>())).collect()
}

/// The bit patterns in a buffer.
pub fn bits<T: Real>(buffer: &[u8]) -> Vec<u64> {
    let widened = |chunk: &[u8]| {
        let mut eight = [0; 8];
        eight[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(eight)
    };
    buffer.chunks_exact(size_of::<T>()).map(widened).collect()
}

/// The geometry of a launch and the order of its threads.
#[derive(Clone, Copy, Debug)]
pub struct Launch {
    pub schedule: u32,
    pub blocks: u32,
    pub threads: u32,
    pub shared: u32,
}

/// A compiled file of kernels.
pub struct Program(PathBuf);

impl Program {
    /// The program of a source, compiled once in a process.
    pub fn new(source: &str, watch: Watch) -> Arc<Program> {
        type Slot = Arc<OnceLock<Arc<Program>>>;
        static PROGRAMS: OnceLock<Mutex<HashMap<(String, Watch), Slot>>> = OnceLock::new();
        let key = (source.to_string(), watch);
        let slot =
            PROGRAMS.get_or_init(Default::default).lock().unwrap().entry(key).or_default().clone();
        slot.get_or_init(|| Arc::new(Program(compile(source, watch)))).clone()
    }

    /// Runs a launch; the buffers afterwards, or what the program said when it refused or was stopped.
    pub fn run(
        &self,
        name: &str,
        launch: Launch,
        arguments: &[Argument],
    ) -> Result<Vec<Vec<u8>>, String> {
        let mut request = Vec::new();
        let mut put = |x: u32| request.extend(x.to_le_bytes());
        put(name.len() as u32);
        request.extend(name.bytes());
        let mut put = |x: u32| request.extend(x.to_le_bytes());
        put(launch.schedule);
        put(launch.blocks);
        put(launch.threads);
        put(launch.shared);
        put(arguments.len() as u32);
        for argument in arguments {
            let (kind, content) = match argument {
                Argument::Number(x) => (0u32, x),
                Argument::Buffer(x) => (1u32, x),
            };
            request.extend(kind.to_le_bytes());
            request.extend((content.len() as u64).to_le_bytes());
            request.extend(content);
        }
        let mut child = Command::new(&self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // A program that refuses may close its end first; its status says so.
        let writer = std::thread::spawn(move || stdin.write_all(&request));
        let output = child.wait_with_output().expect("the program ends");
        let _ = writer.join();
        if !output.status.success() {
            return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
        }
        let mut rest = output.stdout.as_slice();
        let mut buffers = Vec::new();
        for argument in arguments {
            if let Argument::Buffer(content) = argument {
                let (now, later) = rest.split_at(content.len());
                buffers.push(now.to_vec());
                rest = later;
            }
        }
        Ok(buffers)
    }
}

/// The device itself, compiled once a process.
fn device(watch: Watch) -> &'static Path {
    static PLAIN: OnceLock<PathBuf> = OnceLock::new();
    static WATCHED: OnceLock<PathBuf> = OnceLock::new();
    let slot = if watch == Watch::Nothing { &PLAIN } else { &WATCHED };
    slot.get_or_init(|| {
        let object = folder().join(format!("device_{watch:?}_{}.o", std::process::id()));
        run_compiler(
            watch,
            &[Path::new("-c"), &here().join("device.cpp"), Path::new("-o"), &object],
        );
        object
    })
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cuda")
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The program of a source. One that an earlier run compiled from the same texts is taken as it is.
fn compile(source: &str, watch: Watch) -> PathBuf {
    let texts = [
        source,
        include_str!("device.h"),
        include_str!("device.cpp"),
        include_str!("matrix.h"),
        include_str!("mod.rs"),
    ];
    let mut hash = DefaultHasher::new();
    (texts, watch).hash(&mut hash);
    let stem = folder().join(format!("{:016x}", hash.finish()));
    if stem.exists() {
        return stem;
    }
    // Under a name of its own until it is whole: tests of another process may want it too.
    let own = folder().join(format!("{:016x}_{}", hash.finish(), std::process::id()));
    let text = own.with_extension("cpp");
    std::fs::write(&text, source).expect("a source");
    let header = here().join("device.h");
    let arguments = [Path::new("-include"), &header, &text, device(watch), Path::new("-o"), &own];
    run_compiler(watch, &arguments);
    std::fs::remove_file(&text).expect("the source is there");
    std::fs::rename(&own, &stem).expect("the program is there");
    stem
}

fn run_compiler(watch: Watch, arguments: &[&Path]) {
    let mut command = Command::new("c++");
    command.args(["-std=c++17", "-O1", "-ffp-contract=off", "-Wall", "-Werror"]);
    // A kernel's file has the header's functions whether it calls them or not, and mutants leave variables behind.
    command.args(["-Wno-unused-function", "-Wno-unused-variable", "-Wno-unknown-pragmas"]);
    command.arg("-Wno-maybe-uninitialized");
    if watch == Watch::Sanitizers {
        command.args(["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    }
    let output = command.args(arguments).output().expect("a C++ compiler: apt install g++");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
