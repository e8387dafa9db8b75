import csv
from pathlib import Path

import msgspec
import pytest

from models.training.errors import RecipeError
from models.training.recipe import changed, of_batch, of_epochs, read_recipe, recipe_of
from tests.benchmarks.recipe_values import FILE, NETWORKS, Row, rows


def test_every_value_of_the_authors_recipe_has_its_source() -> None:
    sourced = recipe_of("efficientmod_xxs", "efficientmod")
    assert sourced.name == "efficientmod"
    named = {
        f"{section}.{field}" if section != "amp" else "amp"
        for section in sourced.recipe.__struct_fields__
        for field in getattr(getattr(sourced.recipe, section), "__struct_fields__", ("",))
    }
    assert sourced.sources.keys() == named
    assert all(source and not source.endswith(".toml") for source in sourced.sources.values())


def test_a_network_without_a_recipe_gets_the_authors() -> None:
    assert recipe_of("resnet50", "resnet") == recipe_of("efficientmod_s", "efficientmod")


def test_a_file_of_ones_own_says_only_what_is_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('amp = false\n[optimizer]\nlr = 1e-3 # of a sweep\nopt = "lamb"\n')
    sourced, authors = read_recipe(file), recipe_of("efficientmod_xxs", "efficientmod")
    assert (sourced.recipe.optimizer.lr, sourced.recipe.optimizer.opt, sourced.recipe.amp) == (1e-3, "lamb", False)
    assert sourced.recipe.optimizer.weight_decay == 0.05
    assert sourced.recipe.mixing == authors.recipe.mixing
    assert sourced.sources["optimizer.lr"] == "of a sweep"
    assert sourced.sources["optimizer.opt"] == "mine.toml"
    assert sourced.sources["mixing.prob"] == authors.sources["mixing.prob"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[optimizer]\nlr = -1", "optimizer.lr is above 0, not -1"),
        ("[optimizer]\nrate = 1", "unknown field `rate`"),
        ('[optimizer]\nlr = "fast"', "Expected `float`, got `str`"),
        ("[schedule", "is no TOML file"),
        ('based_on = "resnet"', "there is no recipe 'resnet' to base one on; there are efficientmod"),
        ("[schedule]\nwarmup_epochs = 400", "schedule.warmup_epochs is in num_epochs, not 400"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(RecipeError, match=r"mine\.toml") as raised:
        read_recipe(file)
    assert said in str(raised.value)


def test_a_shorter_run_keeps_the_shares_of_warm_up_and_cooldown() -> None:
    schedule = of_epochs(recipe_of("efficientmod_xxs", ""), 31, "--epochs").recipe.schedule
    assert (schedule.num_epochs, schedule.cooldown_epochs, schedule.warmup_epochs) == (30, 1, 0.5)
    assert not schedule.step_on_epochs
    whole = recipe_of("efficientmod_xxs", "")
    assert of_epochs(whole, 310, "--epochs").recipe == whole.recipe


def test_the_learning_rate_follows_the_batch_as_timm_has_it() -> None:
    sourced = of_batch(recipe_of("efficientmod_xxs", ""), 512, "--batch-size")
    assert sourced.recipe.optimizer.lr == pytest.approx(2e-3)
    assert "0.004 x sqrt(512/2048)" in sourced.sources["optimizer.lr"]
    of_sgd = changed(recipe_of("efficientmod_xxs", ""), "optimizer", "test", opt="sgd")
    assert of_batch(of_sgd, 512, "--batch-size").recipe.optimizer.lr == pytest.approx(1e-3)


def test_a_value_that_an_option_gives_is_checked_too() -> None:
    with pytest.raises(RecipeError, match=r"--lr: optimizer\.lr is above 0, not 0"):
        changed(recipe_of("efficientmod_xxs", ""), "optimizer", "--lr", lr=0.0)


def test_timm_is_told_what_the_authors_command_line_tells_it() -> None:
    with FILE.open(encoding="utf-8", newline="") as file:
        kept = [msgspec.convert(row, Row) for row in csv.DictReader(file)]
    assert {row.part for row in kept} == {"optimizer", "schedule", "augmentation", "loss", "averaging", "steps"}
    assert [row for row in kept if row.authors != row.effmod] == []
    found = list(rows(NETWORKS[:1]))
    assert [row for row in found if row.authors != row.effmod] == []
    # The pixels that Pillow computes may change with its version: theirs and ours then change alike.
    by_name = {(row.part, row.name): row for row in kept}
    others = [row for row in found if row.part != "augmentation" and row != by_name[row.part, row.name]]
    assert others == []
