"""Writes schedules.txt: learning rates by PyTorch's schedulers (Debian's python3-torch) through one course of events.

Run: /usr/bin/python3 tests/golden/make_schedules.py
A case is a line `case NAME`, then one line `out f64 2 N 3 …`: after each event the group's rate, get_last_lr and last_epoch.
The C++ twin is tests/frontend/scheduler_test.cpp.
"""
import pathlib
import warnings

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, StepLR

HERE = pathlib.Path(__file__).resolve().parent
warnings.simplefilter("ignore")  # the schedulers step without their optimizer here


def course(make):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.3)
    schedule, rows = make(optimizer), []

    def note():
        rows.append([optimizer.param_groups[0]["lr"], schedule.get_last_lr()[0], schedule.last_epoch])

    def steps(count):
        for _ in range(count):
            schedule.step()
            note()

    note()
    steps(3)
    optimizer.param_groups[0]["lr"] = 0.7  # set by hand
    note()
    steps(2)
    saved = schedule.state_dict()
    schedule = make(optimizer)  # another one on the same groups
    note()
    steps(2)
    schedule.load_state_dict(saved)
    note()
    steps(5)
    schedule = make(optimizer, last_epoch=2)  # taken up
    note()
    steps(8)
    return rows


CASES = {"step": lambda o, **k: StepLR(o, 2, 0.5, **k), "every_step": lambda o, **k: StepLR(o, 1, 1.25, **k),
         "cosine": lambda o, **k: CosineAnnealingLR(o, 3, 0.01, **k), "short_cosine": lambda o, **k: CosineAnnealingLR(o, 1, **k)}

lines = []
for name, make in CASES.items():
    rows = course(make)
    lines += ["case " + name, " ".join(["out f64 2", str(len(rows)), "3", *(repr(float(v)) for row in rows for v in row)])]
(HERE / "schedules.txt").write_text("\n".join(lines) + "\n")
