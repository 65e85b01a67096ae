"""The label mart: what happened after a date, and when it could be known (MATHS §1)."""

from copilot.data.labels.change import churn, growth
from copilot.data.labels.engagement import engagement_targets
from copilot.data.labels.gold import GoldSet, freeze, freeze_once, open_gold
from copilot.data.labels.pairs import uplift_pairs
from copilot.data.labels.propensity import aps, ups
from copilot.data.labels.record import Labels, read
from copilot.data.labels.renewals import LEAD_DAYS, QUARTER_DAYS, SETTLE_DAYS
from copilot.data.labels.windows import booking_windows, overlapping

__all__ = [
    "LEAD_DAYS",
    "QUARTER_DAYS",
    "SETTLE_DAYS",
    "GoldSet",
    "Labels",
    "aps",
    "booking_windows",
    "churn",
    "engagement_targets",
    "freeze",
    "freeze_once",
    "growth",
    "open_gold",
    "overlapping",
    "read",
    "uplift_pairs",
    "ups",
]
