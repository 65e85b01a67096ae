"""Languages: tells a question in a language that the copilot does not read, so that it is not taken for idle talk."""

from __future__ import annotations

import re
import unicodedata

from copilot.agent.bank import Bank, fold

# Frequent words of French, Spanish, Italian, Portuguese, Dutch and Polish that are neither English nor German.
FOREIGN = frozenset(
    "qui que quel quels quelle quelles quoi dois je les une est sont pour cette semaine avec mes mon "
    "combien pourquoi "
    "quien cual cuales cuanto cuantos debo los las para esta semana mis clientes por donde quiero el mi "
    "che chi devo quali sono questa settimana miei clienti quanto quanti perche il della domani oggi "
    "quem quais devo meus minha amanha hoje uma dos nao "
    "welke klanten moet ik deze bellen mijn het een voor hoeveel morgen "
    "kto kogo powinienem ktorzy klienci moje tym tygodniu jakie ile dlaczego".split()
)


def unread(text: str, bank: Bank) -> bool:
    """Say whether ``text``, with its names masked, is in another language than English or German."""
    text = re.sub(r"\{\w+\}", " ", text)
    letters = [one for one in text if one.isalpha()]
    if sum(not unicodedata.name(one, "").startswith("LATIN") for one in letters) > len(letters) / 2:
        return True
    words = [fold(word) for word in re.findall(r"[^\W\d_]+", text)]
    strange = [word for word in words if word in FOREIGN]
    return len(strange) > 1 and sum(map(bank.ordinary, set(words) - FOREIGN)) < len(strange)
