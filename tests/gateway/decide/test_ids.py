import pytest

from fencepost_gateway.decide.ids import (
    chance,
    derive,
    fraction,
    person_id_of_user,
    person_id_of_visitor,
)


def test_ids_are_what_they_were() -> None:
    """Ids outlive releases: a refactor that changes one of these would send messages again."""
    assert derive("a", "b") == "lgzhdlq3xsy5ghkbskmbp5frn62dt22p"
    assert person_id_of_user("w", "u1") == "izlctcrdjiko2bn5se3vpfaybdct472u"
    assert person_id_of_visitor("w", "u1") == "aiclxzp6xhznkv5gcdmv4pfyg4jfnxh5"


def test_chance_is_what_it_was() -> None:
    """Holdout membership outlives releases: who is held out today is held out tomorrow."""
    drawn = [round(chance("seed", "holdout", f"person-{n}"), 9) for n in range(4)]

    assert drawn == [0.942752372, 0.482944032, 0.581679903, 0.644934194]


def test_id_is_32_characters_that_fit_everywhere() -> None:
    """Lower-case base32 without padding: a Web Push Topic, a Message-ID, a file name."""
    made = derive("message", "w", "run", "step", "1")

    assert len(made) == 32
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz234567")


def test_ids_do_not_depend_on_where_parts_are_cut() -> None:
    """Parts are separated, so moving a letter from one to the next makes another id."""
    assert len({derive("ab", "c"), derive("a", "bc"), derive("abc"), derive("ab", "c", "")}) == 4


def test_user_and_visitor_of_one_name_are_two_persons() -> None:
    """An anonymous id that looks like a user id is nobody's account."""
    assert person_id_of_user("w", "u") != person_id_of_visitor("w", "u")
    assert person_id_of_user("w", "u") != person_id_of_user("x", "u")


def test_chance_is_spread_evenly() -> None:
    """20,000 persons over 20 equal parts: chi-square far below what chance alone would exceed."""
    parts, persons = 20, 20_000
    counts = [0] * parts
    for n in range(persons):
        counts[int(chance("seed", "holdout", str(n)) * parts)] += 1
    expected = persons / parts
    chi_square = sum((count - expected) ** 2 / expected for count in counts)

    assert chi_square < 43.8  # 19 degrees of freedom, p = 0.001


@pytest.mark.parametrize(
    ("digest", "want"), [(b"\x00" * 32, 0.0), (b"\x80" + b"\x00" * 31, 0.5)], ids=["none", "half"]
)
def test_fraction_reads_the_digest_as_a_number_below_one(digest: bytes, want: float) -> None:
    """The first bits are the number."""
    assert fraction(digest) == want


def test_fraction_never_rounds_up_to_one() -> None:
    """A share of 100 % holds everybody out, so the highest draw must stay below it."""
    assert fraction(b"\xff" * 32) < 1.0


def test_user_id_that_is_an_email_address_is_compared_case_folded() -> None:
    """People type their address in many ways; every other id is compared letter by letter."""
    assert person_id_of_user("w", "Anna@Example.COM") == person_id_of_user("w", "anna@example.com")
    assert person_id_of_user("w", "STRASSE@ex.de") == person_id_of_user("w", "straße@ex.de")
    for one, other in (("U1", "u1"), ("A@b", "a@b"), ("A b@c.de", "a b@c.de"), ("@A.b", "@a.b")):
        assert person_id_of_user("w", one) != person_id_of_user("w", other)
