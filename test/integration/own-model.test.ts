import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startApache, whyNoApache } from '../servers/apache.ts'
import { send } from '../servers/common.ts'
import { startNginx, whyNoNginx } from '../servers/nginx.ts'
import { installPlugin, whyNoLuaSocket } from '../servers/plugin.ts'
import { until } from '../until.ts'

const PAGE = fileURLToPath(new URL('../../docs/own-model.md', import.meta.url))
const whyNoPython = spawnSync('python3', ['-V']).status === 0 ? undefined : 'needs python3 (scripts/setup-debian installs it)'
const SERVERS = [
  { name: 'nginx', start: startNginx, skip: whyNoNginx() ?? whyNoLuaSocket('5.3') ?? whyNoPython ?? false },
  { name: 'Apache', start: startApache, skip: whyNoApache() ?? whyNoLuaSocket('5.1') ?? whyNoPython ?? false },
]

for (const { name, start, skip } of SERVERS)
  test(`${name}: the scorer of docs/own-model.md works in the place of ours`, { skip, timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'modwarden-own-'))
    chmodSync(folder, 0o755)
    const run = join(folder, 'run')
    const socket = join(run, 'score.sock')
    mkdirSync(run)
    writeFileSync(join(folder, 'scorer.py'), /```python\n(.*?)```/s.exec(readFileSync(PAGE, 'utf8'))![1]!)
    const passwd = spawnSync('id', ['-g', 'www-data'], { encoding: 'utf8' }).stdout.trim()
    const scorer = spawn('python3', [join(folder, 'scorer.py'), socket], { gid: Number(passwd), stdio: ['ignore', 'inherit', 'inherit'] })
    try {
      await until('the scorer listens', () => existsSync(socket))
      const plugin = installPlugin(folder, config =>
        config.replace('plugin_mode=3', 'plugin_mode=2').replace('unix:/run/modwarden-score/score.sock', `unix:${socket}`),
      )
      const server = await start({ folder, format: 'JSON', type: 'Serial', ...plugin })
      try {
        const headers = { 'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64)', Accept: '*/*' }
        const ask = (path: string) => send(server.port, { ip: '192.0.2.7', path, headers })
        assert.equal(await ask('/?q=hello'), 200)
        assert.equal(await ask('/?back=../start'), 403, 'what this model finds strange')
        assert.equal(await ask('/?file=/etc/passwd'), 200, 'what only the CRS would block')
      } finally {
        await server.stop()
      }
    } finally {
      scorer.kill()
      rmSync(folder, { recursive: true })
    }
  })
