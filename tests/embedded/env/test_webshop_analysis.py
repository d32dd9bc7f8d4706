"""Words of queries and products: where they begin and end, and which are the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragen_tsr.embedded.env.webshop.analysis import LONGEST_WORD, STOP_WORDS, document_text, words
from ragen_tsr.embedded.env.webshop.stemmer import stem
from ragen_tsr.embedded.env.webshop.types import Product


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Men's Running-Shoes", ["men", "run", "shoe"]),
        ("the of and", []),
        ("", []),
        ("12.5oz 1,000 3;4 1:2", ["12.5oz", "1,000", "3;4", "1", "2"]),
        ("a.b o'neil x:y x·y x,y x;y", ["a.b", "o'neil", "x:y", "x·y", "x", "y", "x", "y"]),
        ("1'2 1’2 a‘b 1⁄2 a⁄b", ["1'2", "1’2", "a‘b", "1⁄2", "b"]),
        ("_a__1_ ___", ["_a__1_"]),
        ("a. 'quoted' .5", ["quot", "5"]),
        ("½ ② 5½ x²", ["5", "x"]),
        ("women’s", ["women"]),
        ("café naïve", ["café", "naïv"]),
        ("漢字 ひら テスト 한글", ["漢", "字", "ひ", "ら", "テスト", "한글"]),
        ("★new★ 👍🏽ok ❤️ 🇺🇸 #️⃣", ["★", "new", "★", "👍🏽", "ok", "❤️", "🇺🇸", "#️⃣"]),
        ("👨‍👩‍👧 ™ ©2020", ["👨‍👩‍👧", "™", "©", "2020"]),
        ("e\u0301t\u00ade", ["e\u0301t\u00ad"]),
        ("ไทย", ["ไทย"]),
        ("א' א\"ב", ["א'", 'א"ב']),
        ("x\u055by 1\u055c2 \u055e", ["x\u055by", "1\u055c2", "\u055e"]),
        ("1\u066b2 x\u066by \u066b", ["1\u066b2", "x\u066by", "\u066b"]),
        ("x\u19day \u19da\u19da", ["x", "\u19da", "y", "\u19da\u19da"]),
        ("x\U000110bdy 1\U000110cd2 \U000110bd", ["x\U000110bdy", "1\U000110cd2"]),
        ("x\U00016fe2y", ["x", "y"]),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def test_stop_words_are_those_of_lucene_after_the_possessive_is_dropped():
    assert len(STOP_WORDS) == 33
    assert words("it's THE that’s us") == ["us"]


def test_a_word_too_long_is_cut_as_utf16_counts():
    assert [len(word) for word in words("z" * 600)] == [LONGEST_WORD, LONGEST_WORD, 90]
    assert [len(word) for word in words("𝐳" * 200)] == [127, 73]


@pytest.mark.parametrize("text", ["_", "\u200d", "a_", "1.", '"', 'א"', "#\u0301", "❤️\u200d", "🇺", "_\u0301", "a'"])
def test_no_text_takes_more_than_about_linear_time(text):
    assert len(words(text * 4_000)) <= len(text) * 4_000


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters()))
def test_any_text_has_words_without_blanks(text):
    assert all(word and not word.isspace() for word in words(text))


@pytest.mark.parametrize(
    ("word", "expected"),
    [  # the examples of the published algorithm, with Lucene's two rules at the end
        ("caresses", "caress"), ("ponies", "poni"), ("ties", "ti"), ("cats", "cat"), ("feed", "feed"),
        ("agreed", "agre"), ("plastered", "plaster"), ("bled", "bled"), ("motoring", "motor"), ("sing", "sing"),
        ("conflated", "conflat"), ("troubled", "troubl"), ("sized", "size"), ("hopping", "hop"), ("falling", "fall"),
        ("hissing", "hiss"), ("fizzed", "fizz"), ("failing", "fail"), ("filing", "file"), ("happy", "happi"),
        ("sky", "sky"), ("relational", "relat"), ("conditional", "condit"), ("vietnamization", "vietnam"),
        ("operator", "oper"), ("hopefulness", "hope"), ("formative", "form"), ("electrical", "electr"),
        ("revival", "reviv"), ("allowance", "allow"), ("replacement", "replac"), ("adoption", "adopt"),
        ("rate", "rate"), ("cease", "ceas"), ("controll", "control"), ("roll", "roll"), ("is", "is"), ("ies", "i"),
        ("trekking", "trek"), ("possibly", "possibl"), ("technology", "technolog"), ("bly", "bly"),
    ],
)  # fmt: skip
def test_stems(word, expected):
    assert stem(word) == expected


def test_the_text_of_a_product_is_its_title_description_first_feature_and_options():
    product = Product(
        asin="B000000001", title="Red Shoe", description="For feet.", features=("Soft", "unused"), query="shoes",
        category="fashion", product_category="Shoes › Men", options={"size": ("8", "9"), "color": ("red",)},
        price_range=(1.0,), price_tag="$1.0", attributes=("soft",), instruction=None, instruction_attributes=(),
    )  # fmt: skip
    assert document_text(product) == "red shoe for feet. soft size: 8, 9, and color: red"
