import type { BackendName } from '../../core/backend-choice.ts'
import type { Millis, Wanted } from '../../core/types.ts'
import type { Firewall } from '../../enforce.ts'
import type { Backend, Piece } from './backend.ts'

/** A backend that failed when it was switched to is not tried again for this long. */
const BARRED: Millis = 600_000
/** A look that fails once may do so for want of memory or time; so many in a row, and another backend takes over where the setting leaves the choice. */
const MOST_FAILURES = 2

export type KernelParts = {
  backends: readonly Backend[]
  /** Every thing of ours that may be in the kernel, in the order in which they can be taken away. */
  pieces: readonly Piece[]
  /** The backends for so many blocks, best first. */
  order: (inUse: BackendName | undefined, blocks: number) => readonly BackendName[]
  clock: () => Millis
  notice: (event: 'firewall.switched' | 'firewall.passed-over' | 'chain.awaited', fields: Readonly<Record<string, unknown>>) => void
  /** Starts hearing what the kernel tells; `isOwn` says whose changes are not worth telling. */
  startWatch?: (parts: { isTold: () => boolean; isOwn: (pid: number) => boolean; onChange: () => void }) => {
    isWatching(): boolean
    stop(): void
  }
}

/** Holds the blocks by one backend at a time. On a switch the new one holds all before anything of the old one is taken away: no address is ever open,
 *  and what a killed process or another setting left behind is drift. A backend that fails again and again gives way to another one. */
export function createKernel({ backends, pieces, order, clock, notice, startWatch }: KernelParts): Firewall {
  const barred = new Map<BackendName, Millis>()
  let inUse: Backend | undefined
  let held = 0
  let failures = 0

  function best(blocks: number): Backend {
    const names = order(inUse?.name, blocks)
    const name = names.find(one => (barred.get(one) ?? 0) <= clock()) ?? names[0]
    return backends.find(backend => backend.name === name)!
  }

  /** Finds the first backend that works here; what the kernel holds already counts as in use. */
  async function pick(blocks: number): Promise<Backend> {
    const table = pieces.find(piece => piece.name === 'table')
    const found = (await table?.isThere().catch(() => false)) ? 'nftables' : undefined
    const problems: unknown[] = []
    for (const name of order(found, blocks)) {
      const backend = backends.find(one => one.name === name)!
      try {
        await backend.probe()
        return backend
      } catch (error) {
        problems.push(error)
        bar(name, error)
      }
    }
    throw problems[0]
  }

  function bar(name: BackendName, error: unknown): void {
    barred.set(name, clock() + BARRED)
    if (order(undefined, 0).length > 1)
      notice('firewall.passed-over', { backend: name, problem: error instanceof Error ? error.message : String(error) })
  }

  /** Looks at the backend in use. Once it has failed too often, the rebuild that follows goes to the next one that is allowed. */
  async function look(backend: Backend, wanted: Wanted): Promise<string | undefined> {
    try {
      const drift = await backend.drift(wanted)
      failures = 0
      return drift
    } catch (error) {
      const isOther = (name: BackendName) => name !== backend.name && (barred.get(name) ?? 0) <= clock()
      if (++failures < MOST_FAILURES || !order(backend.name, wanted.blocks.length).some(isOther)) throw error
      failures = 0
      bar(backend.name, error)
      return `${backend.name} does not work any more`
    }
  }

  async function remains(backend: Backend): Promise<Piece[]> {
    const others = pieces.filter(piece => !backend.uses.includes(piece.name))
    const there = await Promise.all(others.map(piece => piece.isThere()))
    return others.filter((_, index) => there[index])
  }

  /** Makes a backend that holds all the one in use, and takes away what it does not need. */
  async function settle(backend: Backend, blocks: number): Promise<void> {
    const before = inUse
    inUse = backend
    held = blocks
    if (before !== undefined && before !== backend) {
      notice('firewall.switched', { from: before.name, to: backend.name, blocks })
      backend.prepare()
      before.close()
    }
    for (const piece of await remains(backend)) await piece.remove()
  }

  return {
    backend: () => inUse?.name,

    async apply(plan) {
      const blocks = held + plan.block.length - plan.unblock.length
      if (inUse === undefined || best(blocks) !== inUse) return { done: false }
      const result = await inUse.apply(plan)
      if (result.done) held = blocks
      return result
    },

    async drift(wanted) {
      inUse ??= await pick(wanted.blocks.length)
      held = wanted.blocks.length
      const drift = await look(inUse, wanted)
      const left = (await remains(inUse)).map(({ name }) => `the ${name} of another backend is left over`)
      const found = [...(drift === undefined ? [] : [drift]), ...left]
      return found.length === 0 ? undefined : found.join('; ')
    },

    async rebuild(wanted) {
      inUse ??= await pick(wanted.blocks.length)
      let next = best(wanted.blocks.length)
      try {
        await next.rebuild(wanted)
      } catch (error) {
        if (next === inUse) throw error
        bar(next.name, error)
        next = inUse
        await next.rebuild(wanted)
      }
      await settle(next, wanted.blocks.length)
    },

    async list() {
      const found = await Promise.all(backends.map(backend => backend.list().catch(() => [])))
      return [...new Set(found.flat())]
    },

    async remove() {
      let was = false
      for (const piece of pieces) was = (await piece.remove()) || was
      return was
    },

    watch(onChange) {
      const isOwn = (pid: number) => backends.some(backend => backend.pids().includes(pid))
      const watching = startWatch?.({ isTold: () => inUse?.isTold() === true, isOwn, onChange })
      // The first block must not wait for the start of a program.
      inUse?.prepare()
      return {
        isWatching: () => inUse?.isTold() === true && watching?.isWatching() === true,
        stop() {
          watching?.stop()
          for (const backend of backends) backend.close()
        },
      }
    },
  }
}
