"""The methods. Adding one is one file beside these and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merkit.registry import Registry

if TYPE_CHECKING:
    from merkit.models.base import NeuralMethod

METHODS: Registry[NeuralMethod] = Registry(
    "method",
    {
        "sfa-dgat": "merkit.models.sfa_dgat:METHOD",
        "hlora-mer": "merkit.models.hlora_mer:METHOD",
        "stag": "merkit.models.stag:METHOD",
        "evodyn": "merkit.models.evodyn:METHOD",
        "ststnet": "merkit.models.ststnet:METHOD",
        "lbp-top": "merkit.models.lbp_top:METHOD",
        "hoof": "merkit.models.hoof:METHOD",
        "linear-probe": "merkit.models.linear_probe:METHOD",
        "majority": "merkit.models.majority:METHOD",
    },
)
