"""A `hubbub.toml` that cannot be read: refused by a sentence, in which nothing of what is in it is told."""

from pathlib import Path

import pytest

from hubbub.settings import ConfigurationError, load

BROKEN = {
    "no TOML": (b'[app]\nsecret = "pa55', "hubbub.toml: "),
    "another encoding": ('[app]\nsecret = "pa55é"\n'.encode("latin-1"), "hubbub.toml: it is not UTF-8"),
    "UTF-16, as some editors save it": ('[app]\nsecret = "pa55"\n'.encode("utf-16"), "hubbub.toml: it is not UTF-8"),
    "nested without end": (b'secret = "pa55"\nx = ' + b"[" * 5000, "hubbub.toml: nested too deeply"),
}


@pytest.mark.parametrize(("content", "told"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_read_is_refused_by_its_name(
    content: bytes, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hubbub.toml"
    path.write_bytes(content)
    monkeypatch.setenv("HUBBUB_CONFIG", str(path))
    with pytest.raises(ConfigurationError) as error:
        load()
    assert told in str(error.value)
    assert "pa55" not in str(error.value)
    assert error.value.__cause__ is None
