"""Invented names for the demo book: companies, people, products and what stands on a deal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, Any]

PRODUCTS = ("Talent Hub", "Job Slots", "Skill Path", "Pay Compass")
LIST_PRICE_USD = (1800, 900, 240, 600)  # a seat or slot and year
SEGMENTS = ("SMB", "Mid-market", "Enterprise")
REGIONS = ("NA", "EMEA", "APAC", "LATAM")
TITLES = (
    "Head of People",
    "HR Director",
    "Talent Lead",
    "Recruiting Manager",
    "Learning Manager",
    "Procurement Manager",
    "Finance Director",
    "Operations Lead",
)

# Industry -> endings of company names; an ending belongs to one industry only.
INDUSTRIES = {
    "Software": ("Systems", "Software", "Cloudworks", "Dataworks"),
    "Banking": ("Bank", "Capital", "Savings", "Credit"),
    "Insurance": ("Insurance", "Mutual", "Assurance", "Underwriters"),
    "Healthcare": ("Health", "Clinics", "Medical", "Pharma"),
    "Retail": ("Stores", "Foods", "Outfitters", "Markets"),
    "Logistics": ("Logistics", "Freight", "Shipping", "Transport"),
    "Manufacturing": ("Works", "Tools", "Motors", "Metals"),
    "Energy": ("Energy", "Power", "Solar", "Grid"),
    "Education": ("Academy", "Colleges", "Schools", "Publishing"),
    "Media": ("Media", "Studios", "Broadcasting", "Pictures"),
    "Hospitality": ("Hotels", "Resorts", "Kitchens", "Travel"),
    "Construction": ("Builders", "Homes", "Concrete", "Engineering"),
}


def _words(listed: str) -> list[str]:
    return listed.split()


_HEADS = _words(
    """
    Abrel Aldrim Arvend Astrum Balden Berund Bolvar Brenik Cadrel Calvor Cindar Corvim Dalmer Darvun Delbor
    Dravin Eldrum Elvast Ermond Eskar Fandrel Felmor Fenrik Fordal Galdren Garvest Gelmin Grendal Haldor Harvik
    Helmund Hestrel Ildrav Imbren Isgard Ivorn Jalder Jarvim Jendrik Jorvel Kaldrin Kelvar Kestrim Korvand
    Lamdor Landrik Lervin Lorvand Maldren Marvik Melgard Mordun Naldor Narvest Nelbrun Nordrik Oldrav Ormand
    Osvel Othrin Paldrem Parvik Pelmor Prendal Quarvin Quelmor Raldrin Rendvik Rolmund Rundal Saldrek Selvand
    Silmor Standrel Taldrik Tervund Tolmar Trendal Ulmard Ursvel Valdrim Vendrak Volmer Vrendal Waldrek Welmund
    Wendral Worvan Yaldren Yervik Yolmard Zaldrin Zelvand Zorvim Hembrik Plomar
    """
)
_TAILS = _words(
    """
    a o ia ex on io aro ent ico ora une ova elle ane ist arc eon iva ost ette avia en us is or ar al and ard
    aska ello eno era esco essa eta iana ida igo ilo ima inda ino ique ira iso ita ium oda ola oma onda one onia
    opa orio osa oso ota ova ower uma una uno ura usa uta uva
    """
)

_FIRST = _words(
    """
    Amara Andre Anika Arjun Astrid Bao Beatriz Bruno Camila Carlos Chiara Clara Dana Daniel Diego Elena Elif
    Emeka Erik Fatima Felix Freya Gabriel Greta Hana Hugo Ines Ivan Jana Jonas Julia Kai Karim Kenji Lars Leila
    Lena Luca Lucia Magda Marco Marta Mateo Mei Milan Nadia Nils Nina Olga Omar Paula Pavel Priya Rafael Rosa
    Ruth Samir Sara Sofia Stefan Tariq Teresa Tomas Vera Victor Wei Yara Yusuf Zoe
    """
)
_LAST = _words(
    """
    Abreu Adeyemi Almeida Andersson Aydin Bauer Becker Bianchi Blom Castillo Chen Costa Dahl Demir Dubois
    Eriksen Farouk Ferrari Fischer Fontaine Garcia Gupta Haddad Hansen Hoffmann Iyer Jansen Jimenez Kaya Keller
    Khan Kim Kovacs Kruger Lang Larsen Lopez Marin Mbeki Mehta Meyer Mori Moreau Nakamura Navarro Novak Nowak
    Okafor Oliveira Patel Petrov Pereira Quispe Ramos Reyes Ricci Rojas Romero Sato Schmidt Silva Singh Suzuki
    Tanaka Torres Vargas Vidal Weber Yilmaz Zhang
    """
)


def companies(n: int, rng: np.random.Generator) -> tuple[list[str], Array]:
    """Return ``n`` distinct company names and each one's industry as a position in ``INDUSTRIES``.

    The first word is unique while ``n`` is below the some 6 000 coined words; after that an ending tells them apart.
    """
    words = list(dict.fromkeys(head + tail for head in _HEADS for tail in _TAILS))
    endings = [(ending, k) for k, group in enumerate(INDUSTRIES.values()) for ending in group]
    order, first_ending = rng.permutation(len(words)), rng.integers(0, len(endings), len(words))
    names, industry = [], np.empty(n, dtype=np.int64)
    for i in range(n):
        word = order[i % len(words)]
        ending, industry[i] = endings[(first_ending[word] + i // len(words)) % len(endings)]
        names.append(f"{words[word]} {ending}")
    return names, industry


def people(n: int, rng: np.random.Generator, *, distinct: bool = False) -> pd.Series:
    """Return ``n`` names of people; ``distinct`` repeats no full name (up to some 4 700) and spreads first names."""
    if distinct:
        first = np.resize(rng.permutation(len(_FIRST)), n)
        start = rng.permutation(len(_LAST))
        i = np.arange(n)
        last = start[(i % len(_FIRST) + i // len(_FIRST)) % len(_LAST)]
    else:
        first, last = rng.integers(0, len(_FIRST), n), rng.integers(0, len(_LAST), n)
    return text(_FIRST, first) + " " + text(_LAST, last)


def text(values: list[str] | tuple[str, ...] | pd.Series, positions: Array) -> pd.Series:
    """Return ``values[positions]`` as a text column; quick also for millions of rows."""
    return pd.Series(pd.array(list(values), dtype="str").take(positions))


def ids(prefix: str, n: int, width: int = 6) -> pd.Series:
    """Return ``prefix-000001`` … as a text column."""
    return prefix + "-" + pd.Series(np.arange(1, n + 1)).astype("str").str.zfill(width)
