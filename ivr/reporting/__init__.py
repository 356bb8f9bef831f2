"""What comes out at the end: results for machines, spreadsheets for staff, a closing table for the terminal.

results.py    the results JSON
course.py     the words for where a person is
columns.py    what a row about a person or an attempt holds
csv_file.py   CSV that Excel opens
xlsx_file.py  a workbook with a summary
closing.py    the closing table
texts.py      the texts (SMS) beside the calls
hours_file.py a forecast's hours, with a chart
classes.py    outcomes grouped by the classes that a report keeps apart
heat_map.py   when people can be reached: by weekday and hour
tries.py      what the first dial to each came to, the second …
timeline.py   how a campaign went on: by hour or by day
figures_json.py, figures_table.py, figures_file.py   these for pages and scripts, on a terminal, as a workbook
sheets.py     a sheet of a workbook as these want it
period.py     日報 and 月報
paper.py      how they are laid out; period_file.py: on a terminal, and as a workbook
pdf.py        as a PDF; typeset.py: the program that makes it of period.typ; typeface.py: in which letters
heat_file.py  a heat map as a sheet
masking.py    people as they are shown to whoever has not asked who they are
evidence.py   what proves an outcome, in sentences
streams.py    CSV and a workbook in pieces, of any size
files.py      files that are there whole or not at all
"""

from ivr.reporting import typeface
from ivr.reporting.classes import OutcomeClass, class_of
from ivr.reporting.closing import show_closing
from ivr.reporting.course import Course
from ivr.reporting.csv_file import write_csv
from ivr.reporting.figures_file import save_figures, write_figures
from ivr.reporting.figures_json import figures_json
from ivr.reporting.figures_table import key_lines, show_heat_map, show_tries
from ivr.reporting.files import Seal, replacing, see_writable
from ivr.reporting.heat_map import HeatMap, Reach, heat_map
from ivr.reporting.hours_file import HourRow, write_hours
from ivr.reporting.paper import Made, Paper, paper
from ivr.reporting.pdf import save_pdf, write_pdf
from ivr.reporting.period import PeriodReport, day, month, period_json, period_report
from ivr.reporting.period_file import save_period, show_period, write_period
from ivr.reporting.results import results_json, write_json
from ivr.reporting.texts import show_texts, texts_json
from ivr.reporting.timeline import Step, Unit, timeline
from ivr.reporting.tries import Try, tries
from ivr.reporting.xlsx_file import write_xlsx

__all__ = [
    "Course",
    "HeatMap",
    "HourRow",
    "Made",
    "OutcomeClass",
    "Paper",
    "PeriodReport",
    "Reach",
    "Seal",
    "Step",
    "Try",
    "Unit",
    "class_of",
    "day",
    "figures_json",
    "heat_map",
    "key_lines",
    "month",
    "paper",
    "period_json",
    "period_report",
    "replacing",
    "results_json",
    "save_figures",
    "save_pdf",
    "save_period",
    "see_writable",
    "show_closing",
    "show_heat_map",
    "show_period",
    "show_texts",
    "show_tries",
    "texts_json",
    "timeline",
    "tries",
    "typeface",
    "write_csv",
    "write_figures",
    "write_hours",
    "write_json",
    "write_pdf",
    "write_period",
    "write_xlsx",
]
