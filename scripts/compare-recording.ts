// Lists the clients of the recording with what became of them, and fails when one was blocked that should not be or the other way round:
// node scripts/compare-recording.ts BLOCKS.json (the output of 'modwarden blocks --json')
import { readFileSync } from 'node:fs'
import { addressKey } from '../src/core/ip.ts'

type Client = { ip: string; role: string; expected: string | null; requests: number; denied: number }
const clients = JSON.parse(readFileSync(new URL('../test/fixtures/recording/clients.json', import.meta.url), 'utf8')) as Client[]
const lines = readFileSync(process.argv[2]!, 'utf8')
  .split('\n')
  .filter(line => line !== '')
const blocks = new Map(lines.map(line => JSON.parse(line) as { ip: string; reason: string }).map(({ ip, reason }) => [ip, reason]))
let wrong = 0
for (const { ip, role, expected, requests, denied } of clients) {
  const reason = blocks.get(addressKey(ip, 64)) ?? null
  if (reason !== expected) wrong++
  const became = reason === null ? 'not blocked' : `blocked: ${reason}`
  console.log(
    `   ${ip.padEnd(18)} ${became.padEnd(21)} ${role}, ${requests} requests${denied > 0 ? `, ${denied} denied` : ''}${reason === expected ? '' : `  << expected ${expected ?? 'no block'}`}`,
  )
}
if (wrong > 0) process.exitCode = 1
