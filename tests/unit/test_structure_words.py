"""Assumptions of structural models read in both languages."""

from simulations.structure.beam import continuous_beam
from simulations.structure.beammodel import BeamModel
from simulations.structure.facts import BridgeFacts, model_of
from simulations.structure.loads import load_model
from simulations.structure.sentences import sentence
from twin.model.statements import statement
from twin.model.tables import rows


def test_every_assumption_of_a_guessed_bridge_has_german_words() -> None:
    model = model_of(
        BridgeFacts(
            static_system="1.3", length_m=90.0, span_count=3, width_m=12.5, material="concrete"
        )
    )
    other = BeamModel(continuous_beam([20.0], bending_nm2=1e10, mass_kg_per_m=1e4))
    for text in (*model.assumptions, *other.assumptions, *load_model("lm1_de").remarks):
        assert statement(text).key, text
        assert statement(text).said("de") != text


def test_numbers_are_written_as_german_writes_them() -> None:
    text = sentence("stiffness_depth", depth=1.5)
    assert "1,5 m" in statement(text).said("de")


def test_both_languages_name_the_same_values() -> None:
    for row in rows("structure_sentences"):
        english = {one.split("}")[0] for one in row["english"].split("{")[1:]}
        assert english == {one.split("}")[0] for one in row["german"].split("{")[1:]}
