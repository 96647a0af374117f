"""The methods. Adding one is one file beside these and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from merkit.registry import Registry

if TYPE_CHECKING:
    from merkit.methods.base import Method

METHODS: Registry[type[Method]] = Registry(
    "method",
    {
        "sfa-dgat": "merkit.methods.sfa_dgat:SfaDgat",
        "hlora-mer": "merkit.methods.hlora_mer:HloraMer",
        "stag": "merkit.methods.stag:Stag",
        "evodyn": "merkit.methods.evodyn:Evodyn",
        "sim-flow": "merkit.methods.sim_flow:SimFlow",
        "sim-seq": "merkit.methods.sim_seq:SimSeq",
        "ststnet": "merkit.methods.ststnet:Ststnet",
        "lbp-top": "merkit.methods.lbp_top:LbpTop",
        "hoof": "merkit.methods.hoof:Hoof",
        "linear-probe": "merkit.methods.linear_probe:LinearProbe",
        "majority": "merkit.methods.majority:Majority",
    },
    group="merkit.methods",
)


def make_method(
    name: str,
    model: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    recipe: Mapping[str, Any] | None = None,
    init: str = "",
) -> Method:
    """A method by its registered name, with settings laid over its own defaults.

    Args:
        init: what it starts from (``Method.started``); "": as it does by itself.

    Raises:
        ConfigError: an unknown method, setting, value or start.
        MissingWeightsError, StoreError: the weights that it starts from are not there, or damaged.
    """
    method = METHODS[name].from_settings(model or {}, training or {}, recipe or {})
    return method.started(init) if init else method
