"""The CUDA text against the same models: src/cuda/kernels/canonical.cuh, mixture.cuh and mixture.cu.

problems(...)   exp and ln of canonical.cuh, put into the words of Rust token by token, give through translate.py the same text as
                exp.rs and ln.rs do, so the same operations on the same coefficients in the same order; the loops, the functions of the
                bits and what the two formats are defined as are compared word for word with the numbers of Arithmetic.v; the name of
                each number is that of the Rust constant (`coefficients.rs`, `source.rs`); mixture.cuh has the operations of POINT
PLANTS          mistakes that problems must find
"""

import re

import translate

SPLIT = """const bits_t low = bits_of(SQRT_HALF); bool subnormal = x < power_of_two(1 - BIAS);
real normal = subnormal ? x * power_of_two(SUBNORMAL_LIFT) : x;
real correction = subnormal ? (real)SUBNORMAL_LIFT : (real)0; bits_t moved = bits_of(normal) + (ONE_BITS - low);
real m = from_bits((moved & (((bits_t)1 << SIGNIFICAND) - 1)) + low);
real biased = from_bits(bits_of(INTEGERS) | (moved >> SIGNIFICAND));
real k = biased - (INTEGERS + (real)BIAS) - correction;"""
FACTORS = """bool negative = (bits_of(x) & SIGN_BIT) != 0;
bits_t offset = (bits_t)(negative ? BIAS + FACTOR : BIAS - FACTOR) << SIGNIFICAND;
bits_t second = (bits_t)(negative ? BIAS - FACTOR : BIAS + FACTOR) << SIGNIFICAND;
real first = from_bits((bits_of(shifted) << SIGNIFICAND) + offset); return y * first * from_bits(second);"""
NAN = "from_bits(bits_of(infinity()) | (ONE_BITS >> 1))"
LOOPS = """template <int N> __device__ inline real horner(real x, const real (&c)[N]) { real value = c[N - 1];
#pragma unroll
for (int i = N - 2; i >= 0; --i) value = fused(value, x, c[i]); return value; }
template <int N> __device__ inline real even_odd(real x, real square, const real (&c)[N]) { real half[2] = {0, 0};
#pragma unroll
for (int i = N - 1; i >= 0; --i) half[i % 2] = i + 2 < N ? fused(half[i % 2], square, c[i]) : c[i];
return fused(half[1], x, half[0]); }"""
HELPERS = """#define SIGN_BIT ((bits_t)1 << (REAL_BITS - 1))
#define ONE_BITS ((bits_t)BIAS << SIGNIFICAND)
#define BELOW_ONE ((real)1 - UNIT_ROUNDOFF)
__device__ inline real power_of_two(int k) { return from_bits((bits_t)(BIAS + k) << SIGNIFICAND); }
__device__ inline real infinity() { return from_bits((bits_t)(2 * BIAS + 1) << SIGNIFICAND); }
__device__ inline real magnitude(real x) { return from_bits(bits_of(x) & ~SIGN_BIT); }
__device__ inline real larger(real a, real b) { return b > a ? b : a; }"""
FORMAT = """typedef {real} real; typedef unsigned {word} bits_t; typedef {word} signed_t;
#define SIGNIFICAND {fraction}
#define BIAS {bias}
#define FACTOR {reach}
#define SUBNORMAL_LIFT {lift}
#define PER_CALL {calls}
__device__ inline real fused(real a, real b, real c) {{ return {fma}(a, b, c); }}
__device__ inline bits_t bits_of(real x) {{ return {to}(x); }}
__device__ inline real from_bits(bits_t x) {{ return {back}; }}"""
FORMATS = {
    "64": {"real": "double", "word": "long long", "calls": 2, "fma": "__fma_rn", "to": "(bits_t)__double_as_longlong",
           "back": "__longlong_as_double((signed_t)x)"},
    "32": {"real": "float", "word": "int", "calls": 4, "fma": "__fmaf_rn", "to": "__float_as_uint", "back": "__uint_as_float(x)"},
}

# What the models of a point take from mixture.cuh and mixture.cu, as check.py's POINT has it from reference.rs. A point within the safe radius has
# scale 1, and multiplying by 1 is exact.
POINT = [
    ("the scale of a near point", "Point p = {Row(workspace, threads, thread, 0), Row(workspace, threads, thread, 1), "
                                  "Row(workspace, threads, thread, 2), a, (real)1};"),
    ("a difference", "p.z[i] = fused(-p.a, p.scale * mu, p.scale * p.x[i]);"),
    ("a square", "for (int i = 0; i < DIMENSION; ++i) sum = fused(p.z[i], p.z[i], sum); return sum * law.precision[k];"),
    ("a logit", "return fused((real)-0.5, distance(law, k, p), law.offset[k]);"),
    ("a weight", "const real weight = canonical_exp(logit(law, k, p) - sums.largest);"),
    ("the largest logit", "sums.largest = k == 0 ? l : larger(sums.largest, l);"),
    ("the total", "sums.total = sums.total + weight;"),
    ("the total's start", "sums.total = 0;"),
    ("a component's scale", "scale = weight * law.precision[at];"),
    ("a denoised summand", "gain = fused(law.gain[at], p.z[i], shifted);"),
    ("the numerator", "sums.precision[i] = fused(scale, direction, sums.precision[i]);"),
    ("the denoised sum", "sums.denoised[i] = fused(weight, gain, sums.denoised[i]);"),
    ("blocks", "#define COMPONENTS_IN_BLOCK 64"),
    ("two blocks", "const real largest = larger(before.largest, block.largest); const real kept = canonical_exp(before.largest - "
                   "largest), added = canonical_exp(block.largest - largest); before.largest = largest; "
                   "before.total = fused(before.total, kept, block.total * added);"),
    ("two numerators", "before.precision[i] = fused(before.precision[i], kept, block.precision[i] * added);"),
    ("two denoised sums", "before.denoised[i] = fused(before.denoised[i], kept, block.denoised[i] * added);"),
    ("log-sum-exp", "(sums.largest + canonical_ln(sums.total)) + reference;"),
    ("the score", "const real score = -(sums.precision[i] / sums.total);"),
    ("the noise", "put_score(out, at, score, -s * score);"),
    ("the denoiser", "origin[i] + sums.denoised[i] / sums.total;"),
    ("a responsibility", "row[k] = canonical_exp(row[k] - sums.largest) / sums.total;"),
]
# How loops are unrolled is no part of the arithmetic.
UNROLLED = re.compile(r"EACH_COORDINATE\s*")


def squeezed(text):
    return translate.squeezed(translate.without_comments(text))


def expression(text):
    """A C expression in the words of Rust; what is not known stays and is refused by translate.Expression."""
    text = text.strip()
    choice = re.fullmatch(r"(.*?)\?(.*):(.*)", text, re.S)
    if choice:
        return f"if {expression(choice[1])} {{ {expression(choice[2])} }} else {{ {expression(choice[3])} }}"
    text = text.replace(NAN, "T::NAN").replace("infinity()", "T::INFINITY")
    text = re.sub(r"\(real\)(-?)(0\.5|[0-9]+)(?![\w.])", lambda m: m[1] + {"0": "T::ZERO", "1": "T::ONE", "2": "T::TWO",
                                                                         "0.5": "T::HALF"}.get(m[2], m[0]), text)
    text = re.sub(r"(?<![\w:])([A-Z][A-Z0-9_]+)\b", r"T::\1", text)
    return re.sub(r"\bfused\(", "M::mul_add(", re.sub(r"\b(horner|even_odd)\(", r"\1::<T, M>(", text))


def rust(text, name):
    """canonical_exp or canonical_ln as translate.function reads it."""
    found = re.search(rf"__device__ inline real canonical_{name}\(real x\) \{{(.*?)\n\}}", text, re.S)
    if not found:
        raise translate.Unknown(f"no canonical_{name}")
    body = squeezed(found[1])
    for block, made in [(SPLIT, "let (k, m) = T::split(x);"),
                        (FACTORS, "let (first, second) = T::two_factors(shifted, x); return y * first * second;")]:
        body = body.replace(squeezed(block), made)
    lines, table = [], None
    for statement in body.split(";")[:-1]:
        statement = statement.strip()
        declared = re.fullmatch(r"const real tail\[\] = (\w+)", statement)
        given = re.fullmatch(r"(?:real )?(\w+) = (.*)", statement)
        if declared:
            table = declared[1]
        elif statement.startswith("let "):
            lines.append(statement + ";")
        elif statement.startswith("return "):
            lines.append(expression(re.sub(r"\btail\b", str(table), statement[7:])))
        elif given:
            value = expression(re.sub(r"\btail\b", str(table), given[2]))
            lines.append(f"let {given[1]} = {value};")
        else:
            raise translate.Unknown(statement)
    return f"fn {name}<T: Real, M: MulAdd>(x: T) -> T {{ {' '.join(lines)} }}"


def problems(text, kernels, arithmetic, coefficients, source, mixture):
    """canonical.cuh, Kernels.v, Arithmetic.v, coefficients.rs, source.rs, and mixture.cuh with mixture.cu."""
    found = []
    try:
        made = "\n\n".join(translate.function(rust(text, name), name) for name in ("exp", "ln")) + "\nEnd Kernels.\n"
        if made != kernels.split(translate.MARK)[-1]:
            found.append("cuda: exp and ln are not those of Kernels.v")
    except translate.Unknown as unknown:
        found.append(f"cuda: {unknown}")
    bare = squeezed(text)
    for what, wanted in [("the loops", LOOPS), ("the helpers", HELPERS)]:
        if squeezed(wanted) not in bare:
            found.append(f"cuda: {what} are others")
    for bits, words in FORMATS.items():
        record = re.search(rf"Definition binary{bits} .*?\|\}}", arithmetic, re.S)[0]
        n = {k: int(v) for k, v in re.findall(r"(\w+) := (\d+)", record)}
        wanted = FORMAT.format(**words, fraction=n["precision"] - 1, bias=n["largest"] - 1, reach=n["reach"], lift=n["lift"])
        if squeezed(wanted) not in bare:
            found.append(f"cuda: binary{bits} is another")
    # A number's name in the kernels is the name of the Rust constant.
    pairs = re.findall(r'\("(\w+)", T::(\w+)\)', coefficients)
    wanted = translate.NUMBERS + translate.TABLES + ["INTEGERS"]
    found += [f"cuda: {a} is {b}" for a, b in pairs if a != b]
    found += [f"cuda: no {name}" for name in wanted if (name, name) not in pairs]
    for line in ['for (name, values) in named_coefficients::<T>() {', "let list: Vec<String> = values.iter().map(|&x| constant(x)).collect();",
                 "[single] => define(name, single),", 'all => define(name, &format!("{{{}}}", all.join(", "))),',
                 'define("SQRT_HALF", &constant(T::from_f64(std::f64::consts::FRAC_1_SQRT_2)));']:
        if line not in source:
            found.append(f"cuda: source.rs no longer has `{line}`")
    body = squeezed(UNROLLED.sub("", mixture)).replace("{ ", "{").replace(" }", "}")
    found += [f"cuda: {what} is no longer `{line}`" for what, line in POINT
              if squeezed(line).replace("{ ", "{").replace(" }", "}") not in body]
    return found


# (which text, what stands there, what is put there)
PLANTS = [
    ("text", "fused(-n, LN2_HI, x)", "fused(-n, LN2_LO, x)"), ("text", "const real tail[] = LN_TAIL", "const real tail[] = EXP_TAIL"),
    ("text", "real r = fused(-n, LN2_LO, r_hi);", "real r = r_hi - n * LN2_LO;"),
    ("text", "fused(r_lo, line, line_lo)", "r_lo * line + line_lo"), ("text", "(real)2 + f", "f + (real)2"),
    ("text", "(shift - line) + f", "(line - shift) + f"), ("text", "fused(value, x, c[i])", "fused(x, value, c[i])"),
    ("text", "half[i % 2] = i + 2", "half[1 - i % 2] = i + 2"), ("text", "fused(s, half_square + series, lost)", "fused(half_square + series, s, lost)"),
    ("text", "fused((real)-0.5", "fused((real)0.5"), ("text", "return y * first * from_bits(second)", "return y * from_bits(second) * first"),
    ("text", "(moved >> SIGNIFICAND)", "(moved >> (SIGNIFICAND - 1))"), ("text", "#define FACTOR 32", "#define FACTOR 31"),
    ("text", "return __fmaf_rn(a, b, c);", "return a * b + c;"), ("text", "x == (real)0 ? -infinity()", "x == (real)0 ? infinity()"),
    ("text", "x > EXP_OVERFLOW ?", "x >= EXP_OVERFLOW ?"), ("coefficients", '("LN2_HI", T::LN2_HI)', '("LN2_HI", T::LN2_LO)'),
    ("coefficients", '("EXP_TAIL", T::EXP_TAIL),', ""), ("source", "std::f64::consts::FRAC_1_SQRT_2", "std::f64::consts::SQRT_2"),
    ("mixture", "fused(p.z[i], p.z[i], sum)", "p.z[i] * p.z[i] + sum"), ("mixture", "sums.total + weight", "weight + sums.total"),
    ("mixture", "kept, block.total * added", "added, block.total * kept"), ("mixture", "COMPONENTS_IN_BLOCK 64", "COMPONENTS_IN_BLOCK 32"),
    ("mixture", "fused(law.gain[at], p.z[i], shifted)", "fused(p.z[i], law.gain[at], shifted)"),
]
