"""Writes printing.txt: what PyTorch (Debian's python3-torch) prints for tensors of every kind.

Run: /usr/bin/python3 tests/golden/make_printing.py
A case is two lines: `tensor` with dtype, rank, sizes and values, and `text` with the printout, newlines written as \\n. A line `options` with
precision, threshold, edgeitems, linewidth and sci_mode (-1: none) holds for the cases after it.
The C++ twin is tests/frontend/golden_printing_test.cpp.
"""
import pathlib

import torch

HERE = pathlib.Path(__file__).resolve().parent
NAMES = {torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16", torch.int64: "i64",
         torch.int32: "i32", torch.int16: "i16", torch.int8: "i8", torch.uint8: "u8", torch.bool: "bool"}
INF, NAN = float("inf"), float("nan")
torch.manual_seed(3)

ROWS = [[0.0], [-0.0], [1.0], [-1.0], [1.5], [INF], [-INF], [NAN], [1e-5], [1e-4], [9.9999e-5], [1e8], [1e8 + 8], [12345678.0], [1e10], [0.1],
        [0.0, 0.0], [0.0, 1e-5], [1.0, 1000.0], [1.0, 1001.0], [0.5, 500.0], [0.5, 500.5], [1.0, 2.0, 3.5], [INF, 1.0], [NAN, 1.5], [-INF, 1e-6],
        [INF, -INF, NAN], [1e-20, 1.0], [1e-38], [3e38], [123456.789, 1.0], [-0.5, 100.25], [99999.0, 100000.0], [0.00015, 0.1], [-1e-7, 3.0],
        [1.0, NAN, INF, -2.0], [2.0] * 30, [0.0] * 30, [1.25] * 12, [1000.5, 2.25, -3.125], [0.99995], [0.99994], [9.99995], [99999.5]]
tensors = [torch.tensor(row, dtype=dtype) for row in ROWS for dtype in (torch.float32, torch.float64)]
for dtype in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8):
    tensors += [torch.tensor(3, dtype=dtype), torch.tensor([1, 20, 100], dtype=dtype), torch.zeros(0, dtype=dtype),
                torch.arange(24).to(dtype).reshape(4, 6)]
tensors += [torch.tensor([-5, 3]), torch.tensor([-9223372036854775807, 0]), torch.tensor(True), torch.tensor([True, False]), torch.tensor([[False]]),
            torch.zeros(0), torch.zeros(0, 3), torch.zeros(2, 0), torch.zeros(0, dtype=torch.float64), torch.zeros(3, 0, 2, dtype=torch.int64),
            torch.zeros(0, dtype=torch.bool), torch.tensor(2.5), torch.tensor(2.0), torch.tensor(1e-7), torch.tensor(NAN),
            torch.tensor([0.1, 1.0], dtype=torch.float16), torch.tensor([0.1, 1.0], dtype=torch.bfloat16), torch.tensor([65504.0], dtype=torch.float16)]
for shape in [(1,), (7,), (20,), (3, 3), (2, 3, 4), (1, 1, 1), (2, 1, 2, 3), (3, 12), (2, 25), (1000,), (1001,), (40, 30), (2, 600), (600, 2),
              (8, 8, 20), (11, 11, 11), (1, 1, 1, 1, 5), (2, 3, 1), (7, 150)]:
    tensors.append(torch.randn(shape))
tensors += [torch.randn(5, 5, dtype=torch.float64), torch.randn(3, 4) * 1000, torch.randn(3, 4) * 1e-3, torch.randn(2, 2) * 1e6, torch.randn(4, 9) > 0,
            torch.randint(-1000, 1000, (5, 7)), torch.randint(0, 255, (40, 40), dtype=torch.uint8), torch.arange(2000), torch.arange(1500.0).reshape(3, 500),
            torch.ones(33, 33), torch.eye(4), torch.eye(4) - 0.5]



def write(out, tensor):
    values = [repr(v if isinstance(v, float) else int(v)) for v in tensor.flatten().tolist()]
    if tensor.numel() > 64 and tensor.is_floating_point():  # ours is the dtype's own number
        values = ["%.9g" % float(v) for v in values]
    out.write(" ".join(["tensor", NAMES[tensor.dtype], str(tensor.dim()), *map(str, tensor.shape), *values]) + "\n")
    out.write("text " + str(tensor).replace("\n", "\\n") + "\n")


DEFAULTS = dict(precision=4, threshold=1000, edgeitems=3, linewidth=80, sci_mode=None)
OPTIONS = [dict(precision=2), dict(precision=0), dict(precision=7), dict(threshold=10), dict(threshold=10, edgeitems=1), dict(linewidth=30),
           dict(sci_mode=True), dict(sci_mode=False), dict(precision=2, edgeitems=2), dict(threshold=2**62)]
shown = [torch.tensor([1e-5, 1.0, 123.0]), torch.tensor([1.0, 2.0, 30.0]), torch.tensor([0.0, INF, NAN]), torch.tensor(3.25), torch.arange(40) - 5,
         torch.randn(4, 5), torch.randn(3, 4, 7) * 100, torch.randn(2, 9) > 0, torch.arange(1200.0).reshape(12, 100) / 8, torch.zeros(30)]
with open(HERE / "printing.txt", "w") as out:
    for tensor in tensors:
        write(out, tensor)
    for options in OPTIONS:
        options = {**DEFAULTS, **options}
        torch.set_printoptions(**options)
        out.write("options " + " ".join("-1" if value is None else str(int(value)) for value in options.values()) + "\n")
        for tensor in shown:
            write(out, tensor)
print(len(tensors) + len(OPTIONS) * len(shown), "tensors")
