"""The vocabulary of the embedded world: GenEval's 80 object classes, 10 colours, numbers and relations."""

OBJECT_CLASSES: tuple[str, ...] = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "computer mouse", "tv remote", "computer keyboard", "cell phone", "microwave", "oven", "toaster",
    "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""GenEval's object names, in COCO order."""

COLORS: tuple[str, ...] = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")
NUMBERS: tuple[str, ...] = ("two", "three", "four")
RELATIONS: tuple[str, ...] = ("left of", "right of", "above", "below")

_ENGLISH_PLURALS = {
    "person": "people",
    "bus": "buses",
    "bench": "benches",
    "sheep": "sheep",
    "skis": "skis",
    "wine glass": "wine glasses",
    "knife": "knives",
    "sandwich": "sandwiches",
    "broccoli": "broccoli",
    "computer mouse": "computer mice",
    "couch": "couches",
    "scissors": "scissors",
    "toothbrush": "toothbrushes",
}


def plural(name: str) -> str:
    """GenEval's own plural: ``s``, or ``es`` after an ``s`` ("benchs", "buses")."""
    return name + ("es" if name.endswith("s") else "s")


def plurals(name: str) -> set[str]:
    """Accepted plurals: GenEval's and the English one."""
    return {plural(name), _ENGLISH_PLURALS.get(name, plural(name))}


def article(phrase: str) -> str:
    """``an`` before a vowel letter, else ``a``."""
    return "an" if phrase[0] in "aeiou" else "a"
