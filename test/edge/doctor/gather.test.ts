import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { CHECKS } from '../../../src/core/doctor/checks.ts'
import type { Account, Parts } from '../../../src/core/doctor/facts.ts'
import { examine } from '../../../src/core/doctor/finding.ts'
import { lookAs } from '../../../src/edge/doctor/eyes.ts'
import { gatherFacts } from '../../../src/edge/doctor/gather.ts'
import { type Places, SYSTEM } from '../../../src/edge/doctor/places.ts'
import { createRun } from '../../../src/edge/run-command.ts'
import { judgeOne, settingsOf } from '../../doctor-facts.ts'

const NOBODY: Account = { name: 'nobody', uid: 65534, gid: 65534, groups: [65534] }
const skip = process.getuid?.() === 0 ? false : 'needs root to look as another user'
const top = mkdtempSync(join(tmpdir(), 'modwarden-gather-'))
chmodSync(top, 0o755)
after(() => rmSync(top, { recursive: true }))

const settings = settingsOf({ audit_log: join(top, 'audit.log'), database: join(top, 'modwarden.db'), model_dir: join(top, 'models') })
const look = (places: Partial<Places> = {}, latest = 60_000) =>
  gatherFacts(
    { settings: { ok: true, value: settings }, config: join(top, 'modwarden.toml'), now: Date.now(), latest },
    { ...SYSTEM, ...places },
  )

test('what hangs is late, and keeps nothing else from being told', async () => {
  execFileSync('mkfifo', [join(top, 'modwarden.db.status')])
  // A program that never ends, and leaves a child that holds its output.
  const run: Places['run'] = (program, args) =>
    program === 'systemctl' ? createRun({ timeout: 500 })('sh', ['-c', 'sleep 30; true']) : SYSTEM.run(program, args)
  const started = performance.now()
  const facts = await look({ run }, 3000)
  assert.ok(performance.now() - started < 20_000)
  assert.deepEqual(facts.daemon, { ok: false, problem: 'it took longer than 3 s' })
  assert.match(facts.units.ok ? '' : facts.units.problem, /^sh took longer than 500 ms/)
  for (const part of ['programs', 'web', 'servers', 'database'] satisfies (keyof Parts)[]) assert.ok(facts[part].ok, part)
  rmSync(join(top, 'modwarden.db.status'))
})

test('every check says something of a machine where nothing can be seen', async () => {
  const run: Places['run'] = async program => {
    throw new Error(`no ${program} here`)
  }
  const nowhere = { proc: '/none', passwd: '/none', groups: '/none', apache: [], nginx: [], logrotate: '/none', programs: [], run }
  const findings = examine(CHECKS, await look(nowhere))
  assert.deepEqual(new Set(findings.map(({ check }) => check)), new Set(CHECKS.map(({ id }) => id)))
  assert.ok(findings.every(({ severity, remedy, what }) => what !== '' && (remedy !== undefined || ['ok', 'skipped'].includes(severity))))
  assert.doesNotMatch(JSON.stringify(findings), /the check itself failed/)
})

test('settings that the user of the service cannot read are found by trying', { skip }, async () => {
  const config = join(top, 'modwarden.toml')
  writeFileSync(config, 'mode = "observe"\n')
  const verdict = async () => judgeOne('settings', { daemon: await lookAs(NOBODY, 'daemon', { config, database: undefined }, 60_000) })
  assert.equal((await verdict()).severity, 'ok')
  chmodSync(config, 0o600)
  const found = await verdict()
  assert.deepEqual([found.severity, found.what], ['bad', 'modwarden cannot read the settings'])
  assert.match(found.evidence!, /EACCES/)
  rmSync(config)
})

test('a look as another user has none of our rights', { skip }, async () => {
  writeFileSync(join(top, 'secret.log'), 'x', { mode: 0o600 })
  const request = { logs: [join(top, 'secret.log'), '/proc/1/environ'], storageDir: '', proxies: { trusted: [], header: '' } }
  assert.deepEqual(
    (await lookAs(NOBODY, 'logs', request, 60_000)).map(({ problem }) => problem?.code),
    ['EACCES', 'EACCES'],
  )
})
