// What does inline scoring cost the web server? CPU of its processes for one request: without the plugin, and in each mode, in interleaved
// rounds of one run, against a scorer on a unix socket in this process; on Apache also what a client on LuaSocket's own HTTP costs, as the
// original plugin has it. node bench/plugin.ts [ROUNDS]
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApache, whyNoApache } from '../test/servers/apache.ts'
import type { ServerOptions, WebServer } from '../test/servers/common.ts'
import { startNginx, whyNoNginx, whyNoNginxLua } from '../test/servers/nginx.ts'
import { installPlugin, nginxLuaConfig, startScorers, testSwitches, whyNoLuaSocket } from '../test/servers/plugin.ts'

const ROUNDS = Number(process.argv[2] ?? 12)
const REQUESTS = 250
const SERVERS = [
  { name: 'Apache, ModSecurity 2', start: startApache, why: whyNoApache() ?? whyNoLuaSocket('5.1') },
  { name: 'nginx, libmodsecurity 3', start: startNginx, why: whyNoNginx() ?? whyNoLuaSocket('5.3') },
  { name: 'nginx, libmodsecurity 3, asked by its own Lua', start: startNginx, why: whyNoNginxLua(), own: nginxLuaConfig },
]

const HTTP_CLIENT = `function main()
  local http, ltn12 = require("socket.http"), require("ltn12")
  local args, reply = {}, {}
  for _, arg in pairs(m.getvars("ARGS")) do args[#args + 1] = '"' .. arg.name .. '":"' .. arg.value .. '"' end
  local body = "method=" .. m.getvar("REQUEST_METHOD") .. "&path=" .. m.getvar("REQUEST_FILENAME") .. "&args={" .. table.concat(args, ",") .. "}"
  local headers = { ["Content-Type"] = "application/x-www-form-urlencoded", ["Content-Length"] = #body }
  local source, sink = ltn12.source.string(body), ltn12.sink.table(reply)
  http.request({ url = "http://127.0.0.1:PORT/", method = "POST", headers = headers, source = source, sink = sink })
end
`

for (const { name, start, why, own } of SERVERS) {
  if (why !== undefined) console.log(`${name}: ${why}`)
  else await measure(name, start, own)
}

async function measure(name: string, start: (options: ServerOptions) => Promise<WebServer>, own?: typeof nginxLuaConfig): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'modwarden-bench-'))
  const scorers = await startScorers(folder)
  const [bare, plugin] = [join(folder, 'bare'), join(folder, 'plugin')]
  for (const path of [bare, plugin]) mkdirSync(path)
  const options = { format: 'JSON', type: 'Serial', moreRules: `SecAuditEngine RelevantOnly\n${testSwitches(folder)}` } as const
  const off = await start({ folder: bare, ...options })
  const rules = installPlugin(plugin)
  const nginxLua = own?.(plugin, join(folder, 'run/fine.sock'))
  const on = await start({ folder: plugin, ...options, ...rules, ...(nginxLua === undefined ? {} : { nginxLua }) })
  const http = name.startsWith('Apache') ? await startHttpClient(join(folder, 'http'), start, options) : undefined
  const variants = [
    { what: 'without the plugin', server: off, mode: '1' },
    { what: 'mode 1, benign', server: on, mode: '1' },
    { what: 'mode 2, benign', server: on, mode: '2' },
    { what: 'mode 3, benign', server: on, mode: '3' },
    ...(http === undefined ? [] : [{ what: 'by socket.http', server: http, mode: '2' }]),
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
  await http?.stop()
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

/** A server whose every request asks by LuaSocket's HTTP client, over TCP. */
async function startHttpClient(
  folder: string,
  start: (options: ServerOptions) => Promise<WebServer>,
  options: Omit<ServerOptions, 'folder'>,
): Promise<WebServer> {
  mkdirSync(folder)
  const scorer = createServer((asked, answer) => asked.resume().on('end', () => answer.end('1')))
  await new Promise<void>(resolve => void scorer.listen(0, '127.0.0.1', resolve))
  const script = join(folder, 'http.lua')
  writeFileSync(script, HTTP_CLIENT.replace('PORT', String((scorer.address() as AddressInfo).port)))
  const server = await start({ folder, ...options, afterCrs: `SecRuleScript ${script} "id:9,phase:2,pass,nolog"` })
  const stop = async () => {
    await server.stop()
    scorer.closeAllConnections()
    scorer.close()
  }
  return { ...server, stop }
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
