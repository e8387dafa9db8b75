import msgspec

import models
from effmod_bench.options.export import ExportChoices
from effmod_bench.screen.console import Console
from effmod_bench.targets.obtain import obtain_artifact
from effmod_bench.targets.subjects import zoo_subject


def test_a_default_file_that_was_left_plain_is_timed_as_the_plain_one() -> None:
    spec = models.find_model("mobilenetv2_100")
    choices = ExportChoices(image_size=32, simplify=False)
    default, plain = (
        zoo_subject(obtain_artifact(Console(-1), spec, given), batch_size=1).artifact
        for given in (choices, msgspec.structs.replace(choices, rewrite="none"))
    )
    assert default == plain
    assert default.form == "plain"
