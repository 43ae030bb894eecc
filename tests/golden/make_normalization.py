"""Writes normalization.txt: batch_norm by PyTorch (Debian's python3-torch), forward, backward and running statistics.

Run: /usr/bin/python3 tests/golden/make_normalization.py
A case is a line `case NAME` and one line a tensor: role, dtype, rank, sizes, values. The name says the mode, the momentum (`none`: the
module's cumulative average) and what is there: `affine`, `plain` (no weight and bias), `untracked` (no running statistics). Two batches go
through each module; roles: in, cotangent, out and grad_in for each batch; grad_weight and grad_bias after all; mean, var, count at the end.
The C++ twin is tests/frontend/golden_normalization_test.cpp.
"""
import pathlib

import torch

HERE = pathlib.Path(__file__).resolve().parent
torch.manual_seed(21)
torch.set_num_threads(1)
NAMES = {torch.float64: "f64", torch.float32: "f32", torch.int64: "i64"}
SHAPES = [(2, 1, 1, 1), (3, 3, 2, 3), (1, 2, 3, 3), (3, 7, 1, 1)]


def line(role, tensor):
    tensor = tensor.detach()
    values = [repr(v) for v in tensor.flatten().tolist()]
    return " ".join([role, NAMES[tensor.dtype], str(tensor.dim()), *map(str, tensor.shape), *values])


def write(out, name, norm, shape, dtype, training):
    with torch.no_grad():
        if norm.affine:
            norm.weight.normal_()
            norm.bias.normal_()
        if norm.track_running_stats:
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
    out.write(f"case {name}\n")
    if norm.affine:
        out.write(line("weight", norm.weight) + "\n" + line("bias", norm.bias) + "\n")
    if norm.track_running_stats:
        out.write(line("first_mean", norm.running_mean) + "\n" + line("first_var", norm.running_var) + "\n")
    norm.train(training)
    for _ in range(2):
        x = (torch.randn(shape, dtype=dtype) * 2 + 1).requires_grad_()
        cotangent = torch.randn(shape, dtype=dtype)
        y = norm(x)
        y.backward(cotangent)
        for role, tensor in (("in", x), ("cotangent", cotangent), ("out", y), ("grad_in", x.grad)):
            out.write(line(role, tensor) + "\n")
    if norm.affine:
        out.write(line("grad_weight", norm.weight.grad) + "\n" + line("grad_bias", norm.bias.grad) + "\n")
    if norm.track_running_stats:
        for role, tensor in (("mean", norm.running_mean), ("var", norm.running_var), ("count", norm.num_batches_tracked)):
            out.write(line(role, tensor) + "\n")


with open(HERE / "normalization.txt", "w") as out:
    for shape in SHAPES:
        for dtype in (torch.float64, torch.float32):
            for training in (True, False):
                for momentum in (0.1, 1.0, None):
                    for kind in ("affine", "plain", "untracked"):
                        if dtype == torch.float32 and (kind != "affine" or momentum == 1.0) or kind == "untracked" and momentum != 0.1:
                            continue
                        if momentum is None and not training:
                            continue
                        norm = torch.nn.BatchNorm2d(shape[1], eps=1e-5 if momentum else 1e-3, momentum=momentum,
                                                    affine=kind != "plain", track_running_stats=kind != "untracked", dtype=dtype)
                        name = "_".join(["train" if training else "eval", str(momentum).lower(), kind, NAMES[dtype],
                                         *map(str, shape)])
                        write(out, name, norm, shape, dtype, training)
