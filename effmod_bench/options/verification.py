"""Options of what a file is proved against, and how often it is right."""

from pathlib import Path
from typing import Annotated

from effmod_bench.options.option import option
from effmod_bench.options.words import OWN, complete_network

Against = Annotated[
    str | None,
    option(
        metavar="NETWORK|FILE",
        help=f"The network that it should be (of 'effmod list', or {OWN}), or the .onnx file that it was rewritten "
        "from; with --data any file: which of the two is right more often.",
        show_default="its sidecar's",
        autocompletion=complete_network,
    ),
]
Data = Annotated[
    Path | None,
    option(
        metavar="FOLDER",
        help="Labelled images, a folder for each class, as in ImageNet's validation set: top-1 and top-5 of the file.",
        show_default=False,
    ),
]
SkipCorrupt = Annotated[bool, option("--skip-corrupt", help="Leave out images that cannot be read.")]
