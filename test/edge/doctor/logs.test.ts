import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Account, LogFacts } from '../../../src/core/doctor/facts.ts'
import type { WebConfig } from '../../../src/core/doctor/web-config.ts'
import type { Settings } from '../../../src/core/settings.ts'
import { lookAs } from '../../../src/edge/doctor/eyes.ts'
import { lookAtLogs } from '../../../src/edge/doctor/look-logs.ts'
import { auditLog } from '../../core/entry/corpus.ts'
import { judge, judgeOne, settingsOf } from '../../doctor-facts.ts'
import { type FakeEntry, v3Entry } from '../../entries.ts'

const NOBODY: Account = { name: 'nobody', uid: 65534, gid: 65534, groups: [65534] }
const isRoot = process.getuid?.() === 0
const skip = isRoot ? false : 'needs root to look as another user'
const top = mkdtempSync(join(tmpdir(), 'modwarden-logs-'))
chmodSync(top, 0o755)
after(() => rmSync(top, { recursive: true }))

/** Makes a log in a folder of its own. */
function logWith(content: string | Buffer = '', name = 'audit.log'): string {
  const folder = mkdtempSync(join(top, 'x-'))
  chmodSync(folder, 0o755)
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const entries = (count: number, entry: (index: number) => Partial<FakeEntry> = () => ({})) =>
  Array.from({ length: count }, (_, index) => v3Entry({ ip: `192.0.2.${index % 200}`, attack: true, ...entry(index) })).join('')

async function look(path: string, settings: Settings = settingsOf()): Promise<LogFacts[]> {
  const { storageDir, trustedProxies, clientIpHeader } = settings
  return lookAtLogs({ logs: [path], storageDir, proxies: { trusted: trustedProxies, header: clientIpHeader } })
}

const judgeLog = async (id: string, path: string, settings = settingsOf(), web: WebConfig[] = []) =>
  judgeOne(id, { settings, web, logs: await look(path, settings) })

const lookAsNobody = (path: string) => lookAs(NOBODY, 'logs', { logs: [path], storageDir: '', proxies: { trusted: [], header: '' } }, 8000)

test('log-readable: what the user of the service may not read is found by trying, with what forbids it', { skip }, async () => {
  const path = logWith(entries(1))
  const verdict = async () => judgeOne('log-readable', { logs: await lookAsNobody(path) }, { serviceUser: 'nobody' })
  assert.equal((await verdict()).severity, 'ok')
  chmodSync(path, 0o640)
  const file = await verdict()
  assert.deepEqual([file.severity, file.about], ['bad', path])
  assert.match(file.evidence!, new RegExp(`^${path} is rw-r----- root:root; EACCES`))
  assert.equal(file.remedy, `chgrp adm ${path} && chmod g+r ${path}`)
  chmodSync(path, 0o644)
  chmodSync(join(path, '..'), 0o750)
  const folder = await verdict()
  assert.match(folder.evidence!, new RegExp(`^${join(path, '..')} is rwxr-x--- root:root; EACCES`))
  assert.match(folder.remedy!, /^modwarden setup/, 'only the folders of logs are opened')
})

test('log-readable: a log that is not there, a folder, a pipe', async () => {
  const path = logWith()
  rmSync(path)
  const missing = await judgeLog('log-readable', path)
  assert.deepEqual([missing.severity, missing.what, missing.remedy], ['bad', 'it is not there', 'modwarden setup apache   # or nginx'])
  execFileSync('mkfifo', [path])
  assert.equal((await judgeLog('log-readable', path)).what, 'it is no regular file')
  rmSync(path)
  mkdirSync(path)
  assert.equal((await judgeLog('log-readable', path)).what, 'it is no regular file')
  assert.equal((await judgeLog('log-events', path)).severity, 'skipped')
})

test('log-empty: nothing in it, nor in what was rotated away', async () => {
  const path = logWith()
  const found = await judgeLog('log-empty', path)
  assert.deepEqual([found.severity, found.what], ['warn', 'it is empty: the WAF has never written to it'])
  writeFileSync(`${path}.1`, entries(1))
  assert.equal((await judgeLog('log-empty', path)).severity, 'ok')
  rmSync(`${path}.1`)
  writeFileSync(path, entries(1))
  assert.equal((await judgeLog('log-empty', path)).severity, 'ok')
})

test('log-events: another log, a broken one, a whole one; what clients wrote is not shown', async () => {
  const access = '192.0.2.1 - - [27/Nov/2026:00:00:00 +0000] "GET /?secret=hunter2 HTTP/1.1" 200 5 "-" "curl"\n'.repeat(100)
  const found = await judgeLog('log-events', logWith(access))
  assert.deepEqual([found.severity, found.what], ['bad', 'it holds text, but no event comes out of it'])
  assert.doesNotMatch(JSON.stringify(found), /hunter2/)
  assert.equal((await judgeLog('log-events', logWith(entries(30)))).severity, 'ok')
  const torn = entries(10)
    .split('\n')
    .map(line => `${line.slice(0, 300)}\n${line}\n{"transaction":{"x\n`)
    .join('')
  assert.equal((await judgeLog('log-events', logWith(torn))).severity, 'warn')
  assert.equal((await judgeLog('log-events', logWith('{"transaction":'))).severity, 'skipped')
})

test('the end of a large log is looked at, from a whole entry on', async () => {
  const path = logWith(entries(3000, index => ({ body: 'x'.repeat(1000 + (index % 7)) })))
  const [log] = await look(path)
  assert.ok(statSync(path).size > log!.tail!.bytes)
  assert.deepEqual([log!.tail!.events, log!.tail!.unreadable], [500, 0])
})

test('log-format: each format of the recordings, native ones with the way to JSON', async () => {
  const cases = [
    ['v3-json-serial', 'ok', undefined],
    ['v2-json-serial', 'ok', undefined],
    ['v3-native-serial', 'warn', 'modwarden setup nginx'],
    ['v2-native-serial', 'warn', 'modwarden setup apache'],
  ] as const
  for (const [name, severity, remedy] of cases) {
    const found = await judgeLog('log-format', logWith(auditLog(name)))
    assert.deepEqual([found.severity, found.remedy], [severity, remedy], name)
  }
})

test('log-json-support: the engine says that it has none, or has none and is told to write it', async () => {
  // What libmodsecurity 3 writes for every transaction when it was built without yajl.
  const refused = logWith('{"error":"ModSecurity was not compiled with JSON support."}\n'.repeat(20))
  assert.equal((await judgeLog('log-json-support', refused)).severity, 'bad')
  const path = logWith(auditLog('v2-native-serial'))
  const config = (hasJson: boolean): WebConfig => ({
    server: 'apache',
    file: '/etc/apache2/apache2.conf',
    hasModule: true,
    scopes: [
      {
        name: '',
        values: new Map(
          Object.entries({ secauditlog: path, secauditlogformat: 'JSON' }).map(([name, value]) => [
            name,
            { value, file: '/etc/x.conf', line: 3 },
          ]),
        ),
      },
    ],
    user: 'www-data',
    module: '/usr/lib/apache2/modules/mod_security2.so',
    hasJson,
    scorer: undefined,
    scorerFile: undefined,
    problems: [],
  })
  const found = await judgeLog('log-json-support', path, settingsOf(), [config(false)])
  assert.deepEqual(
    [found.severity, found.evidence],
    ['bad', '/etc/x.conf:3: SecAuditLogFormat JSON; no yajl in /usr/lib/apache2/modules/mod_security2.so'],
  )
  assert.equal((await judgeLog('log-json-support', path, settingsOf(), [config(true)])).severity, 'ok')
  assert.equal((await judgeLog('log-format', path, settingsOf(), [config(false)])).severity, 'ok', 'nothing better is to be had')
})

test('log-parts: bodies that no entry has', async () => {
  const posts = (body: string) => entries(30, () => ({ method: 'POST', body }))
  const found = await judgeLog('log-parts', logWith(posts('')))
  assert.deepEqual([found.severity, found.evidence, found.remedy], ['warn', '0 of 30 bodies', 'modwarden setup nginx'])
  assert.equal((await judgeLog('log-parts', logWith(posts('a=1')))).severity, 'ok')
  const unmatched = await judgeLog('log-parts', logWith(entries(30, () => ({ attack: false }))))
  assert.deepEqual([unmatched.severity, unmatched.what], ['warn', 'its entries have no matched rules: part H may be missing'])
})

test('log-clients: a proxy whose header names many clients is found, and found well behind once it is trusted', async () => {
  const behind = (header: string) => entries(60, index => ({ ip: '198.51.100.9', headers: { Host: 'a', [header]: `192.0.2.${index}` } }))
  const found = await judgeLog('log-clients', logWith(behind('X-Forwarded-For')))
  assert.deepEqual([found.severity, found.evidence], ['bad', '60 of 60 events; 60 of them name 60 clients in X-Forwarded-For'])
  assert.match(found.remedy!, /'trusted_proxies = \["198\.51\.100\.9"\]' 'client_ip_header = "X-Forwarded-For"' > /)
  const trusted = settingsOf({ trusted_proxies: ['198.51.100.9'], client_ip_header: 'X-Forwarded-For' })
  assert.equal((await judgeLog('log-clients', logWith(behind('X-Forwarded-For')), trusted)).severity, 'ok')
  const unnamed = await judgeLog('log-clients', logWith(behind('X-Real-IP')), trusted)
  assert.match(unnamed.what, /^the trusted proxies do not name the client in X-Forwarded-For/)
  assert.equal(unnamed.severity, 'bad')
})

test('log-clients: a private address alone is asked about; one busy client, who may write any header, is none', async () => {
  assert.equal((await judgeLog('log-clients', logWith(entries(60, () => ({ ip: '172.17.0.1' }))))).severity, 'warn')
  const liar = entries(60, () => ({ ip: '198.51.100.9', headers: { 'X-Forwarded-For': '8.8.8.8' } }))
  assert.equal((await judgeLog('log-clients', logWith(liar))).severity, 'ok')
  const many = entries(60, index => ({ headers: { 'X-Forwarded-For': `10.0.0.${index}` } }))
  assert.equal((await judgeLog('log-clients', logWith(many))).severity, 'ok')
  assert.equal((await judgeLog('log-clients', logWith(entries(5, () => ({ ip: '10.0.0.1' }))))).severity, 'skipped')
})

test('log-clock: another time zone, another clock, the same', async () => {
  const written = (offset: number) => judgeLog('log-clock', logWith(entries(3, () => ({ at: Date.now() + offset }))))
  assert.equal((await written(-1000)).severity, 'ok')
  const zone = await written(-5 * 3_600_000)
  assert.deepEqual([zone.severity, zone.what], ['bad', 'the web server writes the times of another time zone (5 h behind)'])
  assert.equal((await written(5.75 * 3_600_000)).severity, 'bad')
  const clock = await written(37.5 * 60_000)
  assert.deepEqual([clock.severity, clock.what], ['warn', "its times are not those of this machine's clock (37 min ahead)"])
  // One that took ten minutes is written last, but began before the others.
  const long = entries(1) + v3Entry({ ip: '192.0.2.1', at: Date.now() - 600_000 })
  assert.equal((await judgeLog('log-clock', logWith(long))).severity, 'ok')
  // ModSecurity 2 writes its zone: no zone explains what differs there.
  const path = logWith(auditLog('v2-json-serial'))
  const at = (await look(path))[0]!.tail!.last!.at / 1000
  utimesSync(path, at, at)
  assert.equal((await judgeLog('log-clock', path)).severity, 'ok')
  utimesSync(path, at + 7200, at + 7200)
  assert.equal((await judgeLog('log-clock', path)).severity, 'warn')
})

test("log-writable: what the web server's user can write, of the log and its folder", { skip }, async () => {
  const path = logWith(entries(1))
  const writable = async () => {
    const webUser = await lookAs(NOBODY, 'webUser', { user: 'nobody', socket: '/none', exists: false, logs: [path] }, 8000)
    return judgeOne('log-writable', { webUser, logs: await look(path) })
  }
  assert.equal((await writable()).severity, 'ok')
  chmodSync(path, 0o666)
  const found = await writable()
  assert.deepEqual([found.severity, found.remedy], ['warn', `chown root:adm ${path} && chmod 640 ${path}`])
  execFileSync('sh', ['-c', found.remedy!])
  chmodSync(join(path, '..'), 0o777)
  const inFolder = await writable()
  assert.match(inFolder.what, new RegExp(`can write ${join(path, '..')}:`))
  assert.match(inFolder.remedy!, /^modwarden setup/, 'the folder may be /tmp')
})

test('each log is judged by itself', async () => {
  const paths = [logWith(), logWith(entries(1))]
  const logs = await lookAtLogs({ logs: paths, storageDir: '', proxies: { trusted: [], header: '' } })
  assert.deepEqual(
    judge('log-empty', { logs }).map(({ about, severity }) => [about, severity]),
    [
      [paths[0], 'warn'],
      [paths[1], 'ok'],
    ],
  )
})
