"""What has become of people.

figures      a campaign counted, with its charts
recipients   its people page by page, and one person's history
exports      everybody in a file
reports      日報 and 月報, as a page, a workbook, a PDF
charts       where what is drawn lies
"""
