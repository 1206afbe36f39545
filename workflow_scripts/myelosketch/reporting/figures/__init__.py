"""The figures: what is drawn from which table, and how every figure looks."""
