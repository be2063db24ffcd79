"""Names as figures and texts show them."""

from __future__ import annotations

METHOD_NAMES = {
    "deep_lift": "DeepLift",
    "grad_cam": "Grad-CAM",
    "gradient_shap": "gradient SHAP",
    "guided_grad_cam": "guided Grad-CAM",
    "input_x_gradient": "input × gradient",
}
_LONGEST_NAME = 28


def method_name(method: str) -> str:
    """The name of an attribution method as papers write it."""
    base = method.rpartition("-")[2]
    name = METHOD_NAMES.get(base, base.replace("_", " "))
    return name if base == method else f"SmoothGrad of {name}"


def short(name: str) -> str:
    """A name that leaves room for the picture beside it."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
