import { formatCount, formatShare } from '../share.ts'
import { bucketHours } from './buckets.ts'
import type { Report } from './build.ts'
import { minute } from './text.ts'

/** Charts are drawn small, so that their letters are readable on a phone. */
const WIDTH = 480
const HEIGHT = 170
const LEFT = 48
const BOTTOM = 24
const TOP = 14
const MOST_BARS = 72
const RISKS = ['low', 'medium', 'high'] as const
/** The lowest share that the histogram shows. */
const LEAST_LOG = -5

/** Draws the detections of each hour, stacked by risk. */
export function hoursChart(report: Report): string {
  const { each, buckets } = bucketHours(report, MOST_BARS)
  const most = Math.max(1, ...buckets.map(({ high, medium, low }) => high + medium + low))
  const step = (WIDTH - LEFT) / buckets.length
  const unit = (HEIGHT - BOTTOM - TOP) / most
  const bars = buckets.map((bucket, index) => {
    const at = minute(hourIso(bucket.hour))
    const title = `${at}${each === 1 ? '' : `, ${each} h`}: ${bucket.high} high, ${bucket.medium} medium, ${bucket.low} low in ${formatCount(bucket.requests)} requests`
    let top = HEIGHT - BOTTOM
    const parts = RISKS.filter(risk => bucket[risk] > 0).map(risk => {
      top -= bucket[risk] * unit
      return rect(risk, LEFT + index * step, top, Math.max(step - 1, 0.5), bucket[risk] * unit)
    })
    return `<g><title>${title}</title>${parts.join('')}</g>`
  })
  const lines = [0, most].map(count => gridLine(HEIGHT - BOTTOM - count * unit, formatCount(count)))
  const ticks = [0, Math.floor(buckets.length / 2)].map(index => tick(LEFT + index * step, 'start', shortHour(buckets[index]!.hour)))
  return svg('Detections by hour', [...lines, ...bars, ...ticks, tick(WIDTH, 'end', 'now')])
}

/** Draws which share of the requests scored what, on a logarithmic scale, and as a line what training promises of ordinary ones. */
export function scoresChart(report: Report): string {
  const all = report.histogram.reduce((sum, bin) => sum + bin.requests, 0)
  const step = (WIDTH - LEFT) / report.histogram.length
  const y = (share: number) => TOP + ((HEIGHT - BOTTOM - TOP) * Math.max(LEAST_LOG, Math.log10(share))) / LEAST_LOG
  const bars = report.histogram.flatMap(({ from, to, requests, promised }, index) => {
    if (requests === 0) return []
    const share = requests / all
    const title = `score ${from} to ${to}: ${formatCount(requests)} requests, ${formatShare(share)}; promised ${formatShare(promised, 2)}`
    return [
      `<g><title>${title}</title>${rect(from >= 5 ? 'medium' : 'low', LEFT + index * step, y(share), step - 1, HEIGHT - BOTTOM - y(share))}</g>`,
    ]
  })
  const line = report.histogram.map(({ promised }, index) => `${round(LEFT + (index + 0.5) * step)},${round(y(promised))}`).join(' ')
  const lines = [0, -2, -4].map(power => gridLine(y(10 ** power), `${100 * 10 ** power}%`))
  const ticks = [0, 5, 7, 10].map(score => tick(LEFT + score * 4 * step, score === 10 ? 'end' : 'middle', String(score)))
  return svg('Scores against what training promises', [...lines, ...bars, `<polyline class="promised" points="${line}"/>`, ...ticks])
}

function svg(label: string, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">${parts.join('')}</svg>`
}

function rect(style: string, x: number, y: number, width: number, height: number): string {
  return `<rect class="${style}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"/>`
}

function gridLine(y: number, label: string): string {
  return `<line class="grid" x1="${LEFT}" x2="${WIDTH}" y1="${round(y)}" y2="${round(y)}"/><text x="${LEFT - 4}" y="${round(y + 4)}" text-anchor="end">${label}</text>`
}

function tick(x: number, anchor: string, label: string): string {
  return `<text x="${round(x)}" y="${HEIGHT - 8}" text-anchor="${anchor}">${label}</text>`
}

function hourIso(hour: number): string {
  return new Date(hour * 3_600_000).toISOString()
}

function shortHour(hour: number): string {
  return hourIso(hour).slice(5, 16).replace('T', ' ')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
