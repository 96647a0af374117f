"""The methods. Adding one is one file beside these and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merkit.registry import Registry

if TYPE_CHECKING:
    from merkit.methods.base import NeuralMethod

METHODS: Registry[NeuralMethod] = Registry(
    "method",
    {
        "sfa-dgat": "merkit.methods.sfa_dgat:METHOD",
        "hlora-mer": "merkit.methods.hlora_mer:METHOD",
        "stag": "merkit.methods.stag:METHOD",
        "evodyn": "merkit.methods.evodyn:METHOD",
        "ststnet": "merkit.methods.ststnet:METHOD",
        "lbp-top": "merkit.methods.lbp_top:METHOD",
        "hoof": "merkit.methods.hoof:METHOD",
        "linear-probe": "merkit.methods.linear_probe:METHOD",
        "majority": "merkit.methods.majority:METHOD",
    },
    group="merkit.methods",
)
