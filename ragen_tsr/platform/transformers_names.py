"""Names that verl 0.6.1 imports from transformers and that transformers 5 has under others.

The CPU build of vLLM needs transformers 5; everything else here runs on transformers 4, where nothing is done.
"""

from __future__ import annotations

from typing import Any

RENAMED = {"AutoModelForVision2Seq": "AutoModelForImageTextToText"}
"""Old name to new one."""


def provide_old_names(transformers: Any | None = None) -> None:
    """Give ``transformers`` its old names back; to be called before verl is imported.

    Args:
        transformers: The module; that which is installed if None.
    """
    if transformers is None:
        import transformers  # type: ignore[no-redef]
    for old, new in RENAMED.items():
        if not hasattr(transformers, old):
            setattr(transformers, old, getattr(transformers, new))
