"""Which parts of a string may be shown, by its path."""

from __future__ import annotations

import pytest

from genesis_config.config.positions import shown

P = ("models", "providers", "vllm")
KEY = "sk-abcdefghijklmnop12345678"


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ((*P, "baseUrl"), "http://10.0.0.5:8000/v1", None),
        ((*P, "baseUrl"), "http://me:pw@10.0.0.5/v1", "http://***@10.0.0.5/v1"),
        ((*P, "baseUrl"), "http://me:p/w@10.0.0.5/v1", "http://***@10.0.0.5/v1"),
        ((*P, "baseUrl"), "http://h/v1?api_key=hunter2&x=1", "http://h/v1?api_key=***&x=1"),
        ((*P, "baseUrl"), "http://${HOST}/v1?key=${KEY}", None),
        *(
            ((*P, "baseUrl"), f"{before}{user}@h/v1", f"{before}***@h/v1")
            for before in ("", "http:/", "https:", "//", "http://", "HTTP:///")
            for user in ("admin:S", "a:pa'S", "a:p S", "a:p`S", 'a:p"S', "a/S", "a@b:S", "a:${P}")
        ),
        ((*P, "baseUrl"), "http://a#S@h/v1", "http://***"),
        ((*P, "baseUrl"), "http://a?S@h/v1", "http://***"),
        (("env", "vars", "BASE"), "http://a:p'S@h/v1?pw=S", "http://***@h/v1?pw=***"),
        *(
            ((*P, "baseUrl"), f"{url}?{name}={value}&page=2", f"{url}?{name}=***&page=2")
            for url in ("http://h:8000/v1", "localhost:8000/v1", "//h")
            for name in ("api_key", "a[api_key]", "api%5Fkey", "auth", "pw")
            for value in ("S", "'S'", "a S", "${K}S", "${K:-S}")
        ),
        ((*P, "baseUrl"), "http://h/v1?S#T", "http://h/v1?***#***"),
        ((*P, "baseUrl"), "${URL:-http://h/v1?pw=S}", "${URL:-http://h/v1?pw=***"),
        ((*P, "baseUrl"), "http://${HOST:?ask me@corp}/v1?api-version=2024-02-01&on=true&auth=${K}", None),
        ((*P, "baesUrl"), "http://10.0.0.5:8000/v1", None),
        ((*P, "apiKey"), "hunter2", "***"),
        ((*P, "apiKye"), "hunter2", "***"),
        ((*P, "apiKey"), "Bearer hunter2", "Bearer ***"),
        ((*P, "apiKey"), "${VLLM_API_KEY}", None),
        ((*P, "apiKey"), "${VLLM_API_KEY:-hunter2}", "${VLLM_API_KEY:-***}"),
        ((*P, "apiKey"), "$VLLM_API_KEY", None),
        ((*P, "apiKey"), "$hunter2", "***"),
        ((*P, "apiKey"), "os.environ/VLLM_API_KEY", None),
        ((*P, "apiKey"), "EMPTY", None),
        ((*P, "apiKey", "env"), "X", None),
        ((*P, "apiKey", "id"), "VLLM_API_KEY", None),
        ((*P, "apiKey", "id"), "hunter2", "***"),
        ((*P, "apiKey", "id"), "AKIAIOSFODNN7EXAMPLE", "***"),
        ((*P, "apiKey", "value"), "hunter2", "***"),
        ((*P, "headers", "X-Tenant"), "research", "***"),
        ((*P, "models", 0, "headers", "X-Tenant"), "research", "***"),
        ((*P, "models", 0, "id"), "org/model", None),
        ((*P, "models", 0, "id"), f"org/{KEY}", "org/***"),
        ((*P, "models", 0, "contextWindow"), "8192", None),
        ((*P, "models", 0, "input", 0), "text", None),
        ((*P, "models", 0, "idd"), "hunter2", "***"),
        ((*P, "auth"), "api-key", None),
        ((*P, "auth"), "hunter2", "***"),
        ((*P, "params", "user"), "team", None),
        ((*P, "params", "api_key"), "hunter2", "***"),
        ((*P, "params", "extra", "apiKye"), "hunter2", "***"),
        (("env", "vars", "STAGE"), "test-1", None),
        (("env", "vars", "REVISION"), "0123456789abcdef0123456789abcdef01234567", None),
        (("env", "vars", "MY_TOKEN"), "hunter2", "***"),
        (("agents", "defaults", "model"), f"vllm/{KEY}", "vllm/***"),
        (("agents", "defaults", "models", "p/m", "alias"), "fast", None),
        (("auth", "order", "vllm", 0), "vllm:default", None),
        (("auth", "profiles", "vllm:default", "key"), "hunter2", "***"),
        (("gateway", "password"), "hunter2", "***"),
        ((), "hunter2", "***"),
    ],
)
def test_text_shown_in_messages(path: tuple[str | int, ...], text: str, expected: str | None) -> None:
    assert shown(path, text) == (text if expected is None else expected)


def test_variable_used_in_a_secret_position_is_secret() -> None:
    assert shown(("env", "vars", "MINE"), "hunter2") == "hunter2"
    assert shown(("env", "vars", "MINE"), "hunter2", {"MINE"}) == "***"
