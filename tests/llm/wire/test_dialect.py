from neuroscribe.llm.wire.dialect import Dialect


def test_an_optional_parameter_is_dropped_once_it_was_refused():
    dialect = Dialect(limit="max_tokens")
    assert dialect.learn({"temperature": 0, "max_tokens": 1}, "temperature", "no")
    assert dialect.refused == {"temperature"}


def test_the_parameter_may_be_named_in_the_message_alone():
    dialect = Dialect(limit="max_tokens")
    assert dialect.learn({"seed": 1}, None, "Extra inputs are not permitted: 'seed'")
    assert dialect.refused == {"seed"}


def test_the_other_name_of_the_limit_is_tried_once():
    dialect = Dialect(limit="max_tokens")
    message = "'max_tokens' is not supported, use 'max_completion_tokens'"
    assert dialect.learn({"max_tokens": 1}, "max_tokens", message)
    assert dialect.limit == "max_completion_tokens"
    assert not dialect.learn(
        {"max_completion_tokens": 1}, "max_completion_tokens", "not supported either"
    )


def test_an_essential_parameter_is_remembered_but_nothing_is_sent_again():
    dialect = Dialect(limit="max_tokens")
    assert not dialect.learn({"logprobs": True, "top_logprobs": 5}, "logprobs", "no")
    assert dialect.refused == {"logprobs"}


def test_a_complaint_about_something_else_teaches_nothing():
    dialect = Dialect(limit="max_tokens")
    assert not dialect.learn({"max_tokens": 1}, None, "the context is 4096 tokens long")
    assert not dialect.learn({"max_tokens": 1}, "messages", "too many messages")
    assert dialect == Dialect(limit="max_tokens")


def test_requests_under_way_together_all_learn_the_same():
    dialect = Dialect(limit="max_tokens")
    assert dialect.learn({"seed": 1}, "seed", "no")
    assert dialect.learn({"seed": 1}, "seed", "no")
    message = "Unsupported parameter: 'max_tokens'"
    assert dialect.learn({"max_tokens": 1}, "max_tokens", message)
    assert dialect.learn({"max_tokens": 1}, "max_tokens", message)
    assert dialect.limit == "max_completion_tokens"


def test_a_limit_that_is_too_large_is_not_a_wrong_name():
    dialect = Dialect(limit="max_tokens")
    assert not dialect.learn({"max_tokens": 9000}, "max_tokens", "max_tokens is too large: 9000")
    assert dialect.limit == "max_tokens"


def test_a_host_that_refuses_zero_tokens_is_asked_for_one():
    dialect = Dialect(limit="max_tokens")
    assert dialect.learn({"prompt": "a", "max_tokens": 0}, None, "max_tokens must be at least 1")
    assert not dialect.zero_tokens
    assert not dialect.learn({"prompt": "a", "max_tokens": 1}, "max_tokens", "still no")
