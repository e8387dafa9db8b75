import re
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from results import Device, GraphOptimization, Joined, Rate, Roof, Runtime, RuntimeOptions
from results.statistics.profile import Profiled, summarise_profiles
from results.statistics.profile_difference import module_differences
from results.statistics.profile_plan import plans_of_runs
from results.statistics.profile_tree import module_parts, operator_parts
from results.tables.profiles import difference_table, profile_table, profiles_table, roof_in_words, slowest_table
from results.tables.table import Table
from results.tables.write import OutputFormat, render
from tests.fakes import GPU, make_plan, make_profile

RATES = [
    Rate(per_s=per_s, low=per_s, high=per_s, size_bytes=size, by="numpy")
    for per_s, size in ((5e10, 10), (9e10, 10), (1e10, 10**8))
]
ROOF = Roof(threads=1, multiply_adds=RATES[0], bytes=tuple(RATES[1:]))


def profiled(*, roof: Roof | None = None, kinds: Sequence[str] = ("Conv", "Transpose", "Conv")) -> Profiled:
    joined = [Joined.VALUE, Joined.VALUE, Joined.NEIGHBOURS]
    records = [
        make_profile(
            [[700, 710], [200, 210], [100, 90]],
            modules=["layers.0.fc", "layers.0.fc", "layers.1"],
            kind=kinds,
            joined=joined,
            macs=[10**6, 0, 0],
            output_bytes=[4000, 4000, 4000],
            index=index,
            gap_us=100,
        )
        for index in range(2)
    ]
    (found,) = summarise_profiles([msgspec.structs.replace(record, roof=roof) for record in records])
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("output_format", "name"),
    [(OutputFormat.TABLE, "  layers.0"), (OutputFormat.MARKDOWN, "- layers.0"), (OutputFormat.CSV, "layers.0")],
)
def test_the_tree_is_drawn_as_each_format_can(output_format: OutputFormat, name: str) -> None:
    parts = module_parts(profiled(), depth=1)
    table = profile_table(profiled(), parts, header="module", output_format=output_format)
    assert table.columns[0].get(table.rows[1]) == name
    assert ("path" in [column.key for column in table.columns]) == (output_format is OutputFormat.CSV)
    if output_format is not OutputFormat.TABLE:
        assert name in render(table, output_format)


def test_an_operator_whose_module_is_a_guess_is_marked() -> None:
    parts = operator_parts(profiled())
    for output_format, mark in ((OutputFormat.TABLE, " (guessed)"), (OutputFormat.CSV, "")):
        table = profile_table(profiled(), parts, header="operator", output_format=output_format)
        assert [table.columns[0].get(row) for row in table.rows] == [
            "Conv op_0",
            "Transpose op_1",
            f"Conv op_2{mark}",
        ]


def test_what_the_inference_is_made_of_stands_above() -> None:
    table = profile_table(profiled(), module_parts(profiled()), header="module", output_format=OutputFormat.TABLE)
    assert table.subtitle is not None
    assert "operators 1.00 + between them 0.100 (9.0 %)" in table.subtitle


def test_a_cause_stands_in_the_table_and_is_explained_below_it() -> None:
    whole, *_ = module_parts(profiled())
    table = profile_table(profiled(), [whole], header="module", output_format=OutputFormat.TABLE)
    causes = next(column for column in table.columns if column.key == "causes")
    assert causes.text(whole) == "layout 20 %"
    assert any(note.startswith("layout: ") for note in table.notes)
    assert not any(note.startswith("width: ") for note in table.notes)


def test_the_notes_say_what_was_guessed_what_the_profiler_costs_and_the_roof() -> None:
    found = profiled(roof=ROOF)
    table = profile_table(found, module_parts(found), header="module", output_format=OutputFormat.TABLE)
    notes = " ".join(table.notes)
    assert "9.45 % by their neighbours alone" in notes
    assert "with it +10.0 %" in notes
    assert roof_in_words(ROOF) in notes
    assert "100 GFLOP/s in float32" in roof_in_words(ROOF)


def test_of_pytorch_it_is_said_what_is_no_kernel() -> None:
    said = []
    for runtime in (Runtime.ONNXRUNTIME, Runtime.PYTORCH):
        found = msgspec.structs.replace(profiled(), options=RuntimeOptions(runtime=runtime))
        table = profile_table(found, module_parts(found), header="module", output_format=OutputFormat.TABLE)
        said.append(any("Python calls the modules" in note for note in table.notes))
    assert said == [False, True]


def test_of_the_slowest_operators_the_module_stands_beside() -> None:
    table = slowest_table(operator_parts(profiled()))
    assert [column.key for column in table.columns][:3] == ["name", "module", "ms"]
    assert (table.columns[0].get(table.rows[0]), table.columns[1].get(table.rows[0])) == ("Conv op_0", "layers.0.fc")


def test_a_difference_has_its_sign_and_says_of_which_it_is() -> None:
    before, after = profiled(), profiled()
    parts = module_differences(before, after, depth=1)
    table = difference_table(before, after, parts, header="module", output_format=OutputFormat.TABLE)
    texts = {column.key: column.text(parts[0]) for column in table.columns}
    assert (texts["difference_ms"], texts["verdict"]) == ("+0.000", "not distinguishable")
    assert [line.partition(":")[0] for line in table.heading] == ["first", "second"]


def test_in_one_paper_their_labels_are_told_apart() -> None:
    found = profiled()
    parts, differences = module_parts(found), module_differences(found, found, depth=1)
    tables: tuple[Table[Any], ...] = (
        profile_table(found, parts, header="module", output_format=OutputFormat.LATEX),
        slowest_table(operator_parts(found)),
        difference_table(found, found, differences, header="module", output_format=OutputFormat.LATEX),
        profiles_table([found]),
    )
    labels = re.findall(r"\\label\{(.*?)\}", " ".join(render(table, OutputFormat.LATEX) for table in tables))
    assert labels == ["tab:profile", "tab:slowest-operators", "tab:profile-difference", "tab:profiles"]


def test_a_store_lists_its_profiles() -> None:
    table = profiles_table([profiled()])
    row = {column.key: column.text(table.rows[0]) for column in table.columns}
    assert (row["processes"], row["attributed"], row["cost"]) == ("2", "100 %", "+10.0 %")


def test_on_a_gpu_the_title_names_it_and_times_have_the_decimals_that_a_kernel_takes() -> None:
    record = make_profile([[3, 4]], modules=["a"])
    record = msgspec.structs.replace(
        record,
        plan=msgspec.structs.replace(record.plan, device=Device.CUDA),
        environment=msgspec.structs.replace(record.environment, gpu_before=GPU),
        runs_each=10,
    )
    (found,) = summarise_profiles([record])
    assert found is not None
    table = profile_table(found, module_parts(found), header="module", output_format=OutputFormat.MARKDOWN)
    assert table.title is not None
    assert table.title.endswith(f", {GPU.name}")
    assert " 0.0003 " in render(table, OutputFormat.MARKDOWN)
    assert "what its kernels take on the GPU" in " ".join(table.notes_of(table.columns))
    parts = module_differences(found, found, depth=1)
    difference = difference_table(found, found, parts, header="module", output_format=OutputFormat.MARKDOWN)
    text = render(difference, OutputFormat.MARKDOWN)
    assert " 0.0003 " in text
    assert "what its kernels take on the GPU" in text
    assert "profiler's own work" not in text


def test_settings_tell_profiles_of_one_network_apart() -> None:
    usual = profiled()
    basic = msgspec.structs.replace(
        usual, options=msgspec.structs.replace(usual.options, graph_optimization=GraphOptimization.BASIC)
    )
    titles = [
        profile_table(each, module_parts(each), header="module", output_format=OutputFormat.TABLE).title
        for each in (usual, basic)
    ]
    assert titles[1] == f"{titles[0]}, basic graph optimization"
    (planned,) = plans_of_runs([make_plan([1.0], modules=["stem"])])
    table = profiles_table([usual, basic, planned])
    (mode,) = (column for column in table.columns if column.key == "mode")
    assert [mode.get(row) for row in table.rows] == [None, "basic graph optimization", "compute units all"]
