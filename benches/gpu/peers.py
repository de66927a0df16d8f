"""The same work in PyTorch, in the ways that are fast: what the carried program is compared with (docs/gpu.md).

A formulation is a function of tensors. Each is offered as it is (eager), compiled by torch.compile, and both of these captured in a
CUDA graph, which takes the launches' cost away. Matrix products keep the format's precision (no TF32), as tweedie's numbers do.
Needs torch and a GPU; `parts` tells what there is.
"""

import array
import json
import math
import pathlib

import torch


class Problem:
    """The inputs that `carried problem` wrote, on the device."""

    def __init__(self, folder, device):
        folder = pathlib.Path(folder)
        self.text = json.loads((folder / "problem.json").read_text())
        self.device, self.folder = device, folder
        self.n, self.k, self.d = (self.text[name] for name in ("points", "components", "dimension"))
        self.points = self.numbers("points.f32", "f", torch.float32).reshape(self.n, self.d)
        tensor = lambda name: torch.tensor(self.text[name], dtype=torch.float32, device=device)
        self.means, self.variances, self.weights = tensor("means"), tensor("variances"), tensor("weights")

    def numbers(self, name, code, dtype):
        values = array.array(code)
        values.frombytes((self.folder / name).read_bytes())
        return torch.frombuffer(values, dtype=dtype).clone().to(self.device)

    def exact(self, part):
        """What a part gives, by the CPU in f64; of the sampler the first rows; nothing of what is random."""
        if part == "sampler":
            return [self.numbers("sampled.f64", "d", torch.float64).reshape(-1, self.d)]
        if part != "mixture":
            return []
        shapes = {"log_density": (self.n,), "score": (self.n, self.d), "denoiser": (self.n, self.d)}
        return [self.numbers(f"{name}.f64", "d", torch.float64).reshape(shape) for name, shape in shapes.items()]


def direct(x, means, variances, weights, a, s):
    """From the differences x - a m, one N x K x d array."""
    d = x.shape[1]
    noised = a * a * variances + s * s
    difference = x[:, None, :] - a * means
    logits = torch.log(weights) - d / 2 * torch.log(2 * math.pi * noised) - (difference * difference).sum(2) / (2 * noised)
    log_density = torch.logsumexp(logits, 1)
    pull = torch.exp(logits - log_density[:, None]) / noised
    score = -(pull[:, :, None] * difference).sum(1)
    return log_density, score, (x + s * s * score) / a


def expanded(x, means, variances, weights, a, s):
    """From two matrix products: logits linear in (x, |x|^2 / 2, 1). Loses digits where means are far from zero."""
    d = x.shape[1]
    precision = 1 / (a * a * variances + s * s)
    pull = a * means * precision[:, None]
    constant = torch.log(weights) + d / 2 * torch.log(precision / (2 * math.pi)) - (a * means * pull).sum(1) / 2
    logits = torch.addmm(constant, torch.cat([x, (x * x).sum(1, keepdim=True) / 2], 1), torch.cat([pull.T, -precision[None]]))
    log_density = torch.logsumexp(logits, 1)
    sums = torch.exp(logits - log_density[:, None]) @ torch.cat([pull, precision[:, None]], 1)
    score = sums[:, :d] - sums[:, d:] * x
    return log_density, score, (x + s * s * score) / a


FORMULATIONS = {"differences": direct, "expanded": expanded}


def synchronised(call, count):
    """Seconds of so many calls, the device waited for."""
    torch.cuda.synchronize()
    start = torch.cuda.Event(enable_timing=True)
    end = torch.cuda.Event(enable_timing=True)
    start.record()
    for _ in range(count):
        call()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1000


def graph(call):
    """The call captured; replayed by what is returned."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured):
        result = call()

    def replay():
        captured.replay()
        return result

    return replay


def ways(name, make):
    """name -> call, eager and compiled, each also as a graph; make(transform) gives the call with its function transformed. One that
    PyTorch cannot do is named with its reason, not left out."""
    found, failed = {}, {}
    for title, transform in (("eager", lambda f: f), ("compiled", torch.compile)):
        for shape in ("", ", graph"):
            full = f"{name}, {title}{shape}"
            try:
                call = make(transform)
                call()
                found[full] = graph(call) if shape else call
                found[full]()
                torch.cuda.synchronize()
            except Exception as error:  # a formulation may need more memory or another torch than there is
                found.pop(full, None)
                failed[full] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
                torch.cuda.synchronize()
    return found, failed


def mixture(problem):
    """Log density, score and denoiser of N points, K components."""
    given = (problem.points, problem.means, problem.variances, problem.weights, 1.0, problem.text["sigma"])
    calls, failed = {}, {}
    for name, function in FORMULATIONS.items():
        def make(transform, function=function):
            own = transform(function)
            return lambda: own(*given)

        found, not_found = ways(name, make)
        calls.update(found)
        failed.update(not_found)
    return calls, failed


def sampler(problem):
    """Deterministic DDIM through 1,000 levels from N points, the exact denoiser at each: one call is the whole run."""
    levels = torch.tensor(problem.text["levels"], dtype=torch.float32, device=problem.device)
    following = torch.cat([levels[1:], torch.tensor([[1.0, 0.0]], device=problem.device)])
    law = (problem.means, problem.variances, problem.weights)
    start = problem.numbers("start.f32", "f", torch.float32).reshape(problem.n, problem.d)

    def step_of(function):
        def step(x, a, s, next_a, next_s):
            denoised = function(x, *law, a, s)[2]
            return next_a * denoised + next_s * ((x - a * denoised) / s)

        return step

    pairs = [(a, s, na, ns) for (a, s), (na, ns) in zip(levels.unbind(), following.unbind())]
    calls, failed = {}, {}
    for name, function in FORMULATIONS.items():
        def make(transform, function=function):
            step = transform(step_of(function))

            def run():
                x = start
                for level in pairs:
                    x = step(x, *level)
                return (x,)

            return run

        found, not_found = ways(name, make)
        calls.update(found)
        failed.update(not_found)
    return calls, failed


class Network(torch.nn.Module):
    """A perceptron told the level by Fourier features of ln(a^2/s^2), noise prediction."""

    def __init__(self, dimension, width, layers, waves=8):
        super().__init__()
        self.register_buffer("waves", 2.0 ** torch.arange(waves, dtype=torch.float32) / 8)
        sizes = [dimension + 2 * waves] + [width] * layers
        hidden = []
        for rows, columns in zip(sizes, sizes[1:]):
            hidden += [torch.nn.Linear(rows, columns), torch.nn.SiLU()]
        self.body = torch.nn.Sequential(*hidden, torch.nn.Linear(width, dimension))

    def forward(self, x, a, s):
        angle = 2 * torch.log(a / s) * self.waves
        return self.body(torch.cat([torch.sin(angle), torch.cos(angle), x], 1))


def adversarial(problem):
    """One training step: the loss of noise prediction, a perturbation by one signed-gradient step, the equivariance residual, Adam."""
    text = problem.text
    levels = torch.tensor(text["levels"], dtype=torch.float32, device=problem.device)
    batch, d, radius, weight = text["batch"], problem.d, 0.1, 1.0
    logits = torch.log(problem.weights).expand(batch, -1)

    def make(transform):
        torch.manual_seed(0)
        network = Network(d, text["width"], text["layers"]).to(problem.device)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, capturable=True)

        def residual(x, clean, shift, a, s):
            return network(x + s * shift, a, s) - clean - shift

        def losses(clean_data, noise, first, a, s):
            x = a * clean_data + s * noise
            predicted = network(x, a, s)
            shift = first.requires_grad_()
            inner = residual(x, predicted.detach(), shift, a, s).square().sum()
            (slope,) = torch.autograd.grad(inner, shift)
            shift = (first + radius * slope.sign()).clamp(-radius, radius).detach()
            denoising = (predicted - noise).square().sum(1).mean()
            return denoising + weight * residual(x, predicted, shift, a, s).square().sum(1).mean()

        losses_of = transform(losses)

        def step():
            which = (logits - torch.log(-torch.log(torch.rand_like(logits).clamp_min(1e-20)))).argmax(1)
            data = problem.means[which] + problem.variances[which, None].sqrt() * torch.randn(batch, d, device=problem.device)
            level = levels[torch.randint(len(levels), (batch,), device=problem.device)]
            noise = torch.randn(batch, d, device=problem.device)
            first = radius * (2 * torch.rand(batch, d, device=problem.device) - 1)
            optimizer.zero_grad(set_to_none=False)
            loss = losses_of(data, noise, first, level[:, :1], level[:, 1:])
            loss.backward()
            optimizer.step()
            return loss

        return step

    return ways("perceptron", make)


PARTS = {"mixture": mixture, "sampler": sampler, "adversarial": adversarial}


def setup():
    """No TF32: products in the format's precision."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")


def difference(found, exact):
    """The largest difference of any kind of number, relative to the largest of its kind, over the rows that `exact` has."""
    return max(float((f[: len(e)].double() - e).abs().max() / e.abs().max()) for f, e in zip(found, exact))
