// Makes test/fixtures/recording on a real nginx with libmodsecurity 3 and the Core Rule Set: node scripts/make-recording.ts
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { send } from '../test/servers/common.ts'
import { startNginx } from '../test/servers/nginx.ts'
import { CLIENTS } from './recording-clients.ts'

/** Logs the score that the header names as the how-to's rules 100004 and 100005 do. */
const RULES = `SecRule REQUEST_HEADERS:X-Inline-Score "@rx ^(?:[89]\\.\\d|7\\.[1-9])$" "id:100004,phase:2,pass,t:none,log,auditlog,msg:'High ML anomaly score detected',logdata:'ML Score: %{MATCHED_VAR}, Request: %{REQUEST_URI}',severity:'CRITICAL'"
SecRule REQUEST_HEADERS:X-Inline-Score "@rx ^(?:[56]\\.\\d|7\\.0)$" "id:100005,phase:2,pass,t:none,log,auditlog,msg:'Medium ML anomaly score detected',logdata:'ML Score: %{MATCHED_VAR}',severity:'WARNING'"`

const folder = mkdtempSync(join(tmpdir(), 'modwarden-recording-'))
const nginx = await startNginx({ folder, format: 'JSON', type: 'Serial', moreRules: RULES })
/** How many requests of each client the WAF denied. */
const denied = CLIENTS.map(() => 0)
try {
  writeFileSync(nginx.auditLog, '')
  // The clients come at the same time, each in its own order.
  const queues = CLIENTS.map(client => client.requests.map((request, index) => ({ ...request, ip: client.ips?.[index] ?? client.ip })))
  const longest = Math.max(...queues.map(queue => queue.length))
  for (let step = 0; step < longest; step++) {
    for (const [index, queue] of queues.entries()) {
      if (queue[step] !== undefined && (await send(nginx.port, queue[step]!)) === 403) denied[index] = denied[index]! + 1
    }
  }
} finally {
  await nginx.stop()
}
const target = new URL('../test/fixtures/recording/', import.meta.url)
const log = readFileSync(nginx.auditLog)
writeFileSync(new URL('audit.log.gz', target), gzipSync(log, { level: 9 }))
writeFileSync(
  new URL('clients.json', target),
  `${JSON.stringify(
    CLIENTS.map(({ ip, role, expected, requests }, index) => ({
      ip,
      role,
      expected: expected ?? null,
      requests: requests.length,
      denied: denied[index],
    })),
    null,
    1,
  )}\n`,
)
rmSync(folder, { recursive: true })
console.log(`${log.toString('latin1').split('\n').length - 1} entries, ${log.length} bytes`)
