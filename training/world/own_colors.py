"""Drawings whose original colour is clearly one of the ten named ones."""

from scalingar.models.embedded.vocabulary import COLORS

_CLASSES = {
    "red": ("car", "motorcycle", "fire hydrant", "stop sign", "apple", "toaster"),
    "orange": ("frisbee", "carrot", "orange", "giraffe"),
    "yellow": ("banana",),
    "green": ("bottle", "broccoli", "couch"),
    "blue": ("tie", "suitcase", "bowl", "bed"),
    "purple": ("umbrella", "snowboard"),
    "pink": ("hair drier",),
    "brown": (
        *("bench", "dog", "horse", "bear", "handbag", "vase", "donut", "chair"),
        *("baseball glove", "dining table"),
    ),
    "black": ("traffic light", "tv remote"),
    "white": ("sheep", "computer mouse", "toilet"),
}

OWN_COLORS: dict[str, str] = {name: color for color in COLORS for name in _CLASSES[color]}
"""Colour by class; drawings of other classes have several colours, or one between two names."""
