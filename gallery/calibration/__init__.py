"""Measure what a decision known or unknown needs, on people neither trained nor tested on."""
