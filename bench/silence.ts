// How often does the silence alarm cry wolf, and how soon does it cry at all? Simulated years of traffic, with seeds.
// Usage: node bench/silence.ts [WEEKS] [SEEDS]
import { HOLIDAYS, SITES, watch } from '../test/core/silence/traffic.ts'

const [weeks = 52, seeds = 8] = process.argv.slice(2).map(Number)
const hours = (millis: number) => (Number.isFinite(millis) ? (millis / 3_600_000).toFixed(1) : 'never')

console.log(`false alarms a year, and hours from a stop at any time to the alarm (${seeds} times ${weeks} weeks)\n`)
console.log(`${'site'.padEnd(70)}  false   median     90 %  longest`)
for (const site of [...SITES, HOLIDAYS]) {
  const outcomes = Array.from({ length: seeds }, (_, seed) => watch(site, weeks, 1000 * seed + 1))
  const delays = outcomes.flatMap(outcome => outcome.delays).sort((a, b) => a - b)
  const rate = (outcomes.reduce((sum, { falseAlarms }) => sum + falseAlarms, 0) / (seeds * weeks)) * 52
  const at = (share: number) => hours(delays[Math.min(delays.length - 1, Math.floor(share * delays.length))]!).padStart(7)
  console.log(`${site.name.padEnd(70)} ${rate.toFixed(2).padStart(6)}  ${at(0.5)}  ${at(0.9)}  ${at(1)}`)
}
