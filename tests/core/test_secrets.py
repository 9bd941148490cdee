"""What must not be read in messages, plans and results."""

from scalingar.core.secrets import all_struck, struck


def test_users_and_keys_in_addresses() -> None:
    assert struck("see http://me:open@host:80/v1 now") == "see http://***@host:80/v1 now"
    assert struck("https://token@host") == "https://***@host"
    assert (
        struck("https://host/v1?size=3&api_key=abc&X-Sig=d#end") == "https://host/v1?size=3&api_key=***&X-Sig=***#end"
    )
    assert struck("mail me@host, a key=value, http://host/v1") == "mail me@host, a key=value, http://host/v1"


def test_known_secrets() -> None:
    assert struck("the key sk-1 is wrong", ["sk-1", ""]) == "the key *** is wrong"


def test_in_settings_at_any_depth() -> None:
    settings = {"judge": {"base_url": "http://me:open@host/v1", "attempts": 3}, "list": ["http://a:b@c", None]}
    assert all_struck(settings) == {
        "judge": {"base_url": "http://***@host/v1", "attempts": 3},
        "list": ["http://***@c", None],
    }
