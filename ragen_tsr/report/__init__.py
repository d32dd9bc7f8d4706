"""What a run leaves for people: the summary and the one-file report, made from the run folder alone."""

from ragen_tsr.report.page import REPORT_FILE, write_report
from ragen_tsr.report.summary import SUMMARY_FILE, write_summary
from ragen_tsr.trainer.steps import METRICS_FILE

__all__ = ["METRICS_FILE", "REPORT_FILE", "SUMMARY_FILE", "write_report", "write_summary"]
