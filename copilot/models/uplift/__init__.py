"""Estimate what a touch changes: τ(x) = E[Y(1) − Y(0) | x] (CPOG §3.1, MATHS §2), judged against one effect for all."""

from __future__ import annotations

from copilot.models.uplift.door import LEARNERS, fit, from_bundle, load
from copilot.models.uplift.model import UpliftModel
from copilot.models.uplift.several import SeveralTouches

__all__ = ["LEARNERS", "SeveralTouches", "UpliftModel", "fit", "from_bundle", "load"]
