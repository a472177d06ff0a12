import pytest

from codegen_hpo.space import Float, Int, Space
from codegen_hpo.task import METRICS
from codegen_hpo.tuner.subject import function_subject, objective_metric, objective_subject

SPACE = Space({"rate": Float(0.0, 1.0), "width": Int(1, 9)})


@pytest.mark.parametrize(("higher", "said"), [(True, 'the highest "f1"'), (False, 'the lowest "f1"')])
def test_an_objective_is_told_with_its_goal_its_arguments_and_the_users_words(
    higher: bool, said: str
) -> None:
    subject = objective_subject("  SVM on\nwines ", objective_metric("f1", higher_is_better=higher), SPACE)
    assert said in subject.text
    assert ("higher is better" in subject.text) == higher
    assert '"rate", "width".' in subject.text
    assert 'The user says of it: "SVM on\\nwines"' in subject.text
    assert subject.tool == "evaluate"


def test_an_objective_without_a_description_says_so() -> None:
    assert "Nothing else is known of it." in objective_subject("", objective_metric("loss"), SPACE).text


def test_an_objectives_metric_is_signed_so_that_lower_is_better() -> None:
    assert objective_metric("accuracy", higher_is_better=True).loss(0.75) == -0.75
    assert objective_metric("loss").loss(0.75) == 0.75


def test_each_subject_has_an_expert_of_its_own() -> None:
    function = function_subject("# The task", "A plain\n  MLP.", METRICS["rmse"])
    objective = objective_subject("", objective_metric("loss"), SPACE)
    assert "machine learning" in function.expert
    assert "machine learning" not in objective.expert
    assert 'builds: "A plain\\n  MLP."' in function.text
