"""Input functions for the rules of new scans and a trained model."""

METHOD = SHOWN_METHOD
NEW_MAPS = {
    key: derivative(key, method=METHOD) for key in ("predicted", "demyelinated", "expected_error")
}
NUMBERS = f"{RESULTS}/prediction/scans/{{folder}}/{{scan}}.json"
# used in paths for scans without a site in the table
UNNAMED_SITE = "unnamed"


def site_input(wildcards):
    """Input function: measurements in the controls of a scan's site, if maps are harmonised."""
    if config["prediction"]["harmonise"] != "controls":
        return []
    return f"{RESULTS}/prediction/sites/{COHORT.rows[wildcards.scan]['site'] or UNNAMED_SITE}.json"


def controls_of_site(wildcards):
    """Input function: maps and regions of a site's controls, each kind as one list."""
    scans = [scan for scan in COHORT.scans if COHORT.group[scan] == "HC"]
    here = [scan for scan in scans if (COHORT.rows[scan]["site"] or UNNAMED_SITE) == wildcards.site]
    return of_scans(here, "mtr", "fa", "rd", "ad", "regions")


def accepted_of(scan):
    """What the configuration accepts for a scan: failed registrations, and maps out of range."""
    accepted, maps = config["registration"]["accept"], config["prediction"]["accept"]
    return {
        "registration": {scan: accepted.get(scan, [])},
        "maps": {scan: [*maps.get(scan, []), *maps.get("all", [])]},
    }


def page_input(wildcards):
    """Input function: the files behind the page of a new patient, by name."""
    scan = wildcards.scan
    maps = {key: derivative(key, scan) for key in ("mtr", "fa", "rd", "ad", "regions")}
    maps |= {key: derivative(key, scan, method=SHOWN_METHOD) for key in NEW_MAPS}
    subject = names.subject_of(scan)
    change = CHANGE_OF.format(subject=subject) if subject in COHORT.followed_up else []
    return {
        **maps,
        "numbers": NUMBERS.format(folder=names.folder_of(scan), scan=scan),
        "change": change,
    }
