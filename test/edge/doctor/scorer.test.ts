import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Account } from '../../../src/core/doctor/facts.ts'
import { asksOther } from '../../../src/core/doctor/waf.ts'
import { lookAs } from '../../../src/edge/doctor/eyes.ts'
import { judgeOne, settingsOf } from '../../doctor-facts.ts'
import { startScorer } from '../scoring/scorer.ts'

const NOBODY: Account = { name: 'nobody', uid: 65534, gid: 65534, groups: [65534] }
const skip = process.getuid?.() === 0 ? false : 'needs root to look as another user'
const top = mkdtempSync(join(tmpdir(), 'modwarden-doctor-scorer-'))
chmodSync(top, 0o755)
after(() => rmSync(top, { recursive: true }))
const newFolder = () => {
  const folder = mkdtempSync(join(top, 'x-'))
  chmodSync(folder, 0o755)
  return folder
}

/** An Apache whose plugin asks this scorer. */
const asking = (scorer: string, scorerFile: string) => ({
  web: [
    {
      server: 'apache' as const,
      file: '/a.conf',
      hasModule: true,
      scopes: [],
      user: undefined,
      module: undefined,
      hasJson: true,
      scorer,
      scorerFile,
      problems: [],
    },
  ],
})

test("scorer: the web server's user reaches it, may not, or nobody listens", { skip }, async () => {
  const scorer = await startScorer()
  const { socket, folder } = scorer
  chmodSync(folder, 0o755)
  const settings = settingsOf({ score: { socket } })
  const verdict = async (parts = {}) => {
    const exists = statSync(socket, { throwIfNoEntry: false }) !== undefined
    const webUser = await lookAs(NOBODY, 'webUser', { user: 'www-data', socket, exists, logs: [] }, 8000)
    return judgeOne('scorer', { settings, webUser, ...parts })
  }
  try {
    // The scorer gives it to its own group, with 0660.
    const forbidden = await verdict()
    assert.deepEqual([forbidden.severity, forbidden.what], ['bad', "the web server's user www-data cannot reach the scoring server"])
    assert.match(forbidden.remedy!, /group = "%s"\\n' "\$\(id -gn www-data\)"/)
    chmodSync(socket, 0o666)
    assert.equal((await verdict()).severity, 'ok')
    const conf = join(folder, "plugin's.conf")
    assert.equal((await verdict(asking(`unix:${socket}`, conf))).severity, 'ok')
    const other = await verdict(asking('unix:/run/other.sock', conf))
    assert.deepEqual([other.severity, other.what.slice(0, 41)], ['bad', 'the plugin asks unix:/run/other.sock, but'])
    // Its first command, as it stands: then the plugin asks the scorer that is there.
    writeFileSync(conf, `    "id:9516021,pass,setvar:'tx.machine-learning-plugin_ml_server_url=unix:/run/other.sock'"\n`)
    execFileSync('sh', ['-c', other.remedy!.split(' && ')[0]!])
    assert.equal(readFileSync(conf, 'utf8'), `    "id:9516021,pass,setvar:'tx.machine-learning-plugin_ml_server_url=unix:${socket}'"\n`)
    await scorer.stop({ keep: true })
    assert.equal((await verdict()).severity, 'skipped', 'nobody asks it')
    const gone = await verdict(asking(`unix:${socket}`, conf))
    assert.deepEqual([gone.severity, gone.evidence], ['bad', `${socket}: there is no such socket`])
  } finally {
    await scorer.stop()
  }
})

test("scorer: where the plugin asks somebody's own model, that is what is judged", { skip }, async () => {
  const folder = newFolder()
  const own = join(folder, 'own.sock')
  const server = createServer()
  await new Promise<void>(resolve => void server.listen(own, resolve))
  const { web } = asking(`unix:${own}`, '/plugin.conf')
  const settings = settingsOf({ score: { socket: join(folder, 'score.sock') } })
  const verdict = async () => {
    const other = asksOther(web, settings)?.scorer
    const webUser = await lookAs(NOBODY, 'webUser', { user: 'nobody', socket: settings.scoreSocket, exists: false, other, logs: [] }, 8000)
    return judgeOne('scorer', { settings, web, webUser })
  }
  try {
    const forbidden = await verdict()
    assert.deepEqual([forbidden.severity, /EACCES/.test(forbidden.evidence!)], ['bad', true])
    chmodSync(own, 0o666)
    const reached = await verdict()
    assert.deepEqual([reached.severity, reached.what.includes(own)], ['ok', true])
  } finally {
    await new Promise(resolve => server.close(resolve))
  }
  const gone = await verdict()
  assert.deepEqual([gone.severity, /ENOENT/.test(gone.evidence!)], ['bad', true])
})

test('scorer: one that answers, but has no model, is told from one that never answers', { skip }, async () => {
  const socket = join(newFolder(), 'score.sock')
  const settings = settingsOf({ score: { socket } })
  let answers = true
  const server = createServer((_, response) => (answers ? response.writeHead(503).end() : undefined))
  await new Promise<void>(resolve => void server.listen(socket, resolve))
  chmodSync(socket, 0o666)
  const verdict = async () =>
    judgeOne('scorer', { settings, webUser: await lookAs(NOBODY, 'webUser', { user: 'nobody', socket, exists: true, logs: [] }, 8000) })
  try {
    assert.deepEqual([(await verdict()).severity, (await verdict()).evidence], ['warn', 'GET /healthz: 503'])
    answers = false
    assert.deepEqual([(await verdict()).severity, (await verdict()).evidence], ['bad', `${socket}: no answer within 2 s`])
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
