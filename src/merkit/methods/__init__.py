"""The methods. Adding one is one file beside these and two lines here.

``from merkit.methods import SfaDgat``: each method's settings, one frozen dataclass, of which
``build(n_classes)`` makes the network, a ``torch.nn.Module`` (docs/python.md).
Imported on first use.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from merkit.registry import Registry

if TYPE_CHECKING:  # what type checkers and editors know of a name is this, not __getattr__
    from merkit.methods.base import Method
    from merkit.methods.evodyn import Evodyn as Evodyn
    from merkit.methods.hlora_mer import HloraMer as HloraMer
    from merkit.methods.hoof import Hoof as Hoof
    from merkit.methods.lbp_top import LbpTop as LbpTop
    from merkit.methods.linear_probe import LinearProbe as LinearProbe
    from merkit.methods.majority import Majority as Majority
    from merkit.methods.sfa_dgat import SfaDgat as SfaDgat
    from merkit.methods.sim_flow import SimFlow as SimFlow
    from merkit.methods.sim_seq import SimSeq as SimSeq
    from merkit.methods.stag import Stag as Stag
    from merkit.methods.ststnet import Ststnet as Ststnet

_METHODS = {
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
}
METHODS: Registry[type[Method]] = Registry("method", _METHODS, group="merkit.methods")

#: name of a class -> where it is
_CLASSES = {place.partition(":")[2]: place for place in _METHODS.values()}


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


def __getattr__(name: str) -> type[Method]:
    if name in _CLASSES:
        module, _, attribute = _CLASSES[name].partition(":")
        return getattr(import_module(module), attribute)  # type: ignore[no-any-return]
    raise AttributeError(
        f"module 'merkit.methods' has no attribute '{name}'; its methods: {', '.join(_CLASSES)}"
    )
