"""What comes out at the end: results for machines, spreadsheets for staff, a closing table for the terminal.

results.py    the results JSON
course.py     the words for where a person is
columns.py    what a row about a person or an attempt holds
csv_file.py   CSV that Excel opens
xlsx_file.py  a workbook with a summary
closing.py    the closing table
texts.py      the texts (SMS) beside the calls
hours_file.py a forecast's hours, with a chart
summary.py    days, marks and exclusions of a campaign
classes.py    outcomes in the classes that a report keeps apart
files.py      files that are there whole or not at all
"""

from ivr.reporting.classes import OutcomeClass, class_of
from ivr.reporting.closing import show_closing
from ivr.reporting.course import Course
from ivr.reporting.csv_file import write_csv
from ivr.reporting.files import Seal, replacing, see_writable
from ivr.reporting.hours_file import HourRow, write_hours
from ivr.reporting.results import results_json, write_json
from ivr.reporting.summary import summed_up
from ivr.reporting.texts import show_texts, texts_json
from ivr.reporting.xlsx_file import write_xlsx

__all__ = [
    "Course",
    "HourRow",
    "OutcomeClass",
    "Seal",
    "class_of",
    "replacing",
    "results_json",
    "see_writable",
    "show_closing",
    "show_texts",
    "summed_up",
    "texts_json",
    "write_csv",
    "write_hours",
    "write_json",
    "write_xlsx",
]
