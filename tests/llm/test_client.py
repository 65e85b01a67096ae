"""The client against a server that speaks the wire format over real HTTP, well and badly."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import openai  # noqa: F401  # its first import takes longer than the limits of these tests
import pytest

from copilot.llm.client import LONGEST_REPLY, Client, Limits, ModelFault, ToolCall
from tests.llm.wire import (
    DONE,
    PATIENCE,
    Part,
    Reply,
    Wire,
    calls,
    chunk,
    cut,
    data,
    end,
    forever,
    replies_in_flight,
    says,
    serving,
    stay,
    text,
    tool,
    until,
)

SECRET = "Dear user, your account Acme owes $5"  # the server's own words, which no fault may pass on
PATIENT = Limits(silent=PATIENCE, total=2 * PATIENCE, tokens=70)
HASTY = Limits(silent=0.3, total=0.9)
HELLO = [{"role": "user", "content": "Hello?"}]


@pytest.fixture
def wire() -> Iterator[Wire]:
    with serving() as server:
        yield server


def client(wire: Wire, limits: Limits = PATIENT, **other: Any) -> Client:
    return Client(wire.url, "key-1", "model-1", limits, **other)


def got(wire: Wire, *parts: Part) -> list[str | ToolCall]:
    wire.script(Reply(parts))
    return list(client(wire).stream(HELLO))


def fault(wire: Wire, reply: Reply, limits: Limits = PATIENT) -> ModelFault:
    """Return how a reply fails: short, in our own words, and with nothing left running."""
    wire.script(reply)
    with pytest.raises(ModelFault) as raised:
        list(client(wire, limits).stream(HELLO))
    assert len(str(raised.value)) < 60
    assert not {"Acme", "$5", "Dear"} & set(str(raised.value).split())
    assert until(lambda: not replies_in_flight())
    return raised.value


# --- Text and calls, however they are cut ---


def test_text_comes_piece_by_piece_while_the_server_still_talks(wire: Wire) -> None:
    wire.script(Reply([*text("Hel", "lo"), stay]))
    reply = client(wire).stream(HELLO)
    assert [next(reply), next(reply)] == ["Hel", "lo"]
    reply.close()  # type: ignore[attr-defined]


def test_what_is_asked_holds_the_messages_the_limits_and_the_key(wire: Wire) -> None:
    offered = [{"type": "function", "function": {"name": "x", "description": "", "parameters": {"type": "object"}}}]
    wire.script(says("a"), says("b"))
    assert client(wire).text(HELLO, tools=offered, extra={"grammar": "g", "id_slot": 1}) == "a"
    assert client(wire).text(HELLO, tokens=3) == "b"
    first, second = wire.asked
    assert first == {
        "model": "model-1", "messages": HELLO, "stream": True, "temperature": 0, "max_tokens": 70,
        "tools": offered, "grammar": "g", "id_slot": 1,
    }  # fmt: skip
    assert second["max_tokens"] == 3
    assert "tools" not in second
    assert wire.heads[0]["authorization"] == "Bearer key-1"


def test_a_call_may_be_cut_anywhere_in_its_name_and_its_json(wire: Wire) -> None:
    written = json.dumps({"account": '⟨account 1⟩ \\ "Ü"', "limit": 3}, ensure_ascii=False)
    letters = [tool(0, arguments=letter) for letter in written]
    parts = [tool(0, id="id-1", name="rank_"), tool(0, name="acc"), tool(0, name="ounts", arguments=""), *letters]
    assert got(wire, *parts, *end("tool_calls")) == [ToolCall("id-1", "rank_accounts", json.loads(written))]


def test_two_calls_interleaved_by_index_are_told_apart(wire: Wire) -> None:
    parts = [
        tool(0, id="a", name="one", arguments='{"x"'),
        tool(1, id="b", name="two", arguments='{"y"'),
        tool(0, arguments=": 1}"),
        tool(1, arguments=": 2}"),
    ]
    assert got(wire, *parts, *end("tool_calls")) == [ToolCall("a", "one", {"x": 1}), ToolCall("b", "two", {"y": 2})]


def test_two_calls_in_one_chunk_are_both_heard(wire: Wire) -> None:
    both = [{"index": place, "id": f"i{place}", "function": {"name": f"n{place}"}} for place in (0, 1)]
    assert got(wire, data(chunk({"tool_calls": both})), *end()) == [ToolCall("i0", "n0", {}), ToolCall("i1", "n1", {})]


def test_a_server_that_numbers_every_call_0_is_understood_by_the_ids(wire: Wire) -> None:
    parts = [
        tool(0, id="a", name="one", arguments='{"x"'),
        tool(0, arguments=": 1}"),
        tool(0, id="b", name="two", arguments='{"y"'),
        tool(0, id="b", arguments=": 2}"),
    ]
    assert got(wire, *parts, *end()) == [ToolCall("a", "one", {"x": 1}), ToolCall("b", "two", {"y": 2})]


def test_calls_without_a_number_go_on_until_another_id_comes(wire: Wire) -> None:
    parts = [
        tool(None, id="a", name="one", arguments='{"x"'),
        tool(None, arguments=": 1"),
        tool(None, id="a", arguments="}"),
        tool(None, id="b", name="two", arguments="{}"),
    ]
    assert got(wire, *parts, *end()) == [ToolCall("a", "one", {"x": 1}), ToolCall("b", "two", {})]


def test_calls_without_ids_are_given_different_ones(wire: Wire) -> None:
    found = got(wire, tool(0, name="one"), tool(1, name="two", arguments="{}"), *end())
    assert [(call.name, call.arguments) for call in found if isinstance(call, ToolCall)] == [("one", {}), ("two", {})]
    assert len({call.id for call in found if isinstance(call, ToolCall)} - {""}) == 2


def test_text_before_calls_comes_first(wire: Wire) -> None:
    wire.script(calls(("one", {"x": 1}), before="Let me see."))
    assert list(client(wire).stream(HELLO)) == ["Let me see.", ToolCall("id-0", "one", {"x": 1})]


def test_role_only_usage_only_and_comment_lines_say_nothing(wire: Wire) -> None:
    usage = data({**chunk({}), "choices": [], "usage": {"total_tokens": 5}})
    role = data(chunk({"role": "assistant", "content": None}))
    assert got(wire, b": ping\n\n", role, *text("a"), b": ping\n\n", usage, *text("b"), usage, *end()) == ["a", "b"]


def test_lines_may_end_in_crlf_and_be_cut_inside_a_letter_and_inside_an_event(wire: Wire) -> None:
    whole = b": ping\r\n\r\n" + data(json.dumps(chunk({"content": "süß"}), ensure_ascii=False), "\r\n\r\n")
    whole += data(chunk({}, "stop"), "\r\n\r\n") + b"data: [DONE]\r\n\r\n"
    assert got(wire, *[bytes([letter]) for letter in whole]) == ["süß"]


def test_a_reply_that_ends_without_a_word_is_empty(wire: Wire) -> None:
    assert got(wire, data(chunk({"role": "assistant"})), *end()) == []


# --- Faults ---


@pytest.mark.parametrize(
    ("status", "said", "rest"),
    [
        (400, "answered with status 400", 30),
        (401, "refused the key (401)", 300),
        (403, "refused the key (403)", 300),
        (404, "answered with status 404", 30),
        (429, "is asked too often (429)", 30),
        (500, "answered with status 500", 30),
    ],
)
def test_a_refusal_is_told_by_its_status_alone_and_asked_for_once(
    wire: Wire, status: int, said: str, rest: float
) -> None:
    body = json.dumps({"error": {"message": SECRET, "code": SECRET}}).encode()
    reply = Reply([body], status, kind="application/json")
    wire.script(*[reply] * (status == 400))
    raised = fault(wire, reply)
    assert (str(raised), raised.rest) == (said, rest)
    assert len(wire.asked) == 1 + (status == 400)  # once more without what some models do not take


@pytest.mark.parametrize(
    ("said", "rest"),
    [("7", 7), ("0", 1), ("-3", 1), ("86400", 600), ("inf", 600), ("nan", 30), ("soon", 30)],
)
def test_retry_after_is_honoured_within_a_second_and_ten_minutes(wire: Wire, said: str, rest: float) -> None:
    assert fault(wire, Reply([b"{}"], 429, {"Retry-After": said}, kind="application/json")).rest == rest


ODD = [
    "{nope",
    "5",
    '"x"',
    "null",
    "[]",
    '{"choices": 5}',
    '{"choices": "x"}',
    '{"choices": [5]}',
    '{"choices": [{"delta": "x"}]}',
    '{"choices": [{"delta": {"content": 5}}]}',
    '{"choices": [{"delta": {"content": ["x"]}}]}',
    '{"choices": [{"delta": {}, "finish_reason": ["x"]}]}',
    '{"choices": [{"delta": {"tool_calls": "x"}}]}',
    '{"choices": [{"delta": {"tool_calls": [5]}}]}',
    '{"choices": [{"delta": {"tool_calls": [{"index": [], "function": {"name": "x"}}]}}]}',
    '{"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"name": 5}}]}}]}',
    '{"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"name": "x", "arguments": {"a": 1}}}]}}]}',
]


@pytest.mark.parametrize("odd", ODD)
def test_an_event_that_is_no_chunk_cannot_be_read(wire: Wire, odd: str) -> None:
    assert str(fault(wire, Reply([*text("a"), data(odd), *end()]))) == "sent what cannot be read"


@pytest.mark.parametrize("nested", ["[" * 9000, '{"a": ' + "[" * 400 + "]" * 400 + "}"])
def test_json_nested_without_end_is_no_chunk_and_no_argument(wire: Wire, nested: str) -> None:
    fault(wire, Reply([data("[" * 9000), *end()]))
    assert "cannot be read" in str(fault(wire, Reply([tool(0, id="a", name="x", arguments=nested), *end()])))


@pytest.mark.parametrize("written", ["nope", '{"a": 1', "[1]", "5", '"x"', "null", '{"a": 1}{"b": 2}'])
def test_arguments_that_are_no_json_object_are_no_call(wire: Wire, written: str) -> None:
    said = str(fault(wire, Reply([tool(0, id="a", name="x", arguments=written), *end()])))
    assert said == "asked for a tool in JSON that cannot be read"


def test_a_call_without_a_name_is_no_call(wire: Wire) -> None:
    assert "cannot be read" in str(fault(wire, Reply([tool(0, id="a", arguments="{}"), *end()])))


@pytest.mark.parametrize("error", [{"error": {"message": SECRET, "code": 500}}, {**chunk({}), "error": SECRET}])
def test_an_error_in_mid_stream_ends_the_reply(wire: Wire, error: dict[str, Any]) -> None:
    said = str(fault(wire, Reply([*text("a"), data(error), *text("b"), *end()])))
    assert said == "sent an error in the middle of its reply"


@pytest.mark.parametrize("rest", [[cut], [DONE], []], ids=["cut", "done without a reason", "just ended"])
def test_a_reply_that_breaks_off_keeps_what_was_said_and_fails(wire: Wire, rest: list[Part]) -> None:
    wire.script(Reply([*text("a", "b"), *rest]))
    reply = client(wire).stream(HELLO)
    assert [next(reply), next(reply)] == ["a", "b"]
    with pytest.raises(ModelFault, match="broke off in the middle of its reply"):
        next(reply)


def test_calls_of_a_reply_that_breaks_off_are_never_made(wire: Wire) -> None:
    wire.script(Reply([tool(0, id="a", name="x", arguments="{}"), cut]))
    with pytest.raises(ModelFault, match="broke off"):
        next(client(wire).stream(HELLO))


def test_an_empty_reply_and_one_that_is_not_streamed_are_faults(wire: Wire) -> None:
    whole = json.dumps({"choices": [{"message": {"content": SECRET}, "finish_reason": "stop"}]}).encode()
    for reply in (Reply(), Reply([whole], kind="application/json"), Reply([b"<html>" + SECRET.encode()])):
        fault(wire, reply)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(silent=True),
        Reply([*text("a"), stay]),
        Reply([forever(b": ping\n\n")]),
        Reply([forever(data({**chunk({}), "choices": []}), 0.0)]),
        Reply([forever(text("a")[0], 0.05)]),
    ],
    ids=["before the head", "after a piece", "comments", "chunks of nothing", "drop by drop"],
)
def test_no_server_is_waited_for_longer_than_the_limits_and_the_line_is_hung_up(wire: Wire, reply: Reply) -> None:
    raised = fault(wire, reply, HASTY)
    assert (str(raised), raised.rest) == ("took too long", 60)
    assert wire.left.wait(PATIENCE)


def test_a_server_that_opens_after_the_limit_is_hung_up_on(wire: Wire) -> None:
    wire.script(Reply([forever(b": ping\n\n")], drip=0.01))
    reply = client(wire, Limits(silent=0.2, total=PATIENCE)).stream(HELLO)
    with pytest.raises(ModelFault, match="took too long"):
        next(reply)
    assert wire.left.wait(PATIENCE)
    assert until(lambda: not replies_in_flight())


def test_endless_text_and_endless_names_end_at_the_longest_reply(wire: Wire) -> None:
    for content in (text("word " * 50)[0], tool(0, id="a", name="n" * 250), tool(0, id="a", arguments="[" * 250)):
        assert str(fault(wire, Reply([forever(content, 0.0)]))) == "did not stop talking"
    wire.script(says("x" * LONGEST_REPLY))
    assert len(client(wire).text(HELLO)) == LONGEST_REPLY


def test_a_consumer_that_stops_early_ends_the_thread_and_the_connection(wire: Wire) -> None:
    wire.script(Reply([forever(text("a")[0])]), Reply([*text("a"), stay]))
    for _ in range(2):
        wire.left.clear()
        reply = client(wire, Limits(silent=1, total=PATIENCE)).stream(HELLO)
        assert next(reply) == "a"
        reply.close()  # type: ignore[attr-defined]
        assert wire.left.wait(PATIENCE)
        assert until(lambda: not replies_in_flight())


def test_a_reply_that_nobody_reads_on_is_not_fetched_for_ever(wire: Wire) -> None:
    wire.script(Reply([forever(text("a")[0], 0.0)]))
    reply = client(wire, HASTY).stream(HELLO)
    assert next(reply) == "a"
    assert until(lambda: not replies_in_flight())
    with pytest.raises(ModelFault, match=r"took too long|did not stop"):
        list(reply)


def test_a_slow_consumer_still_gets_what_had_come_in_time(wire: Wire) -> None:
    wire.script(says("a", "b"))
    reply = client(wire, Limits(silent=5, total=5)).stream(HELLO)
    assert next(reply) == "a"
    assert until(lambda: not replies_in_flight())  # all of it has come
    assert list(reply) == ["b"]


def test_an_address_where_nobody_answers_or_that_is_none_cannot_be_reached() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        for url in (dead, "", "nonsense", "http://", "ftp://x", "http://[::1", "http://127.0.0.1:99999", "http://\0"):
            with pytest.raises(ModelFault) as raised:
                Client(url, "k", "m", PATIENT).text(HELLO)
            assert (str(raised.value), raised.value.rest) == ("cannot be reached", 30), url


def test_only_a_model_elsewhere_is_reached_through_the_proxy(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        wire.script(says("straight"))
        proxy.script(says("by proxy"))
        assert client(wire, local=True).text(HELLO) == "straight"
        assert client(wire).text(HELLO) == "by proxy"
        assert (len(wire.asked), len(proxy.asked)) == (1, 1)


def test_a_model_that_refuses_temperature_and_the_old_limit_is_asked_without_them(wire: Wire) -> None:
    wire.script(Reply(status=400), says("Hello"))
    assert "".join(map(str, client(wire).stream(HELLO))) == "Hello"
    first, second = wire.asked
    assert {"temperature", "max_tokens"} <= set(first)
    assert not {"temperature", "max_tokens"} & set(second)
    assert {name: value for name, value in first.items() if name in second} == second
