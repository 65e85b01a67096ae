"""A policy's whole state in one file: arrays and a JSON text in a .npz, no pickle, written in one step."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import astuple, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from copilot.bandit.drift import Cusum
from copilot.bandit.history import History, Rows
from copilot.bandit.posterior import Posterior
from copilot.bandit.torso import pack, unpack
from copilot.bandit.view import Scaling, View
from copilot.errors import BadInput, NotSetUp

if TYPE_CHECKING:
    from copilot.bandit.policy import Policy

FORMAT = 1
_GENERATORS = {kind.__name__: kind for kind in (np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937,
                                                np.random.Philox, np.random.SFC64)}  # fmt: skip


def write(policy: Policy, path: Path, notes: Mapping[str, Any] | None = None) -> Path:
    """Write ``policy`` to ``path``; a reader sees the old file or the whole new one, even after a crash.

    Args:
        policy: Nobody updates it meanwhile (``Policy.save`` sees to that).
        path: The file; its folder is made where missing.
        notes: Plain facts to keep beside it, such as the place in a log up to which it has learned.

    Raises:
        BadInput: The arms are neither texts nor numbers, or the file cannot be written.
    """
    if not all(isinstance(arm, str | int) for arm in policy.arms):
        raise BadInput("Only a policy whose arms are texts or whole numbers can be saved.")
    now, rows = policy._now, policy._history.rows()
    generator = policy._rng.bit_generator
    plain = {
        "format": FORMAT,
        "arms": list(policy.arms),
        "n_features": policy.n_features,
        **{name: getattr(policy, name) for name in ("kind", "alpha", "epsilon", "forget", "retraining")},
        "seed": policy._seed,
        "first_row": policy._history.first,
        "next_refit": policy._next_refit,
        "losses": list(now.losses),
        "cusum": list(astuple(now.cusum)),
        "generator": [type(generator).__name__, _listed(generator.state)],
        "notes": dict(notes or {}),
    }
    arrays = {f"history.{field.name}": getattr(rows, field.name) for field in fields(Rows)}
    for name, view in (("linear", now.linear), ("neural", now.neural)):
        if view is not None:
            arrays |= {f"{name}.{part}": array for part, array in _parts(view).items()}
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            np.savez(file, plain=np.frombuffer(json.dumps(plain).encode(), np.uint8), **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as fault:
        draft.unlink(missing_ok=True)
        raise BadInput(f"The policy cannot be written to {path} ({fault.strerror}); name another file.") from None
    return path


def read(kind: type[Policy], path: Path) -> Policy:
    """Return the policy written to ``path``; errors as in ``Policy.load``."""
    policy, _ = read_with_notes(kind, path)
    return policy


def read_with_notes(kind: type[Policy], path: Path) -> tuple[Policy, dict[str, Any]]:
    """Return the policy written to ``path`` and the notes beside it."""
    from copilot.bandit.policy import Snapshot

    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        plain = json.loads(arrays.pop("plain").tobytes())
        if plain["format"] != FORMAT:
            raise BadInput(f"{path.name} was written by another release; start a new policy from the log.")
        name, state = plain["generator"]
        generator = _GENERATORS[name]()
        generator.state = _unlisted(state)
        options = {name: plain[name] for name in ("kind", "alpha", "epsilon", "forget", "retraining")}
        policy = kind(plain["arms"], plain["n_features"], rng=np.random.default_rng(0), **options)
        policy._rng, policy._seed = np.random.Generator(generator), plain["seed"]
        rows = Rows(*(arrays[f"history.{field.name}"] for field in fields(Rows)))
        policy._history = History(rows, plain["first_row"])
        policy._next_refit = plain["next_refit"]
        linear, neural = (_view(arrays, name) for name in ("linear", "neural"))
        assert linear is not None
        first, second = plain["losses"]
        policy._now = Snapshot(linear, neural, (first, second), Cusum(*plain["cusum"]))
    except FileNotFoundError:
        raise NotSetUp(f"There is no policy at {path}; a new one starts with the first decision.") from None
    except (OSError, ValueError, KeyError, TypeError, AssertionError, EOFError, RuntimeError, zipfile.BadZipFile):
        # RuntimeError: a zip's flags changed, so that it seems encrypted or packed in another way.
        raise BadInput(f"{path.name} is damaged or not a policy; restore it, or rebuild it from the log.") from None
    return policy, plain["notes"]


def _parts(view: View) -> dict[str, Any]:
    posterior = {field.name: getattr(view.posterior, field.name) for field in fields(Posterior)}
    own = {"spread": view.scaling.scale, "middle": view.scaling.centre, "centre": view.centre, "length": view.scale}
    return own | posterior | (pack(view.torso) if view.torso else {})


def _view(arrays: Mapping[str, Any], name: str) -> View | None:
    own = {part.removeprefix(f"{name}."): array for part, array in arrays.items() if part.startswith(f"{name}.")}
    if not own:
        return None
    posterior = Posterior(*(own[field.name] for field in fields(Posterior)))
    scale = Scaling(own["middle"], own["spread"])
    return View(scale, unpack(own) if "weight_0" in own else None, own["centre"], float(own["length"]), posterior)


def _listed(state: Any) -> Any:
    """Return a generator's state for JSON: arrays as lists under a mark."""
    if isinstance(state, Mapping):
        return {key: _listed(value) for key, value in state.items()}
    return {"array": state.tolist(), "dtype": str(state.dtype)} if isinstance(state, np.ndarray) else state


def _unlisted(state: Any) -> Any:
    if isinstance(state, Mapping):
        if set(state) == {"array", "dtype"}:
            return np.array(state["array"], state["dtype"])
        return {key: _unlisted(value) for key, value in state.items()}
    return state
