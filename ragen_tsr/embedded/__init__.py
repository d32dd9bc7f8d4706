"""A compact RAGEN-compatible runtime, used when no upstream checkout is configured.

Its sub-packages carry upstream's names (``env``, ``llm_agent``, ``trainer``, ``workers``), so that
:mod:`ragen_tsr.backend` can offer either one to the rest of the package. Nothing is imported here:
environments must stay usable without torch.
"""
