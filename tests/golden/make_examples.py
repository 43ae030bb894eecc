"""Writes examples/NAME.txt: what the Python twin of each program of frontend/examples prints (torch 1.13, CPU).

Run: python3 make_examples.py, in this folder. Each twin is PyTorch's introductory program with a seed.
"""

import contextlib
import io
import os
import tempfile

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


def tensor_creation():
    x = torch.randn(2, 3)
    y = torch.ones(2, 3)
    z = x + y
    w = torch.matmul(z, z.T)
    print("x:", x)
    print("w shape:", w.shape)
    print("w:", w)


def autograd():
    x = torch.randn(5, requires_grad=True)
    y = (x * x).sum()
    y.backward()
    print("x:", x)
    print("grad:", x.grad)


def training_loop():
    x = torch.randn(256, 1)
    y = 2.0 * x + 1.0 + 0.1 * torch.randn_like(x)
    loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
    model = nn.Sequential(nn.Linear(1, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_fn = nn.MSELoss()
    model.train()
    for _epoch in range(3):
        for xb, yb in loader:
            loss = loss_fn(model(xb), yb)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        print("pred:", model(torch.tensor([[0.0], [1.0]])).squeeze(-1))


def checkpoint():
    model = nn.Linear(4, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    x = torch.randn(8, 4)
    y = model(x).sum()
    optimizer.zero_grad(set_to_none=True)
    y.backward()
    optimizer.step()
    path = os.path.join(tempfile.mkdtemp(), "checkpoint.pt")
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
    model2 = nn.Linear(4, 2)
    optimizer2 = torch.optim.AdamW(model2.parameters(), lr=1e-3)
    saved = torch.load(path, map_location="cpu")
    model2.load_state_dict(saved["model"])
    optimizer2.load_state_dict(saved["optimizer"])
    print("restored ok:", torch.equal(model.weight, model2.weight) and torch.equal(model.bias, model2.bias))
    print("weight:", model2.weight.detach())


def trace():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    model.eval()
    example = torch.randn(1, 3)
    traced = torch.jit.trace(model, example)
    with torch.no_grad():
        print("output:", traced(example))
        print("max diff:", (model(example) - traced(example)).abs().max())


def data_loader():
    dataset = TensorDataset(torch.randn(10_000, 64), torch.randn(10_000, 1))
    for workers in (4, 2):
        for xb, yb in DataLoader(dataset, batch_size=128, num_workers=workers):
            print("batch:", xb.shape, yb.shape, "mean:", xb.mean() + yb.mean())
            break


def gradient_after_two_steps(clears):
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(4, 3)
    for _ in range(2):
        if clears:
            opt.zero_grad(set_to_none=True)
        loss = model(x).sum()
        loss.backward()
        opt.step()
    return model.weight.grad


def accumulated_gradients():
    print("without zero_grad:", gradient_after_two_steps(False))
    print("with zero_grad:", gradient_after_two_steps(True))


def reading_values():
    x = torch.randn(3, requires_grad=True)
    y = (x * 2).sum()
    y.backward()
    try:
        x.numpy()
    except RuntimeError as error:
        print(error)
    print(*("%g" % value for value in x.detach().cpu().numpy()))


def module_state():
    model = nn.Linear(2, 2)
    path = os.path.join(tempfile.mkdtemp(), "state.pt")
    torch.save(model.state_dict(), path)
    model2 = nn.Linear(2, 2)
    model2.load_state_dict(torch.load(path, map_location="cpu"))
    print("weight:", model2.weight.detach())
    print("bias:", model2.bias.detach())


PROGRAMS = [
    accumulated_gradients,
    autograd,
    checkpoint,
    data_loader,
    module_state,
    reading_values,
    tensor_creation,
    trace,
    training_loop,
]

for program in PROGRAMS:
    printed = io.StringIO()
    torch.manual_seed(0)
    with contextlib.redirect_stdout(printed):
        program()
    with open("examples/%s.txt" % program.__name__, "w") as file:
        file.write(printed.getvalue())
