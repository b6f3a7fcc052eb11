"""Certificates in files as cert-manager writes them."""

from datetime import datetime
from pathlib import Path

import trustme


def issue(
    authority: trustme.CA,
    folder: Path,
    *names: str,
    trusted: trustme.CA | None = None,
    not_after: datetime | None = None,
) -> Path:
    """Put a new certificate for `names` (127.0.0.1 without any) into `folder`, as Kubernetes does: by renaming a link,
    so that all three files change at once. `trusted` is the authority in it, the same one if left out.
    """
    issued = authority.issue_cert(*(names or ("127.0.0.1",)), not_after=not_after)
    number = len(list(folder.glob("..2*"))) if folder.exists() else 0
    version = folder / f"..2026_{number}"
    version.mkdir(parents=True)
    (version / "tls.crt").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    (version / "tls.key").write_bytes(issued.private_key_pem.bytes())
    (version / "ca.crt").write_bytes((trusted or authority).cert_pem.bytes())
    (folder / "..data_tmp").symlink_to(version.name)
    (folder / "..data_tmp").rename(folder / "..data")
    for name in ("tls.crt", "tls.key", "ca.crt"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data") / name)
    return folder
