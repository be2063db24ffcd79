"""What figures say, for tests of several stages."""

from xml.etree import ElementTree

from matplotlib.figure import Figure

from ainu.figures.saving import encode

CLASSES = ("somatic", "hiPSC")


def texts(figure: Figure) -> str:
    """All that an SVG of the figure says."""
    root = ElementTree.fromstring(encode(figure, "svg"))
    return "\n".join("".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text"))
