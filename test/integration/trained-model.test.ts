import assert from 'node:assert/strict'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { get } from '../edge/scoring/scorer.ts'
import { ctime } from '../entries.ts'
import { whyNoNamespace } from '../netns.ts'
import { startApache, whyNoApache } from '../servers/apache.ts'
import { send, type WebServer } from '../servers/common.ts'
import { startNginx, whyNoNginx } from '../servers/nginx.ts'
import { installPlugin, whyNoLuaSocket } from '../servers/plugin.ts'
import { scoreSettings, scoreSocket, startServe } from '../servers/serve.ts'
import { BROWSER, sendVisits } from '../servers/visitors.ts'
import { until } from '../until.ts'
import { createDaemonHarness, type DaemonHarness } from './daemon-harness.ts'

const SERVERS = [
  { name: 'nginx', start: startNginx, skip: whyNoNginx() ?? whyNoLuaSocket('5.3') },
  { name: 'apache', start: startApache, skip: whyNoApache() ?? whyNoLuaSocket('5.1') },
]
const missing = whyNoNamespace() ?? SERVERS.find(({ skip }) => skip !== undefined)?.skip
/** A host may reach 10 from 1,000 requests on that were recorded on two days. */
const RECORDED = 1040
const DAY = 86_400_000
/** On a busy machine a score may be late; then the CRS decides, as it should. */
const PATIENT = `SecAction "id:9,phase:1,nolog,pass,setvar:'tx.machine-learning-plugin_budget_ms=250'"`
const TRIES = 5
const ATTACK = '/catalog?page=../../../../etc/passwd%00&sort=price'

/** Moves the entries of both servers' formats to the day before, as if they had been recorded then. */
function asOfYesterday(log: string): string {
  const before = (at: number) => new Date(at - DAY)
  return log
    .replace(/("time_stamp":")([^"]+)"/g, (_, key: string, time: string) => `${key}${ctime(before(Date.parse(time)))}"`)
    .replace(/("time":")(\d\d)\/(\w{3})\/(\d{4}):/g, (_, key: string, day: string, month: string, year: string) => {
      const [, date, name, inYear] = /(\d\d) (\w{3}) (\d{4})/.exec(before(Date.parse(`${day} ${month} ${year} 12:00 UTC`)).toUTCString())!
      return `${key}${date}/${name}/${inYear}:`
    })
}

test('a model that was trained on the own traffic scores an attack inline, and that becomes a DROP rule', {
  skip: missing ?? false,
  timeout: 120_000,
}, async () => {
  const daemon = createDaemonHarness(folder => `${scoreSettings(folder)}\ndeadline = "200ms"`)
  chmodSync(daemon.folder, 0o755)
  const logs = SERVERS.map(({ name }) => join(daemon.folder, name, 'log/audit.log'))
  writeFileSync(daemon.config, readFileSync(daemon.config, 'utf8').replace(/^audit_log.*$/m, `audit_log = ${JSON.stringify(logs)}`))
  // The daemon keeps to the base model here, so that above 6.9 it can only have been the inline score.
  const models = join(daemon.folder, 'trained')
  const scorerConfig = join(daemon.folder, 'scorer.toml')
  writeFileSync(scorerConfig, readFileSync(daemon.config, 'utf8').replace(/^model_dir.*$/m, `model_dir = "${models}"`))
  const scorer = await startServe(daemon.folder, scorerConfig)
  const servers: WebServer[] = []
  try {
    for (const { name, start } of SERVERS) {
      const folder = join(daemon.folder, name)
      // In mode 2 the model alone decides: nothing that the CRS knows makes anybody be denied.
      const edit = (config: string) =>
        config.replace('plugin_mode=3', 'plugin_mode=2').replace('/run/modwarden-score/score.sock', scoreSocket(daemon.folder))
      servers.push(
        await start({ folder, format: 'JSON', type: 'Serial', parts: 'ABCFHZ', moreRules: PATIENT, ...installPlugin(folder, edit) }),
      )
    }
    await daemon.start()
    const attack = (server: WebServer, ip: string) => send(server.port, { ip, path: ATTACK, headers: BROWSER })
    for (const [index, server] of servers.entries()) assert.equal(await attack(server, `203.0.113.${index + 1}`), 403, 'the CRS decides')

    const half = RECORDED / 2 / servers.length
    const recorded: string[] = []
    const keep = (name: string, text: string) => {
      recorded.push(join(daemon.folder, name))
      writeFileSync(recorded.at(-1)!, text, 'latin1')
    }
    for (const [index, server] of servers.entries()) {
      const from = 2 * half * index
      assert.deepEqual([...(await sendVisits(server.port, from, from + half))], [200])
      const first = await logOf(server, half)
      keep(`first-${index}`, asOfYesterday(first))
      assert.deepEqual([...(await sendVisits(server.port, from + half, from + 2 * half))], [200])
      keep(`second-${index}`, (await logOf(server, 2 * half)).slice(first.length))
    }
    const trained = daemon.command('train', '--from', ...recorded, '--activate', '--model-dir', models)
    assert.match(trained.stdout, /trained on 1,0\d\d requests of 1 hosts .*, active now\n$/, trained.stderr)
    const version = /([\w-]+)\.json: trained/.exec(trained.stdout)![1]!
    await until('it scores', async () => (await get(scoreSocket(daemon.folder), '/metrics')).body.includes(`version="${version}"`))

    for (const [index, server] of servers.entries()) {
      const ip = `203.0.113.${index + 11}`
      const scored = await scoredAttack(daemon, ip, () => attack(server, ip))
      assert.ok(scored.logged > 8 && scored.own <= 6.9, JSON.stringify(scored))
      await until('the attacker is dropped', () => daemon.isDropped(ip))
      assert.deepEqual(daemon.query(`SELECT reason, score FROM blocked_ips WHERE ip = '${ip}'`), [
        { reason: 'high-score', score: scored.logged },
      ])
      assert.deepEqual(
        [...(await sendVisits(server.port, RECORDED, RECORDED + 100))],
        [200],
        'whom the model does not know from its training passes',
      )
    }
    assert.equal(daemon.query('SELECT ip FROM blocked_ips').length, servers.length, 'nobody else')
    assert.match(daemon.command('status').stdout, /the plugin runs in mode 2: it can let through what the CRS would block/)
  } catch (error) {
    process.stderr.write(`${daemon.text().slice(-2000)}${scorer.text().slice(-1000)}`)
    throw error
  } finally {
    for (const server of servers) await server.stop()
    await scorer.stop()
    await daemon.remove()
  }
})

/** Attacks until the scorer was in time; so few threats of the base model block nobody. */
async function scoredAttack(daemon: DaemonHarness, ip: string, attack: () => Promise<number>): Promise<{ logged: number; own: number }> {
  const scores = () =>
    daemon.query<{ logged: number | null; own: number }>(
      `SELECT logged_score AS logged, own_score AS own FROM events WHERE ip = '${ip}' ORDER BY id`,
    )
  for (let number = 1; number <= TRIES; number++) {
    assert.equal(await attack(), 403)
    await until('it is read', () => scores().length === number)
    const { logged, own } = scores().at(-1)!
    if (logged !== null) return { logged, own }
  }
  throw new Error(`${TRIES} attacks got no score`)
}

/** The log of a server once it holds so many visits. */
function logOf({ auditLog }: WebServer, visits: number): Promise<string> {
  return until('all visits are logged', () => {
    const text = readFileSync(auditLog, 'latin1')
    return text.endsWith('\n') && text.split('\n').filter(line => line.includes('"198.51.100.')).length >= visits ? text : undefined
  })
}
