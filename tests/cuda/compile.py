"""Compiles every kernel for three generations of GPU, with no GPU, and refuses what breaks the canonical arithmetic.

    compile.py SOURCES COMPILER REPORT

SOURCES is the folder that the example kernel_sources wrote, COMPILER the folder of NVIDIA's wheels (site-packages/nvidia/cu13).
The report has a line a kernel and architecture: registers and bytes of stack, as ptxas found them. Refused are: a spilled register;
an addition, subtraction, multiplication or division in the PTX without a stated rounding, which ptxas may contract; anything
approximate or flushed to zero; a matrix unit's instruction outside the fast mode's files, and any but the one there. First a kernel is compiled with contraction left to the compiler, and must be refused.
"""

import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ARCHITECTURES = ("80", "90", "100")
# An operation on floating-point numbers that names no rounding, or a loose one.
LOOSE = re.compile(r"\b(?:add|sub|mul|mad|div|sqrt|rcp)\.(?!r[nzmp]\.)[a-z.]*f(?:32|64)\b|\.approx|\.ftz|\.full|\bmad\.r")
# What the fast mode is about (docs/fast.md), and nothing else is.
MATRIX = re.compile(r"\b(?:w?g?mma|wmma|tcgen05)\b\S*")
FAST = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"
ENTRY = re.compile(
    r"Compiling entry function '(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads"
    r".*?Used (\d+) registers",
    re.DOTALL,
)


def nvcc(compiler, arguments):
    command = [str(compiler / "bin" / "nvcc"), "-std=c++17", "-L", str(compiler / "lib"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stderr + done.stdout


def loose(ptx):
    """The first instruction that ptxas is free to change, or None."""
    return next((line.strip() for line in ptx.splitlines() if LOOSE.search(line)), None)


def off_limits(name, ptx):
    """The first matrix instruction that a file of this name must not have, or None."""
    found = (match.group() for match in MATRIX.finditer(ptx))
    return next((said for said in found if said != FAST or not name.startswith("fast_")), None)


def ptx_path(source, architecture, contract):
    return source.with_suffix(f".{architecture}.{contract}.ptx")


def ptx_of(compiler, source, architecture, contract):
    out = ptx_path(source, architecture, contract)
    nvcc(compiler, ["-ptx", f"-arch=compute_{architecture}", f"--fmad={contract}", str(source), "-o", str(out)])
    return out.read_text()


def check(job):
    compiler, source, architecture = job
    text = ptx_of(compiler, source, architecture, "false")
    if matrix := off_limits(source.name, text):
        sys.exit(f"{source.name}, sm_{architecture}: {matrix}: not the canonical arithmetic")
    if source.name.startswith("fast_") != (FAST in text):
        sys.exit(f"{source.name}, sm_{architecture}: no {FAST}")
    found = loose(text)
    if found:
        sys.exit(f"{source.name}, sm_{architecture}: {found}: no stated rounding")
    ptx, out = ptx_path(source, architecture, "false"), source.with_suffix(f".{architecture}.cubin")
    said = nvcc(compiler, ["-cubin", f"-arch=sm_{architecture}", "-Xptxas=-v", str(ptx), "-o", str(out)])
    entries = sorted(ENTRY.findall(said))
    if len(entries) != source.read_text().count("__global__"):
        sys.exit(f"{source.name}, sm_{architecture}: {len(entries)} kernels in what the compiler said:\n{said}")
    lines = []
    for entry, stack, stores, loads, registers in entries:
        if stores != "0" or loads != "0":
            sys.exit(f"{source.name}, {entry}, sm_{architecture}: {stores} and {loads} bytes spilled")
        # A file of one kernel says by its name what it is compiled for.
        name = source.stem if len(entries) == 1 else entry + source.stem[source.stem.index("_"):]
        lines.append(f"{name:<36} sm_{architecture:<4} {registers:>9} {stack:>6}")
    return lines


def main():
    sources, compiler, report = map(pathlib.Path, sys.argv[1:])
    kernels = sorted(sources.glob("*.cu"))
    if not kernels:
        sys.exit(f"{sources}: no kernels")
    # A check that cannot fail is none: with contraction left to the compiler the same kernel must be refused.
    if not loose(ptx_of(compiler, kernels[-1], "90", "true")):
        sys.exit("a planted contraction was not seen")
    if not off_limits("mixture.cu", FAST) or not off_limits("fast_2.cu", FAST.replace("f32", "f16")):
        sys.exit("a planted matrix instruction was not seen")
    jobs = [(compiler, kernel, architecture) for kernel in kernels for architecture in ARCHITECTURES]
    with ThreadPoolExecutor(2) as pool:
        lines = [line for found in pool.map(check, jobs) for line in found]
    head = f"{'kernel':<36} {'target':<7} {'registers':>9} {'stack':>6}"
    report.write_text("\n".join([head, *lines]) + "\n")
    print(f"{len(lines)} kernels compiled, none spills or contracts")


main()
