import { printable } from '../printable.ts'
import { formatCount, formatShare } from '../share.ts'
import type { Report } from './build.ts'
import { hoursChart, scoresChart } from './charts.ts'
import { deniedText, minute, modelText } from './text.ts'

/** Writes a report as one page that needs nothing else: no script, no font, no picture from elsewhere. Everything that is data is escaped. */
export function reportHtml(report: Report): string {
  const status = report.model_status
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>modwarden report ${minute(report.timestamp)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>modwarden report</h1>
<p>${minute(report.from)} to ${minute(report.timestamp)}</p>
<p class="status ${status}"><strong>${status.replace('_', ' ')}</strong> ${escapeHtml(report.model_status_reason)}</p>
</header>
<section class="tiles">${tiles(report)}</section>
<section><h2>What to do next</h2><ul>${report.next.map(text => `<li>${escapeHtml(text, 1000)}</li>`).join('')}</ul></section>
<section><h2>Detections by hour</h2>${hoursChart(report)}
<p class="legend"><i class="high"></i> high <i class="medium"></i> medium <i class="low"></i> low (denied by the WAF)</p></section>
<section><h2>Scores of all requests</h2>${scoresChart(report)}
<p class="legend">Bars: how many of all requests scored so (logarithmic). Line: what training promises of ordinary requests.</p>
${table(['requests the WAF did not flag', 'share', 'promised'], shareRows(report))}
<p>${escapeHtml(report.drift.reason)}</p></section>
<section><h2>Most threats</h2>${table(['address', 'threats', 'highest', 'last seen (UTC)', 'blocks'], offenderRows(report))}</section>
<section><h2>Blocks</h2>${table(
    ['reason', 'began'],
    Object.entries(report.blocks.by_reason).map(([reason, blocks]) => [reason, String(blocks)]),
  )}
<p>${report.blocks.standing} stand now.</p></section>
<section><h2>Days</h2>${table(['day (UTC)', 'requests', 'detections', 'high', 'model', 'median'], dayRows(report))}</section>
<footer><p>Model ${escapeHtml(modelText(report))}. Inline scores that differ from our own by more than 2 points: ${report.inline_scores.disagreeing} of ${report.inline_scores.compared}.
Marked false positives that the next training learns from: ${report.false_positives.learnable} of ${report.false_positives.kept}.</p></footer>
</body>
</html>
`
}

/** Makes text safe between tags and in attributes, and visible whatever it holds. */
export function escapeHtml(text: string, limit = 256): string {
  return printable(text, limit).replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}

function tiles(report: Report): string {
  const shown: [string, number, string][] = [
    ['detections', report.total_ml_detections, `in ${formatCount(report.requests)} requests`],
    ['high', report.high_risk_detections, ''],
    ['medium', report.medium_risk_detections, ''],
    ['low', report.low_risk_detections, ''],
    ['denied by the WAF', report.blocked_requests, `${deniedText(report)} score ${report.thresholds.threat_score} or less`],
    ['blocks', report.blocks.started, `${report.blocks.standing} stand now`],
    ['false positives', report.false_positives_count, 'marked by hand'],
  ]
  return shown.map(([name, count, note]) => `<div><b>${formatCount(count)}</b><span>${name}</span><small>${note}</small></div>`).join('')
}

function shareRows({ shares }: Report): string[][] {
  return shares.map(({ over, requests, share, promised, kept }) => [
    `${formatCount(requests)} above ${over}`,
    `${share === null ? '-' : formatShare(share, 2)}${kept ? '' : ' (too many)'}`,
    formatShare(promised, 2),
  ])
}

function offenderRows({ top_offenders }: Report): string[][] {
  return top_offenders.map(row => [
    row.ip,
    String(row.threats),
    row.highest_score.toFixed(1),
    minute(row.last_seen).replace(' UTC', ''),
    String(row.blocks),
  ])
}

function dayRows({ days }: Report): string[][] {
  return days.map(day => [
    day.day,
    formatCount(day.requests),
    formatCount(day.detections),
    formatCount(day.high),
    day.model_status.replace('_', ' '),
    day.median === null ? '-' : day.median.toFixed(2),
  ])
}

function table(names: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '<p>None.</p>'
  const head = names.map(name => `<th>${name}</th>`).join('')
  const body = rows.map(row => `<tr>${row.map(cell => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`).join('')
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1b1f24;--quiet:#57606a;--line:#d0d7de;--page:#fff;--low:#7fa7cc;--medium:#e09b2d;--high:#c2352b;--good:#2d7d46}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--quiet:#9aa4ae;--line:#30363d;--page:#0f1419;--low:#4d7ea8;--good:#4fae6d}}
body{font:16px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--page);margin:0 auto;padding:1rem;max-width:44rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 .5rem}p{margin:.3rem 0;overflow-wrap:anywhere}ul{margin:.3rem 0;padding-left:1.2rem}
header p,.legend,footer,small{color:var(--quiet);font-size:.9rem}
.status{border-left:.4rem solid var(--good);padding:.3rem .7rem;color:var(--ink)}.status.too_sensitive{border-color:var(--high)}.status.too_lenient{border-color:var(--medium)}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.2rem,1fr));gap:.5rem;margin-top:1rem}
.tiles div{border:1px solid var(--line);border-radius:.4rem;padding:.5rem .7rem;display:flex;flex-direction:column}.tiles b{font-size:1.4rem}
svg{width:100%;height:auto;display:block}svg text{font-size:12px;fill:var(--quiet)}.grid{stroke:var(--line)}
.low{fill:var(--low);background:var(--low)}.medium{fill:var(--medium);background:var(--medium)}.high{fill:var(--high);background:var(--high)}
.promised{fill:none;stroke:var(--ink);stroke-width:1.5;stroke-dasharray:4 3}.legend i{display:inline-block;width:.8rem;height:.8rem;border-radius:.15rem;margin-left:.6rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem}th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line)}th{font-weight:600;color:var(--quiet)}
@media print{:root{--ink:#000;--quiet:#444;--page:#fff}body{max-width:none;padding:0;font-size:11pt;print-color-adjust:exact;-webkit-print-color-adjust:exact}section{break-inside:avoid}svg{max-width:16cm}}
`
