"""The report as one HTML file that needs nothing else."""

from __future__ import annotations

import math

from jinja2 import Environment, StrictUndefined

from tinyml.quantizer.report import Report

FULL_BAR_DB = 60.0

# names come from model files: everything is escaped
_TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{ report.model }}: quantization</title>
<style>
body { font: 14px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 76em; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0; width: 100% }
th, td { border-bottom: 1px solid #ddd; padding: 3px 8px; text-align: left; vertical-align: top }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
td.name { overflow-wrap: anywhere; max-width: 26em }
.bar { background: #eee; width: 8em; height: .8em; display: inline-block; margin-left: .5em }
.bar i { background: #3a7; height: 100%; display: block }
.bar i.low { background: #c43 }
.warning { background: #fff3cd; padding: .5em 1em }
</style>
</head>
<body>
<h1>{{ report.model }}: float to int8</h1>
<p>Outputs: <b>{{ db(report.output_sqnr_db) }}</b> signal to quantization noise over {{ report.data }}
({{ report.samples }} samples). Weights and biases: {{ "{:,}".format(report.weights_bytes) }} bytes.
Observer {{ report.trial.observer }}, equalization {{ switch(report.trial.equalized) }},
bias correction {{ switch(report.trial.bias_corrected) }}.</p>
{% for line in report.warnings %}<p class="warning">{{ line }}</p>
{% endfor %}
<h2>What costs most</h2>
<table><tr><th>layer</th><th class="n">outputs when it alone is int8</th><th>why</th><th>try</th></tr>
{% for row in report.worst %}<tr><td class="name">{{ row.name }}</td><td class="n">{{ db(row.alone_db) }}</td>
<td>{{ row.reason }}</td><td>{{ row.advice }}</td></tr>
{% endfor %}</table>
<h2>Tensors</h2>
<table><tr><th>tensor</th><th>op</th><th class="n">values</th><th class="n">range kept</th><th>observer</th>
<th class="n">cut off</th><th class="n">spread</th><th class="n">alone</th><th class="n">SQNR</th></tr>
{% for row in report.tensors %}<tr><td class="name">{{ row.name }}</td>
<td>{{ row.op }} {{ row.shape | join("x") }} {{ row.type }}</td>
<td class="n">{{ "%.4g .. %.4g" | format(row.low, row.high) }}</td>
<td class="n">{{ "%.4g .. %.4g" | format(row.kept_low, row.kept_high) }}</td><td>{{ row.observer }}</td>
<td class="n">{{ "%.3f %%" | format(100 * row.saturated) }}</td>
<td class="n">{{ "%.1f" | format(row.channel_spread) }}</td>
<td class="n">{{ db(row.alone_db) }}</td>
<td class="n">{{ db(row.sqnr_db) }}<span class="bar"><i {% if row.sqnr_db < 20 %}class="low" {% endif -%}
style="width: {{ share(row.sqnr_db) }}%"></i></span></td></tr>
{% endfor %}</table>
{% if report.layers %}<h2>Precision</h2>
<table><tr><th>layer</th><th>op</th><th>weights</th><th class="n">bytes in int8</th>
<th class="n">outputs when its weights alone are int4</th><th>activation</th>
<th class="n">outputs when it is int16 besides</th></tr>
{% for row in report.layers %}<tr><td class="name">{{ row.name }}</td><td>{{ row.op }}</td>
<td>{{ row.weights or "" }}</td><td class="n">{{ row.weights_bytes or "" }}</td><td class="n">{{ db(row.int4_db) }}</td>
<td>{{ row.activation }}</td><td class="n">{{ db(row.int16_db) }}</td></tr>
{% endfor %}</table>
{% endif %}<h2>Variants measured</h2>
<table><tr><th>observer</th><th>equalization</th><th>bias correction</th><th class="n">SQNR</th></tr>
{% for row in report.trials %}<tr><td>{{ row.observer }}</td><td>{{ switch(row.equalized) }}</td>
<td>{{ switch(row.bias_corrected) }}</td><td class="n">{{ db(row.sqnr_db) }}{{ " (taken)" if row == report.trial }}</td>
</tr>
{% endfor %}</table>
</body>
</html>
"""


def to_html(report: Report) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(_TEMPLATE).render(report=report, db=decibels, share=_share, switch=_switch)


def decibels(value: float | None) -> str:
    """For people: "31.2 dB", "exact" without noise, nothing where there is none to state."""
    if value is None:
        return ""
    return f"{value:.1f} dB" if math.isfinite(value) else "exact" if value > 0 else "nothing left"


def _share(value: float) -> int:
    return round(100 * min(max(value / FULL_BAR_DB, 0), 1))


def _switch(on: bool) -> str:
    return "on" if on else "off"
