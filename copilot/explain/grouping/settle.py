"""What a language model may do: choose among offered headings where code is in doubt, and word a family's name.

Names and descriptions reach it as JSON data. Its reply is read under a schema: a heading that was not offered and a
name with a word that no feature of the family has are dropped, so that nothing is invented.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot.explain.grouping.likeness import stem
from copilot.text.prompts import load

Complete = Callable[[str, Mapping[str, Any]], str]  # a prompt and the JSON schema of the reply -> the reply's text
MOST_MEMBERS = 12  # of a family that are told
_WORD = re.compile(r"[^\W_]+")
_NAME = re.compile(r"[^\W_]+(?:[ &/-]+[^\W_]+)*")


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")

    category: str = Field(max_length=80)
    ultra_name: str = Field(default="", max_length=60)


def settle(
    complete: Complete, members: Sequence[tuple[str, str]], name: str, offered: Sequence[str]
) -> tuple[str | None, str | None]:
    """Return the model's heading and name for a family; None for what it did not give or what failed the checks.

    Args:
        complete: Asks a language model; an exception counts as no reply.
        members: Readable name and description of the family's super features.
        name: The name that code gave.
        offered: The headings it may choose among.
    """
    prompt = load("grouping")
    told = [{"name": super_name, "description": text} for super_name, text in members[:MOST_MEMBERS]]
    offer = json.dumps({"family": name, "features": told, "headings": list(offered)}, ensure_ascii=False)
    schema = dict(prompt.output or {})
    schema["properties"] = {**schema.get("properties", {}), "category": {"type": "string", "enum": list(offered)}}
    try:
        reply = _Reply.model_validate_json(complete(prompt.render(offer=offer), schema).strip())
    except (ValidationError, ValueError):
        return None, None
    except Exception:  # noqa: BLE001  # whatever befalls a model, the grouping stands without it
        return None, None
    known = {stem(word.lower()) for pair in [*members, (name, "")] for text in pair for word in _WORD.findall(text)}
    words = _WORD.findall(reply.ultra_name)
    fits = _NAME.fullmatch(reply.ultra_name) and 1 <= len(words) <= 6
    fits = fits and all(stem(word.lower()) in known for word in words)
    return (reply.category if reply.category in offered else None), (reply.ultra_name if fits else None)
