"""Drawn pedestrians: pictures of people who don't exist, for demos and tests.

A `Person` stays the same from camera to camera; a `Camera` sees everybody in its own way;
`render_figure` draws one in the other. Nothing here needs more than numpy and Pillow.
"""

from .camera import Camera, sample_camera
from .dataset import draw_figures
from .person import Person
from .render import render_figure
from .sample import sample_person

__all__ = [
    "Camera",
    "Person",
    "draw_figures",
    "render_figure",
    "sample_camera",
    "sample_person",
]
