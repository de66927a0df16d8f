"""The carried archive on a machine with no GPU: program and script end with their documented codes and say why in one line; and the
script's report, driven by a program that only acts as if it had a device.

    test_carried.py ARCHIVE
"""

import json
import os
import pathlib
import stat
import subprocess
import sys
import tarfile
import tempfile
import unittest

ARCHIVE = pathlib.Path(sys.argv.pop(1)).resolve()
# No device is visible even where there is one.
NO_GPU = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}

ACTOR = """#!{python}
import json, sys
device = {{"name": "an actor", "capability": [9, 0], "memory": 1 << 36, "driver": [13, 0], "multiprocessors": 100, "clock": 10**9}}
word = sys.argv[1]
if word == "about":
    print(json.dumps({{"tweedie": "0", "commit": "none", "device": device}}))
elif word == "suite":
    problem = {problem!r}
    checks = [{{"check": "one", "problem": None}}, {{"check": "two", "problem": problem}}]
    print(json.dumps({{"passed": problem is None, "checks": checks, "seconds": 1.0}}))
    sys.exit(0 if problem is None else 1)
elif word == "problem":
    text = {{"points": 1000, "components": 64, "dimension": 2, "levels": [[1, 1]] * 1000, "batch": 1024, "width": 128, "layers": 3}}
    open(sys.argv[2] + "/problem.json", "w").write(json.dumps(text))
else:
    stops = {stops!r} if sys.argv[2] == "mixture" else None
    if stops == "at once":
        sys.exit("NVRTC: not found")
    print(json.dumps({{"part": sys.argv[2]}}), flush=True)
    if stops == "later":
        sys.exit("a launch: the driver refuses")
    for line in sys.stdin:
        print(json.dumps({{"seconds": 0.001 * int(line)}}), flush=True)
    print(json.dumps({{"difference": 1e-6}}))
"""


class Carried(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kept = tempfile.TemporaryDirectory()
        cls.place = pathlib.Path(cls.kept.name)
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(cls.place)
        cls.folder = cls.place / "tweedie-gpu"

    @classmethod
    def tearDownClass(cls):
        cls.kept.cleanup()

    def program(self, *words, text=""):
        return subprocess.run([self.folder / "carried", *words], input=text, capture_output=True, text=True, env=NO_GPU)

    def script(self, *words):
        command = [sys.executable, self.folder / "run.py", "--out", self.place / "out", *words]
        return subprocess.run(command, capture_output=True, text=True, env=NO_GPU, cwd=self.place)

    def test_the_program_says_in_one_line_that_there_is_no_device(self):
        about = self.program("about")
        self.assertEqual(about.returncode, 0, about.stderr)
        reason = json.loads(about.stdout)["device"]["none"]
        self.assertRegex(json.loads(about.stdout)["commit"], "^[0-9a-f]{7,40}")
        for words in (["suite"], ["bench", "mixture"], ["bench", "sampler"], ["bench", "adversarial"]):
            done = self.program(*words)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (3, "", f"no device: {reason}\n"))

    def test_a_wrong_command_line_is_one_line(self):
        for words in ([], ["bench"], ["bench", "other"], ["suite", "more"]):
            done = self.program(*words)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)

    def test_the_inputs_are_written_with_no_device(self):
        folder = self.place / "problem"
        self.assertEqual(self.program("problem", str(folder)).returncode, 0)
        text = json.loads((folder / "problem.json").read_text())
        n, k, d = (text[name] for name in ("points", "components", "dimension"))
        self.assertEqual((n, k, d, len(text["levels"])), (1_000_000, 64, 2, 1000))
        self.assertEqual((len(text["means"]), len(text["means"][0]), len(text["variances"])), (k, d, k))
        sizes = {"points.f32": 4 * n * d, "log_density.f64": 8 * n, "score.f64": 8 * n * d, "denoiser.f64": 8 * n * d,
                 "start.f32": 4 * n * d, "sampled.f64": 8 * 1000 * d}
        self.assertEqual({name: (folder / name).stat().st_size for name in sizes}, sizes)

    def test_the_script_reports_that_there_is_no_device(self):
        done = self.script()
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertRegex(done.stdout, "^no device: [^\n]+\n$")
        text = (self.place / "out/report.md").read_text()
        self.assertIn(done.stdout.strip(), text)
        self.assertIn("PyTorch", text)
        report = json.loads((self.place / "out/report.json").read_text())
        self.assertEqual((report["parts"], report["suite"]), ({}, None))

    def acted(self, problem, stops=None):
        actor = self.place / "actor"
        actor.write_text(ACTOR.format(python=sys.executable, problem=problem, stops=stops))
        actor.chmod(actor.stat().st_mode | stat.S_IXUSR)
        done = self.script("--program", str(actor), "--budget", "0.01")
        report = json.loads((self.place / "out/report.json").read_text())
        return done, report, (self.place / "out/report.md").read_text()

    def test_a_report_has_the_suite_and_the_medians(self):
        done, report, text = self.acted(None)
        self.assertEqual(done.returncode, 0, done.stderr)
        mixture = report["parts"]["mixture"]
        self.assertAlmostEqual(mixture["times"]["tweedie"]["seconds"], 0.001)
        self.assertGreaterEqual(mixture["times"]["tweedie"]["samples"], 5)
        self.assertAlmostEqual(mixture["limit"]["fraction"], 1000 * 64 * (2 * 10 + 27 + 1 + 6) / (100 * 128 * 1e9 * 0.001))
        for part in ("sampler", "adversarial"):
            self.assertAlmostEqual(report["parts"][part]["times"]["tweedie"]["seconds"], 0.001)
        self.assertIn("The property suite passes", text)
        self.assertIn("an actor", text)

    def test_a_suite_that_fails_is_seen(self):
        done, _, text = self.acted("an entry differs")
        self.assertEqual(done.returncode, 1)
        self.assertIn("**FAILS**", text)
        self.assertIn("- two: an entry differs", text)

    def test_a_part_that_breaks_off_gives_no_number(self):
        for stops, says in (("at once", "NVRTC: not found"), ("later", "the driver refuses")):
            done, report, text = self.acted(None, stops)
            self.assertEqual(done.returncode, 2)
            mixture = report["parts"]["mixture"]
            self.assertEqual((mixture["times"], "ratio" in mixture, "limit" in mixture), ({}, False, False))
            self.assertRegex(text, f"does not run.*exit code 1: .*{says}")

    def test_a_program_that_does_not_run_is_code_2(self):
        done = self.script("--program", str(self.place / "missing"))
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)


unittest.main()
