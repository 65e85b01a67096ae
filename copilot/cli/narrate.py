"""``sales-copilot narrate``: our narratives for a model or for contributions that another system made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

    from copilot.explain.record import Attribution

SHOWN = 3  # accounts told on the screen


def narrate(
    out: Annotated[Path, typer.Option("--out", help="The CSV file to write: each account's reasons in words.")],
    contributions: Annotated[
        Path | None,
        typer.Option(help="A CSV: account_id, feature, contribution[, value, score]; or account_id and a column each."),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Or an XGBoost model, .json or .ubj; with --rows.")] = None,
    rows: Annotated[Path | None, typer.Option(help="A CSV of the model's rows: account_id and its features.")] = None,
    groups: Annotated[
        Path | None, typer.Option(help="What group-features wrote for these features; else they are grouped here.")
    ] = None,
    about: Annotated[str, typer.Option(help="What is predicted: churn, upsell, uplift or another word.")] = "score",
) -> None:
    """Word the reasons of your own model, or of contributions another system made, as the copilot words its own."""
    from copilot.console import Spinner
    from copilot.errors import BadInput
    from copilot.explain.export import harmless
    from copilot.explain.foreign_scores import read_contributions
    from copilot.explain.foreign_words import narrate as worded
    from copilot.explain.foreign_words import read_table

    if (contributions is None) == (model is None) or (model is None) != (rows is None):
        raise BadInput("Give --contributions FILE, or --model FILE with --rows FILE.")
    with Spinner("Reading the contributions") as tell:
        layers = None if groups is None else read_table(groups, "feature_name")
        if contributions is not None:
            given = read_contributions(contributions)
            found, accounts, values = given.attribution, list(given.accounts), given.values
        else:
            assert model is not None
            assert rows is not None
            found, accounts, values = _explained(model, rows)
        tell("Wording the reasons")
        told = worded(found, accounts, values, groups=layers, about=about)
    written = told.assign(**{name: told[name].map(harmless) for name in told.select_dtypes(exclude="number")})
    try:
        written.to_csv(out, index=False, float_format="%.6g", lineterminator="\n")
    except OSError as error:
        raise BadInput(f"{out} cannot be written ({error.strerror or error}); name another file with --out.") from None
    for account in accounts[:SHOWN]:
        typer.echo(str(account))
        for text in told.loc[told["account_id"] == account, "text"]:
            typer.echo(f"  {text}")
    checked = f"{found.fidelity.measure} {found.fidelity.value:.3g}" if found.fidelity.gap == found.fidelity.gap else ""
    typer.echo(f"Reasons: {len(told):,}, of accounts: {len(accounts):,} ({checked or 'not checked'}). All: {out}")


def _explained(model: Path, rows: Path) -> tuple[Attribution, list[str], pd.DataFrame]:
    """Return a model's contributions to each of the rows in a file, their ids and their values."""
    from copilot.explain.attribution import attribute
    from copilot.explain.foreign import read_model
    from copilot.explain.foreign_words import numbers, read_table

    booster = read_model(model)
    table = read_table(rows, "account_id")
    values = numbers(table.drop(columns="account_id"))
    found = attribute(booster, values)
    return found, table["account_id"].tolist(), values.reindex(columns=list(found.features))
