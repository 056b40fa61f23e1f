// What does training on a million requests take? node bench/train.ts FOLDER [--count 1000000] [--file FILE]
// FOLDER holds train/wcph/*.jsonl.gz and train/wcpx.jsonl.gz (requests of browsers to 636 sites, 4 kB each). They are repeated with other numbers, ids and tokens,
// so that values do not repeat; --file keeps what was made, or takes what is there already. Runs `modwarden train` and says its CPU time and peak RSS.
import { spawnSync } from 'node:child_process'
import { createWriteStream, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { constants, createZstdCompress } from 'node:zlib'
import { mulberry32 } from '../src/core/model/random.ts'
import { readBytes, readLines, unpacked } from '../src/edge/read-lines.ts'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const TELL = `process.on('exit',()=>{const u=process.resourceUsage();require('fs').writeSync(3,JSON.stringify(u))})`
const TOKEN = 12
const DAY_SECONDS = 86_400
const DAYS = 14

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { count: { type: 'string', default: '1000000' }, file: { type: 'string' } },
})
const [data] = positionals
if (data === undefined) throw new Error('node bench/train.ts FOLDER: the folder that holds train/wcph and train/wcpx.jsonl.gz')
const count = Number(values.count)
const folder = mkdtempSync(join(tmpdir(), 'modwarden-bench-'))
const file = values.file ?? join(folder, 'requests.jsonl.zst')
try {
  if (!existsSync(file))
    await pipeline(
      Readable.from(manyLines(data)),
      createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 } }),
      createWriteStream(file),
    )
  const started = performance.now()
  const { status, output } = spawnSync(
    process.execPath,
    [
      '--max-semi-space-size=4',
      '--import',
      `data:text/javascript,import{createRequire}from'module';const require=createRequire('file:///');${TELL}`,
      MAIN,
      'train',
      '--from',
      file,
      '--model-dir',
      folder,
    ],
    { stdio: ['ignore', 'inherit', 'inherit', 'pipe'], encoding: 'utf8' },
  )
  if (status !== 0) throw new Error('the training failed')
  const { userCPUTime, systemCPUTime, maxRSS } = JSON.parse(output[3]!) as NodeJS.ResourceUsage
  console.log(
    `${count} requests: ${Math.round((userCPUTime + systemCPUTime) / 1e6)} s of CPU, ${Math.round((performance.now() - started) / 1000)} s by the clock, peak RSS ${Math.round(maxRSS / 1000)} MB`,
  )
} finally {
  rmSync(folder, { recursive: true })
}

/** Repeats the recorded requests over two weeks, with other digits and other letters in long tokens: those of addresses and bodies each time, those of cookies
 *  and referers for each visitor, who makes all that was recorded. */
async function* manyLines(from: string): AsyncGenerator<string> {
  const random = mulberry32(1)
  const hosts = readdirSync(join(from, 'train/wcph')).map(name => join(from, 'train/wcph', name))
  let made = 0
  for (let visitor = 1; made < count; visitor++) {
    for (const path of [...hosts, join(from, 'train/wcpx.jsonl.gz')]) {
      for await (const lines of readLines(unpacked(readBytes(path)), { encoding: 'utf8' })) {
        let text = ''
        for (const line of lines) {
          if (made >= count || line.text === undefined || line.text === '') continue
          const record = JSON.parse(line.text) as {
            uri: string
            query_string: string
            request_body: string
            headers: Record<string, string>
          }
          const at = 1_800_000_000 + Math.floor((made / count) * DAYS * DAY_SECONDS)
          const headers = Object.fromEntries(
            Object.entries(record.headers).map(([name, value]) => [
              name,
              /^(?:cookie|referer)$/i.test(name) ? varied(value, mulberry32(visitor)) : value,
            ]),
          )
          const changed = { uri: varied(record.uri, random), request_body: varied(record.request_body, random), query_string: '' }
          text += `${JSON.stringify({ ...record, ...changed, headers, at, ip: `192.0.2.${made % 254}` })}\n`
          made++
        }
        yield text
      }
    }
  }
}

/** Changes digits, and the letters of words so long that they are no words. */
function varied(text: string, random: () => number): string {
  return text.replace(/%[0-9A-Fa-f]{2}|[0-9]+|[A-Za-z0-9]{12,}/g, found => {
    if (found[0] === '%') return found
    const isToken = found.length >= TOKEN && /[0-9]/.test(found)
    let changed = ''
    for (const sign of found) {
      if (sign >= '0' && sign <= '9') changed += Math.floor(random() * 10)
      else
        changed += isToken
          ? String.fromCharCode(sign.charCodeAt(0) < 97 ? 65 + Math.floor(random() * 26) : 97 + Math.floor(random() * 26))
          : sign
    }
    return changed
  })
}
