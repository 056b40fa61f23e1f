import assert from 'node:assert/strict'
import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { whyNoNamespace } from '../netns.ts'
import { startApache, whyNoApache } from '../servers/apache.ts'
import { send } from '../servers/common.ts'
import { startNginx, whyNoNginx } from '../servers/nginx.ts'
import { installPlugin, whyNoLuaSocket } from '../servers/plugin.ts'
import { scoreSettings, scoreSocket, startServe } from '../servers/serve.ts'
import { BROWSER } from '../servers/visitors.ts'
import { until } from '../until.ts'
import { createDaemonHarness } from './daemon-harness.ts'

const SERVERS = [
  { name: 'nginx', start: startNginx, skip: whyNoNginx() ?? whyNoLuaSocket('5.3') ?? whyNoNamespace() ?? false },
  { name: 'Apache', start: startApache, skip: whyNoApache() ?? whyNoLuaSocket('5.1') ?? whyNoNamespace() ?? false },
]
/** The server sees the proxy alone; who is behind it stands in a header. */
const PROXY = '198.51.100.1'
const ATTACKER = '203.0.113.66'
const OTHER = '203.0.113.67'
const PATIENT = `SecAction "id:9,phase:1,nolog,pass,setvar:'tx.machine-learning-plugin_budget_ms=250'"`

/** One attack is enough here, and its block is over soon. */
const settings = (folder: string) =>
  [
    `trusted_proxies = ["${PROXY}"]`,
    'client_ip_header = "X-Forwarded-For"',
    `denied_file = "${folder}/run/denied"`,
    'block_score = 6.5',
    'block_time = "8s"',
    scoreSettings(folder),
    'deadline = "200ms"',
  ].join('\n')

for (const { name, start, skip } of SERVERS)
  test(`${name}: a client behind a proxy is refused while it is blocked, nobody else is, and it may come again`, {
    skip,
    timeout: 120_000,
  }, async () => {
    const daemon = createDaemonHarness(settings)
    chmodSync(daemon.folder, 0o755)
    const scorer = await startServe(daemon.folder, daemon.config)
    const edit = (config: string) => config.replace('/run/modwarden-score/score.sock', scoreSocket(daemon.folder))
    const options = { folder: daemon.folder, format: 'JSON', type: 'Serial', parts: 'ABFHZ' } as const
    const server = await start({ ...options, moreRules: `SecAuditEngine RelevantOnly\n${PATIENT}`, ...installPlugin(daemon.folder, edit) })
    const ask = (client: string, path = '/') =>
      send(server.port, { ip: PROXY, path, headers: { ...BROWSER, Connection: 'close', 'X-Forwarded-For': `192.0.2.9, ${client}` } })
    const denied = () => (existsSync(join(daemon.folder, 'run/denied')) ? readFileSync(join(daemon.folder, 'run/denied'), 'utf8') : '')
    const blocks = () => daemon.query<{ ip: string; enforcement: string }>('SELECT ip, enforcement FROM blocks')
    try {
      await daemon.start()
      assert.deepEqual([await ask(ATTACKER), await ask(OTHER)], [200, 200])
      assert.equal(await ask(ATTACKER, '/?file=../../../../etc/passwd'), 403, 'the CRS denies it')
      await until('it is written down', () => denied().startsWith(`${ATTACKER} `))
      await until('it is refused', async () => (await ask(ATTACKER)) === 403)
      assert.equal(await ask(OTHER), 200, 'through the same proxy')
      assert.equal(await ask(PROXY), 200, 'the proxy itself')
      await until('the score of refusal is logged', () => readFileSync(server.auditLog, 'utf8').includes('ML Score: 10.00'))
      assert.doesNotMatch(daemon.rules(), /-j DROP/, 'no packet of the proxy is dropped')
      assert.match(daemon.command('status').stdout, /1 active, 1 behind a proxy \(the scoring server refuses\s+them\)/)

      // It goes on all the time: that it is refused must be no reason to block it again. An answer that comes too late lets a request pass meanwhile.
      await until('its end is written down, and it is served', async () => (await ask(ATTACKER)) === 200 && denied() === '')
      for (let number = 0; number < 50; number++) assert.equal(await ask(ATTACKER), 200, `request ${number} after the end`)
      assert.deepEqual(blocks(), [{ ip: ATTACKER, enforcement: 'proxied' }])
    } catch (error) {
      process.stderr.write(`${daemon.text().slice(-3000)}${scorer.text().slice(-1000)}${JSON.stringify(blocks())}`)
      throw error
    } finally {
      await server.stop()
      await scorer.stop()
      await daemon.remove()
    }
  })
