import pytest

from copilot.agent.meanings import meaning
from tests.agent.conftest import Ask


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("how is the priority calculated?", "Priority says"),
        ("what does priority mean", "Priority says"),
        ("what is uplift", "Uplift is"),
        ("hey, what exactly is churn risk?", "Churn probability is"),
        ("define win rate", "The win rate is"),
        ("how do u compute the growth score", "Expected change is"),
        ("whats rtcd", "RTCD is"),
        ("where do these numbers come from", "Every number comes"),
        ("Was ist Uplift?", "Uplift is"),
        ("how do I know the forecast is right?", "A score is shown only"),
        ("can I trust these numbers", "A score is shown only"),
        ("are the scores reliable?", "A score is shown only"),
        ("Is the upsell model still healthy?", "How each model has held up"),
    ],
)
def test_the_copilots_own_words_are_told(read: Ask, text: str, begins: str) -> None:
    found = read(text)
    assert found.calls == ()
    assert (found.small_talk or "").startswith(begins)


@pytest.mark.parametrize(
    "text",
    [
        "what is the uplift of {account}",
        "what is my win rate",
        "what is our churn rate in {region}",
        "how is seat utilization calculated",
        "what does the feature churn_l3m mean",
        "which customers are at risk",
        "what is love",
        "which accounts are right for the upsell model",
        "who has a good growth score",
    ],
)
def test_figures_columns_and_other_words_are_not(text: str) -> None:
    assert meaning(text) is None
