from __future__ import annotations

import pytest

from tests import needs


def test_what_is_lacking_skips_a_test_and_fails_it_where_ci_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="openssl is not here"):
        needs.needs_openssl()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="CI is to have it"):
        needs.needs_openssl()
