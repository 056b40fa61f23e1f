// How many requests a second does the scoring server answer on one core over kept connections, how late is the 99th percentile at half of that,
// and what does it weigh? Beside a bare node http server that answers a constant, in the same run.
// node bench/serve.ts [SECONDS] (after `npm run build`, so that the compiled program runs; the load comes from a process of its own)
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SECONDS = Number(process.argv[2] ?? 5)
const CONNECTIONS = 16
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))
if (!existsSync(MAIN)) throw new Error(`${MAIN} is not there: npm run build`)

const BARE = `
import { createServer } from 'node:http'
createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(200, { 'Content-Length': 10 }).end('1.00 pass\\n'))
}).listen(process.argv[2], () => console.log('up'))`

const messages = Array.from({ length: 512 }, (_, index) => message(index))

const folder = mkdtempSync(join(tmpdir(), 'modwarden-bench-'))
const settings = join(folder, 'modwarden.toml')
const socket = join(folder, 'score.sock')
writeFileSync(
  settings,
  `model_dir = "${folder}/models"\ndenied_file = "${folder}/denied"\n[score]\nsocket = "${socket}"\ngroup = "${process.getgid!()}"\nstate_dir = "${folder}"\ndeadline = "1000ms"\n`,
)
const bare = join(folder, 'bare.mjs')
writeFileSync(bare, BARE)
await measure('bare node http', ['node', bare, join(folder, 'bare.sock')], join(folder, 'bare.sock'))
await measure('modwarden serve', [process.execPath, '--max-semi-space-size=4', MAIN, '--config', settings, 'serve'], socket)
rmSync(folder, { recursive: true })

async function measure(name: string, [program, ...args]: string[], path: string): Promise<void> {
  const server = spawn(program === 'node' ? process.execPath : program!, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(server.stdout!, 'data')
  await run(path, { seconds: 2, rate: undefined })
  const before = cpu(server.pid!)
  const full = await run(path, { seconds: SECONDS, rate: undefined })
  const used = cpu(server.pid!) - before
  const half = await run(path, { seconds: SECONDS, rate: full.answers / full.seconds / 2 })
  const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))![1]) / 1024
  const perCore = full.answers / used
  console.log(
    `${name}: ${Math.round(full.answers / full.seconds)} answers/s, ${Math.round(perCore)}/s of its own CPU time, ` +
      `at half load p50 ${half.p50.toFixed(2)} ms p99 ${half.p99.toFixed(2)} ms, ${full.others + half.others} not 200, RSS ${Math.round(rss)} MB`,
  )
  server.kill()
  await once(server, 'exit')
}

/** Asks over kept connections, as fast as it goes or at an even rate; times are from when a request should have gone out. */
async function run(path: string, { seconds, rate }: { seconds: number; rate: number | undefined }) {
  const times: number[] = []
  let others = 0
  let next = 0
  const started = performance.now()
  const until = started + seconds * 1000
  const ask = async () => {
    const socket = connect(path)
    await once(socket, 'connect')
    while (performance.now() < until) {
      const due = rate === undefined ? performance.now() : started + (next / rate) * 1000
      const text = messages[next++ % messages.length]!
      if (due > until) break
      while (due > performance.now()) await new Promise(resolve => setTimeout(resolve, Math.max(0, due - performance.now())))
      if (!(await exchange(socket, text)).startsWith('HTTP/1.1 200')) others++
      times.push(performance.now() - due)
    }
    socket.destroy()
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, ask))
  const passed = (performance.now() - started) / 1000
  times.sort((a, b) => a - b)
  return { answers: times.length, seconds: passed, others, p50: times[times.length >> 1]!, p99: times[Math.floor(times.length * 0.99)]! }
}

function exchange(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('data', chunk => resolve(chunk.toString('latin1')))
    socket.once('close', () => reject(new Error('closed')))
    socket.write(text, 'latin1')
    socket.removeAllListeners('close')
  })
}

/** Seconds of CPU that a process has used, from its threads' own accounts. */
function cpu(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ')
  const [user, system] = fields.slice(11, 13)
  return (Number(user) + Number(system)) / 100
}

/** About what a browser's request comes to: 14 headers, 1.2 kB. */
function message(index: number): string {
  const headers = [
    'Host\0shop.example',
    'User-Agent\0Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36',
    'Accept\0text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
    'Accept-Language\0de,en-US;q=0.7,en;q=0.3',
    'Accept-Encoding\0gzip, deflate, br',
    'Referer\0https://shop.example/category/garden?page=1',
    `Cookie\0session=${index}f3a9c17be; theme=light`,
    ...['Sec-Fetch-Dest\0document', 'Sec-Fetch-Mode\0navigate', 'Sec-Fetch-Site\0same-origin', 'Sec-Fetch-User\0?1', 'DNT\x001'],
    ...['Upgrade-Insecure-Requests\x001', 'Connection\0keep-alive'],
  ]
  const fields = [`id=${index}`, 'ip=192.0.2.1', 'm=GET', `u=/category/garden/item-${index}?page=${index}&sort=price`, 'p=HTTP/1.1', 'cs=0']
  const body = [...fields, ...headers.map(header => `h=${header}`)].map(field => `${field.length}:${field},`).join('')
  return `POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-modsec-ml\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}
