// What does inline scoring cost the web server? CPU of its processes for one request: without the plugin, and in each mode, in interleaved
// rounds of one run, against a scorer on a unix socket in this process. node bench/plugin.ts [ROUNDS]
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApache, whyNoApache } from '../test/servers/apache.ts'
import type { WebServer } from '../test/servers/common.ts'
import { startNginx, whyNoNginx } from '../test/servers/nginx.ts'
import { installPlugin, startScorers, testSwitches, whyNoLuaSocket } from '../test/servers/plugin.ts'

const ROUNDS = Number(process.argv[2] ?? 12)
const REQUESTS = 250
const SERVERS = [
  { name: 'Apache, ModSecurity 2', start: startApache, why: whyNoApache() ?? whyNoLuaSocket('5.1') },
  { name: 'nginx, libmodsecurity 3', start: startNginx, why: whyNoNginx() ?? whyNoLuaSocket('5.3') },
]

for (const { name, start, why } of SERVERS) {
  if (why !== undefined) console.log(`${name}: ${why}`)
  else await measure(name, start)
}

async function measure(name: string, start: typeof startApache): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-bench-'))
  const scorers = await startScorers(folder)
  const [bare, plugin] = [join(folder, 'bare'), join(folder, 'plugin')]
  for (const path of [bare, plugin]) mkdirSync(path)
  const options = { format: 'JSON', type: 'Serial', moreRules: `SecAuditEngine RelevantOnly\n${testSwitches(folder)}` } as const
  const off = await start({ folder: bare, ...options })
  const on = await start({ folder: plugin, ...options, ...installPlugin(plugin) })
  const variants = [
    { what: 'without the plugin', server: off, mode: '1' },
    { what: 'mode 1, benign', server: on, mode: '1' },
    { what: 'mode 2, benign', server: on, mode: '2' },
    { what: 'mode 3, benign', server: on, mode: '3' },
  ].map(variant => ({ ...variant, micros: [] as number[], agent: new Agent({ keepAlive: true, maxSockets: 1 }) }))
  for (let round = -1; round < ROUNDS; round++)
    for (const { server, mode, micros, agent } of variants) {
      const before = cpuNanos(server)
      for (let index = 0; index < REQUESTS; index++) await ask(server.port, agent, mode)
      if (round >= 0) micros.push((cpuNanos(server) - before) / REQUESTS / 1000)
    }
  for (const { agent } of variants) agent.destroy()
  await off.stop()
  await on.stop()
  await scorers.close()
  rmSync(folder, { recursive: true })
  const base = median(variants[0]!.micros)
  console.log(`${name} (median of ${ROUNDS} rounds of ${REQUESTS} requests)`)
  for (const { what, micros } of variants) {
    const cost = median(micros)
    const added = cost - base
    console.log(`  ${what.padEnd(20)} ${Math.round(cost)} us, added ${Math.round(added)} us (${((100 * added) / base).toFixed(1)} %)`)
  }
}

/** CPU time of a server and its workers, threads and all, in nanoseconds. */
function cpuNanos({ pid }: WebServer): number {
  const children = readdirSync(`/proc/${pid}/task`).flatMap(task => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' '))
  return [String(pid), ...children.filter(child => child !== '')]
    .flatMap(process => readdirSync(`/proc/${process}/task`).map(task => `/proc/${process}/task/${task}/schedstat`))
    .reduce((sum, path) => sum + Number(readFileSync(path, 'utf8').split(' ')[0]), 0)
}

function ask(port: number, agent: Agent, mode: string): Promise<void> {
  const headers = {
    Host: 'shop.example',
    'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'Accept-Language': 'en-US,en;q=0.5',
    Cookie: 'session=4f2a91c0d7',
    'X-Test-Mode': mode,
    'X-Test-Scorer': 'fine',
  }
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/catalog?page=2&sort=price', headers, agent }, response => {
      response.resume().on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`))))
    })
      .on('error', reject)
      .end()
  })
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
