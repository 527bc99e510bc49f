"""The golden model: what a node does, in plain Python, byte for byte as docs/specification.md says.

To be read in this order: ``records``, ``messages`` and ``summary`` (what bytes mean), ``counter`` and ``log``
(what is counted and known), ``link``, ``ingress``, ``egress`` and ``session`` (what a node remembers),
``choices`` (what timing decides, under which rules, and what follows), ``node`` (all of it together).
``scheduler`` makes the choices where there is no gateware to make them.  Nothing here imports Amaranth or
anything of ``hdl/``.
"""
