"""Fitted outcome and effect surfaces: how each predicts, what each feature adds, and how each is written to disk."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

import numpy as np
from scipy.special import expit

from copilot.models.tree_shap import contributions
from copilot.models.uplift import design
from copilot.models.uplift.design import Design
from copilot.stats import Floats

if TYPE_CHECKING:
    import xgboost as xgb

Arrays = MutableMapping[str, np.ndarray]
Boosters = MutableMapping[str, "xgb.Booster"]
GAUSS_NODES = 24


class Surface(Protocol):
    """A fitted function of encoded rows, in the unit of what it was fitted to."""

    def predict(self, X: Floats) -> Floats:
        """Return one value a row, (n,)."""

    def contributions(self, X: Floats) -> Floats:
        """Return (n, p + 1), the base value last; a row sums to its prediction."""

    def pack(self, name: str, arrays: Arrays, boosters: Boosters) -> dict[str, Any]:
        """Write arrays and boosters under ``name`` and return the rest in JSON's types."""


@dataclass(frozen=True)
class Linear:
    """Ridge regression, or its logistic form, on a design."""

    design: Design
    slopes: Floats
    level: float
    logistic: bool

    def predict(self, X: Floats) -> Floats:
        """Return means, or chances for the logistic form."""
        score = self.level + self.design.rows(X) @ self.slopes
        return np.asarray(expit(score) if self.logistic else score, float)

    def contributions(self, X: Floats) -> Floats:
        """Slope × distance from the mean; the logistic form's log-odds are rescaled to add up to the chance."""
        shares = _gathered(self.design.rows(X) * self.slopes, self.design, X.shape[1])
        return _rescaled(np.column_stack([shares, np.full(len(X), self.level)]), self.logistic)

    def pack(self, name: str, arrays: Arrays, boosters: Boosters) -> dict[str, Any]:
        """See ``Surface``."""
        _pack_arrays(name, arrays, {**self.design.arrays(), "slopes": self.slopes})
        return {"is": "linear", "level": self.level, "logistic": self.logistic}


@dataclass(frozen=True)
class Index:
    """A bent score: a restricted cubic spline of one linear index (a single-index model)."""

    design: Design
    slopes: Floats
    knots: Floats
    curve: Floats
    level: float

    def predict(self, X: Floats) -> Floats:
        """Return the spline at each row's index."""
        return self._bend(self.design.rows(X) @ self.slopes)

    def contributions(self, X: Floats) -> Floats:
        """Integrated gradients from the mean row: exact, since the index moves along a straight line."""
        shares = _gathered(self.design.rows(X) * self.slopes, self.design, X.shape[1])
        index, start = shares.sum(axis=1), float(self._bend(np.zeros(1))[0])
        slope = np.divide(self._bend(index) - start, index, out=np.zeros_like(index), where=np.abs(index) > 1e-12)
        return np.column_stack([shares * slope[:, None], np.full(len(X), start)])

    def _bend(self, index: Floats) -> Floats:
        return np.asarray(self.level + spline(index, self.knots) @ self.curve, float)

    def pack(self, name: str, arrays: Arrays, boosters: Boosters) -> dict[str, Any]:
        """See ``Surface``."""
        _pack_arrays(name, arrays, {**self.design.arrays(), "slopes": self.slopes, "places": self.knots,
                                    "curve": self.curve})  # fmt: skip
        return {"is": "index", "level": self.level}


@dataclass(frozen=True)
class Boosted:
    """Boosted trees."""

    booster: xgb.Booster
    logistic: bool

    def predict(self, X: Floats) -> Floats:
        """Return means, or chances."""
        import xgboost as xgb

        if not len(X):
            return np.zeros(0)
        return np.asarray(self.booster.predict(xgb.DMatrix(X.astype(np.float32), nthread=1)), float)

    def contributions(self, X: Floats) -> Floats:
        """TreeSHAP of the margin; log-odds are rescaled to add up to the chance."""
        return _rescaled(contributions(self.booster, X), self.logistic)

    def pack(self, name: str, arrays: Arrays, boosters: Boosters) -> dict[str, Any]:
        """See ``Surface``."""
        boosters[name] = self.booster
        return {"is": "boosted", "logistic": self.logistic}


@dataclass(frozen=True)
class Net:
    """A network with two hidden layers of tanh units, run in numpy."""

    design: Design
    layers: tuple[tuple[Floats, Floats], ...]
    unit: tuple[float, float]  # mean and spread of the outcome
    logistic: bool

    def predict(self, X: Floats) -> Floats:
        """Return means, or chances."""
        values = self.design.rows(X)
        for number, (weights, offset) in enumerate(self.layers):
            values = values @ weights + offset
            if number + 1 < len(self.layers):
                values = np.tanh(values)
        return self._finish(values[:, 0])

    def _run(self, rows: Floats) -> tuple[Floats, Floats]:
        """Return the last layer's sum and its gradient by the design's columns."""
        kept = [rows]
        for weights, offset in self.layers[:-1]:
            kept.append(np.tanh(kept[-1] @ weights + offset))
        weights, offset = self.layers[-1]
        gradient = np.broadcast_to(weights[:, 0], kept[-1].shape)
        for (inner, _), values in zip(self.layers[-2::-1], kept[:0:-1], strict=True):
            gradient = (gradient * (1 - values**2)) @ inner.T
        return kept[-1] @ weights[:, 0] + offset[0], gradient

    def _finish(self, score: Floats) -> Floats:
        return np.asarray(expit(score) if self.logistic else self.unit[0] + self.unit[1] * score, float)

    def contributions(self, X: Floats) -> Floats:
        """Integrated gradients of the last layer's sum from the mean row, by Gauss and Legendre's rule."""
        out = np.empty((len(X), X.shape[1] + 1))
        nodes, weights = np.polynomial.legendre.leggauss(GAUSS_NODES)
        start = self._run(np.zeros((1, len(self.design.mean))))[0][0]
        for first in range(0, len(X), 256):
            block = slice(first, first + 256)
            rows = self.design.rows(X[block])
            slope = sum(w / 2 * self._run(rows * (1 + t) / 2)[1] for t, w in zip(nodes, weights, strict=True))
            shares = _gathered(rows * slope, self.design, X.shape[1])
            margin = np.column_stack([shares, np.full(len(rows), start)])
            if self.logistic:
                out[block] = _rescaled(margin, True)
            else:
                out[block] = margin * self.unit[1]
                out[block, -1] += self.unit[0]
        return out

    def pack(self, name: str, arrays: Arrays, boosters: Boosters) -> dict[str, Any]:
        """See ``Surface``."""
        parts = self.design.arrays()
        for number, (weights, offset) in enumerate(self.layers):
            parts |= {f"weights{number}": weights, f"offset{number}": offset}
        _pack_arrays(name, arrays, parts)
        return {"is": "net", "layers": len(self.layers), "unit": list(self.unit), "logistic": self.logistic}


@dataclass(frozen=True)
class Mix:
    """A level plus weighted deviations of other surfaces from it: Σ wₖ (fₖ − level), w ≥ 0, Σ w ≤ 1."""

    level: float
    weights: tuple[float, ...]
    surfaces: tuple[Surface, ...]
    bounded: bool  # chances: held within 0 and 1

    NAMES: ClassVar = {"Linear": "ridge", "Index": "index", "Boosted": "boosted trees", "Net": "network"}

    def predict(self, X: Floats) -> Floats:
        """Return the mixture at each row."""
        total = np.full(len(X), self.level)
        for weight, surface in zip(self.weights, self.surfaces, strict=True):
            total += weight * (surface.predict(X) - self.level)
        return np.clip(total, 0.0, 1.0) if self.bounded else total

    def contributions(self, X: Floats) -> Floats:
        """Return the surfaces' contributions in the same mixture."""
        total = np.zeros((len(X), X.shape[1] + 1))
        total[:, -1] = self.level * (1 - sum(self.weights))
        for weight, surface in zip(self.weights, self.surfaces, strict=True):
            total += weight * surface.contributions(X)
        return total

    def pack(self, name: str, arrays: Arrays, boosters: Boosters) -> dict[str, Any]:
        """See ``Surface``."""
        inner = [part.pack(f"{name}-{k}", arrays, boosters) for k, part in enumerate(self.surfaces)]
        return {"is": "mix", "level": self.level, "weights": list(self.weights), "surfaces": inner,
                "bounded": self.bounded}  # fmt: skip

    def words(self) -> str:
        """Say what is mixed, in percent."""
        named: dict[str, float] = {}
        for weight, surface in zip(self.weights, self.surfaces, strict=True):
            name = self.NAMES[type(surface).__name__]
            if isinstance(surface, Linear):
                name = ("logistic" if surface.logistic else "ridge") + (
                    " with bends" if len(surface.design.bent) else ""
                )
            named[name] = named.get(name, 0.0) + weight
        parts = [f"{name} {100 * weight:.0f} %" for name, weight in sorted(named.items(), key=lambda one: -one[1])]
        rest = 1 - sum(self.weights)
        return ", ".join(parts + ([f"the mean {100 * rest:.0f} %"] if rest > 0.005 else []))


def unpack(name: str, spec: Mapping[str, Any], arrays: Arrays, boosters: Boosters) -> Surface:
    """Put a packed surface together again."""
    kind = spec["is"]
    if kind == "mix":
        inner = tuple(unpack(f"{name}-{k}", part, arrays, boosters) for k, part in enumerate(spec["surfaces"]))
        return Mix(spec["level"], tuple(spec["weights"]), inner, spec["bounded"])
    if kind == "boosted":
        return Boosted(boosters[name], spec["logistic"])
    own = {key.removeprefix(f"{name}."): value for key, value in arrays.items() if key.startswith(f"{name}.")}
    rows = design.from_arrays(own)
    if kind == "linear":
        return Linear(rows, own["slopes"], spec["level"], spec["logistic"])
    if kind == "index":
        return Index(rows, own["slopes"], own["places"], own["curve"], spec["level"])
    layers = tuple((own[f"weights{k}"], own[f"offset{k}"]) for k in range(spec["layers"]))
    return Net(rows, layers, cast(tuple[float, float], tuple(spec["unit"])), spec["logistic"])


def spline(at: Floats, knots: Floats) -> Floats:
    """Return the restricted cubic spline basis, (n, knots − 1): linear beyond the outer knots (Harrell 2001, 2.4.5)."""
    return np.column_stack([at, *_cubics(at, knots, lambda gap: np.maximum(gap, 0) ** 3)])


def spline_slope(at: Floats, knots: Floats) -> Floats:
    """Return the derivative of ``spline`` by its argument, same shape."""
    return np.column_stack([np.ones_like(at), *_cubics(at, knots, lambda gap: 3 * np.maximum(gap, 0) ** 2)])


def _cubics(at: Floats, knots: Floats, power: Any) -> list[Floats]:
    last, before, size = knots[-1], knots[-2], (knots[-1] - knots[0]) ** 2
    return [
        (
            power(at - knot)
            - power(at - before) * (last - knot) / (last - before)
            + power(at - last) * (before - knot) / (last - before)
        )
        / size
        for knot in knots[:-2]
    ]


def _gathered(shares: Floats, rows: Design, columns: int) -> Floats:
    """Add the shares of a column's flag and hinges to the column's own."""
    out = np.zeros((len(shares), columns))
    np.add.at(out.T, rows.origin, shares.T)
    return out


def _rescaled(shares: Floats, logistic: bool) -> Floats:
    """Turn shares of log-odds into shares of the chance: each times (p − p₀) / (margin − margin₀)."""
    if not logistic:
        return shares
    start, move = shares[:, -1], shares[:, :-1].sum(axis=1)
    low = expit(start)
    slope = np.divide(expit(start + move) - low, move, out=low * (1 - low), where=np.abs(move) > 1e-9)
    return np.column_stack([shares[:, :-1] * slope[:, None], low])


def _pack_arrays(name: str, arrays: Arrays, parts: Mapping[str, np.ndarray]) -> None:
    arrays.update({f"{name}.{key}": value for key, value in parts.items()})
