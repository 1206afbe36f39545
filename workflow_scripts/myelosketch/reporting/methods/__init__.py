"""The methods section of a paper, written from a run: its text and the references that it cites."""
