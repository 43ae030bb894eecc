"""Writes gradients.txt: gradients of PyTorch's functions at points that are special to them (Debian's python3-torch).

Run: /usr/bin/python3 tests/golden/make_gradients.py
A line is `NAME VALUES`, the gradients of all inputs. The C++ twin: tests/frontend/golden_gradients_test.cpp.
"""
import pathlib

import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).resolve().parent
nan, inf = float("nan"), float("inf")


def X(*values):
    return torch.tensor(values)


def g(function, *inputs):
    inputs = [x.requires_grad_() for x in inputs]
    y = function(*inputs)
    y.backward(torch.ones_like(y))
    return torch.cat([x.grad.flatten() for x in inputs])


CASES = {
    "abs0": lambda: g(torch.abs, X(0.0, -2.0, 3.0)),
    "relu0": lambda: g(torch.relu, X(0.0, -2.0, nan)),
    "sqrt0": lambda: g(torch.sqrt, X(0.0, 4.0)),
    "max_ties": lambda: g(lambda x: x.max(), X(3.0, 1.0, 3.0)),
    "amax_ties": lambda: g(lambda x: x.amax(0), X(3.0, 1.0, 3.0)),
    "maximum_ties": lambda: g(torch.maximum, X(3.0, 1.0), X(3.0, 2.0)),
    "pow0": lambda: g(lambda x: x.pow(0), X(0.0, 2.0)),
    "pow_neg": lambda: g(lambda x: x.pow(-1), X(0.0, 2.0)),
    "pow_half0": lambda: g(lambda x: x.pow(0.5), X(0.0, 4.0)),
    "pow_tt": lambda: g(lambda x, y: x.pow(y), X(0.0, 2.0, -2.0, 0.0), X(0.0, 3.0, 2.0, 2.0)),
    "log0": lambda: g(torch.log, X(0.0, 1.0)),
    "div0": lambda: g(lambda x, y: x / y, X(1.0, 0.0), X(0.0, 0.0)),
    "ce_smooth_grad": lambda: g(lambda x: F.cross_entropy(x.reshape(2, 2), torch.tensor([0, 1]), label_smoothing=0.1), X(1.0, 2.0, 3.0, 4.0)),
    "ce_ign_grad": lambda: g(lambda x: F.cross_entropy(x.reshape(2, 2), torch.tensor([0, 1]), ignore_index=1), X(1.0, 2.0, 3.0, 4.0)),
    "var1": lambda: g(lambda x: x.var(), X(1.0, 2.0, 4.0)),
    "std_zero": lambda: g(lambda x: x.var().sqrt(), X(1.0, 1.0)),
    "mean_grad": lambda: g(lambda x: x.mean(0), torch.ones(2, 2)),
    "where_grad": lambda: g(lambda x: torch.where(x > 0, x, x * 0.1), X(1.0, -1.0, 0.0)),
    "where_nan_grad": lambda: g(lambda x: torch.where(x > 0, x.sqrt(), x), X(-1.0, 0.0)),
    "cat_grad": lambda: g(lambda x, y: torch.cat([x, y]) * X(1.0, 2.0, 3.0), X(1.0), X(2.0, 3.0)),
    "index_dup_grad": lambda: g(lambda x: x.index_select(0, torch.tensor([0, 0, 1])), X(1.0, 2.0)),
    "expand_grad": lambda: g(lambda x: x.expand(3, 2) * 2, X(1.0, 2.0)),
    "mm_grad": lambda: g(lambda x, y: x.reshape(1, 2) @ y.reshape(2, 1), X(1.0, 2.0), X(3.0, 4.0)),
    "clone_grad": lambda: g(lambda x: x.clone() * x, X(1.0, 2.0)),
    "maxpool_ties": lambda: g(lambda x: F.max_pool2d(x.reshape(1, 1, 2, 2), 2), X(1.0, 1.0, 1.0, 1.0)),
    "round_grad": lambda: g(torch.round, X(1.4, 2.5)),
    "sign_grad": lambda: g(torch.sign, X(1.4, -2.5)),
    "erf_grad": lambda: g(torch.erf, X(0.5, 30.0)),
    "log1p_grad": lambda: g(torch.log1p, X(-1.0, 0.0)),
    "rsqrt0": lambda: g(torch.rsqrt, X(0.0, 4.0)),
    "exp_big": lambda: g(torch.exp, X(100.0, -200.0)),
}
with open(HERE / "gradients.txt", "w") as out:
    for name, case in CASES.items():
        out.write(" ".join([name, *("nan" if v != v else f"{v:.5g}" for v in case().tolist())]) + "\n")
