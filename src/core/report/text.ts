import { formatDuration } from '../duration.ts'
import { printable } from '../printable.ts'
import { formatCount, formatShare } from '../share.ts'
import { bucketHours } from './buckets.ts'
import type { Report } from './build.ts'

const MOST_BARS = 48
const MOST_OFFENDERS = 5
const BARS = '▁▂▃▄▅▆▇█'
const LABEL = 14
const WIDTH = 105

/** Writes a report for a terminal or the journal: one screen, no colour. */
export function reportText(report: Report): string {
  const { drift, blocks, inline_scores, false_positives } = report
  const rows: [string, string][] = [
    ['model', `${modelText(report)}: ${report.model_status.replace('_', ' ')}`],
    ['', printable(report.model_status_reason)],
    [
      'detections',
      `${formatCount(report.total_ml_detections)} in ${formatCount(report.requests)} requests: ${report.high_risk_detections} high, ${report.medium_risk_detections} medium, ${report.low_risk_detections} low`,
    ],
    [
      'WAF',
      `denied ${formatCount(report.blocked_requests)} requests; ${deniedText(report)} score ${report.thresholds.threat_score} or less with our model`,
    ],
    ['blocks', `${blocks.started} began${reasonsText(blocks.by_reason)}, ${blocks.standing} stand now`],
    ['scores', sharesText(report)],
    ['ordinary', drift.reason],
    ...(inline_scores.compared === 0
      ? []
      : [
          [
            'inline',
            `${inline_scores.disagreeing} of ${inline_scores.compared} inline scores differ from our own by more than 2 points`,
          ] as [string, string],
        ]),
    [
      'marked',
      `false positives: ${report.false_positives_count}; the next training learns ${false_positives.learnable} requests that were marked`,
    ],
    ['by hour', sparkline(report)],
    ...offenderRows(report),
    ...report.next.map((text, index): [string, string] => [index === 0 ? 'next' : '', text]),
  ]
  const head = `modwarden report at ${minute(report.timestamp)}, since ${minute(report.from)}`
  const lines = rows.flatMap(([label, text]) =>
    wrap(text, WIDTH).map((line, index) => `${(index === 0 ? label : '').padEnd(LABEL)} ${line}`),
  )
  return `${head}\n\n${lines.map(line => line.trimEnd()).join('\n')}\n`
}

/** Writes an instant to the minute: `2026-11-25 13:20 UTC`. */
export function minute(at: string): string {
  return `${at.slice(0, 10)} ${at.slice(11, 16)} UTC`
}

/** Writes which model scores and how old it is. */
export function modelText({ model }: Report): string {
  const age = model.age_seconds === null ? '' : `, trained ${formatDuration(model.age_seconds * 1000)} ago`
  return model.version === null ? 'none has scored yet' : `${printable(model.version, 64)}${age}`
}

/** Writes how many of the denied requests score low: of those since the model at work is, which may have come after the first of them. */
export function deniedText({ blocked_requests, denied_since_model, denied_scored_low }: Report): string {
  const of = denied_since_model === blocked_requests ? 'them' : `the last ${formatCount(denied_since_model)}`
  return `${formatCount(denied_scored_low)} of ${of}`
}

function reasonsText(reasons: Readonly<Record<string, number>>): string {
  const parts = Object.entries(reasons).map(([reason, blocks]) => `${blocks} ${printable(reason, 32)}`)
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

function sharesText({ shares }: Report): string {
  if (shares[0]!.share === null) return 'no request that the WAF did not flag'
  const parts = shares.map(({ over, share, promised }) => `${over}: ${formatShare(share!, 2)} (${formatShare(promised, 2)})`)
  return `not flagged by the WAF and above ${parts.join(', ')} promised`
}

function sparkline(report: Report): string {
  const { each, buckets } = bucketHours(report, MOST_BARS)
  const detections = buckets.map(({ high, medium, low }) => high + medium + low)
  const most = Math.max(...detections)
  if (most === 0) return 'no detections'
  const bars = detections.map(count => (count === 0 ? ' ' : BARS[Math.ceil((count / most) * BARS.length) - 1]!)).join('')
  const peak = buckets[detections.indexOf(most)]!
  return `|${bars}| most: ${formatCount(most)} ${each === 1 ? 'in the hour' : `in ${each} h`} from ${minute(new Date(peak.hour * 3_600_000).toISOString())}`
}

function offenderRows({ top_offenders, timestamp }: Report): [string, string][] {
  const shown = top_offenders.slice(0, MOST_OFFENDERS)
  const width = Math.max(0, ...shown.map(({ ip }) => ip.length))
  return shown.map(({ ip, threats, highest_score, last_seen, blocks }, index) => [
    index === 0 ? 'most threats' : '',
    `${printable(ip, 64).padEnd(width)}  ${threats}, highest ${highest_score.toFixed(1)}, last ${formatDuration(Date.parse(timestamp) - Date.parse(last_seen))} ago${blocks === 0 ? '' : `, blocks: ${blocks}`}`,
  ])
}

function wrap(text: string, width: number): string[] {
  const lines = ['']
  // Runs of spaces are columns or an hour without detections: only single ones are places to break.
  for (const word of text.split(/(?<! ) (?! )/)) {
    const line = lines.at(-1)!
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}
