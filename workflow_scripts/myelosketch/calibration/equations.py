"""Formulas of the forward model for the page. A test compares each with the code of simulation.physics."""

# m myelin, a axons (1 = healthy), w free water (0-1), c coherence (1 = average), t binding of the tract (DVR);
# diffusivities in 1e-3 mm2/s
EQUATIONS = (
    ("axial diffusivity of the tissue", "AD_t", "1.15 + 0.20 · (1 − a) + 0.05 · (1 − m)"),
    ("radial diffusivity of the tissue", "RD_t", "0.52 + 0.18 · (1 − m) + 0.12 · (1 − a)"),
    ("their mean", "MD_t", "(AD_t + 2 · RD_t) / 3"),
    ("with coherence", "AD_c", "MD_t + c · (AD_t − MD_t)"),
    ("", "RD_c", "MD_t + c · (RD_t − MD_t)"),
    ("with free water, at b = 1 ms/µm²", "AD", "−log((1 − w) · exp(−AD_c) + w · exp(−3))"),
    ("", "RD", "−log((1 − w) · exp(−RD_c) + w · exp(−3))"),
    ("fractional anisotropy", "FA", "abs(AD − RD) / (AD ** 2 + 2 · RD ** 2) ** 0.5"),
    ("magnetisation transfer ratio, %", "MTR", "(1 − w) · (23 + 12 · m + 6.8 · a)"),
    ("distribution volume ratio", "DVR", "(1 − 0.5 · w) · (1.03 + (0.26 + t) · m)"),
    ("T1w, healthy white matter 100", "T1w", "100 · (1 − 0.08 · (1 − m) − 0.50 · (1 − a) ** 2 − 0.35 · w)"),
    (
        "FLAIR, healthy white matter 100, far from the ventricles",
        "FLAIR",
        "100 · (1 + 0.45 · (1 − m) + 2.6 · w · (1 − w))",
    ),
)


def equation_lines() -> list[tuple[str, str, str]]:
    """Return the formulas as the page shows them: list of (quantity, symbol, formula)."""
    return [
        (what, symbol, formula.replace(" ** 2", "²").replace(" ** 0.5", "^½"))
        for what, symbol, formula in EQUATIONS
    ]
