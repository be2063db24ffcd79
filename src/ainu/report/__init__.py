"""The report of an experiment: one HTML file that needs nothing else, neither a server nor the network.

The same files give the same bytes. Names of samples, classes and channels are the user's own and reach the page as
text only: the template escapes them, and a content security policy runs no script but the page's own.
"""

from ainu.report.inputs import Inputs
from ainu.report.page import build, write

__all__ = ["Inputs", "build", "write"]
