"""Efficient networks of timm's that are not in the zoo, in both formats, as whoever brings one would export it.

Run it with `make check-timm`: some hours on two cores. Each network is exported by `effmod export` in a process of its
own, a copy of one that has loaded torch and coremltools; the proof stands in the sidecar, or in the last line of what
was said. It writes `tests/benchmarks/timm_parity.csv` row by row, and begins where an earlier run ended: a row that is
there is not measured again, but one that is not equal is where its network is named. With
`NETWORKS="repvit_m0_9 swin_*"` it does these alone. It ends with 1 where less than 95 % of the rows of a format are
equal to their networks, or a command ended in another way than by a proof, or by a refusal.
"""

import argparse
import csv
import fnmatch
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from effmod_bench.__main__ import main as effmod
from effmod_bench.isolation import apart
from exporters import Format
from tests.fakes import FakeWorkProcess

_TABLE = Path(__file__).with_name("timm_parity.csv")
_COLUMNS = ("network", "format", "exit_code", "relative_error", "program_error", "result")
_EQUAL = 0.95
_TIMEOUT_S = 1800
_PROVED, _REFUSED = 0, (2, 4)
_SAID = "said.txt"

_COPIES = multiprocessing.get_context("forkserver")
_COPIES.set_forkserver_preload(["tests.benchmarks.loaded"])

NETWORKS = """
mobilenetv3_small_050 mobilenetv3_large_100 mobilenetv4_conv_small mobilenetv4_conv_medium mobilenetv4_hybrid_medium
repvit_m0_9 repvit_m1_5 fastvit_t8 fastvit_sa12 fastvit_mci0 efficientvit_b0 efficientvit_b1 efficientvit_m0
efficientvit_m4 tiny_vit_5m_224 tiny_vit_11m_224 starnet_s1 starnet_s2 starnet_s3 starnet_s4 edgenext_xx_small
edgenext_small edgenext_base ghostnetv2_100 ghostnetv3_100 convnextv2_atto convnextv2_femto convnextv2_nano
convnext_atto levit_128s levit_192 levit_256 levit_conv_128s swin_tiny_patch4_window7_224 swinv2_tiny_window8_256
swinv2_cr_tiny_224 vit_tiny_patch16_224 vit_small_patch16_224 vit_medium_patch16_reg4_gap_256 hiera_tiny_224
mambaout_femto mambaout_kobe nextvit_small shvit_s1 shvit_s2 shvit_s4 twins_svt_small twins_pcpvt_small coat_tiny
coat_lite_tiny coat_lite_mini crossvit_tiny_240 crossvit_9_240 pit_ti_224 pit_xs_224 xcit_nano_12_p16_224
xcit_tiny_12_p16_224 lcnet_050 lcnet_100 regnety_002 regnety_008 resnest14d resnest26d rdnet_tiny inception_next_atto
inception_next_tiny mixer_s32_224 mixer_s16_224 halonet26t halonet50ts eca_halonext26ts lambda_resnet26t botnet26t_256
tinynet_a mnasnet_100 mixnet_s maxvit_pico_rw_256 coatnet_pico_rw_224 gcvit_xxtiny davit_tiny
""".split()  # noqa: SIM905 - as a list it takes 80 lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["*"], help="names or patterns; all without any")
    asked = parser.parse_args().networks
    rows = read()
    for name, format_ in pairs(asked):
        row = rows.get((name, format_))
        if row is not None and (row["result"] == "equal" or name not in asked):
            continue
        rows[name, format_] = row = measure(name, format_)
        write(rows)
        print(*row.values(), sep=", ", flush=True)
    good = [report(rows, format_) for format_ in Format]  # each is said
    sys.exit(not all(good))


def pairs(asked: list[str]) -> Iterator[tuple[str, str]]:
    """Each network that one of the patterns means, in each format, in the order of the patterns."""
    for pattern in asked:
        for name in fnmatch.filter(NETWORKS, pattern):
            yield from ((name, str(format_)) for format_ in Format)


def measure(name: str, format_: str) -> dict[str, str]:
    """What comes of exporting a network."""
    row = dict.fromkeys(_COLUMNS, "") | {"network": name, "format": format_}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / _SAID).touch()  # a copy may be killed before it says anything
        process = _COPIES.Process(target=export, args=(name, format_, folder))
        process.start()
        process.join(_TIMEOUT_S)
        if process.is_alive():
            process.kill()
            process.join()
            return row | {"result": f"not done in {_TIMEOUT_S} s"}
        row["exit_code"] = str(process.exitcode)
        if process.exitcode != _PROVED:
            said = (folder / _SAID).read_text(errors="replace")
            last = " ".join(said.strip().rpartition("error: ")[2].split())
            return row | {"result": last or "ended without a word"}
        (sidecar,) = folder.glob("*.json")
        parity = json.loads(sidecar.read_text())["parity"]
    program = (parity.get("rounding") or {}).get("program_relative_error")
    row["program_error"] = "" if program is None else f"{program:.1e}"
    return row | {"relative_error": f"{parity['relative_error']:.1e}", "result": "equal"}


def export(name: str, format_: str, folder: Path) -> None:
    """`effmod export`, all of it in this process, which ends with it; what it says goes to a file."""
    said = os.open(folder / _SAID, os.O_WRONLY | os.O_CREAT)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ["EFFMOD_CACHE"] = str(folder / "cache")  # or an older effmod's file could be found
    apart.WorkProcess = FakeWorkProcess  # type: ignore[attr-defined,assignment]
    sys.argv = ["effmod", "export", f"timm:{name}", "--format", format_, "-o", str(folder)]
    effmod()


def report(rows: dict[tuple[str, str], dict[str, str]], format_: str) -> bool:
    """Say how many of a format's networks are equal; returns whether that is as many as is promised."""
    own = [row for row in rows.values() if row["format"] == format_]
    equal = sum(row["result"] == "equal" for row in own)
    strange = [row["network"] for row in own if row["exit_code"] not in map(str, (_PROVED, *_REFUSED))]
    print(f"{format_}: {equal} of {len(own)} equal; ended otherwise: {', '.join(strange) or 'none'}")
    return not strange and equal >= _EQUAL * len(own)


def read() -> dict[tuple[str, str], dict[str, str]]:
    if not _TABLE.exists():
        return {}
    with _TABLE.open(newline="") as file:
        return {(row["network"], row["format"]): row for row in csv.DictReader(file)}


def write(rows: dict[tuple[str, str], dict[str, str]]) -> None:
    """The table, in the order of `NETWORKS`, whole or not at all."""
    new = _TABLE.with_suffix(".new")
    with new.open("w", newline="") as file:
        table = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(
            sorted(rows.values(), key=lambda row: (NETWORKS.index(row["network"]), row["format"] == "coreml"))
        )
    new.replace(_TABLE)


if __name__ == "__main__":
    main()
