"""Inputs of embeddings over the window: what is cut, what is refused, what is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from token_guard.counting import meter_for
from token_guard.errors import InputTooLongError
from token_guard.limits import Deployment, LimitChain
from token_guard.proxy.embeddings import beginning, fit_inputs

MODEL = "text-embedding-3-small"
WINDOW = 100
SMALL = Deployment(id="d", model_info={"max_input_tokens": WINDOW})
LONG = "\n".join(f"line {number} about ledgers" for number in range(200))


def fitted(value, **options):
    return fit_inputs({"model": MODEL, "input": value, "user": "u"}, LimitChain(), SMALL, **options)


def test_a_request_whose_inputs_fit_is_the_same_object():
    request = {"model": MODEL, "input": ["a", [1, 2]]}
    done = fit_inputs(request, LimitChain(), SMALL)
    assert done.request is request
    assert (done.report.action, done.report.decided_by) == ("none", "count")


def test_a_long_text_ends_at_a_line_and_fills_the_window():
    done = fitted(LONG)
    kept = done.request["input"]
    assert LONG.startswith(kept + "\n")
    assert 0.9 * WINDOW < meter_for(MODEL).text(kept) <= WINDOW
    assert (done.report.action, done.report.steps[0].name, done.request["user"]) == ("compacted", "truncate", "u")


def test_only_what_is_too_long_is_cut():
    done = fitted(["short", LONG, [5] * 300, {"image": "x"}, "data:image/png;base64," + "A" * 9_000])
    short, text, ids, other, image = done.request["input"]
    assert (short, len(ids), other, len(image)) == ("short", WINDOW, {"image": "x"}, 9_022)
    assert len(text) < len(LONG)


def test_token_ids_alone_are_one_input():
    assert fitted([7] * 300).request["input"] == [7] * WINDOW


@pytest.mark.parametrize(("value", "place", "over"), [([7] * 300, 0, 200), (["a", [7] * 130], 1, 30)])
def test_a_refusal_names_the_input_and_by_how_much_it_is_too_long(value, place, over):
    with pytest.raises(InputTooLongError, match=rf"^input\[{place}\] counts .* tokens, {over} more than the 100 that") as caught:
        fitted(value, reject=True)
    assert (caught.value.place, caught.value.allowed) == (place, WINDOW)


@pytest.mark.parametrize(("mode", "action"), [("observe", "observed"), ("off", "bypassed")])
def test_other_modes_change_nothing(mode, action):
    done = fitted(LONG, mode=mode)
    assert (done.request["input"], done.report.action) == (LONG, action)


@pytest.mark.parametrize("value", [None, 7, [], {}, [None, 5.5]])
def test_what_is_no_input_passes_by(value):
    assert fitted(value).request["input"] == value


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet=st.sampled_from("ab \n漢😀x\t."), min_size=1, max_size=400), st.integers(1, 60))
def test_the_beginning_of_a_text_never_counts_more_than_allowed(text, tokens):
    meter = meter_for(MODEL)
    kept = beginning(text, tokens, meter)
    assert text.startswith(kept)
    assert meter.text(kept) <= tokens


def test_a_text_without_spaces_is_cut_inside():
    assert 0 < len(beginning("a" * 9_000, 50, meter_for(MODEL))) < 9_000
