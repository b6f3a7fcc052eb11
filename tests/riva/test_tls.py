"""The SDK by TLS, which is how it knows NVIDIA's own servers."""

import trustme

from bench.launch import platform

from .conftest import sdk_of


def test_the_sdk_speaks_and_recognises_by_tls(tmp_path):
    authority, root = trustme.CA(), tmp_path / "root.pem"
    issued = authority.issue_cert("127.0.0.1")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    authority.cert_pem.write_to_path(root)
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    variables = {"GATEWAY_TLS_CERTIFICATE": str(certificate), "GATEWAY_TLS_KEY": str(key)}
    with platform(tmp_path / "data", **variables) as running, sdk_of(running.gateway, str(root)) as sdk:
        assert len(sdk.speech(text="Hello.")) > 1000
        assert sdk.call("models")["model_config"]
