"""The stages of a run as the documentation names them, and the rules of each stage."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """A part of the run: its name, what it counts, and its rules.

    Attributes
    ----------
    name : as in the docs
    unit : what one job of a counted rule makes or processes, in the plural
    counted : rules where one job is one unit
    others : rules of the stage whose jobs are not counted
    """

    name: str
    unit: str
    counted: tuple[str, ...]
    others: tuple[str, ...] = ()


def _rules(text: str) -> tuple[str, ...]:
    return tuple(text.split())


OTHER = Stage("other steps", "steps", ())
# in the order of a run
STAGES = (
    Stage(
        "simulated cohort",
        "participants",
        _rules("simulate_participant"),
        _rules("describe_simulated_cohort"),
    ),
    Stage(
        "check of files",
        "scans",
        _rules("inspect_scan"),
        _rules(
            "write_cohort write_config write_found describe_derivatives gather_intake write_intake_page "
            "admit_scans open_archive check_model"
        ),
    ),
    Stage("maps from raw images", "maps", _rules("fit_tensor compute_mtr average_pet fit_dvr")),
    Stage("anatomy", "scans", _rules("prepare_anatomy prepare_anatomy_with_flair")),
    Stage(
        "registration",
        "scans",
        _rules("register_scan register_scan_without_pet"),
        _rules("gather_quality write_registration_page admit_registrations measure_registration"),
    ),
    Stage("regions", "scans", _rules("label_scan"), _rules("label_own_regions gather_volumes")),
    Stage(
        "training",
        "models",
        _rules(
            "fit_template fit_baseline train_network fit_recalibration train_recalibration train_ablation"
        ),
        _rules("pack_fold fit_threshold write_bundle"),
    ),
    Stage(
        "prediction",
        "scans",
        _rules("predict_scan predict_new_scan"),
        _rules(
            "measure_site take_reference place_scan average_scans gather_predictions align_sessions place_session "
            "measure_change gather_change gather_external_change"
        ),
    ),
    Stage(
        "evaluation",
        "scans",
        _rules("score_scan"),
        _rules(
            "map_places gather_scores gather_external_scores analyse_scores analyse_external_scores compare_groups "
            "gather_scans score_own_regions gather_own_regions gather_external_own_regions score_ablation "
            "compare_ablations score_ladder compare_ladder"
        ),
    ),
    Stage(
        "figures and report",
        "files",
        _rules(
            "draw_figure write_patient_pages write_latex_tables write_provenance write_methods_text write_report "
            "write_new_patient_page write_predictions_page draw_ablations draw_ladder"
        ),
    ),
    OTHER,
)
STAGE_OF = {rule: stage for stage in STAGES for rule in (*stage.counted, *stage.others)}


def usual_name(rule: str) -> str:
    """Return the name of a rule in the workflow. A study that uses the workflow as a module adds a prefix to it."""
    known = [name for name in STAGE_OF if rule.endswith(f"_{name}")]
    return max(known, key=len) if known and rule not in STAGE_OF else rule
