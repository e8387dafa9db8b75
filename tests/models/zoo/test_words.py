from models.zoo.words import first_line


def test_of_an_error_the_first_line_is_told_or_its_type() -> None:
    assert first_line(ValueError("\n no luck \nat all")) == "no luck "
    assert first_line(KeyError()) == "KeyError"
