"""How the settings say that times and sources are treated."""

from collections.abc import Mapping
from datetime import timedelta
from typing import cast

from sensors.rules.quality import TimePolicy, Treatment
from twin.plugins import load
from twin.ports import Codec
from twin.settings import Settings


def time_policy(settings: Settings) -> TimePolicy:
    """Which times are accepted, and how each source is treated, after the settings."""
    store = settings.store
    return TimePolicy(
        future_tolerance=timedelta(seconds=settings.ingest.future_tolerance_s),
        retention=timedelta(days=store.retention_days),
        retention_by_class={
            "vehicle": timedelta(days=store.vehicle_days),
            "person": timedelta(days=store.person_days),
        },
        waveform_retention=timedelta(days=store.waveform_days),
        treatments={
            policy.name: Treatment(
                takes_server_time=policy.clock == "server",
                accepts_retained=policy.retained == "accept",
                is_correcting=policy.corrections,
                quarantines_late=policy.late_policy == "quarantine",
                late_after=timedelta(days=policy.late_after_days),
            )
            for policy in settings.source
        },
    )


def installed_codecs(settings: Settings) -> Mapping[str, Codec]:
    """Codecs that the rules name; PluginError if one does not load."""
    names = {rule.codec for rule in settings.codec.rule}
    return {name: cast("Codec", load("codecs", name)) for name in sorted(names)}
