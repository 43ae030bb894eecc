"""Writes dtypes.txt: dtypes, values and errors of PyTorch's operations on booleans, whole numbers and mixed dtypes (Debian's
python3-torch).

Run: /usr/bin/python3 tests/golden/make_dtypes.py
A line is `NAME -> DTYPE [SIZES] VALUES` or `NAME ! TEXT`. The C++ twin: tests/frontend/golden_dtypes_test.cpp.
"""
import pathlib
import warnings

import torch

warnings.simplefilter("ignore")
HERE = pathlib.Path(__file__).resolve().parent
nan, inf = float("nan"), float("inf")


def of(dtype):
    return lambda *values: torch.tensor(values, dtype=dtype)


B, U, J, I = of(torch.bool), of(torch.uint8), of(torch.int32), of(torch.int64)
H, E, X, D = of(torch.float16), of(torch.bfloat16), of(torch.float32), of(torch.float64)
CASES = {
    "bb_add": lambda: B(True, False) + B(True, False),
    "bb_mul": lambda: B(True, False) * B(True, True),
    "bn_add": lambda: B(True, False) + True,
    "bi_add": lambda: B(True, False) + 1,
    "bf_add": lambda: B(True, False) + 1.5,
    "b_div": lambda: B(True, False) / B(True, True),
    "i_div": lambda: I(7, -7) / I(2, 2),
    "i_div0": lambda: I(7, -7) / I(0, 0),
    "pow_ii": lambda: I(3, -2).pow(2),
    "pow_if": lambda: I(3, 2).pow(0.5),
    "pow_it": lambda: I(3, 2).pow(I(2, 3)),
    "pow_xf": lambda: X(-8, 4).pow(0.5),
    "pow_x0": lambda: X(0, nan).pow(0),
    "pow_xm1": lambda: X(0, -4).pow(-1),
    "pow_x3": lambda: X(-2, 3).pow(3),
    "pow_u": lambda: U(20, 3).pow(2),
    "pow_b": lambda: B(True, False).pow(2),
    "pow_xt": lambda: X(2, 3).pow(I(3, 2)),
    "pow_big": lambda: I(10).pow(18),
    "pow_neg1": lambda: I(1).pow(-1),
    "u_sub": lambda: U(1, 2) - U(3, 1),
    "u_neg": lambda: -U(1, 2),
    "u_mul": lambda: U(200, 2) * U(2, 2),
    "i32_over": lambda: J(2147483647) + 1,
    "u_num": lambda: U(250) + 10,
    "u_negnum": lambda: U(5) + (-10),
    "u_flt": lambda: U(5) * 0.5,
    "hx": lambda: H(1, 2) + X(1, 2),
    "he": lambda: H(1, 2) + E(1, 2),
    "xd0": lambda: X(1, 2) + torch.tensor(1., dtype=torch.float64),
    "ix0": lambda: I(1, 2) + torch.tensor(1.5),
    "ih0": lambda: I(1, 2) * torch.tensor(1.5, dtype=torch.float16),
    "ju": lambda: J(1) + U(2),
    "bu": lambda: B(True) + U(2),
    "exp_i": lambda: I(0, 1).exp(),
    "sqrt_b": lambda: B(True, False).sqrt(),
    "abs_b": lambda: B(True).abs(),
    "abs_i": lambda: I(-3).abs(),
    "sign_b": lambda: B(True, False).sign(),
    "floor_i": lambda: I(3).floor(),
    "round_i": lambda: I(3).round(),
    "round": lambda: X(0.5, 1.5, 2.5, -0.5, -1.5).round(),
    "trunc": lambda: X(-1.7, 1.7).trunc(),
    "sign_nan": lambda: X(nan, -0.0, -3).sign(),
    "relu_nan": lambda: X(nan, -1).relu(),
    "relu_i": lambda: I(-1, 2).relu(),
    "relu_b": lambda: B(True).relu(),
    "recip_i": lambda: I(2, 4).reciprocal(),
    "erf_i": lambda: I(1).erf(),
    "sigmoid_i": lambda: I(1).sigmoid(),
    "log_neg": lambda: X(-1, 0).log(),
    "neg_b": lambda: -B(True),
    "ceil_b": lambda: B(True).ceil(),
    "trunc_b": lambda: B(True).trunc(),
    "sum_b": lambda: B(True, True).sum(),
    "sum_j": lambda: J(1, 2).sum(),
    "sum_u": lambda: U(200, 100).sum(),
    "sum_h": lambda: H(1, 2).sum(),
    "max_nan": lambda: X(1, nan, 3).max(),
    "amax_b": lambda: B(True, False).amax(0),
    "max_b": lambda: B(True, False).max(),
    "argmax_nan": lambda: X(1, nan, 3, nan).argmax(0),
    "argmax_b": lambda: B(False, True).argmax(0),
    "argmax_ties": lambda: X(1, 3, 3).argmax(0),
    "mean_h": lambda: H(1, 2).mean(),
    "var_i": lambda: I(1, 2).var(0),
    "sum_empty": lambda: torch.ones(0).sum(),
    "mean_empty": lambda: torch.ones(0).mean(),
    "sum_dims_empty": lambda: torch.ones(2, 0).sum(1),
    "max_i": lambda: I(3, 1).max(),
    "maximum_nan": lambda: torch.maximum(X(1, nan), X(nan, 2)),
    "maximum_if": lambda: torch.maximum(I(1, 2), X(1.5, 1)),
    "maximum_b": lambda: torch.maximum(B(True, False), B(False, False)),
    "where_p": lambda: torch.where(B(True, False), I(1, 2), X(1.5, 2.5)),
    "where_num": lambda: torch.where(B(True, False), I(1, 2), 0),
    "where_i": lambda: torch.where(I(1, 0), X(1, 1), X(2, 2)),
    "cat_p": lambda: torch.cat([I(1), X(2.5)]),
    "cat_bi": lambda: torch.cat([B(True), I(5)]),
    "stack_p": lambda: torch.stack([I(1), X(2.5)]),
    "cat_legacy": lambda: torch.cat([torch.ones(0), torch.ones(2, 2)]),
    "eq_if": lambda: I(1, 2) == X(1, 2.5),
    "lt_b": lambda: B(True, False) < B(True, True),
    "eq_big": lambda: I(2**53 + 1) == 2**53,
    "eq_bigf": lambda: I(2**53 + 1) == float(2**53),
    "lt_u": lambda: U(5) < -1,
    "gt_u": lambda: U(5) < 300,
    "nan_ne": lambda: X(nan) != X(nan),
    "to_i": lambda: X(1.9, -1.9, 3e9).to(torch.int64),
    "to_b": lambda: X(0, nan, -0.0, 0.1).to(torch.bool),
    "to_u": lambda: X(255, 256.5).to(torch.uint8),
    "i_to_u": lambda: I(256, -1).to(torch.uint8),
    "to_h": lambda: X(70000, 1e-8).to(torch.float16),
    "to_e": lambda: X(1.00390625, 3.4e38).to(torch.bfloat16),
    "d_to_x": lambda: D(1e300).to(torch.float32),
    "i_to_x": lambda: I(2**24 + 1).to(torch.float32),
    "i_to_j": lambda: I(2**31).to(torch.int32),
    "full_b": lambda: torch.full((2, ), 1.0, dtype=torch.bool),
    "full_u": lambda: torch.full((2, ), 7.9, dtype=torch.int64),
    "zeros_like_b": lambda: torch.zeros_like(B(True)),
    "i_mul_": lambda: I(1).mul_(2.5),
    "i_div_": lambda: I(4).div_(2),
    "b_add_": lambda: B(True).add_(1),
    "b_add_b": lambda: B(True, False).add_(B(True, True)),
    "h_add_": lambda: H(1).add_(X(0.5)),
    "u_add_": lambda: U(250).add_(10),
    "x_add_d": lambda: X(1).add_(D(0.1)),
    "b_mul_": lambda: B(True, False).mul_(B(True, True)),
    "i_fill": lambda: I(1, 2).fill_(2.7),
    "b_fill": lambda: B(False).fill_(0.5),
    "i_copy": lambda: I(1, 2).copy_(X(2.7, -2.7)),
    "mm_empty": lambda: torch.matmul(torch.ones(2, 0), torch.ones(0, 3)),
    "isel_2d": lambda: torch.index_select(X(1, 2), 0, I(1, 0).reshape(1, 2)),
    "gather_j": lambda: torch.gather(X(1, 2), 0, J(1, 0)),
    "scatter_add": lambda: X(1, 2, 3).scatter_add(0, I(0, 0, 2), X(5, 6, 7)),
    "mulinf": lambda: X(0, 1) * inf,
    "div0": lambda: X(1, -1, 0) / 0,
    "iadd_f": lambda: I(1) + 2.0,
    "isub_b": lambda: I(1) - True,
    "bsub_n": lambda: B(True) - 1,
    "rsub": lambda: 5 - U(7),
    "rdiv": lambda: 1 / I(4),
    "hmul": lambda: H(1000) * 100,
    "index_select_i32": lambda: torch.index_select(X(1, 2), 0, J(1, 0)),
    "index_select_u8": lambda: torch.index_select(I(1, 2), 0, U(1)),
    "pow_bb": lambda: B(True).pow(B(True)),
    "pow_negative_exponents": lambda: I(2, 1, -1, -1, 0, 5).pow(I(-1, -3, -3, -2, -1, 0)),
    "pow_0": lambda: I(0, 2).pow(0),
    "pow_wraps_i32": lambda: J(3).pow(31),
    "pow_wraps": lambda: I(3).pow(64),
    "pow_uu": lambda: U(3).pow(U(7)),
    "pow_far": lambda: I(3, -3, 2).pow(I(100, 101, 70)),
    "pow_i_2f": lambda: I(3).pow(2.0),
    "sub_b_": lambda: B(True).sub_(B(True)),
    "div_b_": lambda: B(True).div_(B(True)),
    "mul_b_i": lambda: B(True).mul_(2),
    "relu_i_": lambda: I(-1).relu_(),
    "maximum_bi": lambda: torch.maximum(B(True), I(3)),
    "minimum_b": lambda: torch.minimum(B(True, True), B(False, True)),
    "cat_nothing": lambda: torch.cat([torch.ones(0), torch.ones(0)]),
    "cat_beside": lambda: torch.cat([torch.ones(0, dtype=torch.float64), torch.ones(2, 2)], 1),
    "full_half_b": lambda: torch.full((1, ), 0.5, dtype=torch.bool),
    "floor_b": lambda: B(True).floor(),
    "round_b": lambda: B(True).round(),
    "linear_of_scalar": lambda: torch.nn.functional.linear(torch.tensor(1.0), torch.ones(2, 1)),
    "amax_of_none": lambda: torch.ones(0, 3).amax(0),
}


def text(value):
    return "nan" if value != value else f"{value:.9g}" if isinstance(value, float) else str(int(value))


with open(HERE / "dtypes.txt", "w") as out:
    for name, case in CASES.items():
        try:
            found = case()
            values = " ".join(map(text, found.flatten().tolist()))
            out.write(f"{name} -> {found.dtype} {list(found.shape)} {values}\n")
        except (RuntimeError, IndexError) as error:
            out.write(f"{name} ! {str(error).splitlines()[0]}\n")
