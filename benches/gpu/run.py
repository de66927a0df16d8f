"""Runs the carried program on a machine with a GPU, compares it with PyTorch on the same device, and writes a report.

usage: python3 run.py [--program PATH] [--out FOLDER] [--budget SECONDS] [--no-suite]

Python's own library is enough; where PyTorch cannot be imported, or sees no GPU, the report says so and has our figures alone. Each
sample of a part is taken in turn with the others', so that all meet the same clocks; a figure is the median. Writes report.md and
report.json.

Exit codes: 0 the suite passes; 1 a check of it fails; 2 the program, or a part of it, does not run; 3 no device (the report says why).
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SAMPLE = 0.1  # seconds that a sample should take
ROUNDS = 5  # the fewest samples of each
PASSES, FAILS, BROKEN, NO_DEVICE = 0, 1, 2, 3
PARTS = ("mixture", "sampler", "adversarial")
TITLES = {
    "mixture": "log density, score and denoiser of {points} points, K = {components}, d = {dimension}, f32",
    "sampler": "{steps}-step deterministic sampling of {points} points, the same law, f32",
    "adversarial": "an adversarial training step, batch {batch}, {layers} hidden layers of {width}, f32",
}
DIFFERENCES = {"adversarial": "largest difference of an average weight after three steps from the CPU's in f32"}
# f32 lanes of a multiprocessor, by compute capability (CUDA C++ Programming Guide, "Arithmetic Instructions").
LANES = {(8, 0): 64, (8, 6): 128, (8, 7): 128, (8, 9): 128, (9, 0): 128, (10, 0): 128, (10, 3): 128, (12, 0): 128, (12, 1): 128}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=pathlib.Path, default=HERE / "carried")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("report"))
    parser.add_argument("--budget", type=float, default=20.0, help="seconds of timing a part")
    parser.add_argument("--no-suite", action="store_true", help="timings alone")
    return parser.parse_args()


def environment():
    """LD_LIBRARY_PATH with the NVRTC that PyTorch or pip brought, where there is one."""
    folders = []
    for place in sys.path:
        folders += sorted({str(file.parent) for file in pathlib.Path(place or ".").glob("nvidia/*/lib/libnvrtc.so*")})
    kept = os.environ.get("LD_LIBRARY_PATH")
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(([kept] if kept else []) + folders)}


class Program:
    """The carried program."""

    def __init__(self, path):
        self.path, self.environment = path.resolve(), environment()

    def ask(self, *words):
        """(exit code, the last line of standard output as JSON or None, standard error)."""
        try:
            done = subprocess.run([self.path, *words], capture_output=True, text=True, env=self.environment)
        except OSError as error:
            return BROKEN, None, str(error)
        lines = done.stdout.strip().splitlines()
        try:
            return done.returncode, json.loads(lines[-1]) if lines else None, done.stderr.strip()
        except ValueError:
            return done.returncode, None, done.stderr.strip() or lines[-1]

    def serve(self, part):
        errors = tempfile.TemporaryFile("w+")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
        return Served(subprocess.Popen([self.path, "bench", part], text=True, env=self.environment, **pipes), errors)


class Stopped(Exception):
    """The program ended before it answered; what it said."""


class Served:
    """A part of the program that answers numbers of evaluations by seconds."""

    def __init__(self, child, errors):
        self.child, self.errors = child, errors
        self.line()  # it is ready

    def line(self):
        text = self.child.stdout.readline()
        if text.strip():
            return json.loads(text)
        code = self.child.wait()
        self.errors.seek(0)
        raise Stopped(f"exit code {code}: {self.errors.read().strip()}")

    def seconds(self, count):
        try:
            self.child.stdin.write(f"{count}\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            pass  # the next line says why
        return self.line()["seconds"]

    def difference(self):
        """The end: how far the results are from the CPU's, in f64 but for `adversarial`."""
        self.child.stdin.close()
        return self.line()["difference"]


def measure(contenders, budget):
    """name -> median seconds of one call and the number of samples; contenders are functions of a count that give seconds."""
    counts, taken, spent = {}, {name: [] for name in contenders}, 0.0
    for name, seconds in contenders.items():
        seconds(1)
        counts[name] = max(1, round(SAMPLE / max(seconds(1), 1e-7)))
    while contenders and (spent < budget or len(taken[next(iter(contenders))]) < ROUNDS):
        order = list(contenders)
        for name in order if len(taken[order[0]]) % 2 else order[::-1]:
            lasted = contenders[name](counts[name])
            taken[name].append(lasted / counts[name])
            spent += lasted
    return {name: {"seconds": statistics.median(samples), "samples": len(samples)} for name, samples in taken.items()}


def slots(dimension):
    """f32 instructions that the canonical evaluation of an isotropic pair (point, component) issues, fused ones counted once: twice the
    logit (3d + d + 2), one exponential (25, its bounds and its scaling by bits among them) and its difference and sum (2), and the two
    sums over components (1 + 3d). src/cuda/kernels/mixture.cu and canonical.cuh, counted by hand."""
    return 2 * (4 * dimension + 2) + 27 + 1 + 3 * dimension


def device_limit(device, text, seconds):
    """What part of the instructions that the device could issue in the time the evaluation needed, or why that is not known. The clock
    is the highest that the driver names: the device may run below it."""
    lanes = LANES.get(tuple(device["capability"]))
    if not lanes or not device["clock"]:
        return {"unknown": f"no figure for compute capability {'.'.join(map(str, device['capability']))}"}
    rate = device["multiprocessors"] * lanes * device["clock"]
    needed = text["points"] * text["components"] * slots(text["dimension"])
    return {"fraction": needed / (rate * seconds), "instructions": needed, "rate": rate}


def torch_here():
    """(module or None, one line)."""
    try:
        import torch
    except Exception as error:  # a broken installation may raise anything
        return None, f"PyTorch: not here ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''})"
    if not torch.cuda.is_available():
        return None, f"PyTorch {torch.__version__}: it sees no GPU"
    return torch, f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}"


def peers_of(part, problem):
    """name -> function of a count, how far each is from the exact numbers, and what PyTorch could not do."""
    import peers

    calls, failed = peers.PARTS[part](problem)
    exact = problem.exact(part)
    apart = {name: peers.difference(call(), exact) for name, call in calls.items()} if exact else {}
    timed = {name: lambda count, call=call: peers.synchronised(call, count) for name, call in calls.items()}
    return timed, apart, failed


def part_report(program, part, problem, text, device, budget):
    try:
        served = program.serve(part)
    except Stopped as error:
        return {"broken": str(error), "times": {}, "failed": {}, "differences": {}}
    contenders, apart, failed = peers_of(part, problem) if problem else ({}, {}, {})
    report = {"times": {}, "failed": failed, "differences": apart}
    try:
        found = measure({"tweedie": served.seconds, **contenders}, budget)
        apart["tweedie"] = served.difference()
    except Stopped as error:
        return {**report, "broken": str(error)}
    report["times"] = found
    others = {name: found[name]["seconds"] for name in found if name != "tweedie"}
    if others:
        report["best peer"] = min(others, key=others.get)
        report["ratio"] = others[report["best peer"]] / found["tweedie"]["seconds"]
    if part == "mixture":
        report["limit"] = device_limit(device, text, found["tweedie"]["seconds"])
    return report


def part_lines(part, report, text):
    sizes = {**text, "steps": len(text["levels"])}
    lines = [f"## {TITLES[part].format(**sizes)}", ""]
    if "broken" in report:
        lines += [f"tweedie: **does not run**: {report['broken']}", ""]
    if report["times"]:
        column = DIFFERENCES.get(part, "difference from the CPU in f64")
        lines += [f"| what | median, ms | samples | {column} |", "|---|---|---|---|"]
        for name, time in sorted(report["times"].items(), key=lambda item: item[1]["seconds"]):
            apart = report["differences"].get(name)
            shown = "" if apart is None else f"{apart:.1e}"
            lines.append(f"| {name} | {1e3 * time['seconds']:.4f} | {time['samples']} | {shown} |")
        lines.append("")
    if "ratio" in report:
        lines += [f"PyTorch's best ({report['best peer']}) takes {report['ratio']:.2f} times as long as tweedie.", ""]
    limit = report.get("limit", {})
    if "fraction" in limit:
        lines += [f"tweedie issues {100 * limit['fraction']:.0f} % of the f32 instructions that the device could at its highest clock "
                  f"({limit['instructions']:.3g} of {limit['rate']:.3g} a second; data sheet lanes, the driver's clock).", ""]
    if "unknown" in limit:
        lines += [f"Fraction of the device's limit: {limit['unknown']}.", ""]
    lines += [f"- not done: {name}: {reason}" for name, reason in report["failed"].items()]
    return lines + [""] if report["failed"] else lines


def suite_lines(suite):
    if suite is None:
        return ["The suite was not run.", ""]
    verdict = "passes" if suite["passed"] else "**FAILS**"
    lines = [f"The property suite {verdict} in {suite['seconds']:.0f} s: every number is the CPU's, bit by bit.", ""]
    if not suite["passed"]:
        lines[0] = f"The property suite {verdict}:"
    return lines + [f"- {check['check']}: {check['problem'] or 'ok'}" for check in suite["checks"]] + [""]


def write(out, report, lines):
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (out / "report.md").write_text("\n".join(["# tweedie on a GPU", "", *lines]).rstrip() + "\n")


def main():
    options = arguments()
    program = Program(options.program)
    code, about, said = program.ask("about")
    if code != 0 or about is None:
        print(f"the program does not run: {said}", file=sys.stderr)
        return BROKEN
    torch, torch_line = torch_here()
    report = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": platform.platform(), "commit": about["commit"], "device": about["device"], "torch": torch_line,
    }
    device = about["device"]
    head = [f"{report['date']}, commit {report['commit']}, {report['machine']}.", "", f"{torch_line}.", ""]
    if "none" in device:
        line = f"no device: {device['none']}"
        report["parts"], report["suite"] = {}, None
        write(options.out, report, [*head, line])
        print(line)
        return NO_DEVICE
    shown = (f"{device['name']}, compute capability {'.'.join(map(str, device['capability']))}, {device['memory'] / 2**30:.0f} GiB, "
             f"{device['multiprocessors']} multiprocessors, driver for CUDA {'.'.join(map(str, device['driver']))}.")
    suite = None
    if not options.no_suite:
        code, suite, said = program.ask("suite")
        if suite is None:
            print(f"the suite does not run: {said}", file=sys.stderr)
            return BROKEN
    report["suite"], report["parts"] = suite, {}
    lines = [shown, "", *head, *suite_lines(suite)]
    with tempfile.TemporaryDirectory() as folder:
        code, _, said = program.ask("problem", folder)
        if code != 0:
            print(f"the program does not write its inputs: {said}", file=sys.stderr)
            return BROKEN
        text = json.loads((pathlib.Path(folder) / "problem.json").read_text())
        problem = None
        if torch:
            sys.path.insert(0, str(HERE))
            import peers

            peers.setup()
            problem = peers.Problem(folder, "cuda")
        for part in PARTS:
            report["parts"][part] = part_report(program, part, problem, text, device, options.budget)
            lines += part_lines(part, report["parts"][part], text)
    write(options.out, report, lines)
    print(f"{options.out / 'report.md'} is written")
    if any("broken" in part for part in report["parts"].values()):
        return BROKEN
    return FAILS if suite and not suite["passed"] else PASSES


if __name__ == "__main__":
    sys.exit(main())
