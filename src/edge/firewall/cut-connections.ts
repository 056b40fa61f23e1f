import { setTimeout as pause } from 'node:timers/promises'
import { createCover } from '../../core/ip.ts'
import type { Millis } from '../../core/types.ts'
import { networksInside } from '../../core/wanted.ts'
import type { Log } from '../log.ts'
import { CommandError, type Run } from '../run-command.ts'
import { isMissing } from './remedy.ts'

/** Every look reads the whole table of connections (about 10 ms of CPU, however few there are): at most one a second, and a fifth of the time. */
const PAUSE: Millis = 1000
const SHARE = 4
/** More connections than this are not cut at a time; their packets are dropped all the same. */
const MOST_CUT = 50

export type CutConnections = (blocked: readonly string[], allowed: readonly string[]) => void

/** Makes what ends the connections of newly blocked addresses in the kernel's table of connections, so that no rule for established ones, no
 *  offloading and no address translation lets them live on. It works behind the caller's back, one look after the other. Where the program conntrack
 *  is missing, that is said once, and the DROP rules must do. */
export function createCutConnections(run: Run, log: Log, signal: AbortSignal): CutConnections {
  let isInstalled = true
  let isTold = false
  let isBusy = false
  let waiting: string[] = []
  let passing: readonly string[] = []

  async function conntrack(args: readonly string[]): Promise<string> {
    try {
      return await run('conntrack', args)
    } catch (error) {
      // It says so by its status when there was no such connection.
      if (error instanceof CommandError && /\b0 flow entries\b/.test(error.stderr)) return ''
      throw error
    }
  }

  async function sourcesOf(blocked: readonly string[]): Promise<string[]> {
    if (blocked.length === 1 && !blocked[0]!.includes('/')) return [...blocked]
    const families = [...new Set(blocked.map(ip => (ip.includes(':') ? 'ipv6' : 'ipv4')))]
    const listings = await Promise.all(families.map(family => conntrack(['-L', '-f', family])))
    const sources = new Set(listings.flatMap(listing => [...listing.matchAll(/^\S+ .*?\bsrc=(\S+)/gm)].map(match => match[1]!)))
    const isBlocked = createCover(blocked)
    const isAllowed = createCover(networksInside(passing, blocked))
    return [...sources].filter(source => isBlocked(source) !== undefined && isAllowed(source) === undefined).slice(0, MOST_CUT)
  }

  async function cut(blocked: readonly string[]): Promise<void> {
    try {
      for (const source of await sourcesOf(blocked)) await conntrack(['-D', '-f', source.includes(':') ? 'ipv6' : 'ipv4', '-s', source])
    } catch (error) {
      // At the stop systemd may end the program before it is through: nothing is amiss then.
      if (signal.aborted) return
      isInstalled = !isMissing(error)
      const remedy = isInstalled ? 'live connections are dropped, not cut' : 'install the package conntrack to cut live connections too'
      if (!isTold) log.info('connections.kept', { problem: error instanceof Error ? error.message : String(error), remedy })
      isTold = true
    }
  }

  return (blocked, allowed) => {
    waiting.push(...blocked)
    passing = allowed
    if (isBusy) return
    isBusy = true
    void (async () => {
      while (isInstalled && !signal.aborted && waiting.length > 0) {
        const began = performance.now()
        await cut(waiting.splice(0))
        const took = performance.now() - began
        await pause(Math.max(PAUSE, SHARE * took), undefined, { signal, ref: false }).catch(() => {})
      }
      waiting = []
      isBusy = false
    })()
  }
}
