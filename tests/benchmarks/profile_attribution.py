"""How much of the kernel time of a profile is attributed to a module, over Table 1 and networks outside the zoo.

Those of OpenVINO are of a few of these, where it is installed. Run it with `make check-profile`: about twenty minutes
on two cores, which it need not have for itself, since shares do not depend on how fast the machine is. It writes
`tests/benchmarks/profile_attribution.csv`, goes on with what that lacks, and ends with 1 where less than 99 % of a
network's kernel time is attributed, or more than 5 % by neighbours alone.
"""

import argparse
import csv
import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import Any

from effmod_bench.instrument.process.messages import Broken, ProfileJob
from effmod_bench.instrument.process.start import run_job
from effmod_bench.instrument.sessions.session import OPTIMIZED, SessionRequest
from effmod_bench.options.export import ExportChoices
from effmod_bench.runs.described import describe, describe_origins
from effmod_bench.suites import suite_of_table
from exporters import obtain
from models import find_model
from results import Device, InputTensor, Joined, Runtime, RuntimeOptions

OUTSIDE = tuple(
    f"timm:{name}"
    for name in (
        "resnet18",
        "efficientnet_b0",
        "convnext_atto",
        "vit_tiny_patch16_224",
        "regnety_002",
        "mobilenetv3_small_100",
    )
)
OF_OPENVINO = ("efficientmod_xxs", "mobilenetv2_100", "fasternet_t0", "edgevit_xxs", *OUTSIDE[1:4])
FORMS = {"plain": "none", "default": None}
ATTRIBUTED, GUESSED = 0.99, 0.05
_TABLE = Path(__file__).with_name("profile_attribution.csv")
_JOINED = ("operators", "by_value", "by_name", "by_neighbours", "attributed", "guessed", "macs_m")
_COLUMNS = ("runtime", "network", "form", *_JOINED)
_RUNS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", action="store_true", help="measure every row again")
    rows = [] if parser.parse_args().again or not _TABLE.exists() else _read()
    done = {(row["runtime"], row["network"], row["form"]) for row in rows}
    networks = {Runtime.ONNXRUNTIME: (*suite_of_table("1").networks(), *OUTSIDE)}
    if importlib.util.find_spec("openvino") is not None:
        networks[Runtime.OPENVINO] = OF_OPENVINO
    for runtime, name, form in ((r, name, form) for r, names in networks.items() for name in names for form in FORMS):
        if (runtime, name, form) not in done:
            rows.append(attribution(runtime, name, form))
            _write(rows)
            print(*rows[-1].values(), flush=True)
    short = [row for row in rows if float(row["attributed"]) < ATTRIBUTED or float(row["guessed"]) > GUESSED]
    worst = min(rows, key=lambda row: float(row["attributed"])), max(rows, key=lambda row: float(row["guessed"]))
    print(f"{len(rows)} files; least attributed {worst[0]}; most by neighbours {worst[1]}")
    sys.exit(bool(short))


def attribution(runtime: Runtime, name: str, form: str) -> dict[str, Any]:
    """How the operators of a network's file were joined with its modules, by their number and by their time."""
    spec = find_model(name)
    made = obtain(spec, ExportChoices(rewrite=FORMS[form]).config(spec))
    size, norm = made.artifact.config.image_size, made.artifact.preprocessing
    with tempfile.TemporaryDirectory() as folder:
        job = ProfileJob(
            session=SessionRequest(
                path=str(made.path),
                device=Device.CPU,
                options=RuntimeOptions(runtime=runtime),
                intra_op_num_threads=1,
                profile_folder=folder,
            ),
            inputs=(InputTensor(name=made.artifact.inputs[0].name, shape=(1, 3, size, size), dtype="float"),),
            warmup_runs=2,
            runs=_RUNS,
            plain_first=False,
            mean=norm.mean,
            std=norm.std,
        )
        profiled = run_job(job, on_warm=lambda _: None, tick=lambda _: None)
        if isinstance(profiled, Broken):
            raise RuntimeError(f"{name}: {profiled.reason}")
        laid = describe if runtime is Runtime.ONNXRUNTIME else describe_origins
        operators = laid(made.path, Path(folder) / OPTIMIZED, profiled.operators)
    taken = [sum(seen.durations_us) for seen in profiled.operators]
    together = list(zip(operators, taken, strict=True))
    joined = [operator.joined for operator in operators]
    return {
        "runtime": str(runtime),
        "network": name,
        "form": form,
        "operators": len(operators),
        "by_value": joined.count(Joined.VALUE),
        "by_name": joined.count(Joined.NAME),
        "by_neighbours": joined.count(Joined.NEIGHBOURS),
        "attributed": round(sum(us for each, us in together if each.module is not None) / sum(taken), 4),
        "guessed": round(sum(us for each, us in together if each.joined is Joined.NEIGHBOURS) / sum(taken), 4),
        "macs_m": round(sum(operator.macs for operator in operators) / 1e6, 1),
    }


def _read() -> list[dict[str, Any]]:
    with _TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


def _write(rows: list[dict[str, Any]]) -> None:
    with _TABLE.open("w", newline="") as file:
        table = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    main()
