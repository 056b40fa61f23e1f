import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { scoreRequest } from '../../src/core/model/model.ts'
import { startScorer } from '../edge/scoring/scorer.ts'
import { startApache, whyNoApache } from '../servers/apache.ts'
import { send } from '../servers/common.ts'
import { startNginx, whyNoNginx } from '../servers/nginx.ts'
import { installPlugin, testSwitches, whyNoLuaSocket } from '../servers/plugin.ts'
import { createReading } from '../servers/reading.ts'

const AGENT = { 'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', Accept: '*/*' }
const SERVERS = [
  { name: 'nginx', start: startNginx, skip: whyNoNginx() ?? whyNoLuaSocket('5.3') ?? false },
  { name: 'Apache', start: startApache, skip: whyNoApache() ?? whyNoLuaSocket('5.1') ?? false },
]

/** What the shipped model itself says of an attack that nobody has scripted: a score, or that it has none yet. */
async function askRealModel(start: typeof startNginx): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-plugin-'))
  chmodSync(folder, 0o755)
  const scorer = await startScorer({ folder, score: { group: 'www-data' }, parts: { score: scoreRequest } })
  try {
    const edit = (config: string) => config.replace('/run/modwarden-score/score.sock', scorer.socket)
    const server = await start({ folder, format: 'JSON', type: 'Serial', moreRules: testSwitches(folder), ...installPlugin(folder, edit) })
    const reading = createReading(server)
    try {
      const headers = { ...AGENT, 'X-Test-Mode': '2' }
      await send(server.port, { ip: '192.0.2.7', path: '/?arg=../../etc/passwd', headers })
      await reading.settled('it is logged', () => reading.events.some(({ request }) => request?.uri.includes('passwd')))
      return reading.events.flatMap(({ matches }) => matches.filter(({ id }) => id.startsWith('9516')).map(({ data }) => data))
    } finally {
      await reading.close()
      await server.stop()
    }
  } finally {
    await scorer.stop()
  }
}

// What modwarden's own server answers is known here by what its model would say: the score that the URI asks for, capped on the host "new".
const scripted = (request: { uri: string; headers: readonly (readonly [string, string])[] }) => {
  const score = Number(/want=([\d.]+)/.exec(request.uri)?.[1] ?? 0.5)
  const isNew = request.headers.some(([name, value]) => name.toLowerCase() === 'host' && value === 'new.example')
  return { score, raw: 0.5, capped: isNew, ceiling: 10, unconfirmed: false, missing: [] }
}

const cases: [string, string, number[]][] = [
  // what, path, status in modes 1, 2, 3; on a host with a capped score it is that of the CRS
  ['a benign request', '/?q=hello&want=1.20', [200, 200, 200]],
  ['an attack that both see', '/?arg=../../etc/passwd&want=9.10', [403, 403, 403]],
  ['what only the CRS objects to', '/?arg=../../etc/passwd&want=2.10', [200, 200, 403]],
  ['what only the model objects to', '/?q=hello&want=8.20', [200, 403, 403]],
]

for (const { name, start, skip } of SERVERS)
  test(`${name} and modwarden serve: every mode, and a base model that never opens the WAF`, { skip, timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'modwarden-plugin-'))
    chmodSync(folder, 0o755)
    const scorer = await startScorer({ folder, score: { group: 'www-data' }, parts: { score: (_model, request) => scripted(request) } })
    const edit = (config: string) => config.replace('/run/modwarden-score/score.sock', scorer.socket)
    try {
      const server = await start({
        folder,
        format: 'JSON',
        type: 'Serial',
        moreRules: testSwitches(folder),
        ...installPlugin(folder, edit),
      })
      const reading = createReading(server)
      const ask = (path: string, mode: number, host: string) =>
        send(server.port, { ip: '192.0.2.7', path, headers: { ...AGENT, 'X-Test-Mode': String(mode), Host: host } })
      try {
        for (const [what, path, statuses] of cases)
          for (const mode of [1, 2, 3]) {
            assert.equal(await ask(path, mode, 'shop.example'), statuses[mode - 1], `${what}, mode ${mode}`)
            const alone = path.includes('passwd') ? 403 : 200
            assert.equal(await ask(path, mode, 'new.example'), alone, `${what}, mode ${mode}, too little local data`)
          }
        await ask('/?arg=../../etc/passwd&want=3.33', 2, 'shop.example')
        await reading.settled('the last is logged', () => reading.events.some(({ request }) => request?.uri.includes('3.33')))
        const told = reading.events.flatMap(({ matches }) => matches.map(({ data }) => data))
        assert.ok(told.includes('ML Score: 3.33') && told.includes('ML status: unready'))
      } finally {
        await reading.close()
        await server.stop()
      }
    } finally {
      await scorer.stop()
    }
    rmSync(folder, { recursive: true, force: true })
  })

for (const { name, start, skip } of SERVERS)
  test(`${name} and modwarden serve with the shipped model understand each other`, { skip, timeout: 60_000 }, async () => {
    const told = await askRealModel(start)
    assert.ok(
      told.length > 0 && told.every(data => /^ML (Score: |model status: [01]\. |status: unready(\. Mode: 2)?$)/.test(data)),
      told.join('; '),
    )
  })
