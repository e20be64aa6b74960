"""The colours of all plots."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito's, told apart by all kinds of colour vision."""

INK, GRID = "#181d24", "#d5dae0"
