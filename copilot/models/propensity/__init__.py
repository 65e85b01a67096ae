"""Propensity (002): who buys at all (APS), who buys more of what (UPS), and on which grounds.

``fit`` learns a chance from any table, pools regions or products partially, scores components, cuts tiers and
calibrates; ``words`` tells the components' levels and the advice that fits their pattern.
"""

from copilot.models.propensity.fitting import fit
from copilot.models.propensity.model import Propensity
from copilot.models.propensity.seasons import BySeason, from_bundle

__all__ = ["BySeason", "Propensity", "fit", "from_bundle"]
