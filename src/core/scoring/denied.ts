import { canonicalIp, parseNetwork } from '../ip.ts'
import type { Ip, Millis } from '../types.ts'

/** More lines than this are not taken in. */
const MOST_LINES = 200_000

/** The clients that the daemon has blocked, by canonical address or prefix, with the end of each block. */
export type DeniedList = {
  size: number
  /** Lines that are no address with a time, and those beyond the most that is taken in. */
  ignored: number
  isDenied(ip: Ip, now: Millis): boolean
}

/** Takes in lines `ADDRESS[/PREFIX] EXPIRES`, in seconds since 1970, `-` for never; give it pieces of a long list one after the other. */
export function createDeniedList(): DeniedList & { add(lines: readonly string[]): void } {
  const ends = new Map<string, Millis>()
  const prefixes = new Set<string>()
  let lines = 0
  const list = {
    get size() {
      return ends.size
    },
    ignored: 0,
    add(more: readonly string[]) {
      for (const line of more) {
        if (line === '') continue
        const read = lines++ < MOST_LINES ? readLine(line) : undefined
        if (read === undefined) list.ignored++
        else {
          ends.set(read.network, Math.max(read.end, ends.get(read.network) ?? 0))
          const slash = read.network.indexOf('/')
          if (slash >= 0) prefixes.add(`${read.network.includes(':') ? 6 : 4}${read.network.slice(slash)}`)
        }
      }
    },
    isDenied(ip: Ip, now: Millis) {
      if (ends.size === 0) return false
      if ((ends.get(ip) ?? 0) > now) return true
      const version = ip.includes(':') ? '6' : '4'
      for (const prefix of prefixes) {
        if (prefix[0] !== version) continue
        const network = parseNetwork(ip + prefix.slice(1))
        if (network.ok && (ends.get(network.value) ?? 0) > now) return true
      }
      return false
    },
  }
  return list
}

function readLine(line: string): { network: string; end: Millis } | undefined {
  const match = /^([0-9A-Fa-f.:]{2,45})(\/\d{1,3})? (-|\d{1,12})$/.exec(line)
  if (match === null) return undefined
  const [, address = '', bits = '', until] = match
  const network = bits === '' ? canonicalIp(address) : networkOf(address + bits)
  return network === undefined ? undefined : { network, end: until === '-' ? Number.POSITIVE_INFINITY : Number(until) * 1000 }
}

function networkOf(text: string): string | undefined {
  const network = parseNetwork(text)
  return network.ok ? network.value : undefined
}
