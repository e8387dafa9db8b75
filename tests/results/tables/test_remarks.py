"""What is said of artifacts beside their latencies."""

import msgspec

from results import Device, Measurement, Remarks, Runtime, RuntimeOptions, compare, summarise
from results.tables.comparisons import comparison_table
from results.tables.measurements import measurement_table
from tests.fakes import make_comparison_process, make_round, timed_artifact

UNALIGNED = Remarks(unaligned_channels=(118, 1254))


def measured(name: str, remarks: Remarks) -> Measurement:
    (found,) = summarise([msgspec.structs.replace(make_round(artifact=timed_artifact(name)), remarks=remarks)])
    return found


def shown(*measurements: Measurement) -> tuple[list[str], str]:
    table = measurement_table(measurements)
    return [table.columns[0].text(row) for row in table.rows], " ".join(table.notes)


def test_channels_of_no_multiple_of_4_are_marked_and_told() -> None:
    names, notes = shown(measured("mbconv_hier_6m", UNALIGNED), measured("efficientmod_s", Remarks()))
    assert names == ["mbconv_hier_6m ⁷", "efficientmod_s"]
    assert "no multiple of 4" in notes
    assert "slower: mbconv_hier_6m (118, 1254)." in notes


def test_they_are_not_where_the_layout_is_another() -> None:
    row = measured("mbconv_hier_6m", UNALIGNED)
    elsewhere = (
        msgspec.structs.replace(row, device=Device.CUDA),
        msgspec.structs.replace(row, options=RuntimeOptions(runtime=Runtime.PYTORCH)),
    )
    for other in elsewhere:
        names, notes = shown(other)
        assert names == ["mbconv_hier_6m"]
        assert "multiple of 4" not in notes


def test_what_a_network_is_at_this_size_is_marked_and_told() -> None:
    pooled = Remarks(elsewhere="adaptive pooling, not the reference")
    names, notes = shown(measured("mobileformer_508m", pooled), measured("efficientmod_s", Remarks()))
    assert names == ["mobileformer_508m ⁸", "efficientmod_s"]
    assert "⁸ adaptive pooling, not the reference." in notes


def test_a_program_has_both_and_an_older_record_has_neither() -> None:
    row = measured("net", Remarks(unaligned_channels=(6, 10), elsewhere="x"))
    columns = {column.key: column for column in measurement_table([row]).columns}
    assert (columns["unaligned_channels"].get(row), columns["elsewhere"].get(row)) == ("6 10", "x")
    older = msgspec.json.decode(msgspec.json.encode(make_round()))
    del older["remarks"]
    (found,) = summarise([msgspec.convert(older, type(make_round()))])
    assert found.remarks == Remarks()
    assert shown(found)[0] == ["efficientmod_xxs"]


def test_both_of_a_comparison_bear_their_own_marks() -> None:
    pooled = Remarks(elsewhere="adaptive pooling, not the reference")
    (row,) = compare(
        [
            msgspec.structs.replace(
                make_comparison_process(index=index), baseline_remarks=pooled, candidate_remarks=UNALIGNED
            )
            for index in range(2)
        ]
    )
    table = comparison_table([row])
    columns = {column.key: column for column in table.columns}
    assert columns["name"].text(row) == f"{row.candidate.name} ⁷"
    assert columns["baseline"].text(row) == f"{row.baseline.name} ⁸"
    assert f"slower: {row.candidate.name} (118, 1254)." in " ".join(table.notes)
    assert "⁸ adaptive pooling, not the reference." in table.notes
    assert columns["unaligned_channels"].get(row) == "118 1254"
    assert columns["baseline_elsewhere"].get(row) == pooled.elsewhere
