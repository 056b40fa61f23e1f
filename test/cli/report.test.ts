import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { MOST_REPORTS, saveReport } from '../../src/edge/report-files.ts'
import type { FakeEntry } from '../entries.ts'
import { createPipelineHarness } from '../pipeline-harness.ts'
import { modwarden, openFolder } from './modwarden.ts'

const folder = openFolder('report-')
after(() => rmSync(folder, { recursive: true }))
let number = 0

function setUp(batches: (now: number) => FakeEntry[], settings = '') {
  const place = join(folder, `${number++}`)
  const harness = createPipelineHarness({ path: join(place, 'modwarden.db') })
  harness.handle(batches(harness.time.now))
  harness.store.close()
  chmodSync(place, 0o777)
  chmodSync(join(place, 'modwarden.db'), 0o666)
  const config = join(place, 'modwarden.toml')
  writeFileSync(
    config,
    `audit_log = "${place}/audit.log"\ndatabase = "${place}/modwarden.db"\nmodel_dir = "${place}/models"\n${settings}\n`,
  )
  return { place, run: (...args: string[]) => modwarden(['--config', config, ...args]) }
}

const some = (now: number): FakeEntry[] => [
  { ip: '203.0.113.7', loggedScore: 9 },
  { ip: '203.0.113.7', loggedScore: 7 },
  { ip: '203.0.113.8', loggedScore: 6, at: now - 3_600_000 },
  { ip: '203.0.113.9', loggedScore: 4, denied: true },
  { ip: '203.0.113.9', at: now - 30 * 3_600_000, loggedScore: 9 },
  { ip: '198.51.100.1' },
]

test("report --json has the how-to's names and what was detected within the time", async () => {
  const { run } = setUp(some)
  const [report, ...more] = (await run('report', '--json')).objects()
  assert.deepEqual(more, [])
  assert.deepEqual(
    [report.total_ml_detections, report.high_risk_detections, report.medium_risk_detections, report.low_risk_detections],
    [4, 1, 2, 1],
  )
  assert.deepEqual([report.blocked_requests, report.model_status, report.false_positives_count], [1, 'normal', 0])
  assert.match(report.model_status_reason, /too few detections to judge: 4, it takes 100/)
  assert.ok(Math.abs(Date.parse(report.timestamp) - Date.now()) < 60_000)
  assert.equal(report.requests, 5)
  assert.equal(report.model.version, 'base-4')
  assert.deepEqual(report.blocks, { started: 1, by_reason: { 'high-score': 1 }, standing: 1 })
  assert.deepEqual(
    report.top_offenders.map((row: { ip: string; threats: number }) => [row.ip, row.threats]),
    [
      ['203.0.113.7', 2],
      ['203.0.113.8', 1],
      ['203.0.113.9', 1],
    ],
  )
  assert.equal((await run('report', '--json', '--since', '2d')).objects()[0].total_ml_detections, 5)
  assert.equal((await run('report', '--json', '--since=-1')).objects()[0].total_ml_detections, 5)
})

test('a damaged database is told with its remedy, an empty one as none', async () => {
  const { place, run } = setUp(some)
  const database = join(place, 'modwarden.db')
  const whole = readFileSync(database)
  writeFileSync(database, whole.subarray(0, whole.length / 3))
  for (const command of [['report'], ['events'], ['explain', '1'], ['false-positive', '1']]) {
    const { code, errors } = await run(...command)
    assert.equal(code, 1)
    assert.match(
      errors,
      /^modwarden: the database is damaged; 'systemctl restart modwarden' sets it aside [^\n]*: [^\n]*malformed\n$/,
      command[0],
    )
  }
  writeFileSync(database, '')
  for (const command of [['report'], ['false-positive', '1']])
    assert.match((await run(...command)).errors, /^modwarden: there is no database at [^\n]*; 'modwarden run' makes one\n$/, command[0])
  assert.equal(statSync(database).size, 0)
})

test('what is marked leaves the detections and is counted as a false positive', async () => {
  const { run } = setUp(some)
  await run('false-positive', '1', '4')
  const [report] = (await run('report', '--json')).objects()
  assert.deepEqual(
    [report.total_ml_detections, report.high_risk_detections, report.low_risk_detections, report.false_positives_count],
    [2, 0, 0, 2],
  )
  assert.deepEqual(
    report.top_offenders.map((row: { ip: string }) => row.ip),
    ['203.0.113.7', '203.0.113.8'],
  )
})

test('the settings decide when a model is judged', async () => {
  const { run } = setUp(some, 'health_min_detections = 4\ntoo_sensitive_share = 0.2')
  const [report] = (await run('report', '--json')).objects()
  assert.equal(report.model_status, 'too_sensitive')
  assert.match(
    (await run('report')).out,
    /model +base-4: too sensitive\n +1 of 4 detections \(25 %\) are high, above 7; more than 20 % is too many/,
  )
  assert.match((await run('status')).out, /^model /m)
  const [status] = (await run('status', '--json')).objects()
  assert.deepEqual([status.model_health.model_status, status.model_health.detections, status.model_health.high], ['too_sensitive', 4, 1])
})

test('the text fits a screen', async () => {
  const { run } = setUp(some)
  const { out, errors } = await run('report')
  assert.equal(errors, '')
  const lines = out.trimEnd().split('\n')
  assert.ok(lines.length <= 24, out)
  for (const line of lines) assert.ok(line.length <= 125, line)
})

test('--html writes a page to a file or to the standard output', async () => {
  const { run, place } = setUp(some)
  const page = await run('report', '--html', '-')
  assert.match(page.out, /^<!doctype html>[\s\S]*<\/html>\n$/)
  const written = await run('report', '--html', join(place, 'r.html'))
  assert.deepEqual([written.code, written.out, written.errors], [0, '', ''])
  assert.match(readFileSync(join(place, 'r.html'), 'utf8'), /^<!doctype html>/)
  const refused = await run('report', '--html', join(place, 'no', 'such', 'r.html'))
  assert.equal(refused.code, 1)
  assert.match(refused.errors, /cannot write .*ENOENT.*use --html - >/)
})

test('--save keeps both forms beside the database and still prints', async () => {
  const { run, place } = setUp(some)
  const { out, code } = await run('report', '--save')
  assert.equal(code, 0)
  assert.match(out, /^modwarden report at/)
  const day = new Date().toISOString().slice(0, 10)
  const names = readdirSync(join(place, 'reports')).sort()
  assert.deepEqual(names, [`report-${day}.html`, `report-${day}.json`])
  for (const name of names) assert.equal(statSync(join(place, 'reports', name)).mode & 0o777, 0o640)
  assert.equal(JSON.parse(readFileSync(join(place, 'reports', names[1]!), 'utf8')).total_ml_detections, 4)
})

test('a report that cannot be kept is printed all the same, and leaves nothing half written', async () => {
  const { place, run } = setUp(some)
  assert.equal((await run('report', '--save')).code, 0)
  const reports = join(place, 'reports')
  const name = readdirSync(reports).find(file => file.endsWith('.json'))!
  rmSync(join(reports, name))
  mkdirSync(join(reports, name))
  const { code, out, errors } = await run('report', '--save')
  assert.equal(code, 1)
  assert.match(out, /^modwarden report at /)
  assert.match(errors, /^modwarden: cannot keep the report as .*\/report-\d{4}-\d\d-\d\d\.json: /)
  assert.deepEqual(
    readdirSync(reports).filter(file => file.endsWith('.new')),
    [],
  )
})

test('only the newest reports are kept, and nothing else is touched', () => {
  const reports = join(folder, 'many')
  const days = Array.from({ length: MOST_REPORTS + 3 }, (_, index) => new Date(Date.UTC(2026, 0, 1 + index)).toISOString().slice(0, 10))
  saveReport(reports, days[0]!, { json: '', html: '' })
  writeFileSync(join(reports, 'notes.json'), '')
  for (const day of days) saveReport(reports, day, { json: day, html: day })
  assert.equal(readdirSync(reports).length, 2 * MOST_REPORTS + 1)
  assert.equal(existsSync(join(reports, `report-${days[2]}.json`)), false)
  assert.equal(readFileSync(join(reports, `report-${days[3]}.html`), 'utf8'), days[3])
})

for (const since of ['soon', '0s', '-2'])
  test(`report refuses --since ${since} with 64`, async () => {
    const { run } = setUp(some)
    const { code, errors } = await run('report', `--since=${since}`)
    assert.equal(code, 64)
    assert.match(errors, /--since: must be a duration/)
  })

test('report refuses to mix the page and the JSON on the standard output', async () => {
  const { run } = setUp(some)
  const { code, out, errors } = await run('report', '--json', '--html', '-')
  assert.deepEqual([code, out], [64, ''])
  assert.match(errors, /--json and --html - both write/)
})

test('a report of nothing says what to look at', async () => {
  const { run } = setUp(() => [])
  assert.match((await run('report')).out, /next +no request was seen: 'modwarden status'/)
  const { code, errors } = await modwarden(['--config', '/no/such.toml', 'report'])
  assert.deepEqual([code, errors.includes('there is no such settings file')], [78, true])
})
