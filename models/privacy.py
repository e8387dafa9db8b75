"""Libraries that report home are told not to, before any of them is imported: what is timed here is nobody's business.

`import models` does this, and whatever of effmod imports such a library imports `models` first. Processes that are
started from here inherit it. What a user has set himself stays as he set it.
"""

import os

SILENCED = {
    # ONNX Runtime, since 1.31: to Microsoft, from a thread that starts with the import, also while something is timed.
    "ORT_DISABLE_TELEMETRY": "1",
    # huggingface_hub, by which timm downloads weights: which versions, and which program asks.
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def silence() -> None:
    """Set what each library looks at; one that was imported before is too late for it."""
    for name, value in SILENCED.items():
        os.environ.setdefault(name, value)
