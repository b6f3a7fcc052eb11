"""Puts accounts together: the only place where its parts meet."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import cast

import grpc
from prometheus_client import CollectorRegistry
from voicebox.accounts.v1 import accounts_pb2_grpc, authorization_pb2_grpc
from voicebox_compat.service_alias import ServiceAlias
from voicebox_kit.audit import AuditLog
from voicebox_kit.authentication import Authentication
from voicebox_kit.background import Background
from voicebox_kit.channels import open_channel
from voicebox_kit.server import Service, Serving, serving
from voicebox_metering.revocations import following
from voicebox_sql.clock import now_us
from voicebox_sql.database import Database

from .access.callers import Callers
from .access.gatekeeper import Gatekeeper
from .api.authorization import ENVOY_SERVICE, AuthorizationServicer
from .api.data import DataServicer
from .api.export import Exporter
from .api.keys import KeyServicer
from .api.limits import LimitServicer
from .api.usage import UsageServicer
from .keys.tokens import KeyFile, KeySource, KeyUrl, TokenVerifier
from .limits.ledger import Ledger
from .limits.requests import RequestMeter
from .limits.retention import Retention
from .peers.catalog import Catalog
from .peers.conversion import Conversion
from .peers.jobs import Jobs
from .peers.optional import OptionalService
from .settings import Settings, TokenSettings
from .store.keys import KeyStore
from .store.limits import LimitStore
from .store.minutes import MinuteStore
from .store.opening import open_database
from .store.owners import OwnerStore
from .store.retention import RetentionStore
from .store.work import WorkStore

NAMES = tuple(f"voicebox.accounts.v1.{name}Service" for name in ("Key", "Limit", "Usage", "Data"))


def addresses(env: Mapping[str, str]) -> Mapping[str, str]:
    """What accounts will listen on, by variable."""
    settings = Settings.read(env)
    return {"ACCOUNTS_ADDRESS": settings.address, "ACCOUNTS_METRICS_ADDRESS": settings.metrics_address}


@asynccontextmanager
async def open_service(env: Mapping[str, str]) -> AsyncIterator[Serving]:
    """The accounts service, serving until the block ends."""
    settings = Settings.read(env)
    settings.folder.mkdir(parents=True, exist_ok=True)
    authentication = settings.authentication.open()
    async with (
        open_database(settings.database_url, settings.pool) as database,
        open_channel(settings.catalog_address, authentication) as channel,
        open_channel(settings.conversion_address, authentication) as conversion,
        open_channel(settings.jobs_address, authentication) as jobs,
    ):
        registry = CollectorRegistry()
        database.measure(registry)
        background, ledger = Background(registry), Ledger(WorkStore(database), LimitStore(database), now_us)
        retention = Retention(RetentionStore(database), settings.usage_days, now_us)
        optional = (Conversion(conversion), Jobs(jobs))
        parts = Parts(settings, database, authentication, ledger, Catalog(channel), optional)
        service = _service(parts, registry, background)
        async with (
            background.running("work", ledger.sweep),
            background.running("retention", retention.sweep),
            serving("accounts", service, settings.grace_seconds) as running,
        ):
            yield running


@dataclass(frozen=True)
class Parts:
    """What the servicers are made of."""

    settings: Settings
    database: Database
    authentication: Authentication
    ledger: Ledger
    catalog: Catalog
    optional: Sequence[OptionalService]


def _service(parts: Parts, registry: CollectorRegistry, background: Background) -> Service:
    settings, database, authentication, ledger = parts.settings, parts.database, parts.authentication, parts.ledger
    keys, limits = KeyStore(database), LimitStore(database)
    owners = OwnerStore(database)
    exporter = Exporter(owners, limits, parts.catalog, settings.folder)
    tokens = _tokens(settings.tokens) if settings.tokens else None
    callers = Callers(keys, limits, tokens, authentication, now_us)
    audit = AuditLog(settings.audit, registry)
    gatekeeper = Gatekeeper(callers, RequestMeter(MinuteStore(database)), audit)
    return Service(
        names=NAMES,
        contract=(resources.files("voicebox") / "descriptors.binpb").read_bytes(),
        address=settings.address,
        metrics_address=settings.metrics_address,
        register=partial(
            _register,
            AuthorizationServicer(gatekeeper, authentication),
            KeyServicer(keys, now_us, callers.forget),
            LimitServicer(limits, keys, ledger, callers.forget),
            UsageServicer(WorkStore(database), ledger, now_us),
            DataServicer(owners, parts.catalog, parts.optional, exporter, callers.forget),
        ),
        load=_nothing,
        registry=registry,
        background=background,
        authentication=authentication,
        follow=partial(following, partial(_invalid, keys), background),
        audit=audit if authentication.is_on else None,
        open_to_all=(f"/{ENVOY_SERVICE}/",),
    )


async def _invalid(keys: KeyStore, asked: Collection[str]) -> set[str]:
    return set(asked) - await keys.valid(asked, now_us())


def _tokens(settings: TokenSettings) -> TokenVerifier:
    keys: KeySource = KeyUrl(settings.keys) if "://" in settings.keys else KeyFile(Path(settings.keys))
    return TokenVerifier(
        settings.issuer,
        settings.audience,
        keys,
        settings.algorithms,
        settings.scope_claim,
        settings.usual_scopes,
    )


def _register(
    authorization: AuthorizationServicer,
    keys: KeyServicer,
    limits: LimitServicer,
    usage: UsageServicer,
    data: DataServicer,
    server: grpc.aio.Server,
) -> None:
    alias = cast("grpc.aio.Server", ServiceAlias(server, ENVOY_SERVICE))
    authorization_pb2_grpc.add_AuthorizationServiceServicer_to_server(authorization, alias)
    accounts_pb2_grpc.add_KeyServiceServicer_to_server(keys, server)
    accounts_pb2_grpc.add_LimitServiceServicer_to_server(limits, server)
    accounts_pb2_grpc.add_UsageServiceServicer_to_server(usage, server)
    accounts_pb2_grpc.add_DataServiceServicer_to_server(data, server)


async def _nothing() -> None:
    """There is nothing to load: the database is open before accounts listens."""
