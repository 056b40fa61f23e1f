import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loggedScore } from '../../src/core/entry/scores.ts'
import { startApache, whyNoApache } from '../servers/apache.ts'
import { send } from '../servers/common.ts'
import { startNginx, whyNoNginx } from '../servers/nginx.ts'
import { installPlugin, whyNoLuaSocket } from '../servers/plugin.ts'
import { createReading } from '../servers/reading.ts'
import { startStubScorer } from '../servers/scorer.ts'

const RULES = fileURLToPath(new URL('../../modsecurity/how-to/ml_rules.conf', import.meta.url))
const SERVERS = [
  { name: 'nginx with ModSecurity 3', start: startNginx, skip: whyNoNginx() ?? whyNoLuaSocket('5.3') ?? false },
  { name: 'Apache with ModSecurity 2', start: startApache, skip: whyNoApache() ?? whyNoLuaSocket('5.1') ?? false },
]

/** On a busy machine the scorer may need longer than the 50 ms that the plugin waits. */
const PATIENT = `SecAction "id:9,phase:1,nolog,pass,setvar:'tx.machine-learning-plugin_budget_ms=250'"`

const cases: [string, number, string[], number | undefined][] = [
  ['/?q=hello&want=4.99', 200, [], undefined],
  ['/?q=hello&want=5.00', 200, ['100005'], 5],
  ['/?q=hello&want=7.09', 200, ['100005'], 7.09],
  ['/?q=hello&want=7.10', 403, ['100004', '100005'], 7.1],
  ['/?q=hello&want=8.00', 403, ['100004', '100005'], 8],
  ['/?q=hello&want=8.10', 403, ['100004', '100005', '100007'], 8.1],
  ['/?arg=../../etc/passwd&want=1.00', 403, [], undefined],
]

for (const { name, start, skip } of SERVERS)
  test(`${name}: the how-to's rules load, and do what their author meant`, { skip, timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'modwarden-how-to-'))
    const socket = join(folder, 'run/score.sock')
    const scorer = await startStubScorer(socket)
    try {
      installPlugin(folder)
      const rules = join(folder, 'ml_rules.conf')
      writeFileSync(
        rules,
        readFileSync(RULES, 'utf8')
          .replaceAll('/etc/modsecurity/plugins', `${folder}/plugins`)
          .replaceAll('/run/modwarden-score/score.sock', socket),
      )
      const server = await start({
        folder,
        format: 'JSON',
        type: 'Serial',
        moreRules: 'SecAuditEngine RelevantOnly',
        beforeCrs: `${PATIENT}\nInclude ${rules}`,
      })
      const reading = createReading(server)
      try {
        const headers = { 'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64)', Accept: '*/*' }
        for (const [path, status] of cases) assert.equal(await send(server.port, { ip: '192.0.2.7', path, headers }), status, path)
        await reading.settled('the last is logged', () => reading.events.some(event => event.request?.uri.includes('etc/passwd')))
        for (const [path, , ids, score] of cases) {
          const matches = reading.events.find(({ request }) => request?.uri === path)?.matches ?? []
          assert.deepEqual(
            matches.map(({ id }) => id).filter(id => id.startsWith('10000')),
            ids,
            path,
          )
          assert.equal(loggedScore(matches), score, path)
        }
      } finally {
        await reading.close()
        await server.stop()
      }
    } finally {
      await scorer.close()
      rmSync(folder, { recursive: true })
    }
  })
