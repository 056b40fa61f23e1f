import type { Millis } from '../types.ts'

/** More hosts than this are not told apart. */
const MOST_HOSTS = 64
/** A longer line is no ordinary request. */
const MOST_LINE = 16_384
/** From so many requests a place on, old samples go on being replaced: last year's traffic must not fill the reservoir for ever. */
const TURNOVER = 20
/** No more are written in a second: masking one costs half of what scoring it costs, and a flood of one second is no picture of a site. */
const MOST_A_SECOND = 200

export type Reservoir = {
  /** Considers one more request of a host; `write` is called only when it is taken, and may refuse with undefined. */
  offer(host: string, write: () => string | undefined): void
  /** Considers a line that an earlier process kept, at whatever rate. */
  restore(host: string, line: string): void
  lines(): Generator<string>
  size(): { requests: number; bytes: number; hosts: number }
}

type Host = { seen: number; lines: string[] }

/** Keeps a bounded random sample of what is offered, an equal share a host (Vitter's algorithm R within each), so that a loud host drowns no other.
 *  Hosts beyond 64 displace the quietest with probability 1 / its count (random admission), so that invented names do not displace real ones. */
export function createReservoir(limits: { requests: number; bytes: number; random: () => number; now: () => Millis }): Reservoir {
  const { random, now } = limits
  const hosts = new Map<string, Host>()
  let requests = 0
  let bytes = 0
  let second = { since: now(), written: 0 }

  function consider(name: string, write: () => string | undefined): void {
    const host = hosts.get(name) ?? admit(name)
    if (host === undefined) return
    const share = Math.max(1, Math.floor(limits.requests / hosts.size))
    host.seen = Math.min(host.seen + 1, share * TURNOVER)
    const place = host.lines.length < share ? host.lines.length : Math.floor(random() * host.seen)
    if (place >= share) return
    const line = write()
    if (line === undefined || line.length > MOST_LINE) return
    put(host, place, line)
    while (requests > limits.requests || bytes > limits.bytes) dropOne()
  }

  function isBusy(): boolean {
    if (now() - second.since >= 1000) second = { since: now(), written: 0 }
    return ++second.written > MOST_A_SECOND
  }

  function put(host: Host, place: number, line: string): void {
    const old = host.lines[place]
    bytes += line.length - (old?.length ?? 0)
    if (old === undefined) {
      host.lines.push(line)
      requests++
    } else host.lines[place] = line
  }

  /** Takes one at random out of the host that holds the most. */
  function dropOne(): void {
    let fullest: Host | undefined
    for (const host of hosts.values()) if (fullest === undefined || host.lines.length > fullest.lines.length) fullest = host
    const lines = fullest!.lines
    const place = Math.floor(random() * lines.length)
    bytes -= lines[place]!.length
    requests--
    lines[place] = lines.at(-1)!
    lines.pop()
  }

  function admit(name: string): Host | undefined {
    if (hosts.size < MOST_HOSTS) return add(name, 0)
    let quietest: [string, Host] | undefined
    for (const entry of hosts) if (quietest === undefined || entry[1].seen < quietest[1].seen) quietest = entry
    const [oldName, old] = quietest!
    if (random() >= 1 / (old.seen + 1)) return undefined
    hosts.delete(oldName)
    requests -= old.lines.length
    for (const line of old.lines) bytes -= line.length
    return add(name, old.seen)
  }

  function add(name: string, seen: number): Host {
    const host = { seen, lines: [] }
    hosts.set(name, host)
    return host
  }

  return {
    offer: (name, write) => consider(name, () => (isBusy() ? undefined : write())),
    restore: (name, line) => consider(name, () => line),
    *lines() {
      for (const { lines } of hosts.values()) yield* lines
    },
    size: () => ({ requests, bytes, hosts: hosts.size }),
  }
}
