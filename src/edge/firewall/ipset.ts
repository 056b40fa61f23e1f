import { changeScript, readSet, setScript } from '../../core/ipset-script.ts'
import { countDifference } from '../../core/iptables-script.ts'
import type { Plan } from '../../core/types.ts'
import { CommandError, type Run } from '../run-command.ts'
import { type Backend, describeEach, type Family, ofFamily, type Piece } from './backend.ts'
import { type Chain, partOf } from './chain.ts'
import { explained } from './remedy.ts'

/** The number of entries is compared every time, the entries themselves once in so many times: reading 100,000 of them takes a while. */
const FULL_EVERY = 14

/** Drops the members of one set a family, with one rule in our chain. The kernel takes a change line by line: when one is refused, the call throws, and
 *  what follows compares everything. */
export function createIpset(chain: Chain, { run, most }: { run: Run; most: number }): Backend {
  let untilFull = 0
  const ipset = (args: readonly string[], input?: string) => explained(run('ipset', args, input))
  const names = async () => (await ipset(['list', '-n'])).split('\n')

  function change(family: Family, { block, renew, unblock }: Plan): Promise<unknown> {
    const isOwn = ofFamily(family)
    const part = { block: block.filter(({ ip }) => isOwn(ip)), renew: renew.filter(({ ip }) => isOwn(ip)), unblock: unblock.filter(isOwn) }
    if (part.block.length + part.renew.length + part.unblock.length === 0) return Promise.resolve()
    return ipset(['-exist', 'restore'], changeScript(family.set, part))
  }

  async function describeSet(family: Family, wanted: readonly string[], isFull: boolean): Promise<string | undefined> {
    const head = await listing(family, ['-t']).then(text => (text === undefined ? undefined : readSet(text)))
    if (head === undefined) return `the set ${family.set} is missing`
    if (!head.isOurs) return `the set ${family.set} is not as it was made`
    if (head.entries === wanted.length && !isFull) return undefined
    const { missing, tooMany } = countDifference(wanted, readSet((await listing(family, [])) ?? '').members)
    return missing + tooMany === 0 ? undefined : `${missing} entries of the set missing, ${tooMany} too many`
  }

  async function listing(family: Family, args: readonly string[]): Promise<string | undefined> {
    try {
      return await ipset(['list', ...args, family.set])
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
  }

  return {
    name: 'ipset',
    uses: ['chain', 'sets'],

    async probe() {
      await names()
      await Promise.all(chain.families.map(chain.inspect))
    },

    async apply(plan) {
      await Promise.all(chain.families.map(family => change(family, plan)))
      return { done: true }
    },

    async drift({ blocks, passes }) {
      const ips = blocks.map(({ ip }) => ip)
      const isFull = untilFull-- <= 0
      if (isFull) untilFull = FULL_EVERY
      return describeEach(
        chain.families,
        async family =>
          (await describeSet(family, partOf(family, ips), isFull)) ??
          (await chain.drift(family, { passes: partOf(family, passes), dropped: [], sets: [family.set] })),
      )
    },

    async rebuild({ blocks, passes }) {
      const present = await names()
      await Promise.all(
        chain.families.map(async family => {
          const own = blocks.filter(({ ip }) => ofFamily(family)(ip))
          const limits = { family: family.setFamily, most: Math.max(most, blocks.length + 1024), names: present }
          await ipset(['restore'], setScript(family.set, own, limits))
          await chain.rebuild(family, { passes: partOf(family, passes), dropped: [], sets: [family.set] })
        }),
      )
    },

    async list() {
      const listings = await Promise.all(chain.families.map(family => listing(family, [])))
      return listings.flatMap(text => (text === undefined ? [] : readSet(text).members))
    },

    // Only changes of rules are told, not those of sets.
    isTold: () => false,
    prepare: () => {},
    pids: () => [],
    close: () => {},
  }
}

/** The sets as a piece that can be taken away once no rule names them; without ipset in the kernel or on the disk there are none. */
export function setsPiece(run: Run, families: readonly Family[]): Piece {
  const present = async () => {
    const names = await run('ipset', ['list', '-n']).then(
      text => text.split('\n'),
      (): string[] => [],
    )
    return families.flatMap(({ set }) => [set, `${set}.new`]).filter(name => names.includes(name))
  }
  return {
    name: 'sets',
    isThere: async () => (await present()).length > 0,
    async remove() {
      const names = await present()
      if (names.length > 0) await explained(run('ipset', ['restore'], names.map(name => `destroy ${name}\n`).join('')))
      return names.length > 0
    },
  }
}

function isAbsent(error: unknown): boolean {
  const { cause } = error as Error
  return cause instanceof CommandError && cause.stderr.includes('does not exist')
}
