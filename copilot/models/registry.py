"""Keep models on disk: one folder a version, XGBoost's own files, arrays as safetensors and a manifest, no pickle."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from copilot.errors import BadInput, NotSetUp

if TYPE_CHECKING:
    import xgboost as xgb

FORMAT = 1
KINDS = ("uplift", "growth", "engagement", "propensity")
PARTS = {"features": list, "state": dict, "report": dict, "files": dict}
ARRAYS = "arrays.safetensors"


@dataclass(frozen=True)
class Bundle:
    """What a model consists of: boosters and arrays by name, plain state for JSON, its features and its report.

    Weights of linear models and networks are arrays (any numpy dtype); names may hold letters, digits, dots and dashes.
    """

    kind: str
    features: tuple[str, ...]
    boosters: Mapping[str, xgb.Booster]
    state: Mapping[str, Any]
    report: dict[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


class Model(Protocol):
    """A fitted model as the registry sees it."""

    def bundle(self) -> Bundle:
        """Return the parts that make this model up."""


def save(
    model: Model,
    folder: Path,
    *,
    name: str | None = None,
    features: Sequence[str] | None = None,
    metrics: Mapping[str, Any] | None = None,
    **notes: Any,
) -> Path:
    """Write ``model`` into ``folder``: one .ubj file a booster, one file of arrays and ``manifest.json``.

    Args:
        model: Any fitted model of this package.
        folder: Made where missing; its files of the same names are replaced.
        name: What the model is called in the registry; its kind by default.
        features: Names of the columns it was given, where they differ from the ones it reads.
        metrics: Figures to keep beside the model's own report.
        notes: Further plain facts (the book's version, the date); JSON types only.

    Returns:
        ``folder``.
    """
    bundle = model.bundle()
    folder.mkdir(parents=True, exist_ok=True)
    digests = {}
    for part, booster in bundle.boosters.items():
        file = folder / f"{part}.ubj"
        booster.save_model(file)
        digests[file.name] = _digest(file)
    if bundle.arrays:
        from safetensors.numpy import save_file

        save_file({name: np.ascontiguousarray(part) for name, part in bundle.arrays.items()}, folder / ARRAYS)
        digests[ARRAYS] = _digest(folder / ARRAYS)
    manifest = {
        "format": FORMAT,
        "kind": bundle.kind,
        "name": name or bundle.kind,
        "features": list(bundle.features),
        "features_given": list(features) if features is not None else list(bundle.features),
        "state": bundle.state,
        "report": bundle.report,
        "metrics": metrics or {},
        "notes": notes,
        "files": digests,
    }
    text = json.dumps(plain(manifest), indent=1, allow_nan=False)
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    return folder


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return a saved model's manifest.

    Raises:
        NotSetUp: There is no model in ``folder``.
        BadInput: The manifest cannot be read, or a newer release wrote it.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotSetUp(f"There is no model in {folder.name!r}: run `sales-copilot train`.") from None
    except (OSError, ValueError):
        raise BadInput(f"The model {folder.name!r} has an unreadable manifest; run `sales-copilot train`.") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT or manifest.get("kind") not in KINDS:
        raise BadInput(f"The model {folder.name!r} is of a kind this release cannot read; run `sales-copilot train`.")
    return manifest


def load(folder: Path) -> Any:
    """Return the model saved in ``folder``; its predictions equal the saved model's exactly.

    Raises:
        NotSetUp: There is none.
        BadInput: A file or a part of the manifest is missing, or a file was changed since it was written.
    """
    import xgboost as xgb

    manifest = read_manifest(folder)
    if not all(isinstance(manifest.get(part), kind) for part, kind in PARTS.items()):
        raise _damaged(folder, "manifest.json")
    boosters, arrays = {}, {}
    for file, digest in manifest["files"].items():
        path = folder / Path(file).name
        if not path.is_file() or _digest(path) != digest:
            raise _damaged(folder, path.name)
        if file == ARRAYS:
            from safetensors.numpy import load_file

            arrays = load_file(path)
        else:
            boosters[path.stem] = xgb.Booster(params={"nthread": 1}, model_file=path)
    bundle = Bundle(
        manifest["kind"],
        tuple(manifest["features"]),
        boosters,
        manifest["state"],
        cast(dict[str, Any], manifest["report"]),
        arrays,
    )
    try:
        return import_module(f"copilot.models.{bundle.kind}").from_bundle(bundle)
    except (KeyError, TypeError):
        raise _damaged(folder, "manifest.json") from None


def _damaged(folder: Path, file: str) -> BadInput:
    return BadInput(f"The model {folder.name!r} is damaged ({file}); run `sales-copilot train`.")


def plain(value: Any) -> Any:
    """Return ``value`` in JSON's own types; numbers that are not finite become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
