// What does each backend cost: applying blocks in one batch, one block more, reading back, and each packet of somebody who is not blocked?
// node bench/firewall.ts [BLOCKS …] (as root, with a C compiler; all in network namespaces of its own)
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BackendName } from '../src/core/backend-choice.ts'
import { openKernel } from '../src/edge/firewall/choose.ts'
import { createListen, type Listen } from '../src/edge/run-command.ts'
import { createNamespace, whyNoNamespace } from '../test/netns.ts'

const COUNTS = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [0, 1000, 10_000, 100_000]
const BACKENDS: readonly BackendName[] = ['iptables', 'ipset', 'nftables']
const ROUNDS = 9
const folder = mkdtempSync(join(tmpdir(), 'modwarden-bench-'))
const PACKETS = join(folder, 'firewall-packets')

const why = whyNoNamespace()
if (why !== undefined) throw new Error(`cannot measure: ${why}`)

execFileSync('cc', ['-O2', '-o', PACKETS, fileURLToPath(new URL('firewall-packets.c', import.meta.url))])
try {
  for (const backend of BACKENDS) {
    const rows = []
    for (const count of COUNTS) rows.push(await measure(backend, count))
    console.log(`\n${backend}`)
    console.table(rows)
  }
} finally {
  rmSync(folder, { recursive: true })
}

async function measure(name: BackendName, count: number) {
  const namespace = createNamespace()
  const listen = createListen()
  const inside: Listen = (program, args, ears) => listen('ip', ['netns', 'exec', namespace.name, program, ...args], ears)
  const firewall = openKernel(
    { chains: ['INPUT'], most: 200_000, order: () => [name], notice: () => {} },
    { run: namespace.run, listen: inside },
  )
  const blocks = Array.from({ length: count }, (_, index) => ({ ip: spread(index), timeout: 3600 }))
  try {
    await firewall.rebuild({ blocks: [], passes: [] })
    firewall.watch?.(() => {})
    const applied = await time(() => firewall.apply({ block: blocks, renew: [], unblock: [] }))
    const singles = []
    for (let index = 0; index < 20; index++)
      singles.push(await time(() => firewall.apply({ block: [{ ip: `9.9.9.${index}`, timeout: 60 }], renew: [], unblock: [] })))
    const all = [...blocks, ...Array.from({ length: 20 }, (_, index) => ({ ip: `9.9.9.${index}`, timeout: 60 }))]
    const read = await time(async () => {
      const drift = await firewall.drift({ blocks: all, passes: [] })
      if (drift !== undefined) throw new Error(drift)
    })
    const rebuilt = await time(() => firewall.rebuild({ blocks, passes: [] }))
    return {
      blocks: count,
      'batch ms': Math.round(applied),
      'one more ms (p50)': round(median(singles)),
      'read back ms': Math.round(read),
      'rebuild ms': Math.round(rebuilt),
      'µs a packet': packets(namespace.name, name === 'iptables' ? count : 0),
    }
  } finally {
    firewall.watch?.(() => {}).stop()
    namespace.remove()
  }
}

/** CPU time of a packet from nobody who is blocked, through INPUT. */
function packets(name: string, rules: number): number {
  const number = String(Math.max(200, Math.min(100_000, Math.floor(2e7 / (rules + 1)))))
  const out = execFileSync('ip', ['netns', 'exec', name, PACKETS, number, String(ROUNDS)], { encoding: 'utf8' })
  return round(Number(out) / 1000)
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/** Addresses all over 11.0.0.0 to 126.255.255.255, never one twice. */
function spread(index: number): string {
  const value = (index * 2_654_435_761) % 2 ** 24
  return `${11 + (index % 100)}.${value >> 16}.${(value >> 8) & 255}.${value & 255}`
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
