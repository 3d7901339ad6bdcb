"""Rankings for people: a ranking goes in, a page that explains it, a notebook's table or a figure comes out.

Nothing here changes a number. Jinja2 and matplotlib, the extra `report`, are imported when they are used.
"""

from langchain_consensus.report.page import explain_html, is_page, notebook_html
from langchain_consensus.report.picture import explain_svg
from langchain_consensus.report.plots import plot_policies
from langchain_consensus.report.render import check_installed

__all__ = ["check_installed", "explain_html", "explain_svg", "is_page", "notebook_html", "plot_policies"]
