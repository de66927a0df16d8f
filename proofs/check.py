"""The checks of `make -C proofs` that Coq does not make.

sources      every file of _CoqProject opens with a comment, is at most 500 lines and has no unproven step; the sizes,
             the halving tree and the depth of the canonical sum are those of src/arith/sum.rs
assumptions  prints the assumptions of every theorem to assumptions.txt; each must be listed in README.md
selftest     plants mistakes, in the texts and in a theorem, each of which must be found
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUM = HERE.parent / "src" / "arith" / "sum.rs"
FORBIDDEN = ["Admitted", "Axiom", "Axioms", "Parameter", "Parameters", "Conjecture", "admit", "give_up", "bypass_check"]


def files():
    return [line for line in (HERE / "_CoqProject").read_text().splitlines() if line.endswith(".v")]


def without_comments(text):
    out, depth, i = [], 0, 0
    while i < len(text):
        if text.startswith("(*", i):
            depth, i = depth + 1, i + 2
        elif text.startswith("*)", i) and depth:
            depth, i = depth - 1, i + 2
        else:
            if not depth:
                out.append(text[i])
            i += 1
    return "".join(out)


def theorems(text):
    return re.findall(r"^(?:Theorem|Corollary)\s+(\w+)", without_comments(text), re.M)


def source_problems(name, text):
    found = []
    if not text.startswith("(*"):
        found.append(f"{name}: does not open with what it proves")
    if len(text.splitlines()) > 500:
        found.append(f"{name}: over 500 lines")
    bare = without_comments(text)
    found += [f"{name}: {word}" for word in FORBIDDEN if re.search(rf"\b{word}\b", bare)]
    # Outside a section these would be axioms.
    depth = 0
    for line in bare.splitlines():
        if re.match(r"\s*Section\s", line):
            depth += 1
        elif re.match(r"\s*End\s", line):
            depth -= 1
        elif depth == 0 and re.match(r"\s*(Variables?|Hypothes[ie]s|Context)\b", line):
            found.append(f"{name}: {line.strip()} outside a section")
    return found


def one(pattern, text, what, found):
    match = re.search(pattern, text, re.S)
    if not match:
        found.append(f"sum: no {what}")
        return None
    return re.sub(r"\s+", " ", match.group(1)).strip()


def joins(expression):
    """A Rust sum such as (a + c) + (b + d) as the trees of FloatSum.v write it."""
    expression = expression.strip()
    while expression.startswith("(") and expression.endswith(")"):
        expression = expression[1:-1].strip()
        if expression.count("(") != expression.count(")") or expression.find(")") < expression.find("("):
            expression = f"({expression})"
            break
    depth = 0
    for at, char in enumerate(expression):
        depth += (char == "(") - (char == ")")
        if char == "+" and depth == 0:
            parts = [joins(expression[:at]), joins(expression[at + 1 :])]
            return "Join " + " ".join(f"({p})" if " " in p else p for p in parts)
    return expression


def sum_problems(rust, coq):
    found = []
    for rust_name, coq_name in [("SUM_BLOCK", "block_size"), ("SUM_LANES", "lanes")]:
        a = one(rf"const {rust_name}: usize = (\d+);", rust, rust_name, found)
        b = one(rf"Definition {coq_name} : nat := (\d+)\.", coq, coq_name, found)
        if a != b:
            found.append(f"sum: {rust_name} is {a}, {coq_name} is {b}")
    body = one(r"fn combine<T: Real>\(lanes: \[T; SUM_LANES\]\) -> T \{(.*?)\n\}", rust, "combine", found)
    tree = one(r"Definition combine .*?: tree :=(.*?)\.\n", coq, "combine", found)
    if body and tree:
        step = re.fullmatch(r"let \[(.*?)\] = lanes; let \[(.*?)\] = \[(.*?)\]; (.*)", body)
        expected = step and (
            f"let '({step[2]}) := ({', '.join(joins(p) for p in step[3].split(','))}) in {joins(step[4])}"
        )
        if not step or step[1] != "a, b, c, d, e, f, g, h" or expected != tree:
            found.append(f"sum: the tree is {expected} in Rust, {tree} in Coq")
    # What the model takes from the loops, line by line.
    for what, line in [
        ("a lane's addition", "*lane += x;"),
        ("a lane's fused step", "*lane = M::mul_add(x, y, *lane);"),
        ("lanes from zero", "let mut lanes = [T::ZERO; SUM_LANES];"),
        ("rows of lanes", "for row in block.chunks(SUM_LANES) {"),
        ("blocks", "for block in values.chunks(SUM_BLOCK) {"),
        ("blocks in order", "total += block_sum(block);"),
        ("totals from zero", "let mut total = T::ZERO;"),
        ("the depth in a lane", "let in_lane = n.min(SUM_BLOCK).div_ceil(SUM_LANES) - 1;"),
        ("the depth of the tree", "let tree = SUM_LANES.trailing_zeros() as usize;"),
        ("the depth", "in_lane + tree + n.div_ceil(SUM_BLOCK) - 1"),
    ]:
        if line not in rust:
            found.append(f"sum: {what} is no longer `{line}`")
    return found


def allowed():
    text = (HERE / "README.md").read_text()
    return set(re.findall(r"^- `([\w.]+)`", text.split("## Axioms", 1)[1], re.M))


def assumption_problems(output, allowed):
    names = re.findall(r"^([A-Za-z_][\w.']*)(?=\s*(?::|$))", output, re.M)
    used = {name for name in names if name not in ("Axioms", "Closed")}
    return [f"assumption not listed: {name}" for name in sorted(used - allowed)]


def coq(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "Scratch.v"
        path.write_text(text)
        command = ["coqc", "-q", "-w", "none", "-Q", str(HERE), "Tweedie", str(path)]
        return subprocess.run(command, capture_output=True, text=True)


def printed():
    lines = []
    for name in files():
        module = name[:-2]
        lines.append(f"From Tweedie Require {module}.")
        for theorem in theorems((HERE / name).read_text()):
            lines.append(f'Goal True. idtac "# {module}.{theorem}". Abort.')
            lines.append(f"Print Assumptions {module}.{theorem}.")
    run = coq("\n".join(lines) + "\n")
    if run.returncode:
        sys.exit(run.stderr)
    return run.stdout


def report(found):
    if found:
        sys.exit("\n".join(found))


def sources():
    found = []
    for name in files():
        found += source_problems(name, (HERE / name).read_text())
    report(found + sum_problems(SUM.read_text(), (HERE / "FloatSum.v").read_text()))


def assumptions():
    output = printed()
    (HERE / "assumptions.txt").write_text(output)
    count = len(re.findall(r"^# ", output, re.M))
    if count == 0:
        sys.exit("no theorem")
    report(assumption_problems(output, allowed()))
    print(f"{count} theorems, no assumption beside those of README.md")


def selftest():
    def caught(found, what):
        if not found:
            sys.exit(f"a planted mistake was not found: {what}")

    good = (HERE / "Attack.v").read_text()
    for plant in ["Lemma l : False. Admitted.", "Axiom a : False.", "Lemma l : True. admit. Qed.", "Parameter p : nat.",
                  "Variable v : nat.", "(* Admitted *) Conjecture c : False."]:
        caught(source_problems("planted", good + "\n" + plant), plant)
    caught(source_problems("planted", good[1:]), "no opening comment")
    caught(source_problems("planted", good + "\n" * 500), "a long file")
    if source_problems("planted", good + "\n(* Admitted *)"):
        sys.exit("a comment counts as an unproven step")
    caught(assumption_problems("Axioms:\nmy_axiom : False\n", allowed()), "an unlisted assumption")
    rust, model = SUM.read_text(), (HERE / "FloatSum.v").read_text()
    for old, new in [("[a + e, b + f", "[a + f, b + e"), ("(a + c) + (b + d)", "(a + b) + (c + d)"),
                     ("SUM_BLOCK: usize = 256", "SUM_BLOCK: usize = 128"), ("SUM_LANES: usize = 8", "SUM_LANES: usize = 4"),
                     ("*lane += x;", "*lane = x - *lane;"), ("mul_add(x, y, *lane)", "mul_add(y, x, *lane) + T::ZERO"),
                     ("div_ceil(SUM_BLOCK) - 1", "div_ceil(SUM_BLOCK) - 2")]:
        assert old in rust, old
        caught(sum_problems(rust.replace(old, new), model), old)
    caught(sum_problems(rust, model.replace("Join a e", "Join e a")), "the order in the model")
    # One constant in a theorem: the proof that stands in the file must fail.
    for name, old, new in [
        ("Attack.v", "(R0 ^ 2 / 3)", "(R0 ^ 2 / 4)"),
        ("Samplers.v", "c * (a * s' - a' * s) ^ 2 / V", "2 * c * (a * s' - a' * s) ^ 2 / V"),
        ("Equivariance.v", "lambda * tau2 * (s ^ 2 / a) * delta", "2 * lambda * tau2 * (s ^ 2 / a) * delta"),
        ("FloatSum.v", "- 1 + 3 + ceiling", "- 1 + 2 + ceiling"),
        ("Tweedie.v", "(a / s ^ 2 * cov (line x v t) u v)", "(2 * a / s ^ 2 * cov (line x v t) u v)"),
    ]:
        text = (HERE / name).read_text()
        assert old in text, old
        if coq(text).returncode:
            sys.exit(f"{name} does not compile by itself")
        if coq(text.replace(old, new)).returncode == 0:
            sys.exit(f"{name} still compiles with {new}")
    print("every planted mistake was found")


if __name__ == "__main__":
    {"sources": sources, "assumptions": assumptions, "selftest": selftest}[sys.argv[1]]()
