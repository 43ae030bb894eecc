"""Writes options.txt: losses, pooling, convolution and padding by PyTorch (Debian's python3-torch) under their options.

Run: /usr/bin/python3 tests/golden/make_options.py
A case is a line `case KIND:OPTION=VALUE,…` and one line a tensor: role (in, cotangent, out, grad), dtype, rank, sizes, values.
The C++ twin is tests/frontend/golden_options_test.cpp.
"""
import itertools
import pathlib

import torch
import torch.nn.functional as F
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
torch.manual_seed(22)
torch.set_num_threads(1)
NAMES = {torch.float64: "f64", torch.int64: "i64"}


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def line(role, tensor):
    tensor = tensor.detach()
    values = [repr(v) for v in tensor.flatten().tolist()]
    return " ".join([role, NAMES[tensor.dtype], str(tensor.dim()), *map(str, tensor.shape), *values])


def cross_entropy(x, target, weight, ignore, reduction, smoothing):
    classes = x.size(0 if x.dim() == 1 else 1)
    factors = torch.linspace(0.5, 2, classes, dtype=torch.float64) if weight else None
    return F.cross_entropy(x, target, factors, ignore_index=ignore, reduction=reduction, label_smoothing=smoothing)


def cases():
    for shape, labels in (((5,), torch.tensor(3)), ((4, 5), torch.tensor([3, 0, 0, 4])),
                          ((2, 3, 2, 2), torch.tensor([[[0, 2], [1, 1]], [[2, 2], [0, 1]]]))):
        for weight, ignore, reduction, smoothing in itertools.product((0, 1), (-100, 0), ("mean", "sum", "none"), (0.0, 0.3)):
            if labels.dim() == 0 and reduction != "mean":
                continue
            options = dict(weight=weight, ignore=ignore, reduction=reduction, smoothing=smoothing)
            yield "cross_entropy", options, lambda x, t, o=options: cross_entropy(x, t, **o), [normal(*shape), labels]
        for weight, reduction, smoothing in itertools.product((0, 1), ("mean", "sum", "none"), (0.0, 0.3)):
            if labels.dim() == 0 and reduction != "mean":
                continue
            options = dict(weight=weight, ignore=-100, reduction=reduction, smoothing=smoothing)
            shares = normal(*shape).softmax(0 if len(shape) == 1 else 1)
            yield "cross_entropy", options, lambda x, t, o=options: cross_entropy(x, t, **o), [normal(*shape), shares]
    labels = torch.tensor([-100, 2, -100, 1])  # the default label to ignore
    yield "cross_entropy", dict(weight=0, ignore=-100, reduction="mean", smoothing=0.0), \
        lambda x, t: F.cross_entropy(x, t), [normal(4, 5), labels]
    for kernel, stride, padding, ceil in itertools.product((2, 3), (1, 3), (0, 1), (0, 1)):
        options = dict(kernel=kernel, stride=stride, padding=padding, ceil=ceil)
        yield "max_pool", options, lambda x, k=kernel, s=stride, p=padding, c=ceil: F.max_pool2d(x, k, s, p, 1, bool(c)), [normal(1, 2, 6, 5)]
        for include, divisor in ((1, 0), (0, 0), (1, 5)):
            yield "avg_pool", dict(options, include=include, divisor=divisor), \
                lambda x, k=kernel, s=stride, p=padding, c=ceil, i=include, d=divisor: \
                F.avg_pool2d(x, k, s, p, bool(c), bool(i), d or None), [normal(2, 6, 5)]
    for mode, padding, stride, dilation, groups in (
            ("zeros", "same", 1, 1, 1), ("zeros", "same", 1, 2, 1), ("zeros", "valid", 2, 1, 2), ("zeros", 1, 2, 2, 2),
            ("reflect", 1, 1, 1, 1), ("replicate", 2, 2, 1, 1), ("circular", 2, 1, 1, 2), ("circular", "same", 1, 1, 1)):
        conv = nn.Conv2d(2, 4, (3, 2), stride, padding, dilation, groups, padding_mode=mode, dtype=torch.float64)
        options = dict(mode=mode, padding=padding, stride=stride, dilation=dilation, groups=groups)

        def run(x, weight, bias, conv=conv):
            return torch.nn.utils.stateless.functional_call(conv, {"weight": weight, "bias": bias}, (x,))
        yield "conv", options, run, [normal(1, 2, 5, 4), conv.weight.detach(), conv.bias.detach()]
    for mode, borders in (("constant", (1, 2)), ("constant", (1, -1, -2, 3)), ("reflect", (2, 1, 1, 2)), ("replicate", (3, 0, 0, 4)),
                          ("circular", (3, 1, 2, 4))):
        yield "pad", dict(mode=mode, **{f"b{i}": b for i, b in enumerate(borders)}), \
            lambda x, m=mode, b=borders: F.pad(x, b, m, 0.5 if m == "constant" else 0), [normal(1, 2, 4, 3)]
    for kernel, stride, padding, dilation, ceil in ((2, 1, 0, 1, 0), (2, 2, 0, 2, 0), (3, 1, 1, 2, 0), (3, 2, 1, 2, 1), (2, 3, 1, 3, 1),
                                                    (3, 3, 1, 1, 1)):
        def values_by_place(x, k=kernel, s=stride, p=padding, d=dilation, c=ceil):
            values, places = F.max_pool2d(x, k, s, p, d, bool(c), return_indices=True)
            return values * (places.double() + 1)
        options = dict(kernel=kernel, stride=stride, padding=padding, dilation=dilation, ceil=ceil)
        yield "max_pool_places", options, values_by_place, [normal(2, 2, 8, 7)]


rows = []
for kind, options, function, inputs in cases():
    leaves = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    out = function(*leaves)
    cotangent = torch.randn(out.shape, dtype=torch.float64)
    out.backward(cotangent)
    rows.append(f"case {kind}:" + ",".join(f"{name}={value}" for name, value in options.items()))
    rows += [line("in", x) for x in inputs] + [line("cotangent", cotangent), line("out", out)]
    rows += [line("grad", x.grad) for x in leaves if x.requires_grad]
(HERE / "options.txt").write_text("\n".join(rows) + "\n")
