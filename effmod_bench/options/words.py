"""What several options say: how networks and tables are named, and how a shell completes them."""

from models import list_models, list_tables, tables_in_words
from models.dense.spec import list_dense

OWN = "timm:NAME for one of timm's, path/to/file.py:function for your own"
"""How networks are named that are not of the zoo."""

TABLES = tables_in_words()


def complete_network(incomplete: str) -> list[str]:
    """The zoo's networks that begin so, and files that do."""
    from pathlib import Path

    folder = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    files = [path for path in folder.glob("*") if path.suffix in (".onnx", ".mlpackage", ".py") or path.is_dir()]
    paths = [f"{path}/" if path.is_dir() and path.suffix != ".mlpackage" else str(path) for path in files]
    names = [spec.name for spec in list_models()]
    return [name for name in (*names, *sorted(paths)) if name.startswith(incomplete)]


def complete_target(incomplete: str) -> list[str]:
    """As `complete_network`, and detectors and segmenters: by head and backbone, behind an @ with size and mode."""
    every = list_dense()
    dense = [spec.name for spec in every] if "@" in incomplete else [f"{spec.head}:{spec.backbone}" for spec in every]
    return [*complete_network(incomplete), *(name for name in dict.fromkeys(dense) if name.startswith(incomplete))]


def complete_table(incomplete: str) -> list[str]:
    """The paper's tables that begin so."""
    return [table for table in list_tables() if table.startswith(incomplete)]
