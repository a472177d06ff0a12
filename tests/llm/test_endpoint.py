"""Where the model is found: options before environment, and nothing secret in any text."""

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.endpoint import OPENAI, Endpoint
from codegen_hpo.testing import ScriptedServer

LOCAL = "http://localhost:11434/v1"


def offers(*names):
    return lambda endpoint: list(names)


@pytest.mark.parametrize(
    "environ",
    [{}, {"OPENAI_API_KEY": ""}, {"OPENAI_BASE_URL": " "}, {"CODEGEN_HPO_MODEL": "m"}],
    ids=["nothing", "empty key", "blank URL", "only a model in the environment"],
)
def test_nothing_configured_is_no_endpoint(environ):
    assert Endpoint.resolve(environ=environ) is None
    assert not Endpoint.is_named(None, environ)


def test_options_go_before_the_environment():
    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://other/v1", "CODEGEN_HPO_MODEL": "other"}
    endpoint = Endpoint.resolve(base_url=LOCAL, model="mine", environ=environ)
    assert (endpoint.url, endpoint.model, endpoint.api_key) == (LOCAL, "mine", "k")


def test_the_environment_alone_is_enough():
    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": LOCAL, "CODEGEN_HPO_MODEL": "m"}
    assert str(Endpoint.resolve(environ=environ)) == f"m at {LOCAL}"


def test_a_key_alone_means_openai_and_an_empty_url_is_no_url():
    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": ""}
    assert Endpoint.resolve(model="m", environ=environ).url == OPENAI


@pytest.mark.parametrize("named", [{"OPENAI_API_KEY": "k"}, {"OPENAI_BASE_URL": LOCAL}])
def test_a_key_or_a_url_names_an_endpoint(named):
    assert Endpoint.is_named(None, named)
    assert Endpoint.is_named(LOCAL, {})


def test_a_local_server_needs_no_key():
    endpoint = Endpoint.resolve(base_url=LOCAL, model="m", environ={})
    assert endpoint.api_key
    assert endpoint.secret == ""


def test_a_key_without_a_model_says_how_to_name_one():
    with pytest.raises(ConfigError, match="no model is named") as caught:
        Endpoint.resolve(environ={"OPENAI_API_KEY": "k"})
    assert "--model" in caught.value.hint
    assert "CODEGEN_HPO_MODEL" in caught.value.hint
    assert caught.value.exit_code == 3


def test_the_hint_names_a_way_without_a_model_only_where_there_is_one():
    with pytest.raises(ConfigError) as caught:
        Endpoint.resolve(environ={"OPENAI_API_KEY": "k"})
    assert "cookbook" not in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        Endpoint.resolve(environ={"OPENAI_API_KEY": "k"}, otherwise="--cookbook does without")
    assert caught.value.hint.endswith("; --cookbook does without")


def test_a_model_without_an_endpoint_says_how_to_name_one():
    with pytest.raises(ConfigError, match="'m' is named, but no endpoint") as caught:
        Endpoint.resolve(model="m", environ={})
    assert "--base-url" in caught.value.hint


def test_the_only_model_on_offer_is_taken():
    assert Endpoint.resolve(base_url=LOCAL, environ={}, list_models=offers("tiny")).model == "tiny"


def test_several_models_on_offer_are_listed():
    names = [f"m{i}" for i in range(12)]
    with pytest.raises(ConfigError, match=r"offers 12: m0, .*m7 and 4 more"):
        Endpoint.resolve(base_url=LOCAL, environ={}, list_models=offers(*names))


def test_the_models_are_asked_for_over_the_network():
    with ScriptedServer(models=["only"]) as server:
        assert Endpoint.resolve(base_url=server.base_url, environ={}).model == "only"


def test_a_server_that_lists_no_models_needs_a_name():
    with ScriptedServer(models=None) as server, pytest.raises(ConfigError, match="404") as caught:
        Endpoint.resolve(base_url=server.base_url, environ={})
    assert "--model" in caught.value.hint


@pytest.mark.parametrize(
    "url", ["localhost:11434/v1", "ftp://x/v1", "http://", "http://x:port/v1", "x", "http://[::1"]
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ConfigError, match="not an http"):
        Endpoint.resolve(base_url=url, model="m", environ={})


def test_no_text_form_holds_a_secret():
    endpoint = Endpoint(base_url="https://me:pass@host:8443/v1/?api-key=q", model="m", api_key="sk-1")
    assert endpoint.url == "https://host:8443/v1"
    for secret in ("pass", "sk-1", "api-key"):
        assert secret not in f"{endpoint!r} {endpoint}"


def test_a_bad_address_is_shown_without_its_password():
    with pytest.raises(ConfigError) as caught:
        Endpoint.resolve(base_url="ftp://me:hunter2@host", model="m", environ={})
    assert "hunter2" not in str(caught.value)
