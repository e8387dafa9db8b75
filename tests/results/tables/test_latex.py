import re
import subprocess
from collections import Counter
from pathlib import Path
from shutil import which

import pytest

from effmod_bench.screen.zoo import list_table
from effmod_bench.suites import list_suites
from effmod_bench.suites.views import seen_of, tables_of
from models import list_models
from results import Store, compare, summarise
from results.frame import read_contents
from results.tables.arranged import Arrangement, arrange
from results.tables.comparisons import comparison_table
from results.tables.latex import PREAMBLE, latex
from results.tables.measurements import measurement_table
from results.tables.table import Column, Note, Table
from tests.fakes import make_round, timed_artifact

needs_latex = pytest.mark.skipif(which("pdflatex") is None, reason="there is no pdflatex here")
STORES = Path(__file__).parents[3] / "results" / "measured"


def one(text: str, *, header: str = "a", **facts: object) -> Table[str]:
    return Table(rows=(text,), columns=(Column(key="a", header=header, get=str),), **facts)  # type: ignore[arg-type]


def compiled(tmp_path: Path, *tables: str) -> str:
    """What pdflatex has to say of a document of tables."""
    body = "\n\\clearpage\n".join(tables)
    lines = [r"\documentclass{article}", *PREAMBLE, r"\begin{document}", body, r"\end{document}"]
    (tmp_path / "paper.tex").write_text("\n".join(lines), encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-draftmode", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    log = (tmp_path / "paper.log").read_bytes().decode(errors="replace")
    assert done.returncode == 0, [line for line in log.splitlines() if line.startswith("!")]
    return log


def complaints(log: str) -> list[str]:
    """What does not fit, what is not there, and labels that two tables have."""
    kinds = ("Overfull", "Underfull", "Missing character", "LaTeX Warning", "LaTeX Font Warning")
    first_pass = "Label(s) may have changed"  # there is no list of labels from an earlier one
    return [line for line in log.splitlines() if line.startswith(kinds) and first_pass not in line]


@needs_latex
def test_every_table_of_the_committed_stores_compiles_and_fits_on_its_page(tmp_path: Path) -> None:
    tables: list[Table] = [list_table(list_models())]  # type: ignore[type-arg]
    for folder in sorted(STORES.iterdir()):
        contents = read_contents(Store(folder))
        tables += [measurement_table(summarise(contents.rounds, contents.pairs))] if contents.rounds else []
        tables += [comparison_table(compare(contents.pairs))] if contents.pairs else []
        tables += [
            table
            for suite in list_suites().values()
            if folder.name.endswith(re.sub(r"(\d+)", r"-\1", suite.name).replace("fig-", "figure-"))
            for table in tables_of(suite, seen_of(suite, contents))
        ]
    assert len(tables) > 20
    numbers = Counter[str]()
    written = []
    for table in tables:
        numbers[table.name] += 1
        written.append(latex(table, number=numbers[table.name]))
    assert not complaints(compiled(tmp_path, *written))


@needs_latex
def test_every_sign_of_ours_and_any_name_of_anybody_compiles(tmp_path: Path) -> None:
    ours = "".join(map(chr, range(32, 127))) + "±²³¹×…⁰⁴⁵⁶⁷⁸⁹−≈≠≤≥→∞Δσµμ‰€–—‘’“”§°½"
    latin = "".join(map(chr, [*range(0xA0, 0xAD), *range(0xAE, 0x180)]))
    names = ["漢字.onnx", "сеть", "🙂", "a\x1b[31mb\n\\end{table}", r"\input{/etc/passwd}", "x\u3000y", "%"]
    texts = [ours, *(latin[i : i + 40] for i in range(0, len(latin), 40)), *names]
    rounds = [make_round(artifact=timed_artifact(name)) for name in names]
    tables = [latex(one(text, header=text, notes=(text,), title=text), number=i) for i, text in enumerate(texts)]
    log = compiled(tmp_path, *tables, latex(measurement_table(summarise(rounds))))
    assert "Missing character" not in log


def test_a_table_has_its_caption_its_label_and_its_notes() -> None:
    text = latex(one("x", title="50% & more", subtitle="on 2 cores", name="the zoo", notes=("¹ a note", "another")))
    assert r"\caption{50\% \& more -- on 2 cores}" in text
    assert r"\label{tab:the-zoo}" in text
    assert "another\\par\n" in text
    assert "a note" not in text  # nothing bears its mark
    assert text.index(r"\caption") < text.index(r"\toprule") < text.index("another")


def test_a_table_without_a_title_is_called_by_its_name() -> None:
    assert r"\caption{Networks}" in latex(list_table(list_models()))


def test_the_second_table_of_a_name_has_another_label() -> None:
    assert r"\label{tab:table-2}" in latex(one("x"), number=2)


def test_marks_stand_as_superscripts_and_a_minus_before_a_number() -> None:
    columns = (
        Column[float](key="a", header="ratio\nof two ¹", get=lambda row: row),
        Column[float](key="b", header="b", get=lambda row: f"-{row}"),
    )
    text = latex(Table(rows=(-1.5,), columns=columns, notes=(Note("¹ why", "a"),)))
    assert r"\begin{tabular}[b]{@{}r@{}}ratio\\ of two \textsuperscript{1}\end{tabular} & b \\" in text
    assert "\n$-$1.5 & -{}-1.5 \\\\\n" in text
    assert r"\textsuperscript{1} why" in text


def test_chosen_columns_stand_alone_with_the_notes_on_them() -> None:
    table = arrange(list_table(list_models()), Arrangement(columns=("name", "tables"), limit=2))
    text = latex(table)
    assert r"\begin{tabular}{ll}" in text
    assert "minipage" not in text  # the note is on multiply-adds
