"""The golden model: what a node does, in plain Python, byte for byte as docs/specification.md says.

To be read in this order: ``records``, ``messages``, ``digest`` and ``summary`` (what bytes mean), ``counter``
and ``log`` (what is counted, known and told), ``credit``, ``link``, ``ingress``, ``egress``, ``external`` and
``session`` (what a node remembers), ``choices`` (what timing decides, under which rules, and what follows),
``node`` and ``outstanding`` (all of it together, and when it is at rest).
``scheduler`` makes the choices where there is no gateware to make them.  Nothing here imports Amaranth or
anything of ``hdl/``.
"""
