"""OpenAI's agents-realtime, unmodified: its sessions carry instructions, tracing and noise reduction, and speak all the
same.
"""

from pathlib import Path

from tests.support.npm import npm_folder, run_node

PACKAGES = ("@openai/agents-realtime@0.20.0",)


def test_an_agents_session_speaks_and_is_interrupted(running):
    home = npm_folder("agents", *PACKAGES)
    told = run_node(
        home,
        Path(__file__).with_name("agent_program.mjs"),
        f"ws://{running.gateway}/v1/realtime?model=gpt-realtime-2.1",
    )
    assert told["errors"] == []
    assert "error" not in told["events"]
    assert told["status"] == "completed"
    assert told["spoken"] > 24_000
    assert told["usage"] > 0
    assert told["interrupted"] == "cancelled"
    assert told["history"] >= 2
