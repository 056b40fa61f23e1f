import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { lookAtLogs } from '../../../src/edge/doctor/look-logs.ts'
import { readRotation } from '../../../src/edge/doctor/machine.ts'
import { auditLog } from '../../core/entry/corpus.ts'
import { judgeOne } from '../../doctor-facts.ts'

const SHIPPED = fileURLToPath(new URL('../../../modsecurity/audit-log/', import.meta.url))
const OURS = '/var/log/modsecurity/audit.log'
const DEBIAN = ['/etc/logrotate.d/nginx', '/etc/logrotate.d/apache2', '/etc/logrotate.conf']
const skip = DEBIAN.every(path => existsSync(path)) ? false : 'needs logrotate, nginx and apache (scripts/setup-debian installs them)'
const top = mkdtempSync(join(tmpdir(), 'modwarden-rotation-'))
after(() => rmSync(top, { recursive: true }))

/** A machine with the rules of these files; a log of one of the engines stands where they rotate it. */
function machine(
  files: Readonly<Record<string, string>>,
  { engine = 'v3-json-serial', global = readFileSync('/etc/logrotate.conf', 'utf8') } = {},
) {
  const root = mkdtempSync(join(top, 'x-'))
  for (const folder of ['logrotate.d', 'log']) mkdirSync(join(root, folder))
  const log = join(root, 'log/modsec_audit.log')
  writeFileSync(log, auditLog(engine))
  const inside = (text: string) => text.replaceAll(OURS, log).replaceAll(/\/var\/log\/(nginx|apache2)/g, join(root, 'log'))
  const conf = join(root, 'logrotate.conf')
  writeFileSync(conf, global.replace('/etc/logrotate.d', join(root, 'logrotate.d')))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, 'logrotate.d', name), inside(text), { mode: 0o644 })
  return { log, conf }
}

async function verdict(found: ReturnType<typeof machine>) {
  const logs = await lookAtLogs({ logs: [found.log], storageDir: '', proxies: { trusted: [], header: '' } })
  return judgeOne(
    'log-rotation',
    { logs, rotation: readRotation(found.conf), web: [] },
    { names: { user: String, group: gid => (gid === 4 ? 'adm' : String(gid)) } },
  )
}

const shipped = (name: string) => readFileSync(join(SHIPPED, name), 'utf8')
const debian = (name: string) => readFileSync(`/etc/logrotate.d/${name}`, 'utf8')

test("log-rotation: Debian's rule loses what libmodsecurity 3 writes, ours does not", { skip }, async () => {
  const lost = await verdict(machine({ nginx: debian('nginx') }))
  assert.equal(lost.severity, 'bad')
  assert.match(lost.what, /copytruncate is missing/)
  assert.match(lost.evidence!, /logrotate\.d\/nginx:1$/)
  assert.equal(lost.remedy, 'modwarden setup nginx')
  assert.equal((await verdict(machine({ ours: shipped('logrotate-nginx') }))).severity, 'ok')
  const restarted = debian('nginx').replace('invoke-rc.d nginx rotate', 'systemctl restart nginx')
  assert.equal((await verdict(machine({ nginx: restarted }))).severity, 'ok')
})

test('log-rotation: what writes the log now counts, not what wrote most of it', { skip }, async () => {
  const found = machine({ apache2: debian('apache2').replaceAll('*.log', 'modsec_audit.log') }, { engine: 'v3-json-serial' })
  appendFileSync(found.log, auditLog('v2-json-serial').subarray(0, auditLog('v2-json-serial').indexOf(10) + 1))
  const apache = await verdict(found)
  assert.deepEqual([apache.severity, apache.remedy], ['ok', undefined])
  appendFileSync(found.log, auditLog('v3-json-serial').subarray(0, auditLog('v3-json-serial').indexOf(10) + 1))
  const nginx = await verdict(found)
  assert.deepEqual([nginx.severity, nginx.remedy], ['bad', 'modwarden setup nginx'])
})

test('log-rotation: for ModSecurity 2 a reload is enough, and nothing is not', { skip }, async () => {
  const v2 = { engine: 'v2-json-serial' }
  assert.equal((await verdict(machine({ apache2: debian('apache2') }, v2))).severity, 'ok')
  assert.equal((await verdict(machine({ ours: shipped('logrotate-apache') }, v2))).severity, 'ok')
  const silent = debian('apache2').replace(/postrotate[\s\S]*?endscript/, '')
  assert.match((await verdict(machine({ apache2: silent }, v2))).what, /does not reload the web server/)
})

test('log-rotation: no rule, two rules, a new file that the service cannot read', { skip }, async () => {
  assert.deepEqual((await verdict(machine({}))).severity, 'warn')
  const two = machine({ nginx: debian('nginx'), ours: shipped('logrotate-nginx') })
  const both = await verdict(two)
  assert.deepEqual([both.severity, both.what.slice(0, 30)], ['bad', 'two rules of logrotate name it'])
  // logrotate itself says so.
  const debug = execFileSync('sh', ['-c', `logrotate --debug --state /dev/null ${two.conf} 2>&1 || true`], { encoding: 'utf8' })
  assert.match(debug, /duplicate log entry/)
  const closed = shipped('logrotate-apache').replace('create 640 root adm', 'create 600 root adm')
  const found = await verdict(machine({ ours: closed }, { engine: 'v2-json-serial' }))
  assert.deepEqual([found.severity, found.what], ['bad', 'modwarden cannot read the file that logrotate makes: create 600 root adm'])
  const foreign = closed.replace('create 600 root adm', 'create 640 root root')
  assert.match((await verdict(machine({ ours: foreign }, { engine: 'v2-json-serial' }))).what, /create 640 root root/)
})

test('log-rotation: what is included, continued, quoted, disabled or set for all files is read as logrotate does', { skip }, async () => {
  const rule = 'postrotate\n  echo "}" { reload\nendscript\n'
  const lists = { a: `"/nowhere/x y.log"\n/var/log/nginx/modsec_*.log\n/other.log\n{\n# }\n${rule}}\n` }
  const found = readRotation(machine(lists).conf)
  assert.deepEqual(
    found.map(({ line, patterns }) => [line, patterns.length]),
    [[1, 3]],
  )
  assert.equal((await verdict(machine({ 'a.dpkg-old': debian('nginx') }))).severity, 'warn', 'logrotate passes such names over')
  const everywhere = machine({ nginx: '/var/log/nginx/*.log {\n}\n' }, { global: 'copytruncate\ninclude /etc/logrotate.d\n' })
  assert.equal((await verdict(everywhere)).severity, 'ok')
  assert.match((await verdict(machine({ a: '/var/log/nginx/modsec_audit.log {\nnocreate\n' }))).what, /no rule/, 'a rule that never ends')
})
