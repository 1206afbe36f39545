"""The pages: the report, a patient, the intake and the registration, with their templates."""
