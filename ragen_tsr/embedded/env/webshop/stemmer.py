"""The Porter stemmer, as Lucene has it.

Decides the stem of one lower-case word; what a word is is decided in :mod:`.analysis`. Written from M. F. Porter, "An
algorithm for suffix stripping", Program 14(3), 1980, whose step names are used. Lucene follows Porter's own later
program, which has ``bli -> ble`` for ``abli -> able``, and ``logi -> log`` in addition. Stemming libraries have the
paper's rules, or Porter's second algorithm; neither gives the same words.
"""

from __future__ import annotations

import re

_STEP_2 = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize", "bli": "ble", "alli": "al",
    "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize", "ation": "ate", "ator": "ate", "alism": "al",
    "iveness": "ive", "fulness": "ful", "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble",
    "logi": "log",
}  # fmt: skip
_STEP_3 = {"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""}
_STEP_4 = (
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "sion", "tion", "ou", "ism",
    "ate", "iti", "ous", "ive", "ize",
)  # fmt: skip
"""``sion`` and ``tion`` lose only their last three letters."""


def _ending(suffixes: tuple[str, ...] | dict[str, str]) -> re.Pattern[str]:
    """Finds the longest of ``suffixes`` at a word's end."""
    return re.compile(f"(?:{'|'.join(sorted(suffixes, key=len, reverse=True))})$")


_ENDING_2, _ENDING_3, _ENDING_4 = _ending(tuple(_STEP_2)), _ending(tuple(_STEP_3)), _ending(_STEP_4)


def stem(word: str) -> str:
    """The stem of a lower-case word. Words of one or two letters, as UTF-16 counts them, are their own stems."""
    if len(word.encode("utf-16-le", "surrogatepass")) <= 4:
        return word
    word = _step_1c(_step_1b(_step_1a(word)))
    word = _replace(word, _ENDING_2, _STEP_2)
    word = _replace(word, _ENDING_3, _STEP_3)
    return _step_5(_step_4(word))


def _step_1a(word: str) -> str:
    """Plurals."""
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _step_1b(word: str) -> str:
    """``-eed``, ``-ed`` and ``-ing``."""
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for suffix in ("ed", "ing"):
        if word.endswith(suffix):
            rest = word[: -len(suffix)]
            return _mended(rest) if "v" in _shape(rest) else word
    return word


def _mended(word: str) -> str:
    """A verb that has lost ``-ed`` or ``-ing``, made to look like its other forms."""
    if word.endswith(("at", "bl", "iz")):
        return word + "e"
    if _doubled(word):
        return word if word[-1] in "lsz" else word[:-1]
    return word + "e" if _measure(word) == 1 and _short(word) else word


def _step_1c(word: str) -> str:
    """A final ``y`` after a vowel somewhere becomes ``i``."""
    return word[:-1] + "i" if word.endswith("y") and "v" in _shape(word[:-1]) else word


def _replace(word: str, ending: re.Pattern[str], rules: dict[str, str]) -> str:
    """Steps 2 and 3: the longest suffix is replaced if what precedes it has a measure above 0."""
    if (found := ending.search(word)) is None:
        return word
    rest = word[: found.start()]
    return rest + rules[found.group()] if _measure(rest) > 0 else word


def _step_4(word: str) -> str:
    """The longest suffix goes if what precedes it has a measure above 1."""
    if (found := _ENDING_4.search(word)) is None:
        return word
    rest = word[: found.start() + (found.group() in ("sion", "tion"))]
    return rest if _measure(rest) > 1 else word


def _step_5(word: str) -> str:
    """A final ``e``, and one of two final ``l``."""
    if word.endswith("e"):
        rest = word[:-1]
        measure = _measure(rest)
        if measure > 1 or (measure == 1 and not _short(rest)):
            word = rest
    return word[:-1] if word.endswith("l") and _doubled(word) and _measure(word) > 1 else word


def _shape(word: str) -> str:
    """``v`` for each vowel, ``c`` for everything else; ``y`` is a vowel after a consonant."""
    shape = ""
    for letter in word:
        shape += "v" if letter in "aeiou" or (letter == "y" and shape.endswith("c")) else "c"
    return shape


def _measure(word: str) -> int:
    """How many times a vowel is followed by a consonant."""
    return _shape(word).count("vc")


def _doubled(word: str) -> bool:
    """Whether the word ends in the same consonant twice."""
    return len(word) > 1 and word[-1] == word[-2] and _shape(word).endswith("c")


def _short(word: str) -> bool:
    """Whether the word ends consonant, vowel, consonant other than w, x and y (in UTF-16: an emoji is two)."""
    return _shape(word).endswith("cvc") and word[-1] not in "wxy" and word[-1] <= "\uffff"
