import pytest

from neuroscribe.notation import UNKNOWN, activation_table, slots_of

LEVELS = tuple(map(str, range(11)))
TOKENS = ("The", " rain", "\t", " 10", "🙂", "  ")


def slots(engine, text=None):
    table = activation_table(TOKENS, [UNKNOWN] * len(TOKENS))
    prompt = f"Explanation: rain\n{table}" if text is None else text
    (encoded,) = engine.model.encoder.encode([prompt])
    offsets = slots_of(prompt, table)
    return encoded, [engine.model.encoder.slot(prompt, encoded, at, LEVELS) for at in offsets]


def said(engine, ids) -> str:
    return engine.model.encoder.tokenizer.decode(ids, clean_up_tokenization_spaces=False)


@pytest.mark.parametrize(("name", "n_tokens"), [("gpt2, splits 10", 2), ("llama, keeps 10", 1)])
def test_answers_begin_behind_the_tab(engines, name, n_tokens):
    encoded, found = slots(engines[name])
    assert len(found) == len(TOKENS)
    for slot in found:
        assert said(engines[name], encoded.ids[: slot.cut]).endswith("\t")
        assert slot.given == 0
        assert len(slot.answers["10"]) == n_tokens
        assert {answer: said(engines[name], ids) for answer, ids in slot.answers.items()} == {
            level: level for level in LEVELS
        }


def test_where_the_placeholder_is_joined_with_the_tab_the_cut_is_before_both(engines):
    engine = engines["llama, joins tab and letters"]
    encoded, (slot, *_) = slots(engine)
    assert said(engine, encoded.ids[: slot.cut]).endswith("The")
    assert slot.given == 1
    assert {said(engine, ids[:1]) for ids in slot.answers.values()} == {"\t"}
    assert said(engine, slot.answers["10"]) == "\t10"
    assert len(slot.answers["10"]) == 3


def test_where_numbers_are_joined_with_the_tab_both_are_predicted_together(engines):
    engine = engines["gpt2, joins anything"]
    encoded, (slot, *_) = slots(engine)
    assert not said(engine, encoded.ids[: slot.cut]).endswith("\t")
    assert slot.given == 0
    assert all("\t" in said(engine, ids) for ids in slot.answers.values())


def test_special_tokens_stand_before_a_text(engines):
    encoder = engines["llama, keeps 10"].model.encoder
    (encoded,) = encoder.encode(["rain"])
    assert encoder.tokenizer.convert_ids_to_tokens(encoded.ids[0]) == "<s>"
    assert encoded.ends[0] == 0
    assert encoder.encode(["rain"], with_prefix=False)[0].ids == encoded.ids[1:]


def test_nothing_can_be_predicted_at_the_start_of_a_text(engines):
    encoder = engines["gpt2, splits 10"].model.encoder
    (encoded,) = encoder.encode(["unknown"])
    assert encoder.slot("unknown", encoded, 0, LEVELS) is None


def test_a_slot_inside_a_word_has_its_cut_before_the_word(engines):
    engine = engines["gpt2, splits 10"]
    encoder = engine.model.encoder
    (encoded,) = encoder.encode(["The rain"])
    slot = encoder.slot("The rain", encoded, 6, ("in", "y"))
    assert slot is not None
    assert {answer: said(engine, ids) for answer, ids in slot.answers.items()} in (
        {"in": " rain", "y": " ray"},
        {"in": "in", "y": "y"},
    )


def test_the_texts_of_tokens_keep_their_spaces(engines):
    encoder = engines["llama, keeps 10"].model.encoder
    (encoded,) = encoder.encode([" rain in\tSpain"])
    assert "".join(map(encoder.token_text, encoded.ids[1:])) == " rain in\tSpain"


def test_a_fragment_of_a_character_has_a_replacement(engines):
    encoder = engines["llama, keeps 10"].model.encoder
    fragment = encoder.tokenizer.convert_tokens_to_ids("ð")
    assert encoder.token_text(fragment) == "\ufffd"
