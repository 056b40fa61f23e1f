import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import { parseDuration } from '../core/duration.ts'
import { buildReport } from '../core/report/build.ts'
import { reportHtml } from '../core/report/html.ts'
import { reportText } from '../core/report/text.ts'
import type { Settings } from '../core/settings.ts'
import type { Millis } from '../core/types.ts'
import { SERVICE_USER } from '../edge/drop-user.ts'
import { loadModel } from '../edge/model-file.ts'
import { saveReport } from '../edge/report-files.ts'
import { hourOf } from '../edge/store/scores.ts'
import type { Store } from '../edge/store/store.ts'
import { modelHealth } from '../model-health.ts'
import { type Context, UsageError, withStore } from './context.ts'
import { printJson } from './output.ts'

type Options = { since: string; json?: true; html?: string; save?: true }

const HOUR: Millis = 3_600_000
const MOST_OFFENDERS = 10

export function registerReport(program: Command, context: Context): void {
  program
    .command('report')
    .description('what was detected, what was blocked, and whether the model fits the traffic')
    .option('--since <duration>', 'how far back, in whole hours', '24h')
    .option('--json', 'one JSON object')
    .option('--html <file>', "one page that needs nothing else; '-' writes it to the standard output")
    .option('--save', 'keep JSON and HTML in the folder reports beside the database, 60 days of them')
    .addHelpText('after', '\nExample:\n  modwarden report --since 7d --html - > report.html')
    .action((options: Options) => report(context, options))
}

function report(context: Context, options: Options): void {
  const since = parseDuration(options.since)
  if (since === undefined || since <= 0) throw new UsageError(`--since: must be a duration such as 90m, 24h or 7d, got '${options.since}'`)
  if (options.html === '-' && options.json)
    throw new UsageError('report: --json and --html - both write to the standard output; name a file for the page')
  const settings = context.settings()
  const found = withStore(context.reader(), store => gather(store, settings, Date.now(), since))
  const html = () => reportHtml(found)
  if (options.html === '-') process.stdout.write(html())
  else if (options.html !== undefined) writeHtml(options.html, html())
  if (options.json) printJson([found])
  else if (options.html === undefined) process.stdout.write(reportText(found))
  // Last: on a full disk the journal still has the report of the day.
  if (options.save)
    saveReport(join(dirname(settings.database), 'reports'), found.timestamp.slice(0, 10), {
      json: `${JSON.stringify(found)}\n`,
      html: html(),
    })
}

function writeHtml(path: string, html: string): void {
  try {
    writeFileSync(path, html)
  } catch (error) {
    throw new Error(
      `cannot write ${path}: ${(error as Error).message}; the command runs as ${SERVICE_USER} where there is that user: use --html - > ${path}`,
      { cause: error },
    )
  }
}

/** Reads all that a report is made of; it begins with the whole hour that holds its start. */
function gather(store: Store, settings: Settings, now: Millis, since: Millis) {
  const first = Math.max(0, hourOf(now - Math.min(since, now)))
  const from = first * HOUR
  const hours = store.modelCounts.hours(first)
  const health = modelHealth(store, settings, first, hours)
  const model = loadModel(settings.modelDir)
  return buildReport({
    now,
    first,
    hours,
    health,
    marked: store.falsePositives.byHour(from),
    // The base model does not say when it was trained.
    trainedAt: model.ok && model.value.version === health.model && model.value.trainedAt > 0 ? model.value.trainedAt : undefined,
    ordinaryOfDay: day => store.modelCounts.histograms(Math.max(first, day * 24), day * 24 + 23).ordinary,
    blocks: { byReason: store.blocks.startedSince(from), standing: store.blocks.countActive(now) },
    offenders: store.threats.offendersSince(from, MOST_OFFENDERS),
    falsePositives: { marked: store.falsePositives.countSince(from), ...store.falsePositives.kept() },
    limits: settings,
  })
}
