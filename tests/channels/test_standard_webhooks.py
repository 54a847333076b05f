"""Signatures as Standard Webhooks has them; what a driver believes is in its own tests."""

from __future__ import annotations

from fencepost_channels.standard_webhooks import fault_of, sign, signed_headers

SECRETS = ("one secret", "whsec_bmV3ZXIga2V5")


def test_signature_is_the_one_of_the_standard() -> None:
    """The example of the Standard Webhooks specification comes out as it stands there."""
    signed = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'

    found = sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", signed)

    assert found == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_is_signed_is_believed_by_any_of_its_secrets() -> None:
    """Either side may have one secret more than the other."""
    headers = signed_headers(SECRETS, "id-1", b"{}", 1_000)

    assert [fault_of([each], headers, b"{}", 1_000) for each in SECRETS] == ["", ""]
    assert fault_of(("a third", *SECRETS), headers, b"{}", 1_000) == ""
    assert fault_of(["a third"], headers, b"{}", 1_000) == "bad_signature"
    assert fault_of([], headers, b"{}", 1_000) == "bad_signature"


def test_nothing_is_signed_without_a_secret() -> None:
    """A request without secrets has its id and time, and no signature."""
    assert [*signed_headers((), "id-1", b"", 1_000)] == ["webhook-id", "webhook-timestamp"]
