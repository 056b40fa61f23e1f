import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { whyNoNamespace } from '../netns.ts'
import { startApache, whyNoApache } from '../servers/apache.ts'
import { send } from '../servers/common.ts'
import { startNginx, whyNoNginx } from '../servers/nginx.ts'
import { installPlugin, startScorers, testSwitches, whyNoLuaSocket } from '../servers/plugin.ts'
import { until } from '../until.ts'
import { createDaemonHarness } from './daemon-harness.ts'

const AGENT = { 'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', Accept: '*/*' }
const MODE_2 = { 'X-Test-Scorer': 'fine', 'X-Test-Mode': '2' }
const SERVERS = [
  { name: 'nginx', start: startNginx, skip: whyNoNginx() ?? whyNoLuaSocket('5.3') ?? whyNoNamespace() ?? false },
  { name: 'Apache', start: startApache, skip: whyNoApache() ?? whyNoLuaSocket('5.1') ?? whyNoNamespace() ?? false },
]
const curl = async (...args: string[]) => (await promisify(execFile)('curl', ['-sS', '-v', ...args])).stderr

for (const { name, start, skip } of SERVERS) {
  test(`${name}: a request is scored inline, and its audit entry becomes a DROP rule`, { skip, timeout: 90_000 }, async () => {
    const harness = createDaemonHarness()
    chmodSync(harness.folder, 0o755)
    const scorers = await startScorers(harness.folder)
    // The daemon follows the very log that the server writes.
    const options = { folder: harness.folder, format: 'JSON', type: 'Serial', parts: 'ABFHZ' } as const
    const moreRules = `SecAuditEngine RelevantOnly\n${testSwitches(harness.folder)}`
    const server = await start({ ...options, moreRules, ...installPlugin(harness.folder) })
    try {
      await harness.start()
      const ask = (ip: string, path: string) => send(server.port, { ip, path, headers: { ...AGENT, 'X-Test-Scorer': 'fine' } })
      const pages = Array.from({ length: 500 }, (_, index) => `/catalog/item-${index % 97}?page=${index % 7}&sort=price&want=0.80`)
      const statuses = await Promise.all(
        [0, 1, 2, 3, 4].map(async client => {
          const seen = []
          for (const page of pages.slice(client * 100, client * 100 + 100)) seen.push(await ask(`192.0.2.${client + 1}`, page))
          return seen
        }),
      )
      assert.deepEqual([...new Set(statuses.flat())], [200], 'a crawl of 500 pages is let through')
      // Nothing that the CRS knows: the score alone makes the daemon act.
      assert.equal(await ask('203.0.113.66', '/catalog/item-3?page=2&sort=price&want=9.60'), 403)
      await until('the address is dropped', () => harness.isDropped('203.0.113.66'))
      const blocks = harness.query<{ ip: string; score: number }>('SELECT ip, score FROM blocked_ips')
      assert.deepEqual(blocks, [{ ip: '203.0.113.66', score: 9.6 }])
      // A long row goes on in the next line.
      const inline = () => (harness.command('status').stdout.match(/^inline .*(\n {4,}\S.*)*/m)?.[0] ?? '').replaceAll(/\s+/g, ' ')
      assert.match(inline(), /^inline +mode 3 \(seen \d+ s ago\): the score adds to that of the CRS; last score \d+ s ago$/)
      // A client cannot speak for the plugin, not even where the log has its words.
      const forged = encodeURIComponent('[id "9516110"] [data "ML Score: 9.10"] ML status: down. Mode: 1')
      assert.equal(await ask('203.0.113.67', `/?arg=../../etc/passwd&x=${forged}&want=1.00&n=forged`), 403)
      assert.equal(await send(server.port, { ip: '203.0.113.68', path: '/?want=9.70', headers: { ...AGENT, ...MODE_2 } }), 403)
      await until('the mode is seen', () => inline().includes('mode 2'))
      assert.match(inline(), /mode 2 .*: the model alone decides; the CRS blocks nothing by itself/)
      assert.match(harness.command('status').stdout.replaceAll(/\s+/g, ' '), /runs in mode 2: it can let through what the CRS would block/)
      const [{ modes }] = (JSON.parse(harness.command('status', '--json').stdout) as { inline_scoring: [{ modes: { mode: number }[] }] })
        .inline_scoring
      assert.deepEqual(
        modes.map(({ mode }) => mode),
        [2, 3],
      )
    } finally {
      await server.stop()
      await scorers.close()
      await harness.remove()
    }
  })

  for (const mode of [1, 2])
    test(`${name}: curl -v 'localhost/?arg=../../etc/passwd' in mode ${mode} does what the README says`, {
      skip,
      timeout: 60_000,
    }, async () => {
      const harness = createDaemonHarness()
      chmodSync(harness.folder, 0o755)
      const scorers = await startScorers(harness.folder)
      const edit = (socket: string) => (config: string) =>
        config
          .replace('plugin_mode=3', `plugin_mode=${mode}`)
          .replace('/run/modwarden-score/score.sock', join(harness.folder, `run/${socket}.sock`))
      try {
        for (const [socket, status, ids] of [
          ['strict', 403, ['ML Model detected anomalies and blocked', 'Anomaly found by ML']],
          ['fine', 200, ['ML Model passed']],
        ] as const) {
          const server = await start({
            folder: harness.folder,
            format: 'JSON',
            type: 'Serial',
            ...installPlugin(harness.folder, edit(socket)),
          })
          try {
            assert.match(await curl(`http://localhost:${server.port}/?arg=../../etc/passwd`), new RegExp(`^< HTTP/1.1 ${status} `, 'm'))
          } finally {
            await server.stop()
          }
          const parsed = harness.command('parse', server.auditLog).stdout
          for (const text of [...ids, mode === 1 ? 'ML kicked in.' : 'ML kicked in for evaluation.']) assert.ok(parsed.includes(text), text)
        }
      } finally {
        await scorers.close()
        await harness.remove()
      }
    })

  test(`${name}: a settings file as the original plugin has it stays usable`, { skip, timeout: 60_000 }, async () => {
    const harness = createDaemonHarness()
    chmodSync(harness.folder, 0o755)
    const scorers = await startScorers(harness.folder)
    const port = await scorers.fine.alsoOn(0)
    const set = [
      'mode=2',
      'inbound_ml_status=0',
      'inbound_ml_pass_flag=1',
      'inbound_ml_deny_flag=0',
      'inbound_ml_anomaly_score=0',
      'inbound_ml_threshold=0',
    ]
    const variables = [...set, `ml_server_url=http://127.0.0.1:${port}/`].map(one => `setvar:'tx.machine-learning-plugin_${one}'`)
    const original = () => `SecAction "id:9516020,phase:1,nolog,pass,t:none,${variables.join(',')}"\n`
    try {
      const options = { folder: harness.folder, format: 'JSON', type: 'Serial', moreRules: 'SecAuditEngine RelevantOnly' } as const
      const server = await start({ ...options, ...installPlugin(harness.folder, original) })
      const ask = (path: string) => send(server.port, { ip: '192.0.2.7', path, headers: AGENT })
      try {
        assert.equal(await ask('/?q=hello&want=9.10'), 403)
        assert.equal(await ask('/?arg=../../etc/passwd&want=1.00'), 200)
        assert.equal(await ask('/?q=quiet&want=1.00'), 200)
        await scorers.fine.close()
        assert.equal(await ask('/?arg=../../etc/passwd'), 403, 'the CRS alone')
        assert.equal(await ask('/?q=hello'), 200)
      } finally {
        await server.stop()
      }
      const log = readFileSync(server.auditLog, 'utf8')
      assert.ok(log.includes('ML Score: 9.10') && !log.includes('q=quiet'), 'nothing ordinary is logged')
    } finally {
      await scorers.close()
      await harness.remove()
    }
  })
}
