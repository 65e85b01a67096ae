"""The small model itself, fetched once a run: what serves it is not worth testing with anything else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from copilot.config import settings
from copilot.errors import BadInput
from copilot.llm.weights import install


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the small model; where it cannot be had, skip and say so, except in CI, which must have it."""
    before = os.environ.get("SALES_COPILOT_CACHE")
    os.environ["SALES_COPILOT_CACHE"] = str(tmp_path_factory.mktemp("models"))
    settings.cache_clear()
    try:
        return install("small", lambda progress: None)
    except BadInput as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"the small model cannot be had here: {error}")
    finally:
        if before is None:
            del os.environ["SALES_COPILOT_CACHE"]
        else:
            os.environ["SALES_COPILOT_CACHE"] = before
        settings.cache_clear()
