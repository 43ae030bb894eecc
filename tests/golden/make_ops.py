"""Writes ops.txt, special_values.txt, optimizers.txt: values and gradients of ops by PyTorch (Debian's python3-torch).

Run: /usr/bin/python3 tests/golden/make_ops.py
A case is a line `case NAME` and one line a tensor: role (in, cotangent, out, grad), dtype, rank, sizes, values.
The C++ twins are tests/frontend/golden_ops_test.cpp and golden_optimizers_test.cpp.
"""
import math
import pathlib

import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).resolve().parent
torch.manual_seed(20)
torch.set_num_threads(1)
NAMES = {torch.float64: "f64", torch.float32: "f32", torch.int64: "i64", torch.bool: "bool"}


def line(role, tensor):
    tensor = tensor.detach()
    values = [repr(int(v)) if tensor.dtype in (torch.int64, torch.bool) else repr(float(v)) for v in tensor.flatten().tolist()]
    return " ".join([role, NAMES[tensor.dtype], str(tensor.dim()), *map(str, tensor.shape), *values])


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def positive(*shape):
    return torch.rand(*shape, dtype=torch.float64) + 0.25


def batch_norm(training):
    def run(x, weight, bias, mean, var):
        mean, var = mean.clone(), var.clone()
        y = F.batch_norm(x, mean, var, weight, bias, training, 0.1, 1e-5)
        return (y, mean, var)
    return run


CASES = {
    "add": (lambda a, b: a + b, [normal(2, 3, 4), normal(3, 1)]),
    "sub": (lambda a, b: a - b, [normal(3, 1), normal(1, 4)]),
    "mul": (lambda a, b: a * b, [normal(2, 1, 4), normal(5, 4)]),
    "div": (lambda a, b: a / b, [normal(2, 3), positive(3)]),
    "pow_scalar": (lambda a: a ** 3, [normal(7)]),
    "maximum": (torch.maximum, [normal(3, 4), normal(3, 4)]),
    "minimum": (torch.minimum, [normal(3, 4), normal(3, 4)]),
    **{name: (getattr(torch, name), [normal(3, 5)])
       for name in ("exp", "expm1", "sin", "cos", "tanh", "sigmoid", "relu", "erf", "abs", "neg")},
    **{name: (getattr(torch, name), [positive(3, 5)]) for name in ("log", "log1p", "sqrt", "rsqrt", "reciprocal")},
    "gelu": (F.gelu, [normal(4, 5)]),
    "gelu_tanh": (lambda x: F.gelu(x, approximate="tanh"), [normal(4, 5)]),
    "softmax_last": (lambda x: F.softmax(x, -1), [normal(3, 7)]),
    "softmax_first": (lambda x: F.softmax(x, 0), [normal(5, 2, 3)]),
    "log_softmax": (lambda x: F.log_softmax(x, 1), [normal(3, 19)]),
    "sum_all": (lambda x: x.sum(), [normal(4, 9)]),
    "sum_middle": (lambda x: x.sum(1), [normal(3, 4, 5)]),
    "sum_kept": (lambda x: x.sum((0, 2), True), [normal(3, 4, 5)]),
    "mean_outer": (lambda x: x.mean((0, 2)), [normal(3, 4, 5)]),
    "amax": (lambda x: x.amax(1), [normal(3, 6)]),
    "var": (lambda x: x.var(1), [normal(3, 6)]),
    "var_biased": (lambda x: x.var((0, 1), unbiased=False), [normal(3, 6)]),
    "matmul": (torch.matmul, [normal(3, 5), normal(5, 4)]),
    "matmul_dot": (torch.matmul, [normal(6), normal(6)]),
    "matmul_vector_right": (torch.matmul, [normal(3, 6), normal(6)]),
    "matmul_vector_left": (torch.matmul, [normal(6), normal(6, 3)]),
    "matmul_batched": (torch.matmul, [normal(2, 3, 4), normal(2, 4, 2)]),
    "matmul_broadcast": (torch.matmul, [normal(2, 1, 3, 4), normal(3, 4, 2)]),
    "matmul_shared": (torch.matmul, [normal(2, 3, 4), normal(4, 5)]),
    "linear": (F.linear, [normal(2, 3, 4), normal(5, 4), normal(5)]),
    "conv2d": (F.conv2d, [normal(2, 3, 5, 6), normal(4, 3, 3, 3), normal(4)]),
    "conv2d_stride_padding": (lambda x, w, b: F.conv2d(x, w, b, 2, 1), [normal(2, 2, 7, 6), normal(3, 2, 3, 3), normal(3)]),
    "conv2d_dilation": (lambda x, w, b: F.conv2d(x, w, b, 1, 2, 2), [normal(1, 2, 6, 6), normal(3, 2, 3, 3), normal(3)]),
    "conv2d_groups": (lambda x, w, b: F.conv2d(x, w, b, 1, 1, 1, 2), [normal(1, 4, 4, 5), normal(6, 2, 3, 3), normal(6)]),
    "conv2d_uneven": (lambda x, w, b: F.conv2d(x, w, b, (1, 2), (0, 2)), [normal(1, 2, 5, 7), normal(2, 2, 2, 4), normal(2)]),
    "conv2d_pointwise": (F.conv2d, [normal(2, 3, 3, 4), normal(5, 3, 1, 1), normal(5)]),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2), [normal(2, 2, 5, 6)]),
    "max_pool2d_overlap": (lambda x: F.max_pool2d(x, 3, 2, 1), [normal(1, 2, 6, 7)]),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 2), [normal(2, 2, 5, 6)]),
    "avg_pool2d_overlap": (lambda x: F.avg_pool2d(x, 3, 2, 1), [normal(1, 2, 6, 7)]),
    "batch_norm_train": (batch_norm(True), [normal(3, 2, 2, 3), normal(2), normal(2), normal(2), positive(2)]),
    "batch_norm_eval": (batch_norm(False), [normal(3, 2, 2, 3), normal(2), normal(2), normal(2), positive(2)]),
    "mse_mean": (F.mse_loss, [normal(3, 4), normal(3, 4)]),
    "mse_sum": (lambda a, b: F.mse_loss(a, b, reduction="sum"), [normal(3, 4), normal(3, 4)]),
    "cross_entropy": (F.cross_entropy, [normal(4, 5), torch.tensor([0, 4, 2, 2])]),
    "cross_entropy_sum": (lambda a, b: F.cross_entropy(a, b, reduction="sum"), [normal(4, 5), torch.tensor([1, 1, 3, 0])]),
    "cross_entropy_none": (lambda a, b: F.cross_entropy(a, b, reduction="none"), [normal(4, 5), torch.tensor([3, 0, 0, 4])]),
    "embedding": (lambda i, w: F.embedding(i, w), [torch.tensor([[1, 3], [1, 0]]), normal(5, 3)]),
    "cat": (lambda a, b: torch.cat([a, b, a], 1), [normal(2, 3), normal(2, 2)]),
    "stack": (lambda a, b: torch.stack([a, b], 1), [normal(2, 3), normal(2, 3)]),
    "gather": (lambda x, i: torch.gather(x, 1, i), [normal(3, 4), torch.tensor([[0, 0], [3, 1], [2, 2]])]),
    "scatter_add": (lambda x, i, u: x.scatter_add(1, i, u),
                    [normal(3, 4), torch.tensor([[0, 0], [3, 1], [2, 2]]), normal(3, 2)]),
    "index_select": (lambda x, i: torch.index_select(x, 1, i), [normal(3, 4), torch.tensor([3, 0, 3])]),
    "where": (lambda a, b: torch.where(a > b, a, b * 2), [normal(3, 4), normal(4)]),
    "views": (lambda x: x.permute(2, 0, 1)[1:].reshape(3, -1).t()[::2], [normal(3, 4, 4)]),
    "write_to_view": (lambda x, v: write_to_view(x, v), [normal(4, 3), normal(3)]),
}


def write_to_view(x, value):
    y = x * 2
    y[1].copy_(value)
    y[:, 1].mul_(3)
    return y


def write_ops():
    rows = []
    for name, (function, inputs) in CASES.items():
        leaves = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
        constant = {3, 4} if name.startswith("batch_norm") else set()  # running statistics
        for i in constant:
            leaves[i] = inputs[i].clone()
        outputs = function(*leaves)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        cotangent = torch.randn(outputs[0].shape, dtype=torch.float64)
        outputs[0].backward(cotangent)
        rows.append("case " + name)
        rows += [line("in", x) for x in inputs] + [line("cotangent", cotangent)] + [line("out", y) for y in outputs]
        rows += [line("grad", x.grad) for x in leaves if x.requires_grad]
    (HERE / "ops.txt").write_text("\n".join(rows) + "\n")


SPECIAL = [math.inf, -math.inf, math.nan, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -2.5, 1.5, 3.0, -3.0, 1e-3, -1e-3, 1e-8, -1e-8, 1e-20,
           -1e-20, 20.0, -20.0, 50.0, -50.0, 87.0, -87.0, 100.0, -100.0, 1e4, -1e4, 1e30, -1e30]
SPECIAL_ONLY = {torch.float32: [1.401298464324817e-45, -1.401298464324817e-45, 1.1754943508222875e-38, 3.4028234663852886e+38, 88.5],
                torch.float64: [5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e+308, 709.5, -745.0, -746.0]}
UNARY = ["exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "reciprocal", "tanh", "sigmoid", "relu", "erf", "abs", "neg", "sign", "floor",
         "ceil", "round", "trunc", "gelu"]


def write_special_values():
    rows = []
    for dtype, more in SPECIAL_ONLY.items():
        x = torch.tensor(SPECIAL + more, dtype=dtype)
        rows.append("case inputs_" + NAMES[dtype])
        rows.append(line("in", x))
        for name in UNARY:
            function = getattr(torch, name, None) or getattr(F, name)
            # One element at a time: torch's vector and scalar paths differ in the last bits, these are the scalar ones.
            rows.append("case " + name)
            rows.append(line("out", torch.stack([function(v) for v in x])))
    (HERE / "special_values.txt").write_text("\n".join(rows) + "\n")


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "sgd_momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "sgd_dampening": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.3),
    "sgd_decay": lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.05),
    "sgd_nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8, weight_decay=0.01, nesterov=True),
    "sgd_maximize": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, maximize=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adam_decay": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
    "adam_amsgrad": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "adamw_amsgrad": lambda p: torch.optim.AdamW(p, lr=0.02, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.2, amsgrad=True),
    "adamw_maximize": lambda p: torch.optim.AdamW(p, lr=0.01, maximize=True),
}


def write_optimizers():
    start, gradients = normal(3, 2), [normal(3, 2) * 10 ** (1 - k) for k in range(5)]
    rows = ["case inputs", line("in", start)] + [line("in", g) for g in gradients]
    for name, make in OPTIMIZERS.items():
        parameter = start.clone().requires_grad_()
        optimizer = make([parameter])
        rows.append("case " + name)
        for gradient in gradients:
            parameter.grad = gradient.clone()
            optimizer.step()
            rows.append(line("out", parameter))
    schedules = {"step_lr": lambda o: torch.optim.lr_scheduler.StepLR(o, 4, 0.5),
                 "cosine_annealing_lr": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10, 0.01)}
    for name, make in schedules.items():
        optimizer = torch.optim.SGD([start.clone().requires_grad_()], lr=0.3)
        schedule, rates = make(optimizer), []
        for _ in range(25):
            rates.append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
        rows += ["case " + name, line("out", torch.tensor(rates, dtype=torch.float64))]
    (HERE / "optimizers.txt").write_text("\n".join(rows) + "\n")


write_ops()
write_special_values()
write_optimizers()
