from cli_running import run

from langchain_consensus.engine.embedded import DEFAULT_EMBEDDED_MODEL, EMBEDDED_MODELS


def test_models_says_what_is_installed_where_and_how_large(tmp_path):
    ran = run("models", "--cache-dir", tmp_path, columns=200)
    assert ran.code == 0
    for name, model in EMBEDDED_MODELS.items():
        assert name in ran.out
        assert model.licence in ran.out
    assert "1.12 GB" in ran.out
    assert f"{DEFAULT_EMBEDDED_MODEL} (the default, a chat model)" in ran.out


def test_models_json_has_one_object_a_model(tmp_path):
    found = run("models", "--json", "--cache-dir", tmp_path).objects
    assert [one["name"] for one in found] == list(EMBEDDED_MODELS)
    for one, model in zip(found, EMBEDDED_MODELS.values(), strict=True):
        assert one["package_bytes"] == model.size_bytes
        assert one["packages"] == len(model.packages)
        assert not one["converted"]
        assert one["converted_in"].startswith(str(tmp_path))
        assert one["ready"] == (one["installed"] == one["packages"])
        assert one["install"] == f'pip install "langchain-consensus[{model.pip_extra}]"'
