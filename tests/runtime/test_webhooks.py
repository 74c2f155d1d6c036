import base64
import hashlib
import hmac
import json
import time

import pytest
from tests.engine.receiver import Receiver

from mkt.errors import ConfigError
from mkt.runtime.masking import PROCESS
from mkt.runtime.webhooks import Webhook, keys_of, signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


def test_the_vector_of_standard_webhooks_is_signed_as_published() -> None:
    (key,) = keys_of(SECRET)
    said = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_is_posted_as_json_with_its_id_time_and_signature() -> None:
    with Receiver() as receiver:
        before = int(time.time())
        assert Webhook(f"{receiver.url}/hook", SECRET).send("msg_1", b'{"a":1}', 5) == ""
    (got,) = receiver.requests
    assert (got.method, got.path, got.body) == ("POST", "/hook", b'{"a":1}')
    assert got.headers["content-type"] == "application/json"
    assert got.headers["webhook-id"] == "msg_1"
    assert before <= int(got.headers["webhook-timestamp"]) <= before + 5
    signed = f"msg_1.{got.headers['webhook-timestamp']}.".encode() + got.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{digest}"


def test_while_one_key_replaces_another_both_sign() -> None:
    with Receiver() as receiver:
        Webhook(receiver.url, f"{SECRET} {OTHER}").send("msg_1", b"{}", 5)
    (got,) = receiver.requests
    signatures = got.headers["webhook-signature"].split()
    assert len(set(signatures)) == 2
    assert all(said.startswith("v1,") for said in signatures)


def test_without_a_key_nothing_is_signed() -> None:
    with Receiver() as receiver:
        Webhook(receiver.url).send("msg_1", b"{}", 5)
    assert "webhook-signature" not in receiver.requests[0].headers


@pytest.mark.parametrize("secret", ["whsec_", "whsec_not base64!", "whsec_c2hvcnQ=", "short", f"{SECRET} whsec_x"])
def test_a_key_that_is_none_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ConfigError) as refused:
        keys_of(secret)
    assert "openssl rand" in refused.value.remedy
    assert len(secret) < 8 or secret not in str(refused.value)


@pytest.mark.parametrize("status", [302, 400, 410, 500])
def test_an_answer_that_is_not_2xx_is_said_by_its_status_alone(status: int) -> None:
    with Receiver(status, body=b"<secret of theirs>") as receiver:
        assert Webhook(receiver.url).send("msg_1", b"{}", 5) == f"it answered {status}"
    assert len(receiver.requests) == 1


def test_a_receiver_that_does_not_answer_costs_no_more_than_the_seconds() -> None:
    with Receiver(silent=True) as receiver:
        started = time.monotonic()
        assert "no answer" in Webhook(receiver.url).send("msg_1", b"{}", 0.3)
        assert time.monotonic() - started < 3


def test_a_receiver_that_is_not_there_is_said_without_its_path() -> None:
    with Receiver() as receiver:
        url = receiver.url
    webhook = Webhook(f"{url}/T0/B0/abcdefghij")
    said = webhook.send("msg_1", b"{}", 5)
    assert said.startswith("no connection")
    assert webhook.place == url


def test_what_stands_in_the_url_and_the_key_are_masked_everywhere() -> None:
    Webhook("http://127.0.0.1:9/services/T0/B0/abcdefghij", SECRET)
    shown = PROCESS.mask(json.dumps({"a": SECRET, "b": "http://127.0.0.1:9/services/T0/B0/abcdefghij"}))
    assert "MfKQ9r8" not in shown
    assert "abcdefghij" not in shown


def test_a_short_path_is_no_secret_and_tears_up_no_text() -> None:
    Webhook("http://127.0.0.1:9/summary")
    assert PROCESS.mask("its summary") == "its summary"
