"""When calls are tried again."""

import io
import uuid

import pytest
from voicebox_client.async_client import AsyncClient
from voicebox_client.client import Client
from voicebox_client.errors import VoiceboxClientError
from voicebox_client.retry import Attempts, RetryPolicy
from voicebox_kit.errors import Exhausted, InvalidField, Unavailable

NO_JITTER = RetryPolicy(attempts=4, first_pause_seconds=0.1, longest_pause_seconds=0.3, jitter=lambda: 1.0)
AWAY = VoiceboxClientError("UNAVAILABLE", "NO_ANSWER", "Nobody there.")


def asked_to_wait(seconds, code="UNAVAILABLE"):
    return VoiceboxClientError(code, "LATER", "Later.", retry_seconds=seconds)


def test_pauses_double_up_to_the_longest_and_the_last_failure_is_raised(pauses):
    attempts = Attempts(NO_JITTER, 30, pauses.clock)
    assert [attempts.pause_seconds(AWAY) for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3])
    with pytest.raises(VoiceboxClientError, match="Nobody there"):
        attempts.pause_seconds(AWAY)


@pytest.mark.parametrize("draw", [0.0, 0.5, 0.999])
def test_jitter_shortens_a_pause_by_half_at_most(pauses, draw):
    policy = RetryPolicy(first_pause_seconds=1.0, jitter=lambda: draw)
    assert 0.5 <= Attempts(policy, 30, pauses.clock).pause_seconds(AWAY) <= 1.0


def test_a_pause_is_never_shorter_than_the_server_asks(pauses):
    assert Attempts(NO_JITTER, 30, pauses.clock).pause_seconds(asked_to_wait(7.0)) == 7.0


def test_no_pause_outlasts_the_deadline(pauses):
    with pytest.raises(VoiceboxClientError):
        Attempts(NO_JITTER, 5, pauses.clock).pause_seconds(asked_to_wait(7.0))


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_nobody_waits_for_minutes_without_a_word(pauses, code):
    """A day's quota is renewed within the hour before midnight: earlier than the deadline of speech."""
    with pytest.raises(VoiceboxClientError) as refused:
        Attempts(NO_JITTER, 3600, pauses.clock).pause_seconds(asked_to_wait(61.0, code))
    assert refused.value.retry_seconds == 61.0


def test_a_full_queue_is_tried_again_only_when_it_says_when(pauses):
    assert Attempts(NO_JITTER, 30, pauses.clock).pause_seconds(asked_to_wait(2.0, "RESOURCE_EXHAUSTED")) == 2.0
    with pytest.raises(VoiceboxClientError):
        Attempts(NO_JITTER, 30, pauses.clock).pause_seconds(asked_to_wait(None, "RESOURCE_EXHAUSTED"))


def test_the_deadline_is_shared_by_all_attempts(pauses):
    attempts = Attempts(NO_JITTER, 30, pauses.clock)
    pauses.sleep(12)
    assert attempts.remaining_seconds() == 18


def test_a_unary_call_is_tried_again_with_the_same_request_id(platform, client, pauses):
    platform.failures["CreateProfile"] = [
        Unavailable("LOADING", "Loading.", 2.0),
        Unavailable("LOADING", "Loading.", 3.0),
    ]
    assert client.create_profile("Ann").display_name == "Ann"
    assert pauses.slept == [2.0, 3.0]
    (id_,) = {request.request_id for request in platform.requested["CreateProfile"]}
    assert uuid.UUID(id_).version == 4


def test_two_calls_are_two_requests(platform, client):
    client.create_profile("Ann")
    client.create_profile("Ann")
    assert len({request.request_id for request in platform.requested["CreateProfile"]}) == 2


def test_what_cannot_pass_is_not_tried_again(platform, client, pauses):
    platform.failures["CreateProfile"] = [InvalidField("profile.display_name", "Too long.")]
    with pytest.raises(VoiceboxClientError, match="Too long"):
        client.create_profile("Ann")
    assert pauses.slept == []


def test_speech_that_has_not_begun_is_requested_again_with_the_same_request_id(platform, client, pauses):
    platform.failures["StreamSynthesize"] = [Exhausted("QUEUE_FULL", "Full.", 1.5)]
    assert client.say("Hello", encoding="pcm").read() == platform.spoken
    assert pauses.slept == [1.5]
    assert len({request.config.request_id for request in platform.requested["StreamSynthesize"]}) == 1


def test_an_upload_is_sent_whole_again(platform, client, recording):
    platform.failures["UploadSample"] = [Unavailable("LOADING", "Loading.", 1.0)]
    client.create_profile("Ann", "ann")
    client.add_sample("ann", recording)
    assert platform.uploaded == recording.read_bytes()
    assert len({request.request_id for request in platform.requested["UploadSample"]}) == 1
    assert len(platform.requested["UploadSample"]) == 2


def test_an_open_file_is_sent_once(platform, client, pauses):
    platform.failures["RecognizeUpload"] = [Unavailable("LOADING", "Loading.", 1.0)]
    with pytest.raises(VoiceboxClientError, match="Loading"):
        client.transcribe(io.BytesIO(b"sound"))
    assert pauses.slept == []


def test_a_server_that_is_unavailable_is_called_four_times(pauses):
    with (
        Client("127.0.0.1:1", clock=pauses.clock, sleep=pauses.sleep) as client,
        pytest.raises(VoiceboxClientError) as raised,
    ):
        client.list_voices()
    assert raised.value.reason == "NO_ANSWER"
    assert len(pauses.slept) == 3


async def test_the_async_client_tries_again_likewise(platform, pauses):
    platform.failures["CreateProfile"] = [Unavailable("LOADING", "Loading.", 2.0)]
    platform.failures["StreamSynthesize"] = [Unavailable("LOADING", "Loading.", 3.0)]
    async with AsyncClient(platform.address, clock=pauses.clock, sleep=pauses.async_sleep) as client:
        await client.create_profile("Ann")
        assert await client.say("Hello", encoding="pcm").read() == platform.spoken
    assert pauses.slept == [2.0, 3.0]
