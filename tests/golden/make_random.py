"""Writes random.txt: fingerprints of PyTorch's random numbers (Debian's python3-torch).

Run: /usr/bin/python3 tests/golden/make_random.py
One line a draw: kind, dtype, seed, count, FNV-1a of the values' bytes (of bf16 and f16: as f64), the first and the last value, and the first value of a rand(1, f64)
drawn next, which shows how many words the draw took. The C++ twin is tests/frontend/golden_random_test.cpp.
"""
import pathlib

import torch

HERE = pathlib.Path(__file__).resolve().parent
NAMES = {torch.float64: "f64", torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16", torch.int64: "i64"}
FLOATS = (torch.float32, torch.float64)
NARROW = (torch.bfloat16, torch.float16)


def fingerprint(tensor):
    value = 0xCBF29CE484222325
    if tensor.dtype in NARROW:
        tensor = tensor.double()
    for byte in tensor.contiguous().numpy().tobytes():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


KINDS = {
    "rand": (FLOATS + NARROW, lambda n, t: torch.rand(n, dtype=t)),
    "randn": (FLOATS + NARROW, lambda n, t: torch.randn(n, dtype=t)),
    "uniform": (FLOATS, lambda n, t: torch.empty(n, dtype=t).uniform_(-0.3, 1.7)),
    "normal": (FLOATS, lambda n, t: torch.empty(n, dtype=t).normal_(1.5, 0.25)),
    "uniform_inexact": (FLOATS + NARROW, lambda n, t: torch.empty(n, dtype=t).uniform_(-0.1, 0.37)),  # products and sums round
    "normal_inexact": (FLOATS + NARROW, lambda n, t: torch.empty(n, dtype=t).normal_(0.1, 0.37)),
    "bernoulli": (FLOATS, lambda n, t: torch.empty(n, dtype=t).bernoulli_(0.3)),
    "dropout": (FLOATS, lambda n, t: torch.nn.functional.dropout(torch.ones(n, dtype=t), 0.3)),
    **{f"dropout_{p}": (FLOATS, lambda n, t, p=p: torch.nn.functional.dropout(torch.ones(n, dtype=t), p))
       for p in (0.0, 0.05, 0.5, 0.9, 1.0)},
    "randint": ((torch.int64,), lambda n, t: torch.randint(-7, 1000, (n,))),
    "randperm": ((torch.int64,), lambda n, t: torch.randperm(n)),
}
with open(HERE / "random.txt", "w") as out:
    for kind, (dtypes, draw) in KINDS.items():
        for dtype in dtypes:
            for seed in (0, 1, 123456789):
                few = seed or kind.startswith("dropout_")
                for count in (1, 15, 16, 17, 33, 1000) if few else [*range(1, 41), 1000]:
                    torch.manual_seed(seed)
                    tensor = draw(count, dtype)
                    after = torch.rand(1, dtype=torch.float64).item()
                    out.write(f"{kind} {NAMES[dtype]} {seed} {count} {fingerprint(tensor)} {tensor[0].item()!r} {tensor[-1].item()!r} {after!r}\n")
