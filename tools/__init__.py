"""What the agent may do: one file a tool. ``copilot.rooms`` alone loads this registry."""

from copilot.access import Role
from copilot.agent.tool import Tool, tool
from tools import propose_assignment as proposing
from tools import record_feedback as reacting
from tools.compare_accounts import compare_accounts
from tools.draft_outreach import draft_outreach
from tools.estimate_uplift import estimate_uplift
from tools.explain_account import explain_account
from tools.forecast_engagement import forecast_engagement
from tools.get_account import get_account
from tools.measure_impact import measure_impact
from tools.plan_week import plan_week
from tools.predict_growth import predict_growth
from tools.rank_accounts import rank_accounts
from tools.recommend_action import recommend_action
from tools.search_features import search_features
from tools.search_notes import search_notes
from tools.simulate_assignment import simulate_assignment
from tools.summarize_book import summarize_book

_READERS: tuple[Role, ...] = ("rep", "manager", "analyst")

REGISTRY: dict[str, Tool] = {
    made.name: made
    for made in (
        tool(rank_accounts, roles=_READERS),
        tool(get_account, roles=_READERS),
        tool(explain_account, roles=_READERS),
        tool(summarize_book, roles=_READERS),
        tool(estimate_uplift, roles=_READERS),
        tool(forecast_engagement, roles=_READERS),
        tool(predict_growth, roles=_READERS),
        tool(recommend_action, roles=_READERS),
        tool(reacting.record_feedback, roles=("rep",), write=reacting.WRITE),
        tool(compare_accounts, roles=_READERS),
        tool(plan_week, roles=("rep",)),
        tool(search_notes, roles=_READERS),
        tool(draft_outreach, roles=_READERS),
        tool(simulate_assignment, roles=("manager",)),
        tool(proposing.propose_assignment, roles=("manager",), write=proposing.WRITE),
        tool(measure_impact, roles=("manager", "analyst")),
        tool(search_features, roles=("analyst",)),
    )
}
