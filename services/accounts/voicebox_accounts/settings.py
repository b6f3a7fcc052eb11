"""The configuration of accounts: every variable that it reads, with its default."""

from dataclasses import dataclass
from pathlib import Path

from voicebox_kit import variables
from voicebox_kit.audit import audit_file
from voicebox_kit.authentication import AuthenticationSettings
from voicebox_kit.errors import StartError
from voicebox_kit.server import grace_seconds
from voicebox_sql.database import Pool

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Of tokens: those with a public key."""


@dataclass(frozen=True)
class TokenSettings:
    """Which tokens of an OpenID provider are accepted. `keys` is the path of a JWKS file, or its URL."""

    issuer: str
    audience: str
    keys: str
    algorithms: tuple[str, ...]
    scope_claim: str
    usual_scopes: tuple[str, ...]


@dataclass(frozen=True)
class Settings:
    """Read once, at start."""

    address: str
    metrics_address: str
    catalog_address: str
    conversion_address: str
    jobs_address: str
    grace_seconds: float
    folder: Path
    database_url: str
    pool: Pool
    audit: Path
    usage_days: int
    """How long usage is kept; 0 is for ever."""
    tokens: TokenSettings | None
    authentication: AuthenticationSettings

    @classmethod
    def read(cls, env: variables.Environment) -> "Settings":
        folder = Path(variables.text(env, "VOICEBOX_DATA", "var")).absolute() / "accounts"
        return cls(
            address=variables.address(env, "ACCOUNTS_ADDRESS", "127.0.0.1:50055"),
            metrics_address=variables.address(env, "ACCOUNTS_METRICS_ADDRESS", "127.0.0.1:9095"),
            catalog_address=variables.peer(env, "CATALOG_ADDRESS", "127.0.0.1:50053"),
            conversion_address=variables.peer(env, "CONVERSION_ADDRESS", "127.0.0.1:50057"),
            jobs_address=variables.peer(env, "JOBS_ADDRESS", "127.0.0.1:50056"),
            grace_seconds=grace_seconds(env),
            folder=folder,
            database_url=variables.text(
                env, "ACCOUNTS_DATABASE_URL", f"sqlite+aiosqlite:///{folder / 'accounts.sqlite'}"
            ),
            pool=Pool(connections=variables.integer(env, "ACCOUNTS_DATABASE_CONNECTIONS", 10, 1, 1000)),
            audit=audit_file(env, "accounts"),
            usage_days=variables.integer(env, "ACCOUNTS_USAGE_DAYS", 400, 0, 100_000),
            tokens=_tokens(env),
            authentication=AuthenticationSettings.read(env),
        )


def _tokens(env: variables.Environment) -> TokenSettings | None:
    issuer, audience, keys = (
        variables.text(env, f"ACCOUNTS_JWT_{name}", "") for name in ("ISSUER", "AUDIENCE", "KEYS")
    )
    settings = TokenSettings(
        issuer=issuer,
        audience=audience,
        keys=keys,
        algorithms=_algorithms(env),
        scope_claim=variables.text(env, "ACCOUNTS_JWT_SCOPE_CLAIM", "scope"),
        usual_scopes=tuple(variables.text(env, "ACCOUNTS_JWT_USUAL_SCOPES", "").split()),
    )
    if not any((issuer, audience, keys)):
        return None
    if not all((issuer, audience, keys)):
        raise StartError("ACCOUNTS_JWT_ISSUER, ACCOUNTS_JWT_AUDIENCE and ACCOUNTS_JWT_KEYS must all be set, or none.")
    return settings


def _algorithms(env: variables.Environment) -> tuple[str, ...]:
    names = tuple(variables.text(env, "ACCOUNTS_JWT_ALGORITHMS", "RS256,ES256").split(","))
    for name in names:
        if name not in ALGORITHMS:
            raise StartError(f"ACCOUNTS_JWT_ALGORITHMS must be of {', '.join(ALGORITHMS)}, not {name!r}.")
    return names
