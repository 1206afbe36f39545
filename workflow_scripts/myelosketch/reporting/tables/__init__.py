"""The tables of the report and of a paper, as text, HTML and LaTeX."""
