"""The page: whole, self-contained, escaped, accessible, and small, whatever the results lack."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
from collections import Counter
from pathlib import Path

import pytest

import mho.report
from mho.errors import ConfigError
from mho.report.page import render

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}</style></title>"
CSS = (Path(mho.report.__file__).parent / "templates" / "page.css").read_text(encoding="utf-8")
VOID = {"meta", "input", "link", "br", "hr", "img"}


class Reader(html.parser.HTMLParser):
    """Checks that tags nest, and collects what the tests ask about."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.ids, self.attributes, self.text = [], [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def text_of(page):
    """The words of a page, one space between them."""
    return " ".join(" ".join(Reader(page).text).replace("\u00a0", " ").split())


def only_one_time(example):
    for step in example["steps"]:
        step["times"], step["paired"] = step["times"][:1], step["paired"][:1]
    example["target"]["lifetime_s"] = None


def at_zero_seconds(example):
    for step in example["steps"]:
        step["times"][0].update(t_s=0.0, extrapolated=False)


def without_chips(example):
    for step in example["steps"]:
        for moment in step["times"]:
            moment.update(accuracies=[], **{"yield": None})


def one_chip(example):
    for step in example["steps"]:
        for moment in step["times"]:
            moment.update(accuracies=moment["accuracies"][:1], chips=1, ci_low=None, ci_high=None)


def bare(example):
    for key in list(example):
        if key not in ("format", "baseline"):
            del example[key]


def no_card(example):
    example["hardware"]["device"] = {}


def unknown_law(example):
    example["hardware"]["device"]["drift"] = {"law": "of a later version"}


def one_step(example):
    del example["steps"][1:]


def no_target(example):
    example["target"] = None


def no_coverage(example):
    example["network"]["coverage"] = []


def macs_not_traced(example):
    example["network"].update(macs=None, share_macs=None)
    for layer in example["network"]["coverage"]:
        layer["macs"] = None


def uneven_times(example):
    example["steps"][0]["times"] = example["steps"][0]["times"][:2]
    example["steps"][1]["times"] = example["steps"][1]["times"][1:]


def no_extrapolation(example):
    for step in example["steps"]:
        for moment in step["times"]:
            moment["extrapolated"] = False


LACKS = [
    only_one_time, at_zero_seconds, without_chips, one_chip, bare, no_card, unknown_law, one_step,
    no_target, no_coverage, macs_not_traced, uneven_times, no_extrapolation,
]  # fmt: skip


def many_steps(example, step_of, count=30):
    example["steps"] = [example["steps"][0]] + [
        step_of(f"method {i}", ["distill"], [0.95 + 0.0008 * i] * 5, [0.004] * 5, seed=i,
                cost={"area_share": 0.001 * i})
        for i in range(count - 1)
    ]  # fmt: skip
    return example


def test_the_verdict_stands_first(example):
    page = render(example)
    reader = Reader(page)
    words = text_of(page)
    said = "Mapped as it is, LeNet-5 falls from 97.6 % to"
    assert reader.tags.count("h1") == 1
    assert words.index(said) < words.index("Accuracy over time") < words.index("What each method")


@pytest.mark.parametrize("lack", LACKS, ids=lambda lack: lack.__name__)
def test_a_page_is_whole_whatever_is_missing(example, lack):
    lack(example)
    page = render(example)
    reader = Reader(page)
    assert [name for name, n in Counter(reader.ids).items() if n > 1] == []
    assert "None" not in text_of(page)
    assert "nan" not in re.sub(r"[A-Za-z]nan|nan[A-Za-z]", "", page)


def test_the_page_asks_nothing_of_the_network(example):
    page = render(example)
    reader = Reader(page)
    links = [v for _, name, v in reader.attributes if name in ("src", "href", "srcset", "action")]
    assert links
    assert all(link.startswith(("#", "data:text/plain")) for link in links)
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    assert {"link", "img", "iframe", "object"}.isdisjoint(reader.tags)


def test_only_the_page_s_own_script_may_run(example):
    page = render(example)
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page
    assert page.count("<script") == 1


def spoil(value):
    if isinstance(value, str):
        return value + HOSTILE
    if isinstance(value, list):
        return [spoil(item) for item in value]
    return {key: spoil(item) for key, item in value.items()} if isinstance(value, dict) else value


def test_hostile_names_stay_text(example):
    for key in ("study", "network", "data", "versions", "hashes", "seeds", "created", "mho"):
        example[key] = spoil(example[key])
    example["versions"][HOSTILE] = HOSTILE
    for step in example["steps"]:
        for key in ("name", "method", "notes"):
            step[key] = spoil(step[key])
        step["knows"][HOSTILE] = HOSTILE
        for difference in step["paired"]:
            difference["against"] += HOSTILE
        for entry in step["schedule"] or ():
            entry["set"] = f"{entry['set']}{HOSTILE}"
    device = example["hardware"]["device"]
    device["name"] = device["description"] = device["source"]["citation"] = HOSTILE
    example["hardware"]["mapping"] = HOSTILE
    example["hardware"]["notes"] = [HOSTILE]
    example["fit"] = {HOSTILE: {HOSTILE: HOSTILE}}
    page = render(example)
    reader = Reader(page)
    assert reader.tags.count("script") == 1
    assert "img" not in reader.tags
    assert not [name for _, name, _ in reader.attributes if name.startswith("on")]
    assert "{{7*7}}" in text_of(page)


def test_the_study_is_folded_in_verbatim_and_can_be_saved(example):
    example["study"]["toml"] = 'name = "<ü> & 10 µS"\n'
    page = render(example)
    assert "&lt;ü&gt; &amp; 10 µS" in page
    assert 'href="data:text/plain;charset=utf-8,name%20%3D%20%22%3C%C3%BC%3E' in page


def test_thirty_methods_fit_in_half_a_megabyte(example, step_of):
    page = render(many_steps(example, step_of))
    assert len(page.encode()) < 500_000
    assert "method 28" in text_of(page)
    assert "drawn in grey" in page
    Reader(page)


def test_the_example_is_small(example):
    assert len(render(example).encode()) < 200_000


def test_every_picture_has_words_and_numbers_behind_it(example):
    page = render(example)
    reader = Reader(page)
    pictures = sum(
        1 for tag, name, v in reader.attributes if (tag, name, v) == ("svg", "role", "img")
    )
    described = [v for tag, name, v in reader.attributes if tag == "svg" and name == "aria-label"]
    assert pictures == len(described) > 8
    assert all(len(words) > 15 for words in described)
    figures = re.findall(r'<figure id="fig-([\w-]+)".*?</figure>', page, re.DOTALL)
    tables = re.findall(r'<caption class="hidden">Numbers behind: ([\w-]+)', page)
    assert set(figures) - set(tables) == {"coverage"}  # its table is the list of layers


def test_what_a_method_may_know_is_said(example):
    page = render(example)
    row = re.search(r"<th scope=\"row\">[^\n]*VeRA\+</th>\n(.*?)</tr>", page, re.DOTALL)[1]
    assert re.findall(r'class="know (\w+)"', row) == ["yes", "yes", "yes", "yes", "no"]


def test_the_layers_that_stayed_digital_are_named_with_the_reason(example):
    words = text_of(render(example))
    assert "What stayed digital, and why" in words
    assert "biases are added digitally: biases" in words


def test_seeds_versions_and_hashes_are_there(example):
    words = text_of(render(example))
    for part in ("0 – 19", "2.13.0", "a" * 64, "mho run study.toml"):
        assert part in words


@pytest.mark.parametrize("mapping", ["charan2020-legacy", {"law": "charan2020-legacy"}])
def test_the_collapse_of_the_legacy_rule_is_explained(example, mapping):
    assert "Why it collapses" not in text_of(render(example))
    example["hardware"]["mapping"] = mapping
    assert "Why it collapses: this mapping has no scale per layer" in text_of(render(example))


def test_a_note_said_by_several_methods_stands_once(example):
    for step in example["steps"]:
        step["notes"] = ["Said by all."]
    page = render(example)
    assert page.count("Said by all.") == 1


def test_the_chosen_method_is_marked(example):
    page = render(example)
    assert page.count("the only one that meets the target") == 1
    assert re.search(r'<h1>.*<em class="s3">distilled', page)


def test_results_that_are_none_are_refused():
    with pytest.raises(ConfigError, match="not a results file"):
        render({"hello": 1})


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    """The contrast of WCAG 2: 1 to 21."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_style_sheet_is_whole():
    assert CSS.count("{") == CSS.count("}")
    dark, print_ = CSS.index("@media screen and (prefers-color-scheme: dark)"), "@media print"
    assert dark < CSS.index(print_)
    printed = CSS[CSS.index(print_) :]
    assert ".stage > .wide { display: block; }" in printed
    assert ".stage > .narrow, .legend { display: none; }" in printed


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_lines_stand_out(theme):
    blocks = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    colours = dict(re.findall(r"--([\w]+): (#[0-9a-f]{6})", blocks[0]))
    if theme == "dark":
        colours.update(re.findall(r"--([\w]+): (#[0-9a-f]{6})", blocks[1]))
    text = ["ink", "soft", "good", "bad", *(f"s{i}" for i in range(8))]
    assert {name: round(contrast(colours[name], colours["paper"]), 1) for name in text
            if contrast(colours[name], colours["paper"]) < 4.5} == {}  # fmt: skip
    for ground in ("raised", "mark", "pill", "tint"):
        assert contrast(colours["ink"], colours[ground]) >= 4.5
    assert contrast(colours["good"], colours["mark"]) >= 4.5
    assert contrast(colours["rule"], colours["paper"]) >= 3
