// Runs inside the container that test/integration/systemd.test.ts boots: the unit that sends notifications and looks up crawlers.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { reverseName } from '../../../src/core/ip.ts'
import type { Payload } from '../../../src/core/notification/payload.ts'
import { createDnsServer, type Zone } from '../../dns.ts'
import { v3Entry } from '../../entries.ts'
import { until } from '../../until.ts'

assert.equal(process.env.WITH_SYSTEMD, '1', 'only inside the container')
const LOG = '/var/log/modsecurity/audit.log'
const OUTBOX = '/var/lib/modwarden-outbox'
const NOTIFY = '/etc/modwarden/notify.toml'
const CRAWLER = '192.0.2.31'

const out = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' })
const property = (name: string) => out('systemctl', 'show', 'modwarden-notify', '--value', '-p', name).trim()
const journal = () => out('journalctl', '-u', 'modwarden', '-u', 'modwarden-notify', '-o', 'cat', '--no-pager')
const attack = (ip: string) => appendFileSync(LOG, v3Entry({ ip, loggedScore: 9.5 }))
const isDropped = (ip: string) => out('nft', 'list', 'table', 'inet', 'modwarden').includes(ip)

const got: (Payload & { authorization: string | undefined })[] = []
const server = createServer(async (request, response) => {
  got.push({ ...(JSON.parse(await text(request)) as Payload), authorization: request.headers.authorization })
  response.end()
}).listen(0, '127.0.0.1')
const zone: Zone = { [reverseName(CRAWLER)]: { PTR: ['crawl-31.googlebot.com'] }, 'crawl-31.googlebot.com': { A: [CRAWLER] } }
let dns: Awaited<ReturnType<typeof createDnsServer>>

/** Writes the notifier's settings as the manual says. */
function set(values: string): void {
  writeFileSync(NOTIFY, `[notify]\n${values}`)
  out('systemd-tmpfiles', '--create', '/usr/lib/tmpfiles.d/modwarden.conf')
}

before(async () => {
  await once(server, 'listening')
  dns = await createDnsServer(zone, { port: 53 })
  rmSync('/etc/resolv.conf', { force: true })
  writeFileSync('/etc/resolv.conf', 'nameserver 127.0.0.1\n')
  writeFileSync('/etc/modwarden/modwarden.toml', 'block_time = "10m"\nfirewall = "nftables"\n')
  rmSync(NOTIFY, { force: true })
  for (const unit of ['modwarden', 'modwarden-notify']) spawnSync('systemctl', ['reset-failed', unit])
})
after(() => {
  for (const unit of ['modwarden', 'modwarden-notify']) spawnSync('systemctl', ['stop', unit])
  writeFileSync('/etc/modwarden/modwarden.toml', '')
  rmSync(NOTIFY, { force: true })
  server.closeAllConnections()
  server.close()
  dns.close()
})

test('with nothing set the unit ends well and says why', async () => {
  out('systemctl', 'start', 'modwarden-notify')
  await until('it has ended', () => property('ActiveState') === 'inactive')
  assert.deepEqual([property('Result'), property('ExecMainStatus'), property('NRestarts')], ['success', '0', '0'])
  assert.match(journal(), /nothing to do: neither notify\.command nor notify\.webhook is set/)
})

test('it starts as its own user without any capability', () => {
  set(`webhook = "http://127.0.0.1:${(server.address() as AddressInfo).port}/SECRET"\nwebhook_header = "Authorization: Bearer SECRET"\n`)
  writeFileSync('/etc/modwarden/modwarden.toml', 'verified_crawlers = ["googlebot.com"]\nblock_time = "10m"\nfirewall = "nftables"\n')
  out('systemctl', 'start', 'modwarden', 'modwarden-notify')
  assert.equal(property('ActiveState'), 'active')
  assert.match(property('StatusText'), /^webhook 127\.0\.0\.1:\d+, looking up crawlers$/)
  const status = readFileSync(`/proc/${property('MainPID')}/status`, 'utf8')
  assert.match(status, /CapEff:\s+0+\n/)
  assert.equal(/Uid:\s+(\d+)/.exec(status)![1], out('id', '-u', 'modwarden-notify').trim())
  const { mode, uid, gid } = statSync(NOTIFY)
  assert.deepEqual([mode & 0o777, uid, gid], [0o640, 0, Number(out('id', '-g', 'modwarden-notify'))])
})

test('the daemon blocks, and the webhook hears of it', async () => {
  attack('192.0.2.30')
  const told = await until('the webhook has it', () => got.find(({ fields }) => fields.ip === '192.0.2.30'), 5000)
  assert.deepEqual([told.kind, told.event, told.authorization], ['block', 'address.blocked', 'Bearer SECRET'])
  assert.match(told.text, /192\.0\.2\.30 is blocked until .*one request scored 9\.5 of 10/)
  await until('the outbox is empty', () => readdirSync(OUTBOX).length === 0)
  assert.ok(isDropped('192.0.2.30'))
})

test('a repair is told too', async () => {
  out('nft', 'delete', 'table', 'inet', 'modwarden')
  await until('the webhook has it', () => got.find(({ event }) => event === 'firewall.repaired'))
})

test('a verified crawler is open again at once, and a forged one is not', async () => {
  zone[reverseName('192.0.2.32')] = { PTR: ['crawl-31.googlebot.com'] }
  attack('192.0.2.32')
  attack(CRAWLER)
  const list = () => out('modwarden', 'allow', '--list')
  await until('it is allowed', () => list().includes('verified crawler crawl-31.googlebot.com'), 5000)
  await until('it is open', () => !isDropped(CRAWLER), 1500)
  await until('the forged one was looked up', () => dns.asked.includes('A crawl-31.googlebot.com') && readdirSync(OUTBOX).length === 0)
  assert.ok(isDropped('192.0.2.32'))
  assert.doesNotMatch(list(), /192\.0\.2\.32/)
})

test('what it starts can neither read nor write what is the daemon’s, nor write anywhere else', async () => {
  const probe = '/var/lib/modwarden-notify/probe'
  const tries = {
    'read the database': 'cat /var/lib/modwarden/modwarden.db',
    'write into its folder': 'touch /var/lib/modwarden/x',
    'read the log': `cat ${LOG}`,
    'write its own settings': `echo >> ${NOTIFY}`,
    'write elsewhere': 'touch /usr/local/x',
    'run what it wrote': `cp /bin/true ${OUTBOX}/true && ${OUTBOX}/true`,
    'read its settings': `cat ${NOTIFY}`,
    'write its state': 'touch /var/lib/modwarden-notify/x',
  }
  const script = Object.entries(tries).map(([name, command]) => `(${command}) >/dev/null 2>&1 && echo '${name}' >> ${probe}`)
  writeFileSync('/usr/local/bin/probe', `#!/bin/sh\nrm -f ${probe}\n${script.join('\n')}\nrm -f ${OUTBOX}/true\necho done >> ${probe}\n`, {
    mode: 0o755,
  })
  set('command = "/usr/local/bin/probe"\n')
  out('systemctl', 'restart', 'modwarden-notify')
  attack('192.0.2.33')
  const found = await until(
    'it has tried',
    () => existsSync(probe) && readFileSync(probe, 'utf8').includes('done') && readFileSync(probe, 'utf8'),
  )
  assert.equal(found, 'read its settings\nwrite its state\ndone\n')
})

test('--test as root does not stay root, and no secret is in the journal', () => {
  set('command = ["/bin/sh", "-c", "id -un > /tmp/notify-user"]\n')
  rmSync('/tmp/notify-user', { force: true })
  assert.match(out('modwarden', 'notify', '--test'), /^command \/bin\/sh: delivered, ended with status 0/)
  assert.equal(readFileSync('/tmp/notify-user', 'utf8'), 'modwarden-notify\n')
  assert.doesNotMatch(journal(), /SECRET/)
})
