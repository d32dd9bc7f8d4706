"""Which text of a product is searched, and the words a text is made of.

Decides exactly what the analyser of upstream's search engine does (Lucene's standard tokenizer and English
filters): where words begin and end, which are left out, and which are the same word. What a word counts for is
decided in :mod:`.index`.
"""

from __future__ import annotations

from functools import lru_cache

import regex

from .stemmer import stem
from .types import Product

_STOP_WORDS = (
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this "
    "to was will with"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words that are not searched for."""

LONGEST_WORD = 255
"""A longer word is cut into pieces of this length, in UTF-16 units."""


def document_text(product: Product) -> str:
    """The text under which a product is found: title, description, first feature and options."""
    options = ", and ".join(f"{name}: {', '.join(values)}" for name, values in product.options.items())
    return " ".join((product.title, product.description, *product.features[:1], options)).lower()


def words(text: str) -> list[str]:
    """The words of ``text`` as they are looked up: lower-case, without stop words, stemmed, in order.

    Any text is fine; one without a word gives an empty list.
    """
    found = map(_looked_up, _split(text.lower()))
    return [word for word in found if word]


def _split(text: str) -> list[str]:
    """The runs of characters that are words."""
    runs = _WORD.findall(text)
    if 2 * max(map(len, runs), default=0) <= LONGEST_WORD:
        return runs
    return [piece for run in runs for piece in _cut(run)]


def _cut(run: str) -> list[str]:
    """The words of a run of any length: none looks further than :data:`LONGEST_WORD` units."""
    pieces, start = [], 0
    while start < len(run):
        seen = run[start : start + LONGEST_WORD]
        while _units(seen) > LONGEST_WORD:
            seen = seen[:-1]
        match = _WORD.match(run, start, start + len(seen))
        if match is not None:
            pieces.append(match.group())
        start = start + 1 if match is None else match.end()
    return pieces


def _units(text: str) -> int:
    """The length of a text in UTF-16, which is what Lucene counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@lru_cache(maxsize=1 << 18)
def _looked_up(word: str) -> str:
    """The stem of a word without its possessive ending; empty for a stop word."""
    if word.endswith(("'s", "’s", "＇s")):
        word = word[:-2]
    return "" if word in STOP_WORDS else stem(word)


def _pattern() -> regex.Pattern[str]:
    """Word boundaries of Unicode's Standard Annex 29, with Han characters, Hiragana and emoji as words of their own.

    Lucene goes by Unicode 12; ``newer`` and ``older`` are where the ``regex`` package's later Unicode differs.
    Quantifiers are possessive where nothing else could match, so that no text takes more than linear time.
    """
    newer = (
        r"[\u00B8\u02E5-\u02EB\u0558\u055A\u055F\u058A-\u058C\u0600-\u0605\u06DD\u070F"
        r"\uA708-\uA716]"  # not letters, digits or joiners then
    )
    older = (  # pictures then; most were never assigned
        r"\u2388\u2600-\u2605\u2607-\u2612\u2614-\u2685\u2690-\u2705\u2708-\u2712\u2763-\u2767\U0001F000-\U0001F0FF"
        r"\U0001F10D-\U0001F10F\U0001F12F\U0001F16C-\U0001F16F\U0001F1AD-\U0001F1E5\U0001F23C-\U0001F23F"
        r"\U0001F249-\U0001F3FA\U0001F400-\U0001F53D\U0001F546-\U0001F64F\U0001F680-\U0001F6FF"
        r"\U0001F774-\U0001F77F\U0001F7D5-\U0001F7FF\U0001F80C-\U0001F80F\U0001F848-\U0001F84F"
        r"\U0001F85A-\U0001F85F\U0001F888-\U0001F88F\U0001F8AE-\U0001F8FF\U0001F90C-\U0001F93A"
        r"\U0001F93C-\U0001F945\U0001F947-\U0001FFFD"
    )
    extender = r"[\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}\u0600-\u0605\u06DD\u070F\u08E2\U000110BD\U000110CD]"
    extend = rf"{extender}*+"

    either = r"\p{WB=MidNumLet}\p{WB=Single_Quote}"
    in_word = rf"[[\p{{WB=MidLetter}}{either}]--{newer}]{extend}"
    in_number = rf"[[\p{{WB=MidNum}}{either}\uFE10\uFE14]--{newer}]{extend}"
    letter = rf"[[\p{{WB=ALetter}}\p{{WB=Hebrew_Letter}}]--{newer}]{extend}"
    digit = rf"[\p{{Nd}}\u066B--{newer}]{extend}"
    hebrew = rf"\p{{WB=Hebrew_Letter}}{extend}"
    letters = rf"""{hebrew}(?:'{extend}|"{extend}{hebrew})|{letter}(?:{in_word}{letter})*+"""
    digits = rf"{digit}(?:{in_number}{digit})*+"
    katakana = rf"\p{{WB=Katakana}}{extend}"
    joiner = rf"\p{{WB=ExtendNumLet}}{extend}"
    run = rf"(?:(?:{letters}|{digits})++|(?:{katakana})++)"
    idle = rf"(?:\p{{WB=ExtendNumLet}}[{extender}--[\u200D\p{{Emoji_Modifier}}]]*+)++(*SKIP)(*FAIL)"
    word = rf"(?:{joiner}){{0,{LONGEST_WORD}}}+{run}(?:(?:{joiner})++{run})*(?:{joiner})*+|{idle}"
    single = rf"[[\p{{Han}}\p{{Hiragana}}]--\U00016FE2]{extend}"
    unspaced = rf"(?:[\p{{LB=SA}}\u19DA]{extend})++"  # Thai, Lao, Khmer, ...

    unshown = rf"[{extender}--[\uFE0E\uFE0F]]"
    picture = rf"[\p{{Extended_Pictographic}}{older}]{unshown}*+\uFE0F?"
    tone = rf"\p{{Emoji_Modifier}}{unshown}*+"
    joined = rf"(?:(?<=\u200D)|(?<=\uFE0F)\u200D+){picture}|(?<=\uFE0F)\u200D{tone}"
    tag = r"(?<=\uFE0F)[\U000E0020-\U000E007E]++\U000E007F"
    emoji = rf"(?:\u200D*+{picture}|{tone})(?:{joined})*(?:{tag})?|\u200D++(*SKIP)(*FAIL)"
    flag = rf"(?:\p{{Regional_Indicator}}{extend}){{2}}"
    keycap = rf"[#*]{unshown}*\uFE0F?\u20E3{unshown}*+"
    plain = r"[a-z0-9]++(?=[ \-/()&!]|[,.:;] |$)"  # what most words are, found sooner
    return regex.compile(rf"{plain}|{word}|{single}|{unspaced}|{emoji}|{flag}|{keycap}", regex.V1)


_WORD = _pattern()
