"""Writes loaders.txt: in which batches PyTorch's DataLoader gives ten samples, and what generators give afterwards (Debian's
python3-torch).

Run: /usr/bin/python3 tests/golden/make_loaders.py
A case is a line `case NAME`; a line `epoch` for each pass, its batches of comma-separated samples; and `next`: random_() of the default
generator, then of the generator that the case has, else 0. The C++ twin: tests/frontend/loader_test.cpp.
"""
import pathlib

import torch
from torch.utils.data import (BatchSampler, DataLoader, RandomSampler, SequentialSampler, SubsetRandomSampler, TensorDataset,
                              WeightedRandomSampler)

HERE = pathlib.Path(__file__).resolve().parent
DATA = TensorDataset(torch.arange(10))
WEIGHTS = [0.1, 0.9, 0.4, 0.7, 3.0, 0.6, 0.0, 0.2, 1.5, 0.05]
CASES = {
    "plain": lambda g: DataLoader(DATA, batch_size=4),
    "shuffle": lambda g: DataLoader(DATA, batch_size=4, shuffle=True),
    "shuffle_drop_last": lambda g: DataLoader(DATA, batch_size=4, shuffle=True, drop_last=True),
    "shuffle_one_by_one": lambda g: DataLoader(DATA, batch_size=None, shuffle=True),
    "generator": lambda g: DataLoader(DATA, batch_size=3, shuffle=True, generator=g),
    "generator_even": lambda g: DataLoader(DATA, batch_size=5, shuffle=True, generator=g),
    "generator_drop_last": lambda g: DataLoader(DATA, batch_size=3, shuffle=True, drop_last=True, generator=g),
    "generator_left": lambda g: DataLoader(DATA, batch_size=5, shuffle=True, generator=g),
    "generator_plain": lambda g: DataLoader(DATA, batch_size=5, generator=g),
    "list": lambda g: DataLoader(DATA, batch_size=2, sampler=[7, 1, -1, 3, 3]),
    "list_of_batches": lambda g: DataLoader(DATA, batch_sampler=[[3, 1], [5], [9, 9, 0]]),
    "replacement": lambda g: DataLoader(DATA, batch_size=8, sampler=RandomSampler(DATA, replacement=True, num_samples=70)),
    "replacement_generator": lambda g: DataLoader(
        DATA, batch_size=32, sampler=RandomSampler(DATA, replacement=True, num_samples=64, generator=g)),
    "workers_left": lambda g: DataLoader(
        DATA, batch_size=8, num_workers=2, sampler=RandomSampler(DATA, replacement=True, num_samples=70, generator=g)),
    "many_orders": lambda g: DataLoader(DATA, batch_size=7, sampler=RandomSampler(DATA, num_samples=24, generator=g)),
    "few_samples": lambda g: DataLoader(DATA, batch_size=2, sampler=RandomSampler(DATA, num_samples=5)),
    "subset": lambda g: DataLoader(DATA, batch_size=2, sampler=SubsetRandomSampler([8, 2, 4, 6, 0])),
    "subset_generator": lambda g: DataLoader(DATA, batch_size=2, sampler=SubsetRandomSampler([8, 2, 4, 6, 0], generator=g)),
    "weighted": lambda g: DataLoader(DATA, batch_size=6, sampler=WeightedRandomSampler(WEIGHTS, 20)),
    "weighted_generator": lambda g: DataLoader(DATA, batch_size=6, sampler=WeightedRandomSampler(WEIGHTS, 20, generator=g)),
    "weighted_once": lambda g: DataLoader(DATA, batch_size=6, sampler=WeightedRandomSampler(WEIGHTS, 8, replacement=False)),
    "batches_of_subset": lambda g: DataLoader(
        DATA, batch_sampler=BatchSampler(SubsetRandomSampler([8, 2, 4, 6, 0], generator=g), 2, True)),
    "batches_in_order": lambda g: DataLoader(DATA, batch_sampler=BatchSampler(SequentialSampler(DATA), 4, False)),
}


def number(generator):
    return torch.empty((), dtype=torch.int64).random_(generator=generator).item()


rows = []
for name, make in CASES.items():
    torch.manual_seed(11)
    generator = torch.Generator()
    generator.manual_seed(5)
    loader = make(generator)
    rows += [f"case {name} {len(loader)}"]
    for epoch in range(3):
        batches = []
        for (batch,) in loader:
            batches.append(",".join(map(str, batch.flatten().tolist())))
            if name.endswith("_left") and epoch < 2 and len(batches) == epoch + 1:
                break
        rows += [" ".join(["epoch", *batches])]
    rows += [f"next {number(None)} {number(generator)}"]
(HERE / "loaders.txt").write_text("\n".join(rows) + "\n")
