"""Writes draw_views.txt: draws into views by PyTorch (Debian's python3-torch): a base of zeros afterwards, and the next number.

Run: /usr/bin/python3 tests/golden/make_draw_views.py
A case is a line `case FILL:VIEW`, then `out` and `next`: dtype, rank, sizes, values. The C++ twin: tests/frontend/draws_test.cpp.
"""
import pathlib

import torch

HERE = pathlib.Path(__file__).resolve().parent
FILLS = {"uniform": lambda t: t.uniform_(), "normal": lambda t: t.normal_(), "bernoulli": lambda t: t.bernoulli_(),
         "random": lambda t: t.random_(0, 1000)}
VIEWS = {"turned": lambda t: t.transpose(0, 1), "permuted": lambda t: t.permute(2, 0, 1), "rows": lambda t: t[0:5:2],
         "some_rows": lambda t: t[1:4], "columns": lambda t: t[:, :, 0:4:2],
         "turned_columns": lambda t: t[:, :, 1:4:2].transpose(0, 2), "plane": lambda t: t[:, 1],
         "few": lambda t: t[0:1].transpose(1, 2)}


def line(role, tensor):
    return " ".join([role, "f64", str(tensor.dim()), *map(str, tensor.shape), *(repr(v) for v in tensor.flatten().tolist())])


rows = []
for fill, draw in FILLS.items():
    for view, look in VIEWS.items():
        torch.manual_seed(3)
        base = torch.zeros(5, 3, 4, dtype=torch.float64)
        draw(look(base))
        rows += [f"case {fill}:{view}", line("out", base), line("next", torch.rand(1, dtype=torch.float64))]
(HERE / "draw_views.txt").write_text("\n".join(rows) + "\n")
