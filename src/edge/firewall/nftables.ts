import { countDifference } from '../../core/iptables-script.ts'
import { elementCommands, readTable, setOf, TABLE, tableScript } from '../../core/nft-script.ts'
import type { Plan } from '../../core/types.ts'
import { CommandError, type Listen, type Run } from '../run-command.ts'
import type { Backend, Piece } from './backend.ts'
import { createNftPipe } from './nft-pipe.ts'
import { explained, isMissing } from './remedy.ts'

/** The open program reads its line a character at a time: more than this goes to a fresh one. */
const MOST_THROUGH_PIPE = 100

/** Drops addresses by hash sets in a table of our own; each element ends by itself some time after its block should have. Every change is one
 *  transaction. Every call throws an Error that says what is wrong and what to do. */
export function createNftables({ run, listen, chains }: { run: Run; listen: Listen; chains: readonly string[] }): Backend {
  const pipe = createNftPipe(listen)
  // Versions of nft print the same table in different words: what it printed after our own rebuild is what it must print.
  let ours: { structure: string; sets: ReadonlySet<string> } | undefined
  const nft = (args: readonly string[], input?: string) => explained(run('nft', args, input))

  async function list(args: readonly string[]): Promise<string | undefined> {
    try {
      return await nft(['-n', '-s', ...args, 'list', 'table', ...TABLE.split(' ')])
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
  }

  async function change(plan: Plan): Promise<void> {
    const commands = elementCommands(plan)
    const fresh = () => nft(['-f', '-'], `${commands.join('\n')}\n`)
    if (plan.block.length + 2 * plan.renew.length + plan.unblock.length > MOST_THROUGH_PIPE) await fresh()
    // What the open program did not take (nothing of it then), a fresh one may; if not, its error says why.
    else await pipe.send(commands).catch(fresh)
  }

  return {
    name: 'nftables',
    uses: ['table'],

    async probe() {
      await nft(['list', 'tables'])
    },

    async apply(plan) {
      if (ours === undefined || plan.block.some(({ ip }) => !ours!.sets.has(setOf(ip)))) return { done: false }
      if (plan.block.length + plan.renew.length + plan.unblock.length > 0) await change(plan)
      return { done: true }
    },

    async drift({ blocks }) {
      if (ours === undefined) return 'the table was not made by this process'
      const listing = await list([])
      if (listing === undefined) return 'the table is missing'
      const { structure, networks } = readTable(listing)
      if (structure !== ours.structure) return 'the table was changed'
      const { missing, tooMany } = countDifference(
        blocks.map(({ ip }) => ip),
        networks,
      )
      return missing + tooMany === 0 ? undefined : `${missing} elements missing, ${tooMany} too many`
    },

    async rebuild(wanted) {
      await nft(['-f', '-'], tableScript(wanted, chains))
      const listing = await list(['-t'])
      const sets = new Set(['v4_32', 'v6_64', ...wanted.blocks.map(({ ip }) => setOf(ip))])
      ours = listing === undefined ? undefined : { structure: readTable(listing).structure, sets }
    },

    list: async () => readTable((await list([])) ?? '').networks,
    isTold: () => true,
    prepare: () => pipe.prepare(),
    pids: () => [pipe.pid() ?? []].flat(),
    close: () => pipe.stop(),
  }
}

/** The table as a piece that can be taken away; without the program nft there is none. */
export function tablePiece(run: Run): Piece {
  const isThere = async () => {
    try {
      return (await explained(run('nft', ['list', 'tables']))).split('\n').includes(`table ${TABLE}`)
    } catch (error) {
      if (isMissing(error)) return false
      throw error
    }
  }
  return {
    name: 'table',
    isThere,
    async remove() {
      if (!(await isThere())) return false
      await explained(run('nft', ['delete', 'table', ...TABLE.split(' ')]))
      return true
    },
  }
}

function isAbsent(error: unknown): boolean {
  const { cause } = error as Error
  return cause instanceof CommandError && cause.stderr.includes('No such file or directory')
}
