"""Interleaved timing: every contender in turn, round after round, so that all meet the same machine.

Two clocks. `cpu` is the processor time of the contender alone: right for one thread, and hardly moved by what else
runs. `wall` is what a user waits, and the only one for several threads: each sample waits until the machine is quiet
and is dropped where others used more than a twentieth of it meanwhile. Linux only (/proc/stat, process clocks).
"""

import gc
import os
import statistics
import subprocess
import sys
import time

QUIET = 0.05  # the part of the machine that others may use during a sample
SAMPLE = 0.25  # seconds a sample should take


def pin(threads):
    """Keeps this process, its children and OpenBLAS on so many processors. To be called before NumPy is imported."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ.pop("OPENBLAS_CORETYPE", None)  # where set, it can choose slower kernels


class Function:
    """A contender in this process."""

    def __init__(self, evaluate):
        self.evaluate = evaluate

    def run(self, count):
        """Processor and wall seconds of `count` evaluations."""
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(count):
            self.evaluate()
        return time.process_time() - cpu, time.perf_counter() - wall


class Program:
    """A contender in a process of its own that answers a number of evaluations by a line with their seconds."""

    def __init__(self, command):
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # The kernel's name of the clock that counts this process's time on all its threads (clock_getcpuclockid(3)).
        self.clock = (~self.child.pid << 3) | 2

    def run(self, count):
        cpu = time.clock_gettime(self.clock)
        self.child.stdin.write(f"{count}\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            sys.exit("the timed program stopped")
        return time.clock_gettime(self.clock) - cpu, float(line)

    def finish(self):
        """Ends it; returns its last words."""
        return self.child.communicate()[0].strip()


def busy():
    """Seconds that the machine's processors have worked since it started, and how many they are."""
    with open("/proc/stat") as stat:
        rows = [line.split() for line in stat if line.startswith("cpu") and line[3].isdigit()]
    idle = (4, 5)
    ticks = sum(int(field) for row in rows for at, field in enumerate(row[:9]) if at and at not in idle)
    return ticks / os.sysconf("SC_CLK_TCK"), len(rows)


def wait_until_quiet(patience):
    """Returns once others use less than a twentieth of the machine, or after `patience` seconds."""
    end = time.perf_counter() + patience
    while time.perf_counter() < end:
        (before, processors), start = busy(), time.perf_counter()
        time.sleep(0.2)
        if (busy()[0] - before) / (time.perf_counter() - start) / processors < QUIET:
            return


def sample(contender, count, clock, patience):
    """Seconds an evaluation, and the part of the machine that others used."""
    if clock == "wall":
        wait_until_quiet(patience)
    (before, processors), start = busy(), time.perf_counter()
    cpu, wall = contender.run(count)
    elapsed = time.perf_counter() - start
    others = max(0.0, busy()[0] - before - cpu) / elapsed / processors
    return (cpu if clock == "cpu" else wall) / count, others


def measure(contenders, budget, clock, patience):
    """Name -> (median, minimum, quiet samples, samples taken), after `budget` seconds of rounds and five at least."""
    counts = {}
    for name, contender in contenders.items():
        contender.run(1)
        counts[name] = max(1, round(SAMPLE / contender.run(1)[1]))
    taken = {name: [] for name in contenders}
    gc.collect()
    gc.disable()
    start = time.perf_counter()
    while time.perf_counter() - start < budget or len(taken[name]) < 5:
        order = list(contenders.items())
        for name, contender in order if len(taken[name]) % 2 else order[::-1]:
            taken[name].append(sample(contender, counts[name], clock, patience))
    gc.enable()
    found = {}
    for name, samples in taken.items():
        kept = [seconds for seconds, others in samples if clock == "cpu" or others < QUIET]
        quiet = len(kept)
        if quiet < 3:
            print(f"{name}: the machine was not quiet; all samples count")
            kept = [seconds for seconds, _ in samples]
        found[name] = (statistics.median(kept), min(kept), quiet, len(samples))
    return found


def machine():
    """The processor in words."""
    with open("/proc/cpuinfo") as lines:
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    sets = [name for name in ("avx512f", "avx2", "fma") if name in fields.get("flags", "").split()]
    return f"{os.cpu_count()} processors, {fields.get('model name', 'unknown')}, {' and '.join(sets) or 'no AVX2'}"
