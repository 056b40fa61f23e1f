// Runs inside the container that test/integration/systemd.test.ts boots, after service.test.ts; see there.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { ordinaryRequests } from '../../core/model/samples.ts'
import { v3Entry } from '../../entries.ts'
import { until } from '../../until.ts'

assert.equal(process.env.WITH_SYSTEMD, '1', 'only inside the container')
const UNITS = '/etc/systemd/system'
const REPORTS = '/var/lib/modwarden/reports'
const out = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' })
const journal = (unit: string) => out('journalctl', '-u', unit, '-o', 'cat', '--no-pager')
const asReader = (...command: string[]) => spawnSync('runuser', ['-u', 'reader', '--', ...command], { encoding: 'utf8' })
const adm = Number(/^adm:[^:]*:(\d+):/m.exec(readFileSync('/etc/group', 'utf8'))![1])

before(async () => {
  writeFileSync('/etc/modwarden/modwarden.toml', '')
  out('systemctl', 'reset-failed')
  out('systemctl', 'start', 'modwarden')
  const number = () => Number(out('modwarden', 'status', '--json').match(/"parsed":(\d+)/)![1])
  const first = number()
  appendFileSync('/var/log/modsecurity/audit.log', v3Entry({ ip: '192.0.2.200', loggedScore: 9.5 }))
  await until('the daemon has read it', () => number() > first)
})
after(() => void spawnSync('systemctl', ['stop', 'modwarden']))

test('the report is in the journal, and as JSON and page where members of adm may read it', () => {
  out('systemctl', 'start', 'modwarden-report')
  assert.match(journal('modwarden-report'), /modwarden report at[\s\S]*model +[\w-]+: normal[\s\S]*192\.0\.2\.200/)
  const day = new Date().toISOString().slice(0, 10)
  const json = asReader('cat', `${REPORTS}/report-${day}.json`)
  assert.equal(json.status, 0, json.stderr)
  const report = JSON.parse(json.stdout) as Record<string, unknown>
  assert.ok(Number(report.total_ml_detections) >= 1)
  assert.equal(asReader('head', '-c', '15', `${REPORTS}/report-${day}.html`).stdout, '<!doctype html>')
  assert.notEqual(asReader('touch', `${REPORTS}/mine`).status, 0)
  assert.notEqual(statSync(REPORTS).uid, 0)
})

test('a report of a stopped daemon is as good', () => {
  out('systemctl', 'stop', 'modwarden')
  out('systemctl', 'start', 'modwarden-report')
  out('systemctl', 'start', 'modwarden')
})

test('a marked event is read from the log that only adm may read, and its address is open again', async () => {
  const isDropped = () => out('iptables', '-S', 'MODWARDEN').includes('-s 192.0.2.200/32 -j DROP')
  await until('the attacker is dropped', isDropped)
  const { id } = JSON.parse(out('modwarden', 'events', '--ip', '192.0.2.200', '--json')) as { id: number }
  const marked = JSON.parse(out('modwarden', 'false-positive', String(id), '--json')) as Record<string, unknown>
  assert.deepEqual([marked.learnable, marked.problem, marked.block], [true, null, 'lifted'])
  await until('it is open', () => !isDropped(), 5000)
  out('systemctl', 'start', 'modwarden-report')
  assert.match(journal('modwarden-report').split('modwarden report at').at(-1)!, /marked +false positives: 1; the next training learns 1 /)
})

test('the training reads what adm may read, and leaves a model in the state folder', () => {
  const clean = '/var/log/modsecurity/clean.jsonl'
  const lines = ordinaryRequests(200, 1).map(({ uri, headers }) => JSON.stringify({ uri, headers: Object.fromEntries(headers) }))
  writeFileSync(clean, `${lines.join('\n')}\n`, { mode: 0o640 })
  chownSync(clean, 0, adm)
  mkdirSync(`${UNITS}/modwarden-train.service.d`, { recursive: true })
  writeFileSync(
    `${UNITS}/modwarden-train.service.d/test.conf`,
    `[Service]\nExecStart=\nExecStart=/usr/bin/modwarden train --from ${clean} --activate\n`,
  )
  out('systemctl', 'daemon-reload')
  out('systemctl', 'start', 'modwarden-train')
  assert.match(journal('modwarden-train'), /models\/[\w-]+\.json: trained on 200 requests of 1 hosts .*, active now/)
  assert.notEqual(statSync('/var/lib/modwarden/models/active.json').uid, 0)
})

test('the timers wait for six in the morning and for Sunday, and make up for a night that was slept through', () => {
  out('systemctl', 'start', 'modwarden-report.timer', 'modwarden-train.timer')
  const next = (name: string) => out('systemctl', 'show', `${name}.timer`, '--value', '-p', 'NextElapseUSecRealtime').trim()
  assert.match(next('modwarden-report'), /^\w{3} \d{4}-\d\d-\d\d 06:(0\d|1[0-5]):/)
  assert.match(next('modwarden-train'), /^Sun \d{4}-\d\d-\d\d 0[45]:/)
  for (const name of ['modwarden-report', 'modwarden-train'])
    assert.equal(out('systemctl', 'show', `${name}.timer`, '--value', '-p', 'Persistent').trim(), 'yes')
  out('systemctl', 'stop', 'modwarden-report.timer', 'modwarden-train.timer')
})
