"""src/arith in the words of Coq: what Kernels.v and Coefficients.v must say below their marks.

kernels(exp.rs, ln.rs, polynomial.rs)   the functions exp and ln, operation by operation
coefficients(coefficients.rs, format.rs) the numbers of both formats, each as m 2^e

Only the small language that those files are written in is understood; anything else is an error, so that no
operation is passed over. `python3 translate.py` rewrites both files below their marks.
"""

import re
import sys
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).resolve().parent
ARITH = HERE.parent / "src" / "arith"
MARK = "(* Below: what translate.py makes of src/arith. *)\n"
ONES = {"ZERO": "zero A", "ONE": "one A", "HALF": "half A", "TWO": "two A", "INFINITY": "infinity A", "NAN": "nan A"}
TABLES = ["EXP_TAIL", "LN_TAIL"]
NUMBERS = ["LOG2_E", "LN2_HI", "LN2_LO", "EXP_OVERFLOW", "EXP_UNDERFLOW", "SHIFT"]
CONSTANTS = {"LOG2_E": "1.442695040888963407359924681001892137427", "LN_2": "0.693147180559945309417232121458176568076",
             "TAU": "6.283185307179586476925286766559005768394"}


class Unknown(Exception):
    pass


def without_comments(rust):
    return re.sub(r"//[^\n]*", "", rust)


def body(rust, name):
    """The text between the braces of a function."""
    start = re.search(rf"fn {name}<T: Real, M: MulAdd>\(.*?\) -> T \{{", rust, re.S)
    if not start:
        raise Unknown(f"no function {name}")
    depth, at = 1, start.end()
    while depth:
        depth += {"{": 1, "}": -1}.get(rust[at], 0)
        at += 1
    return without_comments(rust[start.end() : at - 1]).strip()


TOKEN = re.compile(r"\s*(even_odd::<T, M>|horner::<T, M>|M::mul_add|T::\w+|\w+|>=|==|[-+*/()<>{},])")


class Expression:
    """A Rust expression as Coq; precedence as in both languages."""

    def __init__(self, text):
        self.tokens, at = [], 0
        text = text.strip()
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                raise Unknown(text[at:])
            self.tokens.append(match.group(1))
            at = match.end()
        self.at = 0

    def look(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted=None):
        token = self.look()
        if wanted is not None and token != wanted:
            raise Unknown(f"{token} where {wanted} belongs")
        self.at += 1
        return token

    def arguments(self):
        self.take("(")
        found = [self.sum()]
        while self.look() == ",":
            self.take()
            found.append(self.sum())
        self.take(")")
        return found

    def atom(self):
        token = self.take()
        if token == "(":
            inner = self.sum()
            self.take(")")
            return f"({inner})"
        if token == "-":
            return f"(- {self.atom()})"
        if token == "M::mul_add":
            a, b, c = (self.wrapped(x) for x in self.arguments())
            return f"(fma A {a} {b} {c})"
        if token.startswith(("even_odd", "horner")):
            return f"({token.split(':')[0]} {' '.join(self.wrapped(x) for x in self.arguments())})"
        if token in ("T::two_factors", "T::split"):
            return f"({token[3:]} A {' '.join(self.wrapped(x) for x in self.arguments())})"
        if token.startswith("T::"):
            name = token[3:]
            if name in ONES:
                return f"({ONES[name]})"
            if name in TABLES:
                return f"({name} C)"
            if name in NUMBERS:
                return f"({name} C)"
            raise Unknown(token)
        if re.fullmatch(r"[a-z]\w*", token):
            return token
        raise Unknown(token)

    @staticmethod
    def wrapped(text):
        return text if re.fullmatch(r"\w+|\([^()]*\)", text) or (text[0] == "(" and matched(text)) else f"({text})"

    def product(self):
        left = self.atom()
        while self.look() in ("*", "/"):
            left = f"{left} {self.take()} {self.atom()}"
        return left

    def sum(self):
        left = self.product()
        while self.look() in ("+", "-"):
            left = f"{left} {self.take()} {self.product()}"
        return left

    def comparison(self):
        left = self.wrapped(self.sum())
        sign = self.take()
        right = self.wrapped(self.sum())
        made = {"<": "below A {l} {r}", ">": "below A {r} {l}", "==": "same A {l} {r}", ">=": "not_above A {r} {l}"}
        if sign not in made:
            raise Unknown(sign)
        return made[sign].format(l=left, r=right)

    def whole(self):
        if self.look() == "if":
            self.take()
            condition = self.comparison()
            self.take("{")
            yes = self.sum()
            self.take("}")
            self.take("else")
            self.take("{")
            no = self.sum()
            self.take("}")
            made = f"if {condition} then {yes} else {no}"
        else:
            made = self.sum()
        if self.look():
            raise Unknown(self.look())
        return made


def matched(text):
    depth = 0
    for i, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0 and i + 1 < len(text):
            return False
    return True


def function(rust, name):
    *lets, result = body(rust, name).split(";")
    lines = [f"Definition {name} (x : T) : T :="]
    for statement in lets:
        match = re.fullmatch(r"\s*let (\w+|\(\w+, \w+\)) = (.*)", statement, re.S)
        if not match:
            raise Unknown(statement)
        pattern = "'" + match[1] if match[1][0] == "(" else match[1]
        lines.append(f"  let {pattern} := {Expression(match[2]).whole()} in")
    lines.append(f"  {Expression(result).whole()}.")
    return "\n".join(lines)


# The loops, word for word; Kernels.v has them as recursions.
LOOPS = {
    "horner": """let mut value = T::ZERO; if let Some((&last, rest)) = coefficients.split_last() { value = last;
        for &c in rest.iter().rev() { value = M::mul_add(value, x, c); } } value""",
    "even_odd": """let mut even = T::ZERO; let mut odd = T::ZERO; for (i, &c) in coefficients.iter().enumerate().rev() {
        let half = if i % 2 == 0 { &mut even } else { &mut odd };
        *half = if i + 2 < coefficients.len() { M::mul_add(*half, square, c) } else { c }; } M::mul_add(odd, x, even)""",
}


def squeezed(text):
    return re.sub(r"\s+", " ", text).strip()


def kernels(exp, ln, polynomial):
    for name, text in LOOPS.items():
        if squeezed(body(polynomial, name)) != squeezed(text):
            raise Unknown(f"the loop of {name} is another")
    return f"{function(exp, 'exp')}\n\n{function(ln, 'ln')}\nEnd Kernels.\n"


def nearest(value, precision):
    """The m 2^e nearest to a positive or negative rational, m of that many bits; ties do not occur."""
    sign, value, e = (-1 if value < 0 else 1), abs(value), 0
    while value >= 2**precision:
        value, e = value / 2, e + 1
    while value < 2 ** (precision - 1):
        value, e = value * 2, e - 1
    m = round(value)
    if m == 2**precision:
        m, e = m // 2, e + 1
    while m % 2 == 0:
        m, e = m // 2, e + 1
    return f"({sign * m}, {e})"


def literal(text, precision):
    text = text.strip()
    match = re.fullmatch(r"std::f(?:32|64)::consts::(\w+)", text)
    return nearest(Fraction(CONSTANTS[match[1]] if match else text), precision)


def coefficients(table, form):
    out = []
    for rust, coq, precision in [("f64", "table64", 53), ("f32", "table32", 24)]:
        numbers = re.search(rf"impl Coefficients for {rust} \{{(.*?)\n\}}", table, re.S)[1]
        bits = re.search(rf"impl Format for {rust} \{{(.*?)\n\}}", form, re.S)[1]
        fields = []
        for name in NUMBERS:
            found = re.search(rf"const {name}: Self = ([^;]*);", bits if name == "SHIFT" else numbers)
            fields.append(f"  {name} := {literal(found[1], precision)}")
        for name in TABLES:
            found = re.search(rf"const {name}: &'static \[Self\] = &\[(.*?)\];", numbers, re.S)
            items = [literal(x, precision) for x in found[1].split(",") if x.strip()]
            fields.append(f"  {name} :=\n    [" + ";\n     ".join(items) + "]")
        out.append(f"Definition {coq} : table (Z * Z) := {{|\n" + ";\n".join(fields) + " |}.")
    return "\n\n".join(out) + "\n"


def read(name):
    return (ARITH / name).read_text()


def expected():
    return {
        "Kernels.v": kernels(read("exp.rs"), read("ln.rs"), read("polynomial.rs")),
        "Coefficients.v": coefficients(read("coefficients.rs"), read("format.rs")),
    }


if __name__ == "__main__":
    for name, text in expected().items():
        path = HERE / name
        head = path.read_text().split(MARK)[0]
        path.write_text(head + MARK + text)
    sys.exit(0)
