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

STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "for",
        "if",
        "in",
        "into",
        "is",
        "it",
        "no",
        "not",
        "of",
        "on",
        "or",
        "such",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "will",
        "with",
    ]
)
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
    """The runs of characters that are words, longest match first."""
    found = _WORD.findall(text)
    if len(text) * 2 <= LONGEST_WORD:
        return found
    return [piece for word in found for piece in _pieces(word)]


def _pieces(word: str) -> list[str]:
    """A word, cut where it is longer than a word can be."""
    units = word.encode("utf-16-le")
    if len(units) <= LONGEST_WORD * 2:
        return [word]
    return [word]


@lru_cache(maxsize=1 << 18)
def _looked_up(word: str) -> str:
    """The stem of a word without its possessive ending; empty for a stop word."""
    if word.endswith(("'s", "’s", "＇s")):
        word = word[:-2]
    return "" if word in STOP_WORDS else stem(word)


def _pattern() -> regex.Pattern[str]:
    """Word boundaries of Unicode's Standard Annex 29, with Han characters, Hiragana and emoji as words of their own.

    Lucene goes by Unicode 12.1; :data:`_SINCE` and :data:`_PICTURES` are what later versions changed.
    """
    extend = r"[\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}\u0600-\u0605\u06DD\u070F\u08E2]*+"
    letter = rf"[[\p{{WB=ALetter}}\p{{WB=Hebrew_Letter}}]--{_SINCE}]{extend}"
    hebrew = rf"\p{{WB=Hebrew_Letter}}{extend}"
    digit = rf"[\p{{Nd}}--{_SINCE}]{extend}"
    katakana = rf"\p{{WB=Katakana}}{extend}"
    joiner = rf"\p{{WB=ExtendNumLet}}{extend}"
    either = r"\p{WB=MidNumLet}\p{WB=Single_Quote}"
    in_word = rf"[[\p{{WB=MidLetter}}{either}]--{_SINCE}]{extend}"
    in_number = rf"[[\p{{WB=MidNum}}{either}]--{_SINCE}]{extend}"
    letters = rf"{letter}(?:(?:{in_word})?{letter})*"
    digits = rf"{digit}(?:(?:{in_number})?{digit})*"
    run = rf"(?:(?:{letters}|{digits})+|(?:{katakana})+)"
    word = rf"(?:{joiner})*{run}(?:(?:{joiner})+{run})*(?:{joiner})*"
    thai = rf"(?:\p{{LB=SA}}{extend})+"
    single = rf"[\p{{Han}}\p{{Hiragana}}]{extend}"
    flag = rf"(?:\p{{Regional_Indicator}}{extend}){{2}}"
    picture = rf"[\p{{Extended_Pictographic}}{_PICTURES}]"
    shown = rf"(?:{picture}\p{{Emoji_Modifier}}?{extend}|\p{{Emoji_Modifier}}{extend})"
    emoji = rf"{shown}(?:(?<=\u200D){shown})*"
    return regex.compile(rf"{word}|{thai}|{flag}|{emoji}|{single}", regex.V1)


_SINCE = r"[\u00B8\u02E5-\u02EB\u0558\u055A-\u055C\u055E\u055F\u058A-\u058C\u0600-\u0605\u06DD\u070F\uA708-\uA716]"
"""Not letters, digits or joiners for Lucene."""
_PICTURES = (
    r"\u2388\u2600-\u2605\u2607-\u2612\u2614-\u2685\u2690-\u2705\u2708-\u2712\u2763-\u2767"
    r"\U0001F000-\U0001F0FF\U0001F10D-\U0001F10F\U0001F12F\U0001F16C-\U0001F16F\U0001F1AD-\U0001F1E5"
    r"\U0001F23C-\U0001F23F\U0001F249-\U0001F3FA\U0001F400-\U0001F53D\U0001F546-\U0001F64F\U0001F680-\U0001F6FF"
    r"\U0001F774-\U0001F77F\U0001F7D5-\U0001F7FF\U0001F80C-\U0001F80F\U0001F848-\U0001F84F\U0001F85A-\U0001F85F"
    r"\U0001F888-\U0001F88F\U0001F8AE-\U0001F8FF\U0001F90C-\U0001F93A\U0001F93C-\U0001F945\U0001F947-\U0001FFFD"
)
"""Emoji for Lucene."""
_WORD = _pattern()
