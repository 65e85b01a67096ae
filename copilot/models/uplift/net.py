"""A small network for many rows, trained in torch and kept as plain arrays."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from copilot.models.uplift import design
from copilot.models.uplift.surfaces import Net
from copilot.stats import Floats

WIDTHS = (48, 24)
EPOCHS, PATIENCE = 40, 4
BATCH = 512
HELD = 0.15


def fit_net(X: Floats, y: Floats, weight: Floats, *, logistic: bool, seed: int) -> Net:
    """Train two hidden layers of tanh units with weight decay until held-out rows no longer gain.

    Args:
        X: (n, p), NaN where missing.
        y: (n,); 0 and 1 for ``logistic``.
        weight: (n,), mean 1.
        logistic: Ends in a chance and learns by log loss; else by squared error.
        seed: Of the first weights, the held-out share and the batches.
    """
    import torch
    from torch import nn

    rows = design.learn(X, weight, bends=False)
    middle = 0.0 if logistic else float(np.average(y, weights=weight))
    spread = 1.0 if logistic else float(np.sqrt(np.average((y - middle) ** 2, weights=weight))) or 1.0
    aim = y if logistic else (y - middle) / spread
    deal = torch.Generator().manual_seed(seed)
    table, target, counts = (torch.as_tensor(part, dtype=torch.float32) for part in (rows.rows(X), aim, weight))
    order = torch.randperm(len(y), generator=deal)
    held, learn = order[: max(1, int(HELD * len(y)))], order[max(1, int(HELD * len(y))) :]
    sizes = (table.shape[1], *WIDTHS, 1)
    layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    for layer in layers:
        nn.init.xavier_uniform_(layer.weight, generator=deal)
        nn.init.zeros_(layer.bias)
    net = nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])
    loss = nn.BCEWithLogitsLoss(reduction="none") if logistic else nn.MSELoss(reduction="none")
    steps = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.02)
    best, least, stale = [layer.state_dict() for layer in layers], float("inf"), 0
    for _ in range(EPOCHS):
        for batch in torch.split(learn[torch.randperm(len(learn), generator=deal)], BATCH):
            steps.zero_grad()
            (loss(net(table[batch])[:, 0], target[batch]) * counts[batch]).mean().backward()
            steps.step()
        with torch.no_grad():
            now = float((loss(net(table[held])[:, 0], target[held]) * counts[held]).mean())
        if now < least - 1e-5:
            least, stale = now, 0
            best = [{name: part.clone() for name, part in layer.state_dict().items()} for layer in layers]
        else:
            stale += 1
            if stale == PATIENCE:
                break
    kept = tuple((part["weight"].numpy().T.astype(float).copy(), part["bias"].numpy().astype(float)) for part in best)
    return Net(rows, kept, (middle, spread), logistic)
