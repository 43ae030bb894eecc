"""Writes digits_losses.txt: the losses of 50 training steps on the digits, by PyTorch (Debian's python3-torch).

Run: /usr/bin/python3 tests/golden/make_digits_losses.py
One line a run: name, then the losses. The C++ twin is tests/frontend/digits_test.cpp.
"""
import pathlib

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

HERE = pathlib.Path(__file__).resolve().parent


def losses(dtype, dropout, make_optimizer):
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float32)
    rows = torch.from_numpy(np.load(HERE.parent / "data" / "digits.npy"))
    images = rows[:, :64].to(dtype).div(16).reshape(1797, 1, 8, 8)
    labels = rows[:, 64].long()
    layers = [nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
              nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()]
    layers += [nn.Dropout(0.25)] if dropout else []
    layers += [nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 10)]
    model = nn.Sequential(*layers).to(dtype)
    loader = DataLoader(TensorDataset(images, labels), batch_size=32, shuffle=True, drop_last=True)
    optimizer = make_optimizer(model.parameters())
    found = []
    for batch, target in loader:
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(batch), target)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
        if len(found) == 50:
            return found


RUNS = {
    "f64_sgd": (torch.float64, False, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True)),
    "f64_adamw": (torch.float64, False, lambda p: torch.optim.AdamW(p, lr=3e-3)),
    "f64_dropout": (torch.float64, True, lambda p: torch.optim.SGD(p, lr=0.1)),
    "f32_sgd": (torch.float32, False, lambda p: torch.optim.SGD(p, lr=0.05)),
    "f32_dropout": (torch.float32, True, lambda p: torch.optim.AdamW(p, lr=1e-3)),
}
with open(HERE / "digits_losses.txt", "w") as out:
    for name, (dtype, dropout, optimizer) in RUNS.items():
        out.write(name + " " + " ".join(repr(x) for x in losses(dtype, dropout, optimizer)) + "\n")
